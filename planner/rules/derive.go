package rules

import (
	"slices"

	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// derive fills the properties of every node from its inputs': columns, key,
// append-only, time columns, state bound.
func derive(c *Context, n plan.Node) {
	stored := map[uint32]plan.Node{}
	plan.Walk(n, func(n plan.Node) {
		plan.SetCols(n)
		p := n.Base()
		p.Key, p.AppendOnly, p.Times = nil, false, nil
		p.State = plan.StateBound{Kind: "none"}
		if s, ok := n.(*plan.Scan); ok {
			deriveScan(c, s, stored)
			return
		}
		p.Key = keyOf(n)
		slices.Sort(p.Key)
		p.AppendOnly = appendOnly(n)
		if c.Continuous {
			p.Times = timesOf(n)
			p.State = stateOf(n)
		}
	})
}

// deriveScan takes what the catalog knows about a relation.
func deriveScan(c *Context, s *plan.Scan, stored map[uint32]plan.Node) {
	rel := c.Cat.ByOID(s.Rel)
	if rel == nil {
		return
	}
	switch rel.Kind {
	case catalog.Table:
		s.Key = taken(s, rel.PrimaryKey)
	case catalog.Virtual:
		s.Key = nil
	case catalog.Source:
		s.AppendOnly = true
		for _, w := range rel.Watermarks {
			if at := slices.Index(s.Take, w.Column); at >= 0 {
				s.Times = append(s.Times, plan.TimeCol{Col: at, Sources: []plan.SourceDelay{{Source: rel.OID}}})
			}
		}
	case catalog.MaterializedView:
		if rel.Key != nil {
			s.Key = taken(s, rel.Key)
			if s.Key == nil && len(rel.Key) == 0 {
				s.Key = []int{}
			}
		}
		if !c.Continuous {
			return // an answer given once has no use for how rows come
		}
		if _, seen := stored[rel.OID]; !seen && c.Stored != nil {
			stored[rel.OID] = c.Stored(rel)
		}
		root := stored[rel.OID]
		if root == nil {
			return
		}
		s.AppendOnly = root.Base().AppendOnly
		for _, t := range root.Base().Times {
			if at := slices.Index(s.Take, t.Col); at >= 0 {
				t.Col = at
				s.Times = append(s.Times, t)
			}
		}
	}
}

// taken maps relation columns to outputs of the scan; nil when one is missing.
func taken(s *plan.Scan, cols []int) []int {
	var out []int
	for _, c := range cols {
		at := slices.Index(s.Take, c)
		if at < 0 {
			return nil
		}
		out = append(out, at)
	}
	slices.Sort(out)
	return out
}

// keyOf is a set of columns that tells the rows of n apart; nil: none known.
func keyOf(n plan.Node) []int {
	switch n := n.(type) {
	case *plan.Values:
		if len(n.Rows) <= 1 {
			return []int{}
		}
	case *plan.Filter, *plan.TemporalFilter, *plan.Exchange, *plan.Sort, *plan.CloseBuffer, *plan.Materialize, *plan.Sink:
		return slices.Clone(n.Inputs()[0].Base().Key)
	case *plan.Project:
		return mapKey(n.In.Base().Key, func(c int) int { return outputOf(n, c) })
	case *plan.Join:
		return joinKey(n)
	case *plan.Aggregate:
		return windowKey(n, firstN(len(n.Group)))
	case *plan.HopExpand:
		k := n.In.Base().Key
		if k == nil {
			return nil
		}
		if n.Pane == 0 && n.Size == n.Slide {
			return slices.Clone(k) // one window a row
		}
		return append(slices.Clone(k), len(n.In.Base().Cols))
	case *plan.TopN:
		if n.Limit == 1 || n.Limit == 0 {
			return append([]int{}, n.Partition...)
		}
		if k := n.In.Base().Key; k != nil {
			return slices.Clone(k)
		}
		if n.RowNumber {
			return append(append([]int{}, n.Partition...), len(n.In.Base().Cols))
		}
	case *plan.Apply:
		l := n.In.Base().Key
		if n.Kind != plan.ApplyLateral || l == nil {
			return slices.Clone(l)
		}
		r := n.Sub.Base().Key
		if r == nil {
			return nil
		}
		w := len(n.In.Base().Cols)
		return append(slices.Clone(l), mapKey(r, func(c int) int { return c + w })...)
	}
	return nil
}

func mapKey(key []int, to func(int) int) []int {
	if key == nil {
		return nil
	}
	out := []int{}
	for _, c := range key {
		at := to(c)
		if at < 0 {
			return nil
		}
		out = append(out, at)
	}
	return out
}

// joinKey is the union of the sides' keys, or one side's when each of its rows
// meets at most one row of the other: the match covers the other's key.
func joinKey(n *plan.Join) []int {
	l, r := n.L.Base().Key, n.R.Base().Key
	if n.Kind == plan.SemiJoin || n.Kind == plan.AntiJoin {
		return slices.Clone(l)
	}
	if l == nil || r == nil || n.Kind == plan.FullJoin {
		return nil // NULLs of padding could make two rows of a full join look alike
	}
	w := len(n.L.Base().Cols)
	rAt := mapKey(r, func(c int) int { return c + w })
	switch {
	case subset(r, n.RKeys) && n.Kind != plan.RightJoin:
		return slices.Clone(l)
	case subset(l, n.LKeys) && n.Kind != plan.LeftJoin:
		return rAt
	}
	return append(slices.Clone(l), rAt...)
}

// appendOnly reports whether no negative weight leaves n when none enters the
// plan from its append-only leaves.
func appendOnly(n plan.Node) bool {
	switch n := n.(type) {
	case *plan.Values:
		return true
	case *plan.Aggregate:
		return n.OnClose || len(n.Aggs) == 0 && n.In.Base().AppendOnly && !n.Scalar
	case *plan.TopN:
		return n.OnClose
	case *plan.CloseBuffer:
		return true
	case *plan.TemporalFilter:
		return !n.Expires() && n.In.Base().AppendOnly
	case *plan.Filter:
		return !plan.ReadsClock(n.Cond) && n.In.Base().AppendOnly
	case *plan.Join:
		if n.Kind != plan.InnerJoin && n.Kind != plan.SemiJoin {
			return false
		}
	case *plan.Apply, *plan.TableFunc, *plan.Sort:
		return false
	}
	ins := n.Inputs()
	return len(ins) > 0 && !slices.ContainsFunc(ins, func(in plan.Node) bool { return !in.Base().AppendOnly })
}
