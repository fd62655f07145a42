package num

import (
	"math"
	"math/big"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// resultScale clamps a scale chosen for n significant digits.
func resultScale(s int, atLeast ...int) int {
	s = max(s, 0)
	for _, a := range atLeast {
		s = max(s, a)
	}
	return min(s, MaxPrecision)
}

// Sqrt is the square root, with at least 16 significant digits; 2201F for
// negative numbers.
func (d Decimal) Sqrt() (Decimal, error) {
	if d.form == nan || d.form == posInf {
		return d, nil
	}
	if d.Sign() < 0 {
		return Decimal{}, pgerr.New(pgerr.InvalidArgumentForPower, "cannot take square root of a negative number")
	}
	weight, _ := d.firstGroup()
	return d.SqrtAt(resultScale(minSigDigits-((weight+1)*4/2-1), int(d.scale)))
}

// SqrtAt is the square root of a finite number that is not negative, rounded
// once, to scale decimals.
func (d Decimal) SqrtAt(scale int) (Decimal, error) {
	if d.IsZero() {
		return Decimal{scale: uint16(scale)}, nil
	}
	// One more digit than wanted, then round: sqrt is never exactly a tie.
	shift := 2*(scale+1) - int(d.scale)
	c := d.abs()
	if shift >= 0 {
		c = new(big.Int).Mul(c, pow10Big(shift))
	} else {
		c = new(big.Int).Quo(c, pow10Big(-shift))
	}
	return fromSigned(divRound(new(big.Int).Sqrt(c), bigTen), scale)
}

// Exp is e^d, with at least 16 significant digits.
func (d Decimal) Exp() (Decimal, error) {
	switch d.form {
	case nan, posInf:
		return d, nil
	case negInf:
		return Zero, nil
	}
	f := d.approx()
	w := math.Max(math.Min(f*math.Log10E, maxResultScale), -maxResultScale)
	return expAt(d.rat(), f, resultScale(minSigDigits-int(w), int(d.scale)))
}

// expAt is e^x with scale decimals; f is x, roughly.
func expAt(x *big.Rat, f float64, scale int) (Decimal, error) {
	if math.Abs(f) >= maxResultScale*3 {
		if f > 0 {
			return Decimal{}, overflow()
		}
		return Decimal{scale: uint16(scale)}, nil
	}
	bits := bitsOf(scale+12) + uint(max(f*math.Log2E, 0)) + 32
	e := expFixed(fixed(x, bits), bits)
	return fromFixed(e, bits, scale)
}

// Ln is the natural logarithm, with at least 16 significant digits; 2201E for
// zero and negative numbers.
func (d Decimal) Ln() (Decimal, error) {
	if d.form == nan {
		return d, nil
	}
	if err := checkLogArg(d); err != nil {
		return Decimal{}, err
	}
	if d.form == posInf {
		return d, nil
	}
	scale := resultScale(minSigDigits-d.lnWeight(), int(d.scale))
	bits := bitsOf(scale+12) + 32
	return fromFixed(lnFixed(d, bits), bits, scale)
}

func checkLogArg(d Decimal) error {
	switch d.Sign() {
	case 0:
		return pgerr.New(pgerr.InvalidArgumentForLog, "cannot take logarithm of zero")
	case -1:
		return pgerr.New(pgerr.InvalidArgumentForLog, "cannot take logarithm of a negative number")
	}
	return nil
}

// Log is the logarithm of d to the given base; log(d) has base 10.
func (d Decimal) Log(base Decimal) (Decimal, error) {
	if d.form == nan || base.form == nan {
		return NaN, nil
	}
	first, second := base, d
	if (base.form != finite || d.form != finite) && d.Sign() < 0 {
		first, second = d, base // with an infinity, a negative argument counts first
	}
	for _, x := range []Decimal{first, second} {
		if err := checkLogArg(x); err != nil {
			return Decimal{}, err
		}
	}
	switch {
	case base.form == posInf && d.form == posInf:
		return NaN, nil
	case base.form == posInf:
		return Zero, nil
	case d.form == posInf:
		return PosInf, nil
	}
	wb, wd := base.lnWeight(), d.lnWeight()
	scale := resultScale(minSigDigits-(wd-wb), int(d.scale), int(base.scale))
	bits := bitsOf(scale+20+2*max(-wb, 0)+max(wd, 0)) + 32
	lb := lnFixed(base, bits)
	if lb.Sign() == 0 {
		return Decimal{}, divisionByZero()
	}
	q := lnFixed(d, bits)
	q.Lsh(q, bits).Quo(q, lb)
	return fromFixed(q, bits, scale)
}

// approx is d as a double, infinite or zero beyond its range.
func (d Decimal) approx() float64 {
	if d.IsZero() {
		return 0
	}
	f := new(big.Float).SetPrec(64).SetInt(d.abs())
	f.Quo(f, new(big.Float).SetPrec(64).SetInt(pow10Big(int(d.scale))))
	x, _ := f.Float64()
	if d.neg {
		return -x
	}
	return x
}

func (d Decimal) rat() *big.Rat {
	return new(big.Rat).SetFrac(d.signed(), pow10Big(int(d.scale)))
}

var (
	nineTenths   = FromUnscaled(9, 1)
	elevenTenths = FromUnscaled(11, 1)
	one          = FromInt64(1)
)

// lnWeight estimates the decimal exponent of ln(d) as PostgreSQL does, since
// display scales depend on it.
func (d Decimal) lnWeight() int {
	if d.Cmp(nineTenths) >= 0 && d.Cmp(elevenTenths) <= 0 {
		x, err := d.Sub(one)
		if err != nil || x.IsZero() {
			return 0
		}
		w, digit := x.firstGroup()
		return w*4 + int(math.Log10(float64(digit)))
	}
	g, weight := d.groups()
	digits, w := float64(g[0]), weight*4
	if len(g) > 1 {
		digits = digits*10000 + float64(g[1])
		w -= 4
	}
	return int(math.Log10(math.Abs(math.Log(digits) + float64(w)*math.Ln10)))
}

// bitsOf is the number of bits that hold n decimal digits.
func bitsOf(n int) uint { return uint(float64(max(n, 0))*3.3219280948873626) + 1 }

// fixed is x as a fixed-point number with the given fraction bits.
func fixed(x *big.Rat, bits uint) *big.Int {
	n := new(big.Int).Lsh(x.Num(), bits)
	return n.Quo(n, x.Denom())
}

// fromFixed rounds a fixed-point number to scale decimals.
func fromFixed(x *big.Int, bits uint, scale int) (Decimal, error) {
	n := new(big.Int).Mul(x, pow10Big(scale))
	half := new(big.Int).Lsh(bigPow10[0], bits-1)
	neg := n.Sign() < 0
	n.Abs(n).Add(n, half).Rsh(n, bits)
	if neg {
		n.Neg(n)
	}
	return fromSigned(n, scale)
}

// atanhSeries is 2·atanh(z) = 2(z + z³/3 + z⁵/5 + …).
func atanhSeries(z *big.Int, bits uint) *big.Int {
	sum, term, t := new(big.Int).Set(z), new(big.Int).Set(z), new(big.Int)
	zz := new(big.Int).Mul(z, z)
	zz.Rsh(zz, bits)
	for k := int64(3); term.Sign() != 0; k += 2 {
		term.Mul(term, zz).Quo(term, t.Lsh(bigPow10[0], bits))
		sum.Add(sum, t.Quo(term, big.NewInt(k)))
	}
	return sum.Lsh(sum, 1)
}

// ln2Fixed is ln 2 = 2·atanh(1/3).
func ln2Fixed(bits uint) *big.Int {
	third := new(big.Int).Lsh(bigPow10[0], bits)
	return atanhSeries(third.Quo(third, big.NewInt(3)), bits)
}

// lnFixed is ln d for d > 0: d = m·2^k with m in [3/4, 3/2), ln d = k·ln 2 +
// 2·atanh((m-1)/(m+1)).
func lnFixed(d Decimal, bits uint) *big.Int {
	n, den := d.abs(), pow10Big(int(d.scale))
	k := n.BitLen() - den.BitLen()
	work := bits + 32
	if shift := int(work) - k; shift >= 0 {
		n = new(big.Int).Lsh(n, uint(shift))
	} else {
		den = new(big.Int).Lsh(den, uint(-shift))
	}
	m := new(big.Int).Quo(n, den) // in (1/2, 2)
	unit := new(big.Int).Lsh(bigPow10[0], work)
	if t := new(big.Int).Lsh(m, 1); t.Cmp(new(big.Int).Mul(unit, big.NewInt(3))) >= 0 {
		m.Rsh(m, 1)
		k++
	} else if t.Lsh(m, 2).Cmp(new(big.Int).Mul(unit, big.NewInt(3))) < 0 {
		m.Lsh(m, 1)
		k--
	}
	z := new(big.Int).Sub(m, unit)
	z.Lsh(z, work).Quo(z, m.Add(m, unit))
	sum := atanhSeries(z, work)
	if k != 0 {
		sum.Add(sum, new(big.Int).Mul(ln2Fixed(work), big.NewInt(int64(k))))
	}
	return sum.Quo(sum, new(big.Int).Lsh(bigPow10[0], 32))
}

// expFixed is e^x: x = k·ln 2 + r, Taylor for r/2^8, squared eight times.
func expFixed(x *big.Int, bits uint) *big.Int {
	const halvings = 8
	work := bits + 64
	x = new(big.Int).Lsh(x, 64)
	ln2 := ln2Fixed(work)
	k := new(big.Int).Div(x, ln2) // floor, so that 0 <= r < ln 2
	r := x.Sub(x, new(big.Int).Mul(k, ln2))
	r.Rsh(r, halvings)
	unit := new(big.Int).Lsh(bigPow10[0], work)
	sum, term := new(big.Int).Set(unit), new(big.Int).Set(unit)
	for n := int64(1); term.Sign() != 0; n++ {
		term.Mul(term, r).Rsh(term, work).Quo(term, big.NewInt(n))
		sum.Add(sum, term)
	}
	for range halvings {
		sum.Mul(sum, sum).Rsh(sum, work)
	}
	shift := k.Int64() - 64
	if shift >= 0 {
		return sum.Lsh(sum, uint(shift))
	}
	return sum.Rsh(sum, uint(-shift))
}
