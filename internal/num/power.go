package num

import (
	"math"
	"math/big"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

func errComplex() error {
	return pgerr.New(pgerr.InvalidArgumentForPower, "a negative number raised to a non-integer power yields a complex result")
}

func errZeroToNegative() error {
	return pgerr.New(pgerr.InvalidArgumentForPower, "zero raised to a negative power is undefined")
}

// isIntegral reports whether a finite d has no fraction.
func (d Decimal) isIntegral() bool { return d.form == finite && d.TrimScale().scale == 0 }

// isOdd reports whether a finite integral d is odd.
func (d Decimal) isOdd() bool {
	t := d.TrimScale()
	if t.big != nil {
		return t.big.Bit(0) != 0
	}
	return t.mag.lo&1 != 0
}

// Power is d^e, with at least 16 significant digits; 2201F where it is not a
// real number, 22003 beyond the format.
func (d Decimal) Power(e Decimal) (Decimal, error) {
	if d.form != finite || e.form != finite {
		return powerSpecial(d, e)
	}
	if d.IsZero() && e.Sign() < 0 {
		return Decimal{}, errZeroToNegative()
	}
	if e.isIntegral() {
		if n, err := e.ToInt32(); err == nil {
			return d.powerInt(int(n), resultScale(minSigDigits, int(d.scale)))
		}
	}
	if d.IsZero() {
		return Decimal{scale: minSigDigits}, nil
	}
	neg := false
	if d.neg {
		if !e.isIntegral() {
			return Decimal{}, errComplex()
		}
		neg = e.isOdd()
		d = d.Neg()
	}
	r, err := powerReal(d, e)
	if err == nil && neg {
		r = r.Neg()
	}
	return r, err
}

// powerReal is d^e = exp(e·ln d) for d > 0.
func powerReal(d, e Decimal) (Decimal, error) {
	w := d.lnWeight()
	rough := bitsOf(20+max(-w, 0)) + 32
	ln := new(big.Rat).SetFrac(lnFixed(d, rough), new(big.Int).Lsh(bigPow10[0], rough))
	val, _ := new(big.Rat).Mul(ln, e.rat()).Float64()
	if math.Abs(val) > maxResultScale*3.01 {
		if val > 0 {
			return Decimal{}, overflow()
		}
		return Decimal{scale: MaxPrecision}, nil
	}
	digits := int(val * math.Log10E)
	scale := resultScale(minSigDigits-digits, int(d.scale), int(e.scale))
	bits := bitsOf(scale+max(digits, 0)+max(e.coefDigits()-int(e.scale), 0)+20) + 32
	ln = new(big.Rat).SetFrac(lnFixed(d, bits), new(big.Int).Lsh(bigPow10[0], bits))
	return expAt(ln.Mul(ln, e.rat()), val, scale)
}

// powerInt is d^n with scale decimals.
func (d Decimal) powerInt(n, scale int) (Decimal, error) {
	switch n {
	case 0:
		return one.setScale(scale, halfAway)
	case 1:
		return d.setScale(scale, halfAway)
	case -1:
		if d.IsZero() {
			return Decimal{}, divisionByZero()
		}
		return divAt(one, d, scale, true)
	case 2:
		z := d.signed()
		return roundTo(z.Mul(z, z), 2*int(d.scale), scale)
	}
	if d.IsZero() {
		if n < 0 {
			return Decimal{}, divisionByZero()
		}
		return Decimal{scale: uint16(scale)}, nil
	}
	f := float64(n) * d.log10()
	if f > 3*math.MaxInt16*4 {
		return Decimal{}, overflow()
	}
	if f+1 < float64(-scale) || f+1 < -MaxPrecision {
		return Decimal{scale: uint16(scale)}, nil
	}
	t := d.TrimScale()
	abs := n
	if n < 0 {
		abs = -n
	}
	if t.abs().BitLen()*abs <= 1<<17 {
		return t.powerExact(n, abs, scale)
	}
	// Beyond that, floating point with enough digits for the result.
	prec := bitsOf(int(max(f, 0))+scale+int(math.Log10(float64(abs)))+30) + 64
	base := new(big.Float).SetPrec(prec).SetInt(t.abs())
	base.Quo(base, new(big.Float).SetPrec(prec).SetInt(pow10Big(int(t.scale))))
	r := floatPower(base, abs, prec)
	if n < 0 {
		r.Quo(new(big.Float).SetPrec(prec).SetInt64(1), r)
	}
	r.Mul(r, new(big.Float).SetPrec(prec).SetInt(pow10Big(scale)))
	r.Add(r, big.NewFloat(0.5))
	z, _ := r.Int(nil)
	if d.neg && abs%2 != 0 {
		z.Neg(z)
	}
	return fromSigned(z, scale)
}

func floatPower(base *big.Float, n int, prec uint) *big.Float {
	r, b := new(big.Float).SetPrec(prec).SetInt64(1), base
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			r.Mul(r, b)
		}
		b = new(big.Float).SetPrec(prec).Mul(b, b)
	}
	return r
}

// powerExact computes d^abs exactly, and its reciprocal for n < 0.
func (d Decimal) powerExact(n, abs, scale int) (Decimal, error) {
	z := new(big.Int).Exp(d.abs(), big.NewInt(int64(abs)), nil)
	neg := d.neg && abs%2 != 0
	s := int(d.scale) * abs
	if n > 0 {
		if neg {
			z.Neg(z)
		}
		return roundTo(z, s, scale)
	}
	q := divRound(pow10Big(s+scale), z)
	if neg {
		q.Neg(q)
	}
	return fromSigned(q, scale)
}

// roundTo is c / 10^from rounded to scale decimals.
func roundTo(c *big.Int, from, scale int) (Decimal, error) {
	if from < scale {
		return fromSigned(new(big.Int).Mul(c, pow10Big(scale-from)), scale)
	}
	neg := c.Sign() < 0
	q := divRound(new(big.Int).Abs(c), pow10Big(from-scale))
	if neg {
		q.Neg(q)
	}
	return fromSigned(q, scale)
}

// log10 is log10(|d|), roughly.
func (d Decimal) log10() float64 {
	f := new(big.Float).SetInt(d.abs())
	m := new(big.Float)
	e := f.MantExp(m)
	x, _ := m.Float64()
	return math.Log10(x) + float64(e)*math.Log10(2) - float64(d.scale)
}

func powerSpecial(d, e Decimal) (Decimal, error) {
	if d.form == nan || e.form == nan {
		if e.IsZero() || d.form == finite && d.Cmp(one) == 0 {
			return one, nil
		}
		return NaN, nil
	}
	sd, se := d.Sign(), e.Sign()
	switch {
	case sd == 0 && se < 0:
		return Decimal{}, errZeroToNegative()
	case sd < 0 && e.form == finite && !e.isIntegral():
		return Decimal{}, errComplex()
	case se == 0 || d.form == finite && d.Cmp(one) == 0:
		return one, nil
	case sd == 0:
		return Zero, nil
	case e.form != finite: // ±Infinity
		grows := true
		if d.form == finite {
			c := d.Abs().Cmp(one)
			if c == 0 {
				return one, nil
			}
			grows = c > 0
		}
		if grows == (se > 0) {
			return PosInf, nil
		}
		return Zero, nil
	case se < 0:
		return Zero, nil
	case d.form == negInf && e.isOdd():
		return NegInf, nil
	}
	return PosInf, nil
}
