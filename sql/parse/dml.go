package parse

import (
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/grammar"
)

// insert parses INSERT INTO t [AS a] [(columns)] query|DEFAULT VALUES …
func (p *parser) insert() ast.Statement {
	s := &ast.Insert{Pos: p.Pos()}
	p.Expect("insert", "into")
	s.Table = p.QualifiedName()
	if p.Accept("as") {
		s.Alias = p.ColID()
	}
	if p.At("(") && !p.AtQuery() {
		p.Expect("(")
		for ok := true; ok; ok = p.Accept(",") {
			s.ColPos = append(s.ColPos, p.Pos())
			s.Columns = append(s.Columns, p.targetColumn())
		}
		p.Expect(")")
	}
	if p.At("overriding") {
		p.Unsupported("OVERRIDING")
	}
	switch {
	case p.At("default"):
		p.Expect("default", "values")
		s.Default = true
	case p.At("("), p.AtQuery():
		s.Query = p.Query()
	default:
		p.Unexpected()
	}
	if p.At("on") {
		s.Conflict = p.onConflict()
	}
	s.Returning = p.returning()
	return s
}

// targetColumn reads a column to assign to; parts of a column are not supported.
func (p *parser) targetColumn() string {
	name := p.ColID()
	if p.At(".") || p.At("[") {
		p.Unsupported("assignment to a part of a column")
	}
	return name
}

func (p *parser) returning() []ast.SelectItem {
	if !p.Accept("returning") {
		return nil
	}
	return p.Items()
}

// onConflict parses ON CONFLICT [(columns)] DO NOTHING|UPDATE SET ….
func (p *parser) onConflict() *ast.OnConflict {
	c := &ast.OnConflict{Pos: p.Pos()}
	p.Expect("on", "conflict")
	if p.At("(") {
		p.Expect("(")
		for ok := true; ok; ok = p.Accept(",") {
			if !grammar.IsColID(p.Tok()) || p.PeekN(1).Is("(") {
				p.Unsupported("an expression in ON CONFLICT")
				return c
			}
			c.Columns = append(c.Columns, p.ColID())
		}
		p.Expect(")")
		if p.At("where") {
			p.Unsupported("WHERE in ON CONFLICT")
		}
	} else if p.At("on", "constraint") {
		p.Unsupported("ON CONFLICT ON CONSTRAINT")
	}
	p.Expect("do")
	if c.Nothing = p.Accept("nothing"); c.Nothing {
		return c
	}
	p.Expect("update", "set")
	if c.Columns == nil && p.Err() == nil {
		p.Fail(pgerr.New(pgerr.SyntaxError, "ON CONFLICT DO UPDATE requires inference specification or constraint name").At(c.Position()).
			WithHint("For example, ON CONFLICT (column_name)."))
	}
	c.Set = p.assignments()
	if p.Accept("where") {
		c.Where = p.Expr()
	}
	return c
}

// assignments parses column = expression, …; (a, b) = (x, y) is taken apart.
func (p *parser) assignments() []ast.Assignment {
	var list []ast.Assignment
	for ok := true; ok; ok = p.Accept(",") {
		a := ast.Assignment{Pos: p.Pos()}
		if p.At("(") {
			list = append(list, p.rowAssignment()...)
			continue
		}
		a.Column = p.targetColumn()
		p.Expect("=")
		a.X = p.Expr()
		list = append(list, a)
	}
	return list
}

func (p *parser) rowAssignment() []ast.Assignment {
	var list []ast.Assignment
	pos := p.Pos()
	p.Expect("(")
	for ok := true; ok; ok = p.Accept(",") {
		list = append(list, ast.Assignment{Pos: p.Pos(), Column: p.targetColumn()})
	}
	p.Expect(")", "=")
	x := p.Expr()
	if p.Err() != nil {
		return nil
	}
	var values []ast.Expr
	switch row := x.(type) {
	case *ast.Row:
		values = row.Elems
	case *ast.Subquery:
		p.Fail(pgerr.Unsupported(int(pos), "assigning a subquery's row"))
		return nil
	default:
		if len(list) == 1 {
			values = []ast.Expr{x}
			break
		}
		p.Fail(pgerr.New(pgerr.FeatureNotSupported, "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression").At(x.Position()))
		return nil
	}
	if len(values) != len(list) {
		p.Fail(pgerr.New(pgerr.SyntaxError, "number of columns does not match number of values").At(int(pos)))
		return nil
	}
	for i := range list {
		list[i].X = values[i]
	}
	return list
}

// update parses UPDATE t [alias] SET … [FROM …] [WHERE …] [RETURNING …].
func (p *parser) update() ast.Statement {
	s := &ast.Update{Pos: p.Pos()}
	p.Expect("update")
	s.Table = p.target()
	if p.Accept("as") {
		s.Alias = p.ColID()
	} else if grammar.IsColID(p.Tok()) && !p.At("set") {
		s.Alias = p.ColID()
	}
	p.Expect("set")
	s.Set = p.assignments()
	if p.Accept("from") {
		s.From = p.FromList()
	}
	s.Where = p.where()
	s.Returning = p.returning()
	return s
}

// target parses [ONLY] name [*].
func (p *parser) target() ast.ObjectName {
	if !p.Accept("only") {
		n := p.QualifiedName()
		p.Accept("*")
		return n
	}
	parens := p.Accept("(")
	n := p.QualifiedName()
	if parens {
		p.Expect(")")
	}
	return n
}

func (p *parser) where() ast.Expr {
	if !p.Accept("where") {
		return nil
	}
	if p.At("current", "of") {
		p.Unsupported("WHERE CURRENT OF")
		return nil
	}
	return p.Expr()
}

// delete parses DELETE FROM t [alias] [USING …] [WHERE …] [RETURNING …].
func (p *parser) delete() ast.Statement {
	s := &ast.Delete{Pos: p.Pos()}
	p.Expect("delete", "from")
	s.Table = p.target()
	if p.Accept("as") || grammar.IsColID(p.Tok()) {
		s.Alias = p.ColID()
	}
	if p.Accept("using") {
		s.Using = p.FromList()
	}
	s.Where = p.where()
	s.Returning = p.returning()
	return s
}
