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
	integer := func(f *numfmt.Format, r *row) (string, error) { return f.Int(r.int(0)) }
	toChar("int4_to_char", types.Int4, integer)
	toChar("int8_to_char", types.Int8, integer)
	toChar("float4_to_char", types.Float4, func(f *numfmt.Format, r *row) (string, error) { return f.Float(r.float(0), numfmt.RealDigits) })
	toChar("float8_to_char", types.Float8, func(f *numfmt.Format, r *row) (string, error) { return f.Float(r.float(0), numfmt.DoubleDigits) })
	toChar("numeric_to_char", types.Numeric, func(f *numfmt.Format, r *row) (string, error) { return f.Numeric(r.num(0)) })
}
