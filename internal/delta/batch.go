package delta

import "github.com/heliosdb/heliosdb-streaming/internal/types"

// Batch is a delta: rows in columns, each with a weight (+n arrived, −n left).
//
// Ownership: the producer owns a batch and may reuse its memory as soon as the
// call that handed it over returns; whoever keeps rows copies them.
type Batch struct {
	Cols []*Vec
	W    []int64 // weights, len N; nil means +1 for every row
	N    int     // rows; needed because a batch may have no columns
}

// NewBatch makes an empty batch of the given column types.
func NewBatch(ts []types.Type, capRows int) *Batch {
	b := &Batch{Cols: make([]*Vec, len(ts))}
	for i, t := range ts {
		b.Cols[i] = NewVec(t, capRows)
	}
	return b
}

// Weight is the weight of row i.
func (b *Batch) Weight(i int) int64 {
	if b.W == nil {
		return 1
	}
	return b.W[i]
}

// Reset empties the batch for reuse by its owner.
func (b *Batch) Reset() {
	for _, c := range b.Cols {
		c.Reset(c.T)
	}
	b.W, b.N = nil, 0
}

// AppendRow appends row i of src (same physical column kinds) with weight w.
func (b *Batch) AppendRow(src *Batch, i int, w int64) {
	for c, v := range b.Cols {
		v.AppendFrom(src.Cols[c], i)
	}
	b.AppendWeight(w)
}

// AppendWeight completes a row whose columns were appended one by one.
func (b *Batch) AppendWeight(w int64) {
	if b.W == nil && w != 1 {
		b.W = make([]int64, b.N, max(b.N+1, 64))
		for i := range b.W {
			b.W[i] = 1
		}
	}
	if b.W != nil {
		b.W = append(b.W, w)
	}
	b.N++
}

// Gather sets dst to the rows named by idx; see Vec.Gather for sharing.
func (b *Batch) Gather(dst *Batch, idx []int32) {
	for len(dst.Cols) < len(b.Cols) {
		dst.Cols = append(dst.Cols, &Vec{})
	}
	dst.Cols = dst.Cols[:len(b.Cols)]
	for i, c := range b.Cols {
		c.Gather(dst.Cols[i], idx)
	}
	dst.N = len(idx)
	if b.W == nil {
		dst.W = nil
		return
	}
	dst.W = gather(dst.W, b.W, idx)
}

// Slice is a view of rows [lo, hi) that shares memory with b.
func (b *Batch) Slice(lo, hi int) *Batch {
	s := &Batch{Cols: make([]*Vec, len(b.Cols)), N: hi - lo}
	for i, c := range b.Cols {
		v := c.Slice(lo, hi)
		s.Cols[i] = &v
	}
	if b.W != nil {
		s.W = b.W[lo:hi:hi]
	}
	return s
}

// Types are the column types.
func (b *Batch) Types() []types.Type {
	ts := make([]types.Type, len(b.Cols))
	for i, c := range b.Cols {
		ts[i] = c.T
	}
	return ts
}

// Truncate keeps the first n rows.
func (b *Batch) Truncate(n int) {
	for _, c := range b.Cols {
		c.Truncate(n)
	}
	if b.W != nil {
		b.W = b.W[:n]
	}
	b.N = n
}
