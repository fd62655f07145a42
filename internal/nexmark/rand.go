package nexmark

import "math/bits"

// rng is a stream of random numbers that starts anywhere in constant time:
// splitmix64 over a state mixed from seed and event number.
type rng struct{ s uint64 }

const golden = 0x9e37_79b9_7f4a_7c15

func newRand(seed, i uint64) rng {
	return rng{mix(mix(seed+golden) + i*golden)}
}

// mix is the finalizer of splitmix64 (Steele, Lea and Flood, 2014).
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58_476d_1ce4_e5b9
	z = (z ^ z>>27) * 0x94d0_49bb_1331_11eb
	return z ^ z>>31
}

func (r *rng) next() uint64 {
	r.s += golden
	return mix(r.s)
}

// below returns a number less than n, by multiplication (Lemire): its bias, at
// most n/2^64, is nothing here.
func (r *rng) below(n uint64) uint64 {
	hi, _ := bits.Mul64(r.next(), n)
	return hi
}

const alphabet = "abcdefghijklmnopqrstuvwxyzabcdef"

// letters appends n lower-case letters, twelve to a random number.
func (r *rng) letters(dst []byte, n int) []byte {
	for n > 0 {
		x := r.next()
		for k := min(n, 12); k > 0; k-- {
			dst = append(dst, alphabet[x&31])
			x >>= 5
			n--
		}
	}
	return dst
}
