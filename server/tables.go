package server

import (
	"context"
	"maps"
	"slices"

	"github.com/heliosdb/heliosdb-streaming/exec"
	"github.com/heliosdb/heliosdb-streaming/internal/crashpoint"
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// writeSet is what a statement or a transaction changes in tables: by table
// OID, old rows with weight −1 and new rows with weight +1.
type writeSet struct {
	deltas map[uint32]*delta.Batch
}

var (
	crashWriteLogged  = crashpoint.Register("write.logged")
	crashWriteApplied = crashpoint.Register("write.applied")
)

// commitWrite makes a write set durable and visible, all of it or none. It
// returns when the change is synced and published.
func (s *Server) commitWrite(ctx context.Context, ws *writeSet) error {
	tables := slices.Collect(maps.Keys(ws.deltas))
	if len(tables) == 0 {
		return nil
	}
	pos, err := s.logWrite(ctx, ws, tables)
	switch {
	case err == nil:
		return s.confirm(ctx, pos)
	case pos == 0:
		// What stands in the way may be a change that is not confirmed yet.
		if wait := s.visible(ctx, s.wal.LastPos()); wait != nil {
			return wait
		}
	}
	return err
}

// logWrite checks a write set, logs it and applies it. It returns the log
// position, 0 if nothing was logged.
func (s *Server) logWrite(ctx context.Context, ws *writeSet, tables []uint32) (pos uint64, err error) {
	s.writes.RLock()
	defer s.writes.RUnlock()
	err = s.engine.Write(tables, func(w *exec.Write) error {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		cat := s.catalog()
		for oid, b := range ws.deltas {
			r := cat.ByOID(oid)
			if r == nil {
				return pgerr.New(pgerr.UndefinedTable, "the table was dropped meanwhile")
			}
			if err := checkWrite(w, r, b); err != nil {
				return err
			}
		}
		var err error
		if pos, err = s.append(recordWrite, appendWrite(nil, ws.deltas)); err != nil {
			return err
		}
		crashpoint.Hit(crashWriteLogged)
		err = w.Apply(pos, ws.deltas)
		crashpoint.Hit(crashWriteApplied)
		return err
	})
	return pos, err
}

// checkWrite sees that the rows to go are there as they were read and that no
// primary key would be taken twice.
func checkWrite(w *exec.Write, r *catalog.Relation, b *delta.Batch) error {
	type balance struct {
		have, change int64
		row          int // the last one that comes
	}
	seen := map[string]*balance{}
	keyed := len(r.PrimaryKey) > 0
	for i := range b.N {
		weight := b.Weight(i)
		id := string(tableKey(r, b, i))
		e := seen[id]
		if e == nil || weight < 0 && keyed {
			have, same := w.Count(r.OID, b, i)
			if weight < 0 && keyed && !same {
				return concurrentUpdate()
			}
			if e == nil {
				e = &balance{have: have, row: -1}
				seen[id] = e
			}
		}
		e.change += weight
		if weight > 0 {
			e.row = i
		}
	}
	for _, e := range seen {
		left := e.have + e.change
		switch {
		case left < 0:
			return concurrentUpdate()
		case keyed && left > 1:
			return duplicateKey(r, b, e.row)
		}
	}
	return nil
}

// tableKey is what identifies a row in its table.
func tableKey(r *catalog.Relation, b *delta.Batch, i int) []byte {
	if len(r.PrimaryKey) == 0 {
		return values.RowIdentity(nil, b.Cols, i)
	}
	var k []byte
	for _, c := range r.PrimaryKey {
		k = values.AppendKey(k, b.Cols[c], i)
	}
	return k
}

func concurrentUpdate() error {
	return pgerr.New(pgerr.SerializationFailure, "could not serialize access due to concurrent update")
}

// duplicateKey is PostgreSQL's error of a primary key that is taken.
func duplicateKey(r *catalog.Relation, b *delta.Batch, i int) error {
	var names, vals []byte
	for n, c := range r.PrimaryKey {
		if n > 0 {
			names, vals = append(names, ", "...), append(vals, ", "...)
		}
		names = append(names, r.Columns[c].Name...)
		if b.Cols[c].IsNull(i) {
			vals = append(vals, "null"...)
		} else {
			vals = values.AppendText(vals, b.Cols[c], i, &values.TextOpts{})
		}
	}
	e := pgerr.New(pgerr.UniqueViolation, "duplicate key value violates unique constraint %q", r.Name+"_pkey").
		WithDetail("Key (%s)=(%s) already exists.", names, vals)
	e.Schema, e.Table, e.Constraint = r.Schema, r.Name, r.Name+"_pkey"
	return e
}
