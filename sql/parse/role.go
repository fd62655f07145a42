package parse

import (
	"strconv"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/lex"
)

// createRole parses what follows CREATE: USER|ROLE [IF NOT EXISTS] name options.
func (p *parser) createRole(pos ast.Pos) ast.Statement {
	s := &ast.CreateRole{Pos: pos, User: p.At("user")}
	p.Advance()
	if s.User && p.At("mapping") {
		p.Unsupported("CREATE USER MAPPING")
		return s
	}
	s.IfNotExists = p.ifNotExists()
	r := p.roleSpec()
	if r.Special != "" {
		p.Fail(pgerr.New(pgerr.ReservedName, "%s cannot be used as a role name here", strings.ToUpper(r.Special)).At(r.Position()))
	}
	s.Name = r.Name
	s.Options = p.roleOptions(true)
	return s
}

// alterRole parses ALTER USER|ROLE.
func (p *parser) alterRole() ast.Statement {
	s := &ast.AlterRole{Pos: p.Pos()}
	p.skip(2)
	switch {
	case p.At("all"), p.At("mapping"):
		p.Unsupported("ALTER ROLE ALL")
		return s
	}
	s.Role = p.roleSpec()
	switch {
	case p.At("set"), p.At("reset"), p.At("in", "database"):
		p.Unsupported("ALTER ROLE … SET")
		return s
	case p.At("rename"):
		p.Unsupported("ALTER ROLE … RENAME")
		return s
	}
	s.Options = p.roleOptions(false)
	return s
}

// dropRole parses DROP USER|ROLE.
func (p *parser) dropRole() ast.Statement {
	s := &ast.DropRole{Pos: p.Pos()}
	p.skip(2)
	if p.At("mapping") {
		p.Unsupported("DROP USER MAPPING")
		return s
	}
	s.IfExists = p.ifExists()
	s.Roles = p.roleList()
	return s
}

func (p *parser) roleList() []ast.RoleSpec {
	list := []ast.RoleSpec{p.roleSpec()}
	for p.Accept(",") {
		list = append(list, p.roleSpec())
	}
	return list
}

// roleSpec reads a role: any word that is not reserved, or one of the words that
// stand for a role.
func (p *parser) roleSpec() ast.RoleSpec {
	t := p.Tok()
	r := ast.RoleSpec{Pos: p.Pos()}
	switch {
	case t.Is("current_user"), t.Is("current_role"), t.Is("session_user"), t.Is("public"):
		r.Special = t.Val
	case t.Is("none"):
		p.Fail(pgerr.New(pgerr.ReservedName, "role name \"none\" is reserved").At(int(r.Pos)))
		return r
	case t.Kind == lex.Quoted, t.Kind == lex.Ident && t.Cat != lex.Reserved:
		r.Name = t.Val
	default:
		p.Unexpected()
		return r
	}
	p.Advance()
	return r
}

// roleFlags are the options that are one word, with NO before it or without.
var roleFlags = words(`superuser createdb createrole inherit login replication bypassrls`)

// roleOptions parses [WITH] option …; create allows those that only CREATE has.
func (p *parser) roleOptions(create bool) []ast.RoleOption {
	p.Accept("with")
	var list []ast.RoleOption
	for p.Err() == nil && p.Tok().Kind != lex.EOF && !p.At(";") {
		o := p.roleOption(create)
		for _, have := range list {
			if have.Name == o.Name && o.Name != "" {
				p.Fail(pgerr.New(pgerr.SyntaxError, "conflicting or redundant options").At(o.Position()))
			}
		}
		list = append(list, o)
	}
	return list
}

func (p *parser) roleOption(create bool) ast.RoleOption {
	t := p.Tok()
	o := ast.RoleOption{Pos: p.Pos()}
	if t.Kind != lex.Ident {
		p.Unexpected()
		return o
	}
	if flag := strings.TrimPrefix(t.Val, "no"); roleFlags[flag] {
		o.Name, o.On = flag, flag == t.Val
		p.Advance()
		return o
	}
	switch {
	case p.At("encrypted", "password"), p.At("password"):
		p.Accept("encrypted")
		p.Advance()
		o.Name, o.Pos = "password", p.Pos()
		if !p.Accept("null") {
			s := p.stringConst()
			o.Text = &s
		}
	case p.Accept("valid", "until"):
		s := p.stringConst()
		o.Name, o.Text = "valid until", &s
	case p.Accept("connection", "limit"):
		o.Name, o.Count = "connection limit", p.signedInteger()
	case p.Accept("permissions"):
		o.Name = "permissions"
		p.Expect("(")
		for ok := !p.At(")"); ok; ok = p.Accept(",") {
			o.Names = append(o.Names, p.ColLabel())
		}
		p.Expect(")")
	case create && (p.At("in", "role") || p.At("in", "group")):
		p.skip(2)
		o.Name, o.Roles = "in role", p.roleList()
	case create && (p.At("role") || p.At("user") || p.At("admin")):
		o.Name = "role"
		if p.At("admin") {
			o.Name = "admin"
		}
		p.Advance()
		o.Roles = p.roleList()
	default:
		p.unknownRoleOption()
	}
	return o
}

func (p *parser) unknownRoleOption() {
	t := p.Tok()
	if t.Cat == lex.Reserved {
		p.Unexpected()
		return
	}
	p.Fail(pgerr.New(pgerr.SyntaxError, "unrecognized role option \"%s\"", t.Val).At(int(p.Pos())))
}

// signedInteger reads an integer constant with an optional sign.
func (p *parser) signedInteger() int64 {
	sign := int64(1)
	if p.Accept("-") {
		sign = -1
	} else {
		p.Accept("+")
	}
	n, err := strconv.ParseInt(p.Tok().Val, 10, 32)
	if err != nil {
		p.Unexpected()
		return 0
	}
	p.Advance()
	return sign * n
}
