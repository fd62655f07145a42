package rules

import (
	"slices"

	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// joinExtremes finds joins of rows with the greatest or least of them (the bids
// that are as high as the highest), in which most rows need not be kept: see
// plan.Extreme.
func joinExtremes(c *Context, n plan.Node) (plan.Node, error) {
	if !c.Continuous {
		return n, nil
	}
	plan.Walk(n, func(n plan.Node) {
		if j, ok := n.(*plan.Join); ok && j.Kind == plan.InnerJoin {
			j.Extreme = extremeOf(j)
		}
	})
	return n, nil
}

func extremeOf(j *plan.Join) *plan.Extreme {
	for i := range j.LKeys {
		if i == j.TimeKey || len(j.NullSafe) > i && j.NullSafe[i] {
			continue
		}
		if falls, ok := extremeColumn(j.R, j.RKeys[i]); ok && j.L.Base().AppendOnly && decides(j.R, j.RKeys, i) {
			return &plan.Extreme{Right: true, Pair: i, Falls: falls}
		}
		if falls, ok := extremeColumn(j.L, j.LKeys[i]); ok && j.R.Base().AppendOnly && decides(j.L, j.LKeys, i) {
			return &plan.Extreme{Pair: i, Falls: falls}
		}
	}
	return nil
}

// decides reports whether n has at most one row for equal values of the keys
// without number i.
func decides(n plan.Node, keys []int, i int) bool {
	k := n.Base().Key
	return k != nil && subset(k, slices.Delete(slices.Clone(keys), i, i+1))
}

// extremeColumn reports whether column c of n is a max or min of a group, which
// moves one way as rows only arrive, of a type whose keys have one length. The
// values that a filter leaves of it move one way as well.
func extremeColumn(n plan.Node, c int) (falls, ok bool) {
	for {
		switch x := n.(type) {
		case *plan.Project:
			col, ok := x.Exprs[c].(*expr.Column)
			if !ok {
				return false, false
			}
			n, c = x.In, col.Index
		case *plan.Filter:
			n = x.In
		case *plan.Aggregate:
			if c < len(x.Group) || !x.In.Base().AppendOnly || x.Cols[c].Type.Phys() != types.Int64 {
				return false, false
			}
			name := x.Aggs[c-len(x.Group)].Fn.Name
			return name == "min", name == "min" || name == "max"
		default:
			return false, false
		}
	}
}
