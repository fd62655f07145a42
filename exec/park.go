package exec

import (
	"errors"
	"maps"
	"slices"

	"github.com/heliosdb/heliosdb-streaming/internal/source"
)

// A parked job stands still in a graph of its own that never steps: detached at
// a step boundary, with its offsets and watermarks frozen, its sources closed and
// what the relations it reads pass on held for it. What reads it stands still
// with it, in the same graph. It comes back as any job that catches up does: it
// follows the graph it will join and joins it at equal offsets; what was held
// enters in one step just before.

// Park detaches jobs, with what reads them, as log record pos says. Tables and
// relations that the engine does not run are left alone.
func (e *Engine) Park(rels []uint32, pos uint64) {
	e.mu.Lock()
	sets := map[*Graph]map[*Job]bool{}
	for _, rel := range rels {
		g := e.where[rel]
		if g == nil || g.relations[rel].table {
			continue
		}
		addJob(sets, g, g.relations[rel])
	}
	e.addReaders(sets)
	var empty []*Graph
	for _, g := range slices.SortedFunc(maps.Keys(sets), byID) {
		set := sets[g]
		if g.parked && len(set) == len(g.jobs) {
			continue
		}
		e.park(g, set, pos)
		if len(g.jobs) == 0 {
			empty = append(empty, g)
		}
	}
	e.mu.Unlock()
	for _, g := range empty {
		g.close()
	}
}

func byID(a, b *Graph) int {
	if a.id < b.id {
		return -1
	}
	return 1
}

func addJob(sets map[*Graph]map[*Job]bool, g *Graph, j *Job) {
	if sets[g] == nil {
		sets[g] = map[*Job]bool{}
	}
	sets[g][j] = true
}

// addReaders adds what reads the jobs of the sets: in their graphs, and in those
// that are on their way to them.
func (e *Engine) addReaders(sets map[*Graph]map[*Job]bool) {
	stands := func(rel uint32) bool {
		g := e.where[rel]
		return g != nil && sets[g][g.relations[rel]]
	}
	for again := true; again; {
		again = false
		for _, g := range e.graphs {
			for _, j := range g.jobs { // in topological order
				if !sets[g][j] && slices.ContainsFunc(j.reads, stands) {
					addJob(sets, g, j)
					again = true
				}
			}
		}
	}
}

// park moves the jobs of set out of g into a graph that stands still. Under
// Engine.mu, which keeps everybody away who takes the locks of two graphs.
func (e *Engine) park(g *Graph, set map[*Job]bool, pos uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var jobs []*Job
	for _, j := range g.jobs {
		if set[j] {
			jobs = append(jobs, j)
		}
	}
	id := pos<<32 | uint64(jobs[0].rel)
	for e.graphs[id] != nil {
		id += 1 << 32
	}
	p := newGraph(id, &e.opts)
	p.parked, p.paused = true, e.paused
	p.now, p.step, p.cutPos = g.now, g.step, g.cutPos
	maps.Copy(p.times, g.times)
	for _, j := range jobs {
		j.whole = g.notYet(j) == nil
	}
	e.parkSources(g, p, set)
	apart := true // from all relations of g
	for _, j := range jobs {
		for _, rel := range j.reads {
			if up := g.relations[rel]; up != nil && !set[up] {
				up.hold(g.pool, j)
				apart = false
			}
		}
	}
	if apart {
		// Cuts that recovery has yet to repeat hold for these jobs too.
		p.replay = slices.Clone(g.replay)
	}
	for _, j := range jobs {
		delete(g.relations, j.rel)
		p.adopt(j)
		e.where[j.rel] = p
	}
	g.jobs = slices.DeleteFunc(g.jobs, func(j *Job) bool { return set[j] })
	g.reschedule()
	p.reschedule()
	e.graphs[p.id] = p
	if len(g.jobs) == 0 {
		delete(e.graphs, g.id)
		maps.DeleteFunc(e.flows, func(_ uint32, f *Graph) bool { return f == g })
		e.release(g)
	}
}

// parkSources gives p the sources that the jobs of set read, closed, where they
// stand; g keeps those that others read too.
func (e *Engine) parkSources(g, p *Graph, set map[*Job]bool) {
	for rel, s := range g.sources {
		needed, others := false, false
		for _, sub := range s.subs[0].subs {
			needed = needed || set[sub.job]
			others = others || !set[sub.job]
		}
		if !needed {
			continue
		}
		ns := s
		if others {
			ns = newClosedSource(p, s.spec, s.offsets)
			for part, m := range s.parts {
				c := *m
				ns.parts[part] = &c
			}
			for j := range set {
				for _, f := range s.subs {
					f.drop(j)
				}
				ns.attach(j)
			}
		} else {
			s.reader.Close()
			s.reader = closedReader{}
			s.owner.Store(p)
			delete(g.sources, rel)
			if e.flows[rel] == g {
				delete(e.flows, rel)
			}
		}
		p.sources[rel] = ns
	}
}

// Unpark lets parked jobs come back unless stay says of one of a graph's that it
// is not to. more: some have yet to wait for what they read to come back first.
func (e *Engine) Unpark(stay func(rel uint32) bool) (more bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for again := true; again; {
		again, more = false, false
		for _, id := range slices.Sorted(maps.Keys(e.graphs)) {
			p := e.graphs[id]
			if p == nil || !p.parked || slices.ContainsFunc(p.jobs, func(j *Job) bool { return stay(j.rel) }) {
				continue
			}
			homes, ready := e.homesOf(p)
			if !ready {
				more = true
				continue
			}
			e.unpark(p, homes)
			again = true
		}
	}
	return more
}

// homesOf finds the graphs in which p's inputs are, by id; ready is false when
// one of them is parked, catches up or does not run.
func (e *Engine) homesOf(p *Graph) (homes []*Graph, ready bool) {
	set := map[*Graph]bool{}
	for _, j := range p.jobs {
		for _, rel := range j.reads {
			if p.sources[rel] != nil || p.relations[rel] != nil {
				continue
			}
			g := e.where[rel]
			if g == nil || g.parked || g.follow != nil {
				return nil, false
			}
			set[g] = true
		}
	}
	for rel := range p.sources {
		if g := e.flows[rel]; g != nil {
			set[g] = true
		}
	}
	return slices.SortedFunc(maps.Keys(set), byID), true
}

// unpark opens p's sources where they stood and lets it catch up with the graphs
// in which its inputs are, which become one.
func (e *Engine) unpark(p *Graph, homes []*Graph) {
	for _, h := range homes[min(1, len(homes)):] {
		if err := e.merge(homes[0], h); err != nil {
			p.failAll(err)
			return
		}
	}
	p.mu.Lock()
	p.parked = false
	for _, s := range p.sources {
		if err := s.open(p); err != nil {
			s.fail(p, err)
		}
	}
	p.mu.Unlock()
	if len(homes) > 0 {
		e.followOf(p, homes[0])
	} else {
		for rel := range p.sources {
			e.flows[rel] = p
		}
	}
	if e.running {
		p.begin()
	}
	p.wake()
}

// Returned reports whether none of the jobs is on its way back from being
// parked, as far as graphs take input.
func (e *Engine) Returned(rels []uint32) bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	for _, rel := range rels {
		if g := e.where[rel]; g != nil && e.paused == nil && !g.parked && g.follow != nil {
			return false
		}
	}
	return true
}

// ErrParked says that a relation stands still, so that a job on it cannot start.
var ErrParked = errors.New("relation stands still")

// closedReader is the reader of a source that is not read.
type closedReader struct{}

func (closedReader) Take(source.Budget, source.Offsets) ([]source.Chunk, error) { return nil, nil }
func (closedReader) Buffered() int                                              { return 0 }
func (closedReader) Status() source.Status                                      { return source.Status{} }
func (closedReader) Close()                                                     {}

// takeHeld takes what the relations of home hold for the jobs of g.
func (g *Graph) takeHeld(home *Graph) (out []*held) {
	for _, j := range g.jobs {
		for _, rel := range j.reads {
			if up := home.relations[rel]; up != nil {
				out = append(out, up.release(j, true)...)
			}
		}
	}
	return out
}

// feedHeld runs one step of g with what was held for it.
func (g *Graph) feedHeld(hs []*held) {
	in := &input{held: hs}
	for _, h := range hs {
		in.rows += h.tree.Len()
	}
	if in.rows > 0 {
		g.runStep(in, false)
	}
}
