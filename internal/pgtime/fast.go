package pgtime

import "encoding/binary"

// NoZone is the zone a parse reports when the text has none.
const NoZone = -1 << 31

// MinuteCache remembers the value of the last YYYY-MM-DD?HH:MM prefix, because
// timestamps in a stream share it. The zero value is ready. Not for concurrent
// use.
type MinuteCache struct {
	a, b  uint64 // the 16 bytes of the prefix
	base  int64
	valid bool
}

// Parse reads the common machine-written forms
//
//	YYYY-MM-DD HH:MM:SS[.f{1,6}][Z|±HH[:MM]]
//
// with ' ' or 'T' between date and time. It returns the wall clock reading and
// the zone in seconds east (NoZone: none). ok is false for any other text, valid
// or not; the caller then takes the full parser.
func (c *MinuteCache) Parse(s []byte) (local int64, zone int, ok bool) {
	if len(s) < 19 || s[16] != ':' {
		return 0, 0, false
	}
	a, b := binary.LittleEndian.Uint64(s), binary.LittleEndian.Uint64(s[8:])
	if a != c.a || b != c.b || !c.valid {
		base, ok := parseMinute(s)
		if !ok {
			return 0, 0, false
		}
		c.a, c.b, c.base, c.valid = a, b, base, true
	}
	return parseTail(s, c.base)
}

// FastTimestamp is MinuteCache.Parse without a cache.
func FastTimestamp(s []byte) (local int64, zone int, ok bool) {
	if len(s) < 19 || s[16] != ':' {
		return 0, 0, false
	}
	base, ok := parseMinute(s)
	if !ok {
		return 0, 0, false
	}
	return parseTail(s, base)
}

// FastDate reads YYYY-MM-DD.
func FastDate(s []byte) (days int64, ok bool) {
	if len(s) != 10 || s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	y1, y2, m, d := two(s), two(s[2:]), two(s[5:]), two(s[8:])
	if y1|y2|m|d < 0 {
		return 0, false
	}
	y := y1*100 + y2
	if y == 0 || m < 1 || m > 12 || d < 1 || d > monthDays(y, m) {
		return 0, false
	}
	return DaysOf(y, m, d), true
}

// two reads two digits; negative when they are not.
func two(s []byte) int {
	a, b := s[0]-'0', s[1]-'0'
	if a > 9 || b > 9 {
		return -1
	}
	return int(a)*10 + int(b)
}

func parseMinute(s []byte) (int64, bool) {
	days, ok := FastDate(s[:10])
	if !ok || s[10] != ' ' && s[10] != 'T' || s[13] != ':' {
		return 0, false
	}
	h, m := two(s[11:]), two(s[14:])
	if h|m < 0 || h > 23 || m > 59 {
		return 0, false
	}
	return days*Day + int64(h)*Hour + int64(m)*Minute, true
}

// parseTail reads what follows the minute: s[16] is ':'.
func parseTail(s []byte, base int64) (int64, int, bool) {
	sec := two(s[17:])
	if sec < 0 || sec > 59 {
		return 0, 0, false
	}
	base += int64(sec) * Second
	s = s[19:]
	if len(s) > 1 && s[0] == '.' {
		us, n := int64(0), 1
		for n < len(s) && n < 7 && s[n]-'0' < 10 {
			us = us*10 + int64(s[n]-'0')
			n++
		}
		if n == 1 || n < len(s) && s[n]-'0' < 10 {
			return 0, 0, false
		}
		base += us * fracUnit[n-1]
		s = s[n:]
	}
	switch {
	case len(s) == 0:
		return base, NoZone, true
	case len(s) == 1 && s[0] == 'Z':
		return base, 0, true
	case (len(s) == 3 || len(s) == 6 && s[3] == ':') && (s[0] == '+' || s[0] == '-'):
		h, m := two(s[1:]), 0
		if len(s) == 6 {
			m = two(s[4:])
		}
		if h|m < 0 || h > 15 || m > 59 {
			return 0, 0, false
		}
		off := h*3600 + m*60
		if s[0] == '-' {
			off = -off
		}
		return base, off, true
	}
	return 0, 0, false
}

var fracUnit = [...]int64{0, 100000, 10000, 1000, 100, 10, 1}
