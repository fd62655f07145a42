package parse

import (
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/lex"
)

// copy parses COPY t [(columns)] FROM|TO … and COPY (query) TO …, with options in
// the syntax of today and in that before PostgreSQL 9.0; both arrive alike.
func (p *parser) copy() ast.Statement {
	s := &ast.Copy{Pos: p.Pos()}
	p.Expect("copy")
	switch {
	case p.At("("):
		p.Expect("(")
		if !p.AtQuery() {
			switch t := p.Tok(); {
			case t.Is("insert"), t.Is("update"), t.Is("delete"):
				p.Unsupported("COPY of a data-modifying statement")
			default:
				p.Unexpected()
			}
			return s
		}
		s.Query = p.Query()
		p.Expect(")", "to")
	default:
		if pos := p.Pos(); p.Accept("binary") {
			s.Options = append(s.Options, ast.Option{Pos: pos, Name: "format", Value: "binary"})
		}
		s.Table = p.QualifiedName()
		if p.At("(") {
			s.Columns = p.NameList()
		}
		if s.From = p.Accept("from"); !s.From {
			p.Expect("to")
		}
	}
	p.copyTarget(s)
	p.oldDelimiter(s)
	p.Accept("with")
	if p.At("(") {
		s.Options = append(s.Options, p.utilityOptions()...)
	} else {
		p.oldCopyOptions(s)
	}
	if p.At("where") {
		p.Unsupported("COPY … WHERE")
	}
	return s
}

// copyTarget parses STDIN, STDOUT, 'file' or PROGRAM 'command'. PostgreSQL takes
// STDIN and STDOUT for each other.
func (p *parser) copyTarget(s *ast.Copy) {
	switch {
	case p.Accept("stdin"), p.Accept("stdout"):
		s.Target = "stdout"
		if s.From {
			s.Target = "stdin"
		}
		return
	case p.Accept("program"):
	}
	s.Server = true
	s.Target = p.stringConst()
}

// oldDelimiter parses [USING] DELIMITERS 'x'.
func (p *parser) oldDelimiter(s *ast.Copy) {
	pos := p.Pos()
	if p.At("using", "delimiters") || p.At("delimiters") {
		p.Accept("using")
		p.Advance()
		s.Options = append(s.Options, ast.Option{Pos: pos, Name: "delimiter", Value: p.stringConst()})
	}
}

func (p *parser) oldCopyOptions(s *ast.Copy) {
	for p.Err() == nil {
		o := ast.Option{Pos: p.Pos(), Value: "true"}
		switch t := p.Tok(); {
		case p.Accept("binary"):
			o.Name, o.Value = "format", "binary"
		case p.Accept("csv"):
			o.Name, o.Value = "format", "csv"
		case p.Accept("header"), p.Accept("freeze"):
			o.Name = t.Val
		case p.Accept("delimiter"), p.Accept("null"), p.Accept("quote"), p.Accept("escape"):
			p.Accept("as")
			o.Name, o.Value = t.Val, p.stringConst()
		case p.Accept("encoding"):
			o.Name, o.Value = t.Val, p.stringConst()
		case p.Accept("force"):
			p.forceOption(&o)
		default:
			return
		}
		s.Options = append(s.Options, o)
	}
}

// forceOption parses FORCE QUOTE columns|*, FORCE [NOT] NULL columns.
func (p *parser) forceOption(o *ast.Option) {
	switch {
	case p.Accept("quote"):
		o.Name = "force_quote"
		if p.Accept("*") {
			o.Value = "*"
			return
		}
	case p.Accept("not"):
		p.Expect("null")
		o.Name = "force_not_null"
	default:
		p.Expect("null")
		o.Name = "force_null"
	}
	o.Value = p.ColID()
	for p.At(",") && p.PeekN(1).Kind != lex.EOF {
		p.Advance()
		o.Value += "," + p.ColID()
	}
}
