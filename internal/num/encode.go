package num

import (
	"encoding/binary"
	"math/big"
)

// The encoding of a Decimal in a Bytes vector: a little-endian u16 header (low
// 14 bits: display scale; top 2 bits: 0 finite, 1 NaN, 2 Infinity, 3
// -Infinity), then for finite values the coefficient as minimal little-endian
// two's complement (no bytes for 0). The bytes of one value with one scale are
// unique, so equal bytes mean identical values; the converse needs Cmp.

const (
	scaleBits = 14
	scaleMask = 1<<scaleBits - 1
)

// Append appends d's encoding to dst.
func Append(dst []byte, d Decimal) []byte {
	h := d.scale | uint16(d.form)<<scaleBits
	dst = append(dst, byte(h), byte(h>>8))
	if d.form != finite {
		return dst
	}
	if d.big != nil {
		return appendBig(dst, d)
	}
	hi, lo := d.mag.hi, d.mag.lo
	if d.neg {
		lo = -lo
		hi = ^hi
		if lo == 0 {
			hi++
		}
	}
	n := coefLen(hi, lo)
	var buf [16]byte
	binary.LittleEndian.PutUint64(buf[:], lo)
	binary.LittleEndian.PutUint64(buf[8:], hi)
	return append(dst, buf[:n]...)
}

// coefLen is the number of bytes of the minimal two's complement of hi:lo.
func coefLen(hi, lo uint64) int {
	if hi|lo == 0 {
		return 0
	}
	s := uint64(int64(hi) >> 63)
	n, top := 16, hi
	if hi == s && int64(lo)>>63 == int64(s) {
		n, top = 8, lo
	}
	x := (top ^ s) << 1 // the sign bit must be kept
	for n > 1 && x>>56 == 0 && (n-1)%8 != 0 {
		x <<= 8
		n--
	}
	return n
}

func appendBig(dst []byte, d Decimal) []byte {
	b := d.big
	n := b.BitLen()/8 + 1 // room for the sign bit
	out := make([]byte, n)
	if d.neg {
		t := new(big.Int).Lsh(bigPow10[0], uint(8*n))
		t.Sub(t, b)
		t.FillBytes(out)
		if n > 1 && out[0] == 0xff && out[1]&0x80 != 0 {
			out = out[1:]
		}
	} else {
		b.FillBytes(out)
	}
	for i := len(out) - 1; i >= 0; i-- {
		dst = append(dst, out[i])
	}
	return dst
}

// Decode reads an encoding made by Append. It never fails: bytes that Append
// does not make (fewer than 2) decode as NaN. The 128-bit form does not allocate.
func Decode(b []byte) Decimal {
	if len(b) < 2 {
		return NaN
	}
	h := binary.LittleEndian.Uint16(b)
	d := Decimal{scale: h & scaleMask, form: form(h >> scaleBits)}
	if d.form != finite {
		d.scale = 0
		return d
	}
	b = b[2:]
	if len(b) > 16 {
		return decodeBig(d, b)
	}
	hi, lo := load128(b)
	if int64(hi) < 0 {
		d.neg = true
		lo = -lo
		hi = ^hi
		if lo == 0 {
			hi++
		}
	}
	d.mag = u128{hi, lo}
	if hi>>63 != 0 { // -2^127
		return small(d.mag, true, int(d.scale))
	}
	return d
}

// load128 sign-extends up to 16 little-endian bytes.
func load128(b []byte) (hi, lo uint64) {
	n := len(b)
	if n >= 8 {
		lo = binary.LittleEndian.Uint64(b)
		if n == 8 {
			return uint64(int64(lo) >> 63), lo
		}
		return uint64(loadPart(b[8:])), lo
	}
	x := loadPart(b)
	return uint64(x >> 63), uint64(x)
}

func loadPart(b []byte) int64 {
	var x uint64
	switch len(b) {
	case 0:
		return 0
	case 8:
		return int64(binary.LittleEndian.Uint64(b))
	}
	for i := len(b) - 1; i >= 0; i-- {
		x = x<<8 | uint64(b[i])
	}
	s := uint(64 - 8*len(b))
	return int64(x<<s) >> s
}

func decodeBig(d Decimal, b []byte) Decimal {
	be := make([]byte, len(b))
	for i, c := range b {
		be[len(b)-1-i] = c
	}
	z := new(big.Int).SetBytes(be)
	if be[0]&0x80 != 0 {
		t := new(big.Int).Lsh(bigPow10[0], uint(8*len(b)))
		z.Sub(t, z)
		d.neg = true
	}
	if m, ok := fromBig(z); ok {
		return small(m, d.neg, int(d.scale))
	}
	d.big = z
	return d
}
