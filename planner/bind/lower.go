package bind

import (
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// filterBy filters n by the conjuncts of cond: those without subqueries first,
// so that subqueries run for fewer rows. The row of n keeps its columns and may
// get more after them.
func filterBy(n plan.Node, cond expr.Expr) (plan.Node, error) {
	var plain, subs []expr.Expr
	for _, c := range plan.Conjuncts(cond) {
		if contains(c, isSet) {
			return nil, pgerr.New(pgerr.FeatureNotSupported, "set-returning functions are not allowed in conditions")
		}
		if contains(c, isSub) {
			subs = append(subs, c)
		} else {
			plain = append(plain, c)
		}
	}
	if len(plain) > 0 {
		n = plan.NewFilter(n, plan.AndOf(plain))
	}
	if len(subs) == 0 {
		return n, nil
	}
	n, subs, err := lowerSubs(n, subs)
	if err != nil {
		return nil, err
	}
	return plan.NewFilter(n, plan.AndOf(subs)), nil
}

// lowerSubs puts an Apply over n for every subquery in es and replaces it by
// the column that the Apply appends.
func lowerSubs(n plan.Node, es []expr.Expr) (plan.Node, []expr.Expr, error) {
	done := map[*subRef]expr.Expr{}
	var lower func(x expr.Expr) (expr.Expr, bool)
	lower = func(x expr.Expr) (expr.Expr, bool) {
		s, ok := x.(*subRef)
		if !ok {
			return nil, false
		}
		if c, seen := done[s]; seen {
			return c, true
		}
		test := mapNode(s.test, lower)
		a := &plan.Apply{In: n, Sub: s.sub, Kind: s.kind, Fn: s.fn, Test: test}
		plan.SetCols(a)
		n = a
		c := plan.ColumnAt(a, len(a.Cols)-1)
		done[s] = c
		return c, true
	}
	out := make([]expr.Expr, len(es))
	for i, e := range es {
		out[i] = mapNode(e, lower)
	}
	return n, out, nil
}

// lower turns the bound SELECT into nodes, up to the projected select list.
func (sb *selectBinder) lower() error {
	if sb.hasAgg || len(sb.groups) > 0 || sb.having != nil {
		if err := sb.lowerGroups(); err != nil {
			return err
		}
	}
	es := make([]expr.Expr, len(sb.out))
	for i := range sb.out {
		es[i] = sb.out[i].x
	}
	es, err := sb.lowerWindows(es)
	if err != nil {
		return err
	}
	if sb.node, es, err = lowerSubs(sb.node, es); err != nil {
		return err
	}
	if es, err = sb.lowerSets(es); err != nil {
		return err
	}
	names := make([]string, len(es))
	for i := range es {
		sb.out[i].x = es[i]
		names[i] = sb.out[i].name
	}
	sb.node = plan.NewProject(sb.node, es, names)
	return nil
}

// lowerWindows ranks the rows for each row_number() in es.
func (sb *selectBinder) lowerWindows(es []expr.Expr) ([]expr.Expr, error) {
	done := map[*winRef]expr.Expr{}
	var fail error
	rewrite := func(x expr.Expr) (expr.Expr, bool) {
		w, ok := x.(*winRef)
		if !ok {
			return nil, false
		}
		if c, seen := done[w]; seen {
			return c, true
		}
		c, err := sb.rank(w)
		if err != nil {
			fail = err
		}
		done[w] = c
		return c, true
	}
	out := make([]expr.Expr, len(es))
	for i, e := range es {
		out[i] = mapNode(e, rewrite)
	}
	return out, fail
}

// rank appends row_number() as a column.
func (sb *selectBinder) rank(w *winRef) (expr.Expr, error) {
	es := append([]expr.Expr(nil), w.partition...)
	for _, o := range w.order {
		if err := sortable(o.x.Type(), w.pos); err != nil {
			return nil, err
		}
		es = append(es, o.x)
	}
	n, es, err := lowerSubs(sb.node, es)
	if err != nil {
		return nil, err
	}
	n, cols := withColumns(n, es)
	order := make([]plan.SortKey, len(w.order))
	for i, o := range w.order {
		order[i] = plan.SortKey{Col: cols[len(w.partition)+i], Desc: o.desc, NullsFirst: o.nullsFirst}
	}
	t := plan.NewTopN(n, uniq(cols[:len(w.partition)]), order, 0, -1)
	t.RowNumber, t.Pos = true, w.pos
	plan.SetCols(t)
	sb.node = t
	return plan.ColumnAt(t, len(t.Cols)-1), nil
}

// withColumns appends what of es is no column of n yet and tells where each is.
func withColumns(n plan.Node, es []expr.Expr) (plan.Node, []int) {
	all, names := plan.AllColumns(n)
	width := len(all)
	at := make([]int, len(es))
	for i, e := range es {
		at[i] = -1
		for k, have := range all {
			if expr.Equal(have, e) {
				at[i] = k
				break
			}
		}
		if at[i] < 0 {
			at[i] = len(all)
			all, names = append(all, e), append(names, "key")
		}
	}
	if len(all) == width {
		return n, at
	}
	return plan.NewProject(n, all, names), at
}

// lowerSets evaluates the set-returning functions of the select list side by
// side.
func (sb *selectBinder) lowerSets(es []expr.Expr) ([]expr.Expr, error) {
	any := false
	for _, e := range es {
		any = any || contains(e, isSet)
	}
	if !any {
		return es, nil
	}
	in := sb.node
	all, names := plan.AllColumns(in)
	p := &plan.ProjectSet{In: in, Exprs: all, Sets: make([]*plan.SetFunc, len(all))}
	for i := range all {
		p.Cols = append(p.Cols, in.Base().Cols[i])
		p.Cols[i].Name = names[i]
	}
	done := map[*setRef]expr.Expr{}
	var fail error
	rewrite := func(x expr.Expr) (expr.Expr, bool) {
		s, ok := x.(*setRef)
		if !ok {
			return nil, false
		}
		if c, seen := done[s]; seen {
			return c, true
		}
		for _, a := range s.fn.Args {
			if contains(a, isSet) {
				fail = pgerr.Unsupported(s.pos, "a set-returning function as the argument of another one")
			}
		}
		fn := s.fn
		fn.Field = s.field
		col := fn.Cols[s.field]
		p.Exprs, p.Sets, p.Cols = append(p.Exprs, nil), append(p.Sets, &fn), append(p.Cols, plan.Col{Name: col.Name, Type: col.Type})
		c := plan.ColumnAt(p, len(p.Cols)-1)
		done[s] = c
		return c, true
	}
	out := make([]expr.Expr, len(es))
	for i, e := range es {
		out[i] = mapNode(e, rewrite)
	}
	sb.node = p
	return out, fail
}
