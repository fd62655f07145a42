package bind

import (
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// The nodes below stand in bound expressions until the SELECT they belong to is
// lowered to plan nodes; none of them leaves this package.
type (
	// unknown is an untyped literal: a quoted string or NULL.
	unknown struct {
		text string
		null bool
		pos  int
	}
	// aggRef is an aggregate call of the SELECT being bound.
	aggRef struct {
		fn       *expr.Aggregate
		args     []expr.Expr
		filter   expr.Expr
		order    []sortItem
		distinct bool
		t        types.Type
		pos      int
	}
	// winRef is row_number() OVER (…).
	winRef struct {
		partition []expr.Expr
		order     []sortItem
		pos       int
	}
	// subRef is a subquery used as a value; sub is the Sub of its Apply.
	subRef struct {
		kind plan.ApplyKind
		sub  plan.Node
		fn   *expr.Func
		test expr.Expr
		t    types.Type
		pos  int
	}
	// setRef is a call of a set-returning function in a select list. field is
	// the column of its result that is meant.
	setRef struct {
		fn    plan.SetFunc
		field int
		pos   int
	}
)

func (*unknown) Type() types.Type  { return types.Unknown }
func (a *aggRef) Type() types.Type { return a.t }
func (*winRef) Type() types.Type   { return types.Int8 }
func (s *subRef) Type() types.Type { return s.t }
func (s *setRef) Type() types.Type { return s.fn.Cols[s.field].Type }

// sortItem is a bound ORDER BY key.
type sortItem struct {
	x                expr.Expr
	desc, nullsFirst bool
}

// sortFlags resolves the defaults of an ORDER BY item.
func sortFlags(o ast.OrderItem) (desc, nullsFirst bool) {
	nullsFirst = o.Desc
	if o.NullsFirst != nil {
		nullsFirst = *o.NullsFirst
	}
	return o.Desc, nullsFirst
}

// mapNode rebuilds e through f as plan.RewriteExpr does, going into the nodes of
// this package as well.
func mapNode(e expr.Expr, f func(expr.Expr) (expr.Expr, bool)) expr.Expr {
	var kid func(expr.Expr) (expr.Expr, bool)
	all := func(es []expr.Expr) []expr.Expr {
		out := make([]expr.Expr, len(es))
		for i := range es {
			out[i] = plan.RewriteExpr(es[i], kid)
		}
		return out
	}
	keys := func(ks []sortItem) []sortItem {
		out := append([]sortItem(nil), ks...)
		for i := range out {
			out[i].x = plan.RewriteExpr(out[i].x, kid)
		}
		return out
	}
	kid = func(x expr.Expr) (expr.Expr, bool) {
		if r, done := f(x); done {
			return r, true
		}
		switch x := x.(type) {
		case *aggRef:
			c := *x
			c.args, c.order = all(x.args), keys(x.order)
			c.filter = plan.RewriteExpr(x.filter, kid)
			return &c, true
		case *winRef:
			return &winRef{all(x.partition), keys(x.order), x.pos}, true
		case *subRef:
			c := *x
			c.test = plan.RewriteExpr(x.test, kid)
			return &c, true
		case *setRef:
			c := *x
			c.fn.Args = all(x.fn.Args)
			return &c, true
		}
		return nil, false
	}
	return plan.RewriteExpr(e, kid)
}

// contains reports whether pred holds for a node of e.
func contains(e expr.Expr, pred func(expr.Expr) bool) bool {
	found := false
	mapNode(e, func(x expr.Expr) (expr.Expr, bool) {
		found = found || pred(x)
		return x, found
	})
	return found
}

func isAgg(e expr.Expr) bool { _, ok := e.(*aggRef); return ok }
func isWin(e expr.Expr) bool { _, ok := e.(*winRef); return ok }
func isSub(e expr.Expr) bool { _, ok := e.(*subRef); return ok }
func isSet(e expr.Expr) bool { _, ok := e.(*setRef); return ok }
