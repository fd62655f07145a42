package json

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// isSpace reports JSON's white space.
func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// space returns the position of the first byte from p on that is no white
// space; len(b) at the end.
func space(b []byte, p int) int {
	for p < len(b) && b[p] <= ' ' && isSpace(b[p]) {
		p++
	}
	return p
}

// shape is what scanString saw in a string, or why it is none.
type shape uint8

const (
	plain   shape = iota // its bytes are its text
	escaped              // has escapes, not yet checked
	badControl
	badUTF8
	badEnd
)

// Eight copies of a byte.
const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// scanString finds the end of the string whose first byte after the quote is at
// p: the position of the closing quote, or of what is wrong. Eight bytes at a
// time are searched for a quote, a backslash, a control character and a byte
// beyond ASCII; a borrow can only make a false hit above a true one.
func scanString(b []byte, p int) (end int, s shape) {
	from := p
	for p+8 <= len(b) {
		x := binary.LittleEndian.Uint64(b[p:])
		q, k := x^'"'*ones, x^'\\'*ones
		m := ((q-ones)&^q | (k-ones)&^k | (x-' '*ones)&^x | x) & highs
		if m != 0 {
			p += bits.TrailingZeros64(m) >> 3
			if b[p] == '"' {
				return p, plain
			}
			break
		}
		p += 8
	}
	return scanRest(b, from, p)
}

// scanRest goes on with scanString from p byte by byte.
func scanRest(b []byte, from, p int) (end int, s shape) {
	high := false
	for p < len(b) {
		switch c := b[p]; {
		case c == '"':
			if high && !utf8.Valid(b[from:p]) {
				return from, badUTF8
			}
			return p, s
		case c == '\\':
			s = escaped
			p++
			if p == len(b) {
				return p, badEnd
			}
			if b[p] < ' ' {
				return p, badControl
			}
			high = high || b[p] >= utf8.RuneSelf
		case c < ' ':
			return p, badControl
		case c >= utf8.RuneSelf:
			high = true
		}
		p++
	}
	return p, badEnd
}

// number is what scanNumber saw.
type number struct {
	end      int
	integral bool // no fraction and no exponent
	exponent int  // magnitude of the exponent, saturated
}

const maxExponent = 1 << 20

// scanNumber checks the grammar of the number at p; ok is false when it is none,
// and end is where it goes wrong.
func scanNumber(b []byte, p int) (n number, ok bool) {
	if p < len(b) && b[p] == '-' {
		p++
	}
	from := p
	p = digits(b, p)
	if p == from || b[from] == '0' && p > from+1 {
		return number{end: min(p, from+1)}, false
	}
	n.integral = true
	if p < len(b) && b[p] == '.' {
		n.integral = false
		from = p + 1
		if p = digits(b, from); p == from {
			return number{end: p}, false
		}
	}
	if p < len(b) && b[p]|0x20 == 'e' {
		n.integral = false
		p++
		if p < len(b) && (b[p] == '+' || b[p] == '-') {
			p++
		}
		from = p
		if p = digits(b, from); p == from {
			return number{end: p}, false
		}
		for _, c := range b[from:p] {
			n.exponent = min(n.exponent*10+int(c-'0'), maxExponent)
		}
	}
	n.end = p
	return n, true
}

func digits(b []byte, p int) int {
	for p < len(b) && b[p]-'0' < 10 {
		p++
	}
	return p
}

// literal reports whether word stands at p.
func literal(b []byte, p int, word string) bool {
	return len(b)-p >= len(word) && string(b[p:p+len(word)]) == word
}
