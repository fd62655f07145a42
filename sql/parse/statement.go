package parse

import (
	"strings"

	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/lex"
)

// statement parses one statement. After an error the result is meaningless.
func (p *parser) statement() ast.Statement {
	t := p.Tok()
	if p.At("(") || p.AtQuery() {
		pos := p.Pos()
		if w := p.dmlAfterWith(); w != "" {
			p.Unsupported("WITH before %s", strings.ToUpper(w))
			return nil
		}
		return &ast.SelectStmt{Pos: pos, Query: p.Query()}
	}
	if t.Kind != lex.Ident {
		p.Unexpected()
		return nil
	}
	switch t.Val {
	case "create":
		return p.create()
	case "drop":
		if p.PeekN(1).Is("state") && p.PeekN(2).Is("savepoint") {
			return p.stateSavepoint()
		}
		return p.drop()
	case "insert":
		return p.insert()
	case "update":
		return p.update()
	case "delete":
		return p.delete()
	case "begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release":
		return p.transaction()
	case "set":
		return p.set()
	case "reset":
		return p.reset()
	case "show":
		return p.show()
	case "describe":
		return p.describe()
	case "explain":
		return p.explain()
	case "pause", "resume":
		return p.pauseJobs()
	case "checkpoint":
		p.Advance()
		return &ast.Checkpoint{Pos: ast.Pos(t.Pos + 1)}
	case "flush":
		p.Advance()
		return &ast.Flush{Pos: ast.Pos(t.Pos + 1)}
	case "copy":
		return p.copy()
	case "declare":
		return p.declare()
	case "fetch", "move":
		return p.fetch()
	case "close":
		return p.closeCursor()
	case "prepare":
		return p.prepare()
	case "execute":
		return p.execute()
	case "deallocate":
		return p.deallocate()
	case "discard":
		return p.discard()
	case "comment":
		return p.comment()
	case "grant", "revoke":
		return p.grant()
	case "alter":
		return p.alter()
	}
	return p.foreign()
}

// dmlAfterWith is INSERT, UPDATE or DELETE if that is what the WITH clause at
// the current token serves, "" otherwise.
func (p *parser) dmlAfterWith() string {
	if !p.At("with") {
		return ""
	}
	depth := 0
	for n := 1; ; n++ {
		t := p.PeekN(n)
		switch {
		case t.Kind == lex.EOF || t.Is(";") || t.Kind == lex.Bad:
			return ""
		case t.Is("("):
			depth++
		case t.Is(")"):
			depth--
		case depth > 0 || t.Kind != lex.Ident:
		case t.Is("select"), t.Is("values"), t.Is("table"):
			return ""
		case t.Is("insert"), t.Is("update"), t.Is("delete"):
			if prev := p.PeekN(n - 1); prev.Is(")") {
				return t.Val
			}
		}
	}
}

// postgresCommands are the first words of PostgreSQL's commands that are not
// ours.
var postgresCommands = words(`alter analyze analyse call checkpoint cluster do import
	listen load lock merge notify reassign refresh reindex security truncate unlisten vacuum`)

// foreign refuses a statement that we do not have: by name if PostgreSQL has it.
func (p *parser) foreign() ast.Statement {
	if postgresCommands[p.Tok().Val] {
		p.Unsupported("%s", p.commandName())
	} else {
		p.Unexpected()
	}
	return nil
}

// commandName is the command at the current token in capitals, with the kind of
// object for CREATE, ALTER and DROP.
func (p *parser) commandName() string {
	name := strings.ToUpper(p.Tok().Val)
	n := 1
	for p.PeekN(n).Is("or") || p.PeekN(n).Is("replace") {
		n++
	}
	switch p.Tok().Val {
	case "create", "alter", "drop", "refresh", "import", "reassign", "security":
		for t := p.PeekN(n); t.Kind == lex.Ident && (t.Cat == lex.Unreserved || t.Cat == lex.Reserved || t.Cat == lex.TypeFunc); t = p.PeekN(n) {
			name += " " + strings.ToUpper(t.Val)
			if n++; !qualifier[t.Val] {
				break
			}
		}
	}
	return name
}

// qualifier: words before the kind of object.
var qualifier = words(`materialized unique foreign event text search operator user temp temporary
	unlogged global local access data default trusted procedural constraint recursive owned`)

func words(list string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(list) {
		m[w] = true
	}
	return m
}

// alter parses ALTER.
func (p *parser) alter() ast.Statement {
	switch kind := p.PeekN(1); {
	case kind.Is("user") && !p.PeekN(2).Is("mapping"), kind.Is("role"):
		return p.alterRole()
	case kind.Is("sink"), kind.Is("materialized") && p.PeekN(2).Is("view"):
		return p.alterJob()
	case kind.Is("system") && p.PeekN(2).Is("rotate"):
		return p.rotateKey()
	}
	return p.foreign()
}

// stringConst reads a string literal.
func (p *parser) stringConst() string {
	t := p.Tok()
	if t.Kind != lex.String {
		p.Unexpected()
		return ""
	}
	p.Advance()
	return t.Val
}

// ifNotExists passes IF NOT EXISTS.
func (p *parser) ifNotExists() bool {
	if !p.At("if") {
		return false
	}
	p.Expect("if", "not", "exists")
	return true
}

func (p *parser) ifExists() bool {
	if !p.At("if", "exists") {
		return false
	}
	p.Expect("if", "exists")
	return true
}
