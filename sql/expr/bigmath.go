package expr

import "math/big"

// bigExp is e^x at x's precision: x/2^k by the Taylor series, squared k times.
func bigExp(x *big.Float) *big.Float {
	const halvings = 16
	prec := x.Prec()
	k := halvings
	if e := x.MantExp(nil); e > 0 {
		k += e
	}
	work := prec + uint(k) + 32
	r := new(big.Float).SetPrec(work).Set(x)
	r.SetMantExp(r, -k)
	sum := new(big.Float).SetPrec(work).SetInt64(1)
	term := new(big.Float).SetPrec(work).SetInt64(1)
	for n := int64(1); ; n++ {
		term.Mul(term, r)
		term.Quo(term, new(big.Float).SetPrec(work).SetInt64(n))
		if term.Sign() == 0 || term.MantExp(nil) < -int(work) {
			break
		}
		sum.Add(sum, term)
	}
	for range k {
		sum.Mul(sum, sum)
	}
	return sum
}

// bigLn is ln(x) for x > 0 at x's precision: x = m·2^e with m in [0.5, 1),
// square roots bring m near 1, then 2·artanh((m-1)/(m+1)).
func bigLn(x *big.Float) *big.Float {
	const roots = 8
	work := x.Prec() + 64
	m := new(big.Float).SetPrec(work)
	e := new(big.Float).SetPrec(work).Set(x).MantExp(m)
	one := new(big.Float).SetPrec(work).SetInt64(1)
	if x.Cmp(big.NewFloat(0.5)) > 0 && x.Cmp(big.NewFloat(2)) < 0 {
		m.Set(x) // keep the digits of a value near 1
		e = 0
	}
	for range roots {
		m.Sqrt(m)
	}
	ln := artanhTwice(m, one, work)
	ln.SetMantExp(ln, roots)
	if e != 0 {
		two := new(big.Float).SetPrec(work).SetInt64(2)
		ln2 := artanhTwice(two, one, work)
		ln.Add(ln, ln2.Mul(ln2, new(big.Float).SetPrec(work).SetInt64(int64(e))))
	}
	return ln
}

// artanhTwice is 2·artanh((m-1)/(m+1)) = ln(m).
func artanhTwice(m, one *big.Float, work uint) *big.Float {
	z := new(big.Float).SetPrec(work).Sub(m, one)
	z.Quo(z, new(big.Float).SetPrec(work).Add(m, one))
	sum := new(big.Float).SetPrec(work).Set(z)
	if z.Sign() == 0 {
		return sum
	}
	square := new(big.Float).SetPrec(work).Mul(z, z)
	power := new(big.Float).SetPrec(work).Set(z)
	for n := int64(3); ; n += 2 {
		power.Mul(power, square)
		term := new(big.Float).SetPrec(work).Quo(power, new(big.Float).SetPrec(work).SetInt64(n))
		if term.Sign() == 0 || term.MantExp(nil) < sum.MantExp(nil)-int(work) {
			break
		}
		sum.Add(sum, term)
	}
	return sum.SetMantExp(sum, 1)
}
