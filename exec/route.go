package exec

import (
	"slices"

	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// distribution gives the output columns by whose hash a node's rows are spread
// over the workers; ok is false when they lie anywhere. An empty list means
// that all rows are on the worker of the empty key.
func distribution(n plan.Node) (cols []int, ok bool) {
	switch n := n.(type) {
	case *plan.Exchange:
		return n.Keys, true
	case *plan.Filter:
		return distribution(n.In)
	case *plan.TemporalFilter:
		return distribution(n.In)
	case *plan.CloseBuffer:
		return distribution(n.In)
	case *plan.HopExpand:
		return distribution(n.In)
	case *plan.TopN:
		return distribution(n.In)
	case *plan.Project:
		in, ok := distribution(n.In)
		return through(in, ok, func(c int) int {
			return slices.IndexFunc(n.Exprs, func(e expr.Expr) bool {
				col, is := e.(*expr.Column)
				return is && col.Index == c
			})
		})
	case *plan.Aggregate:
		in, ok := distribution(n.In)
		return through(in, ok, func(c int) int { return slices.Index(n.Group, c) })
	case *plan.Join:
		in, ok := distribution(n.L)
		if n.Kind == plan.RightJoin {
			in, ok = distribution(n.R)
			off := len(n.L.Base().Cols)
			return through(in, ok, func(c int) int { return c + off })
		}
		return in, ok && n.Kind != plan.FullJoin
	}
	return nil, false
}

// through maps columns; ok is false when one is lost.
func through(in []int, ok bool, to func(int) int) ([]int, bool) {
	if !ok {
		return nil, false
	}
	out := make([]int, len(in))
	for i, c := range in {
		if out[i] = to(c); out[i] < 0 {
			return nil, false
		}
	}
	return out, true
}

// routeOf gives the vnode function of a materialized relation's tree: which
// columns of its key decided where the rows are. For a bag it gives those
// columns too.
func routeOf(n *plan.Materialize) (route func([]byte) uint8, dist []int) {
	key := n.Key
	if key == nil {
		key = identity(len(n.Cols))
	}
	dist, ok := distribution(n.In)
	dist, ok = through(dist, ok, func(c int) int { return slices.Index(key, c) })
	if !ok {
		dist = identity(len(key))
	}
	if n.Key != nil {
		return vnodeOf(dist), nil
	}
	return vnodeOfRow(dist), dist
}

// identity is 0, 1, …, n−1.
func identity(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

// vnodeOfPrefix is the vnode function of keys whose first n encoded columns
// were the exchange's.
func vnodeOfPrefix(n int) func([]byte) uint8 {
	return func(key []byte) uint8 {
		return values.VNode(values.Hash(key[:values.KeyPrefixLen(key, n)]))
	}
}

// vnodeOf is the vnode function of keys whose columns at the given places were
// the exchange's, in that order.
func vnodeOf(places []int) func([]byte) uint8 {
	if prefix(places) {
		return vnodeOfPrefix(len(places))
	}
	return func(key []byte) uint8 {
		var ends []int
		buf := make([]byte, 0, len(key))
		for _, p := range places {
			for len(ends) <= p {
				ends = append(ends, values.KeyPrefixLen(key, len(ends)+1))
			}
			lo := 0
			if p > 0 {
				lo = ends[p-1]
			}
			buf = append(buf, key[lo:ends[p]]...)
		}
		return values.VNode(values.Hash(buf))
	}
}

// prefix reports whether places are 0, 1, 2, ….
func prefix(places []int) bool {
	for i, p := range places {
		if i != p {
			return false
		}
	}
	return true
}
