package bind

import (
	"strconv"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// expr binds one scalar expression in scope s.
func (b *binder) expr(s *scope, x ast.Expr) (expr.Expr, error) {
	if err := b.enter(x.Position()); err != nil {
		return nil, err
	}
	defer func() { b.depth-- }()
	switch x := x.(type) {
	case *ast.ColumnRef:
		if x.Star {
			return nil, pgerr.New(pgerr.SyntaxError, "row expansion via \"*\" is not supported here").At(x.Position())
		}
		c, err := b.resolve(s, x)
		if err != nil {
			return nil, err
		}
		e := c.expr()
		if col, ok := e.(*expr.Column); ok {
			own := *col
			b.colPos[&own] = x.Position()
			return &own, nil
		}
		if c.deep > 0 {
			b.colPos[e] = x.Position()
			if c.s.usedAt == 0 {
				c.s.usedAt = x.Position()
			}
		}
		return e, nil
	case *ast.Literal:
		return b.plainLiteral(x)
	case *ast.Param:
		return b.params.ref(x.N, x.Position())
	case *ast.TypedLiteral:
		return b.typedLiteral(x)
	case *ast.Cast:
		return b.cast(s, x)
	case *ast.Unary:
		return b.unary(s, x)
	case *ast.Binary:
		return b.binary(s, x)
	case *ast.And, *ast.Or:
		return b.logic(s, x)
	case *ast.Not:
		e, err := b.condition(s, x.X, "NOT")
		if err != nil {
			return nil, err
		}
		return &expr.Not{X: e}, nil
	case *ast.Func:
		return b.call(s, x)
	case *ast.Subquery:
		return b.subquery(s, x)
	case *ast.AnyArray:
		return b.anyArray(s, x)
	case *ast.Array:
		return b.array(s, x, types.Type{})
	}
	return b.predicate(s, x)
}

// predicate binds the forms that SQL has syntax for beyond operators and calls.
func (b *binder) predicate(s *scope, x ast.Expr) (expr.Expr, error) {
	switch x := x.(type) {
	case *ast.IsTest:
		return b.isTest(s, x)
	case *ast.IsDistinct:
		return b.isDistinct(s, x)
	case *ast.Between:
		return b.between(s, x)
	case *ast.InList:
		return b.inList(s, x)
	case *ast.Like:
		return b.like(s, x)
	case *ast.Case:
		return b.caseExpr(s, x)
	case *ast.Collate:
		return b.collate(s, x)
	case *ast.Subscript:
		return b.subscript(s, x)
	case *ast.Field:
		return b.field(s, x)
	case *ast.Row:
		return nil, pgerr.Unsupported(x.Position(), "a row value here")
	}
	return nil, pgerr.Unsupported(x.Position(), "this expression")
}

func (b *binder) exprs(s *scope, xs []ast.Expr) ([]expr.Expr, error) {
	out := make([]expr.Expr, len(xs))
	for i, x := range xs {
		e, err := b.expr(s, x)
		if err != nil {
			return nil, err
		}
		out[i] = e
	}
	return out, nil
}

// condition binds x as a boolean operand of what.
func (b *binder) condition(s *scope, x ast.Expr, what string) (expr.Expr, error) {
	e, err := b.expr(s, x)
	if err != nil {
		return nil, err
	}
	return b.boolean(e, what, start(x))
}

func (b *binder) plainLiteral(x *ast.Literal) (expr.Expr, error) {
	switch x.Kind {
	case ast.Null:
		return &unknown{null: true, pos: x.Position()}, nil
	case ast.String:
		return &unknown{text: x.Text, pos: x.Position()}, nil
	case ast.True, ast.False:
		return &expr.Const{Value: delta.BoolOf(x.Kind == ast.True)}, nil
	case ast.Integer:
		if n, err := strconv.ParseInt(x.Text, 10, 64); err == nil {
			t := types.Int8
			if n == int64(int32(n)) {
				t = types.Int4
			}
			return &expr.Const{Value: delta.IntOf(t, n)}, nil
		}
	}
	return b.literal(&unknown{text: x.Text, pos: x.Position()}, types.Numeric)
}

func (b *binder) typedLiteral(x *ast.TypedLiteral) (expr.Expr, error) {
	t, err := ResolveType(x.Type)
	if err != nil {
		return nil, err
	}
	text := x.Text
	if x.Fields != "" {
		if t.OID != types.OIDInterval {
			return nil, pgerr.New(pgerr.SyntaxError, "type modifier is not allowed for type %q", typeText(x.Type)).At(x.Position())
		}
		if text, err = intervalFields(text, x.Fields, x.Position()); err != nil {
			return nil, err
		}
	}
	return b.castTo(&unknown{text: text, pos: x.Position()}, t, x.Position())
}

// intervalFields adds the unit that INTERVAL '5' MINUTE leaves to its qualifier.
func intervalFields(text, fields string, pos int) (string, error) {
	trimmed := strings.TrimSpace(text)
	if _, err := strconv.ParseFloat(trimmed, 64); err != nil {
		if strings.ContainsAny(trimmed, ":") || strings.ContainsFunc(trimmed, isLetter) {
			return "", pgerr.Unsupported(pos, "an interval qualifier after a complete interval")
		}
		return text, nil
	}
	unit := fields
	if i := strings.LastIndex(fields, " to "); i >= 0 {
		unit = fields[i+4:]
	}
	return trimmed + " " + unit, nil
}

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

func (b *binder) cast(s *scope, x *ast.Cast) (expr.Expr, error) {
	t, err := ResolveType(x.Type)
	if err != nil {
		return nil, err
	}
	if a, ok := x.X.(*ast.Array); ok && t.IsArray() {
		e, err := b.array(s, a, t)
		if err != nil {
			return nil, err
		}
		return b.castTo(e, t, x.Position())
	}
	e, err := b.expr(s, x.X)
	if err != nil {
		return nil, err
	}
	return b.castTo(e, t, x.Position())
}

// castTo is an explicit cast.
func (b *binder) castTo(e expr.Expr, t types.Type, pos int) (expr.Expr, error) {
	if t.OID == types.OIDVoid || t.OID == types.OIDRecord || t.OID == types.OIDAny || polymorphic(t) {
		return nil, pgerr.New(pgerr.CannotCoerce, "cannot cast type %s to %s", e.Type().Base(), t).At(pos)
	}
	return b.coerceTo(e, t, expr.ExplicitCast, pos)
}

// operatorName is the name that an operator is registered under; one of another
// schema is not found and shows up in the error as it was written.
func operatorName(op ast.Operator) string {
	switch {
	case op.Schema != "" && op.Schema != "pg_catalog":
		return op.Schema + "." + op.Name
	case op.Name == "!=":
		return "<>"
	}
	return op.Name
}

func (b *binder) unary(s *scope, x *ast.Unary) (expr.Expr, error) {
	op := operatorName(x.Op)
	// As PostgreSQL's grammar does: a minus before a number is part of it.
	if lit, ok := x.X.(*ast.Literal); ok && op == "-" && (lit.Kind == ast.Integer || lit.Kind == ast.Decimal) {
		return b.plainLiteral(&ast.Literal{Pos: lit.Pos, Kind: lit.Kind, Text: "-" + lit.Text})
	}
	e, err := b.expr(s, x.X)
	if err != nil {
		return nil, err
	}
	return b.operate(op, nil, e, x.Position())
}

func (b *binder) binary(s *scope, x *ast.Binary) (expr.Expr, error) {
	op := operatorName(x.Op)
	if l, ok := x.L.(*ast.Row); ok {
		return b.rowCompare(s, op, l, x.R, x.Position())
	}
	l, err := b.expr(s, x.L)
	if err != nil {
		return nil, err
	}
	r, err := b.expr(s, x.R)
	if err != nil {
		return nil, err
	}
	return b.operate(op, l, r, x.Position())
}

// rowCompare binds (a, b) = (c, d) and <>; other row comparisons wait.
func (b *binder) rowCompare(s *scope, op string, l *ast.Row, rx ast.Expr, pos int) (expr.Expr, error) {
	r, ok := rx.(*ast.Row)
	if !ok || op != "=" && op != "<>" {
		return nil, pgerr.Unsupported(pos, "this comparison of row values")
	}
	if len(l.Elems) != len(r.Elems) {
		return nil, pgerr.New(pgerr.SyntaxError, "unequal number of entries in row expressions").At(pos)
	}
	if len(l.Elems) == 0 {
		return nil, pgerr.New(pgerr.FeatureNotSupported, "cannot compare rows of zero length").At(pos)
	}
	var parts []expr.Expr
	for i := range l.Elems {
		e, err := b.binary(s, &ast.Binary{Pos: ast.Pos(pos), Op: ast.Operator{Name: op}, L: l.Elems[i], R: r.Elems[i]})
		if err != nil {
			return nil, err
		}
		parts = append(parts, e)
	}
	switch {
	case len(parts) == 1:
		return parts[0], nil
	case op == "=":
		return &expr.And{Args: parts}, nil
	}
	return &expr.Or{Args: parts}, nil
}

// logic flattens chains of one connective, as PostgreSQL does.
func (b *binder) logic(s *scope, x ast.Expr) (expr.Expr, error) {
	_, isAnd := x.(*ast.And)
	what := "OR"
	if isAnd {
		what = "AND"
	}
	// Left-deep chains are walked in a loop: they may be long.
	var operands []ast.Expr
	for at := x; ; {
		var l, r ast.Expr
		if a, ok := at.(*ast.And); ok && isAnd {
			l, r = a.L, a.R
		} else if o, ok := at.(*ast.Or); ok && !isAnd {
			l, r = o.L, o.R
		} else {
			operands = append(operands, at)
			break
		}
		operands = append(operands, r)
		at = l
	}
	args := make([]expr.Expr, 0, len(operands))
	for i := len(operands) - 1; i >= 0; i-- {
		e, err := b.condition(s, operands[i], what)
		if err != nil {
			return nil, err
		}
		args = append(args, splice(e, isAnd)...)
	}
	if isAnd {
		return &expr.And{Args: args}, nil
	}
	return &expr.Or{Args: args}, nil
}

func splice(e expr.Expr, isAnd bool) []expr.Expr {
	if a, ok := e.(*expr.And); ok && isAnd {
		return a.Args
	}
	if o, ok := e.(*expr.Or); ok && !isAnd {
		return o.Args
	}
	return []expr.Expr{e}
}
