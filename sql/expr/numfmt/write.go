package numfmt

import (
	"math"
	"strconv"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/num"
)

// Digits after V beyond which a value is not scaled.
const maxMulti = 300

// Multi is the number of digits after V, by which a value is multiplied with
// ten; 0 without V.
func (f *Format) Multi() int {
	if f.roman || f.eeee || !f.v {
		return 0
	}
	return f.multi
}

// Int formats an integer.
func (f *Format) Int(x int64) (string, error) { return f.Numeric(num.FromInt64(x)) }

// Numeric formats a numeric: rounded to the digits after the point.
func (f *Format) Numeric(d num.Decimal) (string, error) {
	switch {
	case f.roman:
		n, err := d.ToInt32()
		return f.romanText(n), err
	case f.eeee:
		return f.scientific(d), nil
	}
	l := f.layout
	if l.v {
		p, err := num.Parse([]byte("1e" + strconv.Itoa(min(l.multi, maxMulti))))
		if err == nil {
			d, err = d.Mul(p)
		}
		if err != nil {
			return "", err
		}
		l.pre += l.multi
	}
	r, err := d.Round(l.post)
	if err != nil {
		return "", err
	}
	return f.write(l, r.String())
}

// Significant digits that are shown of doubles and reals (C's DBL_DIG, FLT_DIG).
const (
	DoubleDigits = 15
	RealDigits   = 6
)

// Float formats a double or real with at most digits significant digits.
func (f *Format) Float(x float64, digits int) (string, error) {
	switch {
	case f.roman:
		n := math.RoundToEven(x)
		if !(n >= -1<<31 && n < 1<<31) {
			n = 0
		}
		return f.romanText(int64(n)), nil
	case f.eeee:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return f.hashes(), nil
		}
		s := strconv.FormatFloat(x, 'e', f.post, 64)
		if s[0] != '-' {
			s = " " + s
		}
		return s, nil
	}
	l := f.layout
	if l.v {
		x *= math.Pow10(l.multi)
		l.pre += l.multi
	}
	whole := len(floatText(math.Abs(x), 0))
	if whole >= digits {
		l.post = 0
	} else if whole+l.post > digits {
		l.post = digits - whole
	}
	return f.write(l, floatText(x, l.post))
}

func floatText(x float64, post int) string {
	switch {
	case math.IsNaN(x):
		return "NaN"
	case math.IsInf(x, 1):
		return "Infinity"
	case math.IsInf(x, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(x, 'f', post, 64)
}

// hashes is what EEEE shows for what is no finite number.
func (f *Format) hashes() string {
	return " " + strings.Repeat("#", 1) + "." + strings.Repeat("#", f.post+4)
}

// scientific is d.ddde±dd, rounded half away from zero.
func (f *Format) scientific(d num.Decimal) string {
	if !d.IsFinite() {
		return f.hashes()
	}
	sign := " "
	if d.Sign() < 0 {
		sign = "-"
	}
	whole, frac, _ := strings.Cut(d.Abs().String(), ".")
	digits := whole + frac
	exp := len(whole) - 1
	for len(digits) > 1 && digits[0] == '0' {
		digits, exp = digits[1:], exp-1
	}
	if d.IsZero() {
		digits, exp = "0", 0
	}
	for len(digits) < f.post+1 {
		digits += "0"
	}
	if len(digits) > f.post+1 {
		up := digits[f.post+1] >= '5'
		digits = digits[:f.post+1]
		if up {
			digits = increment(digits)
			if len(digits) > f.post+1 {
				digits, exp = digits[:f.post+1], exp+1
			}
		}
	}
	s := sign + digits[:1]
	if f.post > 0 {
		s += "." + digits[1:]
	}
	e := strconv.Itoa(max(exp, -exp))
	if len(e) < 2 {
		e = "0" + e
	}
	if exp < 0 {
		return s + "e-" + e
	}
	return s + "e+" + e
}

// increment adds one in the last place of a string of digits.
func increment(digits string) string {
	b := []byte(digits)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] != '9' {
			b[i]++
			return string(b)
		}
		b[i] = '0'
	}
	return "1" + string(b)
}

var romanDigits = [4][10]string{
	{"", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"},
	{"", "X", "XX", "XXX", "XL", "L", "LX", "LXX", "LXXX", "XC"},
	{"", "C", "CC", "CCC", "CD", "D", "DC", "DCC", "DCCC", "CM"},
	{"", "M", "MM", "MMM"},
}

// romanText writes 1 … 3999 as a Roman number, among the template's literals.
func (f *Format) romanText(n int64) string {
	s := strings.Repeat("#", 15)
	if n >= 1 && n <= 3999 {
		s = romanDigits[3][n/1000] + romanDigits[2][n/100%10] + romanDigits[1][n/10%10] + romanDigits[0][n%10]
	}
	var b strings.Builder
	for _, t := range f.tokens {
		r := s
		switch t.id {
		case tLiteral:
			b.WriteString(t.lit)
			continue
		case trn:
			r = strings.ToLower(s)
		case tRN:
		default:
			continue
		}
		if !f.fill {
			b.WriteString(strings.Repeat(" ", max(15-len(r), 0)))
		}
		b.WriteString(r)
	}
	return b.String()
}
