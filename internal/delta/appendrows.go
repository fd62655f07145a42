package delta

import "github.com/heliosdb/heliosdb-streaming/internal/types"

// AppendRows appends the rows of src named by idx, with their weights. Their
// bytes are copied.
func (b *Batch) AppendRows(src *Batch, idx []int32) {
	for c, v := range b.Cols {
		v.appendRows(src.Cols[c], idx)
	}
	if b.W == nil && src.W != nil {
		b.W = make([]int64, b.N, b.N+len(idx))
		for i := range b.W {
			b.W[i] = 1
		}
	}
	if b.W != nil {
		for _, i := range idx {
			b.W = append(b.W, src.Weight(int(i)))
		}
	}
	b.N += len(idx)
}

func (v *Vec) appendRows(src *Vec, idx []int32) {
	if src.Nulls.Any() {
		at := v.Len()
		for o, i := range idx {
			if src.Nulls.Get(int(i)) {
				v.Nulls.Set(at + o)
			}
		}
	}
	switch v.T.Phys() {
	case types.Bool:
		v.B = appendAll(v.B, src.B, idx)
	case types.Int64:
		v.I = appendAll(v.I, src.I, idx)
	case types.Float64:
		v.F = appendAll(v.F, src.F, idx)
	default:
		for _, i := range idx {
			v.AppendBytes(src.Bytes(int(i)))
		}
	}
}

func appendAll[T any](dst, src []T, idx []int32) []T {
	for _, i := range idx {
		dst = append(dst, src[i])
	}
	return dst
}
