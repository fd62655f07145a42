package pgtime

import (
	"math"
	"strconv"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// DateOrder is how an ambiguous 1/2/2003 reads.
type DateOrder uint8

// The orders of SET datestyle.
const (
	MDY DateOrder = iota
	DMY
	YMD
)

// Env is what reading a date needs to know of the session. The zero value (and
// nil) means UTC, MDY and the machine's clock.
type Env struct {
	TZ    *time.Location
	Now   int64 // the transaction's start for 'now', 'today'…; 0: the clock
	Order DateOrder
}

var defaultEnv Env

func (e *Env) now() int64 {
	if e.Now != 0 {
		return e.Now
	}
	return FromTime(time.Now())
}

// ParseDate reads a date. Errors: 22007 syntax, 22008 range, 22009 and 22023
// time zones, as for all of this file.
func ParseDate(s []byte, e *Env) (int64, error) {
	d, reserved, err := decode(s, e, "date")
	if err != nil {
		return 0, err
	}
	switch reserved {
	case rEpoch:
		return -unixDays, nil
	case rLate:
		return DateInf, nil
	case rEarly:
		return DateNegInf, nil
	}
	days := DaysOf(d.y, d.m, d.d)
	if !validDate(days) || d.y > 5874897 {
		return 0, pgerr.New(pgerr.DatetimeFieldOverflow, "date out of range: \"%s\"", s)
	}
	return days, nil
}

// ParseTimestamp reads a timestamp; a zone in the text is ignored.
func ParseTimestamp(s []byte, e *Env) (int64, error) { return parseTS(s, e, "timestamp", false) }

// ParseTimestamptz reads a timestamp with time zone, in e.TZ when the text names
// no zone.
func ParseTimestamptz(s []byte, e *Env) (int64, error) {
	return parseTS(s, e, "timestamp with time zone", true)
}

func parseTS(s []byte, e *Env, typ string, withZone bool) (int64, error) {
	d, reserved, err := decode(s, e, typ)
	if err != nil {
		return 0, err
	}
	switch reserved {
	case rEpoch:
		return -unixMicros, nil
	case rLate:
		return Inf, nil
	case rEarly:
		return NegInf, nil
	}
	ts, fine := d.timestamp()
	if withZone {
		ts -= int64(d.zone) * Second
	}
	if !fine || !validTS(ts) {
		return 0, pgerr.New(pgerr.DatetimeFieldOverflow, "timestamp out of range: \"%s\"", s)
	}
	return ts, nil
}

// CheckDate fails with 22008 for a number of days that is no date.
func CheckDate(d int64) error {
	if FiniteDate(d) && !validDate(d) {
		return errDate()
	}
	return nil
}

// CheckTimestamp fails with 22008 for a number that is no timestamp.
func CheckTimestamp(ts int64) error {
	if Finite(ts) && !validTS(ts) {
		return errTS()
	}
	return nil
}

// mask is a set of the fields that were seen.
type mask uint16

const (
	mYear mask = 1 << iota
	mMonth
	mDay
	mHour
	mMinute
	mSecond
	mMilli
	mMicro
	mZone
	mDSTMod
	mDoy
	mAmPm
	mEra
	mWeekday
	mWeek
	mReserved

	mDate = mYear | mMonth | mDay
	mSecs = mSecond | mMilli | mMicro
	mTime = mHour | mMinute | mSecs
)

// civil is a broken-down reading.
type civil struct {
	y, m, d    int
	hh, mm, ss int
	us         int64 // microseconds of the second
	doy        int
	zone       int // seconds east
	twoDigits  bool
	textMonth  bool
	julian, bc bool
	meridiem   int // 1 AM, 2 PM
	named      *time.Location
	order      DateOrder
}

// timestamp is the reading in microseconds; false far outside the range.
func (d *civil) timestamp() (int64, bool) {
	if d.y < -4800 || d.y > 300000 {
		return 0, false
	}
	return DaysOf(d.y, d.m, d.d)*Day + int64(d.hh)*Hour + int64(d.mm)*Minute + int64(d.ss)*Second + d.us, true
}

func decode(s []byte, e *Env, typ string) (*civil, int, error) {
	if e == nil {
		e = &defaultEnv
	}
	var buf [maxFields]field
	fields, o := tokenize(s, buf[:0])
	if o != ok {
		return nil, 0, o.err(typ, s)
	}
	dec := decoder{env: e, reserved: -1}
	dec.order = e.Order
	if o := dec.run(fields); o != ok {
		if dec.badZone != "" {
			return nil, 0, pgerr.New(pgerr.InvalidParameterValue, "time zone \"%s\" not recognized", dec.badZone)
		}
		return nil, 0, o.err(typ, s)
	}
	return &dec.civil, dec.reserved, nil
}

// leadInt reads leading digits, saturating, and returns the rest.
func leadInt(s string) (int64, string) {
	x, i := int64(0), 0
	for ; i < len(s) && isDigit(s[i]); i++ {
		if x > (math.MaxInt64-9)/10 {
			x = math.MaxInt64 - 9
			continue
		}
		x = x*10 + int64(s[i]-'0')
	}
	return x, s[i:]
}

// int32Lead is leadInt that fails above int32.
func int32Lead(s string) (x int, rest string, fits bool) {
	v, rest := leadInt(s)
	return int(min(v, math.MaxInt32)), rest, v <= math.MaxInt32
}

// fraction reads ".digits" to the end of s.
func fraction(s string) (float64, bool) {
	if s == "." {
		return 0, true
	}
	for _, c := range []byte(s[1:]) {
		if !isDigit(c) && c != 'e' && c != '+' && c != '-' {
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

func fractionMicros(s string) (int64, bool) {
	f, fine := fraction(s)
	return int64(math.RoundToEven(f * 1e6)), fine
}
