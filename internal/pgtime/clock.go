package pgtime

import (
	"math"
	"strings"
)

// clock reads hh:mm[:ss[.f]] or mm:ss.f.
func (c *decoder) clock(s string) outcome {
	h, m, sec, us, o := parseClock(s, false)
	c.hh, c.mm, c.ss, c.us = int(h), m, sec, us
	return o
}

// parseClock reads hh:mm[:ss[.f]] or mm:ss.f; minSec makes two parts mm:ss.
func parseClock(s string, minSec bool) (h int64, m, sec int, us int64, o outcome) {
	h, rest := leadInt(s)
	if h > math.MaxInt64/2 {
		return 0, 0, 0, 0, fieldOverflow
	}
	if rest == "" || rest[0] != ':' {
		return 0, 0, 0, 0, badFormat
	}
	m, rest, fits := int32Lead(rest[1:])
	if !fits {
		return 0, 0, 0, 0, fieldOverflow
	}
	fine := true
	switch {
	case rest == "" && !minSec:
	case rest == "" || rest[0] == '.':
		if rest != "" {
			us, fine = fractionMicros(rest)
		}
		if h > math.MaxInt32 {
			return 0, 0, 0, 0, fieldOverflow
		}
		h, m, sec = 0, int(h), m
	case rest[0] == ':':
		if sec, rest, fits = int32Lead(rest[1:]); !fits {
			return 0, 0, 0, 0, fieldOverflow
		}
		if rest != "" {
			if rest[0] != '.' {
				return 0, 0, 0, 0, badFormat
			}
			us, fine = fractionMicros(rest)
		}
	default:
		fine = false
	}
	switch {
	case !fine:
		return 0, 0, 0, 0, badFormat
	case m > 59 || sec > 60 || us > Second:
		return 0, 0, 0, 0, fieldOverflow
	}
	return h, m, sec, us, ok
}

// parseOffset reads ±hh[:mm[:ss]] or ±hhmm as seconds east of Greenwich.
func parseOffset(s string) (int, outcome) {
	if s == "" || s[0] != '+' && s[0] != '-' {
		return 0, badFormat
	}
	if len(s) > 2 && s[1] == '-' && isDigit(s[2]) {
		return 0, zoneOverflow // a negative number of hours
	}
	h, rest, fits := int32Lead(s[1:])
	m, sec := 0, 0
	switch {
	case strings.HasPrefix(rest, ":"):
		var f2 bool
		m, rest, f2 = int32Lead(rest[1:])
		fits = fits && f2
		if strings.HasPrefix(rest, ":") {
			sec, rest, f2 = int32Lead(rest[1:])
			fits = fits && f2
		}
	case rest == "" && len(s) > 3:
		h, m = h/100, h%100
	}
	if !fits || h > 15 || m > 59 || sec > 59 {
		return 0, zoneOverflow
	}
	if rest != "" {
		return 0, badFormat
	}
	off := (h*60+m)*60 + sec
	if s[0] == '-' {
		off = -off
	}
	return off, ok
}

// validate settles the year and checks month and day.
func (c *civil) validate(seen mask) outcome {
	if seen&mYear != 0 {
		switch {
		case c.julian:
		case c.bc:
			if c.y <= 0 {
				return fieldOverflow
			}
			c.y = 1 - c.y
		case c.twoDigits:
			if c.y < 70 {
				c.y += 2000
			} else if c.y < 100 {
				c.y += 1900
			}
		case c.y <= 0:
			return fieldOverflow
		}
	}
	if seen&mDoy != 0 {
		c.y, c.m, c.d = CivilOf(DaysOf(c.y, 1, 1) + int64(c.doy) - 1)
	}
	if seen&mMonth != 0 && (c.m < 1 || c.m > 12) || seen&mDay != 0 && (c.d < 1 || c.d > 31) {
		return monthDayOverflow
	}
	if seen&mDate == mDate && c.d > monthDays(c.y, c.m) {
		return fieldOverflow
	}
	return ok
}
