package exec

import (
	"maps"
	"slices"

	"github.com/heliosdb/heliosdb-streaming/internal/source"
	"github.com/heliosdb/heliosdb-streaming/storage/epoch"
)

// Restore rebuilds the graphs of an epoch, standing at its offsets with its
// state. Nothing runs until Run.
func (e *Engine) Restore(states []GraphState, jobs map[uint32]JobSpec, sources map[uint32]SourceSpec, store *epoch.Store) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	states, err := e.leaveFailed(states, jobs)
	if err != nil {
		return err
	}
	for _, st := range states {
		g := newGraph(st.ID, &e.opts)
		g.aliases, g.step, g.applied, g.cutPos, g.parked = st.Aliases, st.Step, st.Applied, st.CutPos, st.Parked
		maps.Copy(g.times, st.Times)
		g.now = st.Now
		if err := e.restoreGraph(g, st, jobs, sources, store); err != nil {
			return err
		}
		e.graphs[g.id] = g
	}
	for _, st := range states {
		g, home := e.graphs[st.ID], e.graphs[st.Home]
		if home == nil && !g.parked {
			for rel := range g.sources {
				e.flows[rel] = g
			}
		}
		if home != nil {
			e.followOf(g, home)
		}
	}
	if err := e.restoreDead(states, store); err != nil {
		return err
	}
	return e.restoreHeld(states, store)
}

// restoreDead gives the sources' dead letters to the graphs that kept them.
func (e *Engine) restoreDead(states []GraphState, store *epoch.Store) error {
	done := map[uint32]bool{}
	for _, st := range states {
		g := e.graphs[st.ID]
		for rel, s := range g.sources {
			f := e.flows[rel]
			if f != g && (f != nil || g.follow != nil || done[rel]) {
				continue
			}
			done[rel] = true
			if err := s.dead.load(store); err != nil {
				return err
			}
		}
	}
	return nil
}

// restoreHeld gives the relations what they hold for the jobs of other graphs.
func (e *Engine) restoreHeld(states []GraphState, store *epoch.Store) error {
	for _, st := range states {
		g := e.graphs[st.ID]
		for _, js := range st.Jobs {
			for _, hs := range js.Held {
				rg := e.where[hs.Reader]
				if rg == nil || rg == g {
					e.dropped = append(e.dropped, heldTableID(hs.Reader, hs.Leaf))
					continue
				}
				if err := g.relations[js.Rel].restoreHeld(g, rg.relations[hs.Reader], hs.Leaf, store); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// restoreHeld loads what up holds for one leaf of reader.
func (up *Job) restoreHeld(g *Graph, reader *Job, leaf int, store *epoch.Store) error {
	var hs []*held
	for w, b := range reader.pipes {
		l := b.leaves[leaf]
		m := up.contents()[w]
		m.passOn = true
		h := newHeld(g.pool, m, reader, w, leaf, &subscription{job: reader, leaf: l, pick: l.scan.Take})
		up.held, hs = append(up.held, h), append(hs, h)
		up.fans[w].subs = append(up.fans[w].subs, h.subscription())
	}
	return store.Load(epoch.TableID(heldTableID(reader.rel, leaf)), func(key, val []byte) error {
		w := 0
		if len(hs) > 1 {
			w = owner(hs[0].from.vnode(key), len(hs))
		}
		return hs[w].tree.Load(key, val)
	})
}

// leaveFailed takes out of the graphs' states the jobs that cannot go on: those
// that had failed, whose state is older than the graph's offsets; those whose
// backfill was not done and whose places in it no longer fit the number of
// workers or are in another graph; and those that read them; with the sources
// that nobody else reads. They are not in the engine then, and whoever finds them
// missing starts them anew.
func (e *Engine) leaveFailed(states []GraphState, jobs map[uint32]JobSpec) ([]GraphState, error) {
	gone := map[uint32]bool{}
	for again := true; again; {
		again = false
		for _, st := range states {
			for _, js := range st.Jobs {
				if gone[js.Rel] || !e.cannotGoOn(&st, &js) &&
					!slices.ContainsFunc(scansOf(jobs[js.Rel].Plan), func(r uint32) bool { return gone[r] }) {
					continue
				}
				gone[js.Rel], again = true, true
				if err := e.forgetState(jobs[js.Rel], js.Held); err != nil {
					return nil, err
				}
			}
		}
	}
	if len(gone) == 0 {
		return states, nil
	}
	var left []GraphState
	for _, st := range states {
		read := map[uint32]bool{}
		st.Jobs = slices.DeleteFunc(slices.Clone(st.Jobs), func(js JobState) bool { return gone[js.Rel] })
		for _, js := range st.Jobs {
			for _, r := range scansOf(jobs[js.Rel].Plan) {
				read[r] = true
			}
		}
		st.Sources = slices.DeleteFunc(slices.Clone(st.Sources), func(s SourceState) bool { return !read[s.Rel] })
		if len(st.Jobs) > 0 {
			left = append(left, st)
		}
	}
	return left, nil
}

func (e *Engine) cannotGoOn(st *GraphState, js *JobState) bool {
	return js.Failed || js.filling() && (st.Parked || st.Home != 0 || js.Workers != e.opts.Workers)
}

// forgetState leaves a job's tables out of the next epoch, and what it held.
func (e *Engine) forgetState(spec JobSpec, held []HeldState) error {
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
	for _, h := range held {
		e.dropped = append(e.dropped, heldTableID(h.Reader, h.Leaf))
	}
	e.dropped = append(e.dropped, deadTableID(spec.Rel))
	return nil
}

func (e *Engine) restoreGraph(g *Graph, st GraphState, jobs map[uint32]JobSpec, sources map[uint32]SourceSpec, store *epoch.Store) error {
	for _, ss := range st.Sources {
		s, err := openSource(g, st.Parked, sources[ss.Rel], ss.Offsets)
		if err != nil {
			return err
		}
		for part, m := range ss.Marks {
			s.parts[part] = &partition{max: m, last: g.opts.Now()}
		}
		s.dead.lost = ss.Lost
		g.sources[ss.Rel] = s
	}
	for _, js := range st.Jobs {
		j, err := newJob(g, jobs[js.Rel])
		if err != nil {
			return err
		}
		if js.Clock != nil {
			for _, b := range j.pipes {
				b.ctx.Clock = *js.Clock
			}
		}
		if err := j.load(store, g.workers); err != nil {
			return err
		}
		j.started, j.whole = js.Started, js.Whole
		if err := e.reattach(g, j, js); err != nil {
			return err
		}
		e.where[j.rel] = g
	}
	return nil
}

// openSource restores a source; that of a parked graph stays closed.
func openSource(g *Graph, parked bool, spec SourceSpec, at source.Offsets) (*graphSource, error) {
	if parked {
		return newClosedSource(g, spec, at), nil
	}
	return newGraphSource(g, spec, at)
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
