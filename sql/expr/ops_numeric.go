package expr

import (
	"cmp"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/num"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

func init() {
	t := types.Numeric
	op("+", "numeric_add", t, numArith(smallAdd, num.Decimal.Add), t, t)
	op("-", "numeric_sub", t, numArith(smallSub, num.Decimal.Sub), t, t)
	op("*", "numeric_mul", t, numArith(smallMul, num.Decimal.Mul), t, t)
	op("/", "numeric_div", t, numBinary(num.Decimal.Div), t, t)
	alias(op("%", "numeric_mod", t, numBinary(num.Decimal.Mod), t, t), "mod")
	def("div", "numeric_div_trunc", t, numBinary(num.Decimal.DivInt), t, t)
	op("-", "numeric_uminus", t, numUnary(num.Decimal.Neg), t)
	op("+", "numeric_uplus", t, numUnary(func(d num.Decimal) num.Decimal { return d }), t)
	alias(op("@", "numeric_abs", t, numUnary(num.Decimal.Abs), t), "abs")
	compares("numeric_", t, t, cmpNumerics)
}

// setNum stores d as row i of out.
func setNum(out *delta.Vec, i int, d num.Decimal) {
	at := len(out.Data)
	out.Data = num.Append(out.Data, d)
	out.S[i] = delta.Ref{Off: uint32(at), Len: uint32(len(out.Data) - at)}
}

// numBinary is the kernel of a numeric function of two arguments; a constant
// one is decoded once.
func numBinary(f func(a, b num.Decimal) (num.Decimal, error)) kernel {
	return func(c *Ctx, args []*delta.Vec, n int, skip delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		a, b := args[0], args[1]
		ca, cb := c.isConst(0), c.isConst(1)
		x, y := num.Decode(a.Bytes(0)), num.Decode(b.Bytes(0))
		for i := range n {
			if skip.Get(i) {
				continue
			}
			if !ca {
				x = num.Decode(a.Bytes(i))
			}
			if !cb {
				y = num.Decode(b.Bytes(i))
			}
			r, err := f(x, y)
			if err != nil {
				c.Fail(i, err)
				continue
			}
			setNum(out, i, r)
		}
	}
}

// A smallOp computes with coefficients of 64 bits; ok is false when it cannot.
type smallOp func(a int64, as int, b int64, bs int) (r int64, scale int, ok bool)

func smallMul(a int64, as int, b int64, bs int) (int64, int, bool) {
	r, ok := mul64(a, b)
	return r, as + bs, ok && as+bs <= num.MaxScale
}

var powersOf10 = func() (p [19]int64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// align brings two coefficients to the larger scale.
func align(a int64, as int, b int64, bs int) (x, y int64, scale int, ok bool) {
	switch d := as - bs; {
	case d == 0:
		return a, b, as, true
	case d > 0 && d < len(powersOf10):
		y, ok = mul64(b, powersOf10[d])
		return a, y, as, ok
	case d < 0 && -d < len(powersOf10):
		x, ok = mul64(a, powersOf10[-d])
		return x, b, bs, ok
	}
	return 0, 0, 0, false
}

func smallAdd(a int64, as int, b int64, bs int) (int64, int, bool) {
	x, y, scale, ok := align(a, as, b, bs)
	r := x + y
	return r, scale, ok && (x^r)&(y^r) >= 0
}

func smallSub(a int64, as int, b int64, bs int) (int64, int, bool) {
	x, y, scale, ok := align(a, as, b, bs)
	r := x - y
	return r, scale, ok && (x^y)&(x^r) >= 0
}

// numArith is numBinary with a fast way for small coefficients, which is what
// money and measurements are.
func numArith(small smallOp, f func(a, b num.Decimal) (num.Decimal, error)) kernel {
	return func(c *Ctx, args []*delta.Vec, n int, skip delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		a, b := args[0], args[1]
		for i := range n {
			if skip.Get(i) {
				continue
			}
			at := len(out.Data)
			x, xs, ok := num.DecodeSmall(a.Bytes(i))
			if y, ys, ok2 := num.DecodeSmall(b.Bytes(i)); ok && ok2 {
				if r, scale, ok := small(x, xs, y, ys); ok {
					out.Data = num.AppendSmall(out.Data, r, scale)
					out.S[i] = delta.Ref{Off: uint32(at), Len: uint32(len(out.Data) - at)}
					continue
				}
			}
			r, err := f(num.Decode(a.Bytes(i)), num.Decode(b.Bytes(i)))
			if err != nil {
				c.Fail(i, err)
				continue
			}
			setNum(out, i, r)
		}
	}
}

func numUnary(f func(num.Decimal) num.Decimal) kernel {
	return func(_ *Ctx, args []*delta.Vec, n int, skip delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		for i := range n {
			if !skip.Get(i) {
				setNum(out, i, f(num.Decode(args[0].Bytes(i))))
			}
		}
	}
}

// numUnaryErr is numUnary of a function that can fail.
func numUnaryErr(f func(num.Decimal) (num.Decimal, error)) kernel {
	return retNum(func(r *row) (num.Decimal, error) { return f(r.num(0)) })
}

func cmpNumerics(o cmpOp) kernel {
	return func(c *Ctx, args []*delta.Vec, n int, skip delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		a, b := args[0], args[1]
		cb := c.isConst(1)
		y := num.Decode(b.Bytes(0))
		for i := range n {
			if skip.Get(i) {
				continue
			}
			if x, xs, ok := num.DecodeSmall(a.Bytes(i)); ok {
				if y, ys, ok := num.DecodeSmall(b.Bytes(i)); ok {
					if p, q, _, ok := align(x, xs, y, ys); ok {
						out.B[i] = o.holds(cmp.Compare(p, q))
						continue
					}
				}
			}
			if !cb {
				y = num.Decode(b.Bytes(i))
			}
			out.B[i] = o.holds(num.Decode(a.Bytes(i)).Cmp(y))
		}
	}
}
