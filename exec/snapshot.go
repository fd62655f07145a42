package exec

import (
	"bytes"
	"encoding/binary"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/storage/state"
)

// Snapshot holds relations of one or more graphs, each graph at one step. It
// blocks nobody and is blocked by nobody; Release frees what only it holds.
type Snapshot struct {
	rels    map[uint32]*RelationSnapshot
	applied uint64
}

// Applied is the log position of the last change of a table that s shows.
func (s *Snapshot) Applied() uint64 { return s.applied }

// RelationSnapshot is the contents of one relation at one step.
type RelationSnapshot struct {
	Step uint64
	// Stale is why the contents do not follow their inputs any more; nil: they do.
	Stale error
	// Behind: the relation stands still or is on its way back: its contents are
	// whole, and those of an earlier time.
	Behind bool
	// Pending is why the contents are not complete yet; nil: they are.
	Pending error
	types   []types.Type
	key     []int
	trees   []*state.Snapshot
}

// Add takes snapshots of the relations that s does not hold yet, those of one
// graph at one step. Relations of a graph that s has already been to are taken
// with it, so a transaction's reads of a graph stay on one step. A relation that
// the engine does not run is left out.
func (e *Engine) Add(s *Snapshot, rels []uint32) error {
	e.mu.RLock()
	defer e.mu.RUnlock()
	for _, rel := range rels {
		if s.rels[rel] != nil {
			continue
		}
		g := e.where[rel]
		if g == nil {
			continue
		}
		if err := g.snapshot(s); err != nil {
			return err
		}
	}
	return nil
}

// NewSnapshot makes an empty snapshot.
func NewSnapshot() *Snapshot { return &Snapshot{rels: map[uint32]*RelationSnapshot{}} }

// snapshot adds all relations of the graph that s lacks.
func (g *Graph) snapshot(s *Snapshot) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, j := range g.jobs {
		ms := j.contents()
		if len(ms) == 0 || s.rels[j.rel] != nil {
			continue
		}
		r := &RelationSnapshot{Step: g.step, Stale: g.failure(j), types: ms[0].types, key: ms[0].key}
		if r.Stale == nil {
			r.Pending = g.notYet(j)
			r.Behind = j.whole && (g.parked || g.follow != nil)
		}
		for _, m := range ms {
			r.trees = append(r.trees, m.tree.Snapshot())
		}
		s.rels[j.rel] = r
		s.applied = max(s.applied, g.applied)
	}
	return nil
}

// Relation is the snapshot of one relation; nil: not taken.
func (s *Snapshot) Relation(rel uint32) *RelationSnapshot { return s.rels[rel] }

// Release gives the snapshot up.
func (s *Snapshot) Release() {
	for _, r := range s.rels {
		for _, t := range r.trees {
			t.Release()
		}
	}
	s.rels = nil
}

// Rows pushes the relation's rows whose leading key columns equal eq (of a
// relation without key, its leading columns, and perhaps rows that do not), the
// columns take, in key order within a worker's share. Weights are counts.
func (r *RelationSnapshot) Rows(take []int, eq []delta.Datum, push Emit) error {
	prefixes, err := r.prefixes(eq)
	if err != nil {
		return err
	}
	all := delta.NewBatch(r.types, 0)
	var sub subscription
	sub.pick = take
	flush := func() error {
		if all.N == 0 {
			return nil
		}
		err := push(sub.picked(all))
		all.Reset()
		return err
	}
	limit := 1
	for _, prefix := range prefixes {
		for _, t := range r.trees {
			c := t.Cursor()
			for ok := c.Seek(prefix); ok && bytes.HasPrefix(c.Key(), prefix); ok = c.Next() {
				if err := decodeContents(r.key != nil, c.Key(), c.Value(), all); err != nil {
					return err
				}
				if all.N >= limit {
					if err := flush(); err != nil {
						return err
					}
					limit = min(limit*4, 1024) // a point read pays for one row
				}
			}
		}
	}
	return flush()
}

// prefixes encode equalities on the leading key columns; a relation without key
// is ordered by its whole rows, and those that are too long for a key lie apart,
// so that all of them are read.
func (r *RelationSnapshot) prefixes(eq []delta.Datum) ([][]byte, error) {
	if len(eq) == 0 {
		return [][]byte{nil}, nil
	}
	column := func(i int) int { return i }
	p, width := []byte{wholeRow}, len(r.types)
	if r.key != nil {
		column = func(i int) int { return r.key[i] }
		p, width = nil, len(r.key)
	}
	if len(eq) > width {
		return nil, pgerr.Internal("%d equalities on a key of %d columns", len(eq), width)
	}
	for i, d := range eq {
		v := delta.NewVec(r.types[column(i)], 1)
		v.AppendDatum(d)
		p = values.AppendKey(p, v, 0)
	}
	if r.key != nil {
		return [][]byte{p}, nil
	}
	return [][]byte{p, {hashedRow}}, nil
}

// Len is the number of distinct keys.
func (r *RelationSnapshot) Len() int {
	n := 0
	for _, t := range r.trees {
		n += t.Len()
	}
	return n
}

// Count is how often a row is in the relation; for a keyed relation the row
// found under the key of the given row, and whether it equals it.
func (r *RelationSnapshot) Count(b *delta.Batch, i int) (count int64, same bool) {
	return countIn(r.key, b, i, func(k []byte) ([]byte, bool) {
		for _, t := range r.trees {
			if v, ok := t.Get(k); ok {
				return v, true
			}
		}
		return nil, false
	})
}

func countIn(key []int, b *delta.Batch, i int, get func([]byte) ([]byte, bool)) (int64, bool) {
	var cols []*delta.Vec
	for _, k := range key {
		cols = append(cols, b.Cols[k])
	}
	v, ok := get(appendRowKey(nil, key, cols, b, i))
	if !ok {
		return 0, false
	}
	n, k := binary.Uvarint(v)
	return int64(n), key == nil || bytes.Equal(v[k:], values.AppendRow(nil, b.Cols, i))
}
