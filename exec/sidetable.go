package exec

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/storage/state"
)

// sideTable is the ordered part of a grouping operator's state: what does not
// fit into a group's slot, and multisets of values.
//
//	key  the group's key, one byte for whose entry it is (the aggregate's place,
//	     or reprEntry), then what the owner adds
type sideTable struct {
	tree *state.Tree
	buf  []byte
	val  []byte
}

// reprEntry marks the entry that keeps a group's columns as they were written,
// for types in which equal values can look different (1.0 and 1.00).
const reprEntry = 0xff

func (t *sideTable) at(group []byte, owner byte) []byte {
	t.buf = append(append(t.buf[:0], group...), owner)
	return t.buf
}

func (t *sideTable) get(group []byte, owner byte) ([]byte, bool) {
	return t.tree.Get(t.at(group, owner))
}

func (t *sideTable) put(group []byte, owner byte, val []byte) error {
	return t.tree.Put(t.at(group, owner), val)
}

// clear drops everything of one group.
func (t *sideTable) clear(group []byte) {
	lo := slices.Clone(group)
	t.tree.DeleteRange(lo, successor(lo))
}

// successor is the least key above every key with the prefix; nil: none.
func successor(prefix []byte) []byte {
	s := slices.Clone(prefix)
	return successorOf(s)
}

// successorOf is successor in place.
func successorOf(s []byte) []byte {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] != 0xff {
			s[i]++
			return s[:i+1]
		}
	}
	return nil
}

// count adds w to the weight of one entry and returns what it was and is. The
// value is the weight and then val, which is kept from the first addition.
func (t *sideTable) count(key []byte, w int64, val []byte) (was, is int64, err error) {
	old, ok := t.tree.Get(key)
	if ok {
		var n int
		was, n = binary.Varint(old)
		val = old[n:]
	}
	is = was + w
	if is == 0 {
		t.tree.Delete(key)
		return was, 0, nil
	}
	t.val = append(binary.AppendVarint(t.val[:0], is), val...)
	return was, is, sizeError(t.tree.Put(key, t.val))
}

// orderedAcc is min and max where values may leave again, or have no fixed
// size: a multiset in key order.
type orderedAcc struct {
	col int
	at  byte
	max bool
	t   types.Type
	key []byte
	row []byte
	one [1]*delta.Vec
}

func (a *orderedAcc) size() int { return 0 }

func (a *orderedAcc) add(g *group, _ []byte, b *delta.Batch, i int, w int64) error {
	v := b.Cols[a.col]
	if v.IsNull(i) {
		return nil
	}
	a.key = append(append(a.key[:0], g.key...), a.at)
	a.key = values.AppendKey(a.key, v, i)
	a.row = a.row[:0]
	if values.Inexact(a.t) {
		a.one[0] = v
		a.row = values.AppendRow(a.row, a.one[:], i)
	}
	_, _, err := g.side.count(a.key, w, a.row)
	return err
}

func (a *orderedAcc) result(g *group, _ []byte, out *delta.Vec) error {
	prefix := append(append(a.key[:0], g.key...), a.at)
	a.key = prefix
	c := g.side.tree.Cursor()
	ok := false
	if a.max {
		ok = c.SeekBefore(successor(prefix))
	} else {
		ok = c.Seek(prefix)
	}
	// An entry of negative weight is the trace of a retraction whose arrival has
	// yet to come in this step.
	for ok && bytes.HasPrefix(c.Key(), prefix) {
		n, k := binary.Varint(c.Value())
		if n > 0 {
			return a.append(c.Key()[len(prefix):], c.Value()[k:], out)
		}
		if a.max {
			ok = c.Prev()
		} else {
			ok = c.Next()
		}
	}
	out.AppendNull()
	return nil
}

func (a *orderedAcc) append(key, row []byte, out *delta.Vec) error {
	a.one[0] = out
	if len(row) > 0 {
		_, err := values.DecodeRow(row, a.one[:])
		return err
	}
	_, err := values.DecodeKey(key, a.one[:])
	return err
}

// distinctAcc is AGG(DISTINCT x, …): it counts every different value and passes
// on only those that come or go. A value that came as 1.0 leaves as 1.0, though
// the last row of it said 1.00: the entry keeps what was passed on.
type distinctAcc struct {
	accumulator
	cols   []int
	at     byte
	inex   bool
	key    []byte
	row    []byte
	vecs   []*delta.Vec
	passed delta.Batch // one row with the columns of cols, elsewhere nothing
}

// distinct wraps an accumulator; min and max are the same without.
func distinct(acc accumulator, a *plan.Agg, at int, in *plan.Props) accumulator {
	if a.Fn.Name == "min" || a.Fn.Name == "max" {
		return acc
	}
	d := &distinctAcc{accumulator: acc, cols: a.Args, at: byte(at)}
	d.passed.Cols = make([]*delta.Vec, len(in.Cols))
	for _, c := range a.Args {
		d.inex = d.inex || values.Inexact(in.Cols[c].Type)
		d.passed.Cols[c] = delta.NewVec(in.Cols[c].Type, 1)
	}
	return d
}

func (a *distinctAcc) add(g *group, s []byte, b *delta.Batch, i int, w int64) error {
	a.key = append(append(a.key[:0], g.key...), a.at)
	a.vecs = a.vecs[:0]
	for _, c := range a.cols {
		a.key = values.AppendKey(a.key, b.Cols[c], i)
		a.vecs = append(a.vecs, b.Cols[c])
	}
	a.row = a.row[:0]
	if a.inex {
		if old, ok := g.side.tree.Get(a.key); ok {
			_, n := binary.Varint(old)
			a.row = append(a.row, old[n:]...)
		} else {
			a.row = values.AppendRow(a.row, a.vecs, i)
		}
	}
	was, is, err := g.side.count(a.key, w, a.row)
	if err != nil {
		return err
	}
	switch {
	case was <= 0 && is > 0:
		return a.pass(g, s, b, i, 1)
	case was > 0 && is <= 0:
		return a.pass(g, s, b, i, -1)
	}
	return nil
}

// pass gives the value of row i on in the form in which it is kept.
func (a *distinctAcc) pass(g *group, s []byte, b *delta.Batch, i int, w int64) error {
	if !a.inex {
		return a.accumulator.add(g, s, b, i, w)
	}
	for k, c := range a.cols {
		v := a.passed.Cols[c]
		v.Reset(v.T)
		a.vecs[k] = v
	}
	if _, err := values.DecodeRow(a.row, a.vecs); err != nil {
		return err
	}
	return a.accumulator.add(g, s, &a.passed, 0, w)
}

// listAcc is string_agg, array_agg and jsonb_agg: the arguments in the order of
// ORDER BY, then of arrival; where rows can leave again, of the rows'
// identities instead of arrival.
type listAcc struct {
	name   string
	args   []int
	order  []plan.SortKey
	at     byte
	types  []types.Type
	arrive bool // rows only arrive: number them
	key    []byte
	row    []byte
	vecs   []*delta.Vec
}

func newListAcc(a *plan.Agg, at int, in *plan.Props) (accumulator, error) {
	l := &listAcc{name: a.Fn.Name, args: a.Args, order: a.OrderBy, at: byte(at), arrive: in.AppendOnly && !a.Distinct}
	for _, c := range a.Args {
		l.types = append(l.types, in.Cols[c].Type)
	}
	return l, nil
}

func (a *listAcc) size() int { return 8 }

func (a *listAcc) add(g *group, s []byte, b *delta.Batch, i int, w int64) error {
	if a.name == "string_agg" && b.Cols[a.args[0]].IsNull(i) {
		return nil
	}
	a.key = append(append(a.key[:0], g.key...), a.at)
	for _, k := range a.order {
		a.key = values.AppendKeyOrder(a.key, b.Cols[k.Col], i, k.Desc, k.NullsFirst)
	}
	a.vecs = a.vecs[:0]
	for _, c := range a.args {
		a.vecs = append(a.vecs, b.Cols[c])
	}
	if a.arrive {
		a.key = binary.BigEndian.AppendUint64(a.key, uint64(addInt(s, 1)))
	} else {
		a.key = values.RowIdentity(a.key, a.vecs, i)
	}
	a.row = values.AppendRow(a.row[:0], a.vecs, i)
	_, _, err := g.side.count(a.key, w, a.row)
	return err
}

func (a *listAcc) result(g *group, _ []byte, out *delta.Vec) error {
	prefix := append(append(a.key[:0], g.key...), a.at)
	a.key = prefix
	rows := delta.NewBatch(a.types, 0)
	c := g.side.tree.Cursor()
	for ok := c.Seek(prefix); ok && bytes.HasPrefix(c.Key(), prefix); ok = c.Next() {
		n, k := binary.Varint(c.Value())
		for range max(n, 0) {
			if _, err := values.DecodeRow(c.Value()[k:], rows.Cols); err != nil {
				return err
			}
			rows.AppendWeight(1)
		}
		if rows.N > maxListRows {
			return pgerr.New(pgerr.ProgramLimitExceeded, "%s of more than %d rows", a.name, maxListRows)
		}
	}
	if rows.N == 0 {
		out.AppendNull()
		return nil
	}
	return appendList(a.name, rows, out)
}

// maxListRows bounds the rows that one list aggregate puts together.
const maxListRows = 1 << 20
