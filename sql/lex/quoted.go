package lex

import (
	"strings"
	"unicode/utf8"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// continued reports whether the string that ended at i goes on: blanks with at
// least one newline, then a quote. It returns the offset after that quote.
func (s *scanner) continued(i int) (int, bool) {
	newline := false
	for i < len(s.src) {
		c := s.src[i]
		switch {
		case c == '\n' || c == '\r':
			newline = true
			i++
		case isSpace(c):
			i++
		case c == '-' && s.at(i+1) == '-':
			for i < len(s.src) && s.src[i] != '\n' && s.src[i] != '\r' {
				i++
			}
		default:
			return i + 1, newline && c == '\''
		}
	}
	return i, false
}

// quoted reads a string whose opening quote is at q; esc: with backslashes.
func (s *scanner) quoted(start, q int, kind Kind, esc bool) (Token, *pgerr.Error) {
	i := q + 1
	if !esc {
		// The common case needs no copy.
		if n := strings.IndexByte(s.src[i:], '\''); n >= 0 && s.at(i+n+1) != '\'' {
			if _, more := s.continued(i + n + 1); !more {
				s.i = i + n + 1
				return Token{Kind: kind, Pos: start, End: s.i, Val: s.src[i : i+n]}, nil
			}
		}
	}
	var b strings.Builder
	checked := false // a byte of 0x80 or more came from \ooo or \xhh
	for {
		if i >= len(s.src) {
			return Token{}, s.fail("unterminated quoted string", start)
		}
		c := s.src[i]
		switch {
		case c == '\'' && s.at(i+1) == '\'':
			b.WriteByte('\'')
			i += 2
		case c == '\'':
			j, more := s.continued(i + 1)
			if more {
				i = j
				continue
			}
			s.i = i + 1
			if checked && !utf8.ValidString(b.String()) || strings.IndexByte(b.String(), 0) >= 0 {
				return Token{}, invalidIn(b.String())
			}
			return Token{Kind: kind, Pos: start, End: s.i, Val: b.String()}, nil
		case c == '\\' && esc:
			n, err := s.escape(i, start, &b)
			if err != nil {
				return Token{}, err
			}
			checked = true
			i += n
		default:
			b.WriteByte(c)
			i++
		}
	}
}

// invalidIn is the error for a decoded string that is not UTF-8.
func invalidIn(v string) *pgerr.Error {
	for i := 0; i < len(v); {
		r, n := utf8.DecodeRuneInString(v[i:])
		if r == 0 {
			return badEncoding("\x00")
		}
		if r == utf8.RuneError && n == 1 {
			return badEncoding(v[i:min(len(v), i+max(1, min(runeLen(v[i]), len(v)-i)))])
		}
		i += n
	}
	return badEncoding(v)
}

// runeLen is the length of the character that starts with byte c.
func runeLen(c byte) int {
	switch {
	case c >= 0xf0:
		return 4
	case c >= 0xe0:
		return 3
	case c >= 0xc0:
		return 2
	}
	return 1
}

// escape decodes the backslash sequence at i and returns its length.
func (s *scanner) escape(i, start int, b *strings.Builder) (int, *pgerr.Error) {
	c := s.at(i + 1)
	switch c {
	case 'b':
		b.WriteByte('\b')
	case 'f':
		b.WriteByte('\f')
	case 'n':
		b.WriteByte('\n')
	case 'r':
		b.WriteByte('\r')
	case 't':
		b.WriteByte('\t')
	case 'x':
		v, n := s.digits(i+2, 2, 16)
		if n == 0 {
			b.WriteByte('x')
			return 2, nil
		}
		b.WriteByte(byte(v))
		return 2 + n, nil
	case 'u':
		return s.unicodeEscape(i, 4, start, b)
	case 'U':
		return s.unicodeEscape(i, 8, start, b)
	case '0', '1', '2', '3', '4', '5', '6', '7':
		v, n := s.digits(i+1, 3, 8)
		b.WriteByte(byte(v))
		return 1 + n, nil
	default:
		if i+1 >= len(s.src) {
			return 0, s.fail("unterminated quoted string", start)
		}
		b.WriteByte(c)
	}
	return 2, nil
}

// digits reads up to n digits of a base at i: their value and number.
func (s *scanner) digits(i, n, base int) (v, count int) {
	for count < n {
		d := hexVal(s.at(i + count))
		if d < 0 || d >= base {
			break
		}
		v = v*base + d
		count++
	}
	return v, count
}

func hexVal(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// unicodeEscape decodes \uXXXX or \UXXXXXXXX at i, surrogate pairs included.
func (s *scanner) unicodeEscape(i, n, start int, b *strings.Builder) (int, *pgerr.Error) {
	v, got := s.digits(i+2, n, 16)
	if got < n {
		return 0, pgerr.New(pgerr.InvalidEscapeSequence, "invalid Unicode escape").At(i + 1).
			WithHint("Unicode escapes must be \\uXXXX or \\UXXXXXXXX.")
	}
	size := 2 + n
	if v >= 0xD800 && v < 0xDC00 {
		low, k := 0, 0
		if s.at(i+size) == '\\' {
			switch s.at(i + size + 1) {
			case 'u':
				k = 4
			case 'U':
				k = 8
			}
		}
		if k > 0 {
			low, got = s.digits(i+size+2, k, 16)
		}
		if k == 0 || got < k || low < 0xDC00 || low > 0xDFFF {
			return 0, nearErr(pgerr.SyntaxError, "invalid Unicode surrogate pair", s.src, i+size, min(len(s.src), i+size+1))
		}
		v = 0x10000 + (v-0xD800)<<10 + (low - 0xDC00)
		size += 2 + k
	} else if v >= 0xDC00 && v <= 0xDFFF {
		return 0, nearErr(pgerr.SyntaxError, "invalid Unicode surrogate pair", s.src, i, min(len(s.src), i+size))
	}
	if v == 0 || v > utf8.MaxRune {
		return 0, nearErr(pgerr.SyntaxError, "invalid Unicode escape value", s.src, i, min(len(s.src), i+size))
	}
	b.WriteRune(rune(v))
	return size, nil
}

// bits reads B'…' and X'…'; what is inside is checked by the type's input.
func (s *scanner) bits(start int, kind Kind, prefix, unterminated string) (Token, *pgerr.Error) {
	var b strings.Builder
	b.WriteString(prefix)
	for i := start + 2; i < len(s.src); i++ {
		if s.src[i] != '\'' {
			b.WriteByte(s.src[i])
			continue
		}
		if j, more := s.continued(i + 1); more {
			i = j - 1
			continue
		}
		s.i = i + 1
		return Token{Kind: kind, Pos: start, End: s.i, Val: b.String()}, nil
	}
	return Token{}, s.fail(unterminated, start)
}

// quotedName reads "name".
func (s *scanner) quotedName(start int) (Token, *pgerr.Error) {
	val, end, err := s.rawName(start, start)
	if err != nil {
		return Token{}, err
	}
	s.i = end
	return Token{Kind: Quoted, Pos: start, End: end, Val: TruncateName(val)}, nil
}

// rawName reads from the opening double quote at q to the closing one.
func (s *scanner) rawName(start, q int) (string, int, *pgerr.Error) {
	var b strings.Builder
	for i := q + 1; i < len(s.src); i++ {
		if s.src[i] != '"' {
			b.WriteByte(s.src[i])
			continue
		}
		if s.at(i+1) == '"' {
			b.WriteByte('"')
			i++
			continue
		}
		if b.Len() == 0 {
			return "", 0, nearErr(pgerr.SyntaxError, "zero-length delimited identifier", s.src, start, i+1)
		}
		return b.String(), i + 1, nil
	}
	return "", 0, s.fail("unterminated quoted identifier", start)
}

// unicode reads U&'…' and U&"…" with an optional UESCAPE 'c' behind it.
func (s *scanner) unicode(start int) (Token, *pgerr.Error) {
	var t Token
	var err *pgerr.Error
	body := start + 3
	if s.src[start+2] == '"' {
		var end int
		t = Token{Kind: Quoted, Pos: start}
		t.Val, end, err = s.rawName(start, start+2)
		s.i = end
		t.End = end
	} else {
		t, err = s.quoted(start, start+2, String, false)
	}
	if err != nil {
		return Token{}, err
	}
	esc := byte('\\')
	save := s.i
	if w, err := s.next(); err == nil && w.Kind == Ident && w.Val == "uescape" {
		c, err := s.next()
		if err != nil {
			return Token{}, err
		}
		if c.Kind != String || len(c.Val) != 1 || strings.ContainsAny(c.Val, "+'\" \t\n\r\f") || hexVal(c.Val[0]) >= 0 {
			msg := "invalid Unicode escape character"
			if c.Kind != String {
				msg = "UESCAPE must be followed by a simple string literal"
			}
			return Token{}, nearErr(pgerr.SyntaxError, msg, s.src, c.Pos, c.End)
		}
		esc, t.End = c.Val[0], c.End
	} else {
		s.i = save
	}
	t.Val, err = decodeUnicode(t.Val, esc, body)
	if err != nil {
		return Token{}, err
	}
	if t.Kind == Quoted {
		t.Val = TruncateName(t.Val)
	}
	return t, nil
}

// decodeUnicode replaces \XXXX and \+XXXXXX; body is the offset of v's first
// byte in the text.
func decodeUnicode(v string, esc byte, body int) (string, *pgerr.Error) {
	var b strings.Builder
	high := 0
	for i := 0; i < len(v); {
		if v[i] != esc || i+1 < len(v) && v[i+1] == esc {
			if high != 0 {
				return "", pgerr.New(pgerr.SyntaxError, "invalid Unicode surrogate pair").At(body + i + 1)
			}
			b.WriteByte(v[i])
			if v[i] == esc {
				i++
			}
			i++
			continue
		}
		from, n := i+1, 4
		if from < len(v) && v[from] == '+' {
			from, n = from+1, 6
		}
		sub := scanner{src: v}
		c, got := sub.digits(from, n, 16)
		if got < n {
			return "", pgerr.New(pgerr.SyntaxError, "invalid Unicode escape").At(body + i + 1).
				WithHint("Unicode escapes must be \\XXXX or \\+XXXXXX.")
		}
		isLow := c >= 0xDC00 && c <= 0xDFFF
		switch {
		case (high != 0) != isLow:
			return "", pgerr.New(pgerr.SyntaxError, "invalid Unicode surrogate pair").At(body + i + 1)
		case isLow:
			b.WriteRune(rune(0x10000 + (high-0xD800)<<10 + (c - 0xDC00)))
			high = 0
		case c >= 0xD800 && c < 0xDC00:
			high = c
		case c == 0 || c > utf8.MaxRune:
			return "", pgerr.New(pgerr.SyntaxError, "invalid Unicode escape value").At(body + i + 1)
		default:
			b.WriteRune(rune(c))
		}
		i = from + n
	}
	if high != 0 {
		return "", pgerr.New(pgerr.SyntaxError, "invalid Unicode surrogate pair").At(body + len(v) + 1)
	}
	return b.String(), nil
}
