package exec

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/storage/state"
	"pgregory.net/rapid"
)

// failer is what of a test a runner needs.
type failer interface {
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// runner runs one plan continuously on some workers, with what a checkpoint
// would hold beside it.
type runner struct {
	rt     failer
	plan   plan.Node
	g      *Graph
	j      *Job
	mu     sync.Mutex
	out    zset                         // the output, integrated
	stored map[uint64]map[string]string // tables as checkpoints left them
}

const (
	relL = 11
	relR = 12
)

// scanOf is the leaf of an input.
func scanOf(rel uint32, h *history, times ...plan.TimeCol) *plan.Scan {
	return &plan.Scan{Props: plan.Props{Cols: cols(h.ts...), AppendOnly: h.appendOnly, Times: times}, Rel: rel, Take: identity(len(h.ts))}
}

// exchangeOf places the rows of in by keys.
func exchangeOf(in plan.Node, keys []int) plan.Node {
	x := &plan.Exchange{Props: *in.Base(), In: in, Keys: keys}
	return x
}

func newRunner(rt failer, n plan.Node, workers int) *runner {
	r := &runner{rt: rt, plan: n, out: zset{}, stored: map[uint64]map[string]string{}}
	id := uint64(0)
	plan.Walk(n, func(n plan.Node) { id++; n.Base().ID = id })
	r.open(workers)
	if err := r.j.start(); err != nil {
		rt.Fatal(err)
	}
	return r
}

func (r *runner) open(workers int) {
	times, clock := Times{}, int64(NoClock)
	if r.g != nil {
		times, clock = r.g.times, r.j.pipes[0].ctx.Clock
	}
	o := &Options{Workers: workers, Pool: state.NewPool(state.PoolOptions{}), Metrics: nullMetrics{}, Now: time.Now, MaxDeadLetters: 1000}
	r.g = newGraph(1, o)
	r.g.times = times
	j, err := newJob(r.g, JobSpec{Rel: 1, Name: "p", Plan: r.plan})
	if err != nil {
		r.rt.Fatal(err)
	}
	r.j = j
	for _, b := range j.pipes {
		b.ctx.Clock = clock
	}
	for _, f := range j.fans {
		f.subs = append(f.subs, &subscription{job: j, pick: identity(len(r.plan.Base().Cols)), leaf: &leaf{push: r.collect}})
	}
	r.g.jobs = []*Job{j}
	r.g.reschedule()
}

func (r *runner) collect(b *delta.Batch) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out.addBatch(b)
	return nil
}

func (r *runner) close() {
	r.j.close()
	r.g.pool.Close()
}

// feed pushes batches into the leaves of a relation, each on any worker.
func (r *runner) feed(rel uint32, h *history, bs []*delta.Batch) {
	for _, b := range bs {
		p := r.j.pipes[h.next(len(r.j.pipes))]
		for _, l := range p.leaves {
			if l.scan.Rel == rel {
				r.j.guard(func() error { return l.push(b) })
			}
		}
	}
}

// end ends the step.
func (r *runner) end(cut bool) {
	r.g.runStep(&input{}, cut)
	if err := r.j.Err(); err != nil {
		e := pgerr.From(err)
		r.rt.Fatalf("the job failed: %v\n%s", err, e.Detail)
	}
}

// checkpoint adds what changed to r.stored.
func (r *runner) checkpoint() {
	err := r.j.tables(func(_ int, op uint64, t StateTable) error {
		f, err := t.Table.Freeze()
		if err != nil {
			return err
		}
		defer f.Discard(false)
		m := r.stored[tableID(op, t.Suffix)]
		if m == nil {
			m = map[string]string{}
			r.stored[tableID(op, t.Suffix)] = m
		}
		w := slices.IndexFunc(r.j.pipes, func(b *builder) bool {
			return slices.ContainsFunc(b.units, func(u *unit) bool {
				s, ok := u.op.(Stateful)
				return ok && slices.ContainsFunc(s.Tables(), func(o StateTable) bool { return o.Table == t.Table })
			})
		})
		// Worker w's changes are those of the keys it owns.
		mine := func(k string) bool { return len(r.j.pipes) == 1 || owner(t.VNode([]byte(k)), len(r.j.pipes)) == w }
		return f.Emit(
			func(k, v []byte) error {
				if !mine(string(k)) {
					r.rt.Fatalf("operator %d, table %d: a key of worker %d lies on worker %d", op, t.Suffix, owner(t.VNode(k), len(r.j.pipes)), w)
				}
				m[string(k)] = string(v)
				return nil
			},
			func(k []byte) error { delete(m, string(k)); return nil },
			func(lo, hi []byte) error {
				// The ranges of one worker hit the keys of all of them in the store.
				for k := range m {
					if k >= string(lo) && (hi == nil || k < string(hi)) {
						delete(m, k)
					}
				}
				return nil
			})
	})
	if err != nil {
		r.rt.Fatal(err)
	}
}

// restart restores the last checkpoint with another number of workers.
func (r *runner) restart(workers int) {
	old := r.g.pool
	r.j.close()
	old.Close()
	r.open(workers)
	r.j.started = true
	byID := map[uint64][]StateTable{}
	_ = r.j.tables(func(_ int, op uint64, t StateTable) error {
		byID[tableID(op, t.Suffix)] = append(byID[tableID(op, t.Suffix)], t)
		return nil
	})
	for id, ts := range byID {
		for k, v := range r.stored[id] {
			w := 0
			if workers > 1 {
				w = owner(ts[0].VNode([]byte(k)), workers)
			}
			if err := ts[w].Table.Load([]byte(k), []byte(v)); err != nil {
				r.rt.Fatal(err)
			}
		}
	}
	for _, b := range r.j.pipes {
		for _, u := range b.units {
			if s, ok := u.op.(Stateful); ok {
				if err := s.Restored(b.ctx); err != nil {
					r.rt.Fatal(err)
				}
			}
		}
	}
}

// maybeRestart checkpoints now and then, and restarts from it now and then.
func (r *runner) maybeRestart(rt *rapid.T) {
	if rapid.IntRange(0, 2).Draw(rt, "checkpoint") > 0 {
		return
	}
	r.checkpoint()
	if rapid.Bool().Draw(rt, "restart") {
		r.restart(rapid.IntRange(1, 4).Draw(rt, "workers"))
	}
}

// testRelations are the contents of relations for ad-hoc plans.
type testRelations struct {
	rels map[uint32]*history
	size int
}

func (t *testRelations) Scan(_ context.Context, n *plan.Scan, _ []delta.Datum, push Emit) error {
	h := t.rels[n.Rel]
	var cs []weighted
	for _, e := range h.now.sorted() {
		cs = append(cs, weighted{e.row, e.n})
	}
	for _, b := range batches(h.ts, cs, t.size) {
		if err := push(b); err != nil {
			return err
		}
	}
	return nil
}

// adhoc runs the plan once over the inputs as they are; every weight of the
// output must be positive.
func adhoc(rt *rapid.T, n plan.Node, size int, rels map[uint32]*history) zset {
	out := zset{}
	for b, err := range Query(context.Background(), n, &QueryEnv{Relations: &testRelations{rels, size}}) {
		if err != nil {
			rt.Fatalf("ad hoc: %v", err)
		}
		for i := range b.N {
			if b.Weight(i) <= 0 {
				rt.Fatalf("ad hoc: a row of weight %d", b.Weight(i))
			}
		}
		out.addBatch(b)
	}
	return out
}

func drawTypes(rt *rapid.T, lo, hi int) []types.Type {
	ts := make([]types.Type, rapid.IntRange(lo, hi).Draw(rt, "columns"))
	for i := range ts {
		ts[i] = rapid.SampledFrom(sampleTypes).Draw(rt, "type")
	}
	return ts
}

// drawSizes draws how many rows a step has and at what size they are batched.
func drawSizes(rt *rapid.T) (rows, batch int) {
	rows = rapid.SampledFrom([]int{1, 2, 5, 20, 100}).Draw(rt, "rows")
	if rapid.IntRange(0, 99).Draw(rt, "large") == 99 {
		return 10_000, rapid.SampledFrom([]int{1000, 10_000}).Draw(rt, "batch") // enough to fork workers
	}
	return rows, rapid.SampledFrom([]int{1, 3, 10, 10_000}).Draw(rt, "batch")
}

func drawSubset(rt *rapid.T, of []int, label string) []int {
	var out []int
	for _, c := range of {
		if rapid.Bool().Draw(rt, label) {
			out = append(out, c)
		}
	}
	return out
}
