package exec

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/source"
	"github.com/heliosdb/heliosdb-streaming/storage/epoch"
	"github.com/heliosdb/heliosdb-streaming/storage/state"
)

// tableID is the permanent id of a state table.
func tableID(op uint64, suffix uint8) uint64 { return op<<8 | uint64(suffix) }

// deadTableID is the id of a relation's dead letters.
func deadTableID(rel uint32) uint64 { return 1<<62 | uint64(rel) }

// GraphState is what an epoch records of one graph, besides its tables.
type GraphState struct {
	ID      uint64           `json:"id"`
	Aliases []uint64         `json:"aliases,omitempty"`
	Home    uint64           `json:"home,omitempty"` // the graph it catches up with
	Step    uint64           `json:"step"`
	Applied uint64           `json:"applied"` // log position of the last table write in it
	CutPos  uint64           `json:"cutPos"`
	Now     int64            `json:"now"`
	Times   map[uint32]int64 `json:"times"`
	Sources []SourceState    `json:"sources"`
	Jobs    []JobState       `json:"jobs"`
}

// SourceState is where one source of a graph stands.
type SourceState struct {
	Rel     uint32          `json:"rel"`
	Offsets source.Offsets  `json:"offsets"`
	Marks   map[int32]int64 `json:"marks"` // greatest watermark value by partition
	Lost    int64           `json:"lost,omitempty"`
}

// JobState is one job of a graph.
type JobState struct {
	Rel       uint32          `json:"rel"`
	Started   bool            `json:"started"`
	Failed    bool            `json:"failed,omitempty"`
	Workers   int             `json:"workers"`
	Backfills []BackfillState `json:"backfills,omitempty"`
}

// BackfillState is how far one leaf on one worker has read the past.
type BackfillState struct {
	Worker int    `json:"worker"`
	Leaf   int    `json:"leaf"`
	Cursor []byte `json:"cursor"`
	Done   bool   `json:"done"`
}

// Frozen is every graph at one step of its own: the content of an epoch.
type Frozen struct {
	Graphs []GraphState
	// Stall is the longest time for which one graph was kept from stepping.
	Stall   time.Duration
	tables  []frozenTable
	dropped []uint64
	e       *Engine
}

type frozenTable struct {
	id uint64
	f  state.Frozen
}

// Freeze flips the epoch at a step boundary of every graph. full: everything,
// not only what changed (savepoints). The caller holds off DDL, then calls
// Write and Done.
func (e *Engine) Freeze(full bool) (*Frozen, error) {
	e.freezing.RLock()
	fz := &Frozen{e: e}
	e.dropMu.Lock()
	fz.dropped, e.dropped = e.dropped, nil
	e.dropMu.Unlock()
	err := e.each(func(g *Graph) error {
		start := time.Now()
		err := g.freeze(fz, full)
		fz.Stall = max(fz.Stall, time.Since(start))
		return err
	})
	if err != nil {
		fz.Done(false)
		return nil, err
	}
	return fz, nil
}

func (g *Graph) freeze(fz *Frozen, full bool) error {
	add := func(id uint64, t state.Table) error {
		freeze := t.Freeze
		if full {
			freeze = t.FreezeFull
		}
		f, err := freeze()
		if err == nil {
			fz.tables = append(fz.tables, frozenTable{id, f})
		}
		return err
	}
	for _, j := range g.jobs {
		switch {
		case j.failed.Load() && j.table:
			// The rows of a table come from nowhere else: no epoch without them, so
			// that the log keeps what recovery will apply again.
			return fmt.Errorf("table %q has failed, restart to recover it: %w", j.name, j.Err())
		case j.failed.Load():
			continue // recovery starts it anew
		}
		err := j.tables(func(_ int, op uint64, t StateTable) error { return add(tableID(op, t.Suffix), t.Table) })
		if err != nil {
			return err
		}
		if t := j.dead.tree; t != nil {
			if err := add(deadTableID(j.rel), t); err != nil {
				return err
			}
		}
	}
	for _, s := range g.sources {
		if t := s.dead.tree; t != nil && g.follow == nil {
			if err := add(deadTableID(s.spec.Rel), t); err != nil {
				return err
			}
		}
	}
	fz.Graphs = append(fz.Graphs, g.state())
	return nil
}

// state describes the graph as it stands.
func (g *Graph) state() GraphState {
	st := GraphState{ID: g.id, Aliases: g.aliases, Step: g.step, Applied: g.applied, CutPos: g.cutPos, Now: g.now, Times: maps.Clone(g.times)}
	if g.home != nil {
		st.Home = g.home.id
	}
	for rel, s := range g.sources {
		ss := SourceState{Rel: rel, Offsets: s.offsets.Clone(), Marks: map[int32]int64{}, Lost: s.dead.lost}
		for part, p := range s.parts {
			ss.Marks[part] = p.max
		}
		st.Sources = append(st.Sources, ss)
	}
	slices.SortFunc(st.Sources, func(a, b SourceState) int { return cmp.Compare(a.Rel, b.Rel) })
	for _, j := range g.jobs {
		js := JobState{Rel: j.rel, Started: j.started, Failed: j.failed.Load(), Workers: g.workers}
		for w, b := range j.pipes {
			for i, f := range b.backfills {
				js.Backfills = append(js.Backfills, BackfillState{w, i, slices.Clone(f.cursor), f.done})
			}
		}
		st.Jobs = append(st.Jobs, js)
	}
	return st
}

// Write writes the frozen tables into an epoch; in the background, while steps
// go on.
func (fz *Frozen) Write(w *epoch.Writer) error {
	for _, id := range fz.dropped {
		w.Drop(epoch.TableID(id))
	}
	for _, t := range fz.tables {
		r := w.Run(epoch.TableID(t.id))
		if err := t.f.Emit(r.Put, r.Delete, r.DeleteRange); err != nil {
			return err
		}
		if err := r.Close(); err != nil {
			return err
		}
	}
	return nil
}

// Done ends the checkpoint. ok false: the epoch was not written, and what was
// frozen becomes part of the next one.
func (fz *Frozen) Done(ok bool) {
	for _, t := range fz.tables {
		t.f.Discard(!ok)
	}
	if !ok {
		fz.e.dropMu.Lock()
		fz.e.dropped = append(fz.dropped, fz.e.dropped...)
		fz.e.dropMu.Unlock()
	}
	fz.e.freezing.RUnlock()
}

// Restore rebuilds the graphs of an epoch, standing at its offsets with its
// state. Nothing runs until Run.
func (e *Engine) Restore(states []GraphState, jobs map[uint32]JobSpec, sources map[uint32]SourceSpec, store *epoch.Store) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, st := range states {
		if err := e.leaveFailed(&st, jobs); err != nil {
			return err
		}
		if len(st.Jobs) == 0 {
			continue
		}
		g := newGraph(st.ID, &e.opts)
		g.aliases, g.step, g.applied, g.cutPos = st.Aliases, st.Step, st.Applied, st.CutPos
		maps.Copy(g.times, st.Times)
		g.now = st.Now
		if err := e.restoreGraph(g, st, jobs, sources, store); err != nil {
			return err
		}
		e.graphs[g.id] = g
	}
	for _, st := range states {
		g, home := e.graphs[st.ID], e.graphs[st.Home]
		if g == nil {
			continue
		}
		for rel := range g.sources {
			if home == nil {
				e.flows[rel] = g
			}
		}
		if home != nil {
			e.followOf(g, home)
		}
	}
	return nil
}

// leaveFailed takes out of a graph's state the jobs that cannot go on: those that
// had failed, whose state is older than the graph's offsets; those whose
// backfill was not done and whose places in it no longer fit the number of
// workers; and those that read them; with the sources that nobody else reads.
// They are not in the engine then, and whoever finds them missing starts them
// anew.
func (e *Engine) leaveFailed(st *GraphState, jobs map[uint32]JobSpec) error {
	gone, read := map[uint32]bool{}, map[uint32]bool{}
	var kept []JobState
	for _, js := range st.Jobs {
		reads := scansOf(jobs[js.Rel].Plan)
		if js.Failed || js.Workers != e.opts.Workers && js.filling() || slices.ContainsFunc(reads, func(r uint32) bool { return gone[r] }) {
			gone[js.Rel] = true
			if err := e.forgetState(jobs[js.Rel]); err != nil {
				return err
			}
			continue
		}
		kept = append(kept, js)
		for _, r := range reads {
			read[r] = true
		}
	}
	if len(gone) == 0 {
		return nil
	}
	st.Jobs = kept
	st.Sources = slices.DeleteFunc(st.Sources, func(s SourceState) bool { return !read[s.Rel] })
	return nil
}

// forgetState leaves a job's tables out of the next epoch.
func (e *Engine) forgetState(spec JobSpec) error {
	b, err := e.tryBuild(spec)
	if err != nil {
		return err
	}
	defer b.close()
	e.dropMu.Lock()
	defer e.dropMu.Unlock()
	for _, u := range b.units {
		if s, ok := u.op.(Stateful); ok {
			for _, t := range s.Tables() {
				e.dropped = append(e.dropped, tableID(u.id, t.Suffix))
			}
		}
	}
	e.dropped = append(e.dropped, deadTableID(spec.Rel))
	return nil
}

func (e *Engine) restoreGraph(g *Graph, st GraphState, jobs map[uint32]JobSpec, sources map[uint32]SourceSpec, store *epoch.Store) error {
	for _, ss := range st.Sources {
		s, err := newGraphSource(g, sources[ss.Rel], ss.Offsets)
		if err != nil {
			return err
		}
		for part, m := range ss.Marks {
			s.parts[part] = &partition{max: m, last: g.opts.Now()}
		}
		if st.Home == 0 {
			if err := s.dead.load(store); err != nil {
				return err
			}
		}
		s.dead.lost = ss.Lost
		g.sources[ss.Rel] = s
	}
	for _, js := range st.Jobs {
		j, err := newJob(g, jobs[js.Rel])
		if err != nil {
			return err
		}
		if err := j.load(store, g.workers); err != nil {
			return err
		}
		j.started = js.Started
		if err := e.reattach(g, j, js); err != nil {
			return err
		}
		e.where[j.rel] = g
	}
	return nil
}

// filling reports whether the job was still reading the past.
func (js *JobState) filling() bool {
	return slices.ContainsFunc(js.Backfills, func(b BackfillState) bool { return !b.Done })
}

// reattach attaches a restored job. One whose backfill was not done goes on
// with it.
func (e *Engine) reattach(g *Graph, j *Job, js JobState) error {
	if !js.filling() {
		return g.attach(j, false)
	}
	if err := g.attach(j, true); err != nil {
		return err
	}
	for _, b := range js.Backfills {
		f := j.pipes[b.Worker].backfills[b.Leaf]
		f.cursor, f.done, f.unit.always = b.Cursor, b.Done, !b.Done
	}
	return nil
}

// load fills the job's tables from the epoch, every key on the worker that owns
// its vnode.
func (j *Job) load(store *epoch.Store, workers int) error {
	byID := map[uint64][]StateTable{}
	err := j.tables(func(_ int, op uint64, t StateTable) error {
		id := tableID(op, t.Suffix)
		byID[id] = append(byID[id], t)
		return nil
	})
	if err != nil {
		return err
	}
	for id, ts := range byID {
		err := store.Load(epoch.TableID(id), func(key, val []byte) error {
			w := 0
			if workers > 1 {
				w = owner(ts[0].VNode(key), workers)
			}
			return ts[w].Table.Load(key, val)
		})
		if err != nil {
			return err
		}
	}
	for _, b := range j.pipes {
		for _, u := range b.units {
			if s, ok := u.op.(Stateful); ok {
				if err := s.Restored(b.ctx); err != nil {
					return err
				}
			}
		}
	}
	return j.dead.load(store)
}

// load fills the dead letters from the epoch.
func (d *deadLetters) load(store *epoch.Store) error {
	err := store.Load(epoch.TableID(deadTableID(d.rel)), func(key, val []byte) error {
		return d.table().Load(key, val)
	})
	d.restored()
	return err
}

// ReplayCuts gives the graphs the cuts that the log holds after the epoch, in
// order; for recovery, after all DDL was replayed and before Run.
func (e *Engine) ReplayCuts(cuts []*Cut) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range cuts {
		for _, g := range e.graphs {
			if g.id != c.Graph && !slices.Contains(g.aliases, c.Graph) {
				continue
			}
			g.mu.Lock()
			if c.pos > g.cutPos {
				g.replay = append(g.replay, c)
			}
			g.mu.Unlock()
		}
	}
}

// Run starts the restored graphs.
func (e *Engine) Run() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.running = true
	for _, g := range e.graphs {
		g.begin()
	}
}
