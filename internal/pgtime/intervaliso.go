package pgtime

import (
	"math"
	"strconv"
)

// iso8601 reads P1Y2M3DT4H5M6S, and the alternative forms P0001-02-03T04:05:06
// and P00010203T040506.
func (p *spans) iso8601(s string) outcome {
	if len(s) < 2 || s[0] != 'P' {
		return badFormat
	}
	s = s[1:]
	inDate, have := true, false
	for s != "" {
		if s[0] == 'T' {
			inDate, have = false, false
			s = s[1:]
			continue
		}
		width := intWidth(s)
		val, f, rest, o := isoNumber(s)
		if o != ok {
			return o
		}
		unit := byte(0)
		if s = rest; s != "" {
			unit = s[0]
			s = s[1:]
		}
		var done bool
		wasDate := inDate
		if inDate {
			s, inDate, done, o = p.isoDate(unit, val, f, width, have, s)
		} else {
			s, done, o = p.isoTime(unit, val, f, width, have, s)
		}
		if o != ok || done {
			return o
		}
		have = inDate == wasDate // a T starts afresh
	}
	return ok
}

func (p *spans) isoDate(unit byte, val int64, f float64, width int, have bool, s string) (rest string, inDate, done bool, o outcome) {
	u := map[byte]int{'Y': uYear, 'M': uMonth, 'W': uWeek, 'D': uDay}[unit]
	if u != uNone {
		_, o = p.add(u, val, f)
		return s, true, false, o
	}
	if unit != 0 && unit != 'T' && unit != '-' {
		return s, true, false, badFormat
	}
	if unit != '-' && width == 8 && !have { // yyyymmdd
		if !addInt32(&p.years, val/10000, 1) || !addInt32(&p.months, val/100%100, 1) ||
			!addInt32(&p.days, val%100, 1) || !p.addFraction(f, Day) {
			return s, true, false, fieldOverflow
		}
		return s, false, unit == 0, ok
	}
	if have {
		return s, true, false, badFormat
	}
	for _, u := range []int{uYear, uMonth, uDay} {
		if u != uYear {
			if val, f, s, o = isoNumber(s); o != ok {
				return s, true, false, o
			}
			unit = 0
			if s != "" {
				unit, s = s[0], s[1:]
			}
		}
		if _, o = p.add(u, val, f); o != ok {
			return s, true, false, o
		}
		switch {
		case unit == 0:
			return s, false, true, ok
		case unit == 'T':
			return s, false, false, ok
		case unit != '-' || u == uDay:
			return s, true, false, badFormat
		}
	}
	return s, true, false, badFormat
}

func (p *spans) isoTime(unit byte, val int64, f float64, width int, have bool, s string) (rest string, done bool, o outcome) {
	u := map[byte]int{'H': uHour, 'M': uMinute, 'S': uSecond}[unit]
	if u != uNone {
		_, o = p.add(u, val, f)
		return s, false, o
	}
	if unit != 0 && unit != ':' {
		return s, false, badFormat
	}
	if unit == 0 && width == 6 && !have { // hhmmss
		if !p.addMicros(val/10000, 0, Hour) || !p.addMicros(val/100%100, 0, Minute) || !p.addMicros(val%100, f, Second) {
			return s, true, fieldOverflow
		}
		return s, true, ok
	}
	if have {
		return s, false, badFormat
	}
	for _, u := range []int{uHour, uMinute, uSecond} {
		if u != uHour {
			if val, f, s, o = isoNumber(s); o != ok {
				return s, false, o
			}
			unit = 0
			if s != "" {
				unit, s = s[0], s[1:]
			}
		}
		if _, o = p.add(u, val, f); o != ok {
			return s, false, o
		}
		switch {
		case unit == 0:
			return s, true, ok
		case unit != ':' || u == uSecond:
			return s, false, badFormat
		}
	}
	return s, false, badFormat
}

// intWidth is the number of digits in front of s, after a sign.
func intWidth(s string) int {
	if s != "" && s[0] == '-' {
		s = s[1:]
	}
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// isoNumber reads a decimal number, split at the point toward zero.
func isoNumber(s string) (val int64, f float64, rest string, o outcome) {
	if s == "" || !isDigit(s[0]) && s[0] != '-' && s[0] != '.' {
		return 0, 0, s, badFormat
	}
	i := 0
	if s[0] == '-' {
		i++
	}
	digits := func() bool {
		from := i
		for i < len(s) && isDigit(s[i]) {
			i++
		}
		return i > from
	}
	some := digits()
	if i < len(s) && s[i] == '.' {
		i++
		some = digits() || some
	}
	if !some {
		return 0, 0, s, badFormat
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		mark := i
		if i++; i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if !digits() {
			i = mark
		}
	}
	x, err := strconv.ParseFloat(s[:i], 64)
	switch {
	case err != nil:
		return 0, 0, s, badFormat
	case x < -1e15 || x > 1e15:
		return 0, 0, s, fieldOverflow
	}
	t := math.Trunc(x)
	return int64(t), x - t, s[i:], ok
}
