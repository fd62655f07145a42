package rules

import (
	"slices"

	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// exchangeByKey puts an Exchange before every operator that needs the rows of
// one key on one worker and does not get them so already: rows placed by some
// of the key's columns meet as well. An ad-hoc plan runs on one worker and
// needs none.
func exchangeByKey(c *Context, n plan.Node) (plan.Node, error) {
	if !c.Continuous {
		return n, nil
	}
	return distribute(n, nil), nil
}

// placement says which output columns' hash decides a row's worker; ok false:
// nothing is known. An empty list: all rows are on one worker.
func placement(n plan.Node) (cols []int, ok bool) {
	switch n := n.(type) {
	case *plan.Exchange:
		return n.Keys, true
	case *plan.Filter, *plan.TemporalFilter, *plan.CloseBuffer, *plan.HopExpand, *plan.TopN:
		return placement(n.Inputs()[0])
	case *plan.Project:
		return placedThrough(n.In, func(c int) int { return outputOf(n, c) })
	case *plan.Aggregate:
		return placedThrough(n.In, func(c int) int { return slices.Index(n.Group, c) })
	case *plan.Join:
		switch n.Kind {
		case plan.FullJoin:
			return nil, false // a padded row has NULL where either key was
		case plan.RightJoin:
			wl := len(n.L.Base().Cols)
			return placedThrough(n.R, func(c int) int { return c + wl })
		}
		return placement(n.L)
	}
	return nil, false
}

func placedThrough(in plan.Node, to func(int) int) ([]int, bool) {
	have, ok := placement(in)
	if !ok {
		return nil, false
	}
	out := []int{}
	for _, c := range have {
		at := to(c)
		if at < 0 {
			return nil, false
		}
		out = append(out, at)
	}
	return out, true
}

// outputOf is the output of p that is column c of its input; -1: none.
func outputOf(p *plan.Project, c int) int {
	return slices.IndexFunc(p.Exprs, func(e expr.Expr) bool {
		col, ok := e.(*expr.Column)
		return ok && col.Index == c
	})
}

func subset(cols, of []int) bool {
	return !slices.ContainsFunc(cols, func(c int) bool { return !slices.Contains(of, c) })
}

// together gives n a placement by which rows with equal key columns meet.
func together(n plan.Node, key []int) plan.Node {
	if have, ok := placement(n); ok && subset(have, key) {
		return n
	}
	return exchange(n, key)
}

func exchange(n plan.Node, key []int) plan.Node {
	x := &plan.Exchange{In: n, Keys: append([]int{}, key...)}
	plan.SetCols(x)
	return x
}

// distribute works from the top down to hand each aggregate the wish of the
// operator above it, and places inputs on the way back. wish are output columns
// of n by which the operator above will need its rows placed; nil: none.
func distribute(n plan.Node, wish []int) plan.Node {
	switch n := n.(type) {
	case *plan.Aggregate:
		key := windowKey(n.In, n.Group)
		if below, ok := groupWish(n, wish); ok {
			key = below
		}
		n.In = together(distribute(n.In, paneWish(n)), key)
		return n
	case *plan.Project:
		n.In = distribute(n.In, projectWish(n, wish))
		return n
	case *plan.Filter, *plan.TemporalFilter, *plan.CloseBuffer:
		in := n.Inputs()[0]
		plan.SetInputs(n, []plan.Node{distribute(in, wish)})
		return placeBuffer(n, wish)
	case *plan.HopExpand:
		n.In = distribute(n.In, slices.DeleteFunc(slices.Clone(wish), func(c int) bool { return c >= len(n.In.Base().Cols) || c == n.Time }))
		return n
	case *plan.TopN:
		n.In = together(distribute(n.In, nil), n.Partition)
		return n
	case *plan.Join:
		l, r := placeKeys(n)
		n.L, n.R = distribute(n.L, l), distribute(n.R, r)
		distributeJoin(n)
		return n
	}
	ins := n.Inputs()
	out := make([]plan.Node, len(ins))
	for i, in := range ins {
		out[i] = distribute(in, nil)
	}
	if len(out) > 0 {
		plan.SetInputs(n, out)
	}
	return n
}

// groupWish maps a wish to the input of an aggregate that can fulfil it: one
// for some of its group columns, not all of them times, since rows of one
// moment would then all be on one worker.
func groupWish(n *plan.Aggregate, wish []int) ([]int, bool) {
	var out []int
	spread := false
	for _, c := range wish {
		if c >= len(n.Group) {
			return nil, false
		}
		out = append(out, n.Group[c])
		spread = spread || timeOf(n, c) == nil
	}
	return out, spread
}

// paneWish is the wish of an aggregate that merges panes: placed by its group
// columns that are no window, panes need not move again.
func paneWish(n *plan.Aggregate) []int {
	at := n.In
	if p, ok := at.(*plan.Project); ok {
		at = p.In
	}
	if h, ok := at.(*plan.HopExpand); ok && h.Pane > 0 {
		return n.Group
	}
	return nil
}

// projectWish maps a wish through plain columns; HopExpand drops the window
// columns of it, everything else that is lost loses the wish.
func projectWish(p *plan.Project, wish []int) []int {
	var out []int
	for _, c := range wish {
		col, ok := p.Exprs[c].(*expr.Column)
		if !ok {
			return nil
		}
		out = append(out, col.Index)
	}
	return out
}

// placeBuffer gives operators that keep rows those that meet the rows they
// cancel: placed as the operator above will need them, or by all that tells them
// apart.
func placeBuffer(n plan.Node, wish []int) plan.Node {
	var in *plan.Node
	switch n := n.(type) {
	case *plan.CloseBuffer:
		in = &n.In
	case *plan.TemporalFilter:
		in = &n.In
	default:
		return n
	}
	if _, ok := placement(*in); !ok {
		if len(wish) == 0 {
			wish = wholeKey(*in)
		}
		*in = exchange(*in, wish)
	}
	return n
}

// distributeJoin places both sides by the same key pairs: by those that already
// place one side, else by all.
func distributeJoin(j *plan.Join) {
	lk, rk := meetingKeys(j)
	if l, ok := placement(j.L); ok && subset(l, lk) {
		j.R = placedAs(j.R, partners(l, j.LKeys, j.RKeys))
		return
	}
	if r, ok := placement(j.R); ok && subset(r, rk) {
		j.L = placedAs(j.L, partners(r, j.RKeys, j.LKeys))
		return
	}
	l, r := placeKeys(j)
	j.L, j.R = exchange(j.L, l), exchange(j.R, r)
}

// placeKeys are a join's key columns without those that follow from others on
// both sides: fewer columns survive more projections above.
func placeKeys(j *plan.Join) (l, r []int) {
	lk, rk := meetingKeys(j)
	keepL, keepR := windowKey(j.L, lk), windowKey(j.R, rk)
	for i := range lk {
		if slices.Contains(keepL, lk[i]) || slices.Contains(keepR, rk[i]) {
			l, r = append(l, lk[i]), append(r, rk[i])
		}
	}
	return l, r
}

// meetingKeys are the key columns by which a join's rows must meet: an extreme
// has to meet the rows that differ from it as well.
func meetingKeys(j *plan.Join) (l, r []int) {
	if j.Extreme == nil {
		return j.LKeys, j.RKeys
	}
	p := j.Extreme.Pair
	return slices.Delete(slices.Clone(j.LKeys), p, p+1), slices.Delete(slices.Clone(j.RKeys), p, p+1)
}

func partners(cols, from, to []int) []int {
	out := []int{}
	for _, c := range cols {
		out = append(out, to[slices.Index(from, c)])
	}
	return out
}

func placedAs(n plan.Node, key []int) plan.Node {
	if have, ok := placement(n); ok && slices.Equal(have, key) {
		return n
	}
	return exchange(n, key)
}

// wholeKey is what rows of n are told apart by.
func wholeKey(n plan.Node) []int {
	if k := n.Base().Key; k != nil {
		return k
	}
	return firstN(len(n.Base().Cols))
}

// ExchangeFor places the rows of a finished continuous plan for the contents
// that they are kept in: those with equal keys meet.
func ExchangeFor(n plan.Node) plan.Node { return together(n, wholeKey(n)) }
