package pgtime

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// ToTimestamp is to_timestamp(text, format): a reading in loc (nil: UTC) unless
// the format has a zone. Errors: 22007 text that does not fit, 22008 range,
// 0A000 for fields that are only for output (TZ, OF as letters). Texts that fit
// their format read as in PostgreSQL; of those that do not, some rare ones are
// refused with another message, or read differently.
func ToTimestamp(s, format string, loc *time.Location) (int64, error) {
	p := fromChar{s: s, whole: s}
	if err := p.read(parsePattern(format)); err != nil {
		return 0, err
	}
	days, us, err := p.reading()
	if err != nil {
		return 0, err
	}
	if days < minTS/Day-1 || days > endTS/Day {
		return 0, errTS()
	}
	local := days*Day + us
	if p.zoneSet {
		local -= int64(p.zone) * Second
	} else {
		local -= int64(localOffset(local, loc)) * Second
	}
	if !validTS(local) {
		return 0, errTS()
	}
	return local, nil
}

// ToDate is to_date(text, format).
func ToDate(s, format string) (int64, error) {
	p := fromChar{s: s, whole: s}
	if err := p.read(parsePattern(format)); err != nil {
		return 0, err
	}
	days, _, err := p.reading()
	if err == nil && !validDate(days) {
		err = pgerr.New(pgerr.DatetimeFieldOverflow, "date out of range: \"%s\"", s)
	}
	return days, err
}

// fromChar collects fields; those not set are 0 and known by set.
type fromChar struct {
	s, whole string
	val      map[string]int
	yearLen  int
	bc, pm   int // 1: no or AD/AM, 2: BC/PM; 0: not given
	zone     int
	zoneNeg  bool
	zoneSet  bool
}

func badText(detail, msg string, args ...any) error {
	e := pgerr.New(pgerr.InvalidDatetimeFormat, msg, args...)
	e.Detail = detail
	return e
}

// read matches the text with the pattern, as PostgreSQL does: spaces before
// fields do not count, a separator of the pattern matches one separator or
// space or nothing.
func (p *fromChar) read(nodes []node) error {
	p.val = map[string]int{}
	fx, extra := false, 0
	for i, n := range nodes {
		if p.s == "" {
			break
		}
		if !fx && (n.kind == nAction || i == 0) {
			extra += p.skipSpace()
		}
		switch n.kind {
		case nSpace, nSeparator:
			if fx {
				p.s = p.s[charLen(p.s):]
				continue
			}
			extra--
			if p.s != "" && (isSpace(p.s[0]) || isSeparator(p.s[0])) {
				p.s = p.s[1:]
				extra++
			}
			continue
		case nChar:
			switch {
			case !fx && extra > 0:
				extra--
			case p.s != "":
				p.s = p.s[charLen(p.s):]
			}
			continue
		}
		if n.key == "FX" {
			fx = true
			continue
		}
		if err := p.field(n, open(nodes, i)); err != nil {
			return err
		}
		if !fx {
			extra = p.skipSpace()
		}
	}
	return nil
}

func (p *fromChar) skipSpace() int {
	n := 0
	for n < len(p.s) && isSpace(p.s[n]) {
		n++
	}
	p.s = p.s[n:]
	return n
}

// open reports whether the field at i may have any number of digits, because
// what follows cannot be one.
func open(nodes []node, i int) bool {
	if nodes[i].th != 0 || i+1 == len(nodes) {
		return true
	}
	n := nodes[i+1]
	if n.kind == nAction {
		return alphaField[n.key]
	}
	return !isDigit(n.raw[0])
}

// alphaField are the keywords whose values do not begin with a digit.
var alphaField = map[string]bool{
	"A.D.": true, "A.M.": true, "AD": true, "AM": true, "B.C.": true, "BC": true, "DAY": true, "DY": true, "FX": true,
	"MONTH": true, "MON": true, "OF": true, "P.M.": true, "PM": true, "RM": true, "TZH": true, "TZ": true,
}

var fieldWidth = map[string]int{
	"HH": 2, "HH12": 2, "HH24": 2, "MI": 2, "SS": 2, "MS": 3, "US": 6, "FF1": 1, "FF2": 2, "FF3": 3, "FF4": 4, "FF5": 5, "FF6": 6,
	"SSSS": 4, "SSSSS": 5, "MM": 2, "DD": 2, "DDD": 3, "D": 1, "ID": 1, "IDDD": 3, "WW": 2, "W": 1, "IW": 2, "Q": 1, "CC": 2, "J": 1,
	"YYYY": 4, "YYY": 3, "YY": 2, "Y": 1, "IYYY": 4, "IYY": 3, "IY": 2, "I": 1, "TZM": 2,
}

func (p *fromChar) field(n node, free bool) error {
	switch n.key {
	case "AM", "PM", "A.M.", "P.M.":
		return p.choice(n, &p.pm, "am", "pm")
	case "AD", "BC", "A.D.", "B.C.":
		return p.choice(n, &p.bc, "ad", "bc")
	case "MONTH", "MON", "DAY", "DY", "RM":
		return p.nameField(n)
	case "TZ", "OF":
		return pgerr.New(pgerr.FeatureNotSupported, "formatting field \"%s\" is only supported in to_char", n.key)
	case "TZH":
		return p.zoneHours(n, free)
	case "Y,YYY":
		return p.thousands(n)
	}
	from := len(p.s)
	x, err := p.integer(n, fieldWidth[n.key], free)
	if err != nil {
		return err
	}
	used := from - len(p.s)
	if n.th != 0 && p.s != "" {
		p.s = p.s[min(2, len(p.s)):]
	}
	switch n.key {
	case "TZM":
		p.zoneSet = true
		return p.set(n, "TZM", x)
	case "MS", "US", "FF1", "FF2", "FF3", "FF4", "FF5", "FF6":
		want := 6
		if n.key == "MS" {
			want = 3
		}
		for ; used < want; used++ {
			x *= 10
		}
		if n.key != "MS" {
			return p.set(n, "US", x)
		}
		return p.set(n, "MS", x)
	case "HH", "HH12":
		p.val["12h"] = 1
		return p.set(n, "HH", x)
	case "HH24":
		return p.set(n, "HH", x)
	case "SSSS", "SSSSS":
		return p.set(n, "SSSS", x)
	case "YYYY", "YYY", "YY", "Y", "IYYY", "IYY", "IY", "I":
		if n.key != "YYYY" && n.key != "IYYY" && used < 4 {
			x = nearYear(x)
		}
		p.yearLen = len(strings.TrimPrefix(n.key, "I"))
		if n.key[0] == 'I' {
			p.yearLen = len(n.key)
		}
		return p.set(n, n.key[:1], x)
	case "D":
		return p.set(n, "D", x)
	case "Q":
		return nil // read and ignored
	}
	return p.set(n, n.key, x)
}

// nearYear completes a year of fewer than four digits to the one nearest 2020.
func nearYear(y int) int {
	switch {
	case y < 70:
		return y + 2000
	case y < 100:
		return y + 1900
	case y < 520:
		return y + 2000
	case y < 1000:
		return y + 1000
	}
	return y
}

func (p *fromChar) set(n node, field string, x int) error {
	if old, ok := p.val[field]; ok && old != 0 && old != x {
		return badText("This value contradicts a previous setting for the same field type.",
			"conflicting values for \"%s\" field in formatting string", n.raw)
	}
	p.val[field] = x
	return nil
}

// integer reads a number of at most width characters, or any length when free.
func (p *fromChar) integer(n node, width int, free bool) (int, error) {
	p.skipSpace()
	src := p.s
	if !n.fm && !free {
		if len(src) < width {
			return 0, badText(fmt.Sprintf("Field requires %d characters, but only %d remain.", width, len(src)),
				"source string too short for \"%s\" formatting field", n.raw)
		}
		src = src[:width]
	}
	i := 0
	if i < len(src) && (src[i] == '+' || src[i] == '-') {
		i++
	}
	digits := i
	for i < len(src) && isDigit(src[i]) {
		i++
	}
	if i == digits {
		return 0, badText("Value must be an integer.", "invalid value \"%s\" for \"%s\"", clip(p.s, width), n.raw)
	}
	if !n.fm && !free && i < width {
		return 0, badText(fmt.Sprintf("Field requires %d characters, but only %d could be parsed.", width, i),
			"invalid value \"%s\" for \"%s\"", src, n.raw)
	}
	x, err := strconv.ParseInt(src[:i], 10, 32)
	if err != nil {
		e := pgerr.New(pgerr.DatetimeFieldOverflow, "value for \"%s\" in source string is out of range", n.raw)
		return 0, e.WithDetail("Value must be in the range %d to %d.", math.MinInt32, math.MaxInt32)
	}
	p.s = p.s[i:]
	return int(x), nil
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// choice reads one of two words, with points when the keyword has them.
func (p *fromChar) choice(n node, dst *int, first, second string) error {
	w := 2
	if len(n.key) == 4 {
		w = 4
		first, second = first[:1]+"."+first[1:]+".", second[:1]+"."+second[1:]+"."
	}
	got := strings.ToLower(clip(p.s, w))
	switch got {
	case first:
		*dst = 1
	case second:
		*dst = 2
	default:
		return p.badName(n)
	}
	p.s = p.s[w:]
	return nil
}

func (p *fromChar) badName(n node) error {
	word := p.s
	if i := strings.IndexFunc(word, func(r rune) bool { return r == ' ' || r == '\t' || r == '\n' }); i >= 0 {
		word = word[:i]
	}
	return badText("The given value did not match any of the allowed values for this field.",
		"invalid value \"%s\" for \"%s\"", word, n.raw)
}

// nameField reads the name of a month or day, or a Roman month.
func (p *fromChar) nameField(n node) error {
	names, field := monthNames[:], "MM"
	switch n.key {
	case "DAY", "DY":
		names, field = dayNames[:], "D"
	case "RM":
		names = romans[:]
	}
	best, at := 0, 0
	for i, name := range names {
		if n.key == "MON" || n.key == "DY" {
			name = name[:3]
		}
		if len(name) > best && len(p.s) >= len(name) && strings.EqualFold(p.s[:len(name)], name) {
			best, at = len(name), i+1
		}
	}
	if best == 0 {
		return p.badName(n)
	}
	p.s = p.s[best:]
	return p.set(n, field, at)
}

// thousands reads Y,YYY.
func (p *fromChar) thousands(n node) error {
	head, rest := leadInt(p.s)
	if rest != "" && rest[0] == ',' {
		rest = "," + strings.TrimLeft(rest[1:], " \t\n\v\f\r")
	}
	if len(rest) < 2 || rest[0] != ',' || !isDigit(rest[1]) || head > math.MaxInt32/1000 {
		return pgerr.New(pgerr.InvalidDatetimeFormat, "invalid input string for \"Y,YYY\"")
	}
	end := 1
	for end < min(4, len(rest)) && isDigit(rest[end]) {
		end++
	}
	tail, _ := leadInt(rest[1:end])
	p.s, p.yearLen = rest[end:], 4
	return p.set(n, "Y", int(head)*1000+int(tail))
}

func (p *fromChar) zoneHours(n node, free bool) error {
	if p.s != "" && (p.s[0] == '+' || p.s[0] == '-' || p.s[0] == ' ') {
		p.zoneNeg = p.s[0] == '-'
		p.s = p.s[1:]
	}
	x, err := p.integer(n, 2, free)
	p.zoneSet = true
	if err != nil {
		return err
	}
	return p.set(n, "TZH", x)
}

func (p *fromChar) outOfRange() error { return fieldOverflow.err("timestamp", []byte(p.whole)) }

// reading combines the fields to a wall clock reading.
func (p *fromChar) reading() (days, us int64, err error) {
	if p.zoneSet {
		h, m := p.val["TZH"], p.val["TZM"]
		if h < 0 || h > 15 || m < 0 || m > 59 {
			return 0, 0, zoneOverflow.err("timestamp", []byte(p.whole))
		}
		p.zone = h*3600 + m*60
		if p.zoneNeg {
			p.zone = -p.zone
		}
	}
	if us, err = p.clock(); err != nil {
		return 0, 0, err
	}
	days, err = p.date()
	return days, us, err
}

func (p *fromChar) clock() (int64, error) {
	h, m, s := p.val["HH"], p.val["MI"], p.val["SS"]
	if x := p.val["SSSS"]; x != 0 {
		h, m, s = x/3600, x/60%60, x%60
	}
	if p.val["12h"] != 0 || p.pm != 0 {
		if p.val["12h"] != 0 && (h < 1 || h > 12) {
			e := pgerr.New(pgerr.InvalidDatetimeFormat, "hour \"%d\" is invalid for the 12-hour clock", h)
			return 0, e.WithHint("Use the 24-hour clock, or give an hour between 1 and 12.")
		}
		if p.pm == 2 && h < 12 {
			h += 12
		} else if p.pm != 2 && h == 12 && p.val["12h"] != 0 {
			h = 0
		}
	}
	frac := int64(p.val["MS"])*1000 + int64(p.val["US"])
	if h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 59 || frac < 0 || frac >= Second {
		return 0, p.outOfRange()
	}
	return int64(h)*Hour + int64(m)*Minute + int64(s)*Second + frac, nil
}

func (p *fromChar) date() (int64, error) {
	if j, ok := p.val["J"]; ok && j != 0 {
		return int64(j) - julianEpoch, nil
	}
	y, haveYear := p.val["Y"]
	cc, haveCC := p.val["CC"]
	switch {
	case haveCC && cc != 0 && p.yearLen <= 2 && haveYear:
		if p.bc == 2 {
			cc = -cc
		}
		y %= 100
		switch {
		case y == 0 && cc >= 0:
			y = cc * 100
		case y == 0:
			y = cc*100 + 1
		case cc >= 0:
			y += (cc - 1) * 100
		default:
			y = (cc+1)*100 - y + 1
		}
	case haveCC && cc != 0 && !haveYear:
		if p.bc == 2 {
			cc = -cc
		}
		if y = (cc-1)*100 + 1; cc < 0 {
			y = cc*100 + 1 // year -599 is 600 BC
		}
	case p.bc == 2 && y > 0:
		y = 1 - y
	case y < 0:
		y++ // -44 is 44 BC, which is year -43
	}
	m, d := p.val["MM"], p.val["DD"]
	if iy, ok := p.val["I"]; ok {
		if p.val["IW"] != 0 || p.val["IDDD"] != 0 {
			return p.isoDate(iy)
		}
		y = iy
	}
	doy := p.val["DDD"]
	if w := p.val["WW"]; w != 0 && m == 0 && d == 0 && doy == 0 {
		doy = (w-1)*7 + 1
	}
	if doy != 0 && m == 0 {
		if doy < 1 || doy > 366 || doy == 366 && !isLeap(y) {
			return 0, p.outOfRange()
		}
		return DaysOf(y, 1, 1) + int64(doy) - 1, nil
	}
	if w := p.val["W"]; w != 0 && d == 0 {
		d = (w-1)*7 + 1
	}
	if m == 0 {
		m = 1
	}
	if d == 0 {
		d = 1
	}
	if m < 1 || m > 12 || d < 1 || d > monthDays(y, m) {
		return 0, p.outOfRange()
	}
	return DaysOf(y, m, d), nil
}

// isoDate is the date of an ISO year with IW and ID, or IDDD.
func (p *fromChar) isoDate(y int) (int64, error) {
	jan4 := DaysOf(y, 1, 4)
	monday := jan4 - mod(jan4+5, 7)
	if doy := p.val["IDDD"]; doy != 0 {
		return monday + int64(doy) - 1, nil
	}
	day := int64(0)
	if id, ok := p.val["ID"]; ok {
		// 0 and what follows 7 count as Sunday, the last day.
		if day = int64(id) - 1; day < 0 || day > 6 {
			day = 6
		}
	}
	return monday + int64(max(p.val["IW"], 1)-1)*7 + day, nil
}
