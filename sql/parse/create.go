package parse

import (
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/lex"
)

// create parses CREATE [OR REPLACE] SOURCE|TABLE|VIEW|MATERIALIZED VIEW|SINK.
func (p *parser) create() ast.Statement {
	pos := p.Pos()
	n := 1
	replace := p.PeekN(1).Is("or")
	if replace {
		if !p.PeekN(2).Is("replace") {
			p.Expect("create", "or", "replace")
			return nil
		}
		n = 3
	}
	switch kind := p.PeekN(n); {
	case kind.Is("view"):
		p.skip(n + 1)
		return p.createView(&ast.CreateView{Pos: pos, OrReplace: replace})
	case kind.Is("materialized") && p.PeekN(n+1).Is("view") && !replace:
		p.skip(n + 2)
		return p.createView(&ast.CreateView{Pos: pos, Materialized: true})
	case replace:
	case kind.Is("state") && p.PeekN(n+1).Is("savepoint"):
		return p.stateSavepoint()
	case kind.Is("source"):
		p.skip(2)
		return p.createSource(pos)
	case kind.Is("table"):
		p.skip(2)
		return p.createTable(pos)
	case kind.Is("sink"):
		p.skip(2)
		return p.createSink(pos)
	case kind.Is("user"), kind.Is("role"):
		p.skip(1)
		return p.createRole(pos)
	}
	if t := p.PeekN(n); t.Kind != lex.Ident || !creatable[t.Val] {
		p.skip(n)
		p.Unexpected()
		return nil
	}
	p.Unsupported("%s", p.commandName())
	return nil
}

// creatable are the words behind CREATE that PostgreSQL knows.
var creatable = words(`access aggregate cast collation constraint conversion database default domain
	event extension foreign function global group index language local materialized operator policy
	procedural procedure publication recursive role rule schema sequence server statistics
	subscription table temp temporary text transform trigger trusted type unique unlogged user`)

func (p *parser) skip(n int) {
	for range n {
		p.Advance()
	}
}

// createView parses what follows CREATE [MATERIALIZED] VIEW.
func (p *parser) createView(v *ast.CreateView) ast.Statement {
	v.IfNotExists = p.ifNotExists()
	v.Name = p.QualifiedName()
	if p.At("(") {
		v.Columns = p.NameList()
	}
	if p.At("with", "(") {
		p.Advance()
		v.Options = p.options()
	}
	p.Expect("as")
	v.Query, v.QueryText = p.queryText()
	if p.At("with", "no", "data") {
		p.Unsupported("WITH NO DATA")
	}
	if p.At("with", "check") || p.At("with", "local") || p.At("with", "cascaded") {
		p.Unsupported("WITH CHECK OPTION")
	}
	p.Accept("with", "data")
	return v
}

// queryText parses a query and keeps its text.
func (p *parser) queryText() (*ast.Query, string) {
	from := p.Tok().Pos
	q := p.Query()
	return q, p.Text(from, p.LastEnd())
}

// createSource parses what follows CREATE SOURCE.
func (p *parser) createSource(pos ast.Pos) ast.Statement {
	s := &ast.CreateSource{Pos: pos}
	s.IfNotExists = p.ifNotExists()
	s.Name = p.QualifiedName()
	if p.At("(") {
		e := p.tableElements(s.Name.Name)
		s.Columns, s.PrimaryKey, s.Watermarks = e.columns, e.primaryKey, e.watermarks
	}
	for p.At("include") {
		s.Includes = append(s.Includes, p.include())
	}
	if p.Accept("with") {
		s.Options = p.options()
	}
	if p.Accept("format") {
		s.Format = p.ColLabelWord()
		p.Expect("encode")
		s.Encode = p.ColLabelWord()
		if p.At("(") {
			s.EncodeOpts = p.options()
		}
	}
	return s
}

// ColLabelWord reads a word in any case.
func (p *parser) ColLabelWord() string { return strings.ToLower(p.ColLabel()) }

// include parses INCLUDE what ['header'] [AS name].
func (p *parser) include() ast.Include {
	inc := ast.Include{Pos: p.Pos()}
	p.Expect("include")
	t := p.Tok()
	switch t.Val {
	case "key", "partition", "offset", "timestamp", "header", "payload":
		inc.What = t.Val
		p.Advance()
	default:
		p.Unexpected()
	}
	if inc.What == "header" && p.Tok().Kind == lex.String {
		inc.Header = p.stringConst()
	}
	if p.Accept("as") {
		inc.As = p.ColID()
	}
	return inc
}

// createTable parses what follows CREATE TABLE.
func (p *parser) createTable(pos ast.Pos) ast.Statement {
	s := &ast.CreateTable{Pos: pos}
	s.IfNotExists = p.ifNotExists()
	s.Name = p.QualifiedName()
	if p.At("as") {
		p.Unsupported("CREATE TABLE AS")
		return s
	}
	e := p.tableElements(s.Name.Name)
	s.Columns, s.PrimaryKey, s.PKPos, s.Watermarks = e.columns, e.primaryKey, e.keyPos, e.watermarks
	if p.Accept("with") {
		s.Options = p.options()
	}
	for _, w := range []string{"include", "format", "inherits", "partition", "tablespace", "using"} {
		if p.At(w) {
			p.Unsupported("%s", strings.ToUpper(w))
		}
	}
	return s
}

// elements is what stands between the parentheses of a table or source.
type elements struct {
	table      string
	columns    []ast.ColumnDef
	primaryKey []string
	keyPos     ast.Pos
	watermarks []ast.Watermark
}

func (p *parser) tableElements(table string) *elements {
	e := &elements{table: table}
	p.Expect("(")
	if p.Accept(")") {
		return e
	}
	for ok := true; ok; ok = p.Accept(",") {
		switch {
		case p.At("watermark", "for"):
			e.watermarks = append(e.watermarks, p.watermark())
		case p.At("constraint"):
			p.Advance()
			p.ColID()
			p.tableConstraint(e)
		case p.At("primary"), p.At("unique"), p.At("check"), p.At("foreign"), p.At("exclude"), p.At("like"):
			p.tableConstraint(e)
		default:
			p.column(e)
		}
	}
	p.Expect(")")
	return e
}

func (p *parser) watermark() ast.Watermark {
	w := ast.Watermark{Pos: p.Pos()}
	p.Expect("watermark", "for")
	w.Column = p.ColID()
	p.Expect("as")
	from := p.Tok().Pos
	w.X = p.Expr()
	w.Text = p.Text(from, p.LastEnd())
	return w
}

func (p *parser) tableConstraint(e *elements) {
	pos := p.Pos()
	if !p.At("primary") {
		if t := p.Tok(); t.Is("unique") || t.Is("check") || t.Is("foreign") || t.Is("exclude") || t.Is("like") {
			p.Unsupported("a %s constraint", strings.ToUpper(t.Val))
			return
		}
		p.Unexpected()
		return
	}
	p.Expect("primary", "key")
	cols := p.NameList()
	p.setKey(e, cols, pos)
}

func (p *parser) setKey(e *elements, cols []string, pos ast.Pos) {
	if e.keyPos != 0 {
		p.Fail(pgerr.New(pgerr.InvalidTableDefinition, "multiple primary keys for table %q are not allowed", e.table).At(int(pos)))
		return
	}
	e.primaryKey, e.keyPos = cols, pos
}

// column parses name type and the column's constraints.
func (p *parser) column(e *elements) {
	c := ast.ColumnDef{Pos: p.Pos(), Name: p.ColID()}
	if p.At("as") {
		// RisingWave's computed column needs no type.
		p.generated(&c)
		e.columns = append(e.columns, c)
		return
	}
	c.Type = p.TypeName()
	for p.Err() == nil {
		pos := p.Pos()
		switch {
		case p.Accept("not", "null"):
			c.NotNull = true
		case p.Accept("null"):
		case p.At("primary"):
			p.Expect("primary", "key")
			c.PrimaryKey = true
			p.setKey(e, []string{c.Name}, pos)
		case p.Accept("default"):
			c.Default = p.BExpr()
		case p.At("as"):
			p.generated(&c)
		case p.At("generated"):
			p.Expect("generated")
			if p.At("by") || p.At("always", "as", "identity") {
				p.Unsupported("an identity column")
				return
			}
			p.Expect("always")
			p.generated(&c)
			p.Accept("stored")
		case p.At("constraint"):
			p.Advance()
			p.ColID()
		case p.At("unique"), p.At("check"), p.At("references"), p.At("collate"):
			p.Unsupported("%s of a column", strings.ToUpper(p.Tok().Val))
		default:
			e.columns = append(e.columns, c)
			return
		}
	}
}

// generated parses AS (expression), and RisingWave's AS expression.
func (p *parser) generated(c *ast.ColumnDef) {
	p.Expect("as")
	c.Generated = p.Expr()
}

// createSink parses what follows CREATE SINK.
func (p *parser) createSink(pos ast.Pos) ast.Statement {
	s := &ast.CreateSink{Pos: pos}
	s.IfNotExists = p.ifNotExists()
	s.Name = p.QualifiedName()
	switch {
	case p.Accept("from"):
		n := p.QualifiedName()
		s.From = &n
	default:
		p.Expect("as")
		s.Query, s.QueryText = p.queryText()
	}
	if p.Accept("with") {
		s.Options = p.options()
	}
	if p.At("format") {
		p.Unsupported("FORMAT of a sink")
	}
	return s
}

// options parses ( name = value, … ). Names may have dots; values are strings,
// numbers, booleans or bare words.
func (p *parser) options() []ast.Option {
	opts := []ast.Option{}
	p.Expect("(")
	if p.Accept(")") {
		return opts
	}
	for ok := true; ok; ok = p.Accept(",") {
		o := ast.Option{Pos: p.Pos()}
		if p.Tok().Kind == lex.String {
			o.Name = p.stringConst()
		} else {
			o.Name = p.ColLabel()
			for p.Accept(".") {
				o.Name += "." + p.ColLabel()
			}
		}
		if p.Accept("=") {
			o.Value = p.optionValue()
		} else {
			o.Value = "true"
		}
		opts = append(opts, o)
	}
	p.Expect(")")
	return opts
}

func (p *parser) optionValue() string {
	sign := ""
	if p.At("-") || p.At("+") {
		sign = p.Tok().Val
		p.Advance()
	}
	t := p.Tok()
	switch t.Kind {
	case lex.Integer, lex.Decimal:
	case lex.String, lex.Ident, lex.Quoted:
		if sign != "" {
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

// drop parses DROP kind [IF EXISTS] name, … [CASCADE|RESTRICT].
func (p *parser) drop() ast.Statement {
	d := &ast.Drop{Pos: p.Pos()}
	n := 2
	switch kind := p.PeekN(1); {
	case kind.Is("source"):
		d.Kind = ast.KindSource
	case kind.Is("table"):
		d.Kind = ast.KindTable
	case kind.Is("view"):
		d.Kind = ast.KindView
	case kind.Is("sink"):
		d.Kind = ast.KindSink
	case kind.Is("materialized") && p.PeekN(2).Is("view"):
		d.Kind, n = ast.KindMaterializedView, 3
	case kind.Is("user"), kind.Is("role"):
		return p.dropRole()
	case kind.Kind == lex.Ident && (creatable[kind.Val] || kind.Is("owned")):
		p.Unsupported("%s", p.commandName())
		return d
	default:
		p.skip(1)
		p.Unexpected()
		return d
	}
	p.skip(n)
	d.IfExists = p.ifExists()
	for ok := true; ok; ok = p.Accept(",") {
		d.Names = append(d.Names, p.QualifiedName())
	}
	if d.Cascade = p.Accept("cascade"); !d.Cascade {
		p.Accept("restrict")
	}
	return d
}
