package bind

import (
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// whereCondition binds WHERE. In a continuous query now() may stand in it where
// it makes rows come or go as the clock passes: on one side of a comparison that
// is one of the conditions joined by AND.
func (b *binder) whereCondition(s *scope, x ast.Expr) (expr.Expr, error) {
	was := b.clock
	b.clock = b.opts.Continuous()
	cond, err := b.condition(s, x, "WHERE")
	b.clock = was
	if err != nil || !b.opts.Continuous() {
		return cond, err
	}
	for _, e := range plan.Conjuncts(cond) {
		call := plan.ClockCall(e)
		if call == nil {
			continue
		}
		if _, ok := plan.Temporal(e); !ok {
			return nil, pgerr.New(pgerr.FeatureNotSupported, "this use of now() is not supported in a materialized view").At(call.Pos).
				WithHint("Compare a timestamp with now(), or with now() plus or minus a constant interval of days, hours, minutes or seconds, as a condition of its own: WHERE ts > now() - INTERVAL '1 hour'.")
		}
	}
	return cond, nil
}
