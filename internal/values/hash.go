package values

import (
	"encoding/binary"
	"math/bits"
)

// The hash of keys, version 1. FROZEN together with the key encoding.
//
// It folds 16 bytes at a time with mix(a, b) = high ⊕ low half of the 128-bit
// product a·b, the construction of wyhash. Little endian on every machine.
const (
	hashK0 = 0x9E3779B97F4A7C15
	hashK1 = 0xD6E8FEB86659FD93
	hashK2 = 0xA0761D6478BD642F
)

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// Hash is the 64-bit hash of a key:
//
//	h := K0
//	while more than 16 bytes remain: h = mix(u64(b)⊕K1, u64(b+8)⊕h), advance 16
//	a, c := the remaining bytes: two overlapping u64 (8..16 bytes), two
//	        overlapping u32 (4..7), or b[0]<<16|b[n/2]<<8|b[n-1] and 0 (1..3)
//	return mix(K2⊕len(key), mix(a⊕K1, c⊕h))
func Hash(key []byte) uint64 {
	h, b := uint64(hashK0), key
	for len(b) > 16 {
		h = mix(binary.LittleEndian.Uint64(b)^hashK1, binary.LittleEndian.Uint64(b[8:])^h)
		b = b[16:]
	}
	var a, c uint64
	switch n := len(b); {
	case n >= 8:
		a = binary.LittleEndian.Uint64(b)
		c = binary.LittleEndian.Uint64(b[n-8:])
	case n >= 4:
		a = uint64(binary.LittleEndian.Uint32(b))
		c = uint64(binary.LittleEndian.Uint32(b[n-4:]))
	case n > 0:
		a = uint64(b[0])<<16 | uint64(b[n/2])<<8 | uint64(b[n-1])
	}
	return mix(hashK2^uint64(len(key)), mix(a^hashK1, c^h))
}

// VNode is the virtual partition (0..255) of a hash: its top byte.
func VNode(hash uint64) uint8 { return uint8(hash >> 56) }
