package num

import (
	"math/big"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// Limits of PostgreSQL's numeric.
const (
	MaxScale     = 16383  // digits after the point
	MaxIntDigits = 131072 // digits before the point
	MaxPrecision = 1000   // of numeric(p,s), and the largest scale a computation chooses

	minSigDigits   = 16 // significant digits a division or function aims for
	maxResultScale = 2000
)

type form uint8

const (
	finite form = iota
	nan
	posInf
	negInf
)

// Decimal is one numeric value. The zero Decimal is 0 with scale 0. Values are
// immutable and may be copied; do not compare them with ==, use Cmp.
type Decimal struct {
	mag   u128     // |coefficient| when big is nil; below 2^127
	big   *big.Int // |coefficient| otherwise; never changed
	scale uint16   // display scale
	form  form
	neg   bool // never set for zero
}

// The special values.
var (
	Zero   = Decimal{}
	NaN    = Decimal{form: nan}
	PosInf = Decimal{form: posInf}
	NegInf = Decimal{form: negInf}
)

// FromInt64 is the integer x with scale 0.
func FromInt64(x int64) Decimal {
	if x < 0 {
		return Decimal{mag: u128{0, uint64(-x)}, neg: true}
	}
	return Decimal{mag: u128{0, uint64(x)}}
}

// FromUnscaled is x / 10^scale with display scale scale (at most MaxScale).
func FromUnscaled(x int64, scale int) Decimal {
	d := FromInt64(x)
	d.scale = uint16(scale)
	return d
}

// small makes a finite value from a magnitude below 2^128.
func small(mag u128, neg bool, scale int) Decimal {
	if !mag.fits() {
		return Decimal{big: mag.toBig(), neg: neg, scale: uint16(scale)}
	}
	return Decimal{mag: mag, neg: neg && !mag.isZero(), scale: uint16(scale)}
}

// fromSigned makes a finite value from a signed coefficient, which it keeps,
// and checks PostgreSQL's limits.
func fromSigned(c *big.Int, scale int) (Decimal, error) {
	neg := c.Sign() < 0
	if neg {
		c = new(big.Int).Neg(c)
	}
	if scale > MaxScale {
		c = divRound(c, pow10Big(scale-MaxScale))
		scale = MaxScale
	}
	if m, ok := fromBig(c); ok {
		return small(m, neg, scale), nil
	}
	if bigDigits(c)-scale > MaxIntDigits {
		return Decimal{}, overflow()
	}
	return Decimal{big: c, neg: neg, scale: uint16(scale)}, nil
}

func overflow() error {
	return pgerr.New(pgerr.NumericValueOutOfRange, "value overflows numeric format")
}

func divisionByZero() error { return pgerr.New(pgerr.DivisionByZero, "division by zero") }

// IsNaN reports whether d is NaN.
func (d Decimal) IsNaN() bool { return d.form == nan }

// IsInf reports whether d is an infinity.
func (d Decimal) IsInf() bool { return d.form == posInf || d.form == negInf }

// IsFinite reports whether d is neither NaN nor an infinity.
func (d Decimal) IsFinite() bool { return d.form == finite }

// Scale is the display scale: the digits shown after the point.
func (d Decimal) Scale() int { return int(d.scale) }

// Sign is -1, 0 or 1; NaN has sign 1 as the greatest value.
func (d Decimal) Sign() int {
	switch {
	case d.form == negInf:
		return -1
	case d.form != finite:
		return 1
	case d.neg:
		return -1
	case d.big == nil && d.mag.isZero():
		return 0
	}
	return 1
}

// IsZero reports whether d is 0.
func (d Decimal) IsZero() bool { return d.form == finite && d.big == nil && d.mag.isZero() }

// abs returns the magnitude as a big.Int that must not be changed.
func (d Decimal) abs() *big.Int {
	if d.big != nil {
		return d.big
	}
	return d.mag.toBig()
}

// signed returns the coefficient as a new big.Int.
func (d Decimal) signed() *big.Int {
	z := new(big.Int).Set(d.abs())
	if d.neg {
		z.Neg(z)
	}
	return z
}

// coefDigits is the number of decimal digits of the coefficient; 0 for zero.
func (d Decimal) coefDigits() int {
	if d.big != nil {
		return bigDigits(d.big)
	}
	return d.mag.digits()
}

// exp10 is the decimal exponent of the first significant digit of d != 0.
func (d Decimal) exp10() int { return d.coefDigits() - 1 - int(d.scale) }

// Cmp orders as PostgreSQL: -Infinity < finite < Infinity < NaN, and NaN
// equals itself. Display scales do not matter.
func (d Decimal) Cmp(e Decimal) int {
	if d.form != finite || e.form != finite {
		return cmpInt(d.rank(), e.rank())
	}
	if d.neg != e.neg {
		if d.neg {
			return -1
		}
		return 1
	}
	c := d.cmpAbs(e)
	if d.neg {
		return -c
	}
	return c
}

func (d Decimal) rank() int { return [...]int{finite: 1, nan: 3, posInf: 2, negInf: 0}[d.form] }

func cmpInt(a, b int) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (d Decimal) cmpAbs(e Decimal) int {
	if d.big == nil && e.big == nil {
		if d.scale == e.scale {
			return d.mag.cmp(e.mag)
		}
		if d.scale < e.scale {
			return -e.cmpAbs(d)
		}
		if n := int(d.scale - e.scale); n <= maxPow10 {
			if m, ok := e.mag.mul(pow10tab[n]); ok {
				return d.mag.cmp(m)
			}
		}
	}
	dz, ez := d.IsZero(), e.IsZero()
	if dz || ez {
		return cmpInt(b2i(!dz), b2i(!ez))
	}
	if c := cmpInt(d.exp10(), e.exp10()); c != 0 {
		return c
	}
	a, b, _ := alignBig(d, e)
	return a.CmpAbs(b)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// alignBig returns signed coefficients at the larger of both scales.
func alignBig(d, e Decimal) (a, b *big.Int, scale int) {
	a, b = d.signed(), e.signed()
	if n := int(d.scale) - int(e.scale); n < 0 {
		a.Mul(a, pow10Big(-n))
	} else if n > 0 {
		b.Mul(b, pow10Big(n))
	}
	return a, b, int(max(d.scale, e.scale))
}

// bigDigits is the number of decimal digits of |b|; 0 for zero.
func bigDigits(b *big.Int) int {
	n := b.BitLen()
	if n == 0 {
		return 0
	}
	d := int(float64(n-1) * 0.30102999566398119) // digits of 2^(n-1), minus 1
	for p := pow10Big(d); b.CmpAbs(p) >= 0; d++ {
		p = new(big.Int).Mul(p, big.NewInt(10))
	}
	return d
}

// pow10Big is 10^n; the result must not be changed.
func pow10Big(n int) *big.Int {
	if n < len(bigPow10) {
		return bigPow10[n]
	}
	return new(big.Int).Exp(bigTen, big.NewInt(int64(n)), nil)
}

var (
	bigTen   = big.NewInt(10)
	bigPow10 = func() []*big.Int {
		t := make([]*big.Int, 256)
		t[0] = big.NewInt(1)
		for i := 1; i < len(t); i++ {
			t[i] = new(big.Int).Mul(t[i-1], bigTen)
		}
		return t
	}()
)

// divRound is |a| / b rounded half up, for a, b > 0.
func divRound(a, b *big.Int) *big.Int {
	q, r := new(big.Int).QuoRem(a, b, new(big.Int))
	if r.Lsh(r, 1).CmpAbs(b) >= 0 {
		q.Add(q, bigPow10[0])
	}
	return q
}
