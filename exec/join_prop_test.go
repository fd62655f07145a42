package exec

import (
	"slices"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
	"pgregory.net/rapid"
)

// naiveJoin compares every left row with every right row.
func naiveJoin(n *plan.Join, l, r zset) zset {
	out := zset{}
	matchedRight := map[string]bool{}
	for _, a := range l.sorted() {
		matched := false
		for _, b := range r.sorted() {
			if !naiveMatch(n, a.row, b.row) {
				continue
			}
			matched = true
			matchedRight[exactly(b.row)] = true
			if n.Kind != plan.SemiJoin && n.Kind != plan.AntiJoin {
				out.add(slices.Concat(a.row, b.row), a.n*b.n)
			}
		}
		switch {
		case n.Kind == plan.SemiJoin && matched, n.Kind == plan.AntiJoin && !matched:
			out.add(a.row, a.n)
		case (n.Kind == plan.LeftJoin || n.Kind == plan.FullJoin) && !matched:
			out.add(slices.Concat(a.row, nulls(n.R.Base().Types())), a.n)
		}
	}
	if n.Kind == plan.RightJoin || n.Kind == plan.FullJoin {
		for _, b := range r.sorted() {
			if !matchedRight[exactly(b.row)] {
				out.add(slices.Concat(nulls(n.L.Base().Types()), b.row), b.n)
			}
		}
	}
	return out
}

func nulls(ts []types.Type) trow {
	var r trow
	for _, t := range ts {
		r = append(r, delta.NullOf(t))
	}
	return r
}

func naiveMatch(n *plan.Join, a, b trow) bool {
	for k := range n.LKeys {
		x, y := a[n.LKeys[k]], b[n.RKeys[k]]
		if x.Null || y.Null {
			if n.NullSafe == nil || !n.NullSafe[k] || x.Null != y.Null {
				return false
			}
			continue
		}
		if values.CompareDatum(x, y) != 0 {
			return false
		}
	}
	if n.On == nil {
		return true
	}
	call := n.On.(*expr.Call)
	wl := len(a)
	x, y := a[call.Args[0].(*expr.Column).Index], b[call.Args[1].(*expr.Column).Index-wl]
	return !x.Null && !y.Null && values.CompareDatum(x, y) < 0
}

func lessThan(t *rapid.T, arg types.Type) *expr.Func {
	for _, f := range expr.Operators("<") {
		if f.Args[0] == arg && f.Args[1] == arg {
			return f
		}
	}
	t.Fatalf("no < for %v", arg)
	return nil
}

// drawJoin draws two inputs and a join of them; the last column of each is an
// integer for ON to compare.
func drawJoin(rt *rapid.T) (l, r *history, n *plan.Join) {
	keys := drawTypes(rt, 0, 3)
	side := func() *history {
		return newHistory(rt, append(slices.Concat(keys, drawTypes(rt, 0, 2)), types.Int4), rapid.Bool().Draw(rt, "appendOnly"))
	}
	l, r = side(), side()
	order := rapid.Permutation(identity(len(keys))).Draw(rt, "keys")
	var ln, rn plan.Node = scanOf(relL, l), scanOf(relR, r)
	place := drawSubset(rt, order, "place")
	ln, rn = exchangeOf(ln, place), exchangeOf(rn, place)
	n = plan.NewJoin(plan.JoinKind(rapid.IntRange(0, 5).Draw(rt, "kind")), ln, rn, nil)
	n.LKeys, n.RKeys = order, slices.Clone(order)
	if rapid.Bool().Draw(rt, "nullSafe") {
		for range order {
			n.NullSafe = append(n.NullSafe, rapid.Bool().Draw(rt, "safe"))
		}
	}
	if rapid.Bool().Draw(rt, "on") {
		n.On = &expr.Call{Fn: lessThan(rt, types.Int4), T: types.Boolean, Args: []expr.Expr{
			&expr.Column{Index: len(l.ts) - 1, T: types.Int4}, &expr.Column{Index: len(l.ts) + len(r.ts) - 1, T: types.Int4}}}
	}
	return l, r, n
}

func TestJoinIncremental(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		l, r, n := drawJoin(rt)
		run := newRunner(rt, n, rapid.IntRange(1, 4).Draw(rt, "workers"))
		defer func() { run.close() }()
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			rows, size := drawSizes(rt)
			sides := []struct {
				rel uint32
				h   *history
				bs  []*delta.Batch
			}{{relL, l, nil}, {relR, r, nil}}
			for i := range sides {
				if rapid.IntRange(0, 2).Draw(rt, "side") > 0 {
					sides[i].bs = batches(sides[i].h.ts, sides[i].h.step(rt, rows), size)
				}
			}
			// Batches of both sides come in any order.
			for len(sides[0].bs)+len(sides[1].bs) > 0 {
				s := &sides[l.next(2)]
				if len(s.bs) > 0 {
					run.feed(s.rel, s.h, s.bs[:1])
					s.bs = s.bs[1:]
				}
			}
			run.end(false)
			if err := differ(run.out, naiveJoin(n, l.now, r.now)); err != nil {
				rt.Fatalf("kind %d keys %v safe %v on %v: %v", n.Kind, n.LKeys, n.NullSafe, n.On != nil, err)
			}
			run.maybeRestart(rt)
		}
		if err := differ(adhoc(rt, n, 7, map[uint32]*history{relL: l, relR: r}), naiveJoin(n, l.now, r.now)); err != nil {
			rt.Fatalf("ad hoc kind %d: %v", n.Kind, err)
		}
	})
}

func TestJoinTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		ts := func() []types.Type { return []types.Type{types.Int4, types.Timestamp, types.Int4} }
		hs := map[uint32]*history{
			relL: newHistory(rt, ts(), rapid.Bool().Draw(rt, "appendOnly")),
			relR: newHistory(rt, ts(), rapid.Bool().Draw(rt, "appendOnly")),
		}
		cl := drawClosing(rt, hs[relL], 1)
		hs[relR].draw = hs[relL].draw
		kind := plan.JoinKind(rapid.IntRange(0, 5).Draw(rt, "kind"))
		place := []int{0}
		n := plan.NewJoin(kind, exchangeOf(scanOf(relL, hs[relL], timesOf(relL, cl)), place), exchangeOf(scanOf(relR, hs[relR], timesOf(relR, cl)), place), nil)
		n.LKeys, n.RKeys, n.TimeKey, n.Size, n.Late = []int{0, 1}, []int{0, 1}, 1, cl.size, cl.late
		if rapid.Bool().Draw(rt, "nullSafe") {
			n.NullSafe = []bool{false, true}
		}
		run := newRunner(rt, n, rapid.IntRange(1, 4).Draw(rt, "workers"))
		defer func() { run.close() }()
		taken := map[uint32]zset{relL: {}, relR: {}}
		own := map[uint32]int64{}
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			rows, size := drawSizes(rt)
			for _, rel := range []uint32{relL, relR} {
				cs := hs[rel].step(rt, rows)
				for _, w := range cs {
					// A row that can match nothing needs no state, so it is never late.
					if !cl.closed(w.row[1]) || w.row[0].Null {
						taken[rel].add(w.row, w.w)
					}
				}
				run.feed(rel, hs[rel], batches(hs[rel].ts, cs, size))
			}
			cut := rapid.Bool().Draw(rt, "cut")
			if cut { // each side has a watermark of its own; the lower one rules
				for _, rel := range []uint32{relL, relR} {
					if _, ok := own[rel]; !ok {
						own[rel] = -40
					}
					own[rel] += rapid.Int64Range(0, 40).Draw(rt, "advance")
					run.g.times[rel] = own[rel]
				}
				cl.at = min(own[relL], own[relR])
			}
			run.end(cut)
			if err := differ(run.out, naiveJoin(n, taken[relL], taken[relR])); err != nil {
				rt.Fatalf("kind %d safe %v T=%d: %v", n.Kind, n.NullSafe, cl.at, err)
			}
			run.maybeRestart(rt)
		}
	})
}
