package parse

import (
	"strings"

	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/lex"
)

// showLists are the SHOW forms that list objects, in RisingWave's spelling.
var showLists = map[string]ast.ShowKind{
	"sources": ast.ShowSources, "tables": ast.ShowTables, "views": ast.ShowViews,
	"sinks": ast.ShowSinks, "jobs": ast.ShowJobs,
}

// notShown are RisingWave's lists of things that we do not have.
var notShown = words(`databases schemas functions indexes users connections clusters subscriptions secrets cursors processlist`)

// show parses SHOW.
func (p *parser) show() ast.Statement {
	s := &ast.Show{Pos: p.Pos()}
	p.Expect("show")
	t := p.Tok()
	switch kind, list := showLists[t.Val]; {
	case t.Kind == lex.Ident && list && !p.PeekN(1).Is("."):
		s.Kind = kind
		p.Advance()
		p.showFilter(s)
	case p.Accept("materialized", "views"):
		s.Kind = ast.ShowMaterializedViews
		p.showFilter(s)
	case p.Accept("encryption", "keys"):
		s.Kind = ast.ShowEncryptionKeys
	case p.Accept("state", "savepoints"):
		s.Kind = ast.ShowStateSavepoints
	case p.At("materialized"):
		p.Expect("materialized", "views")
	case p.At("create"):
		p.showCreate(s)
	case p.At("columns", "from"):
		p.Expect("columns", "from")
		s.Kind = ast.Describe
		s.Obj = p.QualifiedName()
	case p.Accept("all"), p.Accept("parameters"):
		s.Kind = ast.ShowAll
	case p.At("time", "zone"):
		p.Expect("time", "zone")
		s.Name = "timezone"
	case p.At("transaction", "isolation"):
		p.Expect("transaction", "isolation", "level")
		s.Name = "transaction_isolation"
	case p.At("session", "authorization"):
		p.Expect("session", "authorization")
		s.Name = "session_authorization"
	case t.Kind == lex.Ident && notShown[t.Val]:
		p.Unsupported("SHOW %s", strings.ToUpper(t.Val))
	default:
		s.Name = p.varName()
	}
	return s
}

// showFilter parses [FROM schema] [LIKE 'pattern']; the schema goes to Obj.
func (p *parser) showFilter(s *ast.Show) {
	if p.Accept("from") {
		s.Obj = ast.ObjectName{Pos: p.Pos(), Schema: p.ColID()}
	}
	if p.Accept("like") {
		s.Like = p.stringConst()
	}
}

func (p *parser) showCreate(s *ast.Show) {
	s.Kind = ast.ShowCreate
	p.Expect("create")
	s.Of = p.objectKind()
	s.Obj = p.QualifiedName()
}

// objectKind parses the kind of a relation of ours.
func (p *parser) objectKind() ast.ObjectKind {
	switch {
	case p.Accept("table"):
		return ast.KindTable
	case p.Accept("source"):
		return ast.KindSource
	case p.Accept("view"):
		return ast.KindView
	case p.Accept("sink"):
		return ast.KindSink
	}
	p.Expect("materialized", "view")
	return ast.KindMaterializedView
}

// describe parses DESCRIBE name.
func (p *parser) describe() ast.Statement {
	s := &ast.Show{Pos: p.Pos(), Kind: ast.Describe}
	p.Expect("describe")
	s.Obj = p.QualifiedName()
	return s
}

// explain parses EXPLAIN [ANALYZE] [VERBOSE] statement and EXPLAIN (…) statement.
func (p *parser) explain() ast.Statement {
	s := &ast.Explain{Pos: p.Pos()}
	p.Expect("explain")
	if p.At("(") && !p.AtQuery() {
		s.Options = p.utilityOptions()
	} else {
		for _, w := range []string{"analyze", "verbose"} {
			pos := p.Pos()
			if p.Accept(w) || w == "analyze" && p.Accept("analyse") {
				s.Options = append(s.Options, ast.Option{Pos: pos, Name: w, Value: "true"})
			}
		}
	}
	switch t := p.Tok(); {
	case p.AtQuery(), t.Is("insert"), t.Is("update"), t.Is("delete"), t.Is("declare"), t.Is("execute"), t.Is("create"):
		s.Stmt = p.statement()
	default:
		p.Unexpected()
	}
	return s
}

// utilityOptions parses ( name [value], … ), as EXPLAIN and COPY take them.
func (p *parser) utilityOptions() []ast.Option {
	var opts []ast.Option
	p.Expect("(")
	for ok := true; ok; ok = p.Accept(",") {
		o := ast.Option{Pos: p.Pos(), Name: p.ColLabel(), Value: "true"}
		switch {
		case p.At(","), p.At(")"):
		case p.Accept("*"):
			o.Value = "*"
		case p.At("("):
			o.Value = strings.Join(p.NameList(), ",")
		default:
			o.Value = p.setValue()
		}
		opts = append(opts, o)
	}
	p.Expect(")")
	return opts
}

// comment parses COMMENT ON kind name IS 'text'|NULL.
func (p *parser) comment() ast.Statement {
	s := &ast.Comment{Pos: p.Pos()}
	p.Expect("comment", "on")
	switch t := p.Tok(); {
	case p.Accept("column"):
		s.Kind = ast.KindColumn
		p.commentColumn(s)
	case p.Accept("schema"):
		s.Kind = ast.KindSchema
		s.Obj = ast.ObjectName{Pos: p.Pos(), Name: p.ColID()}
	case p.Accept("index"):
		s.Kind = ast.KindIndex
		s.Obj = p.QualifiedName()
	case t.Is("table"), t.Is("source"), t.Is("view"), t.Is("sink"), t.Is("materialized"):
		s.Kind = p.objectKind()
		s.Obj = p.QualifiedName()
	case t.Kind == lex.Ident && creatable[t.Val]:
		p.Unsupported("COMMENT ON %s", strings.ToUpper(t.Val))
		return s
	default:
		p.Unexpected()
		return s
	}
	p.Expect("is")
	if !p.Accept("null") {
		text := p.stringConst()
		s.Text = &text
	}
	return s
}

// commentColumn splits [schema.]relation.column.
func (p *parser) commentColumn(s *ast.Comment) {
	n := p.QualifiedName()
	if n.Schema == "" && p.Err() == nil {
		p.Unexpected()
		return
	}
	s.Column = n.Name
	s.Obj = ast.ObjectName{Pos: n.Pos, Schema: n.Catalog, Name: n.Schema}
}
