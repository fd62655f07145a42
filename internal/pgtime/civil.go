package pgtime

import (
	"math"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// Units in microseconds.
const (
	Micro  int64 = 1
	Second       = 1_000_000 * Micro
	Minute       = 60 * Second
	Hour         = 60 * Minute
	Day          = 24 * Hour
)

// The infinities of dates and timestamps.
const (
	DateInf    int64 = math.MaxInt32
	DateNegInf int64 = math.MinInt32
	Inf        int64 = math.MaxInt64
	NegInf     int64 = math.MinInt64
)

// Limits: the first valid value and the first invalid one. Dates and
// timestamps both start at 4714-11-24 BC; dates end with 5874897, timestamps
// with 294276 AD.
const (
	minDate int64 = -2451545
	endDate int64 = 2147483494 - 2451545
	minTS   int64 = -211813488000000000
	endTS   int64 = 9223371331200000000
)

// unixDays and unixMicros are PostgreSQL's epoch in Unix time.
const (
	unixDays          = 10957
	unixSeconds       = unixDays * 86400
	unixMicros  int64 = unixSeconds * Second
	julianEpoch       = 2451545 // Julian day of 2000-01-01
)

// FromTime converts a Go time, truncating to microseconds.
func FromTime(t time.Time) int64 { return t.UnixMicro() - unixMicros }

// ToTime converts a finite timestamp to a Go time in UTC.
func ToTime(ts int64) time.Time {
	return time.Unix(floorDiv(ts, Second)+unixSeconds, mod(ts, Second)*1000).UTC()
}

// FromUnixMicros converts microseconds since 1970.
func FromUnixMicros(us int64) int64 { return us - unixMicros }

// ToUnixMicros converts to microseconds since 1970.
func ToUnixMicros(ts int64) int64 { return ts + unixMicros }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func mod(a, b int64) int64 {
	m := a % b
	if m < 0 {
		m += b
	}
	return m
}

// DaysOf is the date of a proleptic Gregorian year (0 is 1 BC), month 1..12
// and day, which may lie outside the month.
func DaysOf(y, m, d int) int64 {
	// Years begin in March, so that the leap day is the last one; 400-year
	// cycles of 146097 days.
	yy := int64(y)
	mm := int64(m) - 3
	if mm < 0 {
		mm += 12
		yy--
	}
	era := floorDiv(yy, 400)
	yoe := yy - era*400
	doy := (153*mm+2)/5 + int64(d) - 1
	return era*146097 + yoe*365 + yoe/4 - yoe/100 + doy - 730425
}

// CivilOf is the inverse of DaysOf.
func CivilOf(days int64) (y, m, d int) {
	days += 730425
	era := floorDiv(days, 146097)
	doe := days - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d = int(doy - (153*mp+2)/5 + 1)
	m = int(mp) + 3
	yy := yoe + era*400
	if m > 12 {
		m -= 12
		yy++
	}
	return int(yy), m, d
}

func isLeap(y int) bool { return y%4 == 0 && (y%100 != 0 || y%400 == 0) }

// monthDays is the number of days of month m (1..12) in year y.
func monthDays(y, m int) int {
	if m == 2 && isLeap(y) {
		return 29
	}
	return [...]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[m-1]
}

// weekday is 0 for Sunday.
func weekday(days int64) int { return int(mod(days+6, 7)) }

// split cuts a finite timestamp into its date and the microsecond of the day.
func split(ts int64) (days, micros int64) {
	days = floorDiv(ts, Day)
	return days, ts - days*Day
}

// Finite reports whether ts is no infinity.
func Finite(ts int64) bool { return ts != Inf && ts != NegInf }

// FiniteDate reports whether d is no infinity.
func FiniteDate(d int64) bool { return d != DateInf && d != DateNegInf }

func validTS(ts int64) bool  { return ts >= minTS && ts < endTS }
func validDate(d int64) bool { return d >= minDate && d < endDate }
func errTS() error           { return pgerr.New(pgerr.DatetimeFieldOverflow, "timestamp out of range") }
func errDate() error         { return pgerr.New(pgerr.DatetimeFieldOverflow, "date out of range") }
func errDateForTS() error {
	return pgerr.New(pgerr.DatetimeFieldOverflow, "date out of range for timestamp")
}
func errInterval() error            { return pgerr.New(pgerr.DatetimeFieldOverflow, "interval out of range") }
func isUTC(loc *time.Location) bool { return loc == nil || loc == time.UTC }

// Offset is the zone's offset in seconds east of Greenwich at instant ts.
func Offset(ts int64, loc *time.Location) int {
	if isUTC(loc) {
		return 0
	}
	_, off := time.Unix(floorDiv(ts, Second)+unixSeconds, 0).In(loc).Zone()
	return off
}

// ToLocal converts an instant to the wall clock of loc (timestamptz →
// timestamp). Infinities stay.
func ToLocal(ts int64, loc *time.Location) int64 {
	if !Finite(ts) {
		return ts
	}
	return ts + int64(Offset(ts, loc))*Second
}

// localOffset is the offset that a wall clock reading has in loc. A reading
// that a change to summer time skips counts by the offset before, one that
// occurs twice by the offset after the change.
func localOffset(local int64, loc *time.Location) int {
	if isUTC(loc) {
		return 0
	}
	sec := floorDiv(local, Second) + unixSeconds
	prev := time.Unix(sec-86400, 0).In(loc)
	_, before := prev.Zone()
	_, end := prev.ZoneBounds()
	if end.IsZero() {
		return before
	}
	_, after := end.Zone()
	boundary := end.Unix()
	tb, ta := sec-int64(before), sec-int64(after)
	switch {
	case tb < boundary && ta < boundary:
		return before
	case tb > boundary && ta >= boundary:
		return after
	case tb > ta:
		return before
	}
	return after
}

// ToUTC converts a wall clock reading of loc to an instant (timestamp →
// timestamptz). It fails with 22008 outside the range.
func ToUTC(local int64, loc *time.Location) (int64, error) {
	if !Finite(local) {
		return local, nil
	}
	ts := local - int64(localOffset(local, loc))*Second
	if !validTS(ts) {
		return 0, errTS()
	}
	return ts, nil
}

// DateToTimestamp is midnight of a date.
func DateToTimestamp(d int64) (int64, error) {
	switch d {
	case DateInf:
		return Inf, nil
	case DateNegInf:
		return NegInf, nil
	}
	if d >= endTS/Day {
		return 0, errDateForTS()
	}
	return d * Day, nil
}

// DateToTimestamptz is midnight of a date in loc.
func DateToTimestamptz(d int64, loc *time.Location) (int64, error) {
	ts, err := DateToTimestamp(d)
	if err != nil || !Finite(ts) {
		return ts, err
	}
	u := ts - int64(localOffset(ts, loc))*Second
	if !validTS(u) {
		return 0, errDateForTS()
	}
	return u, nil
}

// TimestampToDate is the date of a wall clock reading.
func TimestampToDate(ts int64) int64 {
	switch ts {
	case Inf:
		return DateInf
	case NegInf:
		return DateNegInf
	}
	return floorDiv(ts, Day)
}

// RoundTo applies the precision (0..6 fractional digits; others: none) of a
// timestamp(p) type, half away from zero.
func RoundTo(ts int64, precision int) int64 {
	if precision < 0 || precision >= 6 || !Finite(ts) {
		return ts
	}
	return roundMicros(ts, precision)
}

func roundMicros(us int64, precision int) int64 {
	unit := [...]int64{1000000, 100000, 10000, 1000, 100, 10}[precision]
	if us >= 0 {
		return (us + unit/2) / unit * unit
	}
	return -((-us + unit/2) / unit * unit)
}
