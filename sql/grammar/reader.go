package grammar

import (
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/lex"
)

// Limits of one expression or query; past them SQLSTATE 54001.
const (
	// MaxDepth bounds nesting: parentheses, calls, subqueries, joins.
	MaxDepth = 1000
	// MaxHeight bounds the height of a tree, which chains such as a+b+c+… raise
	// without nesting; whoever walks a tree may recurse that deep.
	MaxHeight = 20000
)

// Reader reads one token after the other. The first error sticks and moves it
// to the end of the input, where every loop ends by itself; after it all
// results are meaningless and only Err counts. Not safe for concurrent use.
type Reader struct {
	ts    *lex.Tokens
	i     int
	err   *pgerr.Error
	depth int
	// itemDepth is the depth of the select item being read, 0 outside of one.
	itemDepth int
	piece
}

// NewReader reads ts from its first token.
func NewReader(ts *lex.Tokens) *Reader { return &Reader{ts: ts} }

// Err is the first error, or nil.
func (r *Reader) Err() *pgerr.Error { return r.err }

// Tok is the current token; at the end an EOF.
func (r *Reader) Tok() *lex.Token { return &r.ts.T[r.i] }

// PeekN is the token n places ahead of the current one.
func (r *Reader) PeekN(n int) *lex.Token {
	return &r.ts.T[min(r.i+n, len(r.ts.T)-1)]
}

// Advance moves to the next token.
func (r *Reader) Advance() {
	if r.i < len(r.ts.T)-1 {
		r.i++
	}
}

// Pos is the 1-based byte offset of the current token.
func (r *Reader) Pos() ast.Pos { return ast.Pos(r.Tok().Pos + 1) }

// LastEnd is the 0-based byte offset after the token before the current one.
func (r *Reader) LastEnd() int {
	if r.i == 0 {
		return 0
	}
	return r.ts.T[r.i-1].End
}

// Text is the source between two 0-based byte offsets.
func (r *Reader) Text(from, to int) string { return r.ts.Src[from:max(from, to)] }

// Fail records err unless one is recorded already.
func (r *Reader) Fail(err *pgerr.Error) {
	if r.err == nil {
		r.err = err
	}
	r.i = len(r.ts.T) - 1
}

// Unexpected fails with PostgreSQL's syntax error at the current token.
func (r *Reader) Unexpected() { r.unexpectedAt(r.i) }

func (r *Reader) unexpectedAt(i int) {
	if r.err == nil {
		r.err = r.ts.ErrorAt(i)
	}
	r.i = len(r.ts.T) - 1
}

// Unsupported fails with 0A000 at the current token.
func (r *Reader) Unsupported(format string, args ...any) {
	if r.Tok().Kind == lex.Bad {
		r.Unexpected()
		return
	}
	r.Fail(pgerr.Unsupported(int(r.Pos()), format, args...))
}

// At reports whether the tokens from the current one on are the given words or
// punctuation.
func (r *Reader) At(words ...string) bool {
	for n, w := range words {
		if !r.PeekN(n).Is(w) {
			return false
		}
	}
	return r.err == nil
}

// Accept passes the words if they are next.
func (r *Reader) Accept(words ...string) bool {
	if !r.At(words...) {
		return false
	}
	for range words {
		r.Advance()
	}
	return true
}

// Expect passes the words one by one; a syntax error where they are not next.
func (r *Reader) Expect(words ...string) {
	for _, w := range words {
		if !r.Accept(w) {
			r.Unexpected()
			return
		}
	}
}

// Name classes of gram.y. Each reports whether t may stand there.

// IsColID: a column, table or alias name.
func IsColID(t *lex.Token) bool {
	return t.Kind == lex.Quoted || t.Kind == lex.Ident && (t.Cat == lex.None || t.Cat == lex.Unreserved || t.Cat == lex.ColName)
}

// IsTypeFuncName: a function or type name.
func IsTypeFuncName(t *lex.Token) bool {
	return t.Kind == lex.Quoted || t.Kind == lex.Ident && (t.Cat == lex.None || t.Cat == lex.Unreserved || t.Cat == lex.TypeFunc)
}

// IsColLabel: any word, as after AS and after a dot.
func IsColLabel(t *lex.Token) bool { return t.Kind == lex.Quoted || t.Kind == lex.Ident }

// ColID reads a column or table name.
func (r *Reader) ColID() string { return r.name(IsColID) }

// ColLabel reads any word as a name.
func (r *Reader) ColLabel() string { return r.name(IsColLabel) }

func (r *Reader) name(is func(*lex.Token) bool) string {
	t := r.Tok()
	if !is(t) {
		r.Unexpected()
		return ""
	}
	r.Advance()
	return t.Val
}

// NameList reads ( name, … ) with its parentheses.
func (r *Reader) NameList() []string {
	r.Expect("(")
	names := []string{r.ColID()}
	for r.Accept(",") {
		names = append(names, r.ColID())
	}
	r.Expect(")")
	return names
}

// QualifiedName reads [[catalog.]schema.]name.
func (r *Reader) QualifiedName() ast.ObjectName {
	n := ast.ObjectName{Pos: r.Pos(), Name: r.ColID()}
	parts := []string{n.Name}
	for r.Accept(".") {
		parts = append(parts, r.ColLabel())
	}
	switch len(parts) {
	case 1:
	case 2:
		n.Schema, n.Name = parts[0], parts[1]
	case 3:
		n.Catalog, n.Schema, n.Name = parts[0], parts[1], parts[2]
	default:
		r.Fail(pgerr.New(pgerr.SyntaxError, "improper qualified name (too many dotted names): %s", joinDots(parts)).At(n.Position()))
	}
	return n
}

func joinDots(parts []string) string {
	s := parts[0]
	for _, p := range parts[1:] {
		s += "." + p
	}
	return s
}

// enter counts a level of nesting; leave must follow when it returns true.
func (r *Reader) enter() bool {
	if r.depth >= MaxDepth {
		r.tooDeep()
		return false
	}
	r.depth++
	return true
}

func (r *Reader) leave() { r.depth-- }

func (r *Reader) tooDeep() {
	r.Fail(pgerr.New(pgerr.StatementTooComplex, "stack depth limit exceeded").At(int(r.Pos())).
		WithHint("The statement nests deeper than %d levels or builds a tree higher than %d.", MaxDepth, MaxHeight))
}

// taller is the height of a node over children of heights a and b.
func (r *Reader) taller(a, b int) int {
	h := max(a, b) + 1
	if h > MaxHeight {
		r.tooDeep()
	}
	return h
}
