package lex

import (
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

type scanner struct {
	src string
	i   int
}

// next returns the next token; at the end EOF, again and again.
func (s *scanner) next() (Token, *pgerr.Error) {
	if err := s.skipBlank(); err != nil {
		return Token{}, err
	}
	start := s.i
	if start >= len(s.src) {
		return Token{Kind: EOF, Pos: start, End: start}, nil
	}
	c := s.src[start]
	switch {
	case c == '\'':
		return s.quoted(start, start, String, false)
	case c == '"':
		return s.quotedName(start)
	case isIdentStart(c):
		return s.word(start)
	case c >= '0' && c <= '9', c == '.' && isDigit(s.at(start+1)):
		return s.number(start)
	case c == '$':
		return s.dollar(start)
	case isOpChar(c):
		return s.operator(start)
	case c == ':':
		if n := s.at(start + 1); n == ':' || n == '=' {
			return s.punct(start, 2)
		}
		return s.punct(start, 1)
	case c == '.' && s.at(start+1) == '.':
		return s.punct(start, 2)
	}
	// Every other byte is a token of its own: the grammar refuses those it
	// does not know.
	return s.punct(start, 1)
}

func (s *scanner) punct(start, n int) (Token, *pgerr.Error) {
	s.i = start + n
	return Token{Kind: Punct, Pos: start, End: s.i, Val: s.src[start:s.i]}, nil
}

func (s *scanner) at(i int) byte {
	if i < len(s.src) {
		return s.src[i]
	}
	return 0
}

func (s *scanner) fail(msg string, pos int) *pgerr.Error {
	return nearErr(pgerr.SyntaxError, msg, s.src, pos, len(s.src))
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'
}
func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isIdentStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}
func isIdent(c byte) bool { return isIdentStart(c) || isDigit(c) || c == '$' }
func isOpChar(c byte) bool {
	return strings.IndexByte("~!@#^&|`?+-*/%<>=", c) >= 0
}

// skipBlank passes blanks and comments; block comments nest.
func (s *scanner) skipBlank() *pgerr.Error {
	for s.i < len(s.src) {
		c := s.src[s.i]
		switch {
		case isSpace(c):
			s.i++
		case c == '-' && s.at(s.i+1) == '-':
			s.lineComment()
		case c == '/' && s.at(s.i+1) == '*':
			if err := s.blockComment(); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	return nil
}

func (s *scanner) lineComment() {
	for s.i < len(s.src) && s.src[s.i] != '\n' && s.src[s.i] != '\r' {
		s.i++
	}
}

func (s *scanner) blockComment() *pgerr.Error {
	start, depth := s.i, 0
	for s.i < len(s.src) {
		switch {
		case s.src[s.i] == '/' && s.at(s.i+1) == '*':
			depth++
			s.i += 2
		case s.src[s.i] == '*' && s.at(s.i+1) == '/':
			depth--
			s.i += 2
			if depth == 0 {
				return nil
			}
		default:
			s.i++
		}
	}
	return s.fail("unterminated /* comment", start)
}

// word reads a name, a keyword, or the prefix of a string (E, B, X, N, U&).
func (s *scanner) word(start int) (Token, *pgerr.Error) {
	next := s.at(start + 1)
	switch s.src[start] {
	case 'e', 'E':
		if next == '\'' {
			return s.quoted(start, start+1, String, true)
		}
	case 'b', 'B':
		if next == '\'' {
			return s.bits(start, BitString, "b", "unterminated bit string literal")
		}
	case 'x', 'X':
		if next == '\'' {
			return s.bits(start, HexString, "x", "unterminated hexadecimal string literal")
		}
	case 'n', 'N':
		if next == '\'' {
			// N'text' is the word NCHAR and a string.
			s.i = start + 1
			return Token{Kind: Ident, Cat: ColName, Pos: start, End: s.i, Val: "nchar"}, nil
		}
	case 'u', 'U':
		if next == '&' && (s.at(start+2) == '\'' || s.at(start+2) == '"') {
			return s.unicode(start)
		}
	}
	i := start + 1
	upper := s.src[start] >= 'A' && s.src[start] <= 'Z'
	for i < len(s.src) && isIdent(s.src[i]) {
		if s.src[i] >= 'A' && s.src[i] <= 'Z' {
			upper = true
		}
		i++
	}
	s.i = i
	val := s.src[start:i]
	if upper {
		val = foldASCII(val)
	}
	t := Token{Kind: Ident, Pos: start, End: i, Val: val, Cat: keywords[val]}
	if t.Cat == None {
		t.Val = TruncateName(val)
	}
	return t, nil
}

// foldASCII lowers A to Z only: other letters keep their case, as in a UTF8
// database.
func foldASCII(v string) string {
	b := []byte(v)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 32
		}
	}
	return string(b)
}

func (s *scanner) number(start int) (Token, *pgerr.Error) {
	i, kind := start, Integer
	for isDigit(s.at(i)) {
		i++
	}
	if s.at(i) == '.' && s.at(i+1) != '.' {
		kind = Decimal
		for i++; isDigit(s.at(i)); i++ {
		}
	}
	if c := s.at(i); c == 'e' || c == 'E' {
		j := i + 1
		if c := s.at(j); c == '+' || c == '-' {
			j++
		}
		if !isDigit(s.at(j)) {
			return Token{}, nearErr(pgerr.SyntaxError, "trailing junk after numeric literal", s.src, start, j)
		}
		for kind = Decimal; isDigit(s.at(j)); j++ {
		}
		i = j
	}
	if i < len(s.src) && isIdentStart(s.src[i]) {
		return Token{}, nearErr(pgerr.SyntaxError, "trailing junk after numeric literal", s.src, start, s.wordEnd(i))
	}
	s.i = i
	return Token{Kind: kind, Pos: start, End: i, Val: s.src[start:i]}, nil
}

// wordEnd is the end of the name characters at i.
func (s *scanner) wordEnd(i int) int {
	for i < len(s.src) && isIdent(s.src[i]) {
		i++
	}
	return i
}

// dollar reads $1 or a dollar-quoted string.
func (s *scanner) dollar(start int) (Token, *pgerr.Error) {
	if isDigit(s.at(start + 1)) {
		i := start + 1
		for isDigit(s.at(i)) {
			i++
		}
		if i < len(s.src) && isIdentStart(s.src[i]) {
			return Token{}, nearErr(pgerr.SyntaxError, "trailing junk after parameter", s.src, start, s.wordEnd(i))
		}
		s.i = i
		return Token{Kind: Param, Pos: start, End: i, Val: s.src[start+1 : i]}, nil
	}
	i := start + 1
	if isIdentStart(s.at(i)) {
		for i < len(s.src) && (isIdentStart(s.src[i]) || isDigit(s.src[i])) {
			i++
		}
	}
	if s.at(i) != '$' {
		return s.punct(start, 1)
	}
	tag := s.src[start : i+1]
	n := strings.Index(s.src[i+1:], tag)
	if n < 0 {
		return Token{}, s.fail("unterminated dollar-quoted string", start)
	}
	s.i = i + 1 + n + len(tag)
	return Token{Kind: String, Pos: start, End: s.i, Val: s.src[i+1 : i+1+n]}, nil
}

// operator reads the longest operator: a comment inside ends it, and a multi-
// character one may end in + or - only if it holds one of ~ ! @ # ^ & | ` ? %.
func (s *scanner) operator(start int) (Token, *pgerr.Error) {
	i := start
	for i < len(s.src) && isOpChar(s.src[i]) {
		if i > start && (s.src[i] == '*' && s.src[i-1] == '/' || s.src[i] == '-' && s.src[i-1] == '-') {
			i--
			break
		}
		i++
	}
	op := s.src[start:i]
	if len(op) > 1 && (op[len(op)-1] == '+' || op[len(op)-1] == '-') && !strings.ContainsAny(op[:len(op)-1], "~!@#^&|`?%") {
		for len(op) > 1 && (op[len(op)-1] == '+' || op[len(op)-1] == '-') {
			op = op[:len(op)-1]
		}
	}
	s.i = start + len(op)
	t := Token{Kind: Op, Pos: start, End: s.i, Val: op}
	switch op {
	case "+", "-", "*", "/", "%", "^", "<", ">", "=", "=>", "<=", ">=", "<>":
		t.Kind = Punct
	case "!=":
		t.Kind, t.Val = Punct, "<>"
	}
	if len(op) > MaxName {
		return Token{}, nearErr(pgerr.SyntaxError, "operator too long", s.src, start, s.i)
	}
	return t, nil
}
