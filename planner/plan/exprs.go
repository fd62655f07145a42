package plan

import (
	"sync"

	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// RewriteExpr rebuilds e top-down: f gives the replacement of a node and true,
// or false to go on into copies of its children. Unknown node kinds are leaves.
// e itself is never changed. nil stays nil.
func RewriteExpr(e expr.Expr, f func(expr.Expr) (expr.Expr, bool)) expr.Expr {
	if e == nil {
		return nil
	}
	if r, done := f(e); done {
		return r
	}
	kid := func(x expr.Expr) expr.Expr { return RewriteExpr(x, f) }
	switch e := e.(type) {
	case *expr.Call:
		c := *e
		c.Args = rewriteAll(e.Args, kid)
		return &c
	case *expr.And:
		return &expr.And{Args: rewriteAll(e.Args, kid)}
	case *expr.Or:
		return &expr.Or{Args: rewriteAll(e.Args, kid)}
	case *expr.Not:
		return &expr.Not{X: kid(e.X)}
	case *expr.IsNull:
		return &expr.IsNull{X: kid(e.X)}
	case *expr.Case:
		c := &expr.Case{T: e.T, Else: kid(e.Else)}
		for _, w := range e.Whens {
			c.Whens = append(c.Whens, expr.When{Cond: kid(w.Cond), Then: kid(w.Then)})
		}
		return c
	case *expr.Coalesce:
		return &expr.Coalesce{T: e.T, Args: rewriteAll(e.Args, kid)}
	case *expr.Array:
		return &expr.Array{T: e.T, Elems: rewriteAll(e.Elems, kid)}
	case *expr.AnyAll:
		c := *e
		c.X, c.Array = kid(e.X), kid(e.Array)
		return &c
	}
	return e
}

func rewriteAll(es []expr.Expr, f func(expr.Expr) expr.Expr) []expr.Expr {
	if es == nil {
		return nil
	}
	out := make([]expr.Expr, len(es))
	for i, e := range es {
		out[i] = f(e)
	}
	return out
}

// ShiftColumns maps the column indexes of e through at; nil stays nil.
func ShiftColumns(e expr.Expr, at func(int) int) expr.Expr {
	return RewriteExpr(e, func(x expr.Expr) (expr.Expr, bool) {
		if c, ok := x.(*expr.Column); ok {
			return &expr.Column{Index: at(c.Index), T: c.T, Name: c.Name}, true
		}
		return nil, false
	})
}

// InlineColumns replaces column i of e by from[i].
func InlineColumns(e expr.Expr, from []expr.Expr) expr.Expr {
	return RewriteExpr(e, func(x expr.Expr) (expr.Expr, bool) {
		if c, ok := x.(*expr.Column); ok {
			return from[c.Index], true
		}
		return nil, false
	})
}

// Conjuncts flattens the ANDs of e; nil gives none.
func Conjuncts(e expr.Expr) []expr.Expr {
	if e == nil {
		return nil
	}
	a, ok := e.(*expr.And)
	if !ok {
		return []expr.Expr{e}
	}
	var out []expr.Expr
	for _, x := range a.Args {
		out = append(out, Conjuncts(x)...)
	}
	return out
}

// AndOf is the conjunction of es; nil for none.
func AndOf(es []expr.Expr) expr.Expr {
	switch len(es) {
	case 0:
		return nil
	case 1:
		return es[0]
	}
	return &expr.And{Args: es}
}

// CanFail reports whether evaluating e may raise a run-time error or give
// another value the next time: such an expression is not moved to where it
// would see rows that it does not see now.
func CanFail(e expr.Expr) bool {
	if b, ok := Temporal(e); ok {
		return CanFail(b.X) // the clock is read once a cut, with care
	}
	bad := false
	expr.Walk(e, func(x expr.Expr) bool {
		switch x := x.(type) {
		case *expr.Call:
			bad = bad || !expr.IsRelabel(x) && !totalFuncs()[x.Fn]
		case *expr.AnyAll:
			bad = bad || !totalFuncs()[x.Fn]
		}
		return !bad
	})
	return bad
}

// totalFuncs are the comparisons: immutable or stable, and defined for all
// values.
var totalFuncs = sync.OnceValue(func() map[*expr.Func]bool {
	m := map[*expr.Func]bool{}
	for _, op := range []string{"=", "<>", "<", "<=", ">", ">="} {
		for _, f := range expr.Operators(op) {
			m[f] = true
		}
	}
	return m
})

// IsEquality reports whether f is an "=" operator.
func IsEquality(f *expr.Func) bool { return equalities()[f] }

var equalities = sync.OnceValue(func() map[*expr.Func]bool {
	m := map[*expr.Func]bool{}
	for _, f := range expr.Operators("=") {
		m[f] = true
	}
	return m
})
