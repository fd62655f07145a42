package exec

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/source"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
	"github.com/heliosdb/heliosdb-streaming/storage/epoch"
	"github.com/heliosdb/heliosdb-streaming/storage/state"
)

// nullMetrics takes what the graphs report and forgets it.
type nullMetrics struct{}

func (nullMetrics) Ingested(uint32, int)         {}
func (nullMetrics) Processed(int, time.Duration) {}
func (nullMetrics) Fresh(int, time.Duration)     {}
func (nullMetrics) Step(int, time.Duration)      {}
func (nullMetrics) Busy(bool, time.Duration)     {}
func (nullMetrics) Dead(uint32, int)             {}

// memCuts keeps cuts as the log does.
type memCuts struct {
	mu   sync.Mutex
	recs [][]byte
}

func (m *memCuts) AppendCut(rec []byte) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.recs = append(m.recs, slices.Clone(rec))
	return uint64(len(m.recs)), nil
}

func (m *memCuts) all(t *testing.T) []*Cut {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []*Cut
	for i, r := range m.recs {
		c, err := ParseCut(uint64(i+1), r)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

const (
	topicRel = 1000
	viewRel  = 2000
)

// The test's source: key, value, time.
var topicTypes = []types.Type{types.Int8, types.Int8, types.Timestamp}

func newTestEngine(t *testing.T, workers int, cuts CutLog) *Engine {
	t.Helper()
	pool := state.NewPool(state.PoolOptions{})
	e := NewEngine(Options{
		Workers: workers, Pool: pool, Cuts: cuts, Metrics: nullMetrics{}, Now: time.Now,
		CutInterval: time.Millisecond, StepTime: 5 * time.Millisecond, MaxDeadLetters: 100,
	})
	t.Cleanup(func() { e.Close() })
	return e
}

func topicSource(top *fakeTopic) SourceSpec {
	return SourceSpec{
		Rel: topicRel, Name: "t", Spec: fakeSpec{top}, Columns: 3,
		Watermark: &expr.Column{Index: 2, T: types.Timestamp},
	}
}

func cols(ts ...types.Type) []plan.Col {
	var out []plan.Col
	for i, t := range ts {
		out = append(out, plan.Col{Name: fmt.Sprint("c", i), Type: t})
	}
	return out
}

// aggregatePlan is SELECT k, count(*), sum(v) … GROUP BY k of the topic.
func aggregatePlan(t *testing.T, rel uint32, op uint64) plan.Node {
	t.Helper()
	scan := &plan.Scan{Props: plan.Props{Cols: cols(types.Int8, types.Int8), AppendOnly: true}, Rel: topicRel, Take: []int{0, 1}}
	ex := &plan.Exchange{Props: plan.Props{ID: op, Cols: scan.Cols}, In: scan, Keys: []int{0}}
	agg := &plan.Aggregate{
		Props: plan.Props{ID: op + 1, Cols: cols(types.Int8, types.Int8, types.Numeric), Key: []int{0}},
		In:    ex, Group: []int{0}, Window: -1,
		Aggs: []plan.Agg{
			{Fn: aggregateByID(t, "count", 0), Filter: -1},
			{Fn: aggregateByID(t, "sum", types.OIDInt8), Args: []int{1}, Filter: -1},
		},
	}
	return &plan.Materialize{Props: plan.Props{ID: op + 2, Cols: agg.Cols, Key: []int{0}}, In: agg, Rel: rel}
}

func aggregateByID(t *testing.T, name string, arg uint32) *expr.Aggregate {
	t.Helper()
	for _, a := range expr.Aggregates(name) {
		if arg == 0 && len(a.Args) == 0 || len(a.Args) == 1 && a.Args[0].OID == arg {
			return a
		}
	}
	t.Fatalf("no aggregate %s", name)
	return nil
}

// contents reads a relation as text rows with counts, sorted.
func contents(t *testing.T, e *Engine, rel uint32) []string {
	t.Helper()
	s := NewSnapshot()
	defer s.Release()
	if err := e.Add(s, []uint32{rel}); err != nil {
		t.Fatal(err)
	}
	r := s.Relation(rel)
	if r.Stale != nil || r.Pending != nil {
		t.Fatal(r.Stale, r.Pending)
	}
	take := identity(len(r.types))
	var out []string
	err := r.Rows(take, nil, func(b *delta.Batch) error {
		out = append(out, rows(b)...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

func rows(b *delta.Batch) []string {
	var out []string
	for i := range b.N {
		s := fmt.Sprintf("%+d", b.Weight(i))
		for _, v := range b.Cols {
			if v.IsNull(i) {
				s += " NULL"
			} else {
				s += " " + string(values.AppendText(nil, v, i, &values.TextOpts{}))
			}
		}
		out = append(out, s)
	}
	return out
}

// expected is what aggregatePlan holds over the whole topic.
func expected(top *fakeTopic) []string {
	type acc struct{ n, sum int64 }
	m := map[int64]acc{}
	for _, p := range top.parts {
		for _, r := range p {
			a := m[r[0]]
			m[r[0]] = acc{a.n + 1, a.sum + r[1]}
		}
	}
	var out []string
	for k, a := range m {
		out = append(out, fmt.Sprintf("+1 %d %d %d", k, a.n, a.sum))
	}
	slices.Sort(out)
	return out
}

func fill(top *fakeTopic, rng *rand.Rand, n int) {
	for range n {
		top.append(rng.IntN(len(top.parts)), []int64{rng.Int64N(50), rng.Int64N(1000), rng.Int64N(1 << 30)})
	}
}

func flush(t *testing.T, e *Engine, top *fakeTopic) {
	t.Helper()
	stop := make(chan struct{})
	timer := time.AfterFunc(20*time.Second, func() { close(stop) })
	defer timer.Stop()
	if err := e.Flush(map[uint32]source.Offsets{topicRel: top.end()}, stop); err != nil {
		t.Fatalf("flush: %v; jobs %+v", err, e.Jobs())
	}
}

func TestAggregateOverTopic(t *testing.T) {
	for _, workers := range []int{1, 4} {
		t.Run(fmt.Sprint("workers", workers), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(3, 4))
			top := newFakeTopic(topicTypes, 4)
			fill(top, rng, 5000)
			e := newTestEngine(t, workers, &memCuts{})
			e.Run()
			if err := e.Start([]JobSpec{{Rel: viewRel, Name: "v", Plan: aggregatePlan(t, viewRel, 1)}}, []SourceSpec{topicSource(top)}, nil); err != nil {
				t.Fatal(err)
			}
			flush(t, e, top)
			if got, want := contents(t, e, viewRel), expected(top); !slices.Equal(got, want) {
				t.Fatalf("got %v\nwant %v", got, want)
			}
			fill(top, rng, 20_000)
			// A second view catches up and joins while the first goes on.
			if err := e.Start([]JobSpec{{Rel: viewRel + 1, Name: "w", Plan: aggregatePlan(t, viewRel+1, 10)}}, []SourceSpec{topicSource(top)}, nil); err != nil {
				t.Fatal(err)
			}
			fill(top, rng, 3000)
			flush(t, e, top)
			want := expected(top)
			for _, rel := range []uint32{viewRel, viewRel + 1} {
				if got := contents(t, e, rel); !slices.Equal(got, want) {
					t.Fatalf("relation %d: got %v\nwant %v", rel, got, want)
				}
			}
			if g, h := e.where[viewRel], e.where[viewRel+1]; g != h || len(e.graphs) != 1 {
				t.Fatal("the second view did not join the first one's graph")
			}
			// A view on the view, with its past.
			if err := e.Start([]JobSpec{{Rel: viewRel + 2, Name: "x", Plan: copyPlan(viewRel, viewRel+2, 20)}}, nil, nil); err != nil {
				t.Fatal(err)
			}
			fill(top, rng, 3000)
			flush(t, e, top)
			if got, want := contents(t, e, viewRel+2), expected(top); !slices.Equal(got, want) {
				t.Fatalf("view on view: got %v\nwant %v", got, want)
			}
		})
	}
}

// copyPlan is SELECT * FROM a view of aggregatePlan's shape.
func copyPlan(from, rel uint32, op uint64) plan.Node {
	c := cols(types.Int8, types.Int8, types.Numeric)
	scan := &plan.Scan{Props: plan.Props{Cols: c}, Rel: from, Take: []int{0, 1, 2}}
	ex := &plan.Exchange{Props: plan.Props{ID: op, Cols: c}, In: scan, Keys: []int{0}}
	return &plan.Materialize{Props: plan.Props{ID: op + 1, Cols: c, Key: []int{0}}, In: ex, Rel: rel}
}

// TestRestart stops an engine at an epoch, drops what came after, and restores
// it with other numbers of workers.
func TestRestart(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	top := newFakeTopic(topicTypes, 3)
	store, err := epoch.Open(epoch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	cuts := &memCuts{}
	specs := map[uint32]JobSpec{
		viewRel:     {Rel: viewRel, Name: "v", Plan: aggregatePlan(t, viewRel, 1)},
		viewRel + 1: {Rel: viewRel + 1, Name: "w", Plan: windowPlan(t, viewRel+1, 30)},
		viewRel + 2: {Rel: viewRel + 2, Name: "x", Plan: copyPlan(viewRel, viewRel+2, 20)},
	}
	var states []GraphState
	for round, workers := range []int{2, 1, 4, 4, 3} {
		e := newTestEngine(t, workers, cuts)
		if round == 0 {
			jobs := slices.SortedFunc(maps.Values(specs), func(a, b JobSpec) int { return int(a.Rel) - int(b.Rel) })
			if err := e.Start(jobs, []SourceSpec{topicSource(top)}, nil); err != nil {
				t.Fatal(err)
			}
		} else {
			if err := e.Restore(states, specs, map[uint32]SourceSpec{topicRel: topicSource(top)}, store); err != nil {
				t.Fatal(err)
			}
			e.ReplayCuts(cuts.all(t))
		}
		e.Run()
		ordered(top, rng, 4000)
		flush(t, e, top)
		states = checkpoint(t, e, store)
		ordered(top, rng, 2000)
		flush(t, e, top)
		want := expected(top)
		for _, rel := range []uint32{viewRel, viewRel + 2} {
			if got := contents(t, e, rel); !slices.Equal(got, want) {
				t.Fatalf("round %d, relation %d: got %v\nwant %v", round, rel, got, want)
			}
		}
		if got, want := contents(t, e, viewRel+1), expectedWindows(top); !slices.Equal(got, want) {
			t.Fatalf("round %d, windows: got %v\nwant %v", round, got, want)
		}
		e.Close()
	}
}

// ordered appends rows whose times advance with the topic, so that none is late.
func ordered(top *fakeTopic, rng *rand.Rand, n int) {
	for range n {
		total := 0
		for _, p := range top.parts {
			total += len(p)
		}
		top.append(rng.IntN(len(top.parts)), []int64{rng.Int64N(50), rng.Int64N(1000), int64(total) * 1000})
	}
}

// windowPlan is count(*) per tumbling second of a time column that ends a
// second before the watermark's, so that rows are never late.
func windowPlan(t *testing.T, rel uint32, op uint64) plan.Node {
	t.Helper()
	scan := &plan.Scan{Props: plan.Props{Cols: cols(types.Timestamp), AppendOnly: true}, Rel: topicRel, Take: []int{2}}
	start := &expr.Call{Fn: expr.FuncByID("timestamp_bin"), T: types.Timestamp, Args: []expr.Expr{
		&expr.Const{Value: secondInterval()}, &expr.Column{Index: 0, T: types.Timestamp},
		&expr.Const{Value: delta.IntOf(types.Timestamp, 0)}}}
	proj := &plan.Project{
		Props: plan.Props{ID: op, Cols: cols(types.Timestamp), AppendOnly: true,
			Times: []plan.TimeCol{{Col: 0, Window: true, Sources: []plan.SourceDelay{{Source: topicRel, Delay: 60_000_000}}}}},
		In: scan, Exprs: []expr.Expr{start},
	}
	ex := &plan.Exchange{Props: proj.Props, In: proj, Keys: []int{0}}
	ex.ID = op + 1
	agg := &plan.Aggregate{
		Props: plan.Props{ID: op + 2, Cols: cols(types.Timestamp, types.Int8), Key: []int{0}},
		In:    ex, Group: []int{0}, Window: 0,
		Aggs: []plan.Agg{{Fn: aggregateByID(t, "count", 0), Filter: -1}},
	}
	return &plan.Materialize{Props: plan.Props{ID: op + 3, Cols: agg.Cols, Key: []int{0}}, In: agg, Rel: rel}
}

func secondInterval() delta.Datum {
	d, err := values.ParseDatum(types.Interval, []byte("1 second"), &values.TextOpts{})
	if err != nil {
		panic(err)
	}
	return d
}

func expectedWindows(top *fakeTopic) []string {
	m := map[int64]int{}
	for _, p := range top.parts {
		for _, r := range p {
			m[floorTo(r[2], 1_000_000)]++
		}
	}
	var out []string
	for w, n := range m {
		v := delta.NewVec(types.Timestamp, 1)
		v.AppendInt(w)
		out = append(out, fmt.Sprintf("+1 %s %d", values.AppendText(nil, v, 0, &values.TextOpts{}), n))
	}
	slices.Sort(out)
	return out
}

func checkpoint(t *testing.T, e *Engine, store *epoch.Store) []GraphState {
	t.Helper()
	w, err := store.Begin()
	if err != nil {
		t.Fatal(err)
	}
	f, err := e.Freeze(false)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Write(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(0, nil); err != nil {
		t.Fatal(err)
	}
	f.Done(true)
	return f.Graphs
}

// TestFailedJobStartsAnew: a job that failed, and what reads it, are left out of
// a restored engine, and are right again when they are started anew.
func TestFailedJobStartsAnew(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	top := newFakeTopic(topicTypes, 3)
	store, err := epoch.Open(epoch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	specs := map[uint32]JobSpec{
		viewRel:     {Rel: viewRel, Name: "v", Plan: aggregatePlan(t, viewRel, 1)},
		viewRel + 1: {Rel: viewRel + 1, Name: "w", Plan: aggregatePlan(t, viewRel+1, 10)},
		viewRel + 2: {Rel: viewRel + 2, Name: "x", Plan: copyPlan(viewRel+1, viewRel+2, 20)},
	}
	jobs := slices.SortedFunc(maps.Values(specs), func(a, b JobSpec) int { return int(a.Rel) - int(b.Rel) })
	e := newTestEngine(t, 2, &memCuts{})
	if err := e.Start(jobs, []SourceSpec{topicSource(top)}, nil); err != nil {
		t.Fatal(err)
	}
	e.Run()
	fill(top, rng, 3000)
	flush(t, e, top)
	checkpoint(t, e, store)
	e.where[viewRel+1].relations[viewRel+1].fail(fmt.Errorf("on purpose"))
	fill(top, rng, 3000)
	flush(t, e, top)
	states := checkpoint(t, e, store)
	e.Close()

	e = newTestEngine(t, 2, &memCuts{})
	if err := e.Restore(states, specs, map[uint32]SourceSpec{topicRel: topicSource(top)}, store); err != nil {
		t.Fatal(err)
	}
	if !e.Has(viewRel) || e.Has(viewRel+1) || e.Has(viewRel+2) {
		t.Fatal("not just the failed job and its reader were left out")
	}
	e.Run()
	if err := e.Start(jobs[1:], []SourceSpec{topicSource(top)}, nil); err != nil {
		t.Fatal(err)
	}
	fill(top, rng, 3000)
	flush(t, e, top)
	for rel := range specs {
		if got, want := contents(t, e, rel), expected(top); !slices.Equal(got, want) {
			t.Errorf("relation %d: got %v\nwant %v", rel, got, want)
		}
	}
	// The old state of the job is gone from the next epoch on.
	states = checkpoint(t, e, store)
	e.Close()
	e = newTestEngine(t, 1, &memCuts{})
	if err := e.Restore(states, specs, map[uint32]SourceSpec{topicRel: topicSource(top)}, store); err != nil {
		t.Fatal(err)
	}
	e.Run()
	flush(t, e, top)
	for rel := range specs {
		if got, want := contents(t, e, rel), expected(top); !slices.Equal(got, want) {
			t.Errorf("restored relation %d: got %v\nwant %v", rel, got, want)
		}
	}
}
