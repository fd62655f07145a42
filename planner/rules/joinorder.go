package rules

import (
	"slices"

	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// orderJoins keeps inner joins in the order they are written unless that makes
// a cross product that another order avoids: then each next input is the first
// one written that an equality connects with those already joined.
func orderJoins(_ *Context, n plan.Node) (plan.Node, error) {
	return orderTree(n), nil
}

func orderTree(n plan.Node) plan.Node {
	if j, ok := n.(*plan.Join); ok && j.Kind == plan.InnerJoin {
		var leaves []plan.Node
		var conds []expr.Expr
		flatten(j, 0, &leaves, &conds)
		for i := range leaves {
			leaves[i] = orderTree(leaves[i])
		}
		if order, ok := connected(leaves, conds); ok {
			return rebuild(leaves, conds, order)
		}
		return replaceLeaves(j, &leaves)
	}
	ins := n.Inputs()
	if len(ins) > 0 {
		out := make([]plan.Node, len(ins))
		for i, in := range ins {
			out[i] = orderTree(in)
		}
		plan.SetInputs(n, out)
	}
	return n
}

// flatten lists the inputs of a tree of inner joins and all its conditions,
// over the concatenation of the inputs; at is where n's columns begin in it.
func flatten(n plan.Node, at int, leaves *[]plan.Node, conds *[]expr.Expr) {
	j, ok := n.(*plan.Join)
	if !ok || j.Kind != plan.InnerJoin {
		*leaves = append(*leaves, n)
		return
	}
	flatten(j.L, at, leaves, conds)
	flatten(j.R, at+len(j.L.Base().Cols), leaves, conds)
	for _, c := range plan.Conjuncts(j.On) {
		*conds = append(*conds, plan.ShiftColumns(c, func(i int) int { return i + at }))
	}
}

func replaceLeaves(n plan.Node, leaves *[]plan.Node) plan.Node {
	j, ok := n.(*plan.Join)
	if !ok || j.Kind != plan.InnerJoin {
		l := (*leaves)[0]
		*leaves = (*leaves)[1:]
		return l
	}
	j.L = replaceLeaves(j.L, leaves)
	j.R = replaceLeaves(j.R, leaves)
	return j
}

// connected finds an order without avoidable cross products; ok is false when
// the written one is as good.
func connected(leaves []plan.Node, conds []expr.Expr) (order []int, ok bool) {
	if len(leaves) < 3 {
		return nil, false
	}
	starts := offsets(leaves)
	var edges []map[int]bool // inputs that an equality touches
	for _, c := range conds {
		call, isCall := c.(*expr.Call)
		if !isCall || !plan.IsEquality(call.Fn) {
			continue
		}
		set := map[int]bool{}
		for _, i := range expr.Columns(c) {
			set[leafOf(starts, i)] = true
		}
		if len(set) > 1 {
			edges = append(edges, set)
		}
	}
	order = []int{0}
	for len(order) < len(leaves) {
		order = append(order, nextLeaf(order, len(leaves), edges))
	}
	return order, !slices.IsSorted(order)
}

func nextLeaf(have []int, n int, edges []map[int]bool) int {
	first := -1
	for l := range n {
		if slices.Contains(have, l) {
			continue
		}
		if first < 0 {
			first = l
		}
		for _, e := range edges {
			if !e[l] {
				continue
			}
			complete := true
			for x := range e {
				complete = complete && (x == l || slices.Contains(have, x))
			}
			if complete {
				return l
			}
		}
	}
	return first
}

func offsets(leaves []plan.Node) []int {
	starts := make([]int, len(leaves)+1)
	for i, l := range leaves {
		starts[i+1] = starts[i] + len(l.Base().Cols)
	}
	return starts
}

func leafOf(starts []int, col int) int {
	for l := len(starts) - 2; l > 0; l-- {
		if col >= starts[l] {
			return l
		}
	}
	return 0
}

// rebuild joins the inputs in order, each condition as soon as its columns are
// there, and puts the columns back in the written order.
func rebuild(leaves []plan.Node, conds []expr.Expr, order []int) plan.Node {
	starts := offsets(leaves)
	place := make([]int, starts[len(leaves)]) // old column → new; -1: not yet
	for i := range place {
		place[i] = -1
	}
	add := func(l, at int) {
		for i := starts[l]; i < starts[l+1]; i++ {
			place[i] = at + i - starts[l]
		}
	}
	n := leaves[order[0]]
	add(order[0], 0)
	for _, l := range order[1:] {
		add(l, len(n.Base().Cols))
		now, later := split(conds, func(e expr.Expr) bool {
			return !slices.ContainsFunc(expr.Columns(e), func(i int) bool { return place[i] < 0 })
		})
		conds = later
		for i, e := range now {
			now[i] = plan.ShiftColumns(e, func(c int) int { return place[c] })
		}
		n = plan.NewJoin(plan.InnerJoin, n, leaves[l], plan.AndOf(now))
	}
	es, names := make([]expr.Expr, len(place)), make([]string, len(place))
	for i, at := range place {
		es[i], names[i] = plan.ColumnAt(n, at), n.Base().Cols[at].Name
	}
	return plan.NewProject(n, es, names)
}
