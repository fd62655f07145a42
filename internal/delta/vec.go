// Package delta holds the data that flows: typed column vectors, and batches
// of rows with signed weights (Z-sets, as in DBSP, Budiu et al., VLDB 2023).
package delta

import (
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// MaxBatchRows bounds the rows of one batch; producers split above it.
const MaxBatchRows = 64 << 10

// MaxBatchBytes bounds Vec.Data of one vector, so that Ref's 32 bits suffice.
const MaxBatchBytes = 1 << 30

// Ref is the place of one value in Vec.Data.
type Ref struct{ Off, Len uint32 }

// Vec is one column of a batch: a typed vector. Which slice is in use follows
// from T.Phys(); the others are nil. A NULL's value is unspecified but present.
//
// Data may be shared with other vectors (Gather copies references, not bytes),
// so bytes already in Data are never changed; appending is allowed only to the
// vector's owner, and Gather caps the shared slice so that an append moves it.
type Vec struct {
	T     types.Type
	Nulls Bitmap // bit set: NULL; may be shorter than the vector (missing bits: not null)
	B     []bool
	I     []int64
	F     []float64
	S     []Ref
	Data  []byte
}

// NewVec makes an empty vector with room for n rows.
func NewVec(t types.Type, n int) *Vec {
	v := &Vec{T: t}
	v.Grow(n)
	return v
}

// Grow makes room for n more rows.
func (v *Vec) Grow(n int) {
	switch v.T.Phys() {
	case types.Bool:
		v.B = grow(v.B, n)
	case types.Int64:
		v.I = grow(v.I, n)
	case types.Float64:
		v.F = grow(v.F, n)
	default:
		v.S = grow(v.S, n)
	}
}

func grow[T any](s []T, n int) []T {
	if cap(s)-len(s) >= n {
		return s
	}
	t := make([]T, len(s), len(s)+n)
	copy(t, s)
	return t
}

// Len is the number of rows.
func (v *Vec) Len() int {
	switch v.T.Phys() {
	case types.Bool:
		return len(v.B)
	case types.Int64:
		return len(v.I)
	case types.Float64:
		return len(v.F)
	}
	return len(v.S)
}

// Reset empties the vector of type t for reuse by its owner. Bytes that were
// shared by Gather must no longer be in use.
func (v *Vec) Reset(t types.Type) {
	v.T = t
	v.Nulls = v.Nulls[:0]
	v.B, v.I, v.F, v.S, v.Data = v.B[:0], v.I[:0], v.F[:0], v.S[:0], v.Data[:0]
}

// Resize sets the length to n rows of unspecified, non-null values. For Bytes
// vectors every Ref is empty.
func (v *Vec) Resize(n int) {
	v.Nulls = v.Nulls[:0]
	switch v.T.Phys() {
	case types.Bool:
		v.B = resize(v.B, n)
	case types.Int64:
		v.I = resize(v.I, n)
	case types.Float64:
		v.F = resize(v.F, n)
	default:
		v.S = resize(v.S, n)
		clear(v.S)
		v.Data = v.Data[:0]
	}
}

func resize[T any](s []T, n int) []T {
	if cap(s) >= n {
		return s[:n]
	}
	return make([]T, n)
}

// IsNull reports whether row i is NULL.
func (v *Vec) IsNull(i int) bool { return v.Nulls.Get(i) }

// HasNulls reports whether any row may be NULL.
func (v *Vec) HasNulls() bool { return v.Nulls.Any() }

// SetNull makes row i NULL.
func (v *Vec) SetNull(i int) { v.Nulls.Set(i) }

// Bytes is the value of row i of a Bytes vector; it aliases Data.
func (v *Vec) Bytes(i int) []byte {
	r := v.S[i]
	return v.Data[r.Off : r.Off+r.Len : r.Off+r.Len]
}

// SetBytes stores b as row i (Resize first). Rows may be set in any order.
func (v *Vec) SetBytes(i int, b []byte) {
	v.S[i] = Ref{uint32(len(v.Data)), uint32(len(b))}
	v.Data = append(v.Data, b...)
}

// AppendNull appends a NULL.
func (v *Vec) AppendNull() {
	v.Nulls.Set(v.Len())
	switch v.T.Phys() {
	case types.Bool:
		v.B = append(v.B, false)
	case types.Int64:
		v.I = append(v.I, 0)
	case types.Float64:
		v.F = append(v.F, 0)
	default:
		v.S = append(v.S, Ref{})
	}
}

// AppendBool appends a value to a Bool vector.
func (v *Vec) AppendBool(x bool) { v.B = append(v.B, x) }

// AppendInt appends a value to an Int64 vector.
func (v *Vec) AppendInt(x int64) { v.I = append(v.I, x) }

// AppendFloat appends a value to a Float64 vector.
func (v *Vec) AppendFloat(x float64) { v.F = append(v.F, x) }

// AppendBytes appends a copy of b to a Bytes vector.
func (v *Vec) AppendBytes(b []byte) {
	v.S = append(v.S, Ref{uint32(len(v.Data)), uint32(len(b))})
	v.Data = append(v.Data, b...)
}

// AppendFrom appends row i of src, which has the same physical kind.
func (v *Vec) AppendFrom(src *Vec, i int) {
	if src.Nulls.Get(i) {
		v.AppendNull()
		return
	}
	switch v.T.Phys() {
	case types.Bool:
		v.B = append(v.B, src.B[i])
	case types.Int64:
		v.I = append(v.I, src.I[i])
	case types.Float64:
		v.F = append(v.F, src.F[i])
	default:
		v.AppendBytes(src.Bytes(i))
	}
}

// Gather sets dst to the rows of v named by idx, in that order. Bytes are
// shared with v, not copied: dst lives no longer than v's Data stays unchanged.
func (v *Vec) Gather(dst *Vec, idx []int32) {
	dst.T = v.T
	dst.Nulls = dst.Nulls[:0]
	switch v.T.Phys() {
	case types.Bool:
		dst.B = gather(dst.B, v.B, idx)
	case types.Int64:
		dst.I = gather(dst.I, v.I, idx)
	case types.Float64:
		dst.F = gather(dst.F, v.F, idx)
	default:
		dst.S = gather(dst.S, v.S, idx)
		dst.Data = v.Data[:len(v.Data):len(v.Data)]
	}
	if v.Nulls.Any() {
		for o, i := range idx {
			if v.Nulls.Get(int(i)) {
				dst.Nulls.Set(o)
			}
		}
	}
}

func gather[T any](dst, src []T, idx []int32) []T {
	dst = resize(dst, len(idx))
	for o, i := range idx {
		dst[o] = src[i]
	}
	return dst
}

// Slice is a view of rows [lo, hi) that shares memory with v.
func (v *Vec) Slice(lo, hi int) Vec {
	s := Vec{T: v.T}
	switch v.T.Phys() {
	case types.Bool:
		s.B = v.B[lo:hi:hi]
	case types.Int64:
		s.I = v.I[lo:hi:hi]
	case types.Float64:
		s.F = v.F[lo:hi:hi]
	default:
		s.S, s.Data = v.S[lo:hi:hi], v.Data[:len(v.Data):len(v.Data)]
	}
	if v.Nulls.Any() {
		for i := lo; i < hi; i++ {
			if v.Nulls.Get(i) {
				s.Nulls.Set(i - lo)
			}
		}
	}
	return s
}

// Truncate keeps the first n rows.
func (v *Vec) Truncate(n int) {
	for i := n; i < v.Len(); i++ {
		v.Nulls.Unset(i)
	}
	switch v.T.Phys() {
	case types.Bool:
		v.B = v.B[:n]
	case types.Int64:
		v.I = v.I[:n]
	case types.Float64:
		v.F = v.F[:n]
	default:
		v.S = v.S[:n]
	}
}
