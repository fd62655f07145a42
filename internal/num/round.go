package num

import (
	"math/big"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

type rounding uint8

const (
	halfAway rounding = iota
	toZero
	toFloor
	toCeil
)

// setScale brings d to scale decimals. A negative scale rounds left of the
// point and displays 0 decimals.
func (d Decimal) setScale(scale int, how rounding) (Decimal, error) {
	if d.form != finite || int(d.scale) == scale {
		return d, nil
	}
	if scale > int(d.scale) {
		return d.extend(scale)
	}
	drop := int(d.scale) - scale
	show := max(scale, 0)
	if d.big == nil && drop <= maxPow10 {
		q, r := d.mag.div(pow10tab[drop])
		if roundUp(how, d.neg, !r.isZero(), r.cmp(u128Half(drop)) >= 0) {
			q, _ = q.add(u128{0, 1})
		}
		if show == scale {
			return small(q, d.neg, show), nil
		}
		if m, ok := q.mul(pow10tab[min(-scale, maxPow10)]); ok && -scale <= maxPow10 {
			return small(m, d.neg, 0), nil
		}
	}
	if d.coefDigits() < drop && (how == halfAway || how == toZero) {
		return Decimal{scale: uint16(show)}, nil
	}
	p := pow10Big(drop)
	q, r := new(big.Int).QuoRem(d.abs(), p, new(big.Int))
	nz := r.Sign() != 0
	if roundUp(how, d.neg, nz, r.Lsh(r, 1).Cmp(p) >= 0) {
		q.Add(q, bigPow10[0])
	}
	if scale < 0 {
		q.Mul(q, pow10Big(-scale))
	}
	if d.neg {
		q.Neg(q)
	}
	return fromSigned(q, show)
}

// u128Half is 10^n / 2 for n >= 1.
func u128Half(n int) u128 { h, _ := pow10tab[n].div64(2); return h }

func roundUp(how rounding, neg, inexact, half bool) bool {
	switch how {
	case halfAway:
		return half
	case toFloor:
		return neg && inexact
	case toCeil:
		return !neg && inexact
	}
	return false
}

// extend appends zeros up to scale > d.scale.
func (d Decimal) extend(scale int) (Decimal, error) {
	n := scale - int(d.scale)
	if d.IsZero() {
		d.scale = uint16(scale)
		return d, nil
	}
	if d.big == nil && n <= maxPow10 {
		if m, ok := d.mag.mul(pow10tab[n]); ok {
			return small(m, d.neg, scale), nil
		}
	}
	z := new(big.Int).Mul(d.abs(), pow10Big(n))
	if d.neg {
		z.Neg(z)
	}
	return fromSigned(z, scale)
}

// clampScale bounds the argument of round and trunc as PostgreSQL does.
func clampScale(n int) int { return max(min(n, MaxScale), -MaxIntDigits) }

// Round is round(d, n), half away from zero; n may be negative.
func (d Decimal) Round(n int) (Decimal, error) { return d.setScale(clampScale(n), halfAway) }

// Trunc is trunc(d, n), toward zero; n may be negative.
func (d Decimal) Trunc(n int) (Decimal, error) { return d.setScale(clampScale(n), toZero) }

// Ceil is the smallest integer not below d, with scale 0.
func (d Decimal) Ceil() (Decimal, error) { return d.setScale(0, toCeil) }

// Floor is the largest integer not above d, with scale 0.
func (d Decimal) Floor() (Decimal, error) { return d.setScale(0, toFloor) }

// Rescale applies the modifier numeric(precision, scale): it rounds to scale
// decimals and fails with 22003 when more than precision digits remain.
func (d Decimal) Rescale(precision, scale int) (Decimal, error) {
	switch {
	case d.form == nan:
		return d, nil
	case d.form != finite:
		return d, pgerr.New(pgerr.NumericValueOutOfRange, "numeric field overflow").
			WithDetail("A field with precision %d, scale %d cannot hold an infinite value.", precision, scale)
	}
	r, err := d.setScale(scale, halfAway)
	if err != nil {
		return r, err
	}
	intDigits := precision - scale
	if !r.IsZero() && r.exp10()+1 > intDigits {
		e := pgerr.New(pgerr.NumericValueOutOfRange, "numeric field overflow")
		if intDigits == 0 {
			return r, e.WithDetail("A field with precision %d, scale %d must round to an absolute value less than 1.", precision, scale)
		}
		return r, e.WithDetail("A field with precision %d, scale %d must round to an absolute value less than 10^%d.", precision, scale, intDigits)
	}
	return r, nil
}

// MinScale is the fewest decimals that show d exactly; 0 for special values.
func (d Decimal) MinScale() int { return int(d.TrimScale().scale) }

// TrimScale removes trailing zeros after the point.
func (d Decimal) TrimScale() Decimal {
	if d.form != finite || d.scale == 0 {
		return d
	}
	if d.IsZero() {
		return Zero
	}
	if d.big == nil {
		for d.scale > 0 {
			q, r := d.mag.div64(10)
			if r != 0 {
				break
			}
			d.mag, d.scale = q, d.scale-1
		}
		return d
	}
	z, r := new(big.Int).Set(d.big), new(big.Int)
	s := int(d.scale)
	for s > 0 {
		q, m := new(big.Int).QuoRem(z, bigTen, r)
		if m.Sign() != 0 {
			break
		}
		z, s = q, s-1
	}
	if d.neg {
		z.Neg(z)
	}
	t, err := fromSigned(z, s)
	if err != nil {
		return d // cannot happen: the value did not grow
	}
	return t
}
