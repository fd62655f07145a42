package pgtime

import (
	"math"
	"strings"
)

// decoder gives meaning to the fields of a date or timestamp; PostgreSQL's
// DecodeDateTime is the specification.
type decoder struct {
	civil
	env      *Env
	seen     mask
	pending  int // a unit word that labels the next number
	reserved int // rEpoch, rLate, rEarly; -1: an ordinary date
	badZone  string
	abbrev   string // that stands for what named used then
}

func (c *decoder) run(fields []field) outcome {
	for i, f := range fields {
		got, o := c.field(f)
		if o != ok {
			return o
		}
		if got&c.seen != 0 {
			return badFormat
		}
		c.seen |= got
		if f.text == "t" && c.pending == uISOTime {
			if i+1 == len(fields) || fields[i+1].kind != fNumber && fields[i+1].kind != fTime && fields[i+1].kind != fDate {
				return badFormat
			}
		}
	}
	if o := c.validate(c.seen); o != ok {
		return o
	}
	if c.meridiem != 0 && c.hh > 12 {
		return fieldOverflow
	}
	if c.meridiem == 1 && c.hh == 12 {
		c.hh = 0
	} else if c.meridiem == 2 && c.hh != 12 {
		c.hh += 12
	}
	if c.reserved >= 0 {
		return ok
	}
	if c.seen&mDate != mDate {
		return badFormat
	}
	return c.resolveZone()
}

// resolveZone finds the offset of a named or the session's zone, which depends
// on the date.
func (c *decoder) resolveZone() outcome {
	loc := c.named
	if loc == nil {
		if c.seen&mZone != 0 {
			return ok
		}
		loc = c.env.TZ
	}
	if c.seen&mDSTMod != 0 {
		return badFormat
	}
	if ts, fine := c.timestamp(); fine {
		c.zone = localOffset(ts, loc)
		if off, known := abbrevOffset(c.abbrev, ts-int64(c.zone)*Second, loc); known {
			c.zone = off
		}
	}
	return ok
}

func (c *decoder) field(f field) (mask, outcome) {
	switch f.kind {
	case fDate:
		return c.dateField(f.text)
	case fTime:
		if c.pending != uNone {
			if c.pending != uISOTime {
				return 0, badFormat
			}
			c.pending = uNone
		}
		if o := c.clock(f.text); o != ok {
			return 0, o
		}
		if c.hh > 24 || c.hh == 24 && (c.mm > 0 || c.ss > 0 || c.us > 0) {
			return 0, fieldOverflow
		}
		return mTime, ok
	case fZone:
		off, o := parseOffset(f.text)
		c.zone = off
		return mZone, o
	case fNumber:
		return c.numberField(f.text)
	}
	return c.wordField(f.text)
}

func (c *decoder) dateField(s string) (mask, outcome) {
	if c.pending == uJulian {
		x, rest, fits := int32Lead(s)
		if !fits {
			return 0, fieldOverflow
		}
		c.setJulian(x)
		off, o := parseOffset(rest)
		c.zone, c.pending = off, uNone
		return mDate | mTime | mZone, o
	}
	if c.pending == uNone && c.seen&(mMonth|mDay) != mMonth|mDay {
		return c.date(s, c.seen)
	}
	// A date is there already: a zone's name, or a time with a zone.
	if !isDigit(s[0]) && c.pending == uNone {
		if c.named = findZone(s); c.named == nil {
			c.badZone = s
			return 0, badFormat
		}
		return mZone, ok
	}
	if c.pending != uNone && c.pending != uISOTime || c.seen&mTime == mTime {
		return 0, badFormat
	}
	c.pending = uNone
	i := strings.IndexByte(s, '-')
	if i < 0 {
		return 0, badFormat
	}
	off, o := parseOffset(s[i:])
	if o != ok {
		return 0, o
	}
	c.zone = off
	got, o := c.runTogether(s[:i], c.seen)
	return got | mZone, o
}

func (c *decoder) setJulian(x int) {
	c.y, c.m, c.d = CivilOf(int64(x) - julianEpoch)
	c.julian = true
}

func (c *decoder) numberField(s string) (mask, outcome) {
	if c.pending != uNone {
		unit := c.pending
		c.pending, c.reserved = uNone, -1
		return c.labelled(unit, s)
	}
	dot := strings.IndexByte(s, '.')
	switch {
	case dot >= 0 && c.seen&mDate == 0:
		return c.date(s, c.seen)
	case dot > 2, len(s) >= 6 && (c.seen&mDate == 0 || c.seen&mTime == 0):
		return c.runTogether(s, c.seen)
	}
	return c.number(s, c.textMonth, c.seen)
}

// labelled reads a number that a unit word came before: y2024m1d5, J2451545.
func (c *decoder) labelled(unit int, s string) (mask, outcome) {
	x, rest, fits := int32Lead(s)
	if !fits {
		return 0, fieldOverflow
	}
	if rest != "" && (rest[0] != '.' || unit != uJulian && unit != uISOTime && unit != uSecond) {
		return 0, badFormat
	}
	switch unit {
	case uYear:
		c.y = x
		return mYear, ok
	case uMonth:
		if c.seen&mMonth != 0 && c.seen&mHour != 0 {
			c.mm = x
			return mMinute, ok
		}
		c.m = x
		return mMonth, ok
	case uDay:
		c.d = x
		return mDay, ok
	case uHour:
		c.hh = x
		return mHour, ok
	case uMinute:
		c.mm = x
		return mMinute, ok
	case uSecond:
		c.ss = x
		if rest == "" {
			return mSecond, ok
		}
		us, fine := fractionMicros(rest)
		c.us = us
		if !fine {
			return 0, badFormat
		}
		return mSecs, ok
	case uISOTime:
		got, o := c.runTogether(s, c.seen|mDate)
		if o == ok && got != mTime {
			o = badFormat
		}
		return got, o
	case uJulian:
		return c.julianDay(x, rest)
	}
	return 0, badFormat
}

// julianDay sets the date from a Julian day and the time from its fraction.
func (c *decoder) julianDay(x int, rest string) (mask, outcome) {
	c.setJulian(x)
	if rest == "" {
		return mDate, ok
	}
	f, fine := fraction(rest)
	if !fine {
		return 0, badFormat
	}
	us := int64(f * float64(Day))
	c.hh, c.mm, c.ss, c.us = int(us/Hour), int(us/Minute%60), int(us/Second%60), us%Second
	return mDate | mTime, ok
}

func (c *decoder) wordField(s string) (mask, outcome) {
	if a, is := abbrevs[s]; is {
		c.zone = a
		return mZone, ok
	}
	if z, is := zoneAbbrevs[s]; is {
		c.named, c.abbrev = findZone(strings.ToLower(z)), s
		return mZone, ok
	}
	w, known := lookup(dateWords, s)
	if !known {
		if c.named = findZone(s); c.named == nil {
			return 0, badFormat
		}
		return mZone, ok
	}
	switch w.kind {
	case wIgnore:
		return 0, ok
	case wReserved:
		return c.reservedWord(w.val), ok
	case wMonth:
		got := mMonth
		if c.seen&mMonth != 0 && !c.textMonth && c.seen&mDay == 0 && c.m >= 1 && c.m <= 31 {
			c.d = c.m // the number before was the day
			got = mDay
		}
		c.textMonth = true
		c.m = w.val
		return got, ok
	case wDSTMod:
		c.zone += w.val
		return mDSTMod, ok
	case wAmPm:
		c.meridiem = w.val
		return mAmPm, ok
	case wEra:
		c.bc = w.val == 1
		return mEra, ok
	case wWeekday:
		return mWeekday, ok
	case wUnit, wISOTime:
		if w.kind == wISOTime && c.seen&mDate != mDate {
			return 0, badFormat
		}
		c.pending = w.val
		return 0, ok
	}
	return 0, badFormat
}

func (c *decoder) reservedWord(r int) mask {
	switch r {
	case rEpoch, rLate, rEarly:
		c.reserved = r
		return mReserved
	case rZulu:
		c.hh, c.mm, c.ss, c.us, c.zone = 0, 0, 0, 0, 0
		return mTime | mZone
	}
	now := c.env.now()
	off := Offset(now, c.env.TZ)
	days, us := split(now + int64(off)*Second)
	switch r {
	case rTomorrow:
		days++
	case rYesterday:
		days--
	}
	c.y, c.m, c.d = CivilOf(days)
	c.julian = true // the year needs no adjustment
	if r != rNow {
		return mDate
	}
	c.hh, c.mm, c.ss, c.us = int(us/Hour), int(us/Minute%60), int(us/Second%60), us%Second
	c.zone = off
	return mDate | mTime | mZone
}

// date reads a punctuated date: 2024-01-05, 5-Jan-2024, 1/5/24.
func (c *decoder) date(s string, seen mask) (mask, outcome) {
	var parts []string
	for i := 0; i < len(s); {
		for i < len(s) && !isDigit(s[i]) && !isAlpha(s[i]) {
			i++
		}
		if i == len(s) {
			return 0, badFormat
		}
		from := i
		class := isAlpha
		if isDigit(s[i]) {
			class = isDigit
		}
		for i < len(s) && class(s[i]) {
			i++
		}
		parts = append(parts, s[from:i])
		if i < len(s) {
			i++ // whatever follows separates
		}
	}
	var got mask
	text := false
	for _, p := range parts {
		if !isAlpha(p[0]) {
			continue
		}
		w, _ := lookup(dateWords, p)
		if w.kind != wMonth || (seen|got)&mMonth != 0 {
			return 0, badFormat
		}
		c.m, text = w.val, true
		got |= mMonth
	}
	for _, p := range parts {
		if isAlpha(p[0]) {
			continue
		}
		g, o := c.number(p, text, seen|got)
		if o != ok {
			return 0, o
		}
		if g&(seen|got) != 0 {
			return 0, badFormat
		}
		got |= g
	}
	if (seen|got)&^(mDoy|mZone) != mDate {
		return 0, badFormat
	}
	return got, ok
}

// number reads one number of a date, whose meaning follows from what is known.
func (c *decoder) number(s string, text bool, seen mask) (mask, outcome) {
	x, rest, fits := int32Lead(s)
	if !fits {
		return 0, fieldOverflow
	}
	if len(rest) == len(s) {
		return 0, badFormat
	}
	if rest != "" {
		if rest[0] != '.' {
			return 0, badFormat
		}
		if len(s)-len(rest) > 2 {
			return c.runTogether(s, seen|mDate)
		}
		us, fine := fractionMicros(rest)
		if !fine {
			return 0, badFormat
		}
		c.us = us
	}
	n := len(s)
	if n == 3 && seen&mDate == mYear && x >= 1 && x <= 366 {
		c.doy = x
		return mDoy | mMonth | mDay, ok
	}
	year := func() (mask, outcome) {
		c.y, c.twoDigits = x, n <= 2
		return mYear, ok
	}
	switch seen & mDate {
	case 0:
		if n >= 3 || c.order == YMD {
			return year()
		}
		if c.order == DMY {
			c.d = x
			return mDay, ok
		}
		c.m = x
		return mMonth, ok
	case mYear, mDay:
		c.m = x
		return mMonth, ok
	case mMonth:
		if text && (n >= 3 || c.order == YMD) {
			return year()
		}
		c.d = x
		return mDay, ok
	case mYear | mMonth:
		if text && n >= 3 && c.twoDigits {
			c.d, c.y, c.twoDigits = c.y, x, false // what looked like a year was the day
			return mDay, ok
		}
		c.d = x
		return mDay, ok
	case mMonth | mDay:
		return year()
	case mDate:
		return c.runTogether(s, seen)
	}
	return 0, badFormat
}

// runTogether reads yyyymmdd, yymmdd, hhmmss or hhmm.
func (c *decoder) runTogether(s string, seen mask) (mask, outcome) {
	// Overlong years wrap around to something out of range, as C's atoi makes them.
	atoi := func(p string) int { x, _ := leadInt(p); return int(int32(x)) }
	if i := strings.IndexByte(s, '.'); i >= 0 {
		f, _ := fraction(s[i:])
		c.us = int64(math.RoundToEven(f * 1e6))
		s = s[:i]
	} else if seen&mDate != mDate && len(s) >= 6 {
		n := len(s)
		c.d, c.m, c.y = atoi(s[n-2:]), atoi(s[n-4:n-2]), atoi(s[:n-4])
		if n == 6 {
			c.twoDigits = true
		}
		return mDate, ok
	}
	if seen&mTime != mTime {
		switch len(s) {
		case 6:
			c.hh, c.mm, c.ss = atoi(s[:2]), atoi(s[2:4]), atoi(s[4:])
			return mTime, ok
		case 4:
			c.hh, c.mm, c.ss = atoi(s[:2]), atoi(s[2:]), 0
			return mTime, ok
		}
	}
	return 0, badFormat
}
