package num

import (
	"encoding/binary"
	"math/big"
	"math/bits"
	"slices"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// IntSum is an exact sum of weighted int64 values: 128 bits, two's complement.
// Sums beyond ±2^127 wrap; that takes more than 2^63 rows of the extreme value.
type IntSum struct{ Hi, Lo uint64 }

// Add adds x*w.
func (s *IntSum) Add(x, w int64) {
	hi, lo := bits.Mul64(uint64(x), uint64(w))
	// Unsigned product to signed: subtract 2^64 × the other factor for a sign bit.
	hi -= uint64(x>>63)&uint64(w) + uint64(w>>63)&uint64(x)
	var c uint64
	s.Lo, c = bits.Add64(s.Lo, lo, 0)
	s.Hi, _ = bits.Add64(s.Hi, hi, c)
}

// Merge adds o.
func (s *IntSum) Merge(o IntSum) {
	var c uint64
	s.Lo, c = bits.Add64(s.Lo, o.Lo, 0)
	s.Hi, _ = bits.Add64(s.Hi, o.Hi, c)
}

// Int64 is the sum when it fits.
func (s IntSum) Int64() (int64, bool) {
	return int64(s.Lo), int64(s.Hi) == int64(s.Lo)>>63
}

// Decimal is the sum with scale 0.
func (s IntSum) Decimal() Decimal { return fromTwos(s.Hi, s.Lo, 0) }

func fromTwos(hi, lo uint64, scale int) Decimal {
	if int64(hi) >= 0 {
		return small(u128{hi, lo}, false, scale)
	}
	return small(u128{}.sub(u128{hi, lo}), true, scale)
}

// DecSumFixed is the encoded size of a DecSum that has not overflowed.
const DecSumFixed = 32

// DecSum is an exact, retractable sum of weighted numerics whose result has the
// display scale PostgreSQL shows: the largest among the values present. While
// all values are finite and of one scale and the sum fits 128 bits, it is a
// few words; otherwise it moves to big form, which counts values per scale.
type DecSum struct {
	hi, lo uint64 // two's complement coefficient at scale
	n      int64  // sum of weights
	scale  uint16
	big    *bigSum
}

type bigSum struct {
	sum          *big.Int // at scale DecSum.scale, the largest ever seen
	scales       map[uint16]int64
	nan, pos, ng int64
}

// Count is the sum of the weights added.
func (s *DecSum) Count() int64 { return s.n }

// Add adds d with weight w.
func (s *DecSum) Add(d Decimal, w int64) {
	if s.big == nil && d.form == finite && d.big == nil && (d.scale == s.scale || s.isEmpty()) && s.addSmall(d, w) {
		return
	}
	if w == 0 {
		return
	}
	s.toBig()
	s.n += w
	b := s.big
	switch d.form {
	case nan:
		b.nan += w
	case posInf:
		b.pos += w
	case negInf:
		b.ng += w
	default:
		b.scales[d.scale] += w
		if b.scales[d.scale] == 0 {
			delete(b.scales, d.scale)
		}
		x := d.signed()
		if d.scale > s.scale {
			b.sum.Mul(b.sum, pow10Big(int(d.scale-s.scale)))
			s.scale = d.scale
		} else if d.scale < s.scale {
			x.Mul(x, pow10Big(int(s.scale-d.scale)))
		}
		b.sum.Add(b.sum, x.Mul(x, big.NewInt(w)))
	}
	s.shrink()
}

// AddEncoded is Add of a value in Append's encoding.
func (s *DecSum) AddEncoded(b []byte, w int64) {
	if s.big == nil && len(b) >= 2 && len(b) <= 10 {
		// A coefficient of up to 64 bits at the sum's own scale needs no Decimal.
		h := binary.LittleEndian.Uint16(b)
		if h <= MaxScale && (h == s.scale || s.isEmpty()) && s.addInt(loadPart(b[2:]), h, w) {
			return
		}
	}
	s.Add(Decode(b), w)
}

// addInt adds x/10^scale × w in 128 bits; false when the sum would not fit.
func (s *DecSum) addInt(x int64, scale uint16, w int64) bool {
	var d IntSum
	d.Add(x, w)
	t := IntSum{s.hi, s.lo}
	t.Merge(d)
	if (s.hi^d.Hi)>>63 == 0 && (s.hi^t.Hi)>>63 != 0 {
		return false
	}
	s.hi, s.lo, s.scale = t.Hi, t.Lo, scale
	s.n += w
	if s.isEmpty() {
		s.scale = 0 // as a sum that never had a value
	}
	return true
}

func (s *DecSum) isEmpty() bool { return s.n == 0 && s.hi|s.lo == 0 }

// addSmall adds in 128 bits; false when the sum would not fit.
func (s *DecSum) addSmall(d Decimal, w int64) bool {
	a := uint64(w)
	if w < 0 {
		a = -a
	}
	m, ok := d.mag.mul64(a)
	if !ok || !m.fits() {
		return false
	}
	if d.neg != (w < 0) {
		m = u128{}.sub(m)
	}
	lo, c := bits.Add64(s.lo, m.lo, 0)
	hi, _ := bits.Add64(s.hi, m.hi, c)
	if (s.hi^m.hi)>>63 == 0 && (s.hi^hi)>>63 != 0 {
		return false
	}
	s.hi, s.lo, s.scale = hi, lo, d.scale
	s.n += w
	if s.isEmpty() {
		s.scale = 0 // as a sum that never had a value
	}
	return true
}

func (s *DecSum) toBig() {
	if s.big != nil {
		return
	}
	s.big = &bigSum{sum: fromTwos(s.hi, s.lo, 0).signed(), scales: map[uint16]int64{}}
	if s.n != 0 {
		s.big.scales[s.scale] = s.n
	}
	s.hi, s.lo = 0, 0
}

// shrink returns to the small form when the values allow it, so that a sum's
// form and bytes depend on its contents, not on its history.
func (s *DecSum) shrink() {
	b := s.big
	if b.nan|b.pos|b.ng != 0 || len(b.scales) > 1 {
		return
	}
	sum, scale := b.sum, uint16(0)
	for scale = range b.scales {
	}
	if scale != s.scale {
		q, r := new(big.Int).QuoRem(sum, pow10Big(int(s.scale-scale)), new(big.Int))
		if r.Sign() != 0 {
			return
		}
		sum = q
	}
	m, ok := fromBig(new(big.Int).Abs(sum))
	if !ok {
		return
	}
	if sum.Sign() < 0 {
		m = u128{}.sub(m)
	}
	s.hi, s.lo, s.scale, s.big = m.hi, m.lo, scale, nil
}

// Merge adds what o holds; o is unchanged.
func (s *DecSum) Merge(o *DecSum) {
	if o.isEmpty() && o.big == nil {
		return
	}
	s.toBig()
	t := *o
	t.toBig()
	s.n += o.n
	s.big.nan += t.big.nan
	s.big.pos += t.big.pos
	s.big.ng += t.big.ng
	for sc, n := range t.big.scales {
		s.big.scales[sc] += n
		if s.big.scales[sc] == 0 {
			delete(s.big.scales, sc)
		}
	}
	x := new(big.Int).Set(t.big.sum)
	if t.scale > s.scale {
		s.big.sum.Mul(s.big.sum, pow10Big(int(t.scale-s.scale)))
		s.scale = t.scale
	} else if t.scale < s.scale {
		x.Mul(x, pow10Big(int(s.scale-t.scale)))
	}
	s.big.sum.Add(s.big.sum, x)
	s.shrink()
}

// Result is the sum; 22003 beyond numeric's limits.
func (s *DecSum) Result() (Decimal, error) {
	b := s.big
	if b == nil {
		return fromTwos(s.hi, s.lo, int(s.scale)), nil
	}
	switch {
	case b.nan > 0 || b.pos > 0 && b.ng > 0:
		return NaN, nil
	case b.pos > 0:
		return PosInf, nil
	case b.ng > 0:
		return NegInf, nil
	}
	show := uint16(0)
	for sc := range b.scales {
		show = max(show, sc)
	}
	d, err := fromSigned(b.sum, int(s.scale))
	if err != nil || show == s.scale {
		return d, err
	}
	return d.setScale(int(show), halfAway)
}

// Append appends s's encoding: DecSumFixed bytes in the small form (hi, lo, n
// u64 LE; scale u16; form 0; zeros), else the same header with form 1 and the
// length, then the big form.
func (s *DecSum) Append(dst []byte) []byte {
	le := binary.LittleEndian
	dst = le.AppendUint64(le.AppendUint64(le.AppendUint64(dst, s.hi), s.lo), uint64(s.n))
	dst = le.AppendUint16(dst, s.scale)
	if s.big == nil {
		return append(dst, 0, 0, 0, 0, 0, 0)
	}
	at := len(dst)
	dst = append(dst, 1, 0, 0, 0, 0, 0)
	b := s.big
	for _, x := range []int64{b.nan, b.pos, b.ng, int64(len(b.scales))} {
		dst = binary.AppendVarint(dst, x)
	}
	order := make([]uint16, 0, len(b.scales))
	for sc := range b.scales {
		order = append(order, sc)
	}
	slices.Sort(order)
	for _, sc := range order {
		dst = binary.AppendVarint(binary.AppendUvarint(dst, uint64(sc)), b.scales[sc])
	}
	dst = append(dst, byte(b2i(b.sum.Sign() < 0)))
	dst = append(dst, b.sum.Bytes()...)
	le.PutUint32(dst[at+2:], uint32(len(dst)-at-6))
	return dst
}

var errBadSum = pgerr.New(pgerr.DataCorrupted, "corrupted numeric sum")

// DecodeDecSum reads one encoding from the front of b and returns the rest. It
// fails with XX001 on anything that Append cannot have made.
func DecodeDecSum(b []byte) (DecSum, []byte, error) {
	if len(b) < DecSumFixed {
		return DecSum{}, nil, errBadSum
	}
	le := binary.LittleEndian
	s := DecSum{hi: le.Uint64(b), lo: le.Uint64(b[8:]), n: int64(le.Uint64(b[16:])), scale: le.Uint16(b[24:])}
	form, size := b[26], int(le.Uint32(b[28:]))
	b = b[DecSumFixed:]
	if s.scale > MaxScale || form > 1 || size > len(b) || form == 0 && size != 0 {
		return DecSum{}, nil, errBadSum
	}
	if form == 0 {
		return s, b, nil
	}
	big, ok := decodeBigSum(b[:size])
	if !ok {
		return DecSum{}, nil, errBadSum
	}
	s.big = big
	return s, b[size:], nil
}

func decodeBigSum(b []byte) (*bigSum, bool) {
	ok := true
	next := func() int64 {
		x, n := binary.Varint(b)
		if n <= 0 {
			ok, b = false, nil
			return 0
		}
		b = b[n:]
		return x
	}
	s := &bigSum{nan: next(), pos: next(), ng: next(), scales: map[uint16]int64{}}
	for range min(max(next(), 0), MaxScale+1) {
		sc, n := binary.Uvarint(b)
		if n <= 0 || sc > MaxScale {
			return nil, false
		}
		b = b[n:]
		s.scales[uint16(sc)] = next()
	}
	if !ok || len(b) == 0 {
		return nil, false
	}
	s.sum = new(big.Int).SetBytes(b[1:])
	if b[0] != 0 {
		s.sum.Neg(s.sum)
	}
	return s, true
}
