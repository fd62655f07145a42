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
	d := distributor{panes: paneKeys(n)}
	return d.distribute(n), nil
}

// placement says which output columns' hash decides a row's worker; ok false:
// nothing is known. An empty list: all rows are on one worker.
func placement(n plan.Node) (cols []int, ok bool) {
	switch n := n.(type) {
	case *plan.Exchange:
		return n.Keys, true
	case *plan.Filter, *plan.CloseBuffer, *plan.HopExpand, *plan.TopN:
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

type distributor struct {
	panes map[*plan.Aggregate][]int
}

func (d *distributor) distribute(n plan.Node) plan.Node {
	return plan.Transform(n, func(n plan.Node) plan.Node {
		switch n := n.(type) {
		case *plan.Aggregate:
			key := n.Group
			if k := d.panes[n]; len(k) > 0 {
				key = k
			}
			n.In = together(n.In, key)
		case *plan.TopN:
			n.In = together(n.In, n.Partition)
		case *plan.Join:
			distributeJoin(n)
		case *plan.CloseBuffer:
			// Rows that cancel each other must meet in the buffer.
			if _, ok := placement(n.In); !ok {
				n.In = exchange(n.In, wholeKey(n.In))
			}
		}
		return n
	})
}

// distributeJoin places both sides by the same key pairs: by those that already
// place one side, else by all.
func distributeJoin(j *plan.Join) {
	if l, ok := placement(j.L); ok && subset(l, j.LKeys) {
		j.R = placedAs(j.R, partners(l, j.LKeys, j.RKeys))
		return
	}
	if r, ok := placement(j.R); ok && subset(r, j.RKeys) {
		j.L = placedAs(j.L, partners(r, j.RKeys, j.LKeys))
		return
	}
	j.L, j.R = exchange(j.L, j.LKeys), exchange(j.R, j.RKeys)
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

// paneKeys finds, for each aggregate of panes, the group columns that the
// aggregate of windows above it groups by too: placed by those, the rows need
// not move again.
func paneKeys(n plan.Node) map[*plan.Aggregate][]int {
	keys := map[*plan.Aggregate][]int{}
	plan.Walk(n, func(n plan.Node) {
		upper, ok := n.(*plan.Aggregate)
		if !ok {
			return
		}
		cols := upper.Group
		at := upper.In
		if p, ok := at.(*plan.Project); ok {
			var below []int
			for _, c := range cols {
				if col, ok := p.Exprs[c].(*expr.Column); ok {
					below = append(below, col.Index)
				}
			}
			cols, at = below, p.In
		}
		h, ok := at.(*plan.HopExpand)
		if !ok || h.Pane == 0 {
			return
		}
		lower, ok := h.In.(*plan.Aggregate)
		if !ok {
			return
		}
		for _, c := range cols {
			if c < len(lower.Group) && c != h.Time {
				keys[lower] = append(keys[lower], lower.Group[c])
			}
		}
	})
	return keys
}
