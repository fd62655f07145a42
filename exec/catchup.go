package exec

import (
	"maps"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/source"
)

// joinWait is how long a graph may be held at a boundary for a follower to come
// to its offsets; the follower tries again later.
const joinWait = 50 * time.Millisecond

// nearRows is the lag at which a follower asks to join.
const nearRows = 20_000

// startCatchUp begins jobs in a graph of their own that reads the sources from
// the start, never passes the offsets of the graph it will join, and joins it
// at equal offsets. Leaves on relations of home stay unfed until then.
func (e *Engine) startCatchUp(jobs []JobSpec, sources []SourceSpec, from map[uint32]source.Offsets, home *Graph) error {
	g := newGraph(uint64(jobs[0].Rel), &e.opts)
	g.paused = e.paused
	e.followOf(g, home)
	if err := e.install(g, jobs, sources, from, true); err != nil {
		home.mu.Lock()
		home.followers--
		home.mu.Unlock()
		return err
	}
	e.graphs[g.id] = g
	if e.running {
		g.begin()
	}
	return nil
}

// followOf makes g a follower of home; under Engine.mu, with neither's lock held.
func (e *Engine) followOf(g, home *Graph) {
	home.mu.Lock()
	home.publishOffsets()
	home.followers++
	home.mu.Unlock()
	g.mu.Lock()
	g.home = home
	g.follow = func() map[uint32]source.Offsets { return *g.home.standing.Load() }
	g.onNear = func() bool { return e.join(g) }
	g.mu.Unlock()
}

// publishOffsets lets followers see where the graph stands.
func (g *Graph) publishOffsets() {
	o := g.offsets()
	g.standing.Store(&o)
}

// lag is how many records of the shared sources the follower has yet to read.
func (g *Graph) lag() int64 {
	n := int64(0)
	target := g.follow()
	for rel, s := range g.sources {
		for part, want := range target[rel] {
			n += max(0, want-s.offsets[part])
		}
	}
	return n
}

// ahead reports whether the follower is past home in any partition.
func (g *Graph) ahead() bool {
	target := g.follow()
	for rel, s := range g.sources {
		for part, at := range s.offsets {
			if target[rel] != nil && at > target[rel][part] {
				return true
			}
		}
	}
	return false
}

// withinReach reports whether the follower lags by little and has fetched what
// it lags by: then joining holds nobody up.
func (g *Graph) withinReach() bool {
	lag := g.lag()
	return lag <= nearRows && lag <= int64(g.buffered())
}

// join merges the follower g into its home when it can be brought to the same
// offsets at once; it reports whether g is done.
func (e *Engine) join(g *Graph) bool {
	done, hs := e.tryJoin(g)
	e.retire(hs)
	return done
}

// tryJoin is join; it also gives what was held for g and has been fed.
func (e *Engine) tryJoin(g *Graph) (done bool, hs []*held) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.graphs[g.id] != g {
		return true, nil
	}
	home := g.home
	for rel := range g.sources {
		if x := e.flows[rel]; x != nil && x != home {
			// It would bring a source that another graph reads by now: both are its
			// home, and it has yet to come to where that one stands.
			if err := e.merge(home, x); err != nil {
				g.mu.Lock()
				g.failAll(err)
				g.mu.Unlock()
			}
			return false, nil
		}
	}
	home.mu.Lock()
	defer home.mu.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	home.publishOffsets()
	if len(home.replay)+len(g.replay) > 0 || !g.reachHome() {
		return false, nil
	}
	// Before watermarks move: what was held is not late.
	hs = g.takeHeld(home)
	g.feedHeld(hs)
	if err := home.meet(g); err != nil {
		if len(hs) == 0 {
			return false, nil
		}
		g.failAll(err)
	}
	e.moveIn(home, g)
	for _, s := range home.sources {
		if err := s.prepare(home.workers); err != nil {
			s.fail(home, err)
		}
	}
	home.reschedule()
	home.followers--
	delete(e.graphs, g.id)
	g.joined = true
	home.wake()
	return true, hs
}

// moveIn makes g's sources and jobs home's, which stands at the same offsets.
func (e *Engine) moveIn(home, g *Graph) {
	for rel, s := range g.sources {
		if have := home.sources[rel]; have != nil {
			s.reader.Close()
			s.dead.close()
			continue
		}
		s.owner.Store(home)
		home.sources[rel] = s
		e.flows[rel] = home
	}
	for _, j := range g.jobs {
		for _, rel := range j.reads {
			if s := g.sources[rel]; s != nil && home.sources[rel] != s {
				home.sources[rel].attach(j)
			} else if g.relations[rel] == nil && s == nil && !home.relations[rel].feeds(j) {
				if err := home.connect(j, home.relations[rel], true); err != nil {
					j.fail(err)
				}
			}
		}
		j.whole = false
		home.adopt(j)
		e.where[j.rel] = home
	}
}

// reachHome steps the follower, whose home stands still, up to its offsets.
func (g *Graph) reachHome() bool {
	deadline := time.NewTimer(joinWait)
	defer deadline.Stop()
	if g.ahead() {
		return false // home was a follower itself and has yet to come this far
	}
	for g.lag() > 0 {
		in := g.gather()
		if len(in.chunks) > 0 {
			start := g.opts.Now()
			g.runStep(in, false)
			g.report(in, start, false)
			continue
		}
		select {
		case <-g.wakeup:
		case <-deadline.C:
			return false
		}
	}
	return true
}

// meet brings the watermarks of both graphs to the later of the two: at equal
// offsets either may have cut last.
func (g *Graph) meet(o *Graph) error {
	times := maps.Clone(g.times)
	moved := false
	for rel, t := range o.times {
		if g.sources[rel] != nil && t > times[rel] {
			times[rel], moved = t, true
		}
	}
	if moved {
		if err := g.cutAt(times); err != nil {
			return err
		}
	}
	behind := false
	for rel := range o.times {
		behind = behind || g.times[rel] > o.times[rel]
	}
	if behind {
		o.applyCut(&Cut{Times: g.times, Now: g.now})
	}
	for rel, t := range o.times {
		g.times[rel] = max(t, g.times[rel])
	}
	return nil
}
