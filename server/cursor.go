package server

import (
	"context"
	"fmt"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/memory"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/pgwire"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
)

// maxCursors bounds the open cursors of a session.
const maxCursors = 256

// cursor is an SQL cursor. One that may go back, or that outlives its
// transaction, holds all its rows; the others compute them as they are asked
// for.
type cursor struct {
	name   string
	query  string
	cols   []pgwire.Column
	opened time.Time
	hold   bool
	scroll bool
	mem    *memory.Reservation

	in    *stream        // where rows come from; nil once all are in rows
	rows  []*delta.Batch // rows that were read: all of them, or the last batch
	first int64          // position of the first row of rows, from 1
	read  int64          // rows that came from in
	at    int64          // position of the current row: 0 before the first
	end   bool           // in has no more
}

// CursorColumns implements pgwire.CursorDescriber.
func (x *session) CursorColumns(name string) ([]pgwire.Column, bool) {
	cur := x.cursors[name]
	if cur == nil {
		return nil, false
	}
	return cur.cols, true
}

// bindDeclare binds DECLARE CURSOR.
func (x *session) bindDeclare(p *prepared, st *ast.Declare) error {
	inner := &prepared{stmt: p.stmt, given: p.given}
	if err := x.bindQuery(inner, st.Query); err != nil {
		return err
	}
	p.params, p.rights = inner.params, inner.rights
	p.cmd = done(func(c *call) (string, error) { return "DECLARE CURSOR", x.declare(c, st, inner) })
	return nil
}

func (x *session) declare(c *call, st *ast.Declare, q *prepared) error {
	switch {
	case st.Scroll && st.NoScroll:
		return pgerr.New("42P11", "cannot specify both SCROLL and NO SCROLL")
	case st.Name == "":
		return pgerr.New(pgerr.InvalidCursorName, "invalid cursor name: must not be empty")
	case !st.Hold && !x.tx.explicit && !x.tx.block:
		return pgerr.New(pgerr.NoActiveSQLTransaction, "DECLARE CURSOR can only be used in transaction blocks")
	case x.cursors[st.Name] != nil:
		return pgerr.New(pgerr.DuplicateCursor, "cursor \"%s\" already exists", st.Name)
	case len(x.cursors) >= maxCursors:
		return pgerr.New(pgerr.ProgramLimitExceeded, "too many open cursors").WithDetail("A session keeps at most %d.", maxCursors)
	case st.Binary:
		return pgerr.Unsupported(st.Position(), "a binary cursor")
	}
	in, err := x.open(q.cmd.(*query), c.args, q.cols, countTag("FETCH"))
	if err != nil {
		return err
	}
	cur := &cursor{name: st.Name, query: c.p.stmt.SQL, cols: q.cols, opened: time.Now(), hold: st.Hold, scroll: st.Scroll,
		mem: x.s.budget.Reserve(), in: in, first: 1}
	if cur.hold || cur.scroll {
		if err := cur.fill(c.ctx); err != nil {
			cur.close()
			return err
		}
	}
	x.cursors[st.Name] = cur
	return nil
}

// fill reads all rows.
func (cur *cursor) fill(ctx context.Context) error {
	for {
		b, err := cur.next(ctx)
		if err != nil {
			return err
		}
		if b == nil {
			break
		}
		cur.rows = append(cur.rows, b)
		if err := cur.mem.Grow(batchBytes(b)); err != nil {
			return err
		}
	}
	cur.in.Close()
	cur.in = nil
	return nil
}

// next copies the next rows of the query, each with weight one; nil: no more.
func (cur *cursor) next(ctx context.Context) (*delta.Batch, error) {
	b, err := cur.in.Next(ctx)
	if err != nil || b == nil {
		cur.end = err == nil
		return nil, err
	}
	out := delta.NewBatch(columnTypes(cur.cols), b.N)
	for i := range b.N {
		for range b.Weight(i) {
			out.AppendRow(b, i, 1)
		}
	}
	cur.read += int64(out.N)
	return out, nil
}

func columnTypes(cols []pgwire.Column) []types.Type {
	ts := make([]types.Type, len(cols))
	for i, c := range cols {
		ts[i] = c.Type
	}
	return ts
}

func (cur *cursor) close() {
	if cur.in != nil {
		cur.in.Close()
		cur.in = nil
	}
	cur.rows = nil
	cur.mem.Release()
}

// row finds the row at a position; nil: there is none.
func (cur *cursor) row(ctx context.Context, pos int64) (*delta.Batch, int, error) {
	if pos < 1 {
		return nil, 0, nil
	}
	for cur.in != nil && !cur.end && pos > cur.read {
		first := cur.read + 1
		b, err := cur.next(ctx)
		if err != nil {
			return nil, 0, err
		}
		if b == nil {
			break
		}
		cur.rows, cur.first = []*delta.Batch{b}, first
	}
	k := pos - cur.first
	if k < 0 {
		return nil, 0, nil
	}
	for _, b := range cur.rows {
		if k < int64(b.N) {
			return b, int(k), nil
		}
		k -= int64(b.N)
	}
	return nil, 0, nil
}

// bindFetch binds FETCH and MOVE.
func (x *session) bindFetch(p *prepared, st *ast.Fetch) error {
	cur := x.cursors[st.Name]
	if cur == nil {
		return noCursor(st.Name)
	}
	if st.Move {
		p.cmd = done(func(c *call) (string, error) {
			n, err := x.move(c.ctx, st, func(*delta.Batch, int) error { return nil })
			return fmt.Sprintf("MOVE %d", n), err
		})
		return nil
	}
	p.cols = cur.cols
	p.cmd = utility(func(c *call) (pgwire.Result, error) { return x.fetch(c, st) })
	return nil
}

func noCursor(name string) error {
	return pgerr.New(pgerr.InvalidCursorName, "cursor \"%s\" does not exist", name)
}

func (x *session) fetch(c *call, st *ast.Fetch) (pgwire.Result, error) {
	mem := x.s.budget.Reserve()
	r := &listResult{shape: pgwire.Shape{Columns: c.p.cols}, tag: countTag("FETCH"), close: mem.Release}
	var out *delta.Batch
	_, err := x.move(c.ctx, st, func(b *delta.Batch, i int) error {
		if out == nil || out.N >= 1024 {
			if out != nil {
				if err := mem.Grow(batchBytes(out)); err != nil {
					return err
				}
			}
			out = delta.NewBatch(columnTypes(c.p.cols), 0)
			r.batches = append(r.batches, out)
		}
		out.AppendRow(b, i, 1)
		return nil
	})
	if err != nil {
		mem.Release()
		return nil, err
	}
	return r, nil
}

// move goes through the rows that a FETCH names and reports how many.
func (x *session) move(ctx context.Context, st *ast.Fetch, each func(b *delta.Batch, i int) error) (n int64, err error) {
	cur := x.cursors[st.Name]
	if cur == nil {
		return 0, noCursor(st.Name)
	}
	visit := func(pos int64) (bool, error) {
		b, i, err := cur.row(ctx, pos)
		if err != nil || b == nil {
			return false, err
		}
		n++
		return true, each(b, i)
	}
	one := func(pos int64) error {
		if err := cur.reachable(pos); err != nil {
			return err
		}
		ok, err := visit(pos)
		cur.settle(pos, ok)
		return err
	}
	switch st.Direction {
	case "first":
		err = one(1)
		return n, err
	case "last":
		err = cur.fromEnd(ctx, -1, one)
		return n, err
	case "absolute":
		if st.Count < 0 {
			err = cur.fromEnd(ctx, st.Count, one)
		} else {
			err = one(st.Count)
		}
		return n, err
	case "relative":
		err = one(cur.at + st.Count)
		return n, err
	}
	count, step := st.Count, int64(1)
	if st.Direction == "prior" || st.Direction == "backward" {
		step = -1
	}
	if count < 0 {
		count, step = -count, -step
	}
	if count == 0 && !st.All {
		err = one(cur.at)
		return n, err
	}
	if step < 0 {
		if err := cur.reachable(cur.at - 1); err != nil {
			return 0, err
		}
	}
	for k := int64(0); st.All || k < count; k++ {
		ok, err := visit(cur.at + step)
		if err != nil {
			return n, err
		}
		cur.settle(cur.at+step, ok)
		if !ok {
			break
		}
	}
	return n, nil
}

// reachable refuses to go back in a cursor that only goes forward.
func (cur *cursor) reachable(pos int64) error {
	if cur.in == nil || pos >= cur.at {
		return nil
	}
	return pgerr.New(pgerr.ObjectNotInPrerequisiteState, "cursor can only scan forward").
		WithHint("Declare it with SCROLL option to enable backward scan.")
}

// settle makes pos the current position; past either end it is next to it.
func (cur *cursor) settle(pos int64, found bool) {
	switch {
	case found:
		cur.at = pos
	case pos < 1:
		cur.at = 0
	default:
		cur.at = cur.read + 1
	}
}

// fromEnd goes to the row that is count rows before the end (−1: the last).
func (cur *cursor) fromEnd(ctx context.Context, count int64, one func(int64) error) error {
	if cur.in != nil {
		if err := cur.fill(ctx); err != nil {
			return err
		}
	}
	return one(cur.read + 1 + count)
}

// closeCursors executes CLOSE.
func (x *session) closeCursors(st *ast.CloseCursor) (string, error) {
	if st.All {
		for name := range x.cursors {
			x.closeCursor(name)
		}
		return "CLOSE CURSOR ALL", nil
	}
	if x.cursors[st.Name] == nil {
		return "", noCursor(st.Name)
	}
	x.closeCursor(st.Name)
	return "CLOSE CURSOR", nil
}

func (x *session) closeCursor(name string) {
	x.cursors[name].close()
	delete(x.cursors, name)
}

// endCursors closes the cursors that end with a transaction: those without
// hold.
func (x *session) endCursors() {
	for name, cur := range x.cursors {
		if !cur.hold {
			x.closeCursor(name)
		}
	}
}
