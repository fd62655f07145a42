package expr

import (
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
)

// EvalConst computes an expression that reads no column. The error is that of
// its evaluation, or of compiling it.
func EvalConst(ctx *Ctx, e Expr) (delta.Datum, error) {
	if k, ok := e.(*Const); ok {
		return k.Value, nil
	}
	p, err := Compile(e)
	if err != nil {
		return delta.Datum{}, err
	}
	inner := Ctx{Now: ctx.Now, Session: ctx.Session, Outer: ctx.Outer}
	v := p.Eval(&inner, &delta.Batch{N: 1})
	if errs := inner.TakeErrors(); len(errs) > 0 {
		return delta.Datum{}, errs[0].Err
	}
	return v.At(0), nil
}

// Fold replaces what is known before any row by constants: immutable calls of
// constants, strict calls with a NULL, AND and OR with decided operands, CASE
// and COALESCE with decided arms. A call that fails stays, so that it fails
// only for a row that reaches it.
func Fold(e Expr) Expr {
	r, err := Rewrite(e, func(x Expr) (Expr, error) { return foldNode(x), nil })
	if err != nil {
		return e
	}
	return r
}

func foldNode(e Expr) Expr {
	switch e := e.(type) {
	case *Call:
		return foldCall(e)
	case *And:
		return foldLogic(e, e.Args, false)
	case *Or:
		return foldLogic(e, e.Args, true)
	case *Not, *IsNull, *Array:
		return foldConst(e)
	case *AnyAll:
		if e.Fn.Volatility == Immutable {
			return foldConst(e)
		}
	case *Case:
		return foldCase(e)
	case *Coalesce:
		return foldCoalesce(e)
	}
	return e
}

// foldConst evaluates e when all operands are constants.
func foldConst(e Expr) Expr {
	for _, k := range children(e) {
		if _, ok := k.(*Const); !ok {
			return e
		}
	}
	d, err := EvalConst(&Ctx{}, e)
	if err != nil {
		return e
	}
	d.T = e.Type()
	return &Const{Value: d}
}

func foldCall(e *Call) Expr {
	if e.Fn.Volatility != Volatile && e.Fn.Strict {
		for _, a := range e.Args {
			if isNullConst(a) {
				return &Const{Value: delta.NullOf(e.T)}
			}
		}
	}
	if e.Fn.Volatility != Immutable || e.Fn.Eval == nil && e.Fn != relabelFunc {
		return e
	}
	return foldConst(e)
}

func isNullConst(e Expr) bool {
	k, ok := e.(*Const)
	return ok && k.Value.Null
}

// boolConst reports whether e is the constant b.
func boolConst(e Expr, b bool) bool {
	k, ok := e.(*Const)
	return ok && !k.Value.Null && k.Value.B == b
}

// foldLogic drops neutral operands; a deciding one decides, whatever else
// there is, as in PostgreSQL. Operands that are AND (OR) themselves are spliced
// in.
func foldLogic(e Expr, args []Expr, or bool) Expr {
	var keep []Expr
	same := true
	for _, a := range args {
		if boolConst(a, or) {
			return a
		}
		if boolConst(a, !or) {
			same = false
			continue
		}
		if inner, ok := a.(*And); ok && !or {
			keep, same = append(keep, inner.Args...), false
			continue
		}
		if inner, ok := a.(*Or); ok && or {
			keep, same = append(keep, inner.Args...), false
			continue
		}
		keep = append(keep, a)
	}
	switch {
	case len(keep) == 0:
		return &Const{Value: delta.BoolOf(!or)}
	case len(keep) == 1:
		return keep[0]
	case same:
		return foldConst(e)
	case or:
		return foldConst(&Or{Args: keep})
	}
	return foldConst(&And{Args: keep})
}

func foldCase(e *Case) Expr {
	r := &Case{T: e.T, Else: e.Else}
	same := true
	for _, w := range e.Whens {
		k, ok := w.Cond.(*Const)
		if ok && (k.Value.Null || !k.Value.B) {
			same = false
			continue
		}
		if ok { // always taken: it is the ELSE of what is before it
			r.Else, same = w.Then, false
			break
		}
		r.Whens = append(r.Whens, w)
	}
	switch {
	case same:
		return e
	case len(r.Whens) > 0:
		return r
	case r.Else == nil:
		return &Const{Value: delta.NullOf(e.T)}
	}
	return r.Else
}

func foldCoalesce(e *Coalesce) Expr {
	var keep []Expr
	for _, a := range e.Args {
		if isNullConst(a) {
			continue
		}
		keep = append(keep, a)
		if _, ok := a.(*Const); ok {
			break
		}
	}
	switch len(keep) {
	case 0:
		return &Const{Value: delta.NullOf(e.T)}
	case 1:
		return keep[0]
	case len(e.Args):
		return e
	}
	return &Coalesce{Args: keep, T: e.T}
}
