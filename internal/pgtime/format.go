package pgtime

import (
	"strconv"
	"time"
)

// AppendDate appends a date in ISO form.
func AppendDate(dst []byte, d int64) []byte {
	switch d {
	case DateInf:
		return append(dst, "infinity"...)
	case DateNegInf:
		return append(dst, "-infinity"...)
	}
	y, m, day := CivilOf(d)
	dst = appendYMD(dst, y, m, day)
	return appendEra(dst, y)
}

// AppendTimestamp appends a timestamp without time zone in ISO form.
func AppendTimestamp(dst []byte, ts int64) []byte {
	switch ts {
	case Inf:
		return append(dst, "infinity"...)
	case NegInf:
		return append(dst, "-infinity"...)
	}
	dst, y := appendLocal(dst, ts, ' ')
	return appendEra(dst, y)
}

// AppendTimestamptz appends a timestamp with time zone in ISO form, in loc (nil:
// UTC).
func AppendTimestamptz(dst []byte, ts int64, loc *time.Location) []byte {
	if !Finite(ts) {
		return AppendTimestamp(dst, ts)
	}
	off := Offset(ts, loc)
	dst, y := appendLocal(dst, ts+int64(off)*Second, ' ')
	dst = AppendOffset(dst, off)
	return appendEra(dst, y)
}

// AppendISO8601 appends the form JSON uses: YYYY-MM-DDTHH:MM:SS.ffffff, with
// the offset as ±HH:MM when withZone.
func AppendISO8601(dst []byte, ts int64, loc *time.Location, withZone bool) []byte {
	if !Finite(ts) {
		return AppendTimestamp(dst, ts)
	}
	off := 0
	if withZone {
		off = Offset(ts, loc)
	}
	dst, y := appendLocal(dst, ts+int64(off)*Second, 'T')
	if withZone {
		n := len(dst)
		dst = AppendOffset(dst, off)
		if len(dst)-n == 3 {
			dst = append(dst, ":00"...)
		}
	}
	return appendEra(dst, y)
}

func appendLocal(dst []byte, ts int64, sep byte) ([]byte, int) {
	days, us := split(ts)
	y, m, d := CivilOf(days)
	dst = appendYMD(dst, y, m, d)
	dst = append(dst, sep)
	return appendClock(dst, us), y
}

func appendYMD(dst []byte, y, m, d int) []byte {
	if y <= 0 {
		y = 1 - y
	}
	if y < 10000 {
		dst = append2(append2(dst, y/100), y%100)
	} else {
		dst = strconv.AppendInt(dst, int64(y), 10)
	}
	dst = append2(append(dst, '-'), m)
	return append2(append(dst, '-'), d)
}

func appendEra(dst []byte, y int) []byte {
	if y <= 0 {
		return append(dst, " BC"...)
	}
	return dst
}

func append2(dst []byte, x int) []byte { return append(dst, byte('0'+x/10), byte('0'+x%10)) }

// appendClock appends HH:MM:SS[.ffffff] of a microsecond of the day.
func appendClock(dst []byte, us int64) []byte {
	s := int(us / Second)
	dst = append(append2(dst, s/3600), ':')
	dst = append(append2(dst, s/60%60), ':')
	dst = append2(dst, s%60)
	return appendFraction(dst, int(us%Second))
}

// appendFraction appends .ffffff without trailing zeros; nothing for 0.
func appendFraction(dst []byte, us int) []byte {
	if us == 0 {
		return dst
	}
	dst = append(dst, '.')
	for unit := 100000; us > 0; unit /= 10 {
		dst = append(dst, byte('0'+us/unit))
		us %= unit
	}
	return dst
}

// AppendOffset appends +HH[:MM[:SS]] for seconds east of Greenwich.
func AppendOffset(dst []byte, off int) []byte {
	sign := byte('+')
	if off < 0 {
		sign, off = '-', -off
	}
	dst = append2(append(dst, sign), off/3600)
	if off%3600 != 0 {
		dst = append2(append(dst, ':'), off/60%60)
		if off%60 != 0 {
			dst = append2(append(dst, ':'), off%60)
		}
	}
	return dst
}
