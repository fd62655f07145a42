package parse

import (
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/lex"
)

// grant parses GRANT and REVOKE, of roles and of privileges on relations.
func (p *parser) grant() ast.Statement {
	pos := p.Pos()
	revoke := p.At("revoke")
	p.Advance()
	grantOption := revoke && p.Accept("grant", "option", "for")
	adminOption := revoke && !grantOption && p.Accept("admin", "option", "for")
	if on, all := p.privilegesAhead(); on {
		s := &ast.Grant{Pos: pos, Revoke: revoke, GrantOption: grantOption}
		if all {
			p.Accept("all")
			p.Accept("privileges")
		} else {
			s.Privileges = p.privileges()
		}
		p.Expect("on")
		p.grantObjects(s)
		s.Grantees = p.grantees(revoke)
		if !revoke && p.Accept("with", "grant", "option") {
			s.GrantOption = true
		}
		p.grantEnd(revoke)
		return s
	}
	s := &ast.GrantRole{Pos: pos, Revoke: revoke, Admin: adminOption, Roles: p.roleList()}
	s.Grantees = p.grantees(revoke)
	if !revoke && p.Accept("with", "admin", "option") {
		s.Admin = true
	}
	p.grantEnd(revoke)
	return s
}

// privilegesAhead reports whether the list that follows is one of privileges,
// behind which stands ON, and whether it is ALL.
func (p *parser) privilegesAhead() (on, all bool) {
	for n := 0; ; n++ {
		switch t := p.PeekN(n); {
		case t.Is("on"):
			return true, p.At("all")
		case t.Is("to"), t.Is("from"), t.Is(";"), t.Kind == lex.EOF, t.Kind == lex.Bad:
			return false, false
		}
	}
}

// tablePrivileges are the privileges that PostgreSQL has on tables.
var tablePrivileges = words(`select insert update delete truncate references trigger maintain`)

// otherPrivileges are those on other kinds of objects.
var otherPrivileges = words(`usage create connect temporary temp execute set alter`)

func (p *parser) privileges() []string {
	var list []string
	for ok := true; ok; ok = p.Accept(",") {
		t := p.Tok()
		switch {
		case t.Kind != lex.Ident:
			p.Unexpected()
			return nil
		case otherPrivileges[t.Val]:
			p.Unsupported("the privilege %s", strings.ToUpper(t.Val))
			return nil
		case !tablePrivileges[t.Val]:
			p.Fail(pgerr.New(pgerr.SyntaxError, "unrecognized privilege type \"%s\"", t.Val).At(int(p.Pos())))
			return nil
		}
		list = append(list, t.Val)
		p.Advance()
		if p.At("(") {
			p.Unsupported("a privilege on columns")
			return nil
		}
	}
	return list
}

// grantKinds are the kinds of objects whose privileges we do not have.
var grantKinds = words(`sequence function procedure routine database domain foreign language large parameter schema tablespace type`)

// grantObjects parses what stands behind ON.
func (p *parser) grantObjects(s *ast.Grant) {
	if p.Accept("all", "tables", "in", "schema") {
		s.Schemas = []string{p.ColID()}
		for p.Accept(",") {
			s.Schemas = append(s.Schemas, p.ColID())
		}
		return
	}
	if t := p.Tok(); t.Kind == lex.Ident && (t.Is("all") || grantKinds[t.Val] && !p.PeekN(1).Is("to") && !p.PeekN(1).Is("from") &&
		!p.PeekN(1).Is(",") && !p.PeekN(1).Is(".")) {
		p.Unsupported("a privilege on a %s", strings.ToUpper(t.Val))
		return
	}
	switch {
	case p.At("table") && !p.PeekN(1).Is("to") && !p.PeekN(1).Is("from"):
		p.Advance()
	case p.At("materialized", "view"), p.At("view") && !p.PeekN(1).Is("to") && !p.PeekN(1).Is("from") && !p.PeekN(1).Is(","):
		// As in PostgreSQL, views are granted as tables.
		p.Unexpected()
		return
	}
	for ok := true; ok; ok = p.Accept(",") {
		s.Relations = append(s.Relations, p.QualifiedName())
	}
}

func (p *parser) grantees(revoke bool) []ast.RoleSpec {
	if revoke {
		p.Expect("from")
	} else {
		p.Expect("to")
	}
	var list []ast.RoleSpec
	for ok := true; ok; ok = p.Accept(",") {
		p.Accept("group")
		list = append(list, p.roleSpec())
	}
	return list
}

// grantEnd parses GRANTED BY and CASCADE or RESTRICT, which change nothing here:
// whoever may grant does so as administrator, and grants do not depend on others.
func (p *parser) grantEnd(revoke bool) {
	if p.Accept("granted", "by") {
		p.roleSpec()
	}
	if revoke && !p.Accept("cascade") {
		p.Accept("restrict")
	}
}
