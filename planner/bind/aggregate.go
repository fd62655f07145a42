package bind

import (
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// clause is where in a query an expression stands, in PostgreSQL's words.
type clause string

const (
	inSelect  clause = "SELECT"
	inWhere   clause = "WHERE"
	inOn      clause = "JOIN conditions"
	inGroupBy clause = "GROUP BY"
	inHaving  clause = "HAVING"
	inOrderBy clause = "ORDER BY"
	inLimit   clause = "LIMIT"
	inOffset  clause = "OFFSET"
	inValues  clause = "VALUES"
	inFilter  clause = "FILTER"
	inFrom    clause = "functions in FROM"
	inUpdate  clause = "UPDATE"
	inReturn  clause = "RETURNING"
	inDefault clause = "DEFAULT expressions"
	inColumn  clause = "column generation expressions"
	inWindow  clause = "window definitions"
)

func isAggregate(name string) bool { return len(expr.Aggregates(name)) > 0 }

// aggregate binds an aggregate call of the SELECT that s belongs to.
func (b *binder) aggregate(s *scope, name string, x *ast.Func) (expr.Expr, error) {
	pos := x.Position()
	if err := aggregateAllowed(s, pos); err != nil {
		return nil, err
	}
	if len(x.WithinGroup) > 0 {
		return nil, pgerr.Unsupported(pos, "WITHIN GROUP")
	}
	if x.Star && name != "count" {
		if !isAggregate(name) {
			return nil, pgerr.New(pgerr.WrongObjectType, "%s(*) specified, but %s is not an aggregate function", name, name).At(pos)
		}
		return nil, noFunction(name, nil, pos)
	}
	if len(x.Args) == 0 && !x.Star {
		if name == "count" {
			return nil, pgerr.New(pgerr.WrongObjectType, "count(*) must be used to call a parameterless aggregate function").At(pos)
		}
		return nil, noFunction(name, nil, pos)
	}
	s.inAgg = true
	defer func() { s.inAgg = false }()
	args, err := b.exprs(s, x.Args)
	if err != nil {
		return nil, err
	}
	a, err := b.chooseAggregate(name, args, pos)
	if err != nil {
		return nil, err
	}
	a.distinct = x.Distinct
	if err := b.aggregateParts(s, a, x); err != nil {
		return nil, err
	}
	if err := oneLevel(a); err != nil {
		return nil, err
	}
	s.sel.hasAgg = true
	return a, nil
}

func aggregateAllowed(s *scope, pos int) error {
	switch {
	case s.inAgg && s.where == inFilter:
		return pgerr.New(pgerr.GroupingError, "aggregate functions are not allowed in FILTER").At(pos)
	case s.inAgg:
		return pgerr.New(pgerr.GroupingError, "aggregate function calls cannot be nested").At(pos)
	case s.sel == nil || s.where != inSelect && s.where != inHaving && s.where != inOrderBy && s.where != inWindow:
		return pgerr.New(pgerr.GroupingError, "aggregate functions are not allowed in %s", s.where).At(pos)
	}
	return nil
}

// aggregateParts binds FILTER and ORDER BY of the call.
func (b *binder) aggregateParts(s *scope, a *aggRef, x *ast.Func) error {
	if x.Filter != nil {
		was := s.where
		s.where = inFilter
		f, err := b.condition(s, x.Filter, "FILTER")
		s.where = was
		if err != nil {
			return err
		}
		a.filter = f
	}
	for _, o := range x.OrderBy {
		e, err := b.expr(s, o.X)
		if err != nil {
			return err
		}
		if e, err = b.settleText(e); err != nil {
			return err
		}
		if arg := sameArgument(a.args, e); arg != nil {
			e = arg
		} else if a.distinct {
			return pgerr.New(pgerr.InvalidColumnReference,
				"in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list").At(o.X.Position())
		}
		desc, first := sortFlags(o)
		a.order = append(a.order, sortItem{e, desc, first})
	}
	return nil
}

func anyEqual(list []expr.Expr, e expr.Expr) bool {
	for _, x := range list {
		if expr.Equal(x, e) {
			return true
		}
	}
	return false
}

// sameArgument is the argument that e is, also when the call reads it as
// another type of the same form (varchar as text), or nil.
func sameArgument(args []expr.Expr, e expr.Expr) expr.Expr {
	for _, x := range args {
		if expr.Equal(x, e) {
			return x
		}
		if c, ok := x.(*expr.Call); ok && expr.IsRelabel(c) && expr.Equal(c.Args[0], e) {
			return x
		}
	}
	return nil
}

// oneLevel refuses an aggregate that belongs to a query around this one.
func oneLevel(a *aggRef) error {
	local, outer := false, false
	for _, e := range a.args {
		contains(e, func(x expr.Expr) bool {
			switch x.(type) {
			case *expr.Column:
				local = true
			case *expr.Outer:
				outer = true
			}
			return false
		})
	}
	if outer && !local {
		return pgerr.Unsupported(a.pos, "an aggregate of an outer query's columns")
	}
	return nil
}

func (b *binder) chooseAggregate(name string, args []expr.Expr, pos int) (*aggRef, error) {
	in := exprTypes(args)
	var cands []candidate
	for _, a := range expr.Aggregates(name) {
		if len(a.Args) == len(args) {
			cands = append(cands, candidate{args: a.Args, agg: a})
		}
	}
	c, found := exact(cands, in)
	if !found {
		match := matching(cands, in)
		if len(match) == 0 {
			return nil, noFunction(name, in, pos)
		}
		c = match[0]
		if len(match) > 1 {
			p := choose(match, in)
			if p == nil {
				return nil, pgerr.New(pgerr.AmbiguousFunction, "function %s(%s) is not unique", name, typeList(in)).
					WithHint("Could not choose a best candidate function. You might need to add explicit type casts.").At(pos)
			}
			c = *p
		}
	}
	out, elem, err := b.arguments(&c, args, pos)
	if err != nil {
		return nil, err
	}
	ret, _ := concrete(c.agg.Ret, elem)
	if c.agg.RetFor != nil {
		ret = c.agg.RetFor(typesOf(out))
	}
	return &aggRef{fn: c.agg, args: out, t: ret, pos: pos}, nil
}

// windowCall binds f(…) OVER w; row_number() is the only one so far.
func (b *binder) windowCall(s *scope, name string, x *ast.Func) (expr.Expr, error) {
	pos := x.Position()
	if s.inAgg {
		return nil, pgerr.New(pgerr.GroupingError, "aggregate function calls cannot contain window function calls").At(pos)
	}
	if s.sel == nil || s.where != inSelect && s.where != inOrderBy {
		if s.where == inWindow {
			return nil, pgerr.New(pgerr.WindowingError, "window functions are not allowed in window definitions").At(pos)
		}
		return nil, pgerr.New(pgerr.WindowingError, "window functions are not allowed in %s", s.where).At(pos)
	}
	if name != "row_number" {
		if !isAggregate(name) && len(expr.Functions(name)) > 0 {
			return nil, pgerr.New(pgerr.WrongObjectType, "OVER specified, but %s is not a window function nor an aggregate function", name).At(pos)
		}
		return nil, pgerr.Unsupported(pos, "window function %s", name)
	}
	if len(x.Args) > 0 || x.Star {
		args, err := b.exprs(s, x.Args)
		if err != nil {
			return nil, err
		}
		return nil, noFunction(name, exprTypes(args), pos)
	}
	if x.Filter != nil {
		return nil, pgerr.New(pgerr.FeatureNotSupported, "FILTER is not implemented for non-aggregate window functions").At(pos)
	}
	spec, err := s.sel.window(x.Over)
	if err != nil {
		return nil, err
	}
	was := s.where
	s.where = inWindow
	defer func() { s.where = was }()
	w := &winRef{pos: pos}
	for _, p := range spec.PartitionBy {
		e, err := b.expr(s, p)
		if err != nil {
			return nil, err
		}
		if e, err = b.settleText(e); err != nil {
			return nil, err
		}
		w.partition = append(w.partition, e)
	}
	for _, o := range spec.OrderBy {
		e, err := b.expr(s, o.X)
		if err != nil {
			return nil, err
		}
		if e, err = b.settleText(e); err != nil {
			return nil, err
		}
		desc, first := sortFlags(o)
		w.order = append(w.order, sortItem{e, desc, first})
	}
	return w, nil
}

// window resolves OVER name and windows that extend a named one.
func (sb *selectBinder) window(w *ast.WindowSpec) (*ast.WindowSpec, error) {
	if w.Name == "" {
		return w, nil
	}
	for _, n := range sb.sel.Windows {
		if n.Name != w.Name {
			continue
		}
		base, err := sb.window(n.Spec)
		if err != nil || w.Bare {
			return base, err
		}
		if len(w.PartitionBy) > 0 {
			return nil, pgerr.New(pgerr.WindowingError, "cannot override PARTITION BY clause of window %q", w.Name).At(w.Position())
		}
		if len(w.OrderBy) > 0 && len(base.OrderBy) > 0 {
			return nil, pgerr.New(pgerr.WindowingError, "cannot override ORDER BY clause of window %q", w.Name).At(w.Position())
		}
		c := *base
		if len(w.OrderBy) > 0 {
			c.OrderBy = w.OrderBy
		}
		return &c, nil
	}
	return nil, pgerr.New(pgerr.UndefinedObject, "window %q does not exist", w.Name).At(w.Position())
}

// sortable refuses types that have no ordering.
func sortable(t types.Type, pos int) error {
	if len(expr.Operators("<")) == 0 {
		return nil
	}
	if _, err := operator("<", []types.Type{t.Base(), t.Base()}, pos); err != nil {
		return pgerr.New(pgerr.UndefinedFunction, "could not identify an ordering operator for type %s", t.Base()).
			WithHint("Use an explicit ordering operator or modify the query.").At(pos)
	}
	return nil
}
