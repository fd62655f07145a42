package server

import (
	"context"

	"github.com/heliosdb/heliosdb-streaming/exec"
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// reader gives a query the contents of relations as its transaction sees them.
type reader struct {
	x      *session
	reads  *reads
	writes *writes // of the transaction, nil: none
}

var _ exec.Relations = (*reader)(nil)

// reader makes the reader of a query that reads the given stored relations.
func (x *session) reader(stored []uint32) (*reader, error) {
	rd := &reader{x: x, writes: x.tx.writes}
	if len(stored) == 0 {
		return rd, nil
	}
	if err := x.checkWritten(stored); err != nil {
		return nil, err
	}
	if x.tx.reads == nil {
		x.tx.reads = newReads()
	}
	r := x.tx.reads
	if err := x.s.engine.Add(r.snap, stored); err != nil {
		return nil, err
	}
	if err := x.s.visible(x.s.closing, max(r.snap.Applied(), x.s.catalog().logged)); err != nil {
		return nil, err
	}
	for _, oid := range stored {
		if err := x.fresh(r, oid); err != nil {
			return nil, err
		}
	}
	r.refs++
	rd.reads = r
	return rd, nil
}

// fresh refuses a relation that is still catching up and warns of one that
// stands still.
func (x *session) fresh(r *reads, oid uint32) error {
	rs := r.snap.Relation(oid)
	if rs == nil {
		return x.s.unread(oid)
	}
	if rs.Pending != nil {
		return rs.Pending
	}
	if rs.Behind {
		x.warnBehind(r, oid)
	}
	if rs.Stale == nil {
		return nil
	}
	if !r.warned[oid] {
		r.warned[oid] = true
		name := ""
		if rel := x.s.catalog().ByOID(oid); rel != nil {
			name = rel.Name
		}
		x.warn(warning(pgerr.Warning, "materialized view %q is stale: its job has failed", name).
			WithDetail("%s", pgerr.From(rs.Stale).Message).
			WithHint("SHOW JOBS shows the job. Its rows are those of the moment it failed."))
	}
	return nil
}

// warnBehind warns once of a relation whose job stands still or is on its way
// back.
func (x *session) warnBehind(r *reads, oid uint32) {
	cat := x.s.catalog()
	rel := cat.ByOID(oid)
	if r.warned[oid] || rel == nil {
		return
	}
	r.warned[oid] = true
	w := warning(pgerr.Warning, "materialized view %q is stale: its job is catching up after a pause", rel.Name)
	if by, since := cat.stopped(rel); since != 0 {
		w = warning(pgerr.Warning, "materialized view %q is stale since %s UTC: its job is paused", rel.Name, timestampText(since))
		switch {
		case by == nil:
			w = w.WithDetail("All jobs are paused.")
		case by != rel:
			w = w.WithDetail("It stands still with %q, which is paused.", by.Name)
		}
	}
	x.warn(w.WithHint("SHOW JOBS shows the job. Its rows are those of the moment it was paused."))
}

// checkWritten refuses to read what depends on a table that this transaction
// has written: only the table itself can show the transaction's own rows.
func (x *session) checkWritten(stored []uint32) error {
	if x.tx.writes == nil {
		return nil
	}
	cat := x.s.catalog()
	for _, oid := range stored {
		rel := cat.ByOID(oid)
		if rel == nil || rel.Kind == catalog.Table {
			continue
		}
		if t := x.writtenBelow(cat, rel); t != nil {
			return pgerr.New(pgerr.FeatureNotSupported, "reading %q after writing %q in the same transaction is not supported", rel.Name, t.Name).
				WithHint("Commit first.")
		}
	}
	return nil
}

// writtenBelow finds a table under rel that the transaction has written.
func (x *session) writtenBelow(cat *catalogView, rel *catalog.Relation) *catalog.Relation {
	for _, oid := range rel.DependsOn {
		dep := cat.ByOID(oid)
		switch {
		case dep == nil:
		case x.tx.writes.set.deltas[oid] != nil:
			return dep
		default:
			if t := x.writtenBelow(cat, dep); t != nil {
				return t
			}
		}
	}
	return nil
}

// Scan implements exec.Relations.
func (r *reader) Scan(ctx context.Context, n *plan.Scan, eq []delta.Datum, push exec.Emit) error {
	switch catalog.Kind(n.Kind) {
	case catalog.Table, catalog.MaterializedView:
		rs := r.reads.snap.Relation(n.Rel)
		if rs == nil {
			return pgerr.Internal("relation %s is not in the query's snapshot", n.Name)
		}
		push = checked(ctx, push)
		if r.writes != nil {
			if own := r.writes.set.deltas[n.Rel]; own != nil {
				return overlay(rs, own, n.Take, eq, push)
			}
		}
		return rs.Rows(n.Take, eq, push)
	case catalog.Source:
		rel := r.x.s.catalog().ByOID(n.Rel)
		if rel == nil {
			return pgerr.New(pgerr.UndefinedTable, "relation %q does not exist", n.Name)
		}
		return r.x.s.scanSource(ctx, rel, n.Take, push)
	case catalog.Virtual:
		return r.virtual(n, eq, push)
	}
	return pgerr.Internal("relation %s cannot be read", n.Name)
}

// checked looks between batches whether the query was cancelled.
func checked(ctx context.Context, push exec.Emit) exec.Emit {
	return func(b *delta.Batch) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return push(b)
	}
}

// virtual reads a system relation.
func (r *reader) virtual(n *plan.Scan, eq []delta.Datum, push exec.Emit) error {
	rel := r.x.s.catalog().ByOID(n.Rel)
	if rel == nil {
		return pgerr.New(pgerr.UndefinedTable, "relation %q does not exist", n.Name)
	}
	var by map[int]delta.Datum
	if len(eq) > 0 && len(eq) <= len(rel.PrimaryKey) {
		by = map[int]delta.Datum{}
		for i, d := range eq {
			by[rel.PrimaryKey[i]] = d
		}
	}
	return virtualRows(r.x.s, r.x, rel, by, func(b *delta.Batch) error { return push(pick(b, n.Take)) })
}

// pick is b with the columns take, which share b's memory.
func pick(b *delta.Batch, take []int) *delta.Batch {
	out := &delta.Batch{Cols: make([]*delta.Vec, len(take)), W: b.W, N: b.N}
	for i, c := range take {
		out.Cols[i] = b.Cols[c]
	}
	return out
}
