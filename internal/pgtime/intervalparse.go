package pgtime

import (
	"math"
	"strconv"
	"strings"
)

// Fields of INTERVAL '…' YEAR TO MONTH and the like, as bits of an interval's
// type modifier: (fields<<16) | precision.
const (
	MaskMonth  = 1 << 1
	MaskYear   = 1 << 2
	MaskDay    = 1 << 3
	MaskHour   = 1 << 10
	MaskMinute = 1 << 11
	MaskSecond = 1 << 12

	fullRange     = 0x7FFF
	fullPrecision = 0xFFFF
)

// IntervalMod is the type modifier of an interval with the given fields (0:
// all) and fractional digits (-1: all).
func IntervalMod(fields, precision int) int32 {
	if fields == 0 && precision < 0 {
		return -1
	}
	if fields == 0 {
		fields = fullRange
	}
	if precision < 0 {
		precision = fullPrecision
	}
	return int32(fields<<16 | precision)
}

// ParseInterval reads an interval and applies the type modifier mod (-1: none).
// Errors: 22007 syntax, 22015 a field out of range, 22008 the whole.
func ParseInterval(s []byte, mod int32) (Interval, error) {
	fields := fullRange
	if mod >= 0 {
		fields = int(mod>>16) & fullRange
	}
	var buf [maxFields]field
	list, o := tokenize(s, buf[:0])
	var p spans
	if o == ok {
		o = p.decode(list, fields)
	}
	if o == badFormat {
		p = spans{}
		o = p.iso8601(string(s))
	}
	if o == fieldOverflow {
		o = intervalOverflow
	}
	if o != ok {
		return Interval{}, o.err("interval", s)
	}
	months := p.years*12 + p.months
	if months != int64(int32(months)) {
		return Interval{}, errInterval()
	}
	return ApplyIntervalMod(Interval{int32(months), int32(p.days), p.us}, mod)
}

// ApplyIntervalMod drops what a modifier's fields exclude and rounds to its
// precision.
func ApplyIntervalMod(iv Interval, mod int32) (Interval, error) {
	if mod < 0 {
		return iv, nil
	}
	switch int(mod>>16) & fullRange {
	case MaskYear:
		iv = Interval{Months: iv.Months / 12 * 12}
	case MaskMonth, MaskYear | MaskMonth:
		iv = Interval{Months: iv.Months}
	case MaskDay:
		iv.Micros = 0
	case MaskHour, MaskDay | MaskHour:
		iv.Micros = iv.Micros / Hour * Hour
	case MaskMinute, MaskDay | MaskHour | MaskMinute, MaskHour | MaskMinute:
		iv.Micros = iv.Micros / Minute * Minute
	}
	if p := int(mod & 0xFFFF); p < 6 {
		iv.Micros = roundMicros(iv.Micros, p)
	}
	return iv, nil
}

// spans collects an interval; days, months and years are kept in int32 range.
type spans struct {
	us, days, months, years int64
}

func addInto(dst *int64, x int64) bool {
	s := *dst + x
	if (s > *dst) != (x > 0) && x != 0 {
		return false
	}
	*dst = s
	return true
}

func mulOK(a, b int64) (int64, bool) {
	if a == 0 {
		return 0, true
	}
	c := a * b
	return c, c/a == b && !(a == -1 && b == math.MinInt64)
}

func (p *spans) addMicros(val int64, f float64, unit int64) bool {
	x, fine := mulOK(val, unit)
	return fine && addInto(&p.us, x) && p.addFraction(f, unit)
}

// addFraction adds f units, rounded to microseconds.
func (p *spans) addFraction(f float64, unit int64) bool {
	if f == 0 {
		return true
	}
	f *= float64(unit)
	us := int64(f)
	f -= float64(us)
	if f > 0.5 {
		us++
	} else if f < -0.5 {
		us--
	}
	return addInto(&p.us, us)
}

func addInt32(dst *int64, val, unit int64) bool {
	if val != int64(int32(val)) || val*unit != int64(int32(val*unit)) {
		return false
	}
	s := *dst + val*unit
	*dst = s
	return s == int64(int32(s))
}

// addFractionDays adds f×unit days: whole days to days, the rest as time.
func (p *spans) addFractionDays(f float64, unit int64) bool {
	f *= float64(unit)
	d := int64(f)
	return addInt32(&p.days, d, 1) && p.addFraction(f-float64(d), Day)
}

func (p *spans) addYears(val int64, f float64, unit int64) bool {
	return addInt32(&p.years, val, unit) &&
		addInt32(&p.months, int64(math.RoundToEven(f*float64(unit)*12)), 1)
}

// add adds val+f of a unit and returns the fields it covers.
func (p *spans) add(unit int, val int64, f float64) (mask, outcome) {
	var got mask
	var fine bool
	switch unit {
	case uMicro:
		got, fine = mMicro, p.addMicros(val, f, Micro)
	case uMilli:
		got, fine = mMilli, p.addMicros(val, f, 1000)
	case uSecond:
		got, fine = mSecond, p.addMicros(val, f, Second)
		if f != 0 {
			got = mSecs
		}
	case uMinute:
		got, fine = mMinute, p.addMicros(val, f, Minute)
	case uHour:
		got, fine = mHour, p.addMicros(val, f, Hour)
	case uDay:
		got, fine = mDay, addInt32(&p.days, val, 1) && p.addFraction(f, Day)
	case uWeek:
		got, fine = mWeek, addInt32(&p.days, val, 7) && p.addFractionDays(f, 7)
	case uMonth:
		got, fine = mMonth, addInt32(&p.months, val, 1) && p.addFractionDays(f, 30)
	case uYear:
		got, fine = mYear, p.addYears(val, f, 1)
	case uDecade:
		got, fine = mDecade, p.addYears(val, f, 10)
	case uCentury:
		got, fine = mCentury, p.addYears(val, f, 100)
	case uMillennium:
		got, fine = mMillennium, p.addYears(val, f, 1000)
	default:
		return 0, badFormat
	}
	if !fine {
		return 0, fieldOverflow
	}
	return got, ok
}

// Bits of fields that only intervals have; they may share bits with fields that
// only dates have.
const (
	mDecade     = mZone
	mCentury    = mDSTMod
	mMillennium = mDoy
)

// unlabelled is the unit of a last number without one, from the qualifier.
func unlabelled(fields int) int {
	switch fields {
	case MaskYear:
		return uYear
	case MaskMonth, MaskYear | MaskMonth:
		return uMonth
	case MaskDay:
		return uDay
	case MaskHour, MaskDay | MaskHour:
		return uHour
	case MaskMinute, MaskHour | MaskMinute, MaskDay | MaskHour | MaskMinute:
		return uMinute
	}
	return uSecond
}

// decode reads the fields from the right, so that units come before their
// numbers; PostgreSQL's DecodeInterval is the specification.
func (p *spans) decode(list []field, fields int) outcome {
	unit, ago := uNone, false
	var seen mask
	for i := len(list) - 1; i >= 0; i-- {
		f := list[i]
		var got mask
		o := ok
		switch f.kind {
		case fTime:
			if o = p.clock(f.text, fields, false); o == ok {
				got, unit = mTime, uDay
			}
		case fString, fSpecial:
			w, known := lookup(unitWords, f.text)
			if !known {
				w, _ = lookup(dateWords, f.text)
			}
			switch w.kind {
			case wIgnore:
				continue
			case wUnit:
				unit = w.val
			case wAgo:
				ago, unit = true, uInvalid // a number right before it has no unit
			default:
				return badFormat
			}
		default:
			if f.kind == fZone && strings.IndexByte(f.text, ':') > 0 &&
				p.clock(f.text[1:], fields, f.text[0] == '-') == ok {
				got, unit = mTime, uDay
				break
			}
			if unit == uNone {
				unit = unlabelled(fields)
			}
			got, unit, o = p.number(f.text, unit)
		}
		if o != ok {
			return o
		}
		if got&seen != 0 {
			return badFormat
		}
		seen |= got
	}
	if seen == 0 {
		return badFormat
	}
	if ago {
		if p.us == math.MinInt64 || p.days == math.MinInt32 || p.months == math.MinInt32 || p.years == math.MinInt32 {
			return fieldOverflow
		}
		p.us, p.days, p.months, p.years = -p.us, -p.days, -p.months, -p.years
	}
	return ok
}

// clock sets the time from hh:mm[:ss].
func (p *spans) clock(s string, fields int, neg bool) outcome {
	h, m, sec, us, o := parseClock(s, fields == MaskMinute|MaskSecond)
	if o != ok {
		return o
	}
	x, fine := mulOK(h, Hour)
	if !fine || !addInto(&x, int64(m)*Minute+int64(sec)*Second+us) {
		return fieldOverflow
	}
	if neg {
		x = -x
	}
	p.us = x
	return ok
}

// number reads [±]n, [±]n.f or [±]years-months of a unit and returns the unit
// that a number before it has by default.
func (p *spans) number(s string, unit int) (mask, int, outcome) {
	neg := s[0] == '-'
	digits := strings.TrimLeft(s[:1], "+-") + s[1:]
	val, rest := leadInt(digits)
	if val >= math.MaxInt64-9 && !exactInt64(digits[:len(digits)-len(rest)], neg, &val) {
		return 0, unit, fieldOverflow
	}
	if neg {
		val = -val
	}
	f := 0.0
	switch {
	case rest == "":
	case rest[0] == '-':
		months, rest, fits := int32Lead(rest[1:])
		if !fits || months >= 12 {
			return 0, unit, fieldOverflow
		}
		if rest != "" {
			return 0, unit, badFormat
		}
		unit = uMonth
		if neg {
			months = -months
		}
		var fine bool
		if val, fine = mulOK(val, 12); !fine || !addInto(&val, int64(months)) {
			return 0, unit, fieldOverflow
		}
	case rest[0] == '.':
		var fine bool
		if f, fine = fraction(rest); !fine {
			return 0, unit, badFormat
		}
		if neg {
			f = -f
		}
	default:
		return 0, unit, badFormat
	}
	got, o := p.add(unit, val, f)
	if unit == uHour {
		unit = uDay
	}
	return got, unit, o
}

// exactInt64 re-reads a number near the end of int64, where leadInt saturates.
// For -2^63 it leaves val so that negating it works.
func exactInt64(digits string, neg bool, val *int64) bool {
	u, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || u > math.MaxInt64 && !(neg && u == 1<<63) {
		return false
	}
	*val = int64(u)
	return true
}
