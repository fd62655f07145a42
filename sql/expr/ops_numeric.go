package expr

import (
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/num"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

func init() {
	t := types.Numeric
	op("+", "numeric_add", t, numBinary(num.Decimal.Add), t, t)
	op("-", "numeric_sub", t, numBinary(num.Decimal.Sub), t, t)
	op("*", "numeric_mul", t, numBinary(num.Decimal.Mul), t, t)
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
			if !cb {
				y = num.Decode(b.Bytes(i))
			}
			out.B[i] = o.holds(num.Decode(a.Bytes(i)).Cmp(y))
		}
	}
}
