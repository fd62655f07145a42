package jsonb

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// Kind is a JSON value's kind, in PostgreSQL's comparison order.
type Kind uint8

// The kinds. KindNone: no value.
const (
	KindNull Kind = iota
	KindString
	KindNumber
	KindBool
	KindArray
	KindObject
	KindNone
)

// KindOf tells a canonical value's kind from its first byte.
func KindOf(v []byte) Kind {
	if len(v) == 0 {
		return KindNone
	}
	switch v[0] {
	case '{':
		return KindObject
	case '[':
		return KindArray
	case '"':
		return KindString
	case 't', 'f':
		return KindBool
	case 'n':
		return KindNull
	}
	return KindNumber
}

// skip returns the position after the value that starts at v[i]. Corrupt text
// ends at len(v).
func skip(v []byte, i int) int {
	depth := 0
	for i < len(v) {
		switch v[i] {
		case '"':
			i = skipString(v, i)
		case '{', '[':
			depth++
			i++
			continue
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ':
			i++
			continue
		default:
			for i < len(v) && v[i] != ',' && v[i] != ']' && v[i] != '}' {
				i++
			}
		}
		if depth <= 0 {
			return i
		}
	}
	return len(v)
}

// skipString returns the position after the string that starts at v[i].
func skipString(v []byte, i int) int {
	for i++; i < len(v); {
		j := bytes.IndexByte(v[i:], '"')
		if j < 0 {
			return len(v)
		}
		end := i + j
		k := end
		for k > i && v[k-1] == '\\' {
			k--
		}
		i = end + 1
		if (end-k)%2 == 0 {
			return i
		}
	}
	return len(v)
}

// iter walks the members of a canonical array or object.
type iter struct {
	v   []byte
	i   int
	key []byte // of the current member, still quoted; nil in arrays
	val []byte
}

func newIter(v []byte) iter { return iter{v: v, i: 1} }

// next moves to the next member.
func (it *iter) next() bool {
	if it.i >= len(it.v) || it.v[it.i] == ']' || it.v[it.i] == '}' {
		return false
	}
	if it.v[it.i] == ',' {
		it.i += 2
	}
	if it.v[0] == '{' {
		end := skipString(it.v, it.i)
		it.key = it.v[it.i:end]
		it.i = end + 2
	}
	if it.i > len(it.v) {
		return false
	}
	end := skip(it.v, it.i)
	it.val = it.v[it.i:end:end]
	it.i = end
	return true
}

// Unquote appends the decoded form of a canonical string, quotes included.
func Unquote(dst, s []byte) []byte {
	if len(s) < 2 {
		return dst
	}
	s = s[1 : len(s)-1]
	for {
		j := bytes.IndexByte(s, '\\')
		if j < 0 || j+1 >= len(s) {
			return append(dst, s...)
		}
		dst = append(dst, s[:j]...)
		c := s[j+1]
		s = s[j+2:]
		switch c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			if len(s) >= 4 {
				x, _ := strconv.ParseUint(string(s[:4]), 16, 32)
				dst = utf8.AppendRune(dst, rune(x))
				s = s[4:]
			}
			continue
		}
		dst = append(dst, c)
	}
}

// unquoted returns the decoded string, sharing s when nothing is escaped.
func unquoted(s []byte) []byte {
	if len(s) >= 2 && bytes.IndexByte(s, '\\') < 0 {
		return s[1 : len(s)-1]
	}
	return Unquote(nil, s)
}
