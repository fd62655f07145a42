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

// topN keeps, in each partition, the rows ranked Offset+1 … Offset+Limit. Per
// touched partition Δout = new top − old top, once a step.
//
// State: one ordered tree.
//
//	key    the encoded partition columns (the one that time closes first), the
//	       encoded order, the row (appendRowID): within a partition the order of
//	       keys is the ranking, ties broken by the row itself
//	value  varint weight; uvarint length of the encoded order; the row where the
//	       key does not hold it
//
// Where rows only arrive, those ranked below the limit are dropped at once, so
// state is bounded by partitions × limit. Cost: a write a row, and a read of
// the top a touched partition a step. NULLs: a partition of their own; in the
// order where ORDER BY puts them.
type topN struct {
	n     *plan.TopN
	part  []int // partition columns, the time column first
	tree  *state.Tree
	vnode func([]byte) uint8
	types []types.Type
	end   int64 // Offset + Limit; −1: no limit
	prune bool

	closed  int64
	touched touchSet // partitions
	tops    []top    // their old tops
	arena   []byte
	entries []topEntry
	cur     state.Cursor
	keys    values.KeyBuf
	order   keyOrder
	cols    []*delta.Vec
	key     []byte
	val     []byte
	out     *delta.Batch
}

// top is the old top of one touched partition: entries[lo:hi]. full: it has all
// the rows that the limit allows.
type top struct {
	lo, hi int
	full   bool
}

// topEntry is one row of a top: its key after the partition, its value, and
// how often it is in.
type topEntry struct {
	off, key, val int
	rank          int64
	n             int64
}

var (
	_ Timed    = (*topN)(nil)
	_ Stateful = (*topN)(nil)
)

func newTopN(pool *state.Pool, n *plan.TopN, once bool) (*topN, error) {
	in := n.In.Base()
	t := &topN{
		n: n, tree: state.NewTree(pool, state.TreeOptions{NoLog: once}), types: in.Types(), end: -1,
		closed: NoWatermark, out: delta.NewBatch(n.Types(), 0),
	}
	t.cur = t.tree.Cursor()
	if n.Limit >= 0 {
		t.end = n.Offset + n.Limit
		t.prune = in.AppendOnly
	}
	t.part = slices.Clone(n.Partition)
	if n.Window > 0 {
		t.part[0], t.part[n.Window] = t.part[n.Window], t.part[0]
	}
	dist, ok := distribution(n.In)
	places, ok := through(dist, ok, func(c int) int { return slices.Index(t.part, c) })
	if !ok {
		places = identity(len(t.part))
	}
	t.vnode = vnodeOf(places)
	return t, nil
}

func (t *topN) Push(c *Ctx, _ int, b *delta.Batch, _ Emit) error {
	t.cols = t.cols[:0]
	for _, p := range t.part {
		t.cols = append(t.cols, b.Cols[p])
	}
	values.EncodeKeys(&t.keys, t.cols, b.N)
	late := int64(0)
	for _, it := range t.order.of(&t.keys, b.N) {
		i := int(it.row)
		if t.n.Window >= 0 && t.closed != NoWatermark && !t.cols[0].IsNull(i) && t.cols[0].I[i] < t.closed {
			late++
			continue
		}
		part := t.keys.Key(i)
		if n := t.orderKey(part, b, i); n > maxKey {
			if err := c.rowFailed(b, i, errLongKey(n)); err != nil {
				return err
			}
			continue
		}
		at, added := t.touched.add(values.Hash(part), part)
		if added {
			t.touch(part)
		}
		if t.prune && t.hopeless(&t.tops[at], len(part)) {
			continue
		}
		if err := t.add(len(part), b, i); err != nil {
			return err
		}
	}
	if late > 0 {
		c.Late(late)
	}
	return nil
}

// touch remembers a partition's old top.
func (t *topN) touch(part []byte) {
	lo := len(t.entries)
	full := !t.n.OnClose && t.read(part)
	t.tops = append(t.tops, top{lo, len(t.entries), full})
}

// read appends the present top of a partition to t.entries; it reports whether
// there are as many rows as the limit allows.
func (t *topN) read(part []byte) (full bool) {
	rank := int64(0)
	c := &t.cur
	for ok := c.Seek(part); ok && bytes.HasPrefix(c.Key(), part); ok = c.Next() {
		w, _ := binary.Varint(c.Value())
		if w <= 0 {
			continue // retracted before it came, within the step
		}
		first, last := rank, rank+w // ranks first+1 … last
		rank = last
		first = max(first, t.n.Offset)
		if t.end >= 0 {
			last = min(last, t.end)
		}
		if first < last {
			e := topEntry{off: len(t.arena), key: len(c.Key()) - len(part), val: len(c.Value()), rank: first, n: last - first}
			t.arena = append(append(t.arena, c.Key()[len(part):]...), c.Value()...)
			t.entries = append(t.entries, e)
		}
		if t.end >= 0 && rank >= t.end {
			return true
		}
	}
	return false
}

// orderKey sets t.key to the partition and the order of row i, and returns its
// length.
func (t *topN) orderKey(part []byte, b *delta.Batch, i int) int {
	t.key = append(t.key[:0], part...)
	for _, k := range t.n.Order {
		t.key = values.AppendKeyOrder(t.key, b.Cols[k.Col], i, k.Desc, k.NullsFirst)
	}
	return len(t.key)
}

// hopeless reports whether a row that only t.key's order is known of ranks below
// a top that is full, from which nothing leaves where rows only arrive.
func (t *topN) hopeless(old *top, part int) bool {
	if !old.full || old.hi == old.lo {
		return false
	}
	order, worst := t.key[part:], t.keyOf(t.entries[old.hi-1])
	n := min(len(order), len(worst))
	return bytes.Compare(order[:n], worst[:n]) > 0
}

// add adds the weight of row i, whose orderKey is set, to the tree.
func (t *topN) add(part int, b *delta.Batch, i int) error {
	order := len(t.key) - part
	t.key = appendRowID(t.key, b.Cols, nil, i)
	w := b.Weight(i)
	if old, ok := t.tree.Get(t.key); ok {
		n, _ := binary.Varint(old)
		w += n
	}
	if w == 0 {
		t.tree.Delete(t.key)
		return nil
	}
	t.val = binary.AppendUvarint(binary.AppendVarint(t.val[:0], w), uint64(order))
	if rowInValue(t.key[part+order:]) {
		t.val = values.AppendRow(t.val, b.Cols, i)
	}
	return sizeError(t.tree.Put(t.key, t.val))
}

func (t *topN) End(_ *Ctx, out Emit) error {
	for i := range t.touched.len() {
		part, old := t.touched.key(i), t.tops[i]
		if t.prune {
			t.cut(part)
		}
		if t.n.OnClose {
			continue
		}
		lo := len(t.entries)
		t.read(part)
		if err := t.diff(t.entries[old.lo:old.hi], t.entries[lo:]); err != nil {
			return err
		}
		t.entries = t.entries[:lo]
		if t.out.N >= delta.MaxBatchRows/2 {
			if err := t.flush(out); err != nil {
				return err
			}
		}
	}
	t.touched.reset()
	t.tops, t.entries, t.arena = t.tops[:0], t.entries[:0], t.arena[:0]
	return t.flush(out)
}

func (t *topN) flush(out Emit) error {
	if t.out.N == 0 {
		return nil
	}
	err := out(t.out)
	reuse(t.out)
	return err
}

func (t *topN) keyOf(e topEntry) []byte { return t.arena[e.off : e.off+e.key] }

// diff emits what is only in new, less what is only in old. Both are in order.
func (t *topN) diff(old, new []topEntry) error {
	for len(old) > 0 || len(new) > 0 {
		cmp := 0
		switch {
		case len(old) == 0:
			cmp = 1
		case len(new) == 0:
			cmp = -1
		default:
			cmp = bytes.Compare(t.keyOf(old[0]), t.keyOf(new[0]))
		}
		var err error
		switch {
		case cmp < 0:
			err = t.emit(old[0], -1)
			old = old[1:]
		case cmp > 0:
			err = t.emit(new[0], 1)
			new = new[1:]
		default:
			if old[0].n != new[0].n || t.n.RowNumber && old[0].rank != new[0].rank {
				if err = t.emit(old[0], -1); err == nil {
					err = t.emit(new[0], 1)
				}
			}
			old, new = old[1:], new[1:]
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// emit appends the row of an entry, once with its weight or, numbered, once a rank.
func (t *topN) emit(e topEntry, sign int64) error {
	times, weight := int64(1), e.n*sign
	if t.n.RowNumber {
		times, weight = e.n, sign
	}
	val := t.arena[e.off+e.key : e.off+e.key+e.val]
	_, k := binary.Varint(val)
	order, m := binary.Uvarint(val[k:])
	id := t.keyOf(e)[order:]
	for r := range times {
		if err := decodeRowID(id, val[k+m:], t.out.Cols[:len(t.types)]); err != nil {
			return err
		}
		if t.n.RowNumber {
			t.out.Cols[len(t.types)].AppendInt(e.rank + r + 1)
		}
		t.out.AppendWeight(weight)
	}
	return nil
}

// cut drops the rows of a partition that are ranked below the limit.
func (t *topN) cut(part []byte) {
	rank := int64(0)
	c := &t.cur
	for ok := c.Seek(part); ok && bytes.HasPrefix(c.Key(), part); ok = c.Next() {
		if rank >= t.end {
			t.key = append(t.key[:0], c.Key()...)
			t.val = append(t.val[:0], part...)
			t.tree.DeleteRange(t.key, successorOf(t.val))
			return
		}
		w, _ := binary.Varint(c.Value())
		rank += w
	}
}

// Advance closes partitions by time: emits their tops if they were held back,
// then drops them.
func (t *topN) Advance(c *Ctx, out Emit) error {
	bound := t.bound(c)
	if bound == NoWatermark || bound <= t.closed {
		return nil
	}
	t.closed = bound
	if err := t.End(c, out); err != nil {
		return err
	}
	end := values.AppendKeyDatum(nil, delta.IntOf(t.types[t.part[0]], bound))
	if t.n.OnClose {
		if err := t.emitClosed(end, out); err != nil {
			return err
		}
	}
	t.tree.DeleteRange(nil, end)
	return nil
}

func (t *topN) emitClosed(end []byte, out Emit) error {
	c := t.tree.Cursor()
	for ok := c.Seek(nil); ok && bytes.Compare(c.Key(), end) < 0; {
		n := values.KeyPrefixLen(c.Key(), len(t.part))
		if n < 0 {
			return pgerr.New(pgerr.DataCorrupted, "top-N state with a malformed key")
		}
		part := slices.Clone(c.Key()[:n])
		t.read(part)
		for _, e := range t.entries {
			if err := t.emit(e, 1); err != nil {
				return err
			}
		}
		t.entries, t.arena = t.entries[:0], t.arena[:0]
		if t.out.N >= delta.MaxBatchRows/2 {
			if err := t.flush(out); err != nil {
				return err
			}
		}
		next := successor(part)
		if next == nil {
			break
		}
		ok = c.Seek(next)
	}
	return t.flush(out)
}

func (t *topN) bound(c *Ctx) int64 {
	if t.n.Window < 0 {
		return NoWatermark
	}
	return windowBound(c.Times, t.n.In.Base(), t.part[0], t.n.Size, t.n.Late)
}

func (t *topN) Tables() []StateTable {
	return []StateTable{{Suffix: 0, Table: t.tree, VNode: t.vnode}}
}

func (t *topN) Restored(c *Ctx) error {
	t.closed = t.bound(c)
	return nil
}

func (t *topN) Close() { t.tree.Close() }
