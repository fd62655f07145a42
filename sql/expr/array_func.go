package expr

import (
	"encoding/binary"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
)

func init() {
	arr, elem, i4, b := types.AnyArray, types.AnyElement, types.Int4, types.Boolean
	compares("array_", arr, arr, cmpArrays)
	sub := def("array_subscript", "array_subscript", elem, evalSubscript, arr, i4)
	sub.RetFor = func(args []types.Type) types.Type { t, _ := args[0].Elem(); return t }
	def("array_slice", "array_slice", arr, retBytes(arraySlice), arr, i4, i4)
	dim := func(f func(n int64) int64) kernel {
		return retInt(func(r *row) (int64, error) {
			n := int64(delta.ArrayLen(r.bytes(0)))
			if n == 0 || len(r.args) > 1 && r.int(1) != 1 {
				return 0, errNull
			}
			return f(n), nil
		})
	}
	def("array_length", "array_length", i4, dim(func(n int64) int64 { return n }), arr, i4)
	def("array_upper", "array_upper", i4, dim(func(n int64) int64 { return n }), arr, i4)
	def("array_lower", "array_lower", i4, dim(func(int64) int64 { return 1 }), arr, i4)
	def("array_ndims", "array_ndims", i4, dim(func(int64) int64 { return 1 }), arr)
	def("cardinality", "array_cardinality", i4, retInt(func(r *row) (int64, error) { return int64(delta.ArrayLen(r.bytes(0))), nil }), arr)
	registerArrayBuilders(arr, elem)
	def("array_remove", "array_remove", arr, retBytes(func(r *row, dst []byte) ([]byte, error) {
		if r.null(0) {
			return dst, errNull
		}
		return arrayReplace(r, dst, func(dst []byte) ([]byte, bool) { return dst, false })
	}), arr, elem).lax()
	def("array_replace", "array_replace", arr, retBytes(func(r *row, dst []byte) ([]byte, error) {
		if r.null(0) {
			return dst, errNull
		}
		return arrayReplace(r, dst, func(dst []byte) ([]byte, bool) { return delta.AppendArrayElem(dst, r.args[2], r.i), true })
	}), arr, elem, elem).lax()
	def("array_position", "array_position", i4, retInt(arrayPosition), arr, elem).lax()
	def("array_position", "array_position_start", i4, retInt(arrayPosition), arr, elem, i4).lax()
	def("array_positions", "array_positions", types.Type{OID: 1007, Mod: -1}, retBytes(arrayPositions), arr, elem).lax()
	op("&&", "arrayoverlap", b, retBool(func(r *row) (bool, error) { return overlaps(r.elems(0), r.elems(1)), nil }), arr, arr)
	op("@>", "arraycontains", b, retBool(func(r *row) (bool, error) { return contains(r.elems(0), r.elems(1)), nil }), arr, arr)
	op("<@", "arraycontained", b, retBool(func(r *row) (bool, error) { return contains(r.elems(1), r.elems(0)), nil }), arr, arr)
}

func registerArrayBuilders(arr, elem types.Type) {
	app := def("array_append", "array_append", arr, retBytes(func(r *row, dst []byte) ([]byte, error) {
		return arrayJoin(dst, r.whole(0), r.one(1)), nil
	}), arr, elem).lax()
	pre := def("array_prepend", "array_prepend", arr, retBytes(func(r *row, dst []byte) ([]byte, error) {
		return arrayJoin(dst, r.one(0), r.whole(1)), nil
	}), elem, arr).lax()
	cat := def("array_cat", "array_cat", arr, retBytes(func(r *row, dst []byte) ([]byte, error) {
		if r.null(0) && r.null(1) {
			return dst, errNull
		}
		return arrayJoin(dst, r.whole(0), r.whole(1)), nil
	}), arr, arr).lax()
	for _, f := range []*Func{app, pre, cat} {
		aliasOperator("||", f)
	}
}

// evalSubscript is a[i]: NULL outside the array.
func evalSubscript(_ *Ctx, args []*delta.Vec, n int, skip delta.Bitmap, out *delta.Vec) {
	for i := range n {
		if skip.Get(i) {
			out.AppendNull()
			continue
		}
		it := delta.IterArray(args[0].Bytes(i))
		found := false
		for k := args[1].I[i]; k > 0 && !found && it.Next(); k-- {
			found = k == 1
		}
		if !found {
			out.AppendNull()
		} else {
			appendElem(out, &it)
		}
	}
}

// arraySlice is a[lo:hi].
func arraySlice(r *row, dst []byte) ([]byte, error) {
	at, count := len(dst), uint32(0)
	dst = append(dst, 0, 0, 0, 0)
	it := delta.IterArray(r.bytes(0))
	for k := int64(1); it.Next(); k++ {
		if k >= r.int(1) && k <= r.int(2) {
			dst = appendRawElem(dst, &it)
			count++
		}
	}
	binary.LittleEndian.PutUint32(dst[at:], count)
	return dst, nil
}

func appendRawElem(dst []byte, it *delta.ArrayIter) []byte {
	if it.Null {
		return appendTextElem(dst, nil)
	}
	return append(binary.LittleEndian.AppendUint32(dst, uint32(len(it.Elem))), it.Elem...)
}

// whole is array argument k, empty when NULL; one is element argument k as an
// array of one.
func (r *row) whole(k int) []byte {
	if r.null(k) {
		return nil
	}
	return r.bytes(k)
}

func (r *row) one(k int) []byte {
	return delta.AppendArrayElem(binary.LittleEndian.AppendUint32(nil, 1), r.args[k], r.i)
}

// arrayJoin appends the concatenation of two arrays.
func arrayJoin(dst, a, b []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(delta.ArrayLen(a)+delta.ArrayLen(b)))
	for _, x := range [][]byte{a, b} {
		if len(x) > 4 {
			dst = append(dst, x[4:]...)
		}
	}
	return dst
}

// elems is array argument k taken apart.
func (r *row) elems(k int) *delta.Vec {
	t, _ := r.args[k].T.Elem()
	v := &delta.Vec{T: t}
	delta.AppendArrayElems(r.bytes(k), v)
	return v
}

// arrayReplace copies array 0, giving the elements not distinct from argument
// 1 to put, which tells whether it wrote one.
func arrayReplace(r *row, dst []byte, put func([]byte) ([]byte, bool)) ([]byte, error) {
	v := r.elems(0)
	at, count := len(dst), uint32(0)
	dst = append(dst, 0, 0, 0, 0)
	for i := range v.Len() {
		wrote := true
		if values.Equal(v, i, r.args[1], r.i) {
			dst, wrote = put(dst)
		} else {
			dst = delta.AppendArrayElem(dst, v, i)
		}
		if wrote {
			count++
		}
	}
	binary.LittleEndian.PutUint32(dst[at:], count)
	return dst, nil
}

var errStartNull = pgerr.New(pgerr.NullValueNotAllowed, "initial position must not be null")

func arrayPosition(r *row) (int64, error) {
	start := int64(1)
	if r.null(0) {
		return 0, errNull
	}
	if len(r.args) > 2 {
		if delta.ArrayLen(r.bytes(0)) == 0 || r.null(1) && !r.elems(0).HasNulls() {
			return 0, errNull // before the start is looked at
		}
		if r.null(2) {
			return 0, errStartNull
		}
		start = r.int(2)
	}
	v := r.elems(0)
	for i := range v.Len() {
		if int64(i) >= start-1 && values.Equal(v, i, r.args[1], r.i) {
			return int64(i) + 1, nil
		}
	}
	return 0, errNull
}

func arrayPositions(r *row, dst []byte) ([]byte, error) {
	if r.null(0) {
		return dst, errNull
	}
	v := r.elems(0)
	found := delta.Vec{T: types.Int4}
	for i := range v.Len() {
		if values.Equal(v, i, r.args[1], r.i) {
			found.AppendInt(int64(i) + 1)
		}
	}
	return delta.AppendArray(dst, &found, 0, found.Len()), nil
}

// contains reports whether every element of b is one of a; a NULL is none.
func contains(a, b *delta.Vec) bool {
	for j := range b.Len() {
		if b.IsNull(j) || !holds(a, b, j) {
			return false
		}
	}
	return true
}

func overlaps(a, b *delta.Vec) bool {
	for j := range b.Len() {
		if !b.IsNull(j) && holds(a, b, j) {
			return true
		}
	}
	return false
}

func holds(a, b *delta.Vec, j int) bool {
	for i := range a.Len() {
		if !a.IsNull(i) && values.Compare(a, i, b, j) == 0 {
			return true
		}
	}
	return false
}

// cmpArrays compares element by element, then by length.
func cmpArrays(o cmpOp) kernel {
	return func(_ *Ctx, args []*delta.Vec, n int, skip delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		for i := range n {
			if !skip.Get(i) {
				out.B[i] = o.holds(values.Compare(args[0], i, args[1], i))
			}
		}
	}
}
