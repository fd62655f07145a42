package bind

import (
	"slices"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// query binds a query. at is an empty scope whose outer chain the query's names
// see; keepUnknown leaves untyped literals of the select list for the caller
// to type (INSERT, set operations).
func (b *binder) query(at *scope, ctes *cteScope, q *ast.Query, keepUnknown bool) (plan.Node, error) {
	if err := b.enter(q.Position()); err != nil {
		return nil, err
	}
	defer func() { b.depth-- }()
	if q.EmitOnWindowClose && !(b.opts.Continuous() && b.emitClause == q) {
		return nil, pgerr.New(pgerr.SyntaxError, "EMIT ON WINDOW CLOSE is only allowed at the end of a materialized view's or sink's query").At(q.EmitPos.Position())
	}
	if q.Recursive {
		for i := range q.With {
			if mentions(q.With[i].Query, q.With[i].Name) {
				return nil, pgerr.Unsupported(q.With[i].Position(), "WITH RECURSIVE")
			}
		}
	}
	for i := range q.With {
		c := &q.With[i]
		for k := range i {
			if q.With[k].Name == c.Name {
				return nil, pgerr.New(pgerr.DuplicateAlias, "WITH query name %q specified more than once", c.Name).At(c.Position())
			}
		}
		home, _ := at.up()
		next := &cteScope{outer: ctes, name: c.Name, cte: c, home: home}
		// Bound here once, so that what nobody reads is still checked.
		if _, err := b.cteRef(at, next, &ast.TableName{Pos: c.Pos, Name: c.Name}); err != nil {
			return nil, err
		}
		ctes = next
	}
	switch body := q.Body.(type) {
	case *ast.Select:
		return b.selectQuery(at, ctes, body, q, keepUnknown)
	case *ast.Query:
		n, err := b.query(at, ctes, body, keepUnknown && len(q.OrderBy) == 0)
		if err != nil {
			return nil, err
		}
		return b.orderOutput(at, n, q, false)
	}
	n, err := b.body(at, ctes, q.Body, keepUnknown && len(q.OrderBy) == 0)
	if err != nil {
		return nil, err
	}
	_, isSet := q.Body.(*ast.SetOp)
	return b.orderOutput(at, n, q, isSet)
}

// body binds a set operation, VALUES, or an operand of a set operation.
func (b *binder) body(at *scope, ctes *cteScope, body ast.SetExpr, keepUnknown bool) (plan.Node, error) {
	if err := b.enter(body.Position()); err != nil {
		return nil, err
	}
	defer func() { b.depth-- }()
	switch body := body.(type) {
	case *ast.Select:
		return b.selectQuery(at, ctes, body, &ast.Query{Pos: body.Pos}, keepUnknown)
	case *ast.Values:
		return b.values(at, ctes, body, keepUnknown)
	case *ast.Query:
		return b.query(at, ctes, body, keepUnknown)
	case *ast.SetOp:
		return b.setOp(at, ctes, body)
	}
	return nil, pgerr.Unsupported(body.Position(), "this query")
}

// mentions reports whether a query's FROM names a table (a hint only: a
// recursive WITH item that does is refused).
func mentions(q *ast.Query, name string) bool {
	found := false
	var table func(te ast.TableExpr)
	var body func(x ast.SetExpr)
	table = func(te ast.TableExpr) {
		switch te := te.(type) {
		case *ast.TableName:
			found = found || te.Schema == "" && te.Name == name
		case *ast.Derived:
			body(te.Query)
		case *ast.Join:
			table(te.L)
			table(te.R)
		case *ast.TableFunc:
			if te.Table != nil {
				table(te.Table)
			}
		}
	}
	body = func(x ast.SetExpr) {
		switch x := x.(type) {
		case *ast.Select:
			for _, te := range x.From {
				table(te)
			}
		case *ast.SetOp:
			body(x.L)
			body(x.R)
		case *ast.Query:
			body(x.Body)
		}
	}
	body(q)
	return found
}

// values binds VALUES.
func (b *binder) values(at *scope, ctes *cteScope, v *ast.Values, keepUnknown bool) (plan.Node, error) {
	s := b.inner(at, ctes, nil)
	s.where = inValues
	n := &plan.Values{}
	for _, row := range v.Rows {
		if len(row) != len(v.Rows[0]) {
			return nil, pgerr.New(pgerr.SyntaxError, "VALUES lists must all be the same length").At(start(row[0]))
		}
		es, err := b.exprs(s, row)
		if err != nil {
			return nil, err
		}
		n.Rows = append(n.Rows, es)
	}
	n.Cols = make([]plan.Col, len(v.Rows[0]))
	for c := range n.Cols {
		col := make([]expr.Expr, len(n.Rows))
		for r := range n.Rows {
			col[r] = n.Rows[r][c]
		}
		t := types.Unknown
		if !keepUnknown || slices.ContainsFunc(col, func(e expr.Expr) bool { return e.Type().OID != types.OIDUnknown }) {
			var err error
			if t, err = b.unify(col, "VALUES", func(r int) int { return start(v.Rows[r][c]) }); err != nil {
				return nil, err
			}
		}
		for r := range n.Rows {
			n.Rows[r][c] = col[r]
		}
		n.Cols[c] = plan.Col{Name: "column" + itoa(c+1), Type: t}
	}
	return b.valuesSubs(n)
}

// valuesSubs turns rows that hold subqueries into projections over one row.
func (b *binder) valuesSubs(n *plan.Values) (plan.Node, error) {
	plain := true
	for _, row := range n.Rows {
		for _, e := range row {
			plain = plain && !contains(e, isSub)
			if contains(e, isSet) {
				return nil, pgerr.New(pgerr.FeatureNotSupported, "set-returning functions are not allowed in VALUES")
			}
		}
	}
	if plain {
		return n, nil
	}
	var parts []plan.Node
	for _, row := range n.Rows {
		var in plan.Node = oneRow()
		in, es, err := lowerSubs(in, row)
		if err != nil {
			return nil, err
		}
		p := plan.NewProject(in, es, nil)
		for i := range p.Cols {
			p.Cols[i].Name = n.Cols[i].Name
		}
		parts = append(parts, p)
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return plan.NewUnion(parts...), nil
}

// oneRow is a single row without columns: SELECT without FROM.
func oneRow() *plan.Values { return &plan.Values{Rows: [][]expr.Expr{{}}} }

// inner is the scope of a SELECT whose surroundings at describes.
func (b *binder) inner(at *scope, ctes *cteScope, items []*item) *scope {
	return &scope{outer: at.outer, sealed: at.sealed, skipTo: at.skipTo, items: items, ctes: ctes}
}

// setOp binds l UNION|INTERSECT|EXCEPT [ALL] r.
func (b *binder) setOp(at *scope, ctes *cteScope, x *ast.SetOp) (plan.Node, error) {
	l, err := b.body(at, ctes, x.L, true)
	if err != nil {
		return nil, err
	}
	r, err := b.body(at, ctes, x.R, true)
	if err != nil {
		return nil, err
	}
	what := map[ast.SetOpKind]string{ast.Union: "UNION", ast.Intersect: "INTERSECT", ast.Except: "EXCEPT"}[x.Op]
	if len(l.Base().Cols) != len(r.Base().Cols) {
		return nil, pgerr.New(pgerr.SyntaxError, "each %s query must have the same number of columns", what).At(firstItem(x.R))
	}
	ts := make([]types.Type, len(l.Base().Cols))
	for i := range ts {
		es := []expr.Expr{outputExpr(l, i), outputExpr(r, i)}
		pos := []int{itemPos(x.L, i), itemPos(x.R, i)}
		if ts[i], err = b.unify(es, what, func(k int) int { return pos[k] }); err != nil {
			return nil, err
		}
	}
	names := l.Base().Cols
	if l, err = b.coerceOutput(l, ts, expr.ImplicitCast, nil); err != nil {
		return nil, err
	}
	if r, err = b.coerceOutput(r, ts, expr.ImplicitCast, nil); err != nil {
		return nil, err
	}
	var n plan.Node
	switch {
	case x.Op == ast.Union:
		n = unionOf(l, r)
		if !x.All {
			n = distinct(n)
		}
	case x.All:
		return nil, pgerr.Unsupported(x.Position(), "%s ALL", what)
	default:
		if err := b.adHocOnly(x.Position(), what); err != nil {
			return nil, err
		}
		n = b.setMatch(x.Op, l, r)
	}
	for i := range names {
		n.Base().Cols[i].Name = names[i].Name
	}
	return n, nil
}

// unionOf flattens UNION ALL chains.
func unionOf(l, r plan.Node) plan.Node {
	if u, ok := l.(*plan.Union); ok {
		return plan.NewUnion(append(u.In, r)...)
	}
	return plan.NewUnion(l, r)
}

// distinct keeps one copy of each row.
func distinct(n plan.Node) plan.Node {
	group := make([]int, len(n.Base().Cols))
	for i := range group {
		group[i] = i
	}
	a := plan.NewAggregate(n, group, nil)
	a.Scalar = false
	return a
}

// setMatch keeps the distinct rows of l that r has (INTERSECT) or lacks.
func (b *binder) setMatch(op ast.SetOpKind, l, r plan.Node) plan.Node {
	kind := plan.SemiJoin
	if op == ast.Except {
		kind = plan.AntiJoin
	}
	j := plan.NewJoin(kind, distinct(l), r, nil)
	for i := range l.Base().Cols {
		j.LKeys, j.RKeys, j.NullSafe = append(j.LKeys, i), append(j.RKeys, i), append(j.NullSafe, true)
	}
	return j
}

// firstItem and itemPos are where an operand's select list stands.
func firstItem(x ast.SetExpr) int { return itemPos(x, 0) }

func itemPos(x ast.SetExpr, i int) int {
	switch x := x.(type) {
	case *ast.Select:
		if i < len(x.Items) {
			return start(x.Items[i].X)
		}
	case *ast.Values:
		if i < len(x.Rows[0]) {
			return start(x.Rows[0][i])
		}
	case *ast.SetOp:
		return itemPos(x.L, i)
	case *ast.Query:
		return itemPos(x.Body, i)
	}
	return x.Position()
}

// outputExpr is output i of n for type resolution: the untyped literal itself
// where n's projection has one.
func outputExpr(n plan.Node, i int) expr.Expr {
	switch x := n.(type) {
	case *plan.Project:
		if u, ok := x.Exprs[i].(*unknown); ok {
			return u
		}
		if p, ok := x.Exprs[i].(*expr.Param); ok {
			return p
		}
	case *plan.Values:
		if len(x.Rows) == 1 {
			return x.Rows[0][i]
		}
	}
	return plan.ColumnAt(n, i)
}

// coerceOutput gives the columns of n the types ts. pos gives positions for
// errors of assignment; nil: none.
func (b *binder) coerceOutput(n plan.Node, ts []types.Type, ctx expr.CastContext, onFail func(i int, from types.Type) error) (plan.Node, error) {
	changed := false
	out := make([]expr.Expr, len(ts))
	names := make([]string, len(ts))
	plan.SetCols(n)
	p, isProject := n.(*plan.Project)
	v, isValues := n.(*plan.Values)
	for i, t := range ts {
		e := outputExpr(n, i)
		if isValues {
			e = plan.ColumnAt(n, i)
			if err := b.coerceValues(v, i, t); err != nil {
				return nil, err
			}
			e = plan.ColumnAt(n, i)
		}
		r, ok, err := b.coerce(e, t, ctx, 0)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, onFail(i, e.Type())
		}
		r = applyMod(r, t, ctx == expr.ExplicitCast, 0)
		names[i] = n.Base().Cols[i].Name
		switch e.(type) {
		case *unknown, *expr.Param:
			if isProject {
				p.Exprs[i] = r
				plan.SetCols(p)
				r = plan.ColumnAt(n, i)
			}
		}
		changed = changed || r != e && !isColumn(r, i)
		out[i] = r
	}
	if !changed {
		return n, nil
	}
	return plan.NewProject(n, out, names), nil
}

func isColumn(e expr.Expr, i int) bool {
	c, ok := e.(*expr.Column)
	return ok && c.Index == i
}

// coerceValues types the untyped literals of one VALUES column.
func (b *binder) coerceValues(v *plan.Values, i int, t types.Type) error {
	if v.Cols[i].Type.OID != types.OIDUnknown {
		return nil
	}
	for _, row := range v.Rows {
		r, _, err := b.coerce(row[i], t, expr.AssignmentCast, 0)
		if err != nil {
			return err
		}
		row[i] = r
	}
	v.Cols[i].Type = t.Base()
	return nil
}
