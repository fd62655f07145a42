package pgtime

import (
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// plainUnit is the fast way to the units that are nearly always meant.
func plainUnit(name string) int {
	switch name {
	case "second":
		return uSecond
	case "minute":
		return uMinute
	case "hour":
		return uHour
	case "day":
		return uDay
	case "week":
		return uWeek
	case "month":
		return uMonth
	case "quarter":
		return uQuarter
	case "year":
		return uYear
	}
	return uNone
}

// unitOf finds the unit a date_trunc or extract argument names.
func unitOf(name string) int {
	if u := plainUnit(name); u != uNone {
		return u
	}
	var buf [32]byte
	if len(name) > len(buf) {
		name = name[:len(buf)]
	}
	for i := range len(name) {
		buf[i] = lower(name[i])
	}
	low := string(buf[:len(name)])
	if w, known := lookup(unitWords, low); known && w.kind == wUnit {
		return w.val
	}
	switch w, _ := lookup(dateWords, low); {
	case w.kind == wUnit:
		return w.val
	case w.kind == wReserved && w.val == rEpoch:
		return uEpoch
	case w.kind == wReserved:
		return uReserved
	}
	return uInvalid
}

func badUnit(name, typ string) error {
	return pgerr.New(pgerr.InvalidParameterValue, "unit \"%s\" not recognized for type %s", lowerString(name), typ)
}

func unsupportedUnit(name, typ string) error {
	return pgerr.New(pgerr.FeatureNotSupported, "unit \"%s\" not supported for type %s", lowerString(name), typ)
}

func lowerString(s string) string {
	b := []byte(s)
	for i := range b {
		b[i] = lower(b[i])
	}
	return string(b)
}

// Names of the types in messages.
const (
	nameTS       = "timestamp without time zone"
	nameTZ       = "timestamp with time zone"
	nameDate     = "date"
	nameInterval = "interval"
)

// truncUnitOf finds the unit of date_trunc: 22023 unknown ones, 0A000 those that
// cannot be truncated to.
func truncUnitOf(name, typ string) (int, error) {
	if u := plainUnit(name); u != uNone {
		return u, nil
	}
	w, known := lookup(unitWords, lowerString(name))
	if !known || w.kind != wUnit {
		return 0, badUnit(name, typ)
	}
	if !truncatable(w.val) {
		return 0, unsupportedUnit(name, typ)
	}
	return w.val, nil
}

// Trunc is date_trunc(unit, timestamp). 22023 unknown units, 0A000 units that
// cannot be truncated to.
func Trunc(unit string, ts int64) (int64, error) {
	if !Finite(ts) {
		return ts, nil
	}
	u, err := truncUnitOf(unit, nameTS)
	if err != nil {
		return 0, err
	}
	if ts = truncUnit(u, ts); !validTS(ts) {
		return 0, errTS()
	}
	return ts, nil
}

func truncatable(u int) bool { return u >= uMicro && u <= uMillennium }

func truncUnit(u int, ts int64) int64 {
	if w := unitMicros(u); w != 0 {
		return floorDiv(ts, w) * w
	}
	days, _ := split(ts)
	if u == uWeek {
		return (days - mod(days+5, 7)) * Day
	}
	y, m, _ := CivilOf(days)
	switch u {
	case uMonth:
	case uQuarter:
		m = (m-1)/3*3 + 1
	case uYear:
		m = 1
	case uDecade:
		m = 1
		if y > 0 {
			y = y / 10 * 10
		} else {
			y = -((8 - (y - 1)) / 10 * 10)
		}
	case uCentury:
		y, m = eraStart(y, 100), 1
	case uMillennium:
		y, m = eraStart(y, 1000), 1
	}
	return DaysOf(y, m, 1) * Day
}

// eraStart is the first year of y's century or millennium, which begin with
// years ending in 1.
func eraStart(y, n int) int {
	if y > 0 {
		return (y+n-1)/n*n - (n - 1)
	}
	return -((n-1-(y-1))/n*n - 1)
}

// unitMicros is the length of a unit of fixed length, up to a day, else 0.
func unitMicros(u int) int64 {
	switch u {
	case uMicro:
		return Micro
	case uMilli:
		return 1000
	case uSecond:
		return Second
	case uMinute:
		return Minute
	case uHour:
		return Hour
	case uDay:
		return Day
	}
	return 0
}

// TruncTZ is date_trunc(unit, timestamptz, zone): truncation of loc's wall
// clock, brought back to an instant.
func TruncTZ(unit string, ts int64, loc *time.Location) (int64, error) {
	if !Finite(ts) {
		return ts, nil
	}
	u, err := truncUnitOf(unit, nameTZ)
	if err != nil {
		return 0, err
	}
	off := int64(Offset(ts, loc)) * Second
	local := truncUnit(u, ts+off)
	if u < uDay {
		local -= off // within a day the offset stays
	} else {
		local -= int64(localOffset(local, loc)) * Second
	}
	if !validTS(local) {
		return 0, errTS()
	}
	return local, nil
}

// TruncInterval is date_trunc(unit, interval).
func TruncInterval(unit string, iv Interval) (Interval, error) {
	u, err := truncUnitOf(unit, nameInterval)
	if err != nil {
		return iv, err
	}
	if u == uWeek {
		e := pgerr.From(unsupportedUnit(unit, nameInterval))
		e.Detail = "Months usually have fractional weeks."
		return iv, e
	}
	if u < uDay {
		w := unitMicros(u)
		iv.Micros = iv.Micros / w * w
		return iv, nil
	}
	iv.Micros = 0
	if u == uDay {
		return iv, nil
	}
	iv.Days = 0
	n := map[int]int32{uMonth: 1, uQuarter: 3, uYear: 12, uDecade: 120, uCentury: 1200, uMillennium: 12000}[u]
	iv.Months = iv.Months / n * n
	return iv, nil
}

// Bin is date_bin(stride, ts, origin), for timestamp and timestamptz alike.
// 0A000 for a stride with months, 22008 for one that is not positive.
func Bin(stride Interval, ts, origin int64) (int64, error) {
	if !Finite(ts) {
		return ts, nil
	}
	if !Finite(origin) {
		return 0, pgerr.New(pgerr.DatetimeFieldOverflow, "origin out of range")
	}
	if stride.Months != 0 {
		return 0, pgerr.New(pgerr.FeatureNotSupported, "timestamps cannot be binned into intervals containing months or years")
	}
	d, fine := mulOK(int64(stride.Days), Day)
	w, f2 := add64(d, stride.Micros)
	if !fine || !f2 {
		return 0, errInterval()
	}
	if w <= 0 {
		return 0, pgerr.New(pgerr.DatetimeFieldOverflow, "stride must be greater than zero")
	}
	diff, fine := add64(ts, -origin)
	if !fine {
		return 0, errInterval()
	}
	r := origin + diff - mod(diff, w)
	if !validTS(r) {
		return 0, errTS()
	}
	return r, nil
}
