package expr

import (
	"encoding/binary"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

type arrayNode struct {
	elems []node
	vecs  []*delta.Vec
	t     types.Type
	out   delta.Vec
}

func compileArray(e *Array) (node, error) {
	elem, ok := e.T.Elem()
	if !ok {
		return nil, pgerr.Internal("ARRAY of type %s", e.T)
	}
	for _, x := range e.Elems {
		if x.Type().IsArray() {
			return nil, pgerr.Unsupported(0, "an array of more than one dimension")
		}
		if x.Type().Phys() != elem.Phys() {
			return nil, pgerr.Internal("an element of type %s in %s", x.Type(), e.T)
		}
	}
	ns, err := compileAll(e.Elems)
	return &arrayNode{elems: ns, vecs: make([]*delta.Vec, len(ns)), t: e.T}, err
}

func (x *arrayNode) eval(c *Ctx, in *delta.Batch) *delta.Vec {
	for k, e := range x.elems {
		x.vecs[k] = e.eval(c, in)
	}
	out := &x.out
	out.Reset(x.t)
	for range in.N {
		at := len(out.Data)
		out.Data = binary.LittleEndian.AppendUint32(out.Data, uint32(len(x.vecs)))
		for _, v := range x.vecs {
			out.Data = delta.AppendArrayElem(out.Data, v, len(out.S))
		}
		out.S = append(out.S, delta.Ref{Off: uint32(at), Len: uint32(len(out.Data) - at)})
	}
	return out
}

// maxFlatRows bounds the pairs (row, element) that ANY and ALL compare at once.
const maxFlatRows = delta.MaxBatchRows

// anyAllNode is x op ANY (array): true when the operator is for one element,
// NULL when it is for none but NULL for some; ALL is the dual. The pairs of a
// row and an element are laid out flat and go through the operator's kernel.
type anyAllNode struct {
	fn       *Func
	x, array node
	all      bool
	set      *constSet // for = and <> with a constant array

	rows       []int32 // of a flat pair: its row
	left, elem delta.Vec
	skip       delta.Bitmap
	memo       memo
	flat, out  delta.Vec
}

func compileAnyAll(e *AnyAll) (node, error) {
	if e.Fn == nil || len(e.Fn.Args) != 2 || e.Fn.Eval == nil {
		return nil, pgerr.Internal("ANY or ALL without an operator")
	}
	if _, ok := e.Array.Type().Elem(); !ok {
		return nil, pgerr.Internal("ANY or ALL of type %s", e.Array.Type())
	}
	if list, ok := e.Array.(*Array); ok { // of an IN list
		e = &AnyAll{Fn: e.Fn, X: e.X, Array: foldConst(list), All: e.All}
	}
	ns, err := compileAll([]Expr{e.X, e.Array})
	if err != nil {
		return nil, err
	}
	x := &anyAllNode{fn: e.Fn, x: ns[0], array: ns[1], all: e.All}
	if k, ok := e.Array.(*Const); ok && !k.Value.Null {
		x.set = newConstSet(e, k.Value)
	}
	return x, nil
}

func (x *anyAllNode) eval(c *Ctx, in *delta.Batch) *delta.Vec {
	v := x.x.eval(c, in)
	x.out.Reset(types.Boolean)
	x.out.Resize(in.N)
	if x.set != nil {
		x.set.probe(v, in.N, &x.out)
		return &x.out
	}
	arr := x.array.eval(c, in)
	elemType, _ := arr.T.Elem()
	x.startChunk(elemType)
	for i := range in.N {
		x.out.B[i] = x.all
		if arr.IsNull(i) {
			x.out.SetNull(i)
			continue
		}
		for it := delta.IterArray(arr.Bytes(i)); it.Next(); {
			x.rows = append(x.rows, int32(i))
			appendElem(&x.elem, &it)
			if len(x.rows) == maxFlatRows {
				x.flush(c, v)
				x.startChunk(elemType)
			}
		}
	}
	x.flush(c, v)
	return &x.out
}

// appendElem appends the iterator's element to elems.
func appendElem(elems *delta.Vec, it *delta.ArrayIter) {
	switch {
	case it.Null:
		elems.AppendNull()
	case elems.T.Phys() == types.Bool:
		elems.AppendBool(len(it.Elem) == 1 && it.Elem[0] != 0)
	case elems.T.Phys() == types.Bytes:
		elems.AppendBytes(it.Elem)
	case len(it.Elem) != 8:
		elems.AppendNull()
	case elems.T.Phys() == types.Int64:
		elems.AppendInt(int64(binary.LittleEndian.Uint64(it.Elem)))
	default:
		elems.AppendFloat(floatFromBits(it.Elem))
	}
}

func (x *anyAllNode) startChunk(t types.Type) {
	x.rows = x.rows[:0]
	x.elem.Reset(t)
}

// flush compares the pairs gathered so far and folds the answers into out.
func (x *anyAllNode) flush(c *Ctx, v *delta.Vec) {
	n := len(x.rows)
	if n == 0 {
		return
	}
	v.Gather(&x.left, x.rows)
	args := []*delta.Vec{&x.left, &x.elem}
	x.skip = x.skip[:0]
	if x.fn.Strict {
		x.skip.Or(x.left.Nulls)
		x.skip.Or(x.elem.Nulls)
	}
	x.flat.Reset(types.Boolean)
	c.within(x.rows, func() *delta.Vec {
		c.run(x.fn, args, n, x.skip, frame{out: &x.flat, memo: &x.memo})
		return nil
	})
	for j, i := range x.rows {
		x.fold(int(i), x.flat.B[j], x.flat.IsNull(j))
	}
}

func (x *anyAllNode) fold(i int, b, null bool) {
	decided := x.out.B[i] != x.all
	switch {
	case decided:
	case null:
		x.out.SetNull(i)
	case b != x.all:
		x.out.B[i] = b
		x.out.Nulls.Unset(i)
	}
}

// constSet answers x = ANY (constant) and x <> ALL (constant) by one look-up.
type constSet struct {
	ints    map[int64]struct{}
	bytes   map[string]struct{}
	hasNull bool
	empty   bool
	negate  bool // <> ALL
}

// newConstSet makes the set when the operator and the type allow it.
func newConstSet(e *AnyAll, d delta.Datum) *constSet {
	o, ok := comparison[e.Fn]
	if !ok || !(o == cmpEQ && !e.All || o == cmpNE && e.All) {
		return nil
	}
	elemType, _ := d.T.Elem()
	elems := delta.Vec{T: elemType}
	delta.AppendArrayElems(d.S, &elems)
	s := &constSet{hasNull: elems.HasNulls(), empty: elems.Len() == 0, negate: e.All}
	switch {
	case elemType.Phys() == types.Int64 && e.X.Type().Phys() == types.Int64 && sameScale(e.Fn):
		s.ints = map[int64]struct{}{}
		for i, k := range elems.I {
			if !elems.IsNull(i) {
				s.ints[k] = struct{}{}
			}
		}
	case isTextual(elemType) && isTextual(e.X.Type()):
		s.bytes = map[string]struct{}{}
		for i := range elems.S {
			if !elems.IsNull(i) {
				s.bytes[string(elems.Bytes(i))] = struct{}{}
			}
		}
	default:
		return nil
	}
	return s
}

// sameScale reports whether both sides of a comparison count the same units:
// not so for a date and a timestamp.
func sameScale(f *Func) bool {
	a, b := f.Args[0], f.Args[1]
	return a == b || a.Info().Category == 'N' && b.Info().Category == 'N'
}

func isTextual(t types.Type) bool {
	switch t.OID {
	case types.OIDText, types.OIDVarchar, types.OIDName, types.OIDBytea:
		return true
	}
	return false
}

func (s *constSet) probe(v *delta.Vec, n int, out *delta.Vec) {
	for i := range n {
		if v.IsNull(i) && !s.empty {
			out.SetNull(i)
			continue
		}
		var found bool
		if s.ints != nil {
			_, found = s.ints[v.I[i]]
		} else {
			_, found = s.bytes[string(v.Bytes(i))]
		}
		if !found && s.hasNull {
			out.SetNull(i)
		}
		out.B[i] = found != s.negate
	}
}
