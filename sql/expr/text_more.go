package expr

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"strconv"
	"unicode/utf8"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

func init() {
	t, i4, b := types.Text, types.Int4, types.Bytea
	def("replace", "replace_text", t, retBytes(replaceText), t, t, t)
	def("split_part", "split_part", t, retBytes(splitPart), t, t, i4)
	def("translate", "translate", t, retBytes(translateText), t, t, t)
	def("ascii", "ascii", i4, retInt(func(r *row) (int64, error) {
		if len(r.bytes(0)) == 0 {
			return 0, nil
		}
		c, _ := utf8.DecodeRune(r.bytes(0))
		return int64(c), nil
	}), t)
	def("chr", "chr", t, retBytes(chr), i4)
	hashText := func(sum func(b []byte) []byte) kernel {
		return retBytes(func(r *row, dst []byte) ([]byte, error) { return hex.AppendEncode(dst, sum(r.bytes(0))), nil })
	}
	md5sum := func(b []byte) []byte { h := md5.Sum(b); return h[:] }
	def("md5", "md5_text", t, hashText(md5sum), t)
	def("md5", "md5_bytea", t, hashText(md5sum), b)
	for name, sum := range map[string]func(b []byte) []byte{
		"sha224": func(b []byte) []byte { h := sha256.Sum224(b); return h[:] },
		"sha256": func(b []byte) []byte { h := sha256.Sum256(b); return h[:] },
		"sha384": func(b []byte) []byte { h := sha512.Sum384(b); return h[:] },
		"sha512": func(b []byte) []byte { h := sha512.Sum512(b); return h[:] },
	} {
		def(name, name+"_bytea", b, retBytes(func(r *row, dst []byte) ([]byte, error) { return append(dst, sum(r.bytes(0))...), nil }), b)
	}
	def("to_hex", "to_hex32", t, retBytes(func(r *row, dst []byte) ([]byte, error) {
		return strconv.AppendUint(dst, uint64(uint32(r.int(0))), 16), nil
	}), i4)
	def("to_hex", "to_hex64", t, retBytes(func(r *row, dst []byte) ([]byte, error) {
		return strconv.AppendUint(dst, uint64(r.int(0)), 16), nil
	}), types.Int8)
	def("get_byte", "byteaGetByte", i4, retInt(getByte), b, i4)
}

func replaceText(r *row, dst []byte) ([]byte, error) {
	s, from, to := r.bytes(0), r.bytes(1), r.bytes(2)
	if len(from) == 0 {
		return append(dst, s...), nil
	}
	for {
		i := bytes.Index(s, from)
		if i < 0 {
			return append(dst, s...), nil
		}
		dst = append(append(dst, s[:i]...), to...)
		s = s[i+len(from):]
	}
}

var errFieldZero = pgerr.New(pgerr.InvalidParameterValue, "field position must not be zero")

// splitPart is field n of s, counted from 1 or, negative, from the end.
func splitPart(r *row, dst []byte) ([]byte, error) {
	s, sep, n := r.bytes(0), r.bytes(1), r.int(2)
	if n == 0 {
		return dst, errFieldZero
	}
	if len(s) == 0 {
		return dst, nil
	}
	if len(sep) == 0 {
		if n == 1 || n == -1 {
			dst = append(dst, s...)
		}
		return dst, nil
	}
	if n < 0 {
		n += int64(bytes.Count(s, sep)) + 2
		if n <= 0 {
			return dst, nil
		}
	}
	for ; ; n-- {
		i := bytes.Index(s, sep)
		if n == 1 {
			if i >= 0 {
				s = s[:i]
			}
			return append(dst, s...), nil
		}
		if i < 0 {
			return dst, nil
		}
		s = s[i+len(sep):]
	}
}

// translateText replaces each character of from by the one at its place in to
// and drops it when to is shorter.
func translateText(r *row, dst []byte) ([]byte, error) {
	from, to := []rune(r.text(1)), []rune(r.text(2))
next:
	for _, c := range r.text(0) {
		for k, f := range from {
			if f == c {
				if k < len(to) {
					dst = utf8.AppendRune(dst, to[k])
				}
				continue next
			}
		}
		dst = utf8.AppendRune(dst, c)
	}
	return dst, nil
}

func chr(r *row, dst []byte) ([]byte, error) {
	n := r.int(0)
	switch {
	case n < 0:
		return dst, pgerr.New(pgerr.InvalidParameterValue, "character number must be positive")
	case n == 0:
		return dst, pgerr.New(pgerr.ProgramLimitExceeded, "null character not permitted")
	case n > utf8.MaxRune:
		return dst, pgerr.New(pgerr.ProgramLimitExceeded, "requested character too large for encoding: %d", uint32(n))
	case !utf8.ValidRune(rune(n)):
		return dst, pgerr.New(pgerr.ProgramLimitExceeded, "requested character not valid for encoding: %d", uint32(n))
	}
	return utf8.AppendRune(dst, rune(n)), nil
}

func getByte(r *row) (int64, error) {
	s, n := r.bytes(0), r.int(1)
	if n < 0 || n >= int64(len(s)) {
		return 0, pgerr.New(pgerr.ArraySubscriptError, "index %d out of valid range, 0..%d", n, len(s)-1)
	}
	return int64(s[n]), nil
}
