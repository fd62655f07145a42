package regex

import (
	"bytes"
	"unicode/utf8"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// AppendSimilar appends the advanced regular expression for a SIMILAR TO
// pattern with the given escape character (empty: none).
func AppendSimilar(dst, pat, esc []byte) ([]byte, error) {
	if len(esc) > 0 && utf8.RuneCount(esc) != 1 {
		return dst, pgerr.New(pgerr.InvalidEscapeSequence, "invalid escape string").
			WithHint("Escape string must be empty or one character.")
	}
	dst = append(dst, "^(?:"...)
	after, inSet := false, false
	for len(pat) > 0 {
		_, w := utf8.DecodeRune(pat)
		ch := pat[:w]
		c := pat[0]
		pat = pat[w:]
		switch {
		case after:
			if c == '"' && !inSet {
				return dst, pgerr.Unsupported(0, "a SIMILAR pattern with escape-double-quote separators")
			}
			dst = append(append(dst, '\\'), ch...)
			after = false
		case len(esc) > 0 && bytes.Equal(ch, esc):
			after = true
		case inSet:
			if c == '\\' {
				dst = append(dst, '\\')
			}
			dst = append(dst, ch...)
			inSet = c != ']'
		case c == '[':
			dst = append(dst, c)
			inSet = true
		case c == '%':
			dst = append(dst, ".*"...)
		case c == '_':
			dst = append(dst, '.')
		case c == '(':
			dst = append(dst, "(?:"...)
		case c == '\\' || c == '.' || c == '^' || c == '$':
			dst = append(dst, '\\', c)
		default:
			dst = append(dst, ch...)
		}
	}
	return append(dst, ")$"...), nil
}
