package expr

import (
	"slices"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// Walk calls fn for e and, while fn returns true, for everything below it, in
// the order of evaluation. A nil e is skipped.
func Walk(e Expr, fn func(Expr) bool) {
	if e == nil || !fn(e) {
		return
	}
	for _, k := range children(e) {
		Walk(k, fn)
	}
}

// children are the direct operands, without nils.
func children(e Expr) []Expr {
	switch e := e.(type) {
	case *Call:
		return e.Args
	case *And:
		return e.Args
	case *Or:
		return e.Args
	case *Not:
		return []Expr{e.X}
	case *IsNull:
		return []Expr{e.X}
	case *Case:
		var ks []Expr
		for _, w := range e.Whens {
			ks = append(ks, w.Cond, w.Then)
		}
		if e.Else != nil {
			ks = append(ks, e.Else)
		}
		return ks
	case *Coalesce:
		return e.Args
	case *Array:
		return e.Elems
	case *AnyAll:
		return []Expr{e.X, e.Array}
	}
	return nil
}

// Rewrite rebuilds e bottom-up: fn gets every node with its operands already
// rewritten and returns what stands in its place (the node itself: no change).
// The input tree is not modified; unchanged parts are shared with the result.
func Rewrite(e Expr, fn func(Expr) (Expr, error)) (Expr, error) {
	if e == nil {
		return nil, nil
	}
	old := children(e)
	kids := make([]Expr, len(old))
	same := true
	for i, k := range old {
		r, err := Rewrite(k, fn)
		if err != nil {
			return nil, err
		}
		kids[i] = r
		same = same && r == k
	}
	if !same {
		e = withChildren(e, kids)
	}
	return fn(e)
}

// withChildren is a copy of e with other operands, in children's order.
func withChildren(e Expr, ks []Expr) Expr {
	switch e := e.(type) {
	case *Call:
		c := *e
		c.Args = ks
		return &c
	case *And:
		return &And{Args: ks}
	case *Or:
		return &Or{Args: ks}
	case *Not:
		return &Not{X: ks[0]}
	case *IsNull:
		return &IsNull{X: ks[0]}
	case *Case:
		c := &Case{T: e.T, Whens: make([]When, len(e.Whens))}
		for i := range c.Whens {
			c.Whens[i] = When{ks[2*i], ks[2*i+1]}
		}
		if e.Else != nil {
			c.Else = ks[len(ks)-1]
		}
		return c
	case *Coalesce:
		return &Coalesce{Args: ks, T: e.T}
	case *Array:
		return &Array{Elems: ks, T: e.T}
	case *AnyAll:
		return &AnyAll{Fn: e.Fn, X: ks[0], Array: ks[1], All: e.All}
	}
	return e
}

// Substitute replaces parameters by their values (params[0] is $1); a missing
// one is 42P02. A value takes the type that the parameter was bound with.
func Substitute(e Expr, params []delta.Datum) (Expr, error) {
	return Rewrite(e, func(x Expr) (Expr, error) {
		p, ok := x.(*Param)
		if !ok {
			return x, nil
		}
		if p.N < 1 || p.N > len(params) {
			return nil, pgerr.New(pgerr.UndefinedParameter, "there is no parameter $%d", p.N)
		}
		d := params[p.N-1]
		if d.T.Phys() != p.T.Phys() && !d.Null {
			return nil, pgerr.Internal("parameter $%d has type %s, not %s", p.N, d.T, p.T)
		}
		d.T = p.T
		return &Const{Value: d}, nil
	})
}

// Columns are the distinct indexes of input columns that e reads, ascending.
func Columns(e Expr) []int {
	var is []int
	Walk(e, func(x Expr) bool {
		if c, ok := x.(*Column); ok && !slices.Contains(is, c.Index) {
			is = append(is, c.Index)
		}
		return true
	})
	slices.Sort(is)
	return is
}

// VolatilityOf is that of the least stable function in e.
func VolatilityOf(e Expr) Volatility {
	v := Immutable
	Walk(e, func(x Expr) bool {
		var f *Func
		switch x := x.(type) {
		case *Call:
			f = x.Fn
		case *AnyAll:
			f = x.Fn
		}
		if f != nil && (f.Volatility == Volatile || v == Immutable) {
			v = f.Volatility
		}
		return true
	})
	return v
}

// Equal reports whether a and b compute the same value from the same row by
// the same steps. Positions and column names do not matter; a volatile call
// equals nothing.
func Equal(a, b Expr) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	if a.Type() != b.Type() || !sameNode(a, b) {
		return false
	}
	return slices.EqualFunc(children(a), children(b), Equal)
}

// sameNode compares the nodes without their operands; types are equal already.
func sameNode(a, b Expr) bool {
	switch a := a.(type) {
	case *Column:
		b, ok := b.(*Column)
		return ok && a.Index == b.Index
	case *Const:
		b, ok := b.(*Const)
		return ok && sameDatum(a.Value, b.Value)
	case *Param:
		b, ok := b.(*Param)
		return ok && a.N == b.N
	case *Outer:
		b, ok := b.(*Outer)
		return ok && a.Level == b.Level && a.Index == b.Index
	case *Call:
		b, ok := b.(*Call)
		return ok && a.Fn == b.Fn && a.Fn.Volatility != Volatile
	case *And:
		_, ok := b.(*And)
		return ok
	case *Or:
		_, ok := b.(*Or)
		return ok
	case *Not:
		_, ok := b.(*Not)
		return ok
	case *IsNull:
		_, ok := b.(*IsNull)
		return ok
	case *Case:
		b, ok := b.(*Case)
		return ok && len(a.Whens) == len(b.Whens)
	case *Coalesce:
		_, ok := b.(*Coalesce)
		return ok
	case *Array:
		_, ok := b.(*Array)
		return ok
	case *AnyAll:
		b, ok := b.(*AnyAll)
		return ok && a.Fn == b.Fn && a.All == b.All
	}
	return false
}

// sameDatum compares representations: 1.0 and 1.00 are two constants.
func sameDatum(a, b delta.Datum) bool {
	if a.T != b.T || a.Null != b.Null {
		return false
	}
	if a.Null {
		return true
	}
	sameF := a.F == b.F || a.F != a.F && b.F != b.F
	return a.B == b.B && a.I == b.I && sameF && string(a.S) == string(b.S)
}
