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

// TestJoinExtreme compares joins of rows with the max or min of a group, of the
// same rows or of others, with naive ones; nothing behind the extreme is kept.
func TestJoinExtreme(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		x := &plan.Extreme{Right: rapid.Bool().Draw(rt, "right"), Falls: rapid.Bool().Draw(rt, "falls")}
		name := map[bool]string{false: "max", true: "min"}[x.Falls]
		var fn *expr.Aggregate
		for _, a := range expr.Aggregates(name) {
			if a.Args[0] == types.Int4 {
				fn = a
			}
		}
		hs := map[uint32]*history{}
		for _, rel := range []uint32{relL, relR} {
			hs[rel] = newHistory(rt, []types.Type{types.Int4, types.Int4, types.Int4}, true)
			hs[rel].draw = map[int]func(*rapid.T) delta.Datum{0: fewInts, 1: fewInts}
		}
		from := rapid.SampledFrom([]uint32{relL, relR}).Draw(rt, "extreme of")
		place := []int{0}
		if rapid.Bool().Draw(rt, "one worker") {
			place = []int{}
		}
		led := exchangeOf(scanOf(relL, hs[relL]), place)
		top := aggregateOf(exchangeOf(scanOf(from, hs[from]), place), []int{0}, []plan.Agg{{Fn: fn, Args: []int{1}, Filter: -1}})
		n := plan.NewJoin(plan.InnerJoin, led, top, nil)
		if !x.Right {
			n = plan.NewJoin(plan.InnerJoin, top, led, nil)
		}
		n.LKeys, n.RKeys = []int{0, 1}, []int{0, 1}
		if x.Pair = 1; rapid.Bool().Draw(rt, "first") {
			n.LKeys, n.RKeys, x.Pair = []int{1, 0}, []int{1, 0}, 0
		}
		if rapid.Bool().Draw(rt, "nullSafe") {
			n.NullSafe = []bool{x.Pair == 1, x.Pair == 0}
		}
		n.Extreme = x
		naive := func() zset {
			l, r := hs[relL].now, naiveAggregate(top, hs[from].now)
			if !x.Right {
				l, r = r, l
			}
			return naiveJoin(n, l, r)
		}
		run := newRunner(rt, n, rapid.IntRange(1, 4).Draw(rt, "workers"))
		defer func() { run.close() }()
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			rows, size := drawSizes(rt)
			for _, rel := range []uint32{relR, relL} {
				if rapid.IntRange(0, 2).Draw(rt, "side") > 0 {
					run.feed(rel, hs[rel], batches(hs[rel].ts, hs[rel].step(rt, rows), size))
				}
			}
			run.end(false)
			if err := differ(run.out, naive()); err != nil {
				rt.Fatalf("extreme %+v of %d: %v", *x, from, err)
			}
			noneBehind(rt, run, x)
			run.maybeRestart(rt)
		}
		if err := differ(adhoc(rt, n, 7, hs), naive()); err != nil {
			rt.Fatalf("ad hoc: %v", err)
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
