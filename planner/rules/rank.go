package rules

import (
	"math"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// rankToTopN gives a ranking the limits that a filter on its rank implies, so
// that it keeps N rows a partition instead of all. A continuous plan must have
// such a filter: without one every arrival would renumber a whole partition.
func rankToTopN(c *Context, n plan.Node) (plan.Node, error) {
	n = plan.Transform(n, func(n plan.Node) plan.Node {
		f, ok := n.(*plan.Filter)
		if !ok {
			return n
		}
		t, ok := f.In.(*plan.TopN)
		if !ok || !t.RowNumber {
			return n
		}
		var rest []expr.Expr
		for _, cond := range plan.Conjuncts(f.Cond) {
			if !narrow(t, cond) {
				rest = append(rest, cond)
			}
		}
		return filter(t, rest)
	})
	if !c.Continuous {
		return n, nil
	}
	var fail error
	plan.Walk(n, func(n plan.Node) {
		if t, ok := n.(*plan.TopN); ok && t.RowNumber && t.Limit < 0 {
			fail = pgerr.New(pgerr.FeatureNotSupported, "row_number() without a limit is not supported in a materialized view").
				WithHint("Filter on it in an outer query, as in SELECT … FROM (…) AS ranked WHERE rn <= 10.").At(t.Pos)
		}
	})
	return n, fail
}

// narrow applies "rank op constant" to t; false: cond is something else.
func narrow(t *plan.TopN, cond expr.Expr) bool {
	call, ok := cond.(*expr.Call)
	if !ok || len(call.Args) != 2 {
		return false
	}
	op := comparison(call.Fn)
	a, b := call.Args[0], call.Args[1]
	if _, isConst := a.(*expr.Const); isConst {
		a, b, op = b, a, flipped[op]
	}
	col, ok := a.(*expr.Column)
	k, ok2 := b.(*expr.Const)
	if !ok || !ok2 || op == "" || col.Index != len(t.Cols)-1 || k.Value.Null || !isInt(k.Value.T) {
		return false
	}
	lo, hi := t.Offset+1, int64(math.MaxInt64)
	if t.Limit >= 0 {
		hi = t.Offset + t.Limit
	}
	v := k.Value.I
	switch op {
	case "<=":
		hi = min(hi, v)
	case "<":
		if v == math.MinInt64 {
			return false
		}
		hi = min(hi, v-1)
	case "=":
		lo, hi = max(lo, v), min(hi, v)
	case ">=":
		lo = max(lo, v)
	case ">":
		if v == math.MaxInt64 {
			return false
		}
		lo = max(lo, v+1)
	}
	t.Offset, t.Limit = lo-1, -1
	if hi != math.MaxInt64 {
		t.Limit = max(hi-t.Offset, 0)
	}
	return true
}

func isInt(t types.Type) bool {
	return t.OID == types.OIDInt2 || t.OID == types.OIDInt4 || t.OID == types.OIDInt8
}

var flipped = map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}

// comparison is the SQL name of a comparison operator; "" for other functions.
func comparison(f *expr.Func) string {
	for op := range flipped {
		for _, g := range expr.Operators(op) {
			if f == g {
				return op
			}
		}
	}
	return ""
}
