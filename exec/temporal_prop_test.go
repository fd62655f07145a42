package exec

import (
	"math"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
	"pgregory.net/rapid"
)

// TestTemporalIncremental: at every clock a filter by it holds what it would
// hold if it saw all rows at once, whenever they come, leave, and come again.
func TestTemporalIncremental(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		h := newHistory(rt, []types.Type{types.Int4, types.Timestamp, types.Timestamptz, types.Text}, rapid.Bool().Draw(rt, "append only"))
		time := func(of types.Type) func(*rapid.T) delta.Datum {
			return func(rt *rapid.T) delta.Datum {
				d := hopTime(rt)
				d.T = of
				return d
			}
		}
		h.draw = map[int]func(*rapid.T) delta.Datum{1: time(types.Timestamp), 2: time(types.Timestamptz)}
		n := &plan.TemporalFilter{In: exchangeOf(scanOf(relL, h), []int{0})}
		for range rapid.IntRange(1, 4).Draw(rt, "bounds") {
			c := rapid.IntRange(1, 2).Draw(rt, "column")
			n.Bounds = append(n.Bounds, plan.ClockBound{
				X: column(c, h.ts[c]), Shift: rapid.Int64Range(-30, 90).Draw(rt, "shift"), Until: rapid.Bool().Draw(rt, "until"),
			})
		}
		plan.SetCols(n)
		run := newRunner(rt, n, rapid.IntRange(1, 4).Draw(rt, "workers"))
		defer func() { run.close() }()
		clock := int64(NoClock)
		for range rapid.IntRange(1, 10).Draw(rt, "steps") {
			if rapid.Bool().Draw(rt, "rows come") {
				rows, size := drawSizes(rt)
				run.feed(relL, h, batches(h.ts, h.step(rt, rows), size))
				run.end(false)
			} else {
				now := rapid.Int64Range(-100, 150).Draw(rt, "clock") // a clock that goes back does not count
				clock = max(clock, now)
				if rapid.Bool().Draw(rt, "tick") {
					run.g.tick(now)
					run.end(false)
				} else {
					run.g.setClock(now)
					run.end(true)
				}
				for _, b := range run.j.pipes {
					if due := b.clocked[0].due(); due <= clock {
						rt.Fatalf("something is due at %d when the clock is at %d", due, clock)
					}
				}
			}
			if err := differ(run.out, naiveTemporal(n, h.now, clock)); err != nil {
				rt.Fatalf("clock %d, bounds %+v: %v", clock, n.Bounds, err)
			}
			run.maybeRestart(rt)
		}
		bounded(rt, run, n, clock)
	})
}

// bounded sees that nothing is kept of rows that have gone or will never come.
func bounded(rt *rapid.T, run *runner, n *plan.TemporalFilter, clock int64) {
	if clock == NoClock {
		return
	}
	run.g.setClock(math.MaxInt64 - 1)
	run.end(true)
	for _, b := range run.j.pipes {
		for _, u := range b.units {
			if t, ok := u.op.(*temporal); ok && t.tree.Len() > 0 {
				for _, x := range n.Bounds {
					if x.Until {
						rt.Fatalf("%d entries are left at the end of time", t.tree.Len())
					}
				}
			}
		}
	}
}

// naiveTemporal filters rows at a clock.
func naiveTemporal(n *plan.TemporalFilter, in zset, clock int64) zset {
	out := zset{}
	for _, e := range in.sorted() {
		there := clock != NoClock
		for _, b := range n.Bounds {
			d := e.row[columnOf(b)]
			at := saturated(d.I, b.Shift)
			switch {
			case d.Null:
				there = false
			case b.Until:
				there = there && clock < at
			default:
				there = there && clock >= at
			}
		}
		if there {
			out.add(e.row, e.n)
		}
	}
	return out
}

func columnOf(b plan.ClockBound) int { return expr.Columns(b.X)[0] }
