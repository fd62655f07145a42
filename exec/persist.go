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
	Parked  bool             `json:"parked,omitempty"`
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
	Whole     bool            `json:"whole,omitempty"` // parked or on its way back: see Job
	Held      []HeldState     `json:"held,omitempty"`
	Clock     *int64          `json:"clock,omitempty"` // of its last cut; nil: none, or nothing depends on it
}

// HeldState says that a relation's changes are held for a leaf of a job in
// another graph; they are in a table of their own.
type HeldState struct {
	Reader uint32 `json:"reader"`
	Leaf   int    `json:"leaf"`
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
	dead    map[uint32]bool // sources whose dead letters are in tables
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
	fz := &Frozen{e: e, dead: map[uint32]bool{}}
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
		for _, h := range j.held {
			if err := add(heldTableID(h.reader.rel, h.leaf), h.tree); err != nil {
				return err
			}
		}
	}
	for _, s := range g.sources {
		if t := s.dead.tree; t != nil && fz.keepsDead(g, s) {
			if err := add(deadTableID(s.spec.Rel), t); err != nil {
				return err
			}
		}
	}
	fz.Graphs = append(fz.Graphs, g.state())
	return nil
}

// keepsDead reports whether g's dead letters of the source are those that the
// epoch holds: of graphs that read one source, the one that all are to join, or
// when all stand still the first. Under Engine.mu.
func (fz *Frozen) keepsDead(g *Graph, s *graphSource) bool {
	if f := fz.e.flows[s.spec.Rel]; f != nil {
		return f == g
	}
	if g.follow != nil || fz.dead[s.spec.Rel] {
		return false
	}
	fz.dead[s.spec.Rel] = true
	return true
}

// state describes the graph as it stands.
func (g *Graph) state() GraphState {
	st := GraphState{ID: g.id, Aliases: g.aliases, Step: g.step, Applied: g.applied, CutPos: g.cutPos, Now: g.now, Parked: g.parked, Times: maps.Clone(g.times)}
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
		js := JobState{Rel: j.rel, Started: j.started, Failed: j.failed.Load(), Workers: g.workers, Whole: j.whole}
		if b := j.pipes[0]; len(b.clocked) > 0 && b.ctx.Clock != NoClock {
			clock := b.ctx.Clock
			js.Clock = &clock
		}
		for _, h := range j.held {
			if h.worker == 0 {
				js.Held = append(js.Held, HeldState{h.reader.rel, h.leaf})
			}
		}
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
