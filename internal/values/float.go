package values

import (
	"math"
	"math/bits"
	"strconv"
)

// appendShortest appends the shortest digits that read back as f, in the form
// d.ddde±xx. It differs from strconv in one point: PostgreSQL never uses a
// decimal that lies exactly halfway between two floats, although reading it
// rounds to the even one.
func appendShortest(buf []byte, f float64, bitSize int) []byte {
	b := strconv.AppendFloat(buf, f, 'e', -1, bitSize)
	mant, exp, top := decompose(f, bitSize)
	if two := exp + bits.TrailingZeros64(mant); two >= -26 && two < 0 {
		// Few enough digits for the exact value to end in a 5 that is cut off:
		// PostgreSQL then rounds to even, strconv up.
		b = roundEven(b, len(buf), f, bitSize)
	}
	if mant&1 != 0 {
		return b // the halves next to an odd float round away from it
	}
	m, e, digits := decimalOf(b[len(buf):])
	for isMidpoint(m, e, mant, exp, top) {
		b = strconv.AppendFloat(buf, f, 'e', digits, bitSize)
		m, e, digits = decimalOf(b[len(buf):])
	}
	return b
}

// roundEven replaces the digits in b[at:] by the correctly rounded ones of the
// same number, if those read back as f.
func roundEven(b []byte, at int, f float64, bitSize int) []byte {
	_, _, digits := decimalOf(b[at:])
	var alt [40]byte
	r := strconv.AppendFloat(alt[:0], f, 'e', digits-1, bitSize)
	if string(r) == string(b[at:]) {
		return b
	}
	if g, err := strconv.ParseFloat(string(r), bitSize); err == nil && g == f {
		return append(b[:at], r...)
	}
	return b
}

// decompose gives |f| = mant × 2^exp; top is the mantissa of a power of two,
// below which floats are twice as dense.
func decompose(f float64, bitSize int) (mant uint64, exp int, top uint64) {
	mbits, bias := uint(52), 1075
	u := math.Float64bits(f)
	if bitSize == 32 {
		mbits, bias = 23, 150
		u = uint64(math.Float32bits(float32(f)))
	}
	top = 1 << mbits
	mant = u & (top - 1)
	exp = int(u>>mbits) & (1<<(uint(bitSize)-1-mbits) - 1)
	if exp == 0 {
		return mant, 1 - bias, top
	}
	return mant | top, exp - bias, top
}

// decimalOf reads d.ddde±xx as m × 10^e; digits is the number of digits.
func decimalOf(b []byte) (m uint64, e, digits int) {
	for i, c := range b {
		switch {
		case c == 'e':
			x, _ := strconv.Atoi(string(b[i+1:]))
			return m, x - digits + 1, digits
		case c >= '0' && c <= '9':
			m = m*10 + uint64(c-'0')
			digits++
		}
	}
	return m, 0, digits
}

var pow5 = func() (t [28]uint64) {
	t[0] = 1
	for i := 1; i < len(t); i++ {
		t[i] = t[i-1] * 5
	}
	return t
}()

// isMidpoint reports whether m × 10^e is halfway from mant × 2^exp to one of
// its neighbours. Such a half is an odd number of at most 55 bits times a power
// of two, so that large powers of five rule it out.
func isMidpoint(m uint64, e int, mant uint64, exp int, top uint64) bool {
	k := max(e, -e)
	if m == 0 || k >= len(pow5) {
		return false
	}
	tz := bits.TrailingZeros64(m)
	odd, two := m>>tz, tz+e
	if e < 0 {
		if odd%pow5[k] != 0 {
			return false
		}
		odd /= pow5[k]
	} else {
		hi, lo := bits.Mul64(odd, pow5[k])
		if hi != 0 {
			return false
		}
		odd = lo
	}
	return two == exp-1 && (odd == 2*mant+1 || odd == 2*mant-1) ||
		mant == top && two == exp-2 && odd == 4*mant-1
}
