package rules

import (
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// limitSorts makes a top-N of ORDER BY with LIMIT in a continuous plan, and
// drops an order that nobody can see: a kept relation has none but its key's.
func limitSorts(c *Context, n plan.Node) (plan.Node, error) {
	if !c.Continuous {
		return n, nil
	}
	var fail error
	n = plan.Transform(n, func(n plan.Node) plan.Node {
		s, ok := n.(*plan.Sort)
		if !ok {
			return n
		}
		if s.Limit == nil && s.Offset == nil {
			return s.In
		}
		limit, err := constCount(s.Limit, -1, "LIMIT", pgerr.InvalidRowCountInLimit)
		if err != nil {
			fail = err
			return n
		}
		offset, err := constCount(s.Offset, 0, "OFFSET", pgerr.InvalidRowCountInOffset)
		if err != nil {
			fail = err
			return n
		}
		return plan.NewTopN(s.In, nil, s.Keys, offset, limit)
	})
	return n, fail
}

// constCount is a constant LIMIT or OFFSET; none when e is nil.
func constCount(e expr.Expr, none int64, what, code string) (int64, error) {
	if e == nil {
		return none, nil
	}
	k, ok := e.(*expr.Const)
	switch {
	case !ok:
		return 0, pgerr.New(pgerr.FeatureNotSupported, "%s in a materialized view must be a constant", what)
	case k.Value.Null:
		return none, nil
	case k.Value.I < 0:
		return 0, pgerr.New(code, "%s must not be negative", what)
	}
	return k.Value.I, nil
}
