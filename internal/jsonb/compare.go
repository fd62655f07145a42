package jsonb

import (
	"bytes"
	"encoding/binary"

	"github.com/heliosdb/heliosdb-streaming/internal/num"
)

// Compare is PostgreSQL's btree order: Object > Array > Boolean > Number >
// String > Null; containers by number of members, then member by member; and,
// for historical reasons, an empty top-level array below every scalar.
func Compare(a, b []byte) int {
	ka, kb := KindOf(a), KindOf(b)
	if ka == KindArray && kb < KindArray && isEmpty(a) {
		return -1
	}
	if kb == KindArray && ka < KindArray && isEmpty(b) {
		return 1
	}
	return compare(a, b)
}

// Equal reports Compare == 0.
func Equal(a, b []byte) bool { return bytes.Equal(a, b) || Compare(a, b) == 0 }

func isEmpty(v []byte) bool { return len(v) == 2 }

func compare(a, b []byte) int {
	ka, kb := KindOf(a), KindOf(b)
	if ka != kb {
		if ka < kb {
			return -1
		}
		return 1
	}
	switch ka {
	case KindString:
		return bytes.Compare(unquoted(a), unquoted(b))
	case KindNumber:
		return number(a).Cmp(number(b))
	case KindBool:
		return bytes.Compare(a, b) // "false" < "true"
	case KindArray, KindObject:
		return compareContainers(a, b)
	}
	return 0
}

func compareContainers(a, b []byte) int {
	if na, nb := Len(a), Len(b); na != nb {
		if na < nb {
			return -1
		}
		return 1
	}
	x, y := newIter(a), newIter(b)
	for x.next() && y.next() {
		if x.key != nil {
			if c := bytes.Compare(unquoted(x.key), unquoted(y.key)); c != 0 {
				return c
			}
		}
		if c := compare(x.val, y.val); c != 0 {
			return c
		}
	}
	return 0
}

// number is the value of a canonical number; NaN if corrupt.
func number(v []byte) num.Decimal {
	d, err := num.Parse(v)
	if err != nil {
		return num.NaN
	}
	return d
}

// Len is the number of members of an array or object.
func Len(v []byte) int {
	n := 0
	for it := newIter(v); it.next(); {
		n++
	}
	return n
}

// Classes of the ordered key, version 1, frozen.
const (
	keyEmptyTop = 1 + iota // an empty top-level array
	keyNull
	keyString // then the escaped string
	keyNumber // then num.AppendKey
	keyFalse
	keyTrue
	keyArray  // then u32 BE count, then the elements
	keyObject // then u32 BE count, then escaped key and value of each member
)

// AppendKey appends the ordered key of v: bytes compare as Compare does, and
// keys are equal exactly when Compare is 0. Strings are escaped as
// AppendEscaped does.
func AppendKey(dst, v []byte) []byte {
	if KindOf(v) == KindArray && isEmpty(v) {
		return append(dst, keyEmptyTop)
	}
	return appendKey(dst, v)
}

func appendKey(dst, v []byte) []byte {
	k := KindOf(v)
	switch k {
	case KindString:
		return AppendEscaped(append(dst, keyString), unquoted(v))
	case KindNumber:
		return num.AppendKey(append(dst, keyNumber), number(v))
	case KindBool:
		if v[0] == 't' {
			return append(dst, keyTrue)
		}
		return append(dst, keyFalse)
	case KindArray, KindObject:
		class := byte(keyArray)
		if k == KindObject {
			class = keyObject
		}
		dst = binary.BigEndian.AppendUint32(append(dst, class), uint32(Len(v)))
		for it := newIter(v); it.next(); {
			if it.key != nil {
				dst = AppendEscaped(dst, unquoted(it.key))
			}
			dst = appendKey(dst, it.val)
		}
		return dst
	}
	return append(dst, keyNull)
}

// AppendEscaped appends s so that byte order is kept and the end is known:
// 0x00 becomes 0x00 0xFF, and 0x00 0x00 ends.
func AppendEscaped(dst, s []byte) []byte {
	for {
		i := bytes.IndexByte(s, 0)
		if i < 0 {
			break
		}
		dst = append(append(dst, s[:i]...), 0, 0xFF)
		s = s[i+1:]
	}
	return append(append(dst, s...), 0, 0)
}

// EscapedLen is the length of the escaped string at the front of b, or -1.
func EscapedLen(b []byte) int {
	for i := 0; i+1 < len(b); {
		j := bytes.IndexByte(b[i:], 0)
		if j < 0 || i+j+1 >= len(b) {
			return -1
		}
		i += j
		switch b[i+1] {
		case 0:
			return i + 2
		case 0xFF:
			i += 2
		default:
			return -1
		}
	}
	return -1
}

// Unescape appends the string of which s is the escaped form, end included.
func Unescape(dst, s []byte) []byte {
	s = s[:len(s)-2]
	for {
		i := bytes.IndexByte(s, 0)
		if i < 0 {
			return append(dst, s...)
		}
		dst = append(dst, s[:i+1]...)
		s = s[min(i+2, len(s)):]
	}
}

// DecodeKey appends the canonical text of the key at the front of b (numbers
// with their smallest display scale) and returns the rest; ok is false for
// corrupt keys.
func DecodeKey(dst, b []byte) (out, rest []byte, ok bool) {
	if len(b) > 0 && b[0] == keyEmptyTop {
		return append(dst, "[]"...), b[1:], true
	}
	return decodeKey(dst, b, 0)
}

func decodeKey(dst, b []byte, depth int) (out, rest []byte, ok bool) {
	if len(b) == 0 || depth > MaxDepth {
		return dst, nil, false
	}
	class, b := b[0], b[1:]
	switch class {
	case keyNull:
		return append(dst, "null"...), b, true
	case keyFalse:
		return append(dst, "false"...), b, true
	case keyTrue:
		return append(dst, "true"...), b, true
	case keyString:
		return decodeString(dst, b)
	case keyNumber:
		d, rest, ok := num.DecodeKey(b)
		if !ok {
			return dst, nil, false
		}
		return d.AppendText(dst), rest, true
	case keyArray, keyObject:
	default:
		return dst, nil, false
	}
	if len(b) < 4 {
		return dst, nil, false
	}
	n := binary.BigEndian.Uint32(b)
	b = b[4:]
	open, end := byte('['), byte(']')
	if class == keyObject {
		open, end = '{', '}'
	}
	dst = append(dst, open)
	ok = true
	for i := uint32(0); i < n && ok; i++ {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		if class == keyObject {
			if dst, b, ok = decodeString(dst, b); !ok {
				break
			}
			dst = append(dst, ": "...)
		}
		dst, b, ok = decodeKey(dst, b, depth+1)
	}
	return append(dst, end), b, ok
}

func decodeString(dst, b []byte) (out, rest []byte, ok bool) {
	n := EscapedLen(b)
	if n < 0 {
		return dst, nil, false
	}
	return AppendString(dst, Unescape(nil, b[:n])), b[n:], true
}

// KeyLen is the length of the key at the front of b, or -1.
func KeyLen(b []byte) int {
	if len(b) > 0 && b[0] == keyEmptyTop {
		return 1
	}
	return keyLen(b, 0)
}

func keyLen(b []byte, depth int) int {
	if len(b) == 0 || depth > MaxDepth {
		return -1
	}
	n := 0
	switch b[0] {
	case keyNull, keyFalse, keyTrue:
		return 1
	case keyString:
		n = EscapedLen(b[1:])
	case keyNumber:
		n = num.KeyLen(b[1:])
	case keyArray, keyObject:
		return containerKeyLen(b, depth)
	default:
		return -1
	}
	if n < 0 {
		return -1
	}
	return 1 + n
}

func containerKeyLen(b []byte, depth int) int {
	if len(b) < 5 {
		return -1
	}
	at := 5
	for range binary.BigEndian.Uint32(b[1:]) {
		if b[0] == keyObject {
			n := EscapedLen(b[at:])
			if n < 0 {
				return -1
			}
			at += n
		}
		n := keyLen(b[at:], depth+1)
		if n < 0 {
			return -1
		}
		at += n
	}
	return at
}
