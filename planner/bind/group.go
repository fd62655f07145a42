package bind

import (
	"slices"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// grouper rewrites expressions over the row of FROM into expressions over the
// output of an Aggregate.
type grouper struct {
	sb     *selectBinder
	groups []expr.Expr
	aggs   []*aggRef
	subs   map[*subRef]*subRef // subqueries already moved
	fail   error
}

func sameAgg(a, b *aggRef) bool {
	return a.fn == b.fn && a.distinct == b.distinct && expr.Equal(a.filter, b.filter) &&
		slices.EqualFunc(a.args, b.args, expr.Equal) &&
		slices.EqualFunc(a.order, b.order, func(x, y sortItem) bool {
			return x.desc == y.desc && x.nullsFirst == y.nullsFirst && expr.Equal(x.x, y.x)
		})
}

// sameExpr is expr.Equal that also knows aggregates as a whole.
func sameExpr(a, b expr.Expr) bool {
	if x, ok := a.(*aggRef); ok {
		y, ok := b.(*aggRef)
		return ok && sameAgg(x, y)
	}
	return expr.Equal(a, b)
}

// lowerGroups puts the Aggregate over the node and moves select list, HAVING
// and sort columns on top of it.
func (sb *selectBinder) lowerGroups() error {
	g := &grouper{sb: sb, groups: sb.groups, subs: map[*subRef]*subRef{}}
	for i := range sb.out {
		g.collect(sb.out[i].x)
	}
	g.collect(sb.having)
	if err := g.build(); err != nil {
		return err
	}
	for i := range sb.out {
		sb.out[i].x = g.over(sb.out[i].x)
	}
	having := g.over(sb.having)
	if g.fail != nil {
		return g.fail
	}
	if having == nil {
		return nil
	}
	n, err := filterBy(sb.node, having)
	sb.node = n
	return err
}

// collect finds the aggregates of e, and columns that a grouped primary key
// determines: those are grouped by as well.
func (g *grouper) collect(e expr.Expr) {
	mapNode(e, func(x expr.Expr) (expr.Expr, bool) {
		if anyEqual(g.groups, x) {
			return x, true
		}
		switch x := x.(type) {
		case *aggRef:
			if !slices.ContainsFunc(g.aggs, func(a *aggRef) bool { return sameAgg(a, x) }) {
				g.aggs = append(g.aggs, x)
			}
			return x, true
		case *expr.Column:
			if g.determined(x.Index) {
				g.groups = append(g.groups, x)
			}
		}
		return nil, false
	})
}

// determined reports whether the GROUP BY has the whole primary key of the
// table that column i is of.
func (g *grouper) determined(i int) bool {
	for _, it := range g.sb.s.items {
		if len(it.pk) == 0 || !slices.ContainsFunc(it.cols, func(c itemCol) bool { return isColumn(c.x, i) }) {
			continue
		}
		return !slices.ContainsFunc(it.pk, func(k int) bool { return !anyEqual(g.groups, it.cols[k].x) })
	}
	return false
}

// build makes Project and Aggregate.
func (g *grouper) build() error {
	sb := g.sb
	var pre []expr.Expr
	add := func(e expr.Expr) int {
		for i, have := range pre {
			if expr.Equal(have, e) {
				return i
			}
		}
		pre = append(pre, e)
		return len(pre) - 1
	}
	group := make([]int, len(g.groups))
	for i, e := range g.groups {
		group[i] = add(e)
	}
	var aggs []plan.Agg
	for _, a := range g.aggs {
		call := plan.Agg{Fn: a.fn, Filter: -1, Distinct: a.distinct}
		for _, x := range a.args {
			if contains(x, isSet) {
				return pgerr.New(pgerr.FeatureNotSupported, "aggregate function calls cannot contain set-returning function calls").At(a.pos)
			}
			call.Args = append(call.Args, add(a.guard(x)))
		}
		if a.filter != nil {
			call.Filter = add(a.filter)
		}
		for _, o := range a.order {
			call.OrderBy = append(call.OrderBy, plan.SortKey{Col: add(a.guard(o.x)), Desc: o.desc, NullsFirst: o.nullsFirst})
		}
		aggs = append(aggs, call)
	}
	if len(group)+len(aggs) == 0 { // HAVING alone: one group
		aggs = append(aggs, plan.Agg{Fn: expr.Aggregates("count")[0], Filter: -1})
		for _, f := range expr.Aggregates("count") {
			if len(f.Args) == 0 {
				aggs[0].Fn = f
			}
		}
	}
	n, pre, err := lowerSubs(sb.node, pre)
	if err != nil {
		return err
	}
	names := make([]string, len(pre))
	for i, e := range pre {
		names[i] = exprName(e)
	}
	sb.node = plan.NewAggregate(plan.NewProject(n, pre, names), group, aggs)
	return nil
}

// guard lets an argument be computed only for the rows that FILTER admits, so
// that sum(1 / x) FILTER (WHERE x <> 0) does not divide by zero.
func (a *aggRef) guard(e expr.Expr) expr.Expr {
	fails := func(x expr.Expr) bool {
		c, ok := x.(*expr.Call)
		return ok && !expr.IsRelabel(c)
	}
	if a.filter == nil || !contains(e, fails) {
		return e
	}
	none := &expr.Const{Value: delta.NullOf(e.Type())}
	return &expr.Case{Whens: []expr.When{{Cond: a.filter, Then: e}}, Else: none, T: e.Type()}
}

func exprName(e expr.Expr) string {
	if c, ok := e.(*expr.Column); ok {
		return c.Name
	}
	return expr.String(e)
}

// over is e over the Aggregate's row; an ungrouped column is 42803.
func (g *grouper) over(e expr.Expr) expr.Expr {
	return mapNode(e, func(x expr.Expr) (expr.Expr, bool) {
		for i, have := range g.groups {
			if expr.Equal(have, x) {
				return &expr.Column{Index: i, T: have.Type(), Name: exprName(have)}, true
			}
		}
		switch x := x.(type) {
		case *aggRef:
			for j, a := range g.aggs {
				if sameAgg(a, x) {
					return &expr.Column{Index: len(g.groups) + j, T: a.t, Name: a.fn.Name}, true
				}
			}
		case *expr.Column:
			g.ungrouped(x.Index, g.sb.b.colPos[x], "column %q must appear in the GROUP BY clause or be used in an aggregate function")
			return x, true
		case *subRef:
			return g.sub(x), true
		}
		return nil, false
	})
}

// sub moves a subquery's references to this row onto the Aggregate's row.
func (g *grouper) sub(s *subRef) *subRef {
	if r, ok := g.subs[s]; ok {
		return r
	}
	plan.MapOuter(s.sub, func(o *expr.Outer, depth int) expr.Expr {
		if o.Level != depth {
			return o
		}
		for i, have := range g.groups {
			if isColumn(have, o.Index) {
				return &expr.Outer{Level: o.Level, Index: i, T: o.T, Name: o.Name}
			}
		}
		g.ungrouped(o.Index, g.sb.b.colPos[o], "subquery uses ungrouped column %q from outer query")
		return o
	})
	r := *s
	r.test = g.over(s.test)
	g.subs[s] = &r
	return &r
}

func (g *grouper) ungrouped(index, pos int, format string) {
	if g.fail != nil {
		return
	}
	name := ""
	for _, it := range g.sb.s.items {
		for _, c := range it.cols {
			if isColumn(c.x, index) && (name == "" || it.name != "") {
				name = c.name
				if it.name != "" {
					name = it.name + "." + c.name
				}
			}
		}
	}
	g.fail = pgerr.New(pgerr.GroupingError, format, name).At(pos)
}
