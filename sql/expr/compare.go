package expr

import (
	"bytes"
	"math"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// cmpOp is a comparison as the set of outcomes that satisfy it.
type cmpOp uint8

const (
	cmpLT cmpOp = 1
	cmpEQ cmpOp = 2
	cmpLE cmpOp = 3
	cmpGT cmpOp = 4
	cmpNE cmpOp = 5
	cmpGE cmpOp = 6
)

// holds tells whether outcome c (negative, 0, positive) satisfies o.
func (o cmpOp) holds(c int) bool {
	switch {
	case c < 0:
		return o&cmpLT != 0
	case c > 0:
		return o&cmpGT != 0
	}
	return o&cmpEQ != 0
}

// cmpOps lists the operators with the suffix of PostgreSQL's function names.
var cmpOps = []struct {
	sym, suffix string
	op          cmpOp
}{{"=", "eq", cmpEQ}, {"<>", "ne", cmpNE}, {"<", "lt", cmpLT}, {"<=", "le", cmpLE}, {">", "gt", cmpGT}, {">=", "ge", cmpGE}}

// comparison tells of a comparison function which one it is.
var comparison = map[*Func]cmpOp{}

// comparable registers the six operators of a pair of types; prefix is of
// PostgreSQL's function names ("int48", "text_").
func compares(prefix string, a, b types.Type, kernelOf func(cmpOp) kernel) {
	for _, o := range cmpOps {
		comparison[op(o.sym, prefix+o.suffix, types.Boolean, kernelOf(o.op), a, b).infallible()] = o.op
	}
}

func init() {
	for _, a := range intKinds {
		for _, b := range intKinds {
			id := "int" + a.name
			if a.name != b.name {
				id += b.name
			}
			compares(id, a.t, b.t, cmpInts)
		}
	}
	compares("oid", types.Oid, types.Oid, cmpInts)
	compares("float8", types.Float8, types.Float8, cmpFloats)
	compares("float4", types.Float4, types.Float4, cmpFloats)
	compares("float48", types.Float4, types.Float8, cmpFloats)
	compares("float84", types.Float8, types.Float4, cmpFloats)
	compares("bool", types.Boolean, types.Boolean, cmpBools)
	registerTextCompare()
	compares("bytea", types.Bytea, types.Bytea, cmpBytes)
	compares("char", types.Char, types.Char, cmpBytes)
	compares("name", types.Name, types.Name, cmpBytes)
	for _, o := range cmpOps { // PostgreSQL names these irregularly: nameeqtext, texteqname
		comparison[op(o.sym, "name"+o.suffix+"text", types.Boolean, cmpBytes(o.op), types.Name, types.Text).infallible()] = o.op
		comparison[op(o.sym, "text"+o.suffix+"name", types.Boolean, cmpBytes(o.op), types.Text, types.Name).infallible()] = o.op
	}
}

// registerTextCompare: texteq and textne, but text_lt and so on.
func registerTextCompare() {
	for _, o := range cmpOps {
		id := "text_" + o.suffix
		if o.op == cmpEQ || o.op == cmpNE {
			id = "text" + o.suffix
		}
		comparison[op(o.sym, id, types.Boolean, cmpBytes(o.op), types.Text, types.Text).infallible()] = o.op
	}
}

// Comparison tells which comparison operator ("=", "<", …) f is; ok is false
// for other functions.
func Comparison(f *Func) (symbol string, ok bool) {
	o, ok := comparison[f]
	if !ok {
		return "", false
	}
	for _, c := range cmpOps {
		if c.op == o {
			symbol = c.sym
		}
	}
	return symbol, true
}

// Commutator is the comparison g with f(a, b) = g(b, a); nil: f is none.
func Commutator(f *Func) *Func {
	return relatedComparison(f, true, func(o cmpOp) cmpOp { return o&cmpEQ | o>>2&cmpLT | o<<2&cmpGT })
}

// Negator is the comparison g with NOT f(a, b) = g(a, b); nil: f is none.
func Negator(f *Func) *Func {
	return relatedComparison(f, false, func(o cmpOp) cmpOp { return ^o & 7 })
}

func relatedComparison(f *Func, swap bool, rel func(cmpOp) cmpOp) *Func {
	o, ok := comparison[f]
	if !ok {
		return nil
	}
	a, b := f.Args[0], f.Args[1]
	if swap {
		a, b = b, a
	}
	want := rel(o)
	for _, c := range cmpOps {
		if c.op != want {
			continue
		}
		for _, g := range operators[c.sym] {
			if len(g.Args) == 2 && g.Args[0] == a && g.Args[1] == b && comparison[g] == want {
				return g
			}
		}
	}
	return nil
}

// cmpInts compares integers; a constant right side is the common case.
func cmpInts(o cmpOp) kernel {
	return func(c *Ctx, args []*delta.Vec, n int, _ delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		if c.isConst(1) {
			cmpIntsConst(o, args[0].I[:n], args[1].I[0], out.B[:n])
			return
		}
		cmpIntsVec(o, args[0].I[:n], args[1].I[:n], out.B[:n])
	}
}

func cmpIntsConst(o cmpOp, a []int64, k int64, out []bool) {
	out = out[:len(a)]
	switch o {
	case cmpEQ:
		for i, x := range a {
			out[i] = x == k
		}
	case cmpNE:
		for i, x := range a {
			out[i] = x != k
		}
	case cmpLT:
		for i, x := range a {
			out[i] = x < k
		}
	case cmpLE:
		for i, x := range a {
			out[i] = x <= k
		}
	case cmpGT:
		for i, x := range a {
			out[i] = x > k
		}
	case cmpGE:
		for i, x := range a {
			out[i] = x >= k
		}
	}
}

func cmpIntsVec(o cmpOp, a, b []int64, out []bool) {
	b, out = b[:len(a)], out[:len(a)]
	switch o {
	case cmpEQ:
		for i, x := range a {
			out[i] = x == b[i]
		}
	case cmpNE:
		for i, x := range a {
			out[i] = x != b[i]
		}
	case cmpLT:
		for i, x := range a {
			out[i] = x < b[i]
		}
	case cmpLE:
		for i, x := range a {
			out[i] = x <= b[i]
		}
	case cmpGT:
		for i, x := range a {
			out[i] = x > b[i]
		}
	case cmpGE:
		for i, x := range a {
			out[i] = x >= b[i]
		}
	}
}

// compareFloat orders as PostgreSQL: NaN equals NaN and is above all.
func compareFloat(x, y float64) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	case x == y:
		return 0
	case math.IsNaN(x) && math.IsNaN(y):
		return 0
	case math.IsNaN(x):
		return 1
	}
	return -1
}

func cmpFloats(o cmpOp) kernel {
	return func(_ *Ctx, args []*delta.Vec, n int, _ delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		b := args[1].F[:n]
		for i, x := range args[0].F[:n] {
			out.B[i] = o.holds(compareFloat(x, b[i]))
		}
	}
}

func cmpBools(o cmpOp) kernel {
	return func(_ *Ctx, args []*delta.Vec, n int, _ delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		b := args[1].B[:n]
		for i, x := range args[0].B[:n] {
			c := 0
			if x != b[i] {
				c = -1
				if x {
					c = 1
				}
			}
			out.B[i] = o.holds(c)
		}
	}
}

// cmpBytes compares byte strings, shorter first; text under the C collation.
func cmpBytes(o cmpOp) kernel {
	return func(c *Ctx, args []*delta.Vec, n int, skip delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		a, b := args[0], args[1]
		if o == cmpEQ || o == cmpNE {
			eq := o == cmpEQ
			if c.isConst(1) {
				k := string(b.Bytes(0))
				for i := range n {
					out.B[i] = !skip.Get(i) && (string(a.Bytes(i)) == k) == eq
				}
				return
			}
			for i := range n {
				out.B[i] = !skip.Get(i) && bytes.Equal(a.Bytes(i), b.Bytes(i)) == eq
			}
			return
		}
		for i := range n {
			out.B[i] = !skip.Get(i) && o.holds(bytes.Compare(a.Bytes(i), b.Bytes(i)))
		}
	}
}
