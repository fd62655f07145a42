package jsonb

import (
	"fmt"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

type token uint8

const (
	tNone token = iota // before the first token
	tEnd
	tObjectStart
	tObjectEnd
	tArrayStart
	tArrayEnd
	tComma
	tColon
	tString
	tNumber
	tTrue
	tFalse
	tNull
)

// lexer holds one token of look-ahead. Tokens, and the extent of a bad one,
// follow PostgreSQL's lexer, because errors quote them.
type lexer struct {
	in         []byte
	tok        token
	start, end int    // the token's bytes
	str        []byte // the decoded string of a tString
}

func isAlnum(c byte) bool {
	return c-'0' < 10 || c|0x20-'a' < 26 && c|0x20 >= 'a' || c == '_' || c >= 0x80
}

var punct = [256]token{'{': tObjectStart, '}': tObjectEnd, '[': tArrayStart, ']': tArrayEnd, ',': tComma, ':': tColon}

func (l *lexer) next() error {
	i := l.end
	for i < len(l.in) && (l.in[i] == ' ' || l.in[i] == '\n' || l.in[i] == '\t' || l.in[i] == '\r') {
		i++
	}
	l.start = i
	if i == len(l.in) {
		l.tok, l.end = tEnd, i
		return nil
	}
	c := l.in[i]
	if t := punct[c]; t != tNone {
		l.tok, l.end = t, i+1
		return nil
	}
	switch {
	case c == '"':
		return l.lexString()
	case c == '-' || c-'0' < 10:
		return l.lexNumber()
	}
	for i < len(l.in) && isAlnum(l.in[i]) {
		i++
	}
	l.end = max(i, l.start+1)
	switch string(l.in[l.start:l.end]) {
	case "true":
		l.tok = tTrue
	case "false":
		l.tok = tFalse
	case "null":
		l.tok = tNull
	default:
		return l.invalidToken()
	}
	return nil
}

func (l *lexer) lexNumber() error {
	in, i, bad := l.in, l.start, false
	digits := func() bool {
		from := i
		for i < len(in) && in[i]-'0' < 10 {
			i++
		}
		return i > from
	}
	if in[i] == '-' {
		i++
	}
	if i < len(in) && in[i] == '0' {
		i++
	} else if !digits() {
		bad = true
	}
	if i < len(in) && in[i] == '.' {
		i++
		bad = !digits() || bad
	}
	if i < len(in) && in[i]|0x20 == 'e' {
		i++
		if i < len(in) && (in[i] == '+' || in[i] == '-') {
			i++
		}
		bad = !digits() || bad
	}
	for i < len(in) && isAlnum(in[i]) {
		i++
		bad = true
	}
	l.end = i
	if bad {
		return l.invalidToken()
	}
	l.tok = tNumber
	return nil
}

func (l *lexer) lexString() error {
	in, i := l.in, l.start+1
	l.tok = tString
	l.str = l.str[:0]
	high := rune(-1) // a high surrogate that waits for its low one
	for {
		from := i
		for i < len(in) && in[i] != '"' && in[i] != '\\' && in[i] >= 32 {
			i++
		}
		if i > from {
			if high != -1 {
				return l.failAfter(from, "Unicode low surrogate must follow a high surrogate.")
			}
			l.str = append(l.str, in[from:i]...)
		}
		switch {
		case i >= len(in):
			l.end = i
			return l.invalidToken()
		case in[i] == '"':
			l.end = i + 1
			if high != -1 {
				return l.fail("Unicode low surrogate must follow a high surrogate.")
			}
			return nil
		case in[i] < 32:
			l.end = i
			return l.fail("Character with value 0x%02x must be escaped.", in[i])
		}
		var err error
		if i, err = l.lexEscape(i+1, &high); err != nil {
			return err
		}
	}
}

// lexEscape decodes the escape whose character after the backslash is at i, and
// returns the position after it.
func (l *lexer) lexEscape(i int, high *rune) (int, error) {
	in := l.in
	if i >= len(in) {
		l.end = i
		return 0, l.invalidToken()
	}
	if in[i] == 'u' {
		return l.lexUnicode(i, high)
	}
	if *high != -1 {
		return 0, l.failAfter(i, "Unicode low surrogate must follow a high surrogate.")
	}
	c := in[i]
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
	default:
		_, n := utf8.DecodeRune(in[i:])
		return 0, l.failAfter(i, "Escape sequence \"\\%s\" is invalid.", in[i:i+n])
	}
	l.str = append(l.str, c)
	return i + 1, nil
}

func (l *lexer) lexUnicode(i int, high *rune) (int, error) {
	var ch rune
	for k := 1; k <= 4; k++ {
		if i+k >= len(l.in) {
			l.end = i + k
			return 0, l.invalidToken()
		}
		h := hexVal(l.in[i+k])
		if h < 0 {
			return 0, l.failAfter(i+k, "\"\\u\" must be followed by four hexadecimal digits.")
		}
		ch = ch<<4 | rune(h)
	}
	last := i + 4
	switch {
	case ch >= 0xD800 && ch < 0xDC00:
		if *high != -1 {
			return 0, l.failAfter(last, "Unicode high surrogate must not follow a high surrogate.")
		}
		*high = ch
		return last + 1, nil
	case ch >= 0xDC00 && ch < 0xE000:
		if *high == -1 {
			return 0, l.failAfter(last, "Unicode low surrogate must follow a high surrogate.")
		}
		ch = utf16.DecodeRune(*high, ch)
		*high = -1
	case *high != -1:
		return 0, l.failAfter(last, "Unicode low surrogate must follow a high surrogate.")
	case ch == 0:
		l.end = last + 1
		e := pgerr.New(pgerr.UntranslatableCharacter, "unsupported Unicode escape sequence")
		e.Detail = "\\u0000 cannot be converted to text."
		e.Where = l.context()
		return 0, e
	}
	l.str = utf8.AppendRune(l.str, ch)
	return last + 1, nil
}

func hexVal(c byte) int {
	switch {
	case c-'0' < 10:
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// failAfter fails with the token ending after the character at i.
func (l *lexer) failAfter(i int, detail string, args ...any) error {
	_, n := utf8.DecodeRune(l.in[i:])
	l.end = i + n
	return l.fail(detail, args...)
}

func (l *lexer) fail(detail string, args ...any) error {
	e := pgerr.New(pgerr.InvalidTextRepresentation, "invalid input syntax for type json")
	e.Detail = fmt.Sprintf(detail, args...)
	e.Where = l.context()
	return e
}

func (l *lexer) invalidToken() error {
	return l.fail("Token \"%s\" is invalid.", l.in[l.start:l.end])
}

// unexpected reports that the current token is not what the grammar wants.
func (l *lexer) unexpected(want string) error {
	if l.tok == tEnd {
		return l.fail("The input string ended unexpectedly.")
	}
	return l.fail("Expected %s, but found \"%s\".", want, l.in[l.start:l.end])
}

// context is PostgreSQL's CONTEXT line: the line of the error up to the token's
// end, cut to about 50 bytes.
func (l *lexer) context() string {
	line, from := 1, 0
	for i := 0; i < l.end; i++ {
		if l.in[i] == '\n' {
			line++
			from = i + 1
		}
	}
	at := from
	for l.end-at >= 50 {
		_, n := utf8.DecodeRune(l.in[at:])
		at += n
	}
	if at-from <= 3 {
		at = from
	}
	pre, suf := "", ""
	if at > from {
		pre = "..."
	}
	if l.tok != tEnd && l.end < len(l.in) && l.in[l.end] != '\n' && l.in[l.end] != '\r' {
		suf = "..."
	}
	return fmt.Sprintf("JSON data, line %d: %s%s%s", line, pre, l.in[at:l.end], suf)
}
