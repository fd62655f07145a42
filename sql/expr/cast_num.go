package expr

import (
	"math"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/num"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// cast registers a strict, immutable cast.
func cast(id string, from, to types.Type, ctx CastContext, k kernel) *Func {
	f := funcsByID[id]
	if f == nil {
		f = fn(id, to, k, from)
	}
	registerCast(from, to, ctx, f)
	return f
}

func init() {
	same := mapInt(func(x int64) int64 { return x })
	for _, a := range intKinds {
		for _, b := range intKinds {
			if a.name == b.name {
				continue
			}
			id := "int" + a.name + "_to_int" + b.name
			if a.name < b.name {
				cast(id, a.t, b.t, ImplicitCast, same).infallible()
				continue
			}
			cast(id, a.t, b.t, AssignmentCast, intNarrow(b))
		}
		n := "int" + a.name
		cast(n+"_to_float8", a.t, types.Float8, ImplicitCast, intToFloat(false)).infallible()
		cast(n+"_to_float4", a.t, types.Float4, ImplicitCast, intToFloat(true)).infallible()
		cast(n+"_numeric", a.t, types.Numeric, ImplicitCast, intToNum)
		cast("float8_to_"+n, types.Float8, a.t, AssignmentCast, floatToInt(a))
		cast("float4_to_"+n, types.Float4, a.t, AssignmentCast, floatToInt(a))
		cast("numeric_"+n, types.Numeric, a.t, AssignmentCast, numToInt(a))
	}
	cast("float4_to_float8", types.Float4, types.Float8, ImplicitCast, mapFloat(func(x float64) float64 { return x })).infallible()
	cast("float8_to_float4", types.Float8, types.Float4, AssignmentCast, float8To4)
	cast("numeric_float8", types.Numeric, types.Float8, ImplicitCast, retFloat(func(r *row) (float64, error) { return r.num(0).ToFloat64() }))
	cast("numeric_float4", types.Numeric, types.Float4, ImplicitCast, retFloat(numToFloat4))
	cast("float8_numeric", types.Float8, types.Numeric, AssignmentCast, retNum(func(r *row) (num.Decimal, error) { return num.FromFloat64(r.float(0)), nil }))
	cast("float4_numeric", types.Float4, types.Numeric, AssignmentCast, retNum(func(r *row) (num.Decimal, error) { return num.FromFloat32(float32(r.float(0))), nil }))
	cast("int4_bool", types.Int4, types.Boolean, ExplicitCast, retBool(func(r *row) (bool, error) { return r.int(0) != 0, nil }))
	cast("bool_int4", types.Boolean, types.Int4, ExplicitCast, retInt(func(r *row) (int64, error) {
		if r.boolean(0) {
			return 1, nil
		}
		return 0, nil
	}))
}

func intNarrow(k intKind) kernel {
	return func(c *Ctx, args []*delta.Vec, n int, _ delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		for i, x := range args[0].I[:n] {
			out.I[i] = x
			if x < k.lo || x > k.hi {
				c.Fail(i, k.err)
			}
		}
	}
}

func intToFloat(f4 bool) kernel {
	return func(_ *Ctx, args []*delta.Vec, n int, _ delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		for i, x := range args[0].I[:n] {
			if f4 {
				out.F[i] = float64(float32(x))
			} else {
				out.F[i] = float64(x)
			}
		}
	}
}

func intToNum(_ *Ctx, args []*delta.Vec, n int, _ delta.Bitmap, out *delta.Vec) {
	out.Resize(n)
	for i, x := range args[0].I[:n] {
		at := len(out.Data)
		out.Data = num.AppendSmall(out.Data, x, 0)
		out.S[i] = delta.Ref{Off: uint32(at), Len: uint32(len(out.Data) - at)}
	}
}

// floatToInt rounds half to even, as C's rint does.
func floatToInt(k intKind) kernel {
	lo, hi := float64(k.lo), -float64(k.lo) // hi is exclusive
	return func(c *Ctx, args []*delta.Vec, n int, _ delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		for i, x := range args[0].F[:n] {
			r := math.RoundToEven(x)
			if !(r >= lo && r < hi) { // NaN too
				c.Fail(i, k.err)
				continue
			}
			out.I[i] = int64(r)
		}
	}
}

func numToInt(k intKind) kernel {
	f := map[string]func(num.Decimal) (int64, error){"2": num.Decimal.ToInt16, "4": num.Decimal.ToInt32, "8": num.Decimal.ToInt64}[k.name]
	return retInt(func(r *row) (int64, error) { return f(r.num(0)) })
}

func float8To4(c *Ctx, args []*delta.Vec, n int, _ delta.Bitmap, out *delta.Vec) {
	out.Resize(n)
	for i, x := range args[0].F[:n] {
		r := float64(float32(x))
		out.F[i] = r
		if err := floatRange(r, isInf(x), x == 0); err != nil {
			c.Fail(i, err)
		}
	}
}

func numToFloat4(r *row) (float64, error) { return decimalToFloat4(r.num(0)) }

func decimalToFloat4(d num.Decimal) (float64, error) {
	x, err := d.ToFloat64()
	if err != nil {
		return 0, err
	}
	f := float64(float32(x))
	return f, floatRange(f, isInf(x), x == 0)
}
