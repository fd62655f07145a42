package exec

import (
	"bytes"
	"slices"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// A max (min) over rows that only arrive has no use for a row that is not above
// (below) one that it was sent before, and a join with it (plan.Extreme) none
// for a row that is behind. The groups of windows are few and each is on one
// worker: without the rows that need not go there, the others have more of the
// work. Rows of closed windows always go, to be counted as late.

// bests are the extremes that one worker has sent, by group: a table of fixed
// size in which a later group replaces an earlier one.
type bests struct {
	falls bool
	slots [bestSlots]bestSlot
}

type bestSlot struct {
	known bool
	group []byte
	value int64
}

const (
	bestSlots    = 1024
	maxBestGroup = 64 // bytes of a group's key
)

// bestSent is the use that one sender makes of bests.
type bestSent struct {
	*bests
	feeds bool // its rows go to the extreme; else to the join with it
	drops bool // a row that changes nothing need not go
	group []int
	value int
	win   int // the column that time closes for the extreme; -1: none
	agg   *plan.Aggregate

	bound int64
	keys  values.KeyBuf
	cols  []*delta.Vec
	slot  *bestSlot // of the row before
}

func (s *bestSent) begin(c *Ctx, b *delta.Batch) {
	s.cols = s.cols[:0]
	for _, g := range s.group {
		s.cols = append(s.cols, b.Cols[g])
	}
	values.EncodeKeys(&s.keys, s.cols, b.N)
	s.slot, s.bound = nil, NoWatermark
	if s.win >= 0 {
		s.bound = windowBound(c.Times, s.agg.In.Base(), s.agg.Group[s.agg.Window], s.agg.Size, s.agg.Late)
	}
}

// pass reports whether row i has to go.
func (s *bestSent) pass(b *delta.Batch, i int) bool {
	v, key := b.Cols[s.value], s.keys.Key(i)
	if v.IsNull(i) || b.Weight(i) <= 0 || len(key) > maxBestGroup || s.late(b, i) {
		return true
	}
	if s.slot == nil || !bytes.Equal(s.slot.group, key) {
		s.slot = &s.slots[values.Hash(key)%bestSlots]
	}
	x, is := v.I[i], s.slot
	if is.known && bytes.Equal(is.group, key) {
		behind := x < is.value
		if s.falls {
			behind = x > is.value
		}
		if !s.feeds {
			return !behind
		}
		if behind || x == is.value {
			return !s.drops
		}
	}
	if s.feeds {
		is.known, is.value, is.group = true, x, append(is.group[:0], key...)
	}
	return true
}

// late reports whether the extreme may have closed the row's window.
func (s *bestSent) late(b *delta.Batch, i int) bool {
	if s.win < 0 || s.bound == NoWatermark {
		return false
	}
	w := b.Cols[s.win]
	return !w.IsNull(i) && w.I[i] < s.bound
}

// onlyBest arranges that the rows of n's input that it has no use for stay where
// they are.
func (b *builder) onlyBest(n plan.Node) {
	if b.adhoc || b.workers == 1 {
		return
	}
	switch n := n.(type) {
	case *plan.Join:
		if n.Extreme != nil {
			b.bestOfJoin(n)
		}
	case *plan.Aggregate:
		// Other groups may be too many for the table to help.
		if n.Window >= 0 || len(n.Group) == 0 {
			b.bestOfAggregate(n, 0, n.Group)
		}
	}
}

// bestOfAggregate registers the sender below n, with the extreme that is its
// call number at, of groups that the columns group of its input tell apart.
func (b *builder) bestOfAggregate(n *plan.Aggregate, at int, group []int) *bestSent {
	x, ok := n.In.(*plan.Exchange)
	if !ok || at >= len(n.Aggs) || !n.In.Base().AppendOnly || n.Window >= 0 && !slices.Contains(group, n.Group[n.Window]) {
		return nil
	}
	a := n.Aggs[at]
	if a.Fn.Name != "max" && a.Fn.Name != "min" || a.Filter >= 0 || x.Cols[a.Args[0]].Type.Phys() != types.Int64 {
		return nil
	}
	if have := b.bests[x]; have != nil {
		return have
	}
	s := &bestSent{bests: &bests{falls: a.Fn.Name == "min"}, feeds: true, drops: len(n.Aggs) == 1,
		group: group, value: a.Args[0], win: -1, agg: n}
	if n.Window >= 0 {
		s.win = n.Group[n.Window]
	}
	if b.bests == nil {
		b.bests = map[*plan.Exchange]*bestSent{}
	}
	b.bests[x] = s
	return s
}

// bestOfJoin lets the sender of a join's led side know what was sent to the
// extreme.
func (b *builder) bestOfJoin(j *plan.Join) {
	led, top, lk, tk := j.L, j.R, j.LKeys, j.RKeys
	if !j.Extreme.Right {
		led, top, lk, tk = top, led, tk, lk
	}
	x, ok := led.(*plan.Exchange)
	if !ok {
		return
	}
	agg, cols := aggregateBelow(top, tk)
	if agg == nil || cols[j.Extreme.Pair] < len(agg.Group) {
		return
	}
	s := &bestSent{value: lk[j.Extreme.Pair], win: -1, agg: agg}
	var group []int // in the input of agg
	for i, c := range cols {
		if i == j.Extreme.Pair {
			continue
		}
		if c >= len(agg.Group) {
			return
		}
		s.group, group = append(s.group, lk[i]), append(group, agg.Group[c])
		if c == agg.Window {
			s.win = lk[i]
		}
	}
	feed := b.bestOfAggregate(agg, cols[j.Extreme.Pair]-len(agg.Group), group)
	if feed == nil || !slices.Equal(feed.group, group) {
		return
	}
	s.bests = feed.bests
	b.bests[x] = s
}

// aggregateBelow finds the aggregate under projections and filters of n, and
// where n's columns cols are in it; nil: there is none.
func aggregateBelow(n plan.Node, cols []int) (*plan.Aggregate, []int) {
	cols = slices.Clone(cols)
	for {
		switch x := n.(type) {
		case *plan.Project:
			for i, c := range cols {
				col, ok := x.Exprs[c].(*expr.Column)
				if !ok {
					return nil, nil
				}
				cols[i] = col.Index
			}
			n = x.In
		case *plan.Filter:
			n = x.In
		case *plan.Aggregate:
			return x, cols
		default:
			return nil, nil
		}
	}
}
