package expr

import (
	"math"
	"math/big"

	"github.com/heliosdb/heliosdb-streaming/internal/num"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// Roots, exponentials, logarithms and powers of numeric. Scales follow
// numeric.c: at least 16 significant digits and no fewer decimals than the
// operands; values are computed in binary with guard bits and rounded.

const (
	minSigDigits    = 16
	maxDisplayScale = 1000
	maxExpWeight    = 6000 // exp() of more overflows the format
)

var errNumericOverflow = pgerr.New(pgerr.NumericValueOutOfRange, "value overflows numeric format")

func init() {
	n := types.Numeric
	def("sqrt", "numeric_sqrt", n, numUnaryErr(numericSqrt), n)
	def("exp", "numeric_exp", n, numUnaryErr(numericExp), n)
	def("ln", "numeric_ln", n, numUnaryErr(numericLn), n)
	ten := num.FromInt64(10)
	alias(def("log", "numeric_log10", n, numUnaryErr(func(x num.Decimal) (num.Decimal, error) { return numericLog(ten, x) }), n), "log10")
	def("log", "numeric_log", n, numBinary(numericLog), n, n)
	pow := def("power", "numeric_power", n, numBinary(numericPower), n, n)
	alias(pow, "pow")
	aliasOperator("^", pow)
}

// clampScale bounds a result's scale.
func clampScale(s int, operands ...num.Decimal) int {
	for _, d := range operands {
		s = max(s, d.Scale())
	}
	return min(max(s, 0), maxDisplayScale)
}

// exponent10 is the decimal exponent of d's leading digit; 0 for zero.
func exponent10(d num.Decimal) int {
	if d.IsZero() {
		return 0
	}
	return len(new(big.Int).Abs(d.BigInt()).String()) - 1 - d.Scale()
}

// weight is the base-10000 weight of d's first digit.
func weight(d num.Decimal) int { return floorDiv(exponent10(d), 4) }

func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func pow10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

func precision(scale, intDigits int) uint { return uint(float64(scale+max(intDigits, 0))*3.33) + 96 }

// toFloat is d as a binary float of prec bits.
func toFloat(d num.Decimal, prec uint) *big.Float {
	f := new(big.Float).SetPrec(prec).SetInt(d.BigInt())
	return f.Quo(f, new(big.Float).SetPrec(prec).SetInt(pow10(d.Scale())))
}

// fromFloat rounds f half away from zero to scale decimals.
func fromFloat(f *big.Float, scale int) (num.Decimal, error) {
	x := new(big.Float).SetPrec(f.Prec()).Mul(f, new(big.Float).SetInt(pow10(scale)))
	half := big.NewFloat(0.5)
	if x.Sign() < 0 {
		half.SetFloat64(-0.5)
	}
	i, _ := x.Add(x, half).Int(nil)
	return num.Parse([]byte(pointed(i, scale)))
}

// pointed writes i / 10^scale.
func pointed(i *big.Int, scale int) string {
	s := new(big.Int).Abs(i).String()
	for len(s) <= scale {
		s = "0" + s
	}
	if scale > 0 {
		s = s[:len(s)-scale] + "." + s[len(s)-scale:]
	}
	if i.Sign() < 0 {
		s = "-" + s
	}
	return s
}

func numericSqrt(d num.Decimal) (num.Decimal, error) {
	switch {
	case d.IsNaN():
		return d, nil
	case d.Sign() < 0:
		return d, errSqrt
	case d.IsInf():
		return d, nil
	}
	scale := clampScale(minSigDigits-((weight(d)+1)*4/2-1), d)
	// floor(sqrt(d·10^(2(scale+1)))), then one rounding.
	k := 2*(scale+1) - d.Scale()
	x := d.BigInt()
	if k >= 0 {
		x = new(big.Int).Mul(x, pow10(k))
	} else {
		x = new(big.Int).Quo(x, pow10(-k))
	}
	x = new(big.Int).Sqrt(x)
	r, err := num.Parse([]byte(pointed(x, scale+1)))
	if err != nil {
		return r, err
	}
	return r.Round(scale)
}

func asFloat64(d num.Decimal) float64 {
	f, err := d.ToFloat64()
	if err != nil {
		if d.Sign() < 0 {
			return math.Inf(-1)
		}
		return math.Inf(1)
	}
	return f
}

const log10e = 0.434294481903252

func numericExp(d num.Decimal) (num.Decimal, error) {
	if !d.IsFinite() {
		if d.IsInf() && d.Sign() < 0 {
			return num.Zero, nil
		}
		return d, nil
	}
	x := asFloat64(d)
	scale := clampScale(minSigDigits-int(min(max(x*log10e, -2000), 2000)), d)
	return expRounded(d, x, scale)
}

// expRounded is e^d with the given scale; x is d nearly.
func expRounded(d num.Decimal, x float64, scale int) (num.Decimal, error) {
	if math.Abs(x) >= maxExpWeight {
		if x > 0 {
			return d, errNumericOverflow
		}
		return num.FromUnscaled(0, scale), nil
	}
	prec := precision(scale, int(x*log10e)+2)
	return fromFloat(bigExp(toFloat(d, prec)), scale)
}

// estimateLnWeight is the decimal weight of ln(d), as numeric.c estimates it.
func estimateLnWeight(d num.Decimal) int {
	one := num.FromInt64(1)
	if d.Cmp(num.FromUnscaled(9, 1)) >= 0 && d.Cmp(num.FromUnscaled(11, 1)) <= 0 {
		x, err := d.Sub(one)
		if err != nil || x.IsZero() {
			return 0
		}
		return exponent10(x)
	}
	f := new(big.Float).SetInt(d.BigInt())
	mant := new(big.Float)
	exp := f.MantExp(mant)
	m, _ := mant.Float64()
	ln := math.Log(m) + float64(exp)*math.Ln2 - float64(d.Scale())*math.Ln10
	return int(math.Log10(math.Abs(ln)))
}

// logArgument checks the argument of a logarithm.
func logArgument(d num.Decimal) error {
	switch {
	case d.IsNaN():
		return nil
	case d.Sign() < 0:
		return errLogNeg
	case d.IsZero():
		return errLogZero
	}
	return nil
}

func numericLn(d num.Decimal) (num.Decimal, error) {
	if err := logArgument(d); err != nil || !d.IsFinite() {
		return d, err
	}
	scale := clampScale(minSigDigits-estimateLnWeight(d), d)
	return fromFloat(bigLn(toFloat(d, precision(scale, 8)+32)), scale)
}

func numericLog(base, d num.Decimal) (num.Decimal, error) {
	if base.IsNaN() || d.IsNaN() {
		return num.NaN, nil
	}
	if (base.IsInf() || d.IsInf()) && (base.Sign() < 0 || d.Sign() < 0) {
		return d, errLogNeg // before zeros are looked for
	}
	for _, x := range []num.Decimal{base, d} {
		if err := logArgument(x); err != nil {
			return d, err
		}
	}
	switch {
	case base.IsInf() && d.IsInf():
		return num.NaN, nil
	case base.IsInf():
		return num.Zero, nil
	case d.IsInf():
		return d, nil
	}
	scale := clampScale(minSigDigits-(estimateLnWeight(d)-estimateLnWeight(base)), base, d)
	prec := precision(scale, 8) + 64
	b := bigLn(toFloat(base, prec))
	if b.Sign() == 0 {
		return d, errDivZero
	}
	n := bigLn(toFloat(d, prec))
	return fromFloat(n.Quo(n, b), scale)
}

// integral reports whether d has no fraction.
func integral(d num.Decimal) bool { return d.IsFinite() && d.MinScale() == 0 }

func numericPower(b, e num.Decimal) (num.Decimal, error) {
	one := num.FromInt64(1)
	if !b.IsFinite() || !e.IsFinite() {
		return specialPower(b, e)
	}
	if b.IsZero() && e.Sign() < 0 {
		return b, errPowZero
	}
	if b.Sign() < 0 && !integral(e) {
		return b, errPowNeg
	}
	if integral(e) {
		if k, err := e.ToInt32(); err == nil {
			return intPower(b, int(k), e.Scale())
		}
	}
	if b.IsZero() {
		return num.FromUnscaled(0, minSigDigits), nil
	}
	neg := false
	if b.Sign() < 0 {
		two, _ := e.Mod(num.FromInt64(2))
		neg, b = !two.IsZero(), b.Neg()
	}
	if b.Cmp(one) == 0 {
		r, err := one.Round(clampScale(minSigDigits, b, e))
		if neg {
			r = r.Neg()
		}
		return r, err
	}
	return generalPower(b, e, neg)
}

// generalPower is b^e for b > 0 as e^(e·ln b).
func generalPower(b, e num.Decimal, neg bool) (num.Decimal, error) {
	x, err := roughExponent(b, e)
	if err != nil {
		return b, err
	}
	if math.Abs(x) > maxExpWeight*1.0034 {
		if x > 0 {
			return b, errNumericOverflow
		}
		return num.FromUnscaled(0, maxDisplayScale), nil
	}
	scale := clampScale(minSigDigits-int(x*log10e), b, e)
	if x*log10e < -float64(maxDisplayScale)-2 {
		return num.FromUnscaled(0, scale), nil
	}
	prec := precision(scale, int(math.Abs(x)*log10e)+16) + 64
	ln := bigLn(toFloat(b, prec))
	r := bigExp(ln.Mul(ln, toFloat(e, prec)))
	if neg {
		r.Neg(r)
	}
	return fromFloat(r, scale)
}

// roughExponent is e·ln(b) with the few digits that numeric.c takes to choose
// the result's scale, so that it chooses the same one.
func roughExponent(b, e num.Decimal) (float64, error) {
	scale := max(8-estimateLnWeight(b), 0)
	ln, err := fromFloat(bigLn(toFloat(b, precision(scale, 8)+64)), scale)
	if err != nil {
		return 0, err
	}
	p, err := ln.Mul(e)
	if err == nil {
		p, err = p.Round(scale)
	}
	return asFloat64(p), err
}

// intPower is b^k.
func intPower(b num.Decimal, k, expScale int) (num.Decimal, error) {
	if b.IsZero() {
		s := clampScale(minSigDigits, b)
		s = max(s, expScale)
		if k == 0 {
			return num.FromInt64(1).Round(s)
		}
		return num.FromUnscaled(0, s), nil
	}
	rough := new(big.Float).SetPrec(64).SetInt(new(big.Int).Abs(b.BigInt()))
	mant := new(big.Float)
	exp := rough.MantExp(mant)
	m, _ := mant.Float64()
	f := float64(k) * (math.Log10(m) + float64(exp)*math.Log10(2) - float64(b.Scale()))
	if f > 32768*4 {
		return b, errNumericOverflow
	}
	scale := min(max(clampScale(minSigDigits, b), expScale), maxDisplayScale)
	if f+1 < -float64(scale) {
		return num.FromUnscaled(0, scale), nil
	}
	bits := 1
	for a := k; a != 0; a /= 2 {
		bits++
	}
	prec := precision(scale, int(math.Abs(f))+2) + uint(bits) + 64
	r := bigIntPower(toFloat(b, prec), k)
	return fromFloat(r, scale)
}

func bigIntPower(b *big.Float, k int) *big.Float {
	r := new(big.Float).SetPrec(b.Prec()).SetInt64(1)
	n := k
	if n < 0 {
		n = -n
	}
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			r.Mul(r, b)
		}
		b = new(big.Float).SetPrec(b.Prec()).Mul(b, b)
	}
	if k < 0 {
		r.Quo(new(big.Float).SetPrec(b.Prec()).SetInt64(1), r)
	}
	return r
}

// specialPower is b^e with a NaN or an infinity among them.
func specialPower(b, e num.Decimal) (num.Decimal, error) {
	one := num.FromInt64(1)
	switch {
	case b.IsNaN():
		if e.IsFinite() && e.IsZero() {
			return one, nil
		}
		return b, nil
	case e.IsNaN():
		if b.IsFinite() && b.Cmp(one) == 0 {
			return one, nil
		}
		return e, nil
	case b.IsFinite() && b.IsZero() && e.Sign() < 0:
		return b, errPowZero
	case b.Sign() < 0 && e.IsFinite() && !integral(e):
		return b, errPowNeg
	case b.IsFinite() && b.Cmp(one) == 0, e.IsFinite() && e.IsZero():
		return one, nil
	}
	if e.IsInf() {
		c := b.Abs().Cmp(one)
		switch {
		case c == 0:
			return one, nil
		case (c > 0) == (e.Sign() > 0):
			return num.PosInf, nil
		}
		return num.Zero, nil
	}
	if e.Sign() < 0 {
		return num.Zero, nil
	}
	if b.Sign() < 0 {
		if two, err := e.Mod(num.FromInt64(2)); err != nil || !two.IsZero() {
			return num.NegInf, err
		}
	}
	return num.PosInf, nil
}
