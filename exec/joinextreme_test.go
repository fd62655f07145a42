package exec

import (
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
	"pgregory.net/rapid"
)

// fewInts draws values that often meet, and NULLs.
func fewInts(rt *rapid.T) delta.Datum {
	if v := rapid.Int64Range(-1, 9).Draw(rt, "int"); v >= 0 {
		return delta.IntOf(types.Int4, v)
	}
	return delta.NullOf(types.Int4)
}

// extremeCase is a join of rows with the max or min of a group, of the same rows
// or of others.
type extremeCase struct {
	n    *plan.Join
	top  *plan.Aggregate
	hs   map[uint32]*history
	from uint32 // whose extreme it is
	cl   *closing
}

func drawExtreme(rt *rapid.T, timed bool) *extremeCase {
	x := &plan.Extreme{Right: rapid.Bool().Draw(rt, "right"), Falls: rapid.Bool().Draw(rt, "falls")}
	name := map[bool]string{false: "max", true: "min"}[x.Falls]
	var fn *expr.Aggregate
	for _, a := range expr.Aggregates(name) {
		if a.Args[0] == types.Int4 {
			fn = a
		}
	}
	e := &extremeCase{hs: map[uint32]*history{}, from: rapid.SampledFrom([]uint32{relL, relR}).Draw(rt, "extreme of")}
	for _, rel := range []uint32{relL, relR} {
		h := newHistory(rt, []types.Type{types.Int4, types.Int4, types.Int4}, true)
		h.draw = map[int]func(*rapid.T) delta.Datum{0: fewInts, 1: fewInts}
		e.hs[rel] = h
	}
	times := func(uint32) []plan.TimeCol { return nil }
	if timed {
		e.cl = drawClosing(rt, e.hs[relL], 0)
		e.hs[relR].ts[0], e.hs[relR].draw[0] = types.Timestamp, e.hs[relL].draw[0]
		times = func(rel uint32) []plan.TimeCol { return []plan.TimeCol{timesOf(rel, e.cl)} }
	}
	place := []int{0}
	if rapid.Bool().Draw(rt, "one worker") {
		place = []int{}
	}
	led := exchangeOf(scanOf(relL, e.hs[relL], times(relL)...), place)
	aggs := []plan.Agg{{Fn: fn, Args: []int{1}, Filter: -1}}
	if rapid.Bool().Draw(rt, "count") {
		aggs = append(aggs, plan.Agg{Fn: expr.Aggregates("count")[0], Filter: -1})
	}
	e.top = aggregateOf(exchangeOf(scanOf(e.from, e.hs[e.from], times(e.from)...), place), []int{0}, aggs)
	e.n = plan.NewJoin(plan.InnerJoin, led, e.top, nil)
	if !x.Right {
		e.n = plan.NewJoin(plan.InnerJoin, e.top, led, nil)
	}
	e.n.LKeys, e.n.RKeys = []int{0, 1}, []int{0, 1}
	if x.Pair = 1; rapid.Bool().Draw(rt, "first") {
		e.n.LKeys, e.n.RKeys, x.Pair = []int{1, 0}, []int{1, 0}, 0
	}
	if rapid.Bool().Draw(rt, "nullSafe") {
		e.n.NullSafe = []bool{x.Pair == 1, x.Pair == 0}
	}
	if timed {
		e.top.Times = times(e.from)
		e.top.Window, e.top.Size, e.top.Late = 0, e.cl.size, e.cl.late
		e.n.TimeKey, e.n.Size, e.n.Late = 1-x.Pair, e.cl.size, e.cl.late
	}
	e.n.Extreme = x
	return e
}

// naive is the join of the rows that led and extreme have taken.
func (e *extremeCase) naive(led, from zset) zset {
	l, r := led, naiveAggregate(e.top, from)
	if !e.n.Extreme.Right {
		l, r = r, l
	}
	return naiveJoin(e.n, l, r)
}

// TestJoinExtreme compares such joins with naive ones; nothing behind the extreme
// is kept.
func TestJoinExtreme(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		e := drawExtreme(rt, false)
		run := newRunner(rt, e.n, rapid.IntRange(1, 4).Draw(rt, "workers"))
		defer func() { run.close() }()
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			rows, size := drawSizes(rt)
			for _, rel := range []uint32{relR, relL} {
				if rapid.IntRange(0, 2).Draw(rt, "side") > 0 {
					run.feed(rel, e.hs[rel], batches(e.hs[rel].ts, e.hs[rel].step(rt, rows), size))
				}
			}
			run.end(false)
			if err := differ(run.out, e.naive(e.hs[relL].now, e.hs[e.from].now)); err != nil {
				rt.Fatalf("extreme %+v of %d: %v", *e.n.Extreme, e.from, err)
			}
			noneBehind(rt, run, e.n.Extreme)
			run.maybeRestart(rt)
		}
		if err := differ(adhoc(rt, e.n, 7, e.hs), e.naive(e.hs[relL].now, e.hs[e.from].now)); err != nil {
			rt.Fatalf("ad hoc: %v", err)
		}
	})
}

// TestJoinExtremeTime: each source has a watermark of its own. The extreme closes
// by that of its rows, the join by the lower one.
func TestJoinExtremeTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		e := drawExtreme(rt, true)
		run := newRunner(rt, e.n, rapid.IntRange(1, 4).Draw(rt, "workers"))
		defer func() { run.close() }()
		led, from := zset{}, zset{}
		joined, topped := *e.cl, *e.cl
		own := map[uint32]int64{relL: NoWatermark, relR: NoWatermark}
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			rows, size := drawSizes(rt)
			for _, rel := range []uint32{relL, relR} {
				cs := e.hs[rel].step(rt, rows)
				for _, w := range cs {
					if rel == relL && !joined.closed(w.row[0]) {
						led.add(w.row, w.w)
					}
					if rel == e.from && !topped.closed(w.row[0]) {
						from.add(w.row, w.w)
					}
				}
				run.feed(rel, e.hs[rel], batches(e.hs[rel].ts, cs, size))
			}
			cut := rapid.Bool().Draw(rt, "cut")
			if cut {
				for _, rel := range []uint32{relL, relR} {
					own[rel] = max(own[rel], -40) + rapid.Int64Range(0, 40).Draw(rt, "advance")
					run.g.times[rel] = own[rel]
				}
				joined.at, topped.at = min(own[relL], own[e.from]), own[e.from]
			}
			run.end(cut)
			if err := differ(run.out, e.naive(led, from)); err != nil {
				rt.Fatalf("extreme %+v of %d T=%d: %v", *e.n.Extreme, e.from, joined.at, err)
			}
			run.maybeRestart(rt)
		}
	})
}

// noneBehind checks the kept rows against the extremes that are kept.
func noneBehind(rt *rapid.T, run *runner, x *plan.Extreme) {
	for _, p := range run.j.pipes {
		for _, u := range p.units {
			j, ok := u.op.(*join)
			if !ok {
				continue
			}
			led, best := j.sides[1-j.best.port], j.sides[j.best.port]
			c := led.tree.Cursor()
			cur := best.tree.Cursor()
			for ok := c.Seek(nil); ok; ok = c.Next() {
				j.best.known = false
				if key := c.Key()[:led.keyLen(c.Key())]; j.best.behind(&cur, key) {
					rt.Fatalf("%x is kept, extreme %+v", key, *x)
				}
			}
		}
	}
}
