package bind

import (
	"math"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// array binds ARRAY[…]; want is the array type of a cast around it, OID 0: none.
func (b *binder) array(s *scope, x *ast.Array, want types.Type) (expr.Expr, error) {
	es := make([]expr.Expr, len(x.Elems))
	for i, el := range x.Elems {
		if _, nested := el.(*ast.Array); nested {
			return nil, pgerr.Unsupported(el.Position(), "a multidimensional array")
		}
		e, err := b.expr(s, el)
		if err != nil {
			return nil, err
		}
		if e.Type().IsArray() {
			return nil, pgerr.Unsupported(el.Position(), "a multidimensional array")
		}
		es[i] = e
	}
	pos := func(i int) int { return start(x.Elems[i]) }
	if elem, ok := want.Elem(); ok && want.OID != 0 {
		for i := range es {
			e, err := b.coerceTo(es[i], elem, expr.ExplicitCast, pos(i))
			if err != nil {
				return nil, err
			}
			es[i] = e
		}
		return &expr.Array{Elems: es, T: want}, nil
	}
	if len(es) == 0 {
		return nil, pgerr.New(pgerr.IndeterminateDatatype, "cannot determine type of empty array").
			WithHint("Explicitly cast to the desired type, for example ARRAY[]::integer[].").At(x.Position())
	}
	t, err := b.unify(es, "ARRAY", pos)
	if err != nil {
		return nil, err
	}
	at, ok := t.Base().ArrayOf()
	if !ok {
		return nil, pgerr.New(pgerr.UndefinedObject, "could not find array type for data type %s", t).At(x.Position())
	}
	return &expr.Array{Elems: es, T: at}, nil
}

// subscript binds x[i], NULL outside the array, and x[lo:hi]. Arrays begin at 1.
func (b *binder) subscript(s *scope, x *ast.Subscript) (expr.Expr, error) {
	a, err := b.expr(s, x.X)
	if err != nil {
		return nil, err
	}
	t := a.Type()
	if !t.IsArray() {
		return nil, pgerr.New(pgerr.DatatypeMismatch, "cannot subscript type %s because it does not support subscripting", t.Base()).At(start(x.X))
	}
	lo, err := b.index(s, x.Lo, 1)
	if err != nil || !x.Slice {
		if err != nil {
			return nil, err
		}
		return b.function("array_subscript", []expr.Expr{a, lo}, x.Position())
	}
	hi, err := b.index(s, x.Hi, math.MaxInt32)
	if err != nil {
		return nil, err
	}
	return b.function("array_slice", []expr.Expr{a, lo, hi}, x.Position())
}

// index binds one bound of a subscript; a missing one is the array's end.
func (b *binder) index(s *scope, x ast.Expr, missing int64) (expr.Expr, error) {
	if x == nil {
		return &expr.Const{Value: delta.IntOf(types.Int4, missing)}, nil
	}
	e, err := b.expr(s, x)
	if err != nil {
		return nil, err
	}
	i, ok, err := b.coerce(e, types.Int4, expr.AssignmentCast, start(x))
	if err == nil && !ok {
		err = pgerr.New(pgerr.DatatypeMismatch, "array subscript must have type integer").At(start(x))
	}
	return i, err
}

// field binds (f(x)).name of a set-returning function with named columns.
func (b *binder) field(s *scope, x *ast.Field) (expr.Expr, error) {
	was := s.wantField
	s.wantField = true
	e, err := b.expr(s, x.X)
	s.wantField = was
	if err != nil {
		return nil, err
	}
	r, ok := e.(*setRef)
	if !ok || len(r.fn.Cols) == 1 {
		return nil, pgerr.New(pgerr.WrongObjectType, "column notation .%s applied to type %s, which is not a composite type", x.Name, e.Type().Base()).At(start(x.X))
	}
	for i, c := range r.fn.Cols {
		if c.Name == x.Name {
			return &setRef{fn: r.fn, field: i, pos: r.pos}, nil
		}
	}
	return nil, pgerr.New(pgerr.UndefinedColumn, "could not identify column %q in record data type", x.Name).At(x.Position())
}

// collate accepts the collations that compare as the engine does: by bytes.
func (b *binder) collate(s *scope, x *ast.Collate) (expr.Expr, error) {
	e, err := b.expr(s, x.X)
	if err != nil {
		return nil, err
	}
	if e, err = b.settleText(e); err != nil {
		return nil, err
	}
	if e.Type().Info().Category != 'S' {
		return nil, pgerr.New(pgerr.DatatypeMismatch, "collations are not supported by type %s", e.Type().Base()).At(x.Position())
	}
	name := x.Name[len(x.Name)-1]
	schemaOK := len(x.Name) == 1 || len(x.Name) == 2 && x.Name[0] == "pg_catalog"
	switch {
	case schemaOK && (name == "default" || name == "C" || name == "POSIX" || name == "ucs_basic"):
		return e, nil
	}
	return nil, pgerr.New(pgerr.UndefinedObject, "collation %q for encoding \"UTF8\" does not exist", name).At(x.Position())
}

// ColumnName is the name that PostgreSQL gives an output column without alias.
func ColumnName(x ast.Expr) string {
	if n, _ := columnName(x); n != "" {
		return n
	}
	return "?column?"
}

// columnName gives a name and how good it is: 2 from a column or function, 1
// from a type or CASE, 0 none.
func columnName(x ast.Expr) (string, int) {
	switch x := x.(type) {
	case *ast.ColumnRef:
		if !x.Star {
			return x.Names[len(x.Names)-1], 2
		}
	case *ast.Field:
		return x.Name, 2
	case *ast.Func:
		return x.Name[len(x.Name)-1], 2
	case *ast.Subscript:
		return columnName(x.X)
	case *ast.Collate:
		return columnName(x.X)
	case *ast.Cast:
		if n, s := columnName(x.X); s == 2 {
			return n, s
		}
		return typeColumn(x.Type)
	case *ast.TypedLiteral:
		return typeColumn(x.Type)
	case *ast.Case:
		if x.Else != nil {
			if n, s := columnName(x.Else); s == 2 {
				return n, s
			}
		}
		return "case", 1
	case *ast.Array:
		return "array", 2
	case *ast.Row:
		return "row", 2
	case *ast.Subquery:
		return subqueryName(x)
	}
	return "", 0
}

func typeColumn(n ast.TypeName) (string, int) {
	last := n.Names[len(n.Names)-1]
	if t, ok := types.ByName(last); ok {
		last = t.Info().Name
	}
	return last, 1
}

func subqueryName(x *ast.Subquery) (string, int) {
	switch x.Kind {
	case ast.ExistsSubquery:
		return "exists", 2
	case ast.ArraySubquery:
		return "array", 2
	case ast.ScalarSubquery:
		if sel, ok := x.Query.Body.(*ast.Select); ok && len(sel.Items) == 1 {
			if sel.Items[0].Alias != "" {
				return sel.Items[0].Alias, 2
			}
			return columnName(sel.Items[0].X)
		}
		if _, ok := x.Query.Body.(*ast.Values); ok {
			return "column1", 2
		}
	}
	return "", 0
}
