package bind

import (
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// castPath is how a value gets from one type to another.
type castPath struct {
	fn      *expr.Func // nil: the same bytes
	context expr.CastContext
}

// findPath is PostgreSQL's find_coercion_pathway for two different types:
// pg_cast, arrays element by element, and the implied conversions through text.
func findPath(from, to types.Type) (castPath, bool) {
	if c, ok := expr.FindCast(from, to); ok {
		return castPath{c.Fn, c.Context}, true
	}
	return castPath{}, false
}

// allowed reports whether a cast declared for context have may be used in want.
func allowed(have, want expr.CastContext) bool {
	switch want {
	case expr.ExplicitCast:
		return true
	case expr.AssignmentCast:
		return have != expr.ExplicitCast
	}
	return have == expr.ImplicitCast
}

// canCoerce is can_coerce_type for one pair.
func canCoerce(from, to types.Type, ctx expr.CastContext) bool {
	switch {
	case from.OID == to.OID, to.OID == types.OIDAny:
		return true
	case from.OID == types.OIDUnknown:
		return true
	case polymorphic(to):
		return to.OID != types.OIDAnyArray || from.IsArray()
	}
	p, ok := findPath(from, to)
	return ok && allowed(p.context, ctx)
}

func polymorphic(t types.Type) bool {
	switch t.OID {
	case types.OIDAnyElement, types.OIDAnyArray, types.OIDAnyNonArray:
		return true
	}
	return false
}

// coerce gives e the type t (modifier not applied), or ok false when no cast
// exists in ctx. An unknown literal is read as t; an error of that reading is
// returned with the literal's position.
func (b *binder) coerce(e expr.Expr, t types.Type, ctx expr.CastContext, pos int) (r expr.Expr, ok bool, err error) {
	switch x := e.(type) {
	case *unknown:
		r, err = b.literal(x, t)
		return r, err == nil, err
	case *expr.Param:
		if x.T.OID == types.OIDUnknown {
			return e, true, b.params.settle(x, t)
		}
	}
	from := e.Type()
	if from.OID == t.OID {
		return e, true, nil
	}
	p, found := findPath(from, t)
	if !found || !allowed(p.context, ctx) {
		return nil, false, nil
	}
	if p.fn == nil {
		return expr.Relabel(e, t.Base()), true, nil
	}
	return &expr.Call{Fn: p.fn, Args: castArgs(p.fn, e, -1, ctx == expr.ExplicitCast), T: t.Base(), Pos: pos}, true, nil
}

// castArgs completes the arguments of a cast function that also takes the type
// modifier (int4) and whether the cast is explicit (boolean).
func castArgs(fn *expr.Func, e expr.Expr, mod int32, explicit bool) []expr.Expr {
	args := []expr.Expr{e}
	if len(fn.Args) > 1 {
		args = append(args, &expr.Const{Value: delta.IntOf(types.Int4, int64(mod))})
	}
	if len(fn.Args) > 2 {
		args = append(args, &expr.Const{Value: delta.BoolOf(explicit)})
	}
	return args
}

// literal reads an unknown literal as a value of type t.
func (b *binder) literal(u *unknown, t types.Type) (expr.Expr, error) {
	base := t.Base()
	if u.null {
		return &expr.Const{Value: delta.NullOf(base)}, nil
	}
	text := delta.TextOf(u.text)
	switch t.OID {
	case types.OIDText, types.OIDVarchar:
		text.T = base
		return &expr.Const{Value: text}, nil
	}
	p, ok := findPath(types.Text, base)
	if !ok {
		return nil, pgerr.Unsupported(u.pos, "a literal of type %s", t)
	}
	call := &expr.Call{Fn: p.fn, Args: castArgs(p.fn, &expr.Const{Value: text}, -1, true), T: base, Pos: u.pos}
	// What the reading depends on (the time zone, the catalog) is taken from the
	// session once, when the statement is bound, as in PostgreSQL.
	d, err := expr.EvalConst(&expr.Ctx{Now: b.opts.Now, Session: b.opts.Session}, call)
	if err != nil {
		e := *pgerr.From(err)
		e.Pos = u.pos
		return nil, &e
	}
	d.T = base
	return &expr.Const{Value: d}, nil
}

// coerceTo is coerce with the type's modifier applied, or the error
// "cannot cast type".
func (b *binder) coerceTo(e expr.Expr, t types.Type, ctx expr.CastContext, pos int) (expr.Expr, error) {
	if u, ok := e.(*unknown); ok && pos == 0 {
		pos = u.pos
	}
	from := e.Type()
	r, ok, err := b.coerce(e, t, ctx, pos)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, pgerr.New(pgerr.CannotCoerce, "cannot cast type %s to %s", from.Base(), t.Base()).At(pos)
	}
	return applyMod(r, t, ctx == expr.ExplicitCast, pos), nil
}

// applyMod adds the length coercion that t's modifier asks for.
func applyMod(e expr.Expr, t types.Type, explicit bool, pos int) expr.Expr {
	if t.Mod < 0 || e.Type() == t {
		return e
	}
	fn, ok := expr.FindCast(t.Base(), t.Base())
	if !ok || fn.Fn == nil {
		return expr.Relabel(e, t)
	}
	return &expr.Call{Fn: fn.Fn, Args: castArgs(fn.Fn, e, t.Mod, explicit), T: t, Pos: pos}
}

// boolean coerces a condition; what is "WHERE", "AND", "CASE/WHEN", ….
func (b *binder) boolean(e expr.Expr, what string, pos int) (expr.Expr, error) {
	t := e.Type()
	r, ok, err := b.coerce(e, types.Boolean, expr.AssignmentCast, pos)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, pgerr.New(pgerr.DatatypeMismatch, "argument of %s must be type boolean, not type %s", what, t.Base()).At(pos)
	}
	return r, nil
}

// settleText makes what is still unknown text, as PostgreSQL does with the
// columns of a query.
func (b *binder) settleText(e expr.Expr) (expr.Expr, error) {
	switch x := e.(type) {
	case *unknown:
		return b.literal(x, types.Text)
	case *expr.Param:
		if x.T.OID == types.OIDUnknown {
			return e, b.params.settle(x, types.Text)
		}
	}
	return e, nil
}

// commonType is select_common_type: the type that the branches of a UNION,
// CASE, VALUES, ARRAY or COALESCE get. what names the construct.
func commonType(es []expr.Expr, what string, posOf func(int) int) (types.Type, error) {
	best, ok := types.Unknown, false
	for i, e := range es {
		t := e.Type().Base()
		if t.OID == types.OIDUnknown {
			continue
		}
		if !ok {
			best, ok = t, true
			continue
		}
		if t == best {
			continue
		}
		bi, ti := best.Info(), t.Info()
		switch {
		case ti.Category != bi.Category:
			if what == "" {
				return types.Unknown, nil
			}
			return best, pgerr.New(pgerr.DatatypeMismatch, "%s types %s and %s cannot be matched", what, best, t).At(posOf(i))
		case !bi.Preferred && canCoerce(best, t, expr.ImplicitCast) && !canCoerce(t, best, expr.ImplicitCast):
			best = t
		}
	}
	if !ok {
		return types.Text, nil
	}
	return best, nil
}

// unify coerces es to their common type, in place.
func (b *binder) unify(es []expr.Expr, what string, posOf func(int) int) (types.Type, error) {
	t, err := commonType(es, what, posOf)
	if err != nil {
		return t, err
	}
	for i, e := range es {
		r, ok, err := b.coerce(e, t, expr.ImplicitCast, posOf(i))
		if err != nil {
			return t, err
		}
		if !ok {
			return t, pgerr.New(pgerr.CannotCoerce, "%s could not convert type %s to %s", what, e.Type().Base(), t).At(posOf(i))
		}
		es[i] = r
	}
	return commonMod(es, t), nil
}

// commonMod keeps a modifier that all of es share.
func commonMod(es []expr.Expr, t types.Type) types.Type {
	for i, e := range es {
		if i > 0 && e.Type() != es[0].Type() {
			return t
		}
	}
	if len(es) > 0 {
		return es[0].Type()
	}
	return t
}
