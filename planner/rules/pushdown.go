package rules

import (
	"slices"

	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// pushPredicates moves conditions towards the leaves: through projections,
// unions, sorts without limit, window expansion and aggregates (on their group
// columns), to the sides of joins, and out of join conditions. A condition that
// may fail stays above joins and aggregates: below them it would see rows that
// it does not see now, and report their errors.
func pushPredicates(_ *Context, n plan.Node) (plan.Node, error) {
	return plan.Transform(n, func(n plan.Node) plan.Node {
		switch n := n.(type) {
		case *plan.Filter:
			return push(n.In, plan.Conjuncts(n.Cond))
		case *plan.Join:
			return pushOn(n)
		}
		return n
	}), nil
}

// filter puts conds over n.
func filter(n plan.Node, conds []expr.Expr) plan.Node {
	if len(conds) == 0 {
		return n
	}
	return plan.NewFilter(n, plan.AndOf(conds))
}

// push places conds as deep below n as they may go.
func push(n plan.Node, conds []expr.Expr) plan.Node {
	if len(conds) == 0 {
		return n
	}
	switch n := n.(type) {
	case *plan.Filter:
		return push(n.In, append(plan.Conjuncts(n.Cond), conds...))
	case *plan.Project:
		return pushProject(n, conds)
	case *plan.Sort:
		if n.Limit == nil && n.Offset == nil {
			n.In = push(n.In, conds)
			return n
		}
	case *plan.Union:
		for i := range n.In {
			n.In[i] = push(n.In[i], conds)
		}
		return n
	case *plan.HopExpand:
		down, stay := split(conds, func(e expr.Expr) bool { return reads(e, 0, len(n.In.Base().Cols)) && !plan.CanFail(e) })
		n.In = push(n.In, down)
		return filter(n, stay)
	case *plan.Aggregate:
		return pushAggregate(n, conds)
	case *plan.TopN:
		down, stay := split(conds, func(e expr.Expr) bool { return readsOnly(e, n.Partition) && !plan.CanFail(e) && !plan.ReadsClock(e) })
		if len(n.Partition) == 0 {
			return filter(n, conds)
		}
		n.In = push(n.In, down)
		return filter(n, stay)
	case *plan.Join:
		return pushJoin(n, conds)
	case *plan.Apply:
		if n.Kind != plan.ApplyLateral || !n.LeftOuter {
			down, stay := split(conds, func(e expr.Expr) bool { return reads(e, 0, len(n.In.Base().Cols)) && !plan.CanFail(e) })
			n.In = push(n.In, down)
			return filter(n, stay)
		}
	}
	return filter(n, conds)
}

func split(es []expr.Expr, yes func(expr.Expr) bool) (in, out []expr.Expr) {
	for _, e := range es {
		if yes(e) {
			in = append(in, e)
		} else {
			out = append(out, e)
		}
	}
	return in, out
}

// reads reports whether all columns of e lie in [lo, hi).
func reads(e expr.Expr, lo, hi int) bool {
	return !slices.ContainsFunc(expr.Columns(e), func(i int) bool { return i < lo || i >= hi })
}

func readsOnly(e expr.Expr, cols []int) bool {
	return !slices.ContainsFunc(expr.Columns(e), func(i int) bool { return !slices.Contains(cols, i) })
}

// pushProject rewrites conds over the projection's input. Volatile outputs keep
// their readers above them.
func pushProject(n *plan.Project, conds []expr.Expr) plan.Node {
	down, stay := split(conds, func(e expr.Expr) bool {
		for _, c := range expr.Columns(e) {
			if expr.VolatilityOf(n.Exprs[c]) == expr.Volatile {
				return false
			}
		}
		return true
	})
	for i, e := range down {
		down[i] = plan.InlineColumns(e, n.Exprs)
	}
	n.In = push(n.In, down)
	return filter(n, stay)
}

// pushAggregate moves what only reads group columns: such a condition keeps or
// drops whole groups. What the clock decides stays above, where it keeps groups
// and no rows, and where windows below it can close.
func pushAggregate(n *plan.Aggregate, conds []expr.Expr) plan.Node {
	if n.Scalar {
		return filter(n, conds)
	}
	down, stay := split(conds, func(e expr.Expr) bool { return reads(e, 0, len(n.Group)) && !plan.CanFail(e) && !plan.ReadsClock(e) })
	for i, e := range down {
		down[i] = plan.ShiftColumns(e, func(c int) int { return n.Group[c] })
	}
	n.In = push(n.In, down)
	return filter(n, stay)
}

// pushJoin gives the conditions above a join to its sides and, for an inner
// join, to its match condition; see narrowOuter for outer ones.
func pushJoin(n *plan.Join, conds []expr.Expr) plan.Node {
	narrowOuter(n, conds)
	wl := len(n.L.Base().Cols)
	width := wl + len(n.R.Base().Cols)
	left := n.Kind == plan.InnerJoin || n.Kind == plan.LeftJoin || n.Kind == plan.SemiJoin || n.Kind == plan.AntiJoin
	right := n.Kind == plan.InnerJoin || n.Kind == plan.RightJoin
	toL, rest := split(conds, func(e expr.Expr) bool { return left && reads(e, 0, wl) && !plan.CanFail(e) })
	toR, rest := split(rest, func(e expr.Expr) bool { return right && reads(e, wl, width) && !plan.CanFail(e) })
	n.L = push(n.L, toL)
	n.R = push(n.R, shiftAll(toR, -wl))
	if n.Kind == plan.InnerJoin {
		n.On = plan.AndOf(append(plan.Conjuncts(n.On), rest...))
		return pushOn(n)
	}
	return filter(n, rest)
}

func shiftAll(es []expr.Expr, by int) []expr.Expr {
	for i, e := range es {
		es[i] = plan.ShiftColumns(e, func(c int) int { return c + by })
	}
	return es
}

// pushOn moves parts of a join's condition that read one side only, where a row
// that fails them cannot show up unmatched.
func pushOn(n *plan.Join) plan.Node {
	wl := len(n.L.Base().Cols)
	width := wl + len(n.R.Base().Cols)
	conds := plan.Conjuncts(n.On)
	toL, rest := split(conds, func(e expr.Expr) bool {
		ok := n.Kind == plan.InnerJoin || n.Kind == plan.RightJoin || n.Kind == plan.SemiJoin
		return ok && reads(e, 0, wl) && len(expr.Columns(e)) > 0 && !plan.CanFail(e)
	})
	toR, rest := split(rest, func(e expr.Expr) bool {
		ok := n.Kind != plan.FullJoin && n.Kind != plan.RightJoin
		return ok && reads(e, wl, width) && len(expr.Columns(e)) > 0 && !plan.CanFail(e)
	})
	n.L = push(n.L, toL)
	n.R = push(n.R, shiftAll(toR, -wl))
	n.On = plan.AndOf(rest)
	return n
}
