package server

import (
	"slices"

	"github.com/heliosdb/heliosdb-streaming/exec"
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// conflictPlan is ON CONFLICT, compiled.
type conflictPlan struct {
	set     []*expr.Program // over stored row, excluded row; nil: DO NOTHING
	where   *expr.Program
	touched map[string]bool // keys that this statement has written
}

// tableState is a keyed table as the transaction sees it: the snapshot and its
// own changes.
type tableState struct {
	rel  *catalog.Relation
	snap *exec.RelationSnapshot
	all  []int
	own  *delta.Batch
	last map[string]int // row of own that stands under a key; −1: it was taken away
}

func newTableState(rel *catalog.Relation, snap *exec.RelationSnapshot, own *delta.Batch) *tableState {
	t := &tableState{rel: rel, snap: snap, last: map[string]int{}}
	for i := range rel.Columns {
		t.all = append(t.all, i)
	}
	if own != nil {
		t.follow(own, 0)
	}
	return t
}

// follow notes the rows of own from row from on.
func (t *tableState) follow(own *delta.Batch, from int) {
	t.own = own
	for i := from; i < own.N; i++ {
		k := string(tableKey(t.rel, own, i))
		if own.Weight(i) > 0 {
			t.last[k] = i
		} else if at, ok := t.last[k]; !ok || at < i {
			t.last[k] = -1
		}
	}
}

// find gives the row that stands under the key of row i of b; nil: none.
func (t *tableState) find(key string, b *delta.Batch, i int) (*delta.Batch, error) {
	row := delta.NewBatch(t.rel.Types(), 1)
	if at, ok := t.last[key]; ok {
		if at < 0 {
			return nil, nil
		}
		row.AppendRow(t.own, at, 1)
		return row, nil
	}
	var eq []delta.Datum
	for _, c := range t.rel.PrimaryKey {
		eq = append(eq, b.Cols[c].At(i))
	}
	err := t.snap.Rows(t.all, eq, func(found *delta.Batch) error {
		for k := range found.N {
			row.AppendRow(found, k, 1)
		}
		return nil
	})
	if err != nil || row.N == 0 {
		return nil, err
	}
	return row, nil
}

// insertChecked inserts the rows of b one by one, looking at what is there.
func (wr *writer) insertChecked(b *delta.Batch) error {
	done := delta.NewBatch(wr.rel.Types(), b.N) // the rows that RETURNING sees
	for i := range b.N {
		if b.Weight(i) > 1 {
			return duplicateKey(wr.rel, b, i)
		}
		key := string(tableKey(wr.rel, b, i))
		stored, err := wr.table.find(key, b, i)
		if err != nil {
			return err
		}
		switch {
		case stored == nil:
			if err := wr.put(b, i, 1, key); err != nil {
				return err
			}
			done.AppendRow(b, i, 1)
		case wr.conflict == nil:
			return duplicateKey(wr.rel, b, i)
		case wr.conflict.set == nil:
		default:
			if err := wr.resolve(b, i, stored, key, done); err != nil {
				return err
			}
		}
	}
	return wr.affected(done)
}

// put adds a row to the write set and to what the statement sees.
func (wr *writer) put(b *delta.Batch, i int, weight int64, key string) error {
	from := 0
	if d := wr.set.set.deltas[wr.rel.OID]; d != nil {
		from = d.N
	}
	if err := wr.change(b, 0, i, weight); err != nil {
		return err
	}
	wr.table.follow(wr.set.set.deltas[wr.rel.OID], from)
	if wr.conflict != nil {
		wr.conflict.touched[key] = true
	}
	return nil
}

// resolve executes DO UPDATE for row i of b, which collides with stored.
func (wr *writer) resolve(b *delta.Batch, i int, stored *delta.Batch, key string, done *delta.Batch) error {
	if wr.conflict.touched[key] {
		return pgerr.New(pgerr.CardinalityViolation, "ON CONFLICT DO UPDATE command cannot affect row a second time").
			WithHint("Ensure that no rows proposed for insertion within the same command have duplicate constrained values.")
	}
	both := &delta.Batch{N: 1, Cols: slices.Clone(stored.Cols)}
	for _, v := range b.Cols {
		s := v.Slice(i, i+1)
		both.Cols = append(both.Cols, &s)
	}
	if w := wr.conflict.where; w != nil {
		v := w.Eval(&wr.eval, both)
		if err := firstFailure(&wr.eval); err != nil {
			return err
		}
		if v.IsNull(0) || !v.B[0] {
			wr.conflict.touched[key] = true
			return nil
		}
	}
	next := &delta.Batch{N: 1}
	for _, p := range wr.conflict.set {
		v := p.Eval(&wr.eval, both)
		if err := firstFailure(&wr.eval); err != nil {
			return err
		}
		c := delta.NewVec(p.Type(), 1)
		c.AppendFrom(v, 0)
		next.Cols = append(next.Cols, c)
	}
	if err := wr.notNull(next, 0); err != nil {
		return err
	}
	newKey := string(tableKey(wr.rel, next, 0))
	if newKey != key {
		if other, err := wr.table.find(newKey, next, 0); err != nil {
			return err
		} else if other != nil {
			return duplicateKey(wr.rel, next, 0)
		}
	}
	if err := wr.put(stored, 0, -1, key); err != nil {
		return err
	}
	if err := wr.put(next, 0, 1, newKey); err != nil {
		return err
	}
	wr.conflict.touched[newKey] = true
	done.AppendRow(next, 0, 1)
	return nil
}
