package rules

import (
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// unlessTrue is nil for the constant true.
func unlessTrue(e expr.Expr) expr.Expr {
	if k, ok := e.(*expr.Const); ok && !k.Value.Null && k.Value.B {
		return nil
	}
	return e
}

// foldConstants computes what depends on no row, drops filters that are always
// true, and empties what is filtered by something never true.
func foldConstants(_ *Context, n plan.Node) (plan.Node, error) {
	return plan.Transform(n, func(n plan.Node) plan.Node {
		plan.MapExprs(n, expr.Fold)
		switch n := n.(type) {
		case *plan.Join:
			n.On = unlessTrue(n.On)
		case *plan.Apply:
			n.On = unlessTrue(n.On)
		}
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
