package num

import "math/big"

// Neg is -d.
func (d Decimal) Neg() Decimal {
	switch {
	case d.form == posInf:
		return NegInf
	case d.form == negInf:
		return PosInf
	case d.form == finite && !d.IsZero():
		d.neg = !d.neg
	}
	return d
}

// Abs is |d|.
func (d Decimal) Abs() Decimal {
	if d.form == negInf {
		return PosInf
	}
	d.neg = false
	return d
}

// Add is d + e at the larger scale. It fails with 22003 beyond the format.
func (d Decimal) Add(e Decimal) (Decimal, error) {
	if d.form != finite || e.form != finite {
		return addSpecial(d, e), nil
	}
	if d.big == nil && e.big == nil {
		if r, ok := addSmall(d, e); ok {
			return r, nil
		}
	}
	a, b, scale := alignBig(d, e)
	return fromSigned(a.Add(a, b), scale)
}

// Sub is d - e.
func (d Decimal) Sub(e Decimal) (Decimal, error) { return d.Add(e.Neg()) }

func addSpecial(d, e Decimal) Decimal {
	switch {
	case d.form == nan || e.form == nan:
		return NaN
	case d.form == finite:
		return e
	case e.form == finite || d.form == e.form:
		return d
	}
	return NaN
}

func addSmall(d, e Decimal) (Decimal, bool) {
	if d.scale < e.scale {
		d, e = e, d
	}
	m := e.mag
	if n := d.scale - e.scale; n > 0 {
		if n > maxPow10 {
			return Decimal{}, false
		}
		var ok bool
		if m, ok = m.mul(pow10tab[n]); !ok || !m.fits() {
			return Decimal{}, false
		}
	}
	if d.neg == e.neg {
		s, _ := d.mag.add(m) // both below 2^127
		return small(s, d.neg, int(d.scale)), true
	}
	if d.mag.cmp(m) >= 0 {
		return small(d.mag.sub(m), d.neg, int(d.scale)), true
	}
	return small(m.sub(d.mag), e.neg, int(d.scale)), true
}

// Mul is d × e; the scale is the sum of both (at most MaxScale, rounded).
func (d Decimal) Mul(e Decimal) (Decimal, error) {
	if d.form != finite || e.form != finite {
		if d.form == nan || e.form == nan {
			return NaN, nil
		}
		return infOfSign(d.Sign() * e.Sign()), nil
	}
	scale := int(d.scale) + int(e.scale)
	if d.big == nil && e.big == nil && scale <= MaxScale {
		if m, ok := d.mag.mul(e.mag); ok {
			return small(m, d.neg != e.neg, scale), nil
		}
	}
	z := new(big.Int).Mul(d.abs(), e.abs())
	if d.neg != e.neg {
		z.Neg(z)
	}
	return fromSigned(z, scale)
}

// infOfSign is ±Infinity, or NaN for sign 0.
func infOfSign(s int) Decimal {
	switch {
	case s > 0:
		return PosInf
	case s < 0:
		return NegInf
	}
	return NaN
}

// divScale is PostgreSQL's select_div_scale: at least 16 significant digits,
// estimated in base 10000, and no fewer decimals than either input.
func divScale(d, e Decimal) int {
	w1, f1 := d.firstGroup()
	w2, f2 := e.firstGroup()
	q := w1 - w2
	if f1 <= f2 {
		q--
	}
	s := max(minSigDigits-q*4, int(d.scale), int(e.scale), 0)
	return min(s, MaxPrecision)
}

// firstGroup is the weight (power of 10000) and value of the first non-zero
// base-10000 digit; 0, 0 for zero.
func (d Decimal) firstGroup() (weight, digit int) {
	if d.IsZero() {
		return 0, 0
	}
	nd := d.coefDigits()
	e := nd - 1 - int(d.scale)
	weight = floorDiv(e, 4)
	k := e - 4*weight + 1 // digits in the first group, 1..4
	if d.big != nil {
		return weight, int(new(big.Int).Quo(d.big, pow10Big(nd-k)).Int64())
	}
	if nd >= k {
		q, _ := d.mag.div(pow10tab[nd-k])
		return weight, int(q.lo)
	}
	return weight, int(d.mag.lo * pow10tab[k-nd].lo)
}

func floorDiv(a, b int) int {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

// Div is d / e, rounded half away from zero at PostgreSQL's scale. It fails
// with 22012 for e = 0.
func (d Decimal) Div(e Decimal) (Decimal, error) {
	if d.form != finite || e.form != finite {
		return divSpecial(d, e)
	}
	if e.IsZero() {
		return Decimal{}, divisionByZero()
	}
	return divAt(d, e, divScale(d, e), true)
}

// divSpecial divides when an operand is NaN or infinite.
func divSpecial(d, e Decimal) (Decimal, error) {
	switch {
	case d.form == nan || e.form == nan:
		return NaN, nil
	case d.form != finite && e.form != finite:
		return NaN, nil
	case e.form != finite:
		return Zero, nil
	case e.IsZero():
		return Decimal{}, divisionByZero()
	}
	return infOfSign(d.Sign() * e.Sign()), nil
}

// divAt is d / e with scale decimals, rounded or truncated. e is not zero.
func divAt(d, e Decimal, scale int, round bool) (Decimal, error) {
	neg := d.neg != e.neg
	shift := scale - int(d.scale) + int(e.scale)
	if d.big == nil && e.big == nil && shift >= -maxPow10 && shift <= maxPow10 {
		n, m := d.mag, e.mag
		var ok bool
		if shift >= 0 {
			n, ok = n.mul(pow10tab[shift])
		} else {
			m, ok = m.mul(pow10tab[-shift])
		}
		if ok && m.fits() {
			q, r := n.div(m)
			if t, c := r.add(r); round && (!c || t.cmp(m) >= 0) {
				q, ok = q.add(u128{0, 1})
			}
			if ok {
				return small(q, neg, scale), nil
			}
		}
	}
	n, m := d.abs(), e.abs()
	if shift >= 0 {
		n = new(big.Int).Mul(n, pow10Big(shift))
	} else {
		m = new(big.Int).Mul(m, pow10Big(-shift))
	}
	var q *big.Int
	if round {
		q = divRound(n, m)
	} else {
		q = new(big.Int).Quo(n, m)
	}
	if neg {
		q.Neg(q)
	}
	return fromSigned(q, scale)
}

// DivInt is div(d, e): the quotient truncated toward zero, scale 0.
func (d Decimal) DivInt(e Decimal) (Decimal, error) {
	if d.form != finite || e.form != finite {
		return divSpecial(d, e)
	}
	if e.IsZero() {
		return Decimal{}, divisionByZero()
	}
	return divAt(d, e, 0, false)
}

// Mod is d % e with the sign of d, at the larger scale.
func (d Decimal) Mod(e Decimal) (Decimal, error) {
	switch {
	case d.form == nan || e.form == nan:
		return NaN, nil
	case d.form != finite:
		if e.form == finite && e.IsZero() {
			return Decimal{}, divisionByZero()
		}
		return NaN, nil
	case e.form != finite:
		return d, nil
	case e.IsZero():
		return Decimal{}, divisionByZero()
	}
	if d.big == nil && e.big == nil && d.scale == e.scale {
		_, r := d.mag.div(e.mag)
		return small(r, d.neg, int(d.scale)), nil
	}
	a, b, scale := alignBig(d, e)
	return fromSigned(a.Rem(a, b), scale)
}
