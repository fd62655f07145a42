package parse

import (
	"strings"

	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/lex"
)

// transaction parses BEGIN, START TRANSACTION, COMMIT, END, ROLLBACK, ABORT,
// SAVEPOINT and RELEASE.
func (p *parser) transaction() ast.Statement {
	s := &ast.Transaction{Pos: p.Pos()}
	word := p.Tok().Val
	p.Advance()
	switch word {
	case "start":
		p.Expect("transaction")
		s.Modes = p.txModes()
		return s
	case "begin":
		p.work()
		s.Modes = p.txModes()
		return s
	case "savepoint":
		s.Kind = ast.Savepoint
		s.Name = p.ColID()
		return s
	case "release":
		s.Kind = ast.ReleaseSavepoint
		if p.PeekN(1).Kind != lex.EOF && !p.PeekN(1).Is(";") {
			p.Accept("savepoint")
		}
		s.Name = p.ColID()
		return s
	case "commit", "end":
		s.Kind = ast.Commit
	default:
		s.Kind = ast.Rollback
	}
	if p.At("prepared") && (word == "commit" || word == "rollback") {
		p.Unsupported("%s PREPARED", strings.ToUpper(word))
		return s
	}
	p.work()
	if word == "rollback" && p.Accept("to") {
		s.Kind = ast.RollbackTo
		if p.PeekN(1).Kind != lex.EOF && !p.PeekN(1).Is(";") {
			p.Accept("savepoint")
		}
		s.Name = p.ColID()
		return s
	}
	if p.Accept("and") {
		no := p.Accept("no")
		p.Expect("chain")
		s.Chain = !no
	}
	return s
}

func (p *parser) work() {
	if !p.Accept("work") {
		p.Accept("transaction")
	}
}

// txModes parses transaction modes with optional commas, none included.
func (p *parser) txModes() ast.TxModes {
	var m ast.TxModes
	yes, no := true, false
	for n := 0; p.Err() == nil; n++ {
		comma := n > 0 && p.Accept(",")
		switch {
		case p.Accept("isolation"):
			p.Expect("level")
			m.Isolation = p.isolation()
		case p.Accept("read"):
			switch {
			case p.Accept("only"):
				m.ReadOnly = &yes
			default:
				p.Expect("write")
				m.ReadOnly = &no
			}
		case p.Accept("deferrable"):
			m.Deferrable = &yes
		case p.At("not"):
			p.Expect("not", "deferrable")
			m.Deferrable = &no
		case comma:
			p.Unexpected()
		default:
			return m
		}
	}
	return m
}

func (p *parser) isolation() string {
	switch {
	case p.Accept("serializable"):
		return "serializable"
	case p.Accept("repeatable"):
		p.Expect("read")
		return "repeatable read"
	}
	p.Expect("read")
	if p.Accept("committed") {
		return "read committed"
	}
	p.Expect("uncommitted")
	return "read uncommitted"
}

// set parses all forms of SET.
func (p *parser) set() ast.Statement {
	pos := p.Pos()
	p.Expect("set")
	s := &ast.Set{Pos: pos}
	switch {
	case p.At("session", "characteristics"):
		p.Expect("session", "characteristics", "as", "transaction")
		return &ast.SetTransaction{Pos: pos, Session: true, Modes: p.someModes()}
	case p.At("transaction"), p.At("local", "transaction"), p.At("session", "transaction"):
		p.Accept("local")
		p.Accept("session")
		p.Expect("transaction")
		if p.At("snapshot") {
			p.Unsupported("SET TRANSACTION SNAPSHOT")
			return nil
		}
		return &ast.SetTransaction{Pos: pos, Modes: p.someModes()}
	case p.At("constraints"):
		p.Unsupported("SET CONSTRAINTS")
		return nil
	case p.At("local") && !p.At("local", "=") && !p.At("local", "to"):
		p.Advance()
		s.Local = true
	case p.At("session", "authorization"):
	case p.At("session") && !p.At("session", "=") && !p.At("session", "to"):
		p.Advance()
	}
	if p.setSpecial(s) {
		return s
	}
	s.Name = p.varName()
	if p.At("from", "current") {
		p.Unsupported("SET FROM CURRENT")
		return s
	}
	if !p.Accept("=") {
		p.Expect("to")
	}
	if p.Accept("default") {
		s.Default = true
		return s
	}
	for ok := true; ok; ok = p.Accept(",") {
		s.Values = append(s.Values, p.setValue())
	}
	return s
}

func (p *parser) someModes() ast.TxModes {
	if p.Tok().Kind == lex.EOF || p.At(";") {
		p.Unexpected()
	}
	return p.txModes()
}

// setSpecial parses the SET forms without a parameter's name.
func (p *parser) setSpecial(s *ast.Set) bool {
	one := func(name string, words ...string) bool {
		if !p.At(words...) || p.PeekN(1).Is("=") || p.PeekN(1).Is("to") {
			return false
		}
		p.Expect(words...)
		s.Name = name
		return true
	}
	switch {
	case one("timezone", "time", "zone"):
		switch {
		case p.At("interval"):
			p.Unsupported("SET TIME ZONE INTERVAL")
		case p.Accept("local"), p.Accept("default"):
			s.Default = true
		case p.Tok().Kind == lex.Ident && p.Tok().Cat != lex.None:
			p.Unexpected()
		default:
			s.Values = []string{p.setValue()}
		}
	case one("search_path", "schema"):
		s.Values = []string{p.stringConst()}
	case one("client_encoding", "names"):
		if p.Tok().Kind == lex.String {
			s.Values = []string{p.stringConst()}
		} else {
			p.Accept("default")
			s.Default = true
		}
	case one("role", "role"):
		s.Values = []string{p.setValue()}
	case one("session_authorization", "session", "authorization"):
		if s.Default = p.Accept("default"); !s.Default {
			s.Values = []string{p.setValue()}
		}
	case p.At("catalog") && p.PeekN(1).Kind == lex.String:
		p.Unsupported("SET CATALOG")
	case p.At("xml", "option"):
		p.Unsupported("SET XML OPTION")
	default:
		return false
	}
	return true
}

func (p *parser) varName() string {
	name := p.ColID()
	for p.Accept(".") {
		name += "." + p.ColID()
	}
	return name
}

// setValue parses a word, string, number or boolean.
func (p *parser) setValue() string {
	sign := ""
	if p.At("-") || p.At("+") {
		if p.At("-") {
			sign = "-"
		}
		p.Advance()
		if k := p.Tok().Kind; k != lex.Integer && k != lex.Decimal {
			p.Unexpected()
			return ""
		}
	}
	t := p.Tok()
	switch t.Kind {
	case lex.Integer, lex.Decimal, lex.String, lex.Quoted:
	case lex.Ident:
		if t.Cat == lex.Reserved && t.Val != "true" && t.Val != "false" && t.Val != "on" {
			p.Unexpected()
			return ""
		}
	default:
		p.Unexpected()
		return ""
	}
	p.Advance()
	return sign + t.Val
}

// reset parses RESET name|ALL.
func (p *parser) reset() ast.Statement {
	s := &ast.Set{Pos: p.Pos(), Default: true}
	p.Expect("reset")
	switch {
	case p.Accept("all"):
		s.Name = "all"
	case p.At("time", "zone"):
		p.Expect("time", "zone")
		s.Name = "timezone"
	case p.At("transaction", "isolation"):
		p.Expect("transaction", "isolation", "level")
		s.Name = "transaction_isolation"
	case p.At("session", "authorization"):
		p.Expect("session", "authorization")
		s.Name = "session_authorization"
	default:
		s.Name = p.varName()
	}
	return s
}

// discard parses DISCARD ALL|PLANS|SEQUENCES|TEMP.
func (p *parser) discard() ast.Statement {
	s := &ast.Discard{Pos: p.Pos()}
	p.Expect("discard")
	switch t := p.Tok(); {
	case t.Is("all"), t.Is("plans"), t.Is("sequences"), t.Is("temp"):
		s.What = t.Val
	case t.Is("temporary"):
		s.What = "temp"
	default:
		p.Unexpected()
		return s
	}
	p.Advance()
	return s
}
