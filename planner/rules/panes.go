package rules

import (
	"slices"

	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// sharePanes splits the aggregation of hopping windows in two: rows are first
// aggregated by panes (as long as the greatest common divisor of size and
// slide), then the panes, not the rows, are copied to the windows that cover
// them and merged there. A row is touched once however many windows it is in.
//
// Only aggregates whose partial results merge exactly are split: count, min,
// max, and sum and avg of exact types, without DISTINCT and ORDER BY.
func sharePanes(c *Context, n plan.Node) (plan.Node, error) {
	if !c.Continuous {
		return n, nil
	}
	return plan.Transform(n, func(n plan.Node) plan.Node {
		a, ok := n.(*plan.Aggregate)
		if !ok {
			return n
		}
		p, ok := a.In.(*plan.Project)
		if !ok {
			return n
		}
		h, ok := p.In.(*plan.HopExpand)
		if !ok || h.Pane != 0 || h.Slide == h.Size || a.Scalar {
			return n
		}
		s := &paneSplit{a: a, p: p, h: h, width: len(h.In.Base().Cols)}
		if !s.possible() {
			return n
		}
		return s.split()
	}), nil
}

type paneSplit struct {
	a     *plan.Aggregate
	p     *plan.Project
	h     *plan.HopExpand
	width int // columns below the HopExpand

	lower *plan.Aggregate
	// partial[i] are the lower aggregate's output columns for call i.
	partial [][]int
}

// windowCol reports whether output i of the projection is window_start (0) or
// window_end (1).
func (s *paneSplit) windowCol(i int) (which int, ok bool) {
	c, ok := s.p.Exprs[i].(*expr.Column)
	if !ok || c.Index < s.width {
		return 0, false
	}
	return c.Index - s.width, true
}

func (s *paneSplit) possible() bool {
	windows := 0
	for _, g := range s.a.Group {
		if _, ok := s.windowCol(g); ok {
			windows++
		} else if !reads(s.p.Exprs[g], 0, s.width) {
			return false
		}
	}
	if windows == 0 {
		return false
	}
	for _, a := range s.a.Aggs {
		if a.Distinct || len(a.OrderBy) > 0 || !s.mergeable(a) {
			return false
		}
		for _, c := range append(slices.Clone(a.Args), filterCols(a)...) {
			if !reads(s.p.Exprs[c], 0, s.width) {
				return false
			}
		}
	}
	return true
}

func filterCols(a plan.Agg) []int {
	if a.Filter < 0 {
		return nil
	}
	return []int{a.Filter}
}

func (s *paneSplit) mergeable(a plan.Agg) bool {
	switch a.Fn.Name {
	case "count", "min", "max", "bool_and", "bool_or", "every":
		return true
	case "sum", "avg":
		switch s.p.Cols[a.Args[0]].Type.OID {
		case types.OIDInt2, types.OIDInt4, types.OIDInt8, types.OIDNumeric:
			return true
		}
	}
	return false
}

func (s *paneSplit) split() plan.Node {
	pane := gcd(s.h.Size, s.h.Slide)
	s.lowerAggregate(pane)
	time := len(s.lower.Group) - 1
	h := &plan.HopExpand{In: s.lower, Time: time, Size: s.h.Size, Slide: s.h.Slide, Pane: pane, Offset: s.h.Offset}
	plan.SetCols(h)
	return s.upperAggregate(h)
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// lowerAggregate groups rows by the group columns that are no window column,
// and by pane.
func (s *paneSplit) lowerAggregate(pane int64) {
	h := &plan.HopExpand{In: s.h.In, Time: s.h.Time, Size: pane, Slide: pane, Offset: s.h.Offset % pane}
	plan.SetCols(h)
	var es []expr.Expr
	var names []string
	var group []int
	for _, g := range s.a.Group {
		if _, ok := s.windowCol(g); !ok {
			group = append(group, len(es))
			es, names = append(es, s.p.Exprs[g]), append(names, s.p.Cols[g].Name)
		}
	}
	group = append(group, len(es))
	es, names = append(es, plan.ColumnAt(h, s.width)), append(names, "pane_start")
	in := func(c int) int {
		for i, e := range es {
			if expr.Equal(e, s.p.Exprs[c]) {
				return i
			}
		}
		es, names = append(es, s.p.Exprs[c]), append(names, s.p.Cols[c].Name)
		return len(es) - 1
	}
	var aggs []plan.Agg
	add := func(a plan.Agg) int {
		for i, have := range aggs {
			if have.Fn == a.Fn && slices.Equal(have.Args, a.Args) && have.Filter == a.Filter {
				return len(group) + i
			}
		}
		aggs = append(aggs, a)
		return len(group) + len(aggs) - 1
	}
	for _, a := range s.a.Aggs {
		below := plan.Agg{Fn: a.Fn, Filter: -1}
		for _, c := range a.Args {
			below.Args = append(below.Args, in(c))
		}
		if a.Filter >= 0 {
			below.Filter = in(a.Filter)
		}
		if a.Fn.Name != "avg" {
			s.partial = append(s.partial, []int{add(below)})
			continue
		}
		sum, count := below, below
		sum.Fn, count.Fn = overload("sum", a.Fn.Args[0]), overload("count", types.Any)
		s.partial = append(s.partial, []int{add(sum), add(count)})
	}
	s.lower = plan.NewAggregate(plan.NewProject(h, es, names), group, aggs)
	s.lower.Scalar = false
}

// overload finds an aggregate by its declared argument.
func overload(name string, arg types.Type) *expr.Aggregate {
	for _, a := range expr.Aggregates(name) {
		if len(a.Args) == 1 && a.Args[0].OID == arg.OID {
			return a
		}
	}
	return nil
}

// merged is the call that adds partial column c of the lower aggregate up.
func (s *paneSplit) merged(fn *expr.Aggregate, c int) plan.Agg {
	t := s.lower.Cols[c].Type
	a := plan.Agg{Fn: fn, Args: []int{c}, Filter: -1}
	switch {
	case fn.Name == "count":
		a.Merge = true
	case fn.Name == "sum" && t.OID == types.OIDInt8:
		a.Merge = true
	case fn.Name == "sum":
		a.Fn = overload("sum", t)
	}
	return a
}

// upperAggregate merges the panes of each window and puts the columns in the
// order of the aggregate that is replaced.
func (s *paneSplit) upperAggregate(h *plan.HopExpand) plan.Node {
	var group []int
	others := 0
	for _, g := range s.a.Group {
		if which, ok := s.windowCol(g); ok {
			group = append(group, len(s.lower.Cols)+which)
		} else {
			group = append(group, others)
			others++
		}
	}
	var aggs []plan.Agg
	var outs []expr.Expr
	var names []string
	add := func(fn *expr.Aggregate, partial int) int {
		aggs = append(aggs, s.merged(fn, partial))
		return len(group) + len(aggs) - 1
	}
	type column struct{ sum, count int }
	var places []column
	for i, a := range s.a.Aggs {
		if a.Fn.Name == "avg" {
			places = append(places, column{add(overload("sum", a.Fn.Args[0]), s.partial[i][0]), add(overload("count", types.Any), s.partial[i][1])})
			continue
		}
		places = append(places, column{add(a.Fn, s.partial[i][0]), -1})
	}
	upper := plan.NewAggregate(h, group, aggs)
	for i := range group {
		outs, names = append(outs, plan.ColumnAt(upper, i)), append(names, s.a.Cols[i].Name)
	}
	for i, p := range places {
		e := expr.Expr(plan.ColumnAt(upper, p.sum))
		if p.count >= 0 {
			e = quotient(e, plan.ColumnAt(upper, p.count))
		}
		outs, names = append(outs, e), append(names, s.a.Cols[len(group)+i].Name)
	}
	return plan.NewProject(upper, outs, names)
}

// quotient is sum / count as numeric, as avg computes it. A group of NULLs has
// a NULL sum, and a count of zero that must not be divided by.
func quotient(sum, count expr.Expr) expr.Expr {
	div := operatorOf("/", types.Numeric)
	num := func(e expr.Expr) expr.Expr {
		if e.Type().OID == types.OIDNumeric {
			return e
		}
		c, _ := expr.FindCast(e.Type(), types.Numeric)
		return &expr.Call{Fn: c.Fn, Args: []expr.Expr{e}, T: types.Numeric}
	}
	q := &expr.Call{Fn: div, Args: []expr.Expr{num(sum), num(count)}, T: types.Numeric}
	return &expr.Case{T: types.Numeric, Whens: []expr.When{{Cond: &expr.Not{X: &expr.IsNull{X: sum}}, Then: q}}}
}

func operatorOf(name string, t types.Type) *expr.Func {
	for _, f := range expr.Operators(name) {
		if len(f.Args) == 2 && f.Args[0] == t && f.Args[1] == t {
			return f
		}
	}
	return nil
}
