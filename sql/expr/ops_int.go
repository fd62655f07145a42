package expr

import (
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// intKind is one of int2, int4, int8.
type intKind struct {
	name   string // in PostgreSQL's function names: "2", "4", "8"
	t      types.Type
	lo, hi int64
	err    error
}

var (
	intKind2 = intKind{"2", types.Int2, -1 << 15, 1<<15 - 1, errSmallint}
	intKind4 = intKind{"4", types.Int4, -1 << 31, 1<<31 - 1, errInteger}
	intKind8 = intKind{"8", types.Int8, -1 << 63, 1<<63 - 1, errBigint}
	intKinds = []intKind{intKind2, intKind4, intKind8}
)

func init() {
	for _, a := range intKinds {
		for _, b := range intKinds {
			id := "int" + a.name + b.name
			r := b
			if a.name > b.name {
				r = a
			}
			if a.name == b.name {
				id = "int" + a.name
			}
			op("+", id+"pl", r.t, intAdd(r), a.t, b.t)
			op("-", id+"mi", r.t, intSub(r), a.t, b.t)
			op("*", id+"mul", r.t, intMul(r), a.t, b.t)
			op("/", id+"div", r.t, intDiv(r), a.t, b.t)
		}
		registerIntUnary(a)
	}
}

// registerIntUnary adds what takes operands of one integer type.
func registerIntUnary(k intKind) {
	id, t := "int"+k.name, k.t
	mod := op("%", id+"mod", t, intMod, t, t)
	alias(mod, "mod")
	op("+", id+"up", t, mapInt(func(x int64) int64 { return x }), t)
	op("-", id+"um", t, intNeg(k), t)
	abs := op("@", id+"abs", t, intAbs(k), t)
	alias(abs, "abs")
	op("~", id+"not", t, mapInt(func(x int64) int64 { return ^x }), t)
	op("&", id+"and", t, mapInt2(func(x, y int64) int64 { return x & y }), t, t)
	op("|", id+"or", t, mapInt2(func(x, y int64) int64 { return x | y }), t, t)
	op("#", id+"xor", t, mapInt2(func(x, y int64) int64 { return x ^ y }), t, t)
	switch k.name {
	case "2": // computed in 32 bits and cut, the count modulo 32
		op("<<", "int2shl", t, mapInt2(func(x, y int64) int64 { return int64(int16(int32(x) << (uint(y) & 31))) }), t, types.Int4)
		op(">>", "int2shr", t, mapInt2(func(x, y int64) int64 { return int64(int16(int32(x) >> (uint(y) & 31))) }), t, types.Int4)
	case "4":
		op("<<", "int4shl", t, mapInt2(func(x, y int64) int64 { return int64(int32(x) << (uint(y) & 31)) }), t, types.Int4)
		op(">>", "int4shr", t, mapInt2(func(x, y int64) int64 { return int64(int32(x) >> (uint(y) & 31)) }), t, types.Int4)
	default:
		op("<<", "int8shl", t, mapInt2(func(x, y int64) int64 { return x << (uint(y) & 63) }), t, types.Int4)
		op(">>", "int8shr", t, mapInt2(func(x, y int64) int64 { return x >> (uint(y) & 63) }), t, types.Int4)
	}
}

// mapInt and mapInt2 are kernels of functions that cannot fail.
func mapInt(f func(x int64) int64) kernel {
	return func(_ *Ctx, args []*delta.Vec, n int, _ delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		for i, x := range args[0].I[:n] {
			out.I[i] = f(x)
		}
	}
}

func mapInt2(f func(x, y int64) int64) kernel {
	return func(_ *Ctx, args []*delta.Vec, n int, _ delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		b := args[1].I[:n]
		for i, x := range args[0].I[:n] {
			out.I[i] = f(x, b[i])
		}
	}
}

// failWhere reports err for the rows where bad holds; strict NULLs are left out
// by Fail.
func failWhere(c *Ctx, n int, err error, bad func(i int) bool) {
	for i := range n {
		if bad(i) {
			c.Fail(i, err)
		}
	}
}

// The kernels below compute all rows first, gather in one sign bit whether any
// left the range, and look for the rows only then.

func intAdd(k intKind) kernel {
	return func(c *Ctx, args []*delta.Vec, n int, _ delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		a, b, o := args[0].I[:n], args[1].I[:n], out.I[:n]
		var bad int64
		if k.name == "8" {
			for i, x := range a {
				y := b[i]
				s := x + y
				o[i] = s
				bad |= (x ^ s) & (y ^ s)
			}
			if bad < 0 {
				failWhere(c, n, k.err, func(i int) bool { return (a[i]^o[i])&(b[i]^o[i]) < 0 })
			}
			return
		}
		for i, x := range a {
			s := x + b[i]
			o[i] = s
			bad |= (s - k.lo) | (k.hi - s)
		}
		checkRange(c, k, o, bad)
	}
}

func intSub(k intKind) kernel {
	return func(c *Ctx, args []*delta.Vec, n int, _ delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		a, b, o := args[0].I[:n], args[1].I[:n], out.I[:n]
		var bad int64
		if k.name == "8" {
			for i, x := range a {
				y := b[i]
				s := x - y
				o[i] = s
				bad |= (x ^ y) & (x ^ s)
			}
			if bad < 0 {
				failWhere(c, n, k.err, func(i int) bool { return (a[i]^b[i])&(a[i]^o[i]) < 0 })
			}
			return
		}
		for i, x := range a {
			s := x - b[i]
			o[i] = s
			bad |= (s - k.lo) | (k.hi - s)
		}
		checkRange(c, k, o, bad)
	}
}

// checkRange fails the rows of o outside k's range when bad is negative.
func checkRange(c *Ctx, k intKind, o []int64, bad int64) {
	if bad < 0 {
		failWhere(c, len(o), k.err, func(i int) bool { return o[i] < k.lo || o[i] > k.hi })
	}
}

func intMul(k intKind) kernel {
	return func(c *Ctx, args []*delta.Vec, n int, _ delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		a, b, o := args[0].I[:n], args[1].I[:n], out.I[:n]
		if k.name == "8" {
			for i, x := range a {
				s, ok := mul64(x, b[i])
				if !ok {
					c.Fail(i, k.err)
				}
				o[i] = s
			}
			return
		}
		var bad int64
		for i, x := range a {
			s := x * b[i]
			o[i] = s
			bad |= (s - k.lo) | (k.hi - s)
		}
		checkRange(c, k, o, bad)
	}
}

// mul64 multiplies and tells whether the product fits.
func mul64(x, y int64) (int64, bool) {
	s := x * y
	if int64(int32(x)) == x && int64(int32(y)) == y || x == 0 {
		return s, true
	}
	return s, s/x == y && !(x == -1 && y == -1<<63)
}

func intDiv(k intKind) kernel {
	return func(c *Ctx, args []*delta.Vec, n int, _ delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		a, b, o := args[0].I[:n], args[1].I[:n], out.I[:n]
		for i, x := range a {
			switch y := b[i]; y {
			case 0:
				o[i] = 0
				c.Fail(i, errDivZero)
			case -1:
				o[i] = -x
				if x == k.lo {
					c.Fail(i, k.err)
				}
			default:
				o[i] = x / y
			}
		}
	}
}

func intMod(c *Ctx, args []*delta.Vec, n int, _ delta.Bitmap, out *delta.Vec) {
	out.Resize(n)
	a, b, o := args[0].I[:n], args[1].I[:n], out.I[:n]
	for i, x := range a {
		switch y := b[i]; y {
		case 0:
			o[i] = 0
			c.Fail(i, errDivZero)
		case -1: // the minimum modulo -1 would trap
			o[i] = 0
		default:
			o[i] = x % y
		}
	}
}

func intNeg(k intKind) kernel {
	return func(c *Ctx, args []*delta.Vec, n int, _ delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		for i, x := range args[0].I[:n] {
			out.I[i] = -x
			if x == k.lo {
				c.Fail(i, k.err)
			}
		}
	}
}

func intAbs(k intKind) kernel {
	return func(c *Ctx, args []*delta.Vec, n int, _ delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		for i, x := range args[0].I[:n] {
			if x == k.lo {
				c.Fail(i, k.err)
			}
			out.I[i] = max(x, -x)
		}
	}
}
