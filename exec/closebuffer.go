package exec

import (
	"bytes"
	"encoding/binary"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/storage/state"
)

// closeBuffer holds rows until time closes them, then emits what remained of
// them, once: EMIT ON WINDOW CLOSE where no window aggregate stands on top.
//
// State: one ordered tree, key = the time (8 bytes),
// the row (appendRowID); value = varint weight and the row where the key does
// not hold it. A row whose time is NULL is never closed.
type closeBuffer struct {
	n      *plan.CloseBuffer
	tree   *state.Tree
	vnode  func([]byte) uint8
	dist   []int
	types  []types.Type
	closed int64
	key    []byte
	val    []byte
	out    *delta.Batch
}

var (
	_ Timed    = (*closeBuffer)(nil)
	_ Stateful = (*closeBuffer)(nil)
)

func newCloseBuffer(pool *state.Pool, n *plan.CloseBuffer) (*closeBuffer, error) {
	b := &closeBuffer{
		n: n, tree: state.NewTree(pool, state.TreeOptions{}), types: n.Types(),
		closed: NoWatermark, out: delta.NewBatch(n.Types(), 0),
	}
	dist, ok := distribution(n.In)
	if !ok {
		dist = identity(len(b.types))
	}
	b.dist = dist
	route := vnodeOfRow(dist)
	b.vnode = func(key []byte) uint8 { return route(key[8:]) }
	return b, nil
}

func (b *closeBuffer) Push(c *Ctx, _ int, in *delta.Batch, _ Emit) error {
	t := in.Cols[b.n.Time]
	late := int64(0)
	for i := range in.N {
		at := int64(nullWindow)
		if !t.IsNull(i) {
			at = t.I[i]
		}
		if at < b.closed {
			late++
			continue
		}
		b.key = appendRowID(appendWindow(b.key[:0], at), in.Cols, b.dist, i)
		w := in.Weight(i)
		if old, ok := b.tree.Get(b.key); ok {
			n, _ := binary.Varint(old)
			w += n
		}
		if w == 0 {
			b.tree.Delete(b.key)
			continue
		}
		b.val = binary.AppendVarint(b.val[:0], w)
		if rowInValue(b.key[8:]) {
			b.val = values.AppendRow(b.val, in.Cols, i)
		}
		if err := b.tree.Put(b.key, b.val); err != nil {
			return sizeError(err)
		}
	}
	if late > 0 {
		c.Late(late)
	}
	return nil
}

func (b *closeBuffer) End(*Ctx, Emit) error { return nil }

func (b *closeBuffer) Advance(c *Ctx, out Emit) error {
	bound := b.bound(c)
	if bound == NoWatermark || bound <= b.closed {
		return nil
	}
	b.closed = bound
	end := appendWindow(nil, bound)
	cur := b.tree.Cursor()
	for ok := cur.Seek(nil); ok && bytes.Compare(cur.Key(), end) < 0; ok = cur.Next() {
		w, k := binary.Varint(cur.Value())
		if err := decodeRowID(cur.Key()[8:], cur.Value()[k:], b.out.Cols); err != nil {
			return err
		}
		b.out.AppendWeight(w)
		if b.out.N == delta.MaxBatchRows/2 {
			if err := b.flush(out); err != nil {
				return err
			}
		}
	}
	if err := b.flush(out); err != nil {
		return err
	}
	b.tree.DeleteRange(nil, end)
	return nil
}

func (b *closeBuffer) flush(out Emit) error {
	if b.out.N == 0 {
		return nil
	}
	err := out(b.out)
	reuse(b.out)
	return err
}

func (b *closeBuffer) bound(c *Ctx) int64 {
	return windowBound(c.Times, b.n.In.Base(), b.n.Time, b.n.Size, b.n.Late)
}

func (b *closeBuffer) Tables() []StateTable {
	return []StateTable{{Suffix: 0, Table: b.tree, VNode: b.vnode}}
}

func (b *closeBuffer) Restored(c *Ctx) error {
	b.closed = b.bound(c)
	return nil
}

func (b *closeBuffer) Close() { b.tree.Close() }
