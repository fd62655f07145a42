package json

import (
	"unicode/utf16"
	"unicode/utf8"
)

// unescape appends the text of the string body s, which scanString found to be
// escaped. why says what is wrong with it; empty: nothing. strict also refuses
// what no SQL text can hold: \u0000 and surrogates without their other half.
func unescape(dst, s []byte, strict bool) (out []byte, why string) {
	for i := 0; i < len(s); {
		c := s[i]
		if c != '\\' {
			dst = append(dst, c)
			i++
			continue
		}
		c = s[i+1] // a body never ends in a lone backslash
		i += 2
		switch c {
		case '"', '\\', '/':
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
			r, n, why := unescapeRune(s[i:], strict)
			if why != "" {
				return dst, why
			}
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		default:
			return dst, "invalid escape in a string"
		}
		dst = append(dst, c)
	}
	return dst, ""
}

// unescapeRune reads the hexadecimal digits after \u, and the second escape of a
// surrogate pair; n is their length in bytes.
func unescapeRune(s []byte, strict bool) (r rune, n int, why string) {
	r, ok := hex4(s)
	if !ok {
		return 0, 0, `\u without four hexadecimal digits`
	}
	if r == 0 && strict {
		return 0, 0, `\u0000 cannot be converted to text`
	}
	if !utf16.IsSurrogate(r) {
		return r, 4, ""
	}
	if len(s) >= 6 && s[4] == '\\' && s[5] == 'u' {
		low, ok := hex4(s[6:])
		if !ok {
			return 0, 0, `\u without four hexadecimal digits`
		}
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, 10, ""
		}
	}
	if strict {
		return 0, 0, "a surrogate without its other half"
	}
	return utf8.RuneError, 4, ""
}

func hex4(s []byte) (r rune, ok bool) {
	if len(s) < 4 {
		return 0, false
	}
	for _, c := range s[:4] {
		switch {
		case c-'0' < 10:
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
