package expr

import (
	"math"
	"strconv"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/num"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/pgtime"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

func init() {
	ts, tz, iv, t := types.Timestamp, types.Timestamptz, types.Interval, types.Text
	now := retInt(func(r *row) (int64, error) { return r.c.Now, nil })
	alias(def("now", "now", tz, now).stable(), "transaction_timestamp")
	def("statement_timestamp", "statement_timestamp", tz, now).stable()
	def("clock_timestamp", "clock_timestamp", tz, retInt(func(*row) (int64, error) { return pgtime.FromTime(time.Now()), nil })).volatile()
	registerExtract()
	def("date_trunc", "timestamp_trunc", ts, retInt(func(r *row) (int64, error) {
		if !pgtime.Finite(r.int(1)) { // the unit does not matter
			return r.int(1), nil
		}
		return pgtime.Trunc(r.firstText(), r.int(1))
	}), t, ts)
	def("date_trunc", "timestamptz_trunc", tz, retInt(func(r *row) (int64, error) {
		if !pgtime.Finite(r.int(1)) {
			return r.int(1), nil
		}
		return pgtime.TruncTZ(r.firstText(), r.int(1), r.c.location())
	}), t, tz).stable()
	def("date_trunc", "timestamptz_trunc_zone", tz, retInt(func(r *row) (int64, error) {
		if !pgtime.Finite(r.int(1)) {
			return r.int(1), nil
		}
		z, err := r.zone(2)
		if err != nil {
			return 0, err
		}
		return pgtime.TruncTZ(r.firstText(), r.int(1), z)
	}), t, tz, t).stable()
	def("date_trunc", "interval_trunc", iv, retInterval(func(r *row) (pgtime.Interval, error) {
		return pgtime.TruncInterval(r.firstText(), r.interval(1))
	}), t, iv)
	bin := retInt(func(r *row) (int64, error) { return pgtime.Bin(r.interval(0), r.int(1), r.int(2)) })
	def("date_bin", "timestamp_bin", ts, bin, iv, ts, ts)
	def("date_bin", "timestamptz_bin", tz, bin, iv, tz, tz)
	def("age", "timestamp_age", iv, retInterval(func(r *row) (pgtime.Interval, error) { return pgtime.Age(r.int(0), r.int(1)) }), ts, ts)
	def("age", "timestamptz_age", iv, retInterval(func(r *row) (pgtime.Interval, error) {
		return pgtime.AgeTZ(r.int(0), r.int(1), r.c.location())
	}), tz, tz).stable()
	def("age", "age_now_timestamp", iv, retInterval(func(r *row) (pgtime.Interval, error) { return pgtime.Age(r.midnight(), r.int(0)) }), ts).stable()
	def("age", "age_now_timestamptz", iv, retInterval(func(r *row) (pgtime.Interval, error) {
		return pgtime.Age(r.midnight(), pgtime.ToLocal(r.int(0), r.c.location()))
	}), tz).stable()
	registerZones()
	registerMakers()
}

// midnight is the start of the current date as a wall clock reading.
func (r *row) midnight() int64 {
	local := pgtime.ToLocal(r.c.Now, r.c.location())
	return pgtime.TimestampToDate(local) * pgtime.Day
}

func registerExtract() {
	t, n, f8 := types.Text, types.Numeric, types.Float8
	type field struct {
		id, part string
		t        types.Type
		num      func(r *row) (num.Decimal, bool, error)
		float    func(r *row) (float64, bool, error)
		stable   bool
	}
	for _, f := range []field{
		{"extract_timestamp", "timestamp_part", types.Timestamp,
			func(r *row) (num.Decimal, bool, error) { return pgtime.Extract(r.firstText(), r.int(1)) },
			func(r *row) (float64, bool, error) { return pgtime.Part(r.firstText(), r.int(1)) }, false},
		{"extract_timestamptz", "timestamptz_part", types.Timestamptz,
			func(r *row) (num.Decimal, bool, error) {
				return pgtime.ExtractTZ(r.firstText(), r.int(1), r.c.location())
			},
			func(r *row) (float64, bool, error) { return pgtime.PartTZ(r.firstText(), r.int(1), r.c.location()) }, true},
		{"extract_date", "date_part_date", types.Date,
			func(r *row) (num.Decimal, bool, error) { return pgtime.ExtractDate(r.firstText(), r.int(1)) },
			func(r *row) (float64, bool, error) { return pgtime.PartDate(r.firstText(), r.int(1)) }, false},
		{"extract_interval", "interval_part", types.Interval,
			func(r *row) (num.Decimal, bool, error) {
				d, err := pgtime.ExtractInterval(r.firstText(), r.interval(1))
				return d, false, err
			},
			func(r *row) (float64, bool, error) {
				x, err := pgtime.PartInterval(r.firstText(), r.interval(1))
				return x, false, err
			}, false},
	} {
		e := def("extract", f.id, n, retNum(func(r *row) (num.Decimal, error) {
			d, null, err := f.num(r)
			if err == nil && null {
				err = errNull
			}
			return d, err
		}), t, f.t)
		p := def("date_part", f.part, f8, retFloat(func(r *row) (float64, error) {
			x, null, err := f.float(r)
			if err == nil && null {
				err = errNull
			}
			return x, err
		}), t, f.t)
		if f.stable {
			e.stable()
			p.stable()
		}
	}
}

// zone is the time zone named by argument k.
func (r *row) zone(k int) (*time.Location, error) {
	return remember(r.c, r.bytes(k), func() (*time.Location, error) { return pgtime.ZoneOrAbbrev(r.text(k)) })
}

// offset is the fixed zone given by interval argument k.
func (r *row) offset(k int) (*time.Location, error) {
	iv := r.interval(k)
	if iv.Months != 0 || iv.Days != 0 {
		return nil, pgerr.New(pgerr.InvalidParameterValue, "interval time zone \"%s\" must not include months or days", pgtime.AppendInterval(nil, iv))
	}
	return time.FixedZone("", int(iv.Micros/pgtime.Second)), nil
}

// registerZones adds AT TIME ZONE.
func registerZones() {
	ts, tz := types.Timestamp, types.Timestamptz
	for _, z := range []struct {
		t    types.Type
		id   string
		find func(*row, int) (*time.Location, error)
	}{{types.Text, "zone", (*row).zone}, {types.Interval, "izone", (*row).offset}} {
		def("timezone", "timestamp_"+z.id, tz, retInt(func(r *row) (int64, error) {
			if !pgtime.Finite(r.int(1)) { // before the zone is looked at
				return r.int(1), nil
			}
			loc, err := z.find(r, 0)
			if err != nil {
				return 0, err
			}
			return pgtime.ToUTC(r.int(1), loc)
		}), z.t, ts)
		def("timezone", "timestamptz_"+z.id, ts, retInt(func(r *row) (int64, error) {
			if !pgtime.Finite(r.int(1)) { // before the zone is looked at
				return r.int(1), nil
			}
			loc, err := z.find(r, 0)
			if err != nil {
				return 0, err
			}
			local := pgtime.ToLocal(r.int(1), loc)
			return local, pgtime.CheckTimestamp(local)
		}), z.t, tz)
	}
}

func registerMakers() {
	i4, f8, ts, tz := types.Int4, types.Float8, types.Timestamp, types.Timestamptz
	def("make_date", "make_date", types.Date, retInt(func(r *row) (int64, error) { return makeDate(r.int(0), r.int(1), r.int(2), false) }), i4, i4, i4)
	def("make_timestamp", "make_timestamp", ts, retInt(makeTimestamp), i4, i4, i4, i4, i4, f8)
	def("make_timestamptz", "make_timestamptz", tz, retInt(func(r *row) (int64, error) {
		x, err := makeTimestamp(r)
		if err != nil {
			return 0, err
		}
		return pgtime.ToUTC(x, r.c.location())
	}), i4, i4, i4, i4, i4, f8).stable()
	def("make_interval", "make_interval", types.Interval, retInterval(makeInterval), i4, i4, i4, i4, i4, i4, f8)
	def("to_timestamp", "float8_timestamptz", tz, retInt(floatToTimestamp), f8)
}

// makeDate is the date of a year (negative: BC), month and day. Errors show the
// year as make_date has it by then, or as it was given.
func makeDate(y, m, d int64, asGiven bool) (int64, error) {
	given := y
	noYear := y == 0 || y == -1<<31
	if y < 0 {
		y++ // there is no year 0: 1 BC is 0 from here on
	}
	if given > -1<<31 && !asGiven {
		given = y
	}
	bad := pgerr.New(pgerr.DatetimeFieldOverflow, "date field value out of range: %d-%02d-%02d", given, m, d)
	if noYear || m < 1 || m > 12 || d < 1 || d > 31 {
		return 0, bad
	}
	year := int(y)
	days := pgtime.DaysOf(year, int(m), int(d))
	if _, mm, dd := pgtime.CivilOf(days); mm != int(m) || dd != int(d) {
		return 0, bad
	}
	if pgtime.CheckDate(days) != nil || !pgtime.FiniteDate(days) || y > 5874897 || y < -4713 {
		return 0, pgerr.New(pgerr.DatetimeFieldOverflow, "date out of range: %d-%02d-%02d", given, m, d)
	}
	return days, nil
}

func makeTimestamp(r *row) (int64, error) {
	y, m, d, h, min, sec := r.int(0), r.int(1), r.int(2), r.int(3), r.int(4), r.float(5)
	days, err := makeDate(y, m, d, true)
	if err != nil {
		return 0, err
	}
	if h < 0 || min < 0 || min > 59 || !(sec >= 0 && sec <= 60) || h > 24 || h == 24 && (min > 0 || sec > 0) {
		return 0, pgerr.New(pgerr.DatetimeFieldOverflow, "time field value out of range: %d:%02d:%s", h, min, secondsText(sec))
	}
	micros := h*pgtime.Hour + min*pgtime.Minute + int64(math.RoundToEven(sec*1e6))
	bad := pgerr.New(pgerr.DatetimeFieldOverflow, "timestamp out of range: %d-%02d-%02d %d:%02d:%s", y, m, d, h, min, secondsText(sec))
	base, err := pgtime.DateToTimestamp(days)
	if err != nil || pgtime.CheckTimestamp(base+micros) != nil {
		return 0, bad
	}
	return base + micros, nil
}

// secondsText is C's %02g.
func secondsText(s float64) string {
	if math.IsInf(s, 0) || math.IsNaN(s) {
		return datumText(delta.FloatOf(s))
	}
	t := strconv.FormatFloat(s, 'g', 6, 64)
	if len(t) < 2 {
		t = "0" + t
	}
	return t
}

func makeInterval(r *row) (pgtime.Interval, error) {
	years, months, weeks, days, hours, mins, secs := r.int(0), r.int(1), r.int(2), r.int(3), r.int(4), r.int(5), r.float(6)
	if math.IsNaN(secs) || math.IsInf(secs, 0) {
		return pgtime.Interval{}, errInterval
	}
	return pgtime.Interval{
		Months: int32(years*12 + months),
		Days:   int32(weeks*7 + days),
		Micros: hours*pgtime.Hour + mins*pgtime.Minute + int64(math.RoundToEven(secs*1e6)),
	}, nil
}

// floatToTimestamp converts seconds since 1970.
func floatToTimestamp(r *row) (int64, error) {
	s := r.float(0)
	switch {
	case math.IsNaN(s):
		return 0, pgerr.New(pgerr.DatetimeFieldOverflow, "timestamp cannot be NaN")
	case math.IsInf(s, 1):
		return pgtime.Inf, nil
	case math.IsInf(s, -1):
		return pgtime.NegInf, nil
	}
	bad := pgerr.New(pgerr.DatetimeFieldOverflow, "timestamp out of range: \"%s\"", datumText(delta.FloatOf(s)))
	us := math.RoundToEven((s - 946684800) * 1e6)
	if us < -211813488000000000 || us >= 9223371331200000000 || pgtime.CheckTimestamp(int64(us)) != nil {
		return 0, bad
	}
	return int64(us), nil
}
