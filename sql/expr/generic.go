package expr

import (
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
)

func init() {
	a, b := types.AnyElement, types.Boolean
	same := func(want bool) kernel {
		return func(_ *Ctx, args []*delta.Vec, n int, _ delta.Bitmap, out *delta.Vec) {
			out.Resize(n)
			for i := range n {
				out.B[i] = values.Equal(args[0], i, args[1], i) == want
			}
		}
	}
	register(fn("is_distinct_from", b, same(false), a, a).lax().infallible())
	register(fn("is_not_distinct_from", b, same(true), a, a).lax().infallible())
	def("greatest", "greatest", a, extreme(1), a).lax().variadic().infallible()
	def("least", "least", a, extreme(-1), a).lax().variadic().infallible()
	def("num_nulls", "pg_num_nulls", types.Int4, countNulls(true), types.Any).lax().variadic()
	def("num_nonnulls", "pg_num_nonnulls", types.Int4, countNulls(false), types.Any).lax().variadic()
}

// extreme is GREATEST (sign 1) or LEAST (-1): NULLs are ignored unless all are.
func extreme(sign int) kernel {
	return func(_ *Ctx, args []*delta.Vec, n int, _ delta.Bitmap, out *delta.Vec) {
		for i := range n {
			best := args[0]
			for _, v := range args[1:] {
				if v.IsNull(i) {
					continue
				}
				if best.IsNull(i) || sign*values.Compare(v, i, best, i) > 0 {
					best = v
				}
			}
			out.AppendFrom(best, i)
		}
	}
}

func countNulls(null bool) kernel {
	return func(_ *Ctx, args []*delta.Vec, n int, _ delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		for i := range n {
			k := int64(0)
			for _, v := range args {
				if v.IsNull(i) == null {
					k++
				}
			}
			out.I[i] = k
		}
	}
}
