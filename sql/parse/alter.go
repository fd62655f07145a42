package parse

import (
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/lex"
)

// alterJob parses ALTER MATERIALIZED VIEW | SINK [IF EXISTS] name PAUSE | RESUME.
func (p *parser) alterJob() ast.Statement {
	a := &ast.AlterJob{Pos: p.Pos()}
	n := 2
	if a.Kind = ast.KindSink; p.PeekN(1).Is("materialized") {
		a.Kind, n = ast.KindMaterializedView, 3
	}
	name := p.commandName()
	p.skip(n)
	a.IfExists = p.ifExists()
	a.Name = p.QualifiedName()
	switch {
	case p.Accept("pause"):
		a.Pause = true
	case p.Accept("resume"):
	default:
		p.Unsupported("%s other than PAUSE and RESUME", name)
	}
	return a
}

// pauseJobs parses PAUSE JOBS and RESUME JOBS.
func (p *parser) pauseJobs() ast.Statement {
	s := &ast.PauseJobs{Pos: p.Pos(), Resume: p.At("resume")}
	p.skip(1)
	p.Expect("jobs")
	return s
}

// stateSavepoint parses CREATE STATE SAVEPOINT [name] and DROP STATE SAVEPOINT id.
// Name and id are a string or an identifier; an id with a hyphen is a string.
func (p *parser) stateSavepoint() ast.Statement {
	s := &ast.StateSavepoint{Pos: p.Pos(), Drop: p.At("drop")}
	p.skip(1)
	p.Expect("state", "savepoint")
	switch t := p.Tok(); {
	case t.Kind == lex.String:
		s.Name = p.stringConst()
	case s.Drop || t.Kind == lex.Ident || t.Kind == lex.Quoted:
		s.Name = p.ColID()
	}
	return s
}

// rotateKey parses ALTER SYSTEM ROTATE ENCRYPTION KEY.
func (p *parser) rotateKey() ast.Statement {
	s := &ast.RotateKey{Pos: p.Pos()}
	p.Expect("alter", "system", "rotate", "encryption", "key")
	return s
}
