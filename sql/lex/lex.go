// Package lex cuts PostgreSQL text into tokens, by the rules of PostgreSQL 15's
// scanner (src/backend/parser/scan.l): folding of unquoted names; escape (E),
// Unicode (U&), dollar-quoted, bit and hexadecimal strings; nested comments;
// maximal munch of operators with the rule of the trailing + and -; and its
// messages for text that cannot be a token.
package lex

import (
	"strings"
	"unicode/utf8"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// Limits of one text. Past them Scan fails with SQLSTATE 54000.
const (
	MaxBytes = 16 << 20
	// MaxTokens also bounds the memory of a parse, some 600 bytes a token.
	MaxTokens = 1 << 19
	// MaxName is the longest identifier in bytes; longer ones are truncated, as
	// NAMEDATALEN does.
	MaxName = 63
)

// Kind of a token.
type Kind uint8

const (
	EOF       Kind = iota
	Ident          // unquoted name or keyword; Val is folded
	Quoted         // "name"; Val is the name
	String         // 'text' in any spelling; Val is the text
	BitString      // B'01'; Val is "b01"
	HexString      // X'1F'; Val is "x1F"
	Integer        // digits only
	Decimal        // any other number
	Param          // $N; Val is the digits
	Op             // operator of PostgreSQL's Op class; Val is its text
	Punct          // a token of its own: ( ) [ ] , ; : . + - * / % ^ < > = and :: .. := => <= >= <>
	Bad            // the scanner's error stands here; Scan stops after it
)

// Token is one token of the text.
type Token struct {
	Kind Kind
	Cat  Category // of Ident: its keyword category, None for a plain name
	Pos  int      // byte offset of its first byte
	End  int      // byte offset after its last byte
	Val  string
}

// Is reports whether t is the unquoted word or the punctuation s.
func (t *Token) Is(s string) bool {
	return (t.Kind == Ident || t.Kind == Punct) && t.Val == s
}

// Tokens is a text cut into tokens. The last one is EOF.
type Tokens struct {
	Src string
	T   []Token
	// Match[i] is, for "(" and "[" at i, the index of the token that closes it
	// (the EOF's index when nothing does).
	Match []int32
	bad   *pgerr.Error
}

// Scan cuts src. An error of the scanner becomes a Bad token, because
// PostgreSQL reports whichever comes first, the scanner's or the grammar's; only
// text past the limits or not UTF-8 fails at once.
func Scan(src string) (*Tokens, error) {
	if len(src) > MaxBytes {
		return nil, pgerr.New(pgerr.ProgramLimitExceeded, "statement is too long: %d bytes, at most %d", len(src), MaxBytes)
	}
	if err := checkUTF8(src); err != nil {
		return nil, err
	}
	s := &scanner{src: src}
	ts := &Tokens{Src: src, T: make([]Token, 0, len(src)/4+8)}
	for {
		t, err := s.next()
		if err != nil {
			ts.bad = err
			t = Token{Kind: Bad, Pos: max(0, err.Pos-1), End: len(src)}
		}
		ts.T = append(ts.T, t)
		if len(ts.T) > MaxTokens {
			return nil, pgerr.New(pgerr.ProgramLimitExceeded, "statement has more than %d tokens", MaxTokens).
				WithHint("Use COPY, or several statements.")
		}
		if t.Kind == Bad {
			ts.T = append(ts.T, Token{Kind: EOF, Pos: len(src), End: len(src)})
			break
		}
		if t.Kind == EOF {
			break
		}
	}
	ts.match()
	return ts, nil
}

// match pairs brackets.
func (ts *Tokens) match() {
	ts.Match = make([]int32, len(ts.T))
	var open []int32
	for i := range ts.T {
		t := &ts.T[i]
		if t.Kind != Punct || len(t.Val) != 1 {
			continue
		}
		switch t.Val[0] {
		case '(', '[':
			open = append(open, int32(i))
		case ')', ']':
			if n := len(open); n > 0 {
				ts.Match[open[n-1]] = int32(i)
				open = open[:n-1]
			}
		}
	}
	for _, i := range open {
		ts.Match[i] = int32(len(ts.T) - 1)
	}
}

// ErrorAt is PostgreSQL's error for an unexpected token i: the scanner's own
// error when the token is a Bad one, "syntax error at or near" otherwise.
func (ts *Tokens) ErrorAt(i int) *pgerr.Error {
	t := &ts.T[i]
	if t.Kind == Bad {
		return ts.bad
	}
	return nearErr(pgerr.SyntaxError, "syntax error", ts.Src, t.Pos, t.End)
}

// nearErr words an error as PostgreSQL's scanner_yyerror does.
func nearErr(code, msg, src string, pos, end int) *pgerr.Error {
	if pos >= len(src) {
		return pgerr.New(code, "%s at end of input", msg).At(len(src) + 1)
	}
	return pgerr.New(code, "%s at or near \"%s\"", msg, src[pos:end]).At(pos + 1)
}

// checkUTF8 refuses what PostgreSQL refuses to receive in a UTF8 database.
func checkUTF8(s string) error {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return nil
	}
	return invalidIn(s)
}

func badEncoding(bytes string) *pgerr.Error {
	var b strings.Builder
	for i := range len(bytes) {
		if i > 0 {
			b.WriteByte(' ')
		}
		const hex = "0123456789abcdef"
		b.WriteString("0x")
		b.WriteByte(hex[bytes[i]>>4])
		b.WriteByte(hex[bytes[i]&15])
	}
	return pgerr.New(pgerr.CharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\": %s", b.String())
}

// TruncateName cuts a name to MaxName bytes at a character boundary.
func TruncateName(s string) string {
	if len(s) <= MaxName {
		return s
	}
	n := MaxName
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
