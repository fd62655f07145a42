package exec

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/source"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
)

// Engine holds the graphs of a process. DDL calls (Create, Drop, Restore) come
// one at a time; everything else may come from anywhere at any time.
//
// Locks are taken in this order: Engine.mu, then graphs' mu by ascending id.
type Engine struct {
	opts Options

	mu      sync.RWMutex // which graph a relation is in
	running bool         // loops are started; false during recovery
	paused  error        // why no graph takes input; nil: they run
	graphs  map[uint64]*Graph
	where   map[uint32]*Graph // by job's relation
	flows   map[uint32]*Graph // by source: the graph that a new job would join

	// freezing is held for reading while a checkpoint reads tables in the
	// background, and for writing to free the tables of a dropped job.
	freezing sync.RWMutex
	dropped  []uint64 // table ids whose state the next epoch leaves out
	dropMu   sync.Mutex
}

// NewEngine makes an engine without graphs; nothing runs before Run.
func NewEngine(o Options) *Engine {
	if o.MaxStepRows == 0 {
		o.MaxStepRows = 32 << 10
	}
	if o.MaxStepBytes == 0 {
		o.MaxStepBytes = 32 << 20
	}
	return &Engine{opts: o, graphs: map[uint64]*Graph{}, where: map[uint32]*Graph{}, flows: map[uint32]*Graph{}}
}

// Start gives jobs to the engine and the sources that they read. Jobs of one
// call begin together. from gives the offsets at which sources start; one that
// is missing starts by its startup mode when its broker answers.
//
// Jobs on sources that already flow first catch up in a graph of their own and
// then join at equal offsets; jobs on relations with contents begin with a
// backfill inside the graph's steps.
func (e *Engine) Start(jobs []JobSpec, sources []SourceSpec, from map[uint32]source.Offsets) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.allThere(jobs, sources); err != nil {
		return err
	}
	in, flowing, err := e.inputGraphs(jobs)
	if err != nil {
		return err
	}
	var home *Graph
	for _, g := range in {
		if home == nil {
			home = g
		} else if err := e.merge(home, g); err != nil {
			return err
		}
	}
	if flowing && len(sources) > 0 {
		return e.startCatchUp(jobs, sources, from, home)
	}
	if home == nil {
		home = newGraph(uint64(jobs[0].Rel), &e.opts)
		home.paused = e.paused
		e.graphs[home.id] = home
		if e.running {
			defer home.begin()
		}
	}
	home.mu.Lock()
	defer home.mu.Unlock()
	if err := e.install(home, jobs, sources, from, true); err != nil {
		return err
	}
	for _, s := range sources {
		e.flows[s.Rel] = home
	}
	home.wake()
	return nil
}

// ErrNotYet says that a relation is still catching up with the graph that a new
// job on it would have to be in.
var ErrNotYet = errors.New("relation is still catching up")

// inputGraphs finds the graphs in which the inputs of jobs live, by id. flowing:
// a source they read is already read there.
func (e *Engine) inputGraphs(jobs []JobSpec) (graphs []*Graph, flowing bool, err error) {
	in := map[uint64]*Graph{}
	for _, j := range jobs {
		for _, rel := range scansOf(j.Plan) {
			if g := e.where[rel]; g != nil {
				if g.parked {
					return nil, false, fmt.Errorf("%w: %w", ErrNotYet, ErrParked)
				}
				if g.follow != nil {
					return nil, false, fmt.Errorf("%w: %w", ErrNotYet,
						pgerr.New(pgerr.ObjectNotInPrerequisiteState, "relation %q is still catching up", g.relations[rel].name).
							WithHint("Wait until SHOW JOBS shows it running."))
				}
				in[g.id] = g
			} else if g := e.flows[rel]; g != nil {
				in[g.id], flowing = g, true
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(in)) {
		graphs = append(graphs, in[id])
	}
	return graphs, flowing, nil
}

// allThere sees that everything the jobs read is a source, one of them, or runs.
func (e *Engine) allThere(jobs []JobSpec, sources []SourceSpec) error {
	known := map[uint32]bool{}
	for _, j := range jobs {
		known[j.Rel] = true
	}
	for _, s := range sources {
		known[s.Rel] = true
	}
	for _, j := range jobs {
		for _, rel := range scansOf(j.Plan) {
			if !known[rel] && e.where[rel] == nil {
				return fmt.Errorf("%w: relation %d, which %q reads, does not run", ErrNotYet, rel, j.Name)
			}
		}
	}
	return nil
}

// Has reports whether the engine runs a relation's job.
func (e *Engine) Has(rel uint32) bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.where[rel] != nil
}

// install opens the sources that g does not read yet and attaches the jobs.
func (e *Engine) install(g *Graph, jobs []JobSpec, sources []SourceSpec, from map[uint32]source.Offsets, backfill bool) error {
	for _, s := range sources {
		if g.sources[s.Rel] != nil {
			continue
		}
		gs, err := newGraphSource(g, s, from[s.Rel])
		if err != nil {
			return err
		}
		g.sources[s.Rel] = gs
	}
	for _, spec := range jobs {
		j, err := newJob(g, spec)
		if err != nil {
			return err
		}
		if err := g.attach(j, backfill); err != nil {
			return err
		}
		e.where[j.rel] = g
	}
	return nil
}

// merge moves everything of b into a, at a boundary of both.
func (e *Engine) merge(a, b *Graph) error {
	if e.running {
		b.halt()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	for rel, s := range b.sources {
		s.owner.Store(a)
		a.sources[rel] = s
		e.flows[rel] = a
	}
	maps.Copy(a.times, b.times)
	for _, j := range b.jobs {
		a.adopt(j)
		e.where[j.rel] = a
	}
	a.publishOffsets() // before a follower looks: a may never have had one
	for _, f := range e.graphs {
		if f.home != b {
			continue
		}
		f.mu.Lock()
		f.home = a
		f.mu.Unlock()
		a.followers++
	}
	a.aliases = append(append(a.aliases, b.id), b.aliases...)
	a.replay = append(a.replay, b.replay...)
	slices.SortStableFunc(a.replay, func(x, y *Cut) int { return cmp.Compare(x.pos, y.pos) })
	a.reschedule()
	delete(e.graphs, b.id)
	a.wake()
	return nil
}

// Drop takes a relation's job out and frees its state. The caller has dropped
// what reads it.
func (e *Engine) Drop(rel uint32) error {
	e.mu.Lock()
	g := e.where[rel]
	if g == nil {
		e.mu.Unlock()
		return nil
	}
	delete(e.where, rel)
	g.mu.Lock()
	j := g.relations[rel]
	var ids []uint64
	err := j.tables(func(w int, op uint64, t StateTable) error {
		if w == 0 {
			ids = append(ids, tableID(op, t.Suffix))
		}
		return nil
	})
	g.detach(j)
	hs := j.held
	j.held = nil
	for _, in := range j.reads {
		hs = append(hs, e.unhold(g, in, j)...)
	}
	empty := len(g.jobs) == 0
	for src, f := range e.flows {
		if f == g && g.sources[src] == nil {
			delete(e.flows, src)
		}
	}
	if empty {
		delete(e.graphs, g.id)
		e.release(g)
	}
	g.mu.Unlock()
	e.mu.Unlock()
	if empty {
		g.close()
	}
	e.dropMu.Lock()
	e.dropped = append(e.dropped, append(ids, deadTableID(rel))...)
	e.dropMu.Unlock()
	e.freezing.Lock()
	j.close()
	e.freezing.Unlock()
	e.retire(hs)
	return err
}

// unhold takes out what a relation in another graph than g holds for a job that
// goes. Under Engine.mu.
func (e *Engine) unhold(g *Graph, rel uint32, j *Job) []*held {
	og := e.where[rel]
	if og == nil || og == g {
		return nil
	}
	og.mu.Lock()
	defer og.mu.Unlock()
	return og.relations[rel].release(j, false)
}

// release finds a new home for the followers of a graph that ends: one that reads
// a source of theirs. The first for which there is none goes on by itself, and new
// jobs on its sources join it: two graphs never read one source for good. Under
// Engine.mu.
func (e *Engine) release(home *Graph) {
	if home.home != nil {
		home.home.mu.Lock()
		home.home.followers--
		home.home.mu.Unlock()
	}
	for _, id := range slices.Sorted(maps.Keys(e.graphs)) {
		g := e.graphs[id]
		if g.home != home {
			continue
		}
		if next := e.flowOf(g); next != nil {
			e.followOf(g, next)
		} else {
			g.mu.Lock()
			g.home, g.follow, g.onNear = nil, nil, nil
			for rel := range g.sources {
				e.flows[rel] = g
			}
			g.mu.Unlock()
		}
		g.wake()
	}
}

// flowOf is the graph, of the lowest id, that new jobs on one of g's sources
// would join; nil: there is none.
func (e *Engine) flowOf(g *Graph) (next *Graph) {
	for rel := range g.sources {
		if f := e.flows[rel]; f != nil && (next == nil || f.id < next.id) {
			next = f
		}
	}
	return next
}

// Close stops all graphs.
func (e *Engine) Close() {
	e.mu.Lock()
	graphs := e.graphs
	e.graphs = map[uint64]*Graph{}
	e.mu.Unlock()
	for _, g := range graphs {
		g.close()
	}
}

// Pause stops all graphs from taking input, with a reason that SHOW JOBS shows;
// nil lets them go on.
func (e *Engine) Pause(reason error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.paused = reason
	for _, g := range e.graphs {
		g.mu.Lock()
		g.paused = reason
		g.mu.Unlock()
		g.wake()
	}
}

// each calls fn for every graph, by ascending id, with its lock held.
func (e *Engine) each(fn func(g *Graph) error) error {
	e.mu.RLock()
	defer e.mu.RUnlock()
	for _, id := range slices.Sorted(maps.Keys(e.graphs)) {
		g := e.graphs[id]
		g.mu.Lock()
		err := fn(g)
		g.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// String names the graph in errors.
func (g *Graph) String() string { return fmt.Sprintf("graph %d", g.id) }

// ErrStopped is returned by waits that were given up.
var ErrStopped = errors.New("wait was given up")

// Check builds the operators of a job and throws them away: what cannot be
// built is known before the job is made durable.
func (e *Engine) Check(spec JobSpec) error {
	b, err := e.tryBuild(spec)
	if err == nil {
		b.close()
	}
	return err
}

// tryBuild builds the operators of a job for nobody.
func (e *Engine) tryBuild(spec JobSpec) (*builder, error) {
	b := &builder{ctx: &Ctx{Pool: e.opts.Pool}, pool: e.opts.Pool, workers: 1, exchanges: map[*plan.Exchange]*exchange{}}
	if _, err := b.build(spec.Plan, func(*delta.Batch) error { return nil }); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// WaitFilled waits until a job has read the past of the relations it reads, or
// has failed (its error), or stop is closed (ErrStopped).
func (e *Engine) WaitFilled(rel uint32, stop <-chan struct{}) error {
	for {
		e.mu.RLock()
		g := e.where[rel]
		e.mu.RUnlock()
		if g == nil {
			return nil // dropped meanwhile
		}
		g.mu.Lock()
		j := g.relations[rel]
		done := j == nil || !j.filling() && j.started && g.due() != NoClock
		var err error
		if j != nil && j.failed.Load() {
			err = j.Err()
		}
		paused, parked := g.paused, g.parked
		g.mu.Unlock()
		switch {
		case err != nil || done || parked:
			return err
		case paused != nil:
			return paused
		}
		select {
		case <-stop:
			return ErrStopped
		case <-time.After(flushPoll):
		}
	}
}
