package expr

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

func init() {
	t, b := types.Text, types.Bytea
	def("encode", "binary_encode", t, retBytes(encode), b, t)
	def("decode", "binary_decode", b, retBytes(decode), t, t)
	def("convert_from", "pg_convert_from", t, retBytes(convertFrom), b, types.Name)
	def("convert_to", "pg_convert_to", b, retBytes(convertTo), t, types.Name)
	def("quote_ident", "quote_ident", t, retString(func(r *row) (string, error) { return quoteIdent(r.text(0)), nil }), t)
	def("quote_literal", "quote_literal", t, retString(func(r *row) (string, error) {
		return strings.TrimPrefix(quoteLiteral(r.text(0)), " "), nil
	}), t)
	def("quote_nullable", "quote_nullable", t, retString(func(r *row) (string, error) {
		if r.null(0) {
			return "NULL", nil
		}
		return strings.TrimPrefix(quoteLiteral(r.text(0)), " "), nil
	}), t).lax()
}

// encode writes bytes as hex, base64 (lines of 76 characters) or escape.
func encode(r *row, dst []byte) ([]byte, error) {
	s, format := r.bytes(0), strings.ToLower(r.text(1))
	switch format {
	case "hex":
		return hex.AppendEncode(dst, s), nil
	case "base64":
		for len(s) > 57 {
			dst = base64.StdEncoding.AppendEncode(dst, s[:57])
			dst = append(dst, '\n')
			s = s[57:]
		}
		dst = base64.StdEncoding.AppendEncode(dst, s)
		return dst, nil
	case "escape":
		for _, c := range s {
			switch {
			case c == 0 || c >= 0x80:
				dst = append(dst, '\\', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
			case c == '\\':
				dst = append(dst, '\\', '\\')
			default:
				dst = append(dst, c)
			}
		}
		return dst, nil
	}
	return dst, pgerr.New(pgerr.InvalidParameterValue, "unrecognized encoding: \"%s\"", r.text(1))
}

func decode(r *row, dst []byte) ([]byte, error) {
	s := r.bytes(0)
	switch strings.ToLower(r.text(1)) {
	case "hex":
		return decodeHex(dst, s)
	case "base64":
		return decodeBase64(dst, s)
	case "escape":
		return decodeEscape(dst, s)
	}
	return dst, pgerr.New(pgerr.InvalidParameterValue, "unrecognized encoding: \"%s\"", r.text(1))
}

func decodeHex(dst, s []byte) ([]byte, error) {
	digit := func(s []byte) (byte, error) {
		if i := strings.IndexByte("0123456789abcdef", s[0]|0x20); i >= 0 && s[0] != 0x10 {
			return byte(i), nil
		}
		_, w := utf8.DecodeRune(s)
		return 0, pgerr.New(pgerr.InvalidParameterValue, "invalid hexadecimal digit: \"%s\"", s[:w])
	}
	for len(s) > 0 {
		if bytes.IndexByte([]byte(" \n\t\r"), s[0]) >= 0 {
			s = s[1:]
			continue
		}
		hi, err := digit(s)
		if err != nil {
			return dst, err
		}
		if len(s) < 2 {
			return dst, pgerr.New(pgerr.InvalidParameterValue, "invalid hexadecimal data: odd number of digits")
		}
		lo, err := digit(s[1:])
		if err != nil {
			return dst, err
		}
		dst = append(dst, hi<<4|lo)
		s = s[2:]
	}
	return dst, nil
}

var errBase64End = pgerr.New(pgerr.InvalidParameterValue, "invalid base64 end sequence").
	WithHint("Input data is missing padding, is truncated, or is otherwise corrupted.")

func decodeBase64(dst, s []byte) ([]byte, error) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	var buf uint32
	pos, end := 0, 0
	for len(s) > 0 {
		_, w := utf8.DecodeRune(s)
		sym := s[:w]
		c := s[0]
		s = s[w:]
		if c == ' ' || c == '\t' || c == '\n' || c == '\r' {
			continue
		}
		v := 0
		if c == '=' {
			if end == 0 {
				switch pos {
				case 2:
					end = 1
				case 3:
					end = 2
				default:
					return dst, pgerr.New(pgerr.InvalidParameterValue, "unexpected \"=\" while decoding base64 sequence")
				}
			}
		} else if v = strings.IndexByte(alphabet, c); v < 0 {
			return dst, pgerr.New(pgerr.InvalidParameterValue, "invalid symbol \"%s\" found while decoding base64 sequence", sym)
		}
		buf = buf<<6 | uint32(v)
		if pos++; pos == 4 {
			dst = append(dst, byte(buf>>16))
			if end == 0 || end > 1 {
				dst = append(dst, byte(buf>>8))
			}
			if end == 0 || end > 2 {
				dst = append(dst, byte(buf))
			}
			buf, pos = 0, 0
		}
	}
	if pos != 0 {
		return dst, errBase64End
	}
	return dst, nil
}

func decodeEscape(dst, s []byte) ([]byte, error) {
	octal := func(c byte, hi byte) bool { return c >= '0' && c <= hi }
	for len(s) > 0 {
		switch {
		case s[0] != '\\':
			dst = append(dst, s[0])
			s = s[1:]
		case len(s) > 3 && octal(s[1], '3') && octal(s[2], '7') && octal(s[3], '7'):
			dst = append(dst, (s[1]-'0')<<6|(s[2]-'0')<<3|(s[3]-'0'))
			s = s[4:]
		case len(s) > 1 && s[1] == '\\':
			dst = append(dst, '\\')
			s = s[2:]
		default:
			return dst, pgerr.New(pgerr.InvalidTextRepresentation, "invalid input syntax for type bytea")
		}
	}
	return dst, nil
}

// checkUTF8Name accepts the names of UTF8, the only encoding there is; which
// is "source" or "destination".
func checkUTF8Name(which, name string) error {
	switch strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(name)) {
	case "utf8", "unicode":
		return nil
	}
	return pgerr.New(pgerr.InvalidParameterValue, "invalid %s encoding name \"%s\"", which, name)
}

func convertFrom(r *row, dst []byte) ([]byte, error) {
	if err := checkUTF8Name("source", r.text(1)); err != nil {
		return dst, err
	}
	s := r.bytes(0)
	for i := 0; i < len(s); {
		c, w := utf8.DecodeRune(s[i:])
		if c == utf8.RuneError && w <= 1 || c == 0 {
			n := 1
			if s[i] >= 0xc0 {
				n = min(len(s)-i, sequenceLen(s[i]))
			}
			return dst, pgerr.New(pgerr.CharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\": %s", hexBytes(s[i:i+n]))
		}
		i += w
	}
	return append(dst, s...), nil
}

// sequenceLen is the number of bytes that a UTF-8 lead byte announces.
func sequenceLen(lead byte) int {
	switch {
	case lead&0xe0 == 0xc0:
		return 2
	case lead&0xf0 == 0xe0:
		return 3
	case lead&0xf8 == 0xf0:
		return 4
	}
	return 1
}

func hexBytes(b []byte) string {
	var parts []string
	for _, c := range b {
		parts = append(parts, "0x"+hex.EncodeToString([]byte{c}))
	}
	return strings.Join(parts, " ")
}

func convertTo(r *row, dst []byte) ([]byte, error) {
	if err := checkUTF8Name("destination", r.text(1)); err != nil {
		return dst, err
	}
	return append(dst, r.bytes(0)...), nil
}

// quoteIdent is quote_ident: quoted unless it is a plain lower-case name that
// is no keyword.
func quoteIdent(s string) string {
	safe := s != ""
	for i, c := range s {
		if !(c >= 'a' && c <= 'z' || c == '_' || i > 0 && c >= '0' && c <= '9') {
			safe = false
		}
	}
	if safe && !reservedWords[s] {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}
