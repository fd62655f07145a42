package server

import (
	"context"

	"github.com/heliosdb/heliosdb-streaming/exec"
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/memory"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// writes is what a transaction has changed and not committed yet.
type writes struct {
	set        writeSet
	mem        *memory.Reservation
	statements int
	// first is the one statement that wrote, as long as it is the only one and
	// outside a block: it can be executed again when another session was faster.
	first *attempt
}

// attempt is a statement and what the client was told of it.
type attempt struct {
	c        *write
	args     []delta.Datum
	rows     int64
	returned bool
}

// maxAttempts is how often a statement is executed before it gives up with
// 40001.
const maxAttempts = 10

func (x *session) openWrites() *writes {
	if x.tx.writes == nil {
		x.tx.writes = &writes{set: writeSet{deltas: map[uint32]*delta.Batch{}}, mem: x.s.budget.Reserve()}
	}
	return x.tx.writes
}

// rowOverhead is what a buffered row takes besides its bytes.
const rowOverhead = 16

// add appends row i of b, the columns of rel beginning at column at.
func (w *writes) add(rel *catalog.Relation, b *delta.Batch, at, i int, weight int64) error {
	d := w.set.deltas[rel.OID]
	if d == nil {
		d = delta.NewBatch(rel.Types(), 0)
		w.set.deltas[rel.OID] = d
	}
	bytes := int64(rowOverhead)
	for c, v := range d.Cols {
		from := b.Cols[at+c]
		bytes += 8
		if from.S != nil && !from.IsNull(i) {
			bytes += int64(from.S[i].Len)
		}
		v.AppendFrom(from, i)
		if len(v.Data) > delta.MaxBatchBytes {
			return pgerr.New(pgerr.ProgramLimitExceeded, "a transaction changes too much of table %q", rel.Name).
				WithDetail("Column %q would take more than %d MB.", rel.Columns[c].Name, delta.MaxBatchBytes>>20)
		}
	}
	d.AppendWeight(weight)
	return w.mem.Grow(bytes)
}

// mark is a point to go back to when a statement fails.
type mark struct {
	rel  uint32
	rows int
}

func (w *writes) mark(rel *catalog.Relation) mark {
	m := mark{rel: rel.OID}
	if d := w.set.deltas[rel.OID]; d != nil {
		m.rows = d.N
	}
	return m
}

func (w *writes) backTo(m mark) {
	d := w.set.deltas[m.rel]
	switch {
	case d == nil:
	case m.rows == 0:
		delete(w.set.deltas, m.rel)
	default:
		d.Truncate(m.rows)
	}
}

// commitWrites makes the write set durable. When another session changed the
// same rows in between, the one statement of an implicit transaction is
// executed again on what is there now, as long as the client need not be told
// otherwise than it was.
func (x *session) commitWrites(ctx context.Context, w *writes) error {
	for n := 1; ; n++ {
		if w.statements > 1 {
			w.net()
		}
		err := x.s.commitWrite(ctx, &w.set)
		if err == nil || w.first == nil || n == maxAttempts || !w.first.again(err) {
			return err
		}
		if x.tx.reads != nil {
			x.tx.reads.release()
			x.tx.reads = nil
		}
		clear(w.set.deltas)
		out, again := w.first.c.apply(ctx, x, w.first.args)
		if again != nil {
			return again
		}
		out.mem.Release()
		if out.rows != w.first.rows {
			return err
		}
	}
}

// again reports whether executing the statement again may help.
func (a *attempt) again(err error) bool {
	if a.returned {
		return false
	}
	return pgerr.Is(err, pgerr.SerializationFailure) || a.c.w.Conflict != nil && pgerr.Is(err, pgerr.UniqueViolation)
}

// net adds up what several statements did to the same row.
func (w *writes) net() {
	for oid, d := range w.set.deltas {
		at := map[string]int{}
		weights := make([]int64, 0, d.N)
		var rows []int32
		var id []byte
		for i := range d.N {
			id = values.RowIdentity(id[:0], d.Cols, i)
			k, ok := at[string(id)]
			if !ok {
				k = len(rows)
				at[string(id)] = k
				rows, weights = append(rows, int32(i)), append(weights, 0)
			}
			weights[k] += d.Weight(i)
		}
		out := delta.NewBatch(d.Types(), len(rows))
		for k, i := range rows {
			if weights[k] != 0 {
				out.AppendRow(d, int(i), weights[k])
			}
		}
		w.set.deltas[oid] = out
		if out.N == 0 {
			delete(w.set.deltas, oid)
		}
	}
}

// balance is the net weight of a transaction's own rows of one table.
type balance struct {
	net map[string]int64
	row map[string]int
}

func balanceOf(own *delta.Batch) *balance {
	b := &balance{map[string]int64{}, map[string]int{}}
	var id []byte
	for i := range own.N {
		id = values.RowIdentity(id[:0], own.Cols, i)
		b.net[string(id)] += own.Weight(i)
		b.row[string(id)] = i
	}
	return b
}

// overlay reads a table as the transaction that wrote own sees it: the rows of
// the snapshot without those it took away, then those it added.
func overlay(rs *exec.RelationSnapshot, own *delta.Batch, take []int, eq []delta.Datum, push exec.Emit) error {
	bal := balanceOf(own)
	all := make([]int, len(own.Cols))
	for i := range all {
		all[i] = i
	}
	var id []byte
	out := delta.NewBatch(own.Types(), 0)
	flush := func() error {
		if out.N == 0 {
			return nil
		}
		err := push(pick(out, take))
		out.Reset()
		return err
	}
	err := rs.Rows(all, eq, func(b *delta.Batch) error {
		for i := range b.N {
			id = values.RowIdentity(id[:0], b.Cols, i)
			w := b.Weight(i)
			if n := bal.net[string(id)]; n != 0 {
				w += n
				delete(bal.net, string(id))
			}
			if w > 0 {
				out.AppendRow(b, i, w)
			}
		}
		return flush()
	})
	if err != nil {
		return err
	}
	for id, n := range bal.net {
		if n > 0 {
			out.AppendRow(own, bal.row[id], n)
		}
	}
	return flush()
}
