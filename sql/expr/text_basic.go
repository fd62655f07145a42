package expr

import (
	"bytes"
	"unicode/utf8"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// maxField bounds, in bytes, a value that a function makes longer than its
// arguments: a quarter of PostgreSQL's limit, so that a batch can hold some.
const maxField = 1<<28 - 1

func init() {
	t, i4 := types.Text, types.Int4
	def("lower", "lower", t, retBytes(func(r *row, dst []byte) ([]byte, error) { return appendLower(dst, r.bytes(0)), nil }), t)
	def("upper", "upper", t, retBytes(func(r *row, dst []byte) ([]byte, error) { return appendUpper(dst, r.bytes(0)), nil }), t)
	def("initcap", "initcap", t, retBytes(func(r *row, dst []byte) ([]byte, error) { return appendInitcap(dst, r.bytes(0)), nil }), t)
	alias(def("length", "textlen", i4, retInt(func(r *row) (int64, error) { return runes(r.bytes(0)), nil }), t), "char_length", "character_length")
	def("octet_length", "textoctetlen", i4, retInt(byteLen), t)
	alias(def("length", "byteaoctetlen", i4, retInt(byteLen), types.Bytea), "octet_length")
	bits := func(r *row) (int64, error) { return 8 * int64(len(r.bytes(0))), nil }
	def("bit_length", "textbitlen", i4, retInt(bits), t)
	def("bit_length", "byteabitlen", i4, retInt(bits), types.Bytea)
	op("||", "textcat", t, retBytes(catBytes), t, t)
	op("||", "byteacat", types.Bytea, retBytes(catBytes), types.Bytea, types.Bytea)
	registerSubstrings()
	registerPadding()
	registerTrims()
}

func byteLen(r *row) (int64, error) { return int64(len(r.bytes(0))), nil }

func catBytes(r *row, dst []byte) ([]byte, error) {
	return append(append(dst, r.bytes(0)...), r.bytes(1)...), nil
}

func runes(b []byte) int64 { return int64(utf8.RuneCount(b)) }

// Case mapping is ASCII's, as PostgreSQL's under the C collation.

func appendLower(dst, s []byte) []byte {
	at := len(dst)
	dst = append(dst, s...)
	for i, c := range dst[at:] {
		if c >= 'A' && c <= 'Z' {
			dst[at+i] = c + 'a' - 'A'
		}
	}
	return dst
}

func appendUpper(dst, s []byte) []byte {
	at := len(dst)
	dst = append(dst, s...)
	for i, c := range dst[at:] {
		if c >= 'a' && c <= 'z' {
			dst[at+i] = c - ('a' - 'A')
		}
	}
	return dst
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func appendInitcap(dst, s []byte) []byte {
	at := len(dst)
	dst = appendLower(dst, s)
	inWord := false
	for i, c := range dst[at:] {
		if !inWord && c >= 'a' && c <= 'z' {
			dst[at+i] = c - ('a' - 'A')
		}
		inWord = isAlnum(c)
	}
	return dst
}

// runeOffset is the byte offset of character n (0-based), len(s) past the end.
func runeOffset(s []byte, n int64) int {
	if n <= 0 {
		return 0
	}
	i := 0
	for i < len(s) && n > 0 {
		if s[i] < utf8.RuneSelf {
			i++
		} else {
			_, w := utf8.DecodeRune(s[i:])
			i += w
		}
		n--
	}
	return i
}

var errNegativeSubstring = pgerr.New(pgerr.SubstringError, "negative substring length not allowed")

// span turns SQL's 1-based start and length into a 0-based range of units.
func span(start, length int64, bounded bool) (from, count int64, err error) {
	if !bounded {
		return max(start, 1) - 1, 1 << 40, nil
	}
	end := start + length
	if end > 1<<31-1 && length >= 0 { // PostgreSQL: an overflow means no bound
		return max(start, 1) - 1, 1 << 40, nil
	}
	if end < start {
		return 0, 0, errNegativeSubstring
	}
	from = max(start, 1) - 1
	return from, max(end-1-from, 0), nil
}

func registerSubstrings() {
	t, i4, b := types.Text, types.Int4, types.Bytea
	substr := func(bounded, byBytes bool) kernel {
		return retBytes(func(r *row, dst []byte) ([]byte, error) {
			s, length := r.bytes(0), int64(0)
			if bounded {
				length = r.int(2)
			}
			from, count, err := span(r.int(1), length, bounded)
			if err != nil {
				return dst, err
			}
			if byBytes {
				s = s[min(from, int64(len(s))):]
				return append(dst, s[:min(count, int64(len(s)))]...), nil
			}
			s = s[runeOffset(s, from):]
			return append(dst, s[:runeOffset(s, count)]...), nil
		})
	}
	alias(def("substring", "text_substr", t, substr(true, false), t, i4, i4), "substr")
	alias(def("substring", "text_substr_no_len", t, substr(false, false), t, i4), "substr")
	alias(def("substring", "bytea_substr", b, substr(true, true), b, i4, i4), "substr")
	alias(def("substring", "bytea_substr_no_len", b, substr(false, true), b, i4), "substr")
	def("left", "text_left", t, retBytes(func(r *row, dst []byte) ([]byte, error) {
		s, n := r.bytes(0), r.int(1)
		if n < 0 {
			n += runes(s)
		}
		return append(dst, s[:runeOffset(s, n)]...), nil
	}), t, i4)
	def("right", "text_right", t, retBytes(func(r *row, dst []byte) ([]byte, error) {
		s, n := r.bytes(0), r.int(1)
		if n < 0 {
			n = int64(int32(-n)) // the minimum stays: nothing is cut
		} else {
			n = runes(s) - n
		}
		return append(dst, s[runeOffset(s, n):]...), nil
	}), t, i4)
	pos := def("position", "textpos", i4, retInt(func(r *row) (int64, error) { return position(r.bytes(0), r.bytes(1)), nil }), t, t)
	alias(pos, "strpos")
	def("position", "byteapos", i4, retInt(func(r *row) (int64, error) { return int64(bytes.Index(r.bytes(0), r.bytes(1)) + 1), nil }), b, b)
	def("overlay", "textoverlay", t, retBytes(func(r *row, dst []byte) ([]byte, error) { return overlay(r, dst, r.int(3)) }), t, t, i4, i4)
	def("overlay", "textoverlay_no_len", t, retBytes(func(r *row, dst []byte) ([]byte, error) { return overlay(r, dst, runes(r.bytes(1))) }), t, t, i4)
	alias(op("^@", "text_starts_with", types.Boolean, retBool(func(r *row) (bool, error) { return bytes.HasPrefix(r.bytes(0), r.bytes(1)), nil }), t, t), "starts_with")
}

// position is the 1-based character position of sub in s, 0: not there.
func position(s, sub []byte) int64 {
	i := bytes.Index(s, sub)
	if i < 0 {
		return 0
	}
	return runes(s[:i]) + 1
}

// overlay replaces n characters of s from a position by another text.
func overlay(r *row, dst []byte, n int64) ([]byte, error) {
	s, start := r.bytes(0), r.int(2)
	if start <= 0 {
		return dst, errNegativeSubstring
	}
	if start+n > 1<<31-1 {
		return dst, errInteger
	}
	dst = append(dst, s[:runeOffset(s, start-1)]...)
	dst = append(dst, r.bytes(1)...)
	return append(dst, s[runeOffset(s, max(start+n-1, 0)):]...), nil
}

func registerPadding() {
	t, i4 := types.Text, types.Int4
	space := []byte(" ")
	def("lpad", "lpad", t, retBytes(func(r *row, dst []byte) ([]byte, error) { return pad(dst, r.bytes(0), r.int(1), r.bytes(2), true) }), t, i4, t)
	def("lpad", "lpad2", t, retBytes(func(r *row, dst []byte) ([]byte, error) { return pad(dst, r.bytes(0), r.int(1), space, true) }), t, i4)
	def("rpad", "rpad", t, retBytes(func(r *row, dst []byte) ([]byte, error) { return pad(dst, r.bytes(0), r.int(1), r.bytes(2), false) }), t, i4, t)
	def("rpad", "rpad2", t, retBytes(func(r *row, dst []byte) ([]byte, error) { return pad(dst, r.bytes(0), r.int(1), space, false) }), t, i4)
	def("repeat", "repeat", t, retBytes(func(r *row, dst []byte) ([]byte, error) {
		s, n := r.bytes(0), max(r.int(1), 0)
		if int64(len(s))*n > maxField-4 {
			return dst, errTooLong
		}
		for range n {
			dst = append(dst, s...)
		}
		return dst, nil
	}), t, i4)
	def("reverse", "text_reverse", t, retBytes(func(r *row, dst []byte) ([]byte, error) {
		for s := r.bytes(0); len(s) > 0; {
			_, w := utf8.DecodeLastRune(s)
			dst = append(dst, s[len(s)-w:]...)
			s = s[:len(s)-w]
		}
		return dst, nil
	}), t)
}

func pad(dst, s []byte, n int64, fill []byte, left bool) ([]byte, error) {
	n = max(n, 0)
	if len(fill) == 0 {
		n = min(n, runes(s))
	}
	if n*4 > maxField-4 {
		return dst, errTooLong
	}
	have := runes(s)
	if have >= n || len(fill) == 0 {
		return append(dst, s[:runeOffset(s, n)]...), nil
	}
	if !left {
		dst = append(dst, s...)
	}
	rest := fill
	for range n - have {
		if len(rest) == 0 {
			rest = fill
		}
		w := runeOffset(rest, 1)
		dst = append(dst, rest[:w]...)
		rest = rest[w:]
	}
	if left {
		dst = append(dst, s...)
	}
	return dst, nil
}

func registerTrims() {
	t, b := types.Text, types.Bytea
	for _, f := range []struct {
		name        string
		left, right bool
	}{{"btrim", true, true}, {"ltrim", true, false}, {"rtrim", false, true}} {
		def(f.name, f.name, t, retBytes(func(r *row, dst []byte) ([]byte, error) {
			return append(dst, trim(r.bytes(0), r.bytes(1), f.left, f.right)...), nil
		}), t, t)
		def(f.name, f.name+"1", t, retBytes(func(r *row, dst []byte) ([]byte, error) {
			return append(dst, trim(r.bytes(0), []byte(" "), f.left, f.right)...), nil
		}), t)
		def(f.name, "bytea"+f.name, b, retBytes(func(r *row, dst []byte) ([]byte, error) {
			return append(dst, trimBytes(r.bytes(0), r.bytes(1), f.left, f.right)...), nil
		}), b, b)
	}
}

func trim(s, set []byte, left, right bool) []byte {
	cut := string(set)
	if left {
		s = bytes.TrimLeft(s, cut)
	}
	if right {
		s = bytes.TrimRight(s, cut)
	}
	return s
}

func trimBytes(s, set []byte, left, right bool) []byte {
	for left && len(s) > 0 && bytes.IndexByte(set, s[0]) >= 0 {
		s = s[1:]
	}
	for right && len(s) > 0 && bytes.IndexByte(set, s[len(s)-1]) >= 0 {
		s = s[:len(s)-1]
	}
	return s
}
