package expr

import (
	"github.com/heliosdb/heliosdb-streaming/internal/pgtime"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

func init() {
	d, ts, tz, i4 := types.Date, types.Timestamp, types.Timestamptz, types.Int4
	cast("date_timestamp", d, ts, ImplicitCast, retInt(func(r *row) (int64, error) { return pgtime.DateToTimestamp(r.int(0)) }))
	cast("date_timestamptz", d, tz, ImplicitCast, retInt(func(r *row) (int64, error) {
		return pgtime.DateToTimestamptz(r.int(0), r.c.location())
	})).stable()
	cast("timestamp_date", ts, d, AssignmentCast, mapInt(pgtime.TimestampToDate))
	cast("timestamptz_date", tz, d, AssignmentCast, retInt(func(r *row) (int64, error) {
		return pgtime.TimestampToDate(pgtime.ToLocal(r.int(0), r.c.location())), nil
	})).stable()
	cast("timestamp_timestamptz", ts, tz, ImplicitCast, retInt(func(r *row) (int64, error) { return pgtime.ToUTC(r.int(0), r.c.location()) })).stable()
	cast("timestamptz_timestamp", tz, ts, AssignmentCast, retInt(func(r *row) (int64, error) {
		return pgtime.ToLocal(r.int(0), r.c.location()), nil
	})).stable()
	scale := mapInt2(func(x, p int64) int64 { return pgtime.RoundTo(x, int(p)) })
	registerCast(ts, ts, ImplicitCast, fn("timestamp_scale", ts, scale, ts, i4))
	registerCast(tz, tz, ImplicitCast, fn("timestamptz_scale", tz, scale, tz, i4))
	iv := types.Interval
	registerCast(iv, iv, ImplicitCast, fn("interval_scale", iv, retInterval(func(r *row) (pgtime.Interval, error) {
		return pgtime.ApplyIntervalMod(r.interval(0), int32(r.int(1)))
	}), iv, i4))
}

// interval is interval argument k.
func (r *row) interval(k int) pgtime.Interval { return pgtime.DecodeInterval(r.bytes(k)) }

func retInterval(f func(r *row) (pgtime.Interval, error)) kernel {
	return retBytes(func(r *row, dst []byte) ([]byte, error) {
		iv, err := f(r)
		if err != nil {
			return dst, err
		}
		return iv.AppendEncoded(dst), nil
	})
}
