package pgtime

import (
	"strconv"
	"strings"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

var (
	monthNames = [...]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
	dayNames   = [...]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
	romans     = [...]string{"I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"}
)

// broken is a reading taken apart for to_char.
type broken struct {
	y, m, d   int // year 0 is 1 BC; of an interval any sign
	hh        int64
	mm, ss    int
	us        int
	days      int64 // the date
	doy       int64
	off       int // seconds east
	zone      string
	isSpan    bool
	isoY, iso int // ISO year and week
}

// ToChar is to_char(timestamp, format); null for infinities.
func ToChar(dst []byte, ts int64, format string) (out []byte, null bool) {
	if !Finite(ts) {
		return dst, true
	}
	b := breakDown(ts)
	out, _ = b.format(dst, format) // only intervals can fail
	return out, false
}

// ToCharTZ is to_char(timestamptz, format) in loc.
func ToCharTZ(dst []byte, ts int64, loc *time.Location, format string) (out []byte, null bool) {
	if !Finite(ts) {
		return dst, true
	}
	if loc == nil {
		loc = time.UTC
	}
	zone, off := time.Unix(floorDiv(ts, Second)+unixSeconds, 0).In(loc).Zone()
	b := breakDown(ts + int64(off)*Second)
	b.off, b.zone = off, zone
	out, _ = b.format(dst, format)
	return out, false
}

// ToCharInterval is to_char(interval, format); 22007 for fields that only dates
// have.
func ToCharInterval(dst []byte, iv Interval, format string) ([]byte, error) {
	us := iv.Micros
	b := broken{
		y: int(iv.Months / 12), m: int(iv.Months % 12), d: int(iv.Days), hh: us / Hour,
		mm: int(us / Minute % 60), ss: int(us / Second % 60), us: int(us % Second), isSpan: true,
	}
	b.doy = (int64(b.y)*12+int64(b.m))*30 + int64(b.d)
	b.days = julianOfFields(b.y, b.m, b.d)
	b.isoY, b.iso = ISOWeek(b.days)
	return b.format(dst, format)
}

// julianOfFields is the date of fields that need not be a date.
func julianOfFields(y, m, d int) int64 {
	return DaysOf(y+int(floorDiv(int64(m-1), 12)), int(mod(int64(m-1), 12))+1, d)
}

func breakDown(ts int64) *broken {
	b := &broken{}
	var us int64
	b.days, us = split(ts)
	b.y, b.m, b.d = CivilOf(b.days)
	b.hh, b.mm, b.ss, b.us = us/Hour, int(us/Minute%60), int(us/Second%60), int(us%Second)
	b.doy = b.days - DaysOf(b.y, 1, 1) + 1
	b.isoY, b.iso = ISOWeek(b.days)
	return b
}

func (b *broken) format(dst []byte, format string) ([]byte, error) {
	for _, n := range parsePattern(format) {
		if n.kind != nAction {
			dst = append(dst, n.raw...)
			continue
		}
		if b.isSpan && calendarOnly[n.key] {
			e := pgerr.New(pgerr.InvalidDatetimeFormat, "invalid format specification for an interval value")
			return dst, e.WithHint("Intervals are not tied to specific calendar dates.")
		}
		at := len(dst)
		if out, done := b.name(dst, n); done {
			dst = out
			continue
		}
		dst = b.number(dst, n)
		if n.th != 0 && len(dst) > at && !noOrdinal[n.key] {
			dst = appendOrdinal(dst, at, n.th)
		}
	}
	return dst, nil
}

// calendarOnly are the keywords that intervals do not have.
var calendarOnly = map[string]bool{
	"A.D.": true, "AD": true, "B.C.": true, "BC": true, "MONTH": true, "MON": true, "DAY": true, "DY": true,
	"D": true, "ID": true, "TZ": true, "TZH": true, "TZM": true, "OF": true,
}

var noOrdinal = map[string]bool{"TZH": true, "TZM": true, "OF": true, "FX": true}

// likeKeyword gives a capitalized name the case of the keyword.
func likeKeyword(s string, n node) string {
	switch {
	case n.raw == n.key:
		return strings.ToUpper(s)
	case mixedCase[n.raw]:
		return s
	}
	return strings.ToLower(s)
}

// name appends what is no number.
func (b *broken) name(dst []byte, n node) ([]byte, bool) {
	s, width := "", 0
	switch n.key {
	case "AM", "PM", "A.M.", "P.M.":
		s = "AM"
		if b.hh%24 >= 12 {
			s = "PM"
		}
	case "AD", "BC", "A.D.", "B.C.":
		s = "AD"
		if b.y <= 0 {
			s = "BC"
		}
	case "MONTH":
		s, width = monthNames[b.m-1], 9
	case "MON":
		s = monthNames[b.m-1][:3]
	case "DAY":
		s, width = dayNames[weekday(b.days)], 9
	case "DY":
		s = dayNames[weekday(b.days)][:3]
	case "RM":
		if b.m == 0 && b.y == 0 {
			return dst, true
		}
		s, width = romans[b.roman()-1], 4
	case "TZ":
		s = b.zone
		if n.raw == "tz" {
			return append(dst, strings.ToLower(s)...), true
		}
		return append(dst, s...), true
	case "FX":
		return dst, true
	default:
		return dst, false
	}
	if len(n.key) == 4 && n.key[1] == '.' {
		s = s[:1] + "." + s[1:] + "."
	}
	dst = append(dst, likeKeyword(s, n)...)
	if !n.fm && (!n.tm || n.key == "RM") {
		for i := len(s); i < width; i++ {
			dst = append(dst, ' ')
		}
	}
	return dst, true
}

// number appends the value of a numeric keyword.
func (b *broken) number(dst []byte, n node) []byte {
	width := func(w int, x int64) int {
		if n.fm {
			return 0
		}
		if x < 0 {
			return w + 1
		}
		return w
	}
	pad := func(w int, x int64) []byte { return appendInt(dst, x, width(w, x)) }
	shown := int64(b.y)
	isoShown := int64(b.isoY)
	if !b.isSpan {
		if shown <= 0 {
			shown = 1 - shown
		}
		if isoShown <= 0 {
			isoShown = 1 - isoShown
		}
	}
	year := func(w int, x int64) []byte { return appendInt(dst, x, width(w, shown)) }
	switch n.key {
	case "HH", "HH12":
		h := b.hh % 12
		if h == 0 {
			h = 12
		}
		return appendInt(dst, h, width(2, b.hh))
	case "HH24":
		return pad(2, b.hh)
	case "MI":
		return pad(2, int64(b.mm))
	case "SS":
		return pad(2, int64(b.ss))
	case "FF1", "FF2", "FF3", "FF4", "FF5", "FF6":
		w := int(n.key[2] - '0')
		return appendInt(dst, int64(b.us)/fracUnit[w], w)
	case "MS":
		return appendInt(dst, int64(b.us)/1000, 3)
	case "US":
		return appendInt(dst, int64(b.us), 6)
	case "SSSS", "SSSSS":
		return appendInt(dst, b.hh*3600+int64(b.mm)*60+int64(b.ss), 0)
	case "TZH", "TZM", "OF":
		return b.offset(dst, n)
	case "MM":
		return pad(2, int64(b.m))
	case "DDD":
		return appendInt(dst, b.doy, width(3, 0))
	case "IDDD":
		return pad(3, int64(b.iso-1)*7+int64((weekday(b.days)+6)%7+1))
	case "DD":
		return appendInt(dst, int64(b.d), width(2, 0))
	case "D":
		return pad(0, int64(weekday(b.days)+1))
	case "ID":
		return pad(0, int64((weekday(b.days)+6)%7+1))
	case "WW":
		return appendInt(dst, (b.doy-1)/7+1, width(2, 0))
	case "IW":
		return pad(2, int64(b.iso))
	case "Q":
		if b.m == 0 {
			return dst
		}
		return pad(0, int64((b.m-1)/3+1))
	case "CC":
		return pad(2, b.century())
	case "Y,YYY":
		dst = appendInt(dst, shown/1000, 0)
		return appendInt(append(dst, ','), shown%1000, 3)
	case "YYYY":
		return year(4, shown)
	case "YYY":
		return year(3, shown%1000)
	case "YY":
		return year(2, shown%100)
	case "Y":
		return appendInt(dst, shown%10, width(1, 0))
	case "IYYY":
		return year(4, isoShown)
	case "IYY":
		return year(3, isoShown%1000)
	case "IY":
		return year(2, isoShown%100)
	case "I":
		return appendInt(dst, isoShown%10, width(1, 0))
	case "W":
		return pad(0, int64((b.d-1)/7+1))
	case "J":
		return pad(0, b.days+julianEpoch)
	}
	return dst
}

// roman is the month 1..12 that RM shows, also for the months of an interval.
func (b *broken) roman() int {
	switch {
	case b.m > 0:
		return b.m
	case b.m < 0:
		return 13 + b.m
	case b.y >= 0:
		return 12
	}
	return 1
}

func (b *broken) century() int64 {
	switch {
	case b.isSpan:
		return int64(b.y / 100)
	case b.y > 0:
		return int64((b.y-1)/100 + 1)
	}
	return int64(b.y/100 - 1)
}

// offset appends TZH, TZM or OF.
func (b *broken) offset(dst []byte, n node) []byte {
	off, sign := b.off, byte('+')
	if off < 0 {
		off, sign = -off, '-'
	}
	if n.key == "TZM" {
		return appendInt(dst, int64(off/60%60), 2)
	}
	w := 2
	if n.key == "OF" && n.fm {
		w = 0
	}
	dst = appendInt(append(dst, sign), int64(off/3600), w)
	if n.key == "OF" && off/60%60 != 0 {
		dst = appendInt(append(dst, ':'), int64(off/60%60), 2)
	}
	return dst
}

// appendInt is C's %0*d.
func appendInt(dst []byte, x int64, width int) []byte {
	if x < 0 {
		dst = append(dst, '-')
		x = -x
		width--
	}
	var buf [20]byte
	s := strconv.AppendInt(buf[:0], x, 10)
	for i := len(s); i < width; i++ {
		dst = append(dst, '0')
	}
	return append(dst, s...)
}

// appendOrdinal appends st, nd, rd or th (upper case for 'T') to the number that
// starts at dst[at].
func appendOrdinal(dst []byte, at int, th byte) []byte {
	last := dst[len(dst)-1]
	if !isDigit(last) {
		return dst
	}
	s := "th"
	if len(dst)-at < 2 || dst[len(dst)-2] != '1' {
		switch last {
		case '1':
			s = "st"
		case '2':
			s = "nd"
		case '3':
			s = "rd"
		}
	}
	if th == 'T' {
		s = strings.ToUpper(s)
	}
	return append(dst, s...)
}
