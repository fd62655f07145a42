package num

import (
	"math"
	"strconv"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// FromFloat64 is PostgreSQL's cast from double precision: 15 significant
// digits.
func FromFloat64(f float64) Decimal { return fromFloat(f, 15) }

// FromFloat32 is PostgreSQL's cast from real: 6 significant digits.
func FromFloat32(f float32) Decimal { return fromFloat(float64(f), 6) }

func fromFloat(f float64, digits int) Decimal {
	switch {
	case math.IsNaN(f):
		return NaN
	case math.IsInf(f, 1):
		return PosInf
	case math.IsInf(f, -1):
		return NegInf
	}
	// %g drops trailing zeros, and so does the shortest 'e' form of the rounded
	// digits; the exponent then places the point.
	var buf [40]byte
	b := strconv.AppendFloat(buf[:0], f, 'e', digits-1, 64)
	e := len(b) - 1
	for b[e] != 'e' {
		e--
	}
	exp, _ := strconv.Atoi(string(b[e+1:]))
	var m uint64
	n, neg := 0, false
	for _, c := range b[:e] {
		switch {
		case c == '-':
			neg = true
		case c != '.':
			m = m*10 + uint64(c-'0')
			n++
		}
	}
	scale := n - 1 - exp
	for m != 0 && m%10 == 0 && scale > 0 {
		m /= 10
		scale--
	}
	if m == 0 {
		return Zero
	}
	if scale >= 0 {
		return small(u128{0, m}, neg, scale)
	}
	d, err := scaled(strconv.AppendUint(nil, m, 10), neg, scale)
	if err != nil {
		return NaN // cannot happen: a float64 is below 10^309
	}
	return d
}

// ToFloat64 is the nearest double; it fails with 22003 outside its range.
func (d Decimal) ToFloat64() (float64, error) {
	switch d.form {
	case nan:
		return math.NaN(), nil
	case posInf:
		return math.Inf(1), nil
	case negInf:
		return math.Inf(-1), nil
	}
	if d.big == nil && d.mag.hi == 0 && d.mag.lo < 1<<53 && d.scale <= 22 {
		// Both operands are exact, so one division rounds once.
		f := float64(d.mag.lo) / exactPow10[d.scale]
		if d.neg {
			f = -f
		}
		return f, nil
	}
	s := d.String()
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f == 0 && !d.IsZero() {
		return 0, pgerr.New(pgerr.NumericValueOutOfRange, "\"%s\" is out of range for type double precision", s)
	}
	return f, nil
}

var exactPow10 = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10,
	1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// ToInt64 rounds half away from zero; 22003 "bigint out of range" beyond.
func (d Decimal) ToInt64() (int64, error) {
	return d.toInt("bigint", math.MinInt64, math.MaxInt64)
}

// ToInt32 rounds half away from zero; 22003 "integer out of range" beyond.
func (d Decimal) ToInt32() (int64, error) {
	return d.toInt("integer", math.MinInt32, math.MaxInt32)
}

// ToInt16 rounds half away from zero; 22003 "smallint out of range" beyond.
func (d Decimal) ToInt16() (int64, error) {
	return d.toInt("smallint", math.MinInt16, math.MaxInt16)
}

func (d Decimal) toInt(name string, lo, hi int64) (int64, error) {
	switch d.form {
	case nan:
		return 0, pgerr.New(pgerr.FeatureNotSupported, "cannot convert NaN to %s", name)
	case posInf, negInf:
		return 0, pgerr.New(pgerr.FeatureNotSupported, "cannot convert infinity to %s", name)
	}
	if d.scale != 0 {
		var err error
		if d, err = d.setScale(0, halfAway); err != nil {
			return 0, err
		}
	}
	limit := uint64(hi)
	if d.neg {
		limit = -uint64(lo)
	}
	if d.big != nil || d.mag.hi != 0 || d.mag.lo > limit {
		return 0, pgerr.New(pgerr.NumericValueOutOfRange, "%s out of range", name)
	}
	if d.neg {
		return int64(-d.mag.lo), nil
	}
	return int64(d.mag.lo), nil
}
