package expr

import (
	"github.com/heliosdb/heliosdb-streaming/internal/pgtime"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

func init() {
	t := types.Text
	toChar := func(id string, from types.Type, write func(dst []byte, r *row, format string) ([]byte, bool, error)) *Func {
		return def("to_char", id, t, retBytes(func(r *row, dst []byte) ([]byte, error) {
			format, err := remember(r.c, r.bytes(1), func() (string, error) { return r.text(1), nil })
			if err != nil || format == "" {
				return dst, errNull
			}
			out, null, err := write(dst, r, format)
			if err == nil && null {
				err = errNull
			}
			return out, err
		}), from, t).stable()
	}
	toChar("timestamp_to_char", types.Timestamp, func(dst []byte, r *row, format string) ([]byte, bool, error) {
		out, null := pgtime.ToChar(dst, r.int(0), format)
		return out, null, nil
	})
	toChar("timestamptz_to_char", types.Timestamptz, func(dst []byte, r *row, format string) ([]byte, bool, error) {
		out, null := pgtime.ToCharTZ(dst, r.int(0), r.c.location(), format)
		return out, null, nil
	})
	toChar("interval_to_char", types.Interval, func(dst []byte, r *row, format string) ([]byte, bool, error) {
		out, err := pgtime.ToCharInterval(dst, r.interval(0), format)
		return out, false, err
	})
	def("to_timestamp", "to_timestamp", types.Timestamptz, retInt(func(r *row) (int64, error) {
		return pgtime.ToTimestamp(r.text(0), r.text(1), r.c.location())
	}), t, t).stable()
	def("to_date", "to_date", types.Date, retInt(func(r *row) (int64, error) { return pgtime.ToDate(r.text(0), r.text(1)) }), t, t).stable()
}
