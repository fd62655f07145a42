package expr

import (
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgtime"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

func init() {
	d, ts, tz := types.Date, types.Timestamp, types.Timestamptz
	compares("date_", d, d, cmpInts)
	compares("timestamp_", ts, ts, cmpInts)
	compares("timestamptz_", tz, tz, cmpInts)
	compares("interval_", types.Interval, types.Interval, cmpIntervals)
	mixed(d, ts, "date", "timestamp", false)
	mixed(d, tz, "date", "timestamptz", true)
	mixed(ts, tz, "timestamp", "timestamptz", true)
}

// mixed registers the comparisons of two date types in both orders. PostgreSQL
// calls them date_lt_timestamp and so on; what depends on the time zone is
// stable.
func mixed(a, b types.Type, an, bn string, zoned bool) {
	for _, o := range cmpOps {
		f := op(o.sym, an+"_"+o.suffix+"_"+bn, types.Boolean, cmpMixed(o.op), a, b)
		g := op(o.sym, bn+"_"+o.suffix+"_"+an, types.Boolean, cmpMixed(o.op), b, a)
		comparison[f], comparison[g] = o.op, o.op
		if zoned {
			f.stable()
			g.stable()
		}
	}
}

// instant is a date or timestamp in the units of a wider type to compare with:
// out of the range of timestamps it is -1 or 1 beyond all finite ones.
func (c *Ctx) instant(x int64, from types.Type, zoned bool) (ts int64, beyond int) {
	if from.OID == types.OIDDate {
		if !pgtime.FiniteDate(x) {
			return widenInf(x), 0
		}
		r, err := pgtime.DateToTimestamp(x)
		if err != nil {
			return 0, 1 // a date's range only ends later than a timestamp's
		}
		x = r
	}
	if !zoned || from.OID == types.OIDTimestamptz || !pgtime.Finite(x) {
		return x, 0
	}
	r, err := pgtime.ToUTC(x, c.location())
	if err != nil {
		if x < 0 {
			return 0, -1
		}
		return 0, 1
	}
	return r, 0
}

func widenInf(d int64) int64 {
	if d == pgtime.DateInf {
		return pgtime.Inf
	}
	return pgtime.NegInf
}

func cmpMixed(o cmpOp) kernel {
	return func(c *Ctx, args []*delta.Vec, n int, _ delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		a, b := args[0], args[1]
		zoned := a.T.OID == types.OIDTimestamptz || b.T.OID == types.OIDTimestamptz
		for i := range n {
			x, bx := c.instant(a.I[i], a.T, zoned)
			y, by := c.instant(b.I[i], b.T, zoned)
			out.B[i] = o.holds(compareInstants(x, bx, y, by))
		}
	}
}

func compareInstants(x int64, bx int, y int64, by int) int {
	switch {
	case bx == 0 && by == 0:
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	case bx > 0 && y == pgtime.Inf && by == 0, by < 0 && x == pgtime.NegInf && bx == 0:
		return -1
	case by > 0 && x == pgtime.Inf && bx == 0, bx < 0 && y == pgtime.NegInf && by == 0:
		return 1
	}
	return bx - by
}

func cmpIntervals(o cmpOp) kernel {
	return func(_ *Ctx, args []*delta.Vec, n int, skip delta.Bitmap, out *delta.Vec) {
		out.Resize(n)
		for i := range n {
			if !skip.Get(i) {
				out.B[i] = o.holds(pgtime.DecodeInterval(args[0].Bytes(i)).Cmp(pgtime.DecodeInterval(args[1].Bytes(i))))
			}
		}
	}
}
