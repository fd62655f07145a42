package bind

import (
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// subquery binds a query used as a value. s becomes the row that it may read.
func (b *binder) subquery(s *scope, x *ast.Subquery) (expr.Expr, error) {
	pos := x.Position()
	if err := b.adHocOnly(pos, "a subquery in an expression"); err != nil {
		return nil, err
	}
	var l expr.Expr
	if x.Kind == ast.AnySubquery || x.Kind == ast.AllSubquery {
		if _, isRow := x.X.(*ast.Row); isRow {
			return nil, pgerr.Unsupported(x.X.Position(), "a row value compared with a subquery")
		}
		e, err := b.expr(s, x.X)
		if err != nil {
			return nil, err
		}
		l = e
	}
	sub, err := b.query(&scope{outer: s}, s.ctes, x.Query, false)
	if err != nil {
		return nil, err
	}
	r := &subRef{sub: sub, pos: pos, t: types.Boolean}
	cols := sub.Base().Cols
	if x.Kind == ast.ExistsSubquery {
		r.kind = plan.ApplyExists
		return r, nil
	}
	if len(cols) != 1 {
		return nil, tooManyColumns(x.Kind, len(cols), pos)
	}
	switch x.Kind {
	case ast.ScalarSubquery:
		r.kind, r.t = plan.ApplyScalar, cols[0].Type
	case ast.ArraySubquery:
		at, ok := cols[0].Type.Base().ArrayOf()
		if !ok {
			return nil, pgerr.New(pgerr.UndefinedObject, "could not find array type for data type %s", cols[0].Type.Base()).At(pos)
		}
		r.kind, r.t = plan.ApplyArray, at
	default:
		return b.quantified(r, x, l)
	}
	return r, nil
}

func tooManyColumns(kind ast.SubqueryKind, n, pos int) error {
	if kind == ast.AnySubquery || kind == ast.AllSubquery {
		if n == 0 {
			return pgerr.New(pgerr.SyntaxError, "subquery has too few columns").At(pos)
		}
		return pgerr.New(pgerr.SyntaxError, "subquery has too many columns").At(pos)
	}
	return pgerr.New(pgerr.SyntaxError, "subquery must return only one column").At(pos)
}

// quantified is l op ANY|ALL (sub): the operator runs on l and the subquery's
// column, both coerced.
func (b *binder) quantified(r *subRef, x *ast.Subquery, l expr.Expr) (expr.Expr, error) {
	op := operatorName(x.Op)
	r.kind = plan.ApplyAny
	if x.Kind == ast.AllSubquery {
		r.kind = plan.ApplyAll
	}
	col := plan.ColumnAt(r.sub, 0)
	in := exprTypes([]expr.Expr{l, col})
	c, err := operator(op, in, x.Position())
	if err != nil {
		return nil, err
	}
	if c.fn.Ret.OID != types.OIDBool {
		return nil, pgerr.New(pgerr.WrongObjectType, "operator %s must return type boolean, not type %s", op, c.fn.Ret).At(x.Position())
	}
	args, _, err := b.arguments(c, []expr.Expr{l, col}, x.Position())
	if err != nil {
		return nil, err
	}
	if args[1] != expr.Expr(col) {
		r.sub = plan.NewProject(r.sub, args[1:], []string{col.Name})
	}
	r.fn, r.test = c.fn, args[0]
	return r, nil
}
