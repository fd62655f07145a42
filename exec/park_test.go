package exec

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/storage/epoch"
)

// tableRel is a table of (k int8 PRIMARY KEY, v int8, w numeric).
const tableRel = 3000

// lateRel is made when other jobs flow already, and may be paused before it has
// caught up.
const lateRel = viewRel + 5

// parkSpecs are jobs that read each other in every way: v and w over the topic,
// x over v, y over x and the topic, z over a table; and l, as y, which comes later.
func parkSpecs(t *testing.T) map[uint32]JobSpec {
	specs := map[uint32]JobSpec{
		viewRel:     {Rel: viewRel, Name: "v", Plan: aggregatePlan(t, viewRel, 1)},
		viewRel + 1: {Rel: viewRel + 1, Name: "w", Plan: windowPlan(t, viewRel+1, 30)},
		viewRel + 2: {Rel: viewRel + 2, Name: "x", Plan: copyPlan(viewRel, viewRel+2, 20)},
		viewRel + 3: {Rel: viewRel + 3, Name: "y", Plan: joinPlan(t, viewRel+2, viewRel+3, 40)},
		viewRel + 4: {Rel: viewRel + 4, Name: "z", Plan: copyPlan(tableRel, viewRel+4, 50)},
	}
	specs[lateRel] = JobSpec{Rel: lateRel, Name: "l", Plan: joinPlan(t, viewRel+2, lateRel, 80)}
	c := cols(types.Int8, types.Int8, types.Numeric)
	scan := &plan.Scan{Props: plan.Props{Cols: c, Key: []int{0}}, Rel: tableRel, Take: []int{0, 1, 2}}
	specs[tableRel] = JobSpec{Rel: tableRel, Name: "tab", Table: true, Plan: &plan.Materialize{
		Props: plan.Props{ID: 61, Cols: c, Key: []int{0}},
		In:    &plan.Exchange{Props: plan.Props{ID: 60, Cols: c}, In: scan, Keys: []int{0}}, Rel: tableRel}}
	return specs
}

// joinPlan counts, for each key of a view of copyPlan's shape, the rows of the
// topic with that key: SELECT k, count(*) FROM view JOIN topic USING (k) GROUP BY k.
func joinPlan(t *testing.T, view, rel uint32, op uint64) plan.Node {
	l := &plan.Scan{Props: plan.Props{Cols: cols(types.Int8)}, Rel: view, Take: []int{0}}
	r := &plan.Scan{Props: plan.Props{Cols: cols(types.Int8), AppendOnly: true}, Rel: topicRel, Take: []int{0}}
	xl := &plan.Exchange{Props: plan.Props{ID: op, Cols: l.Cols}, In: l, Keys: []int{0}}
	xr := &plan.Exchange{Props: plan.Props{ID: op + 1, Cols: r.Cols, AppendOnly: true}, In: r, Keys: []int{0}}
	j := &plan.Join{
		Props: plan.Props{ID: op + 2, Cols: cols(types.Int8, types.Int8)},
		L:     xl, R: xr, Kind: plan.InnerJoin, LKeys: []int{0}, RKeys: []int{0},
	}
	agg := &plan.Aggregate{
		Props: plan.Props{ID: op + 3, Cols: cols(types.Int8, types.Int8), Key: []int{0}},
		In:    j, Group: []int{0}, Window: -1,
		Aggs: []plan.Agg{{Fn: aggregateByID(t, "count", 0), Filter: -1}},
	}
	return &plan.Materialize{Props: plan.Props{ID: op + 4, Cols: agg.Cols, Key: []int{0}}, In: agg, Rel: rel}
}

// parkModel is an engine under test beside what its relations must hold.
type parkModel struct {
	t       *testing.T
	rt      *rapid.T
	e       *Engine
	top     *fakeTopic
	store   *epoch.Store
	cuts    *memCuts
	specs   map[uint32]JobSpec
	paused  map[uint32]bool
	table   map[int64]int64
	rng     *rand.Rand
	pos     uint64
	workers int
	late    bool // lateRel was made
}

var parkRels = []uint32{viewRel, viewRel + 1, viewRel + 2, viewRel + 3, viewRel + 4, lateRel}

func (m *parkModel) stays(rel uint32) bool {
	return m.paused[rel] || slices.ContainsFunc(scansOf(m.specs[rel].Plan), func(r uint32) bool { return r != rel && r != topicRel && m.stays(r) })
}

// unpark brings back what may come, as the server does: again until nothing has
// to wait.
func (m *parkModel) unpark() {
	deadline := time.Now().Add(20 * time.Second)
	for m.e.Unpark(m.stays) || !m.startLate() || !m.e.Returned(parkRels) {
		if time.Now().After(deadline) {
			m.rt.Fatalf("jobs do not come back: %+v", m.e.Jobs())
		}
		time.Sleep(time.Millisecond)
	}
}

// startLate starts lateRel when it can be, anew after a restart in the middle of
// its way; false: it has to wait for what it reads.
func (m *parkModel) startLate() bool {
	if !m.late || m.e.Has(lateRel) || m.stays(lateRel) {
		return true
	}
	err := m.e.Start([]JobSpec{m.specs[lateRel]}, []SourceSpec{topicSource(m.top)}, nil)
	if err != nil && !errors.Is(err, ErrNotYet) {
		m.rt.Fatal(err)
	}
	return err == nil
}

func (m *parkModel) park(rels ...uint32) {
	m.pos++
	m.e.Park(rels, m.pos)
}

// write gives some keys of the table new values and takes some away.
func (m *parkModel) write() {
	b := delta.NewBatch([]types.Type{types.Int8, types.Int8, types.Numeric}, 0)
	add := func(k, v, w int64) {
		b.Cols[0].AppendInt(k)
		b.Cols[1].AppendInt(v)
		b.Cols[2].AppendNull()
		b.AppendWeight(w)
	}
	for range m.rng.IntN(20) {
		k := m.rng.Int64N(40)
		if old, ok := m.table[k]; ok {
			add(k, old, -1)
			delete(m.table, k)
		}
		if m.rng.IntN(3) > 0 {
			m.table[k] = m.rng.Int64N(5)
			add(k, m.table[k], 1)
		}
	}
	m.pos++
	if err := m.e.Write([]uint32{tableRel}, func(w *Write) error { return w.Apply(m.pos, map[uint32]*delta.Batch{tableRel: b}) }); err != nil {
		m.rt.Fatal(err)
	}
}

// restart takes a checkpoint, lets more happen that is lost, and goes on from
// the checkpoint with another number of workers.
func (m *parkModel) restart() {
	states := checkpoint(m.t, m.e, m.store)
	m.e.Close()
	m.workers = 1 + m.rng.IntN(4)
	m.e = newTestEngine(m.t, m.workers, m.cuts)
	if err := m.e.Restore(states, m.specs, map[uint32]SourceSpec{topicRel: topicSource(m.top)}, m.store); err != nil {
		m.rt.Fatal(err)
	}
	m.e.ReplayCuts(m.cuts.all(m.t))
	m.e.Run()
	for _, rel := range parkRels {
		if !m.e.Has(rel) && rel != lateRel {
			m.rt.Fatalf("relation %d is not there after the restart", rel)
		}
	}
}

func (m *parkModel) want(rel uint32) []string {
	switch rel {
	case viewRel, viewRel + 2:
		return expected(m.top)
	case viewRel + 1:
		return expectedWindows(m.top)
	case viewRel + 3, lateRel:
		n := map[int64]int{}
		for _, p := range m.top.parts {
			for _, r := range p {
				n[r[0]]++
			}
		}
		var out []string
		for k, c := range n {
			out = append(out, fmt.Sprintf("+1 %d %d", k, c))
		}
		slices.Sort(out)
		return out
	}
	var out []string
	for k, v := range m.table {
		out = append(out, fmt.Sprintf("+1 %d %d NULL", k, v))
	}
	slices.Sort(out)
	return out
}

// check compares what is not paused with what it must be, and finds what is
// unchanged since it was.
func (m *parkModel) check(frozen map[uint32][]string) {
	flush(m.t, m.e, m.top)
	for _, rel := range parkRels {
		if !m.e.Has(rel) || m.stays(rel) && !m.whole(rel) {
			continue
		}
		got := contents(m.t, m.e, rel)
		if m.stays(rel) {
			if was, ok := frozen[rel]; ok && !slices.Equal(got, was) {
				m.rt.Fatalf("paused relation %d changed: %v\nwas %v", rel, got, was)
			}
			frozen[rel] = got
			continue
		}
		delete(frozen, rel)
		if want := m.want(rel); !slices.Equal(got, want) {
			m.rt.Fatalf("relation %d: got %v\nwant %v", rel, got, want)
		}
	}
}

// whole reports whether a relation can be read.
func (m *parkModel) whole(rel uint32) bool {
	s := NewSnapshot()
	defer s.Release()
	if err := m.e.Add(s, []uint32{rel}); err != nil {
		m.rt.Fatal(err)
	}
	return s.Relation(rel).Pending == nil
}

// TestPauseAndResume pauses and resumes jobs in any order between inputs,
// checkpoints and restarts: what is paused stands still, what is not is right.
func TestPauseAndResume(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		ops := rapid.SliceOfN(rapid.IntRange(0, 11), 1, 18).Draw(rt, "ops")
		store, err := epoch.Open(epoch.Options{})
		if err != nil {
			rt.Fatal(err)
		}
		defer store.Close()
		m := &parkModel{
			t: t, rt: rt, top: newFakeTopic(topicTypes, 3), store: store, cuts: &memCuts{}, specs: parkSpecs(t), paused: map[uint32]bool{},
			table: map[int64]int64{}, rng: rand.New(rand.NewPCG(seed, 1)), workers: 2,
		}
		m.e = newTestEngine(t, m.workers, m.cuts)
		defer func() { m.e.Close() }()
		m.e.Run()
		jobs := slices.SortedFunc(maps.Values(m.specs), func(a, b JobSpec) int { return int(a.Rel) - int(b.Rel) })
		for _, js := range [][]JobSpec{jobs[6:], jobs[:5]} {
			if err := m.e.Start(js, []SourceSpec{topicSource(m.top)}[:min(1, len(js)-1)], nil); err != nil {
				rt.Fatal(err)
			}
		}
		flush(t, m.e, m.top)
		frozen := map[uint32][]string{}
		all := false
		for _, op := range ops {
			rel := parkRels[m.rng.IntN(len(parkRels))]
			switch {
			case op < 2:
				m.paused[rel] = true
				m.park(rel)
			case op < 4 && !all:
				delete(m.paused, rel)
				m.unpark()
			case op == 4:
				all = true
				m.park(parkRels...)
			case op == 5:
				all = false
				m.unpark()
			case op == 6:
				m.restart()
			case op == 7:
				m.late = true
				if !all {
					m.startLate()
				}
				if m.rng.IntN(2) == 0 {
					m.paused[lateRel] = true
					m.park(lateRel)
				}
				continue // it catches up while the next thing happens
			case op == 8 && m.late && m.e.Has(lateRel):
				if err := m.e.Drop(lateRel); err != nil {
					rt.Fatal(err)
				}
				m.late = false
			default:
				ordered(m.top, m.rng, m.rng.IntN(600))
				m.write()
			}
			if !all {
				m.unpark()
				m.check(frozen)
			} else {
				clear(frozen)
			}
		}
		clear(m.paused)
		m.unpark()
		ordered(m.top, m.rng, 50)
		m.write()
		m.check(map[uint32][]string{})
		read := map[uint32]int{}
		for _, g := range m.e.graphs {
			for rel := range g.sources {
				read[rel]++
			}
		}
		if read[topicRel] > 1 {
			rt.Fatalf("%d graphs read the topic", read[topicRel])
		}
		if n := len(m.e.graphs); n > 2 {
			rt.Fatalf("%d graphs are left, the jobs did not come together", n)
		}
	})
}
