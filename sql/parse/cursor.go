package parse

import (
	"strconv"

	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/grammar"
	"github.com/heliosdb/heliosdb-streaming/sql/lex"
)

// declare parses DECLARE name [options] CURSOR [WITH|WITHOUT HOLD] FOR query.
func (p *parser) declare() ast.Statement {
	s := &ast.Declare{Pos: p.Pos()}
	p.Expect("declare")
	s.Name = p.ColID()
	for p.Err() == nil && !p.At("cursor") {
		switch {
		case p.Accept("binary"):
			s.Binary = true
		case p.Accept("insensitive"):
			s.Insens = true
		case p.Accept("asensitive"):
		case p.Accept("no"):
			p.Expect("scroll")
			s.NoScroll = true
		case p.Accept("scroll"):
			s.Scroll = true
		default:
			p.Unexpected()
		}
	}
	p.Expect("cursor")
	if p.Accept("with") {
		p.Expect("hold")
		s.Hold = true
	} else if p.Accept("without") {
		p.Expect("hold")
	}
	p.Expect("for")
	s.Query = p.Query()
	return s
}

// fetch parses FETCH and MOVE.
func (p *parser) fetch() ast.Statement {
	s := &ast.Fetch{Pos: p.Pos(), Move: p.At("move"), Direction: "next", Count: 1}
	p.Advance()
	// A word at the end is the cursor's name, even NEXT.
	if next := p.PeekN(1); !grammar.IsColID(p.Tok()) || next.Kind != lex.EOF && !next.Is(";") {
		p.direction(s)
	}
	if !p.Accept("from") {
		p.Accept("in")
	}
	s.Name = p.ColID()
	return s
}

// direction parses which rows; the cursor's name is still to come.
func (p *parser) direction(s *ast.Fetch) {
	t := p.Tok()
	switch {
	case t.Is("next"), t.Is("prior"), t.Is("first"), t.Is("last"):
		s.Direction = t.Val
		p.Advance()
	case t.Is("absolute"), t.Is("relative"):
		s.Direction = t.Val
		p.Advance()
		s.Count = p.signed()
	case t.Is("forward"), t.Is("backward"):
		s.Direction = t.Val
		p.Advance()
		if s.All = p.Accept("all"); !s.All && p.atNumber() {
			s.Count = p.signed()
		}
	case t.Is("all"):
		s.Direction, s.All = "forward", true
		p.Advance()
	case p.atNumber():
		s.Direction, s.Count = "forward", p.signed()
	}
}

func (p *parser) atNumber() bool {
	return p.Tok().Kind == lex.Integer || p.At("-") || p.At("+")
}

// signed parses an integer of four bytes.
func (p *parser) signed() int64 {
	neg := p.At("-")
	if neg || p.At("+") {
		p.Advance()
	}
	t := p.Tok()
	n, err := strconv.ParseInt(t.Val, 10, 32)
	if t.Kind != lex.Integer || err != nil {
		p.Unexpected()
		return 0
	}
	p.Advance()
	if neg {
		n = -n
	}
	return n
}

// closeCursor parses CLOSE name|ALL.
func (p *parser) closeCursor() ast.Statement {
	s := &ast.CloseCursor{Pos: p.Pos()}
	p.Expect("close")
	if s.All = p.Accept("all"); !s.All {
		s.Name = p.ColID()
	}
	return s
}

// prepare parses PREPARE name [(types)] AS statement.
func (p *parser) prepare() ast.Statement {
	s := &ast.Prepare{Pos: p.Pos()}
	p.Expect("prepare")
	if p.At("transaction") && p.PeekN(1).Kind == lex.String {
		p.Unsupported("PREPARE TRANSACTION")
		return s
	}
	s.Name = p.ColID()
	if p.Accept("(") {
		for ok := true; ok; ok = p.Accept(",") {
			s.Types = append(s.Types, p.TypeName())
		}
		p.Expect(")")
	}
	p.Expect("as")
	from := p.Tok().Pos
	switch t := p.Tok(); {
	case p.AtQuery(), t.Is("insert"), t.Is("update"), t.Is("delete"):
		s.Stmt = p.statement()
	default:
		p.Unexpected()
	}
	s.Text = p.Text(from, p.LastEnd())
	return s
}

// execute parses EXECUTE name [(arguments)].
func (p *parser) execute() ast.Statement {
	s := &ast.Execute{Pos: p.Pos()}
	p.Expect("execute")
	s.Name = p.ColID()
	if p.Accept("(") {
		s.Args = p.Exprs()
		p.Expect(")")
	}
	return s
}

// deallocate parses DEALLOCATE [PREPARE] name|ALL.
func (p *parser) deallocate() ast.Statement {
	s := &ast.Deallocate{Pos: p.Pos()}
	p.Expect("deallocate")
	if n := p.PeekN(1); n.Kind != lex.EOF && !n.Is(";") {
		p.Accept("prepare")
	}
	if s.All = p.Accept("all"); !s.All {
		s.Name = p.ColID()
	}
	return s
}
