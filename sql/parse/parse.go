// Package parse turns SQL text into statements. It reads what surrounds queries
// and expressions (CREATE, SET, SHOW, COPY, …) by recursive descent; bodies of
// queries and expressions are package grammar's.
//
// Errors are *pgerr.Error with PostgreSQL's SQLSTATE and message; their
// positions, like those of all nodes, are 1-based byte offsets in the text given.
// A statement that PostgreSQL has and we do not is 0A000 and named; anything
// else is 42601.
package parse

import (
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/grammar"
	"github.com/heliosdb/heliosdb-streaming/sql/lex"
)

// Stmt is one statement of a text.
type Stmt struct {
	AST ast.Statement
	// Text is the statement without the blanks around it and without its
	// semicolon; Offset is where it begins in the text, in bytes from 0.
	Text   string
	Offset int
}

// Parse parses the statements of sql, which semicolons separate. Empty ones are
// left out, so the result may be empty. As in PostgreSQL an error anywhere means
// that no statement is returned.
func Parse(sql string) ([]Stmt, error) {
	ts, err := lex.Scan(sql)
	if err != nil {
		return nil, err
	}
	p := &parser{grammar.NewReader(ts)}
	var stmts []Stmt
	for p.Err() == nil {
		for p.Accept(";") {
		}
		if p.Tok().Kind == lex.EOF {
			break
		}
		from := p.Tok().Pos
		s := p.statement()
		if !p.At(";") && p.Tok().Kind != lex.EOF {
			p.Unexpected()
		}
		stmts = append(stmts, Stmt{AST: s, Text: p.Text(from, p.LastEnd()), Offset: from})
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return stmts, nil
}

// ParseExpr parses one expression.
func ParseExpr(s string) (ast.Expr, error) {
	return whole(s, (*grammar.Reader).Expr)
}

// ParseQuery parses one query, without a semicolon.
func ParseQuery(s string) (*ast.Query, error) {
	return whole(s, (*grammar.Reader).Query)
}

// ParseTypeName parses a type as written after "::".
func ParseTypeName(s string) (ast.TypeName, error) {
	return whole(s, (*grammar.Reader).TypeName)
}

// whole parses s with read and requires that nothing is left.
func whole[T any](s string, read func(*grammar.Reader) T) (T, error) {
	var none T
	ts, err := lex.Scan(s)
	if err != nil {
		return none, err
	}
	r := grammar.NewReader(ts)
	x := read(r)
	if r.Tok().Kind != lex.EOF {
		r.Unexpected()
	}
	if err := r.Err(); err != nil {
		return none, err
	}
	return x, nil
}

// parser adds statements to the grammar's reader.
type parser struct{ *grammar.Reader }
