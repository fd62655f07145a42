package num

import (
	"encoding/binary"
	"math/bits"
)

// DecodeSmall reads an encoding whose coefficient fits int64: the value is
// coef / 10^scale. ok is false for every other encoding.
func DecodeSmall(b []byte) (coef int64, scale int, ok bool) {
	n := len(b) - 2
	if n < 0 || n > 8 {
		return 0, 0, false
	}
	h := binary.LittleEndian.Uint16(b)
	if h>>scaleBits != 0 {
		return 0, 0, false
	}
	if n == 0 {
		return 0, int(h), true
	}
	x := int64(int8(b[len(b)-1]))
	for i := len(b) - 2; i >= 2; i-- {
		x = x<<8 | int64(b[i])
	}
	return x, int(h), true
}

// AppendSmall appends the encoding of coef / 10^scale; scale is at most
// MaxScale.
func AppendSmall(dst []byte, coef int64, scale int) []byte {
	n := 0
	if coef != 0 {
		n = bits.Len64(uint64(coef^coef>>63))/8 + 1
	}
	end := len(dst) + 2 + n
	u := uint64(coef)
	dst = append(dst, byte(scale), byte(scale>>8),
		byte(u), byte(u>>8), byte(u>>16), byte(u>>24), byte(u>>32), byte(u>>40), byte(u>>48), byte(u>>56))
	return dst[:end]
}
