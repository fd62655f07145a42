package rules

import (
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// foldConstants computes what depends on no row, drops filters that are always
// true, and empties what is filtered by something never true.
func foldConstants(_ *Context, n plan.Node) (plan.Node, error) {
	return plan.Transform(n, func(n plan.Node) plan.Node {
		plan.MapExprs(n, expr.Fold)
		f, ok := n.(*plan.Filter)
		if !ok {
			return n
		}
		k, ok := f.Cond.(*expr.Const)
		switch {
		case !ok:
			return n
		case !k.Value.Null && k.Value.B:
			return f.In
		}
		empty := &plan.Values{}
		empty.Cols = append(empty.Cols, f.Cols...)
		return empty
	}), nil
}
