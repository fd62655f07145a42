package bind

import (
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

func constBool(v bool) expr.Expr { return &expr.Const{Value: delta.BoolOf(v)} }

func (b *binder) isTest(s *scope, x *ast.IsTest) (expr.Expr, error) {
	e, err := b.expr(s, x.X)
	if err != nil {
		return nil, err
	}
	var r expr.Expr
	if x.What == ast.IsNull {
		if u, ok := e.(*unknown); ok {
			if e, err = b.literal(u, types.Text); err != nil {
				return nil, err
			}
		}
		r = &expr.IsNull{X: e}
	} else {
		name := map[ast.IsKind]string{ast.IsTrue: "TRUE", ast.IsFalse: "FALSE", ast.IsUnknown: "UNKNOWN"}[x.What]
		if x.Not {
			name = "NOT " + name
		}
		if e, err = b.boolean(e, "IS "+name, start(x.X)); err != nil {
			return nil, err
		}
		switch x.What {
		case ast.IsTrue:
			r = &expr.Coalesce{Args: []expr.Expr{e, constBool(false)}, T: types.Boolean}
		case ast.IsFalse:
			r = &expr.Coalesce{Args: []expr.Expr{&expr.Not{X: e}, constBool(false)}, T: types.Boolean}
		default:
			r = &expr.IsNull{X: e}
		}
	}
	if x.Not {
		return &expr.Not{X: r}, nil
	}
	return r, nil
}

// isDistinct is l = r where both are known, else whether both are NULL: the
// comparison is strict.
func (b *binder) isDistinct(s *scope, x *ast.IsDistinct) (expr.Expr, error) {
	l, err := b.expr(s, x.L)
	if err != nil {
		return nil, err
	}
	r, err := b.expr(s, x.R)
	if err != nil {
		return nil, err
	}
	same, err := b.notDistinct(l, r, x.Position())
	if err != nil || x.Not {
		return same, err
	}
	return &expr.Not{X: same}, nil
}

func (b *binder) notDistinct(l, r expr.Expr, pos int) (expr.Expr, error) {
	eq, err := b.operate("=", l, r, pos)
	if err != nil {
		return nil, err
	}
	c := eq.(*expr.Call)
	both := &expr.And{Args: []expr.Expr{&expr.IsNull{X: c.Args[0]}, &expr.IsNull{X: c.Args[1]}}}
	return &expr.Coalesce{Args: []expr.Expr{eq, both}, T: types.Boolean}, nil
}

func (b *binder) between(s *scope, x *ast.Between) (expr.Expr, error) {
	in := func(lo, hi ast.Expr) (expr.Expr, error) {
		es, err := b.exprs(s, []ast.Expr{x.X, lo, x.X, hi})
		if err != nil {
			return nil, err
		}
		l, err := b.operate(">=", es[0], es[1], x.Position())
		if err != nil {
			return nil, err
		}
		h, err := b.operate("<=", es[2], es[3], x.Position())
		if err != nil {
			return nil, err
		}
		return &expr.And{Args: []expr.Expr{l, h}}, nil
	}
	r, err := in(x.Lo, x.Hi)
	if err != nil {
		return nil, err
	}
	if x.Sym {
		other, err := in(x.Hi, x.Lo)
		if err != nil {
			return nil, err
		}
		r = &expr.Or{Args: []expr.Expr{r, other}}
	}
	if x.Not {
		return &expr.Not{X: r}, nil
	}
	return r, nil
}

// inList is PostgreSQL's transformAExprIn: constants become = ANY (array), what
// reads columns becomes comparisons joined by OR.
func (b *binder) inList(s *scope, x *ast.InList) (expr.Expr, error) {
	op := "="
	if x.Not {
		op = "<>"
	}
	if row, ok := x.X.(*ast.Row); ok {
		return b.rowInList(s, x, row, op)
	}
	l, err := b.expr(s, x.X)
	if err != nil {
		return nil, err
	}
	items, err := b.exprs(s, x.List)
	if err != nil {
		return nil, err
	}
	var fixed, rest []expr.Expr
	for _, e := range items {
		if contains(e, readsRow) {
			rest = append(rest, e)
		} else {
			fixed = append(fixed, e)
		}
	}
	var parts []expr.Expr
	if len(fixed) > 1 {
		any, err := b.inArray(l, fixed, op, x)
		if err != nil {
			return nil, err
		}
		if any != nil {
			parts = append(parts, any)
			fixed = nil
		}
	}
	for _, e := range append(fixed, rest...) {
		c, err := b.operate(op, l, e, x.Position())
		if err != nil {
			return nil, err
		}
		if c, err = b.boolean(c, "IN", x.Position()); err != nil {
			return nil, err
		}
		parts = append(parts, c)
	}
	switch {
	case len(parts) == 1:
		return parts[0], nil
	case x.Not:
		return &expr.And{Args: parts}, nil
	}
	return &expr.Or{Args: parts}, nil
}

func readsRow(e expr.Expr) bool {
	switch e.(type) {
	case *expr.Column, *expr.Outer, *aggRef, *winRef, *subRef, *setRef:
		return true
	}
	return false
}

// inArray makes l op ANY|ALL (ARRAY[fixed…]) when all have one type with an
// array type; nil when not.
func (b *binder) inArray(l expr.Expr, fixed []expr.Expr, op string, x *ast.InList) (expr.Expr, error) {
	t, err := commonType(append([]expr.Expr{l}, fixed...), "", nil)
	if err != nil || t.OID == types.OIDUnknown {
		return nil, err
	}
	at, ok := t.ArrayOf()
	if !ok {
		return nil, nil
	}
	elems := make([]expr.Expr, len(fixed))
	for i, e := range fixed {
		r, ok, err := b.coerce(e, t, expr.ImplicitCast, x.List[i].Position())
		if err != nil || !ok {
			return nil, err
		}
		elems[i] = r
	}
	return b.anyAll(op, l, &expr.Array{Elems: elems, T: at}, x.Not, x.Position())
}

func (b *binder) rowInList(s *scope, x *ast.InList, row *ast.Row, op string) (expr.Expr, error) {
	var parts []expr.Expr
	for _, item := range x.List {
		c, err := b.rowCompare(s, op, row, item, x.Position())
		if err != nil {
			return nil, err
		}
		parts = append(parts, c)
	}
	if x.Not {
		return &expr.And{Args: parts}, nil
	}
	return &expr.Or{Args: parts}, nil
}

// anyAll makes x op ANY|ALL (array): PostgreSQL's make_scalar_array_op.
func (b *binder) anyAll(op string, l, array expr.Expr, all bool, pos int) (expr.Expr, error) {
	elem := types.Unknown
	at := array.Type()
	if at.OID != types.OIDUnknown {
		e, ok := at.Elem()
		if !ok {
			return nil, pgerr.New(pgerr.WrongObjectType, "op ANY/ALL (array) requires array on right side").At(pos)
		}
		elem = e.Base()
	}
	in := []types.Type{l.Type().Base(), elem}
	c, err := operator(op, in, pos)
	if err != nil {
		return nil, err
	}
	if c.fn.Ret.OID != types.OIDBool {
		return nil, pgerr.New(pgerr.WrongObjectType, "op ANY/ALL (array) requires operator to yield boolean").At(pos)
	}
	e0, _ := elementType(c.args, in)
	lt, ok0 := concrete(c.args[0], e0)
	rt, ok1 := concrete(c.args[1], e0)
	art, ok2 := rt.ArrayOf()
	if !ok0 || !ok1 || !ok2 {
		return nil, pgerr.New(pgerr.UndefinedObject, "could not find array type for data type %s", rt).At(pos)
	}
	lx, err := b.coerceTo(l, lt, expr.ImplicitCast, pos)
	if err != nil {
		return nil, err
	}
	ax, err := b.coerceTo(array, art, expr.ImplicitCast, pos)
	if err != nil {
		return nil, err
	}
	return &expr.AnyAll{Fn: c.fn, X: lx, Array: ax, All: all}, nil
}

func (b *binder) anyArray(s *scope, x *ast.AnyArray) (expr.Expr, error) {
	op := operatorName(x.Op)
	l, err := b.expr(s, x.X)
	if err != nil {
		return nil, err
	}
	r, err := b.expr(s, x.Array)
	if err != nil {
		return nil, err
	}
	return b.anyAll(op, l, r, x.All, x.Position())
}

func (b *binder) like(s *scope, x *ast.Like) (expr.Expr, error) {
	es, err := b.exprs(s, []ast.Expr{x.X, x.Pattern})
	if err != nil {
		return nil, err
	}
	pattern := es[1]
	op := map[ast.LikeKind]string{ast.LikeCase: "~~", ast.ILike: "~~*", ast.SimilarTo: "~"}[x.Kind]
	if x.Not {
		op = "!" + op
	}
	if x.Escape != nil || x.Kind == ast.SimilarTo {
		args := []expr.Expr{pattern}
		if x.Escape != nil {
			e, err := b.expr(s, x.Escape)
			if err != nil {
				return nil, err
			}
			args = append(args, e)
		}
		name := "like_escape"
		if x.Kind == ast.SimilarTo {
			name = "similar_to_escape"
		}
		if pattern, err = b.function(name, args, x.Position()); err != nil {
			return nil, err
		}
	}
	return b.operate(op, es[0], pattern, x.Position())
}

func (b *binder) caseExpr(s *scope, x *ast.Case) (expr.Expr, error) {
	var operand expr.Expr
	if x.Operand != nil {
		e, err := b.expr(s, x.Operand)
		if err != nil {
			return nil, err
		}
		if operand, err = b.settleText(e); err != nil {
			return nil, err
		}
	}
	c := &expr.Case{}
	// PostgreSQL resolves the type with ELSE first.
	results := []expr.Expr{&unknown{null: true}}
	pos := []int{x.Position()}
	for _, w := range x.Whens {
		cond, err := b.expr(s, w.Cond)
		if err != nil {
			return nil, err
		}
		if operand != nil {
			if cond, err = b.operate("=", operand, cond, w.Cond.Position()); err != nil {
				return nil, err
			}
		}
		if cond, err = b.boolean(cond, "CASE/WHEN", start(w.Cond)); err != nil {
			return nil, err
		}
		then, err := b.expr(s, w.Then)
		if err != nil {
			return nil, err
		}
		c.Whens = append(c.Whens, expr.When{Cond: cond})
		results, pos = append(results, then), append(pos, start(w.Then))
	}
	if x.Else != nil {
		e, err := b.expr(s, x.Else)
		if err != nil {
			return nil, err
		}
		results[0], pos[0] = e, start(x.Else)
	}
	t, err := b.unify(results, "CASE", func(i int) int { return pos[i] })
	if err != nil {
		return nil, err
	}
	c.T, c.Else = t, results[0]
	for i := range c.Whens {
		c.Whens[i].Then = results[i+1]
	}
	return c, nil
}
