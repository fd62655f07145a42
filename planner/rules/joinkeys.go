package rules

import (
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// joinKeys makes keys of the equalities between the two sides in a join's
// condition; expressions become columns of a projection below.
func joinKeys(_ *Context, n plan.Node) (plan.Node, error) {
	return plan.Transform(n, func(n plan.Node) plan.Node {
		if j, ok := n.(*plan.Join); ok {
			return keysOf(j)
		}
		return n
	}), nil
}

// keyPair is one equality: l and r over the sides' own rows.
type keyPair struct {
	l, r     expr.Expr
	nullSafe bool
}

func keysOf(j *plan.Join) plan.Node {
	wl := len(j.L.Base().Cols)
	wr := len(j.R.Base().Cols)
	var pairs []keyPair
	var rest []expr.Expr
	for _, c := range plan.Conjuncts(j.On) {
		if p, ok := pairOf(c, wl, wl+wr); ok {
			pairs = append(pairs, p)
		} else {
			rest = append(rest, c)
		}
	}
	if len(pairs) == 0 {
		return j
	}
	var le, re []expr.Expr
	for _, p := range pairs {
		le, re = append(le, p.l), append(re, p.r)
		j.NullSafe = append(j.NullSafe, p.nullSafe)
	}
	l, lk := withColumns(j.L, le)
	r, rk := withColumns(j.R, re)
	j.L, j.R = l, r
	j.LKeys, j.RKeys = append(j.LKeys, lk...), append(j.RKeys, rk...)
	grown := len(l.Base().Cols) - wl
	j.On = plan.AndOf(rest)
	if j.On != nil {
		j.On = plan.ShiftColumns(j.On, func(c int) int {
			if c >= wl {
				return c + grown
			}
			return c
		})
	}
	plan.SetCols(j)
	if grown == 0 && len(r.Base().Cols) == wr {
		return j
	}
	return original(j, wl, grown, wr)
}

// original projects a join whose sides got key columns back to its old columns.
func original(j *plan.Join, wl, grown, wr int) plan.Node {
	all, allNames := plan.AllColumns(j)
	es, names := all[:wl:wl], allNames[:wl:wl]
	if j.Kind != plan.SemiJoin && j.Kind != plan.AntiJoin {
		at := wl + grown
		es, names = append(es, all[at:at+wr]...), append(names, allNames[at:at+wr]...)
	}
	return plan.NewProject(j, es, names)
}

// pairOf recognizes l = r and l IS NOT DISTINCT FROM r between the sides.
func pairOf(c expr.Expr, wl, width int) (keyPair, bool) {
	call, nullSafe := equality(c)
	if call == nil {
		return keyPair{}, false
	}
	a, b := call.Args[0], call.Args[1]
	if !oneSide(a, 0, wl) || !oneSide(b, wl, width) {
		a, b = b, a
	}
	if !oneSide(a, 0, wl) || !oneSide(b, wl, width) {
		return keyPair{}, false
	}
	b = plan.ShiftColumns(b, func(i int) int { return i - wl })
	a, b, ok := sameType(a, b)
	return keyPair{a, b, nullSafe}, ok
}

// equality recognizes a call of "=", and the form that the binder gives IS NOT
// DISTINCT FROM: COALESCE(l = r, l IS NULL AND r IS NULL).
func equality(c expr.Expr) (*expr.Call, bool) {
	if call, ok := c.(*expr.Call); ok && plan.IsEquality(call.Fn) {
		return call, false
	}
	co, ok := c.(*expr.Coalesce)
	if !ok || len(co.Args) != 2 {
		return nil, false
	}
	call, ok := co.Args[0].(*expr.Call)
	and, ok2 := co.Args[1].(*expr.And)
	if !ok || !ok2 || !plan.IsEquality(call.Fn) || len(and.Args) != 2 {
		return nil, false
	}
	for i := range and.Args {
		null, ok := and.Args[i].(*expr.IsNull)
		if !ok || !expr.Equal(null.X, call.Args[i]) {
			return nil, false
		}
	}
	return call, true
}

func oneSide(e expr.Expr, lo, hi int) bool {
	return len(expr.Columns(e)) > 0 && reads(e, lo, hi) && expr.VolatilityOf(e) != expr.Volatile
}

// sameType makes both keys one type: equal keys must have equal bytes. An
// equality across types is the equality of the wider one.
func sameType(a, b expr.Expr) (l, r expr.Expr, ok bool) {
	a, b = bare(a), bare(b)
	ta, tb := a.Type().Base(), b.Type().Base()
	if ta == tb || alike(ta, tb) {
		return a, b, comparable(ta) && comparable(tb)
	}
	if x, ok := widen(a, tb); ok {
		return x, b, comparable(tb)
	}
	if x, ok := widen(b, ta); ok {
		return a, x, comparable(ta)
	}
	return nil, nil, false
}

// bare drops relabelings: they do not change bytes.
func bare(e expr.Expr) expr.Expr {
	for {
		c, ok := e.(*expr.Call)
		if !ok || !expr.IsRelabel(c) || c.Args[0].Type().Phys() != c.T.Phys() {
			return e
		}
		e = c.Args[0]
	}
}

// alike: two types whose equal values have the same canonical key.
func alike(a, b types.Type) bool {
	text := func(t types.Type) bool {
		return t.OID == types.OIDText || t.OID == types.OIDVarchar || t.OID == types.OIDName
	}
	return text(a) && text(b)
}

// comparable: equality is equality of the canonical key encoding.
func comparable(t types.Type) bool { return t.OID != types.OIDRecord && t.OID != types.OIDVoid }

func widen(e expr.Expr, to types.Type) (expr.Expr, bool) {
	c, ok := expr.FindCast(e.Type(), to)
	if !ok || c.Context != expr.ImplicitCast || c.Fn == nil || c.Fn.Volatility != expr.Immutable || len(c.Fn.Args) != 1 {
		return nil, false
	}
	return &expr.Call{Fn: c.Fn, Args: []expr.Expr{e}, T: to}, true
}

// withColumns appends what of es is no plain column to a projection of n.
func withColumns(n plan.Node, es []expr.Expr) (plan.Node, []int) {
	at := make([]int, len(es))
	all, names := plan.AllColumns(n)
	width := len(all)
	for i, e := range es {
		if c, ok := e.(*expr.Column); ok {
			at[i] = c.Index
			continue
		}
		at[i] = len(all)
		all, names = append(all, e), append(names, expr.String(e))
	}
	if len(all) == width {
		return n, at
	}
	return plan.NewProject(n, all, names), at
}
