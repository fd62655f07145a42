package expr

import (
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/sql/expr/numfmt"
)

func init() {
	t := types.Text
	template := func(r *row) (*numfmt.Format, error) {
		return remember(r.c, r.bytes(1), func() (*numfmt.Format, error) { return numfmt.Parse(r.text(1)) })
	}
	toChar := func(id string, from types.Type, write func(f *numfmt.Format, r *row) (string, error)) {
		def("to_char", id, t, retString(func(r *row) (string, error) {
			f, err := template(r)
			if err != nil {
				return "", err
			}
			return write(f, r)
		}), from, t).stable()
	}
	integer := func(k intKind) func(f *numfmt.Format, r *row) (string, error) {
		return func(f *numfmt.Format, r *row) (string, error) {
			if !fitsScaled(r.int(0), f.Multi(), k) {
				return "", k.err
			}
			return f.Int(r.int(0))
		}
	}
	toChar("int4_to_char", types.Int4, integer(intKind4))
	toChar("int8_to_char", types.Int8, integer(intKind8))
	toChar("float4_to_char", types.Float4, func(f *numfmt.Format, r *row) (string, error) { return f.Float(r.float(0), numfmt.RealDigits) })
	toChar("float8_to_char", types.Float8, func(f *numfmt.Format, r *row) (string, error) { return f.Float(r.float(0), numfmt.DoubleDigits) })
	toChar("numeric_to_char", types.Numeric, func(f *numfmt.Format, r *row) (string, error) { return f.Numeric(r.num(0)) })
}

// fitsScaled reports whether x·10^n, which V asks for, is in k's range.
func fitsScaled(x int64, n int, k intKind) bool {
	if n == 0 {
		return true
	}
	if n >= len(powersOf10) || powersOf10[n] > k.hi {
		return false
	}
	r, ok := mul64(x, powersOf10[n])
	return ok && r >= k.lo && r <= k.hi
}
