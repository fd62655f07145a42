package expr

import (
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgtime"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

func init() {
	d, ts, tz, iv, i4, f8 := types.Date, types.Timestamp, types.Timestamptz, types.Interval, types.Int4, types.Float8
	op("+", "timestamp_pl_interval", ts, shift(0, 1, false), ts, iv)
	op("+", "interval_pl_timestamp", ts, shift(1, 0, false), iv, ts)
	op("-", "timestamp_mi_interval", ts, shift(0, 1, true), ts, iv)
	op("+", "timestamptz_pl_interval", tz, shiftTZ(0, 1, false), tz, iv).stable()
	op("+", "interval_pl_timestamptz", tz, shiftTZ(1, 0, false), iv, tz).stable()
	op("-", "timestamptz_mi_interval", tz, shiftTZ(0, 1, true), tz, iv).stable()
	op("+", "date_pl_interval", ts, shiftDate(0, 1, false), d, iv)
	op("+", "interval_pl_date", ts, shiftDate(1, 0, false), iv, d)
	op("-", "date_mi_interval", ts, shiftDate(0, 1, true), d, iv)
	op("+", "date_pli", d, retInt(func(r *row) (int64, error) { return pgtime.AddDays(r.int(0), r.int(1)) }), d, i4)
	op("+", "integer_pl_date", d, retInt(func(r *row) (int64, error) { return pgtime.AddDays(r.int(1), r.int(0)) }), i4, d)
	op("-", "date_mii", d, retInt(func(r *row) (int64, error) { return pgtime.AddDays(r.int(0), -r.int(1)) }), d, i4)
	op("-", "date_mi", i4, retInt(func(r *row) (int64, error) { return pgtime.SubDates(r.int(0), r.int(1)) }), d, d)
	diff := retInterval(func(r *row) (pgtime.Interval, error) { return pgtime.Diff(r.int(0), r.int(1)) })
	op("-", "timestamp_mi", iv, diff, ts, ts)
	op("-", "timestamptz_mi", iv, diff, tz, tz)
	op("+", "interval_pl", iv, retInterval(func(r *row) (pgtime.Interval, error) { return r.interval(0).Plus(r.interval(1)) }), iv, iv)
	op("-", "interval_mi", iv, retInterval(func(r *row) (pgtime.Interval, error) { return r.interval(0).Minus(r.interval(1)) }), iv, iv)
	op("-", "interval_um", iv, retInterval(func(r *row) (pgtime.Interval, error) { return r.interval(0).NegChecked() }), iv)
	op("*", "interval_mul", iv, retInterval(func(r *row) (pgtime.Interval, error) { return r.interval(0).Times(r.float(1)) }), iv, f8)
	op("*", "mul_d_interval", iv, retInterval(func(r *row) (pgtime.Interval, error) { return r.interval(1).Times(r.float(0)) }), f8, iv)
	op("/", "interval_div", iv, retInterval(func(r *row) (pgtime.Interval, error) { return r.interval(0).Over(r.float(1)) }), iv, f8)
	for name, f := range map[string]func(pgtime.Interval) (pgtime.Interval, error){
		"hours": pgtime.JustifyHours, "days": pgtime.JustifyDays, "interval": pgtime.JustifyInterval,
	} {
		id := "interval_justify_" + name
		def("justify_"+name, id, iv, retInterval(func(r *row) (pgtime.Interval, error) { return f(r.interval(0)) }), iv)
	}
	finite := retBool(func(r *row) (bool, error) { return pgtime.Finite(r.int(0)), nil })
	def("isfinite", "timestamp_finite", types.Boolean, finite, ts)
	def("isfinite", "timestamptz_finite", types.Boolean, finite, tz)
	def("isfinite", "date_finite", types.Boolean, retBool(func(r *row) (bool, error) { return pgtime.FiniteDate(r.int(0)), nil }), d)
	def("isfinite", "interval_finite", types.Boolean, retBool(func(*row) (bool, error) { return true, nil }), iv)
}

// shift adds (or subtracts) the interval in argument k to the timestamp in
// argument t. A constant interval of plain time is one addition a row.
func shift(t, k int, minus bool) kernel {
	slow := retInt(func(r *row) (int64, error) {
		if minus {
			return pgtime.Sub(r.int(t), r.interval(k))
		}
		return pgtime.Add(r.int(t), r.interval(k))
	})
	return func(c *Ctx, args []*delta.Vec, n int, skip delta.Bitmap, out *delta.Vec) {
		if !c.isConst(k) || !addConstTime(c, args[t].I[:n], pgtime.DecodeInterval(args[k].Bytes(0)), minus, out) {
			slow(c, args, n, skip, out)
		}
	}
}

// safeTime is far enough inside the range of timestamps that adding a safeSpan
// cannot leave it.
const (
	safeTime = 200_000_000_000_000_000
	safeSpan = 10_000_000_000_000_000
)

// addConstTime adds a constant interval without months to all rows; ok is
// false, and out unusable, when a row needs the general way.
func addConstTime(c *Ctx, ts []int64, iv pgtime.Interval, minus bool, out *delta.Vec) (ok bool) {
	span := int64(iv.Days)*pgtime.Day + iv.Micros
	if iv.Months != 0 || iv.Micros > safeSpan || iv.Micros < -safeSpan || span > safeSpan || span < -safeSpan {
		return false
	}
	if minus {
		span = -span
	}
	out.Resize(len(ts))
	o := out.I[:len(ts)]
	var bad int64
	for i, x := range ts {
		o[i] = x + span
		bad |= (x + safeTime) | (safeTime - x)
	}
	if bad >= 0 {
		return true
	}
	for i, x := range ts { // a NULL's value may be anything
		if (x > safeTime || x < -safeTime) && !c.cur.skip.Get(i) {
			return false
		}
	}
	return true
}

func shiftTZ(t, k int, minus bool) kernel {
	return retInt(func(r *row) (int64, error) {
		if minus {
			return pgtime.SubTZ(r.int(t), r.interval(k), r.c.location())
		}
		return pgtime.AddTZ(r.int(t), r.interval(k), r.c.location())
	})
}

func shiftDate(t, k int, minus bool) kernel {
	return retInt(func(r *row) (int64, error) {
		x, err := pgtime.DateToTimestamp(r.int(t))
		switch {
		case err != nil:
			return 0, err
		case minus:
			return pgtime.Sub(x, r.interval(k))
		}
		return pgtime.Add(x, r.interval(k))
	})
}
