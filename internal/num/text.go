package num

import (
	"math"
	"math/big"
	"strconv"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// String is PostgreSQL's text of d.
func (d Decimal) String() string { return string(d.AppendText(nil)) }

// AppendText appends PostgreSQL's text of d: all digits, exactly Scale of them
// after the point, never an exponent.
func (d Decimal) AppendText(dst []byte) []byte {
	switch d.form {
	case nan:
		return append(dst, "NaN"...)
	case posInf:
		return append(dst, "Infinity"...)
	case negInf:
		return append(dst, "-Infinity"...)
	}
	if d.neg {
		dst = append(dst, '-')
	}
	var buf [40]byte
	digs := buf[:0]
	switch {
	case d.big != nil:
		digs = d.big.Append(nil, 10)
	case d.mag.hi == 0:
		digs = strconv.AppendUint(digs, d.mag.lo, 10)
	default:
		digs = d.mag.appendDigits(digs)
	}
	s := int(d.scale)
	if s == 0 {
		return append(dst, digs...)
	}
	if len(digs) <= s {
		dst = append(dst, '0', '.')
		for range s - len(digs) {
			dst = append(dst, '0')
		}
		return append(dst, digs...)
	}
	dst = append(dst, digs[:len(digs)-s]...)
	dst = append(dst, '.')
	return append(dst, digs[len(digs)-s:]...)
}

// appendDigits appends the decimal digits of a.
func (a u128) appendDigits(dst []byte) []byte {
	const e19 = 1e19
	q, r := a.div64(e19)
	if q.isZero() {
		return strconv.AppendUint(dst, r, 10)
	}
	dst = q.appendDigits(dst)
	return appendPadded(dst, r, 19)
}

// appendPadded appends x with leading zeros to width digits.
func appendPadded(dst []byte, x uint64, width int) []byte {
	n := len(dst)
	for range width {
		dst = append(dst, '0')
	}
	for i := n + width - 1; x > 0; i-- {
		dst[i] = byte('0' + x%10)
		x /= 10
	}
	return dst
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func isDigit(c byte) bool { return c-'0' < 10 }

func invalid(s []byte) error {
	return pgerr.New(pgerr.InvalidTextRepresentation, "invalid input syntax for type numeric: \"%s\"", s)
}

// Parse reads PostgreSQL's input syntax for numeric: white space, a sign,
// digits with at most one point, an exponent; or NaN, [+-]inf[inity]. Errors
// are 22P02 for bad syntax and 22003 beyond the format's limits.
func Parse(s []byte) (Decimal, error) {
	b := trimSpace(s)
	if len(b) == 0 {
		return Decimal{}, invalid(s)
	}
	neg := b[0] == '-'
	if neg || b[0] == '+' {
		b = b[1:]
	}
	if len(b) > 0 && !isDigit(b[0]) && b[0] != '.' {
		return parseSpecial(s, b, len(b) != len(trimSpace(s)), neg)
	}
	// The digits, skipping the point; small values never leave registers.
	var m u128
	nint, nfrac, i := 0, 0, 0
	point, fits := false, true
	for ; i < len(b); i++ {
		c := b[i]
		if c == '.' && !point {
			point = true
			continue
		}
		if !isDigit(c) {
			break
		}
		if point {
			nfrac++
		} else {
			nint++
		}
		if fits {
			m, fits = m.push(c - '0')
		}
	}
	if nint+nfrac == 0 {
		return Decimal{}, invalid(s)
	}
	exp := 0
	if rest := b[i:]; len(rest) > 0 {
		var ok bool
		if exp, ok = parseExponent(rest); !ok {
			return Decimal{}, invalid(s)
		}
	}
	if fits && exp == 0 && nfrac <= MaxScale {
		return small(m, neg, nfrac), nil
	}
	if exp >= math.MaxInt32/2 || exp <= -(math.MaxInt32/2) {
		return Decimal{}, overflow()
	}
	return scaled(digitsOnly(b[:i], nint+nfrac), neg, nfrac-exp)
}

// push is a*10 + digit, false when it reaches 2^127.
func (a u128) push(digit byte) (u128, bool) {
	if a.hi == 0 && a.lo < (1<<63)/10 {
		return u128{0, a.lo*10 + uint64(digit)}, true
	}
	t, ok := a.mul64(10)
	if !ok {
		return a, false
	}
	t, ok = t.add(u128{0, uint64(digit)})
	return t, ok && t.fits()
}

func digitsOnly(b []byte, n int) []byte {
	out := make([]byte, 0, n)
	for _, c := range b {
		if c != '.' {
			out = append(out, c)
		}
	}
	return out
}

// scaled is digits / 10^scale, where scale may be negative or too large.
func scaled(digits []byte, neg bool, scale int) (Decimal, error) {
	for len(digits) > 1 && digits[0] == '0' {
		digits = digits[1:]
	}
	show := max(scale, 0)
	if show > MaxScale {
		return Decimal{}, overflow()
	}
	if len(digits) == 1 && digits[0] == '0' {
		return Decimal{scale: uint16(show)}, nil
	}
	if len(digits)-scale > MaxIntDigits {
		return Decimal{}, overflow()
	}
	z, _ := new(big.Int).SetString(string(digits), 10)
	if scale < 0 {
		z.Mul(z, pow10Big(-scale))
	}
	if neg {
		z.Neg(z)
	}
	return fromSigned(z, show)
}

// parseExponent reads e[space][sign]digits to the end of b, saturating. (The
// space is what C's strtol skips.)
func parseExponent(b []byte) (int, bool) {
	if b[0] != 'e' && b[0] != 'E' {
		return 0, false
	}
	b = b[1:]
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	neg := false
	if len(b) > 0 && (b[0] == '+' || b[0] == '-') {
		neg = b[0] == '-'
		b = b[1:]
	}
	if len(b) == 0 {
		return 0, false
	}
	x := 0
	for _, c := range b {
		if !isDigit(c) {
			return 0, false
		}
		if x < math.MaxInt32 {
			x = x*10 + int(c-'0')
		}
	}
	if neg {
		x = -x
	}
	return x, true
}

func parseSpecial(s, b []byte, signed, neg bool) (Decimal, error) {
	switch {
	case !signed && equalFold(b, "nan"):
		return NaN, nil
	case equalFold(b, "infinity") || equalFold(b, "inf"):
		if neg {
			return NegInf, nil
		}
		return PosInf, nil
	}
	return Decimal{}, invalid(s)
}

func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if c|0x20 != lower[i] {
			return false
		}
	}
	return true
}

func trimSpace(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}
