package expr

import (
	"math"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

func init() {
	f4, f8 := types.Float4, types.Float8
	for _, p := range []struct {
		id   string
		a, b types.Type
		t    types.Type
	}{{"float8", f8, f8, f8}, {"float4", f4, f4, f4}, {"float48", f4, f8, f8}, {"float84", f8, f4, f8}} {
		single := p.t == f4
		op("+", p.id+"pl", p.t, floatAdd(single), p.a, p.b)
		op("-", p.id+"mi", p.t, floatSub(single), p.a, p.b)
		op("*", p.id+"mul", p.t, floatMul(single), p.a, p.b)
		op("/", p.id+"div", p.t, floatDiv(single), p.a, p.b)
	}
	for _, k := range []struct {
		id string
		t  types.Type
	}{{"float8", f8}, {"float4", f4}} {
		op("-", k.id+"um", k.t, mapFloat(func(x float64) float64 { return -x }), k.t)
		op("+", k.id+"up", k.t, mapFloat(func(x float64) float64 { return x }), k.t)
		abs := op("@", k.id+"abs", k.t, mapFloat(math.Abs), k.t)
		alias(abs, "abs")
	}
}

// single rounds x to real when on; real arithmetic done in double and rounded
// once is exact, as double has more than twice real's digits.
func single(on bool, x float64) float64 {
	if on {
		return float64(float32(x))
	}
	return x
}

// floatRange is PostgreSQL's check of a result: an infinity that no operand
// was, a zero that no operand was.
func floatRange(r float64, inf, zero bool) error {
	if math.IsInf(r, 0) && !inf {
		return errOverflow
	}
	if r == 0 && !zero {
		return errUnderflow
	}
	return nil
}

func isInf(x float64) bool { return math.IsInf(x, 0) }

func floatAdd(f4 bool) kernel {
	return func(c *Ctx, args []*delta.Vec, n int, _ delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		b := args[1].F[:n]
		for i, x := range args[0].F[:n] {
			r := single(f4, x+b[i])
			out.F[i] = r
			if isInf(r) && !isInf(x) && !isInf(b[i]) {
				c.Fail(i, errOverflow)
			}
		}
	}
}

func floatSub(f4 bool) kernel {
	return func(c *Ctx, args []*delta.Vec, n int, _ delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		b := args[1].F[:n]
		for i, x := range args[0].F[:n] {
			r := single(f4, x-b[i])
			out.F[i] = r
			if isInf(r) && !isInf(x) && !isInf(b[i]) {
				c.Fail(i, errOverflow)
			}
		}
	}
}

func floatMul(f4 bool) kernel {
	return func(c *Ctx, args []*delta.Vec, n int, _ delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		b := args[1].F[:n]
		for i, x := range args[0].F[:n] {
			y := b[i]
			r := single(f4, x*y)
			out.F[i] = r
			if isInf(r) || r == 0 {
				if err := floatRange(r, isInf(x) || isInf(y), x == 0 || y == 0); err != nil {
					c.Fail(i, err)
				}
			}
		}
	}
}

func floatDiv(f4 bool) kernel {
	return func(c *Ctx, args []*delta.Vec, n int, _ delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		b := args[1].F[:n]
		for i, x := range args[0].F[:n] {
			y := b[i]
			if y == 0 && !math.IsNaN(x) {
				c.Fail(i, errDivZero)
				continue
			}
			r := single(f4, x/y)
			out.F[i] = r
			if isInf(r) || r == 0 {
				if err := floatRange(r, isInf(x), x == 0 || isInf(y)); err != nil {
					c.Fail(i, err)
				}
			}
		}
	}
}

// mapFloat is the kernel of a function that cannot fail.
func mapFloat(f func(x float64) float64) kernel {
	return func(_ *Ctx, args []*delta.Vec, n int, _ delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		for i, x := range args[0].F[:n] {
			out.F[i] = f(x)
		}
	}
}
