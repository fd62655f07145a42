package exec

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/storage/state"
)

// materialize keeps the contents of a relation: contents += Δin, Δout = Δin
// consolidated. One ordered tree a worker:
//
//	key    keyed relation: the canonical encoding of the key columns;
//	       bag: the whole row (appendRowID)
//	value  uvarint count (a keyed row's is 1), then, where the key does not hold
//	       it, the row (values.AppendRow)
//
// A step's changes are gathered in Push and applied in End in key order, one
// look-up and one write a changed key. The count of a row is never negative:
// a retraction of what is not there is a broken promise upstream and fails the
// job rather than the answer.
type materialize struct {
	types []types.Type
	key   []int // nil: bag
	dist  []int // bag: see appendRowID
	tree  *state.Tree
	vnode func([]byte) uint8

	arena   []byte // key bytes, then row bytes, of every pending change
	pending []change
	order   []changeItem // of pending, by key
	same    []change     // those of one key
	cols    []*delta.Vec
	out     *delta.Batch
	val     []byte // the old row of the key at hand
	enc     []byte // the value being written
	passOn  bool   // somebody reads the output
}

// change is one row of the step: arena[off:off+key] is its key, the next row
// bytes are the row.
type change struct {
	off, key, row int
	w             int64
}

// changeItem is a change where they are sorted: the key's first bytes lie in it,
// so that most comparisons look no further.
type changeItem struct {
	head uint64 // the bytes of the key after its first, see keyPrefix
	tag  byte   // its first
	at   int32  // in pending: in the order of arrival
}

var (
	_ Operator = (*materialize)(nil)
	_ Stateful = (*materialize)(nil)
)

func newMaterialize(pool *state.Pool, n *plan.Materialize) *materialize {
	m := &materialize{
		types: n.Types(), key: n.Key,
		tree: state.NewTree(pool, state.TreeOptions{}),
		out:  delta.NewBatch(n.Types(), 0),
	}
	m.vnode, m.dist = routeOf(n)
	return m
}

func (m *materialize) Push(c *Ctx, _ int, b *delta.Batch, _ Emit) error {
	m.cols = m.cols[:0]
	for _, k := range m.key {
		m.cols = append(m.cols, b.Cols[k])
	}
	for i := range b.N {
		ch := change{off: len(m.arena), w: b.Weight(i)}
		m.arena = m.appendKey(m.arena, m.cols, b, i)
		if ch.key = len(m.arena) - ch.off; m.key != nil && ch.key > maxKey {
			m.arena = m.arena[:ch.off]
			if err := c.rowFailed(b, i, errLongKey(ch.key)); err != nil {
				return err
			}
			continue
		}
		m.arena = values.AppendRow(m.arena, b.Cols, i)
		ch.row = len(m.arena) - ch.off - ch.key
		m.pending = append(m.pending, ch)
	}
	return nil
}

// appendKey appends the key under which row i of b is kept.
func (m *materialize) appendKey(dst []byte, keyCols []*delta.Vec, b *delta.Batch, i int) []byte {
	if m.key == nil {
		return appendRowID(dst, b.Cols, m.dist, i)
	}
	for _, v := range keyCols {
		dst = values.AppendKey(dst, v, i)
	}
	return dst
}

// appendRowKey is appendKey for a table, whose rows are placed by the whole key.
func appendRowKey(dst []byte, key []int, keyCols []*delta.Vec, b *delta.Batch, i int) []byte {
	m := materialize{key: key}
	if key == nil {
		m.dist = identity(len(b.Cols))
	}
	return m.appendKey(dst, keyCols, b, i)
}

func (m *materialize) keyOf(c change) []byte { return m.arena[c.off : c.off+c.key] }
func (m *materialize) rowOf(c change) []byte { return m.arena[c.off+c.key : c.off+c.key+c.row] }

func (m *materialize) End(_ *Ctx, out Emit) error {
	m.sort()
	reuse(m.out)
	for lo := 0; lo < len(m.order); {
		hi, cs := m.sameKey(lo)
		var err error
		if m.key == nil {
			err = m.applyBag(cs)
		} else {
			err = m.applyKeyed(cs)
		}
		if err != nil {
			return err
		}
		if m.out.N >= delta.MaxBatchRows {
			if err := m.flush(out); err != nil {
				return err
			}
		}
		lo = hi
	}
	m.pending, m.arena = m.pending[:0], m.arena[:0]
	return m.flush(out)
}

// sort orders the pending changes by key, those of one key by arrival.
func (m *materialize) sort() {
	m.order = m.order[:0]
	for i, c := range m.pending {
		it := changeItem{at: int32(i)}
		if key := m.keyOf(c); len(key) > 0 {
			it.tag, it.head = key[0], keyPrefix(key)
		}
		m.order = append(m.order, it)
	}
	slices.SortFunc(m.order, func(a, b changeItem) int {
		switch {
		case a.tag != b.tag:
			return cmp.Compare(a.tag, b.tag)
		case a.head != b.head:
			return cmp.Compare(a.head, b.head)
		}
		if c := bytes.Compare(m.keyOf(m.pending[a.at]), m.keyOf(m.pending[b.at])); c != 0 {
			return c
		}
		return cmp.Compare(a.at, b.at)
	})
}

// sameKey gives the changes of the key at order[lo], and where the next begins.
func (m *materialize) sameKey(lo int) (hi int, cs []change) {
	first := m.order[lo]
	key := m.keyOf(m.pending[first.at])
	for hi = lo + 1; hi < len(m.order); hi++ {
		it := m.order[hi]
		if it.head != first.head || string(m.keyOf(m.pending[it.at])) != string(key) {
			break
		}
	}
	if hi == lo+1 {
		return hi, m.pending[first.at : first.at+1]
	}
	m.same = m.same[:0]
	for _, it := range m.order[lo:hi] {
		m.same = append(m.same, m.pending[it.at])
	}
	return hi, m.same
}

func (m *materialize) flush(out Emit) error {
	if m.out.N == 0 {
		return nil
	}
	if err := out(m.out); err != nil {
		return err
	}
	reuse(m.out)
	return nil
}

// applyBag adds the weights of one whole row to its count.
func (m *materialize) applyBag(cs []change) error {
	sum := int64(0)
	for _, c := range cs {
		sum += c.w
	}
	if sum == 0 {
		return nil
	}
	key := m.keyOf(cs[0])
	count := sum
	if old, ok := m.tree.Get(key); ok {
		n, _ := binary.Uvarint(old)
		count += int64(n)
	}
	if count < 0 {
		return m.negative()
	}
	if count == 0 {
		m.tree.Delete(key)
	} else {
		row := m.rowOf(cs[0])
		if !rowInValue(key) {
			row = nil
		}
		if err := m.put(key, uint64(count), row); err != nil {
			return err
		}
	}
	return m.emit(m.rowOf(cs[0]), sum)
}

// applyKeyed nets the changes of one key: the old row, if any, leaves and at
// most one row remains.
func (m *materialize) applyKeyed(cs []change) error {
	key := m.keyOf(cs[0])
	old, had := m.tree.Get(key)
	var oldRow []byte
	if had {
		_, n := binary.Uvarint(old)
		m.val = append(m.val[:0], old[n:]...)
		oldRow = m.val
	}
	row, n, err := m.survivor(cs, oldRow, had)
	if err != nil {
		return err
	}
	switch {
	case n == 0 && had:
		m.tree.Delete(key)
		return m.emit(oldRow, -1)
	case n == 0:
		return nil
	case had && string(oldRow) == string(row):
		return nil
	}
	if had {
		if err := m.emit(oldRow, -1); err != nil {
			return err
		}
	}
	if err := m.emit(row, 1); err != nil {
		return err
	}
	return m.put(key, 1, row)
}

// survivor sums the weights of the different rows under one key and returns the
// one that remains (n is 0 or 1).
func (m *materialize) survivor(cs []change, old []byte, had bool) (row []byte, n int64, err error) {
	left := int64(0)
	if had {
		left = 1
	}
	for _, c := range cs {
		left += c.w
	}
	if left == 0 {
		return nil, 0, nil
	}
	if left != 1 {
		return nil, 0, m.negative()
	}
	if len(cs) > fewChanges {
		return m.survivorOfMany(cs, old, had)
	}
	// The last arrival whose row is not retracted again is the survivor.
	for i := len(cs) - 1; i >= 0; i-- {
		r := m.rowOf(cs[i])
		w := int64(0)
		if had && string(old) == string(r) {
			w = 1
		}
		for _, c := range cs {
			if string(m.rowOf(c)) == string(r) {
				w += c.w
			}
		}
		if w > 0 {
			return r, 1, nil
		}
	}
	if had {
		return old, 1, nil
	}
	return nil, 0, m.negative()
}

// fewChanges is up to how many changes of one key are compared pair by pair.
const fewChanges = 16

// survivorOfMany is survivor in time proportional to the changes.
func (m *materialize) survivorOfMany(cs []change, old []byte, had bool) (row []byte, n int64, err error) {
	net := make(map[string]int64, len(cs))
	if had {
		net[string(old)] = 1
	}
	for _, c := range cs {
		net[string(m.rowOf(c))] += c.w
	}
	for i := len(cs) - 1; i >= 0; i-- {
		if r := m.rowOf(cs[i]); net[string(r)] > 0 {
			return r, 1, nil
		}
	}
	if had && net[string(old)] > 0 {
		return old, 1, nil
	}
	return nil, 0, m.negative()
}

func (m *materialize) negative() error {
	return pgerr.Internal("contents of a relation would hold a key other than zero or one times")
}

func (m *materialize) put(key []byte, count uint64, row []byte) error {
	m.enc = append(binary.AppendUvarint(m.enc[:0], count), row...)
	return sizeError(m.tree.Put(key, m.enc))
}

func (m *materialize) emit(row []byte, w int64) error {
	if !m.passOn {
		return nil
	}
	if _, err := values.DecodeRow(row, m.out.Cols); err != nil {
		return err
	}
	m.out.AppendWeight(w)
	return nil
}

func (m *materialize) Tables() []StateTable {
	return []StateTable{{Suffix: 0, Table: m.tree, VNode: m.vnode}}
}

func (m *materialize) Restored(*Ctx) error { return nil }

func (m *materialize) Close() { m.tree.Close() }

// decodeContents appends the row of one entry of a materialized tree to b, with
// its count.
func decodeContents(keyed bool, key, val []byte, b *delta.Batch) error {
	count, k := binary.Uvarint(val)
	var err error
	if keyed {
		_, err = values.DecodeRow(val[k:], b.Cols)
	} else {
		err = decodeRowID(key, val[k:], b.Cols)
	}
	if err == nil {
		b.AppendWeight(int64(count))
	}
	return err
}
