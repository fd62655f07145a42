package rules

import (
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// windowKey drops window_end from a key that has window_start of the same
// expansion: one follows from the other.
func windowKey(n plan.Node, key []int) []int {
	starts := map[*plan.HopExpand]bool{}
	for _, c := range key {
		if h, end := windowOrigin(n, c); h != nil && !end {
			starts[h] = true
		}
	}
	out := []int{}
	for _, c := range key {
		if h, end := windowOrigin(n, c); h != nil && end && starts[h] {
			continue
		}
		out = append(out, c)
	}
	return out
}

// windowOrigin finds the expansion whose window_start (end false) or window_end
// column c of n is, unchanged; nil: none.
func windowOrigin(n plan.Node, c int) (h *plan.HopExpand, end bool) {
	for {
		switch x := n.(type) {
		case *plan.Project:
			col, ok := x.Exprs[c].(*expr.Column)
			if !ok {
				return nil, false
			}
			n, c = x.In, col.Index
		case *plan.Filter, *plan.TemporalFilter, *plan.Exchange, *plan.CloseBuffer:
			n = n.Inputs()[0]
		case *plan.Aggregate:
			if c >= len(x.Group) {
				return nil, false
			}
			n, c = x.In, x.Group[c]
		case *plan.HopExpand:
			w := len(x.In.Base().Cols)
			if c >= w {
				return x, c > w
			}
			n = x.In
		default:
			return nil, false
		}
	}
}
