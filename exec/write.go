package exec

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// Write changes tables: the one way in which a statement's or a transaction's
// rows enter the graphs.
type Write struct {
	e      *Engine
	graphs []*Graph
}

// Write locks the graphs of the given tables, so that fn sees and changes them
// with nothing in between. fn checks, makes the change durable, then applies it.
func (e *Engine) Write(tables []uint32, fn func(w *Write) error) error {
	e.mu.RLock()
	defer e.mu.RUnlock()
	set := map[*Graph]bool{}
	for _, rel := range tables {
		g := e.where[rel]
		if g == nil {
			return pgerr.Internal("table %d is in no graph", rel)
		}
		set[g] = true
	}
	w := &Write{e: e}
	w.graphs = slices.SortedFunc(maps.Keys(set), func(a, b *Graph) int { return cmp.Compare(a.id, b.id) })
	for _, g := range w.graphs {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.paused != nil {
			return g.paused
		}
	}
	return fn(w)
}

// Count is RelationSnapshot.Count on the present contents.
func (w *Write) Count(rel uint32, b *delta.Batch, i int) (count int64, same bool) {
	ms := w.e.where[rel].relations[rel].contents()
	return countIn(ms[0].key, b, i, func(k []byte) ([]byte, bool) {
		for _, m := range ms {
			if v, ok := m.tree.Get(k); ok {
				return v, true
			}
		}
		return nil, false
	})
}

// Apply runs the deltas, by table, through the graphs, one step each, as the
// log's record pos. It returns when the step is published.
func (w *Write) Apply(pos uint64, deltas map[uint32]*delta.Batch) error {
	for _, g := range w.graphs {
		in := &input{}
		for rel, b := range deltas {
			if w.e.where[rel] == g {
				in.writes = append(in.writes, tableDelta{rel, b})
				in.rows += b.N
			}
		}
		g.runStep(in, false)
		g.applied = pos
		if g.due() != math.MaxInt64 {
			g.wake() // the loop may have to stop waiting sooner than it thought
		}
		g.published.Broadcast()
		for rel := range deltas {
			if j := g.relations[rel]; j != nil && j.failed.Load() {
				return j.Err()
			}
		}
	}
	return nil
}

// Replay applies a logged change to the tables that have not seen it yet; for
// recovery, before Run.
func (e *Engine) Replay(pos uint64, deltas map[uint32]*delta.Batch) error {
	for rel := range maps.Keys(deltas) {
		if g := e.where[rel]; g == nil || g.applied >= pos {
			delete(deltas, rel)
		}
	}
	if len(deltas) == 0 {
		return nil
	}
	return e.Write(slices.Collect(maps.Keys(deltas)), func(w *Write) error { return w.Apply(pos, deltas) })
}
