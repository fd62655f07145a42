package num

import "encoding/binary"

// The ordered key of a Decimal, version 1, frozen: bytes compare as Cmp does,
// and two values have equal keys exactly when Cmp is 0; the display scale is
// lost. One class byte (1 -Infinity, 2 negative, 3 zero, 4 positive,
// 5 Infinity, 6 NaN), and for positive values:
//
//	exponent  e where value = 0.d1d2… × 10^e: one byte 0x80+e for |e| <= 100;
//	          0xFF and e as u24 BE above; 0x00 and e+2^23 as u24 BE below
//	digits    pairs d1d2, d3d4, … as one byte 1+value each, last one padded
//	          with 0, without trailing zeros, then 0x00
//
// Negative values are the bitwise complement of |d|'s exponent and digits.
const (
	keyNegInf = 1 + iota
	keyNeg
	keyZero
	keyPos
	keyPosInf
	keyNaN
)

// AppendKey appends d's ordered key.
func AppendKey(dst []byte, d Decimal) []byte {
	switch d.form {
	case nan:
		return append(dst, keyNaN)
	case posInf:
		return append(dst, keyPosInf)
	case negInf:
		return append(dst, keyNegInf)
	}
	if d.IsZero() {
		return append(dst, keyZero)
	}
	var buf [48]byte
	digs := buf[:0]
	if d.big != nil {
		digs = d.big.Append(nil, 10)
	} else {
		digs = d.mag.appendDigits(digs)
	}
	e := len(digs) - int(d.scale)
	class := byte(keyPos)
	if d.neg {
		class = keyNeg
	}
	dst = append(dst, class)
	at := len(dst)
	switch {
	case e > 100:
		dst = append(dst, 0xFF, byte(e>>16), byte(e>>8), byte(e))
	case e < -100:
		x := e + 1<<23
		dst = append(dst, 0, byte(x>>16), byte(x>>8), byte(x))
	default:
		dst = append(dst, byte(0x80+e))
	}
	for len(digs) > 0 && digs[len(digs)-1] == '0' {
		digs = digs[:len(digs)-1]
	}
	if len(digs)%2 != 0 {
		digs = append(digs, '0')
	}
	for i := 0; i < len(digs); i += 2 {
		dst = append(dst, 1+(digs[i]-'0')*10+digs[i+1]-'0')
	}
	dst = append(dst, 0)
	if d.neg {
		for i := at; i < len(dst); i++ {
			dst[i] = ^dst[i]
		}
	}
	return dst
}

// KeyLen is the length of the key at the front of b, or -1.
func KeyLen(b []byte) int {
	if len(b) == 0 {
		return -1
	}
	switch b[0] {
	case keyNegInf, keyZero, keyPosInf, keyNaN:
		return 1
	case keyNeg, keyPos:
	default:
		return -1
	}
	flip := byte(0)
	if b[0] == keyNeg {
		flip = 0xFF
	}
	i := 2
	if len(b) > 1 && (b[1] == 0 || b[1] == 0xFF) {
		i = 5
	}
	for ; i < len(b); i++ {
		if b[i]^flip == 0 {
			return i + 1
		}
	}
	return -1
}

// DecodeKey reads the key at the front of b: the value with the smallest
// display scale, and the rest of b. ok is false for corrupt keys.
func DecodeKey(b []byte) (d Decimal, rest []byte, ok bool) {
	n := KeyLen(b)
	if n < 0 {
		return Decimal{}, nil, false
	}
	rest = b[n:]
	switch b[0] {
	case keyNegInf:
		return NegInf, rest, true
	case keyZero:
		return Zero, rest, true
	case keyPosInf:
		return PosInf, rest, true
	case keyNaN:
		return NaN, rest, true
	}
	neg := b[0] == keyNeg
	k := append(make([]byte, 0, n), b[1:n-1]...) // without the terminator
	if neg {
		for i := range k {
			k[i] = ^k[i]
		}
	}
	e, k := int(k[0])-0x80, k[1:]
	if e == -0x80 || e == 0x7F {
		if len(k) < 3 {
			return Decimal{}, nil, false
		}
		x := int(binary.BigEndian.Uint16(k))<<8 | int(k[2])
		if e == -0x80 {
			x -= 1 << 23
		}
		e, k = x, k[3:]
	}
	digs := make([]byte, 0, 2*len(k))
	for _, c := range k {
		if c == 0 || c > 100 {
			return Decimal{}, nil, false
		}
		digs = append(digs, '0'+(c-1)/10, '0'+(c-1)%10)
	}
	if m := len(digs); m > 0 && digs[m-1] == '0' {
		digs = digs[:m-1]
	}
	if len(digs) == 0 {
		return Decimal{}, nil, false
	}
	d, err := scaled(digs, neg, len(digs)-e)
	return d, rest, err == nil
}
