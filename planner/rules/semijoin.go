package rules

import (
	"slices"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// inToSemiJoin makes a semi join of WHERE x IN (subquery) when the subquery
// reads nothing of the row: one look-up a row instead of a pass over the
// subquery's rows. As a condition, NULL is the same as false, so that the NULLs
// of IN do not matter. (NOT IN stays: there they do.)
func inToSemiJoin(_ *Context, n plan.Node) (plan.Node, error) {
	return plan.Transform(n, func(n plan.Node) plan.Node {
		f, ok := n.(*plan.Filter)
		if !ok {
			return n
		}
		a, ok := f.In.(*plan.Apply)
		if !ok || a.Kind != plan.ApplyAny || !plan.IsEquality(a.Fn) || plan.Correlated(a.Sub) {
			return n
		}
		at := len(a.In.Base().Cols)
		conds := plan.Conjuncts(f.Cond)
		own := slices.IndexFunc(conds, func(e expr.Expr) bool {
			c, ok := e.(*expr.Column)
			return ok && c.Index == at
		})
		rest := slices.DeleteFunc(slices.Clone(conds), func(e expr.Expr) bool {
			c, ok := e.(*expr.Column)
			return ok && c.Index == at
		})
		if own < 0 || !readsOnly(plan.AndOf(rest), firstN(at)) {
			return n
		}
		l, r, ok := sameType(a.Test, plan.ColumnAt(a.Sub, 0))
		if !ok {
			return n
		}
		return filter(semiJoin(a, l, r), rest)
	}), nil
}

// semiJoin replaces a; the column that a appends becomes the constant true.
func semiJoin(a *plan.Apply, l, r expr.Expr) plan.Node {
	width := len(a.In.Base().Cols)
	plan.MapOuter(a.Sub, func(o *expr.Outer, depth int) expr.Expr {
		if o.Level > depth {
			return &expr.Outer{Level: o.Level - 1, Index: o.Index, T: o.T, Name: o.Name}
		}
		return o
	})
	in, lk := withColumns(a.In, []expr.Expr{l})
	sub, rk := withColumns(a.Sub, []expr.Expr{r})
	j := plan.NewJoin(plan.SemiJoin, in, sub, nil)
	j.LKeys, j.RKeys, j.NullSafe = lk, rk, []bool{false}
	es, names := plan.AllColumns(j)
	es = append(es[:width:width], &expr.Const{Value: delta.BoolOf(true)})
	return plan.NewProject(j, es, append(names[:width:width], "any"))
}
