package delta

import (
	"encoding/binary"
	"math"

	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// An array value in a Bytes vector is one-dimensional with lower bound 1: u32
// LE element count, then per element i32 LE length (-1: NULL) and its bytes:
// 8 bytes LE for Int64 and Float64 kinds, 1 byte for Bool, raw for Bytes.

// MaxArrayElems bounds the elements of one array, as in PostgreSQL.
const MaxArrayElems = 134217727

// AppendArray appends the array of rows [lo, hi) of elems to dst.
func AppendArray(dst []byte, elems *Vec, lo, hi int) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(hi-lo))
	for i := lo; i < hi; i++ {
		dst = AppendArrayElem(dst, elems, i)
	}
	return dst
}

// AppendArrayElem appends row i as an element; the caller writes the count.
func AppendArrayElem(dst []byte, elems *Vec, i int) []byte {
	le := binary.LittleEndian
	if elems.IsNull(i) {
		return le.AppendUint32(dst, math.MaxUint32)
	}
	switch elems.T.Phys() {
	case types.Bool:
		dst = le.AppendUint32(dst, 1)
		if elems.B[i] {
			return append(dst, 1)
		}
		return append(dst, 0)
	case types.Int64:
		return le.AppendUint64(le.AppendUint32(dst, 8), uint64(elems.I[i]))
	case types.Float64:
		return le.AppendUint64(le.AppendUint32(dst, 8), math.Float64bits(elems.F[i]))
	}
	b := elems.Bytes(i)
	return append(le.AppendUint32(dst, uint32(len(b))), b...)
}

// ArrayLen is the number of elements of an encoded array; 0 if corrupt.
func ArrayLen(a []byte) int {
	if len(a) < 4 {
		return 0
	}
	return int(binary.LittleEndian.Uint32(a))
}

// ArrayIter walks the elements of an encoded array. Corrupt arrays end early.
type ArrayIter struct {
	rest []byte
	n    int
	Elem []byte // of the current element
	Null bool
}

// IterArray starts before the first element of a.
func IterArray(a []byte) ArrayIter {
	if len(a) < 4 {
		return ArrayIter{}
	}
	return ArrayIter{rest: a[4:], n: ArrayLen(a)}
}

// Next moves to the next element.
func (it *ArrayIter) Next() bool {
	if it.n == 0 || len(it.rest) < 4 {
		return false
	}
	it.n--
	l := binary.LittleEndian.Uint32(it.rest)
	it.rest = it.rest[4:]
	it.Null = l == math.MaxUint32
	if it.Null {
		it.Elem = nil
		return true
	}
	if uint64(l) > uint64(len(it.rest)) {
		it.rest, it.n = nil, 0
		return false
	}
	it.Elem, it.rest = it.rest[:l:l], it.rest[l:]
	return true
}

// ArrayElem is element i, counted from 0; ok is false outside the array, null
// for a NULL.
func ArrayElem(a []byte, i int) (elem []byte, null, ok bool) {
	for it := IterArray(a); it.Next(); i-- {
		if i == 0 {
			return it.Elem, it.Null, true
		}
	}
	return nil, false, false
}

// AppendArrayElems appends all elements of a to out, whose type is the
// element type. Elements of the wrong size become NULL.
func AppendArrayElems(a []byte, out *Vec) {
	for it := IterArray(a); it.Next(); {
		if it.Null || !out.appendRaw(it.Elem) {
			out.AppendNull()
		}
	}
}

func (v *Vec) appendRaw(b []byte) bool {
	switch v.T.Phys() {
	case types.Bool:
		if len(b) != 1 {
			return false
		}
		v.B = append(v.B, b[0] != 0)
	case types.Int64:
		if len(b) != 8 {
			return false
		}
		v.I = append(v.I, int64(binary.LittleEndian.Uint64(b)))
	case types.Float64:
		if len(b) != 8 {
			return false
		}
		v.F = append(v.F, math.Float64frombits(binary.LittleEndian.Uint64(b)))
	default:
		v.AppendBytes(b)
	}
	return true
}
