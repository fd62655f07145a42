package num

import (
	"math/big"
	"math/bits"
)

// u128 is an unsigned 128-bit magnitude.
type u128 struct{ hi, lo uint64 }

// maxPow10 is the largest n such that 10^n fits 127 bits.
const maxPow10 = 38

var pow10tab = func() (t [maxPow10 + 1]u128) {
	t[0] = u128{0, 1}
	for i := 1; i <= maxPow10; i++ {
		t[i], _ = t[i-1].mul64(10)
	}
	return t
}()

func (a u128) isZero() bool { return a.hi|a.lo == 0 }

// fits reports whether a is below 2^127, the limit of the small form.
func (a u128) fits() bool { return a.hi>>63 == 0 }

func (a u128) cmp(b u128) int {
	switch {
	case a.hi != b.hi:
		if a.hi < b.hi {
			return -1
		}
		return 1
	case a.lo != b.lo:
		if a.lo < b.lo {
			return -1
		}
		return 1
	}
	return 0
}

func (a u128) add(b u128) (u128, bool) {
	lo, c := bits.Add64(a.lo, b.lo, 0)
	hi, c := bits.Add64(a.hi, b.hi, c)
	return u128{hi, lo}, c == 0
}

func (a u128) sub(b u128) u128 {
	lo, c := bits.Sub64(a.lo, b.lo, 0)
	hi, _ := bits.Sub64(a.hi, b.hi, c)
	return u128{hi, lo}
}

func (a u128) mul64(b uint64) (u128, bool) {
	h0, lo := bits.Mul64(a.lo, b)
	if a.hi == 0 {
		return u128{h0, lo}, true
	}
	h1, l1 := bits.Mul64(a.hi, b)
	hi, c := bits.Add64(h0, l1, 0)
	return u128{hi, lo}, h1 == 0 && c == 0
}

func (a u128) mul(b u128) (u128, bool) {
	switch {
	case b.hi == 0:
		return a.mul64(b.lo)
	case a.hi == 0:
		return b.mul64(a.lo)
	}
	return u128{}, false
}

// div64 divides by d > 0.
func (a u128) div64(d uint64) (q u128, r uint64) {
	q.hi, r = bits.Div64(0, a.hi, d)
	q.lo, r = bits.Div64(r, a.lo, d)
	return q, r
}

// div divides by d > 0.
func (a u128) div(d u128) (q, r u128) {
	if d.hi == 0 {
		q, r64 := a.div64(d.lo)
		return q, u128{0, r64}
	}
	// The quotient fits 64 bits. Estimate it with the divisor normalized to its
	// top 64 bits, which is at most one too large, then correct.
	// (Hacker's Delight, 9-5.)
	s := uint(bits.LeadingZeros64(d.hi))
	dn := d.hi<<s | d.lo>>1>>(63-s)
	est, _ := bits.Div64(a.hi>>1, a.hi<<63|a.lo>>1, dn)
	est >>= 63 - s
	if est > 0 {
		est--
	}
	p, _ := d.mul64(est)
	r = a.sub(p)
	for r.cmp(d) >= 0 {
		r = r.sub(d)
		est++
	}
	return u128{0, est}, r
}

func (a u128) toBig() *big.Int {
	z := new(big.Int).SetUint64(a.hi)
	z.Lsh(z, 64)
	return z.Or(z, new(big.Int).SetUint64(a.lo))
}

// fromBig converts 0 <= b < 2^127.
func fromBig(b *big.Int) (u128, bool) {
	if b.BitLen() > 127 {
		return u128{}, false
	}
	var buf [16]byte
	b.FillBytes(buf[:])
	var a u128
	for i := range 8 {
		a.hi = a.hi<<8 | uint64(buf[i])
		a.lo = a.lo<<8 | uint64(buf[8+i])
	}
	return a, true
}

// digits is the number of decimal digits; 0 for zero.
func (a u128) digits() int {
	n := 128 - bits.LeadingZeros64(a.hi)
	if a.hi == 0 {
		n = 64 - bits.LeadingZeros64(a.lo)
	}
	d := n * 1233 >> 12 // floor(n * log10(2)) for n < 600, or one less
	if d <= maxPow10 && a.cmp(pow10tab[d]) >= 0 {
		d++
	}
	return d
}
