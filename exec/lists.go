package exec

import (
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/jsonb"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/pgtime"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// appendList appends the value of a list aggregate over rows to out.
func appendList(name string, rows *delta.Batch, out *delta.Vec) error {
	switch name {
	case "array_agg":
		out.AppendBytes(delta.AppendArray(nil, rows.Cols[0], 0, rows.N))
		return nil
	case "string_agg":
		var s []byte
		for i := range rows.N {
			if i > 0 && !rows.Cols[1].IsNull(i) {
				s = append(s, rows.Cols[1].Bytes(i)...)
			}
			s = append(s, rows.Cols[0].Bytes(i)...)
		}
		out.AppendBytes(s)
		return nil
	case "jsonb_agg", "jsonb_object_agg":
		return appendJSONList(name, rows, out)
	}
	return pgerr.Unsupported(0, "aggregate function %s", name)
}

// appendJSONList puts values together as a JSON array, or names and values as
// an object, in which the last of equal names wins.
func appendJSONList(name string, rows *delta.Batch, out *delta.Vec) error {
	var c expr.Ctx
	var err error
	open, end := byte('['), byte(']')
	if name == "jsonb_object_agg" {
		open, end = '{', '}'
	}
	s := []byte{open}
	for i := range rows.N {
		if i > 0 {
			s = append(s, ',')
		}
		val := rows.Cols[0]
		if open == '{' {
			if val.IsNull(i) {
				return pgerr.New(pgerr.InvalidParameterValue, "field name must not be null")
			}
			s = jsonb.AppendString(s, values.AppendText(nil, val, i, &values.TextOpts{}))
			s = append(s, ':')
			val = rows.Cols[1]
		}
		if s, err = expr.AppendJSONB(&c, s, val, i); err != nil {
			return err
		}
	}
	canonical, err := jsonb.Parse(nil, append(s, end))
	if err != nil {
		return err
	}
	out.AppendBytes(canonical)
	return nil
}

// appendInterval appends the sum, or the mean of n, of intervals given by their
// fields' sums.
func appendInterval(out *delta.Vec, micros, days, months, n int64, avg bool) error {
	if days != int64(int32(days)) || months != int64(int32(months)) {
		return pgerr.New(pgerr.DatetimeFieldOverflow, "interval out of range")
	}
	iv := pgtime.Interval{Months: int32(months), Days: int32(days), Micros: micros}
	if avg {
		var err error
		if iv, err = iv.Over(float64(n)); err != nil {
			return err
		}
	}
	out.AppendBytes(iv.AppendEncoded(nil))
	return nil
}
