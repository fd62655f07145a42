package bind

import (
	"strconv"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

func itoa(n int) string { return strconv.Itoa(n) }

// selectBinder binds one SELECT block.
type selectBinder struct {
	b    *binder
	sel  *ast.Select
	s    *scope
	node plan.Node
	// out is the select list; entries past visible are hidden sort columns.
	out     []outItem
	visible int
	groups  []expr.Expr
	having  expr.Expr
	order   []orderKey
	on      []int // DISTINCT ON: entries of out
	hasAgg  bool
}

type outItem struct {
	x    expr.Expr
	name string
	pos  int
}

// orderKey sorts by entry at of out.
type orderKey struct {
	at               int
	desc, nullsFirst bool
}

// selectQuery binds a SELECT with the ORDER BY and LIMIT of q.
func (b *binder) selectQuery(at *scope, ctes *cteScope, sel *ast.Select, q *ast.Query, keepUnknown bool) (plan.Node, error) {
	sb := &selectBinder{b: b, sel: sel}
	var items []*item
	if len(sel.From) == 0 {
		sb.node = oneRow()
	} else {
		src, err := b.from(at, ctes, sel.From)
		if err != nil {
			return nil, err
		}
		sb.node, items = src.node, src.items
	}
	sb.s = b.inner(at, ctes, items)
	sb.s.sel = sb
	if err := sb.names(q, keepUnknown); err != nil {
		return nil, err
	}
	if err := sb.lower(); err != nil {
		return nil, err
	}
	return sb.finish(at, q)
}

// names binds every clause over the row of FROM.
func (sb *selectBinder) names(q *ast.Query, keepUnknown bool) error {
	b, s, sel := sb.b, sb.s, sb.sel
	s.where = inSelect
	if err := sb.items(keepUnknown && !sel.Distinct && len(sel.DistinctOn) == 0); err != nil {
		return err
	}
	if sel.Where != nil {
		s.where = inWhere
		cond, err := b.whereCondition(s, sel.Where)
		if err != nil {
			return err
		}
		if sb.node, err = filterBy(sb.node, cond); err != nil {
			return err
		}
	}
	if sel.Having != nil {
		s.where = inHaving
		cond, err := b.condition(s, sel.Having, "HAVING")
		if err != nil {
			return err
		}
		sb.having = cond
	}
	if err := sb.orderBy(q.OrderBy); err != nil {
		return err
	}
	if err := sb.groupBy(); err != nil {
		return err
	}
	return sb.distinctOn()
}

// items binds the select list.
func (sb *selectBinder) items(keepUnknown bool) error {
	for _, it := range sb.sel.Items {
		if ref, ok := it.X.(*ast.ColumnRef); ok && ref.Star {
			if err := sb.star(ref); err != nil {
				return err
			}
			continue
		}
		if f, ok := it.X.(*ast.Field); ok && f.Star {
			return pgerr.Unsupported(f.Position(), "the expansion of a composite value")
		}
		e, err := sb.b.expr(sb.s, it.X)
		if err != nil {
			return err
		}
		if !keepUnknown {
			if e, err = sb.b.settleText(e); err != nil {
				return err
			}
		}
		name := it.Alias
		if name == "" {
			name = ColumnName(it.X)
		}
		sb.out = append(sb.out, outItem{e, name, start(it.X)})
	}
	sb.visible = len(sb.out)
	return nil
}

// star expands * and t.*.
func (sb *selectBinder) star(ref *ast.ColumnRef) error {
	pos := ref.Position()
	add := func(cols []itemCol) {
		for _, c := range cols {
			x := c.x
			if col, ok := x.(*expr.Column); ok {
				own := *col
				sb.b.colPos[&own] = pos
				x = &own
			}
			sb.out = append(sb.out, outItem{x, c.name, pos})
		}
	}
	if len(ref.Names) == 0 {
		if len(sb.sel.From) == 0 {
			return pgerr.New(pgerr.SyntaxError, "SELECT * with no tables specified is not valid").At(pos)
		}
		add(visibleCols(sb.s.items))
		return nil
	}
	schema, table := "", ref.Names[len(ref.Names)-1]
	if len(ref.Names) > 1 {
		schema = ref.Names[len(ref.Names)-2]
	}
	for at, deep := sb.s, 0; at != nil; {
		it, twice := findItem(at.items, schema, table)
		if twice {
			return pgerr.New(pgerr.AmbiguousAlias, "table reference %q is ambiguous", table).At(pos)
		}
		if it != nil {
			cols := append([]itemCol(nil), it.cols...)
			for i := range cols {
				cols[i].x = (&column{it, &it.cols[i], at, deep}).expr()
			}
			add(cols)
			return nil
		}
		next, hops := at.up()
		at, deep = next, deep+hops
	}
	return missingTable(sb.s, schema, table, pos)
}

// byPosition is the select-list entry that an integer names; -1 when x is no
// integer constant.
func (sb *selectBinder) byPosition(x ast.Expr, what clause) (int, error) {
	lit, ok := x.(*ast.Literal)
	if !ok {
		return -1, nil
	}
	if lit.Kind != ast.Integer {
		if lit.Kind == ast.True || lit.Kind == ast.False {
			return -1, nil
		}
		return -1, pgerr.New(pgerr.SyntaxError, "non-integer constant in %s", what).At(x.Position())
	}
	n, err := strconv.Atoi(lit.Text)
	if err != nil || n < 1 || n > sb.visible {
		return -1, pgerr.New(pgerr.InvalidColumnReference, "%s position %s is not in select list", what, lit.Text).At(x.Position())
	}
	return n - 1, nil
}

// byName is the select-list entry with an output name; -1: none.
func (sb *selectBinder) byName(x ast.Expr, what clause) (int, error) {
	ref, ok := x.(*ast.ColumnRef)
	if !ok || len(ref.Names) != 1 || ref.Star {
		return -1, nil
	}
	found := -1
	for i := range sb.out[:sb.visible] {
		if sb.out[i].name != ref.Names[0] {
			continue
		}
		if found >= 0 && !expr.Equal(sb.out[found].x, sb.out[i].x) {
			return -1, pgerr.New(pgerr.AmbiguousColumn, "%s %q is ambiguous", what, ref.Names[0]).At(x.Position())
		}
		if found < 0 {
			found = i
		}
	}
	return found, nil
}

// entry finds or adds the select-list entry for an ORDER BY or DISTINCT ON
// item.
func (sb *selectBinder) entry(x ast.Expr, what clause) (int, error) {
	if at, err := sb.byPosition(x, what); at >= 0 || err != nil {
		return at, err
	}
	if at, err := sb.byName(x, what); at >= 0 || err != nil {
		return at, err
	}
	e, err := sb.b.expr(sb.s, x)
	if err != nil {
		return 0, err
	}
	if e, err = sb.b.settleText(e); err != nil {
		return 0, err
	}
	for i := range sb.out {
		if sameExpr(sb.out[i].x, e) {
			return i, nil
		}
	}
	sb.out = append(sb.out, outItem{e, ColumnName(x), x.Position()})
	return len(sb.out) - 1, nil
}

func (sb *selectBinder) orderBy(items []ast.OrderItem) error {
	sb.s.where = inOrderBy
	for _, o := range items {
		if o.Using != "" {
			return pgerr.Unsupported(o.Position(), "ORDER BY … USING")
		}
		at, err := sb.entry(o.X, inOrderBy)
		if err != nil {
			return err
		}
		if err := sortable(sb.out[at].x.Type(), start(o.X)); err != nil {
			return err
		}
		if at >= sb.visible && sb.sel.Distinct && len(sb.sel.DistinctOn) == 0 {
			return pgerr.New(pgerr.InvalidColumnReference, "for SELECT DISTINCT, ORDER BY expressions must appear in select list").At(start(o.X))
		}
		desc, first := sortFlags(o)
		sb.order = append(sb.order, orderKey{at, desc, first})
	}
	return nil
}

func (sb *selectBinder) distinctOn() error {
	for _, x := range sb.sel.DistinctOn {
		at, err := sb.entry(x, "DISTINCT ON")
		if err != nil {
			return err
		}
		sb.on = append(sb.on, at)
	}
	for i, k := range sb.order {
		if i >= len(sb.on) {
			break
		}
		found := false
		for _, at := range sb.on {
			found = found || at == k.at
		}
		if !found {
			return pgerr.New(pgerr.InvalidColumnReference, "SELECT DISTINCT ON expressions must match initial ORDER BY expressions").
				At(start(sb.sel.DistinctOn[0]))
		}
	}
	return nil
}

// groupBy binds GROUP BY: a column of FROM, else an output name, a position, or
// an expression.
func (sb *selectBinder) groupBy() error {
	sb.s.where = inGroupBy
	for _, x := range sb.sel.GroupBy {
		e, err := sb.groupItem(x)
		if err != nil {
			return err
		}
		if contains(e, isAgg) {
			return pgerr.New(pgerr.GroupingError, "aggregate functions are not allowed in GROUP BY").At(aggPos(e))
		}
		if contains(e, isWin) {
			return pgerr.New(pgerr.WindowingError, "window functions are not allowed in GROUP BY").At(x.Position())
		}
		if contains(e, isSet) {
			return pgerr.Unsupported(x.Position(), "a set-returning function in GROUP BY")
		}
		if err := sortable(e.Type(), start(x)); err != nil {
			return err
		}
		if !anyEqual(sb.groups, e) {
			sb.groups = append(sb.groups, e)
		}
	}
	return nil
}

func aggPos(e expr.Expr) (pos int) {
	contains(e, func(x expr.Expr) bool {
		a, ok := x.(*aggRef)
		if ok {
			pos = a.pos
		}
		return ok
	})
	return pos
}

func (sb *selectBinder) groupItem(x ast.Expr) (expr.Expr, error) {
	if at, err := sb.byPosition(x, inGroupBy); at >= 0 || err != nil {
		if err != nil {
			return nil, err
		}
		return sb.out[at].x, nil
	}
	if ref, ok := x.(*ast.ColumnRef); ok && len(ref.Names) == 1 && !ref.Star {
		_, c, err := sb.s.find(ref.Names[0], ref.Position())
		if err != nil {
			return nil, err
		}
		if c == nil {
			at, err := sb.byName(x, inGroupBy)
			if err != nil {
				return nil, err
			}
			if at >= 0 {
				return sb.out[at].x, nil
			}
		}
	}
	e, err := sb.b.expr(sb.s, x)
	if err != nil {
		return nil, err
	}
	return sb.b.settleText(e)
}

// finish adds DISTINCT, ORDER BY and LIMIT to the projected select list.
func (sb *selectBinder) finish(at *scope, q *ast.Query) (plan.Node, error) {
	n := sb.node
	for i := range sb.out {
		if sb.sel.Distinct || len(sb.on) > 0 {
			if err := sortable(sb.out[i].x.Type(), sb.out[i].pos); err != nil {
				return nil, err
			}
		}
	}
	keys := make([]plan.SortKey, len(sb.order))
	for i, k := range sb.order {
		keys[i] = plan.SortKey{Col: k.at, Desc: k.desc, NullsFirst: k.nullsFirst}
	}
	switch {
	case len(sb.on) > 0:
		n = plan.NewTopN(n, uniq(sb.on), keys, 0, 1)
	case sb.sel.Distinct:
		n = distinct(n)
	}
	offset, limit, err := sb.b.limits(at, q)
	if err != nil {
		return nil, err
	}
	if len(keys) > 0 || offset != nil || limit != nil {
		n = plan.NewSort(n, keys, offset, limit)
	}
	if len(sb.out) > sb.visible {
		es, names := plan.AllColumns(n)
		n = plan.NewProject(n, es[:sb.visible], names[:sb.visible])
	}
	return n, nil
}

func uniq(is []int) []int {
	var out []int
	seen := map[int]bool{}
	for _, i := range is {
		if !seen[i] {
			seen[i] = true
			out = append(out, i)
		}
	}
	return out
}

// limits binds OFFSET and LIMIT to bigint expressions without columns.
func (b *binder) limits(at *scope, q *ast.Query) (offset, limit expr.Expr, err error) {
	if limit, err = b.limit(at, q.Limit, inLimit); err != nil {
		return nil, nil, err
	}
	offset, err = b.limit(at, q.Offset, inOffset)
	return offset, limit, err
}

func (b *binder) limit(at *scope, x ast.Expr, what clause) (expr.Expr, error) {
	if x == nil {
		return nil, nil
	}
	s := b.inner(at, nil, nil)
	s.where = what
	if _, ok := x.(*ast.ColumnRef); ok {
		return nil, pgerr.New(pgerr.InvalidColumnReference, "argument of %s must not contain variables", what).At(x.Position())
	}
	e, err := b.expr(s, x)
	if err != nil {
		return nil, err
	}
	if contains(e, isSub) {
		return nil, pgerr.Unsupported(x.Position(), "a subquery in %s", what)
	}
	r, ok, err := b.coerce(e, types.Int8, expr.AssignmentCast, x.Position())
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, pgerr.New(pgerr.DatatypeMismatch, "argument of %s must be type bigint, not type %s", what, e.Type().Base()).At(start(x))
	}
	if k, isConst := r.(*expr.Const); isConst && k.Value.Null {
		return nil, nil // LIMIT NULL is no limit
	}
	return r, nil
}

// orderOutput adds ORDER BY and LIMIT over output columns only: what a set
// operation or VALUES can have.
func (b *binder) orderOutput(at *scope, n plan.Node, q *ast.Query, isSet bool) (plan.Node, error) {
	cols := n.Base().Cols
	sb := &selectBinder{b: b, visible: len(cols), s: b.inner(at, nil, nil)}
	es, names := plan.AllColumns(n)
	it := &item{colsVisible: true}
	for i := range es {
		sb.out = append(sb.out, outItem{es[i], names[i], 0})
		it.cols = append(it.cols, itemCol{names[i], es[i]})
	}
	sb.s.items, sb.s.where = []*item{it}, inOrderBy
	var keys []plan.SortKey
	for _, o := range q.OrderBy {
		i, err := sb.entry(o.X, inOrderBy)
		if err != nil {
			return nil, err
		}
		if i >= len(cols) {
			if isSet {
				return nil, pgerr.New(pgerr.FeatureNotSupported, "invalid UNION/INTERSECT/EXCEPT ORDER BY clause").
					WithDetail("Only result column names can be used, not expressions or functions.").
					WithHint("Add the expression/function to every SELECT, or move the UNION into a FROM clause.").At(start(o.X))
			}
			return nil, pgerr.Unsupported(o.X.Position(), "an expression in ORDER BY here")
		}
		if err := sortable(cols[i].Type, o.X.Position()); err != nil {
			return nil, err
		}
		desc, first := sortFlags(o)
		keys = append(keys, plan.SortKey{Col: i, Desc: desc, NullsFirst: first})
	}
	offset, limit, err := b.limits(at, q)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 && offset == nil && limit == nil {
		return n, nil
	}
	return plan.NewSort(n, keys, offset, limit), nil
}
