package rules

import (
	"slices"

	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// narrowOuter makes an outer join preserve less when the conditions above it drop
// the rows that it pads: a LEFT JOIN with a condition that NULLs in the right
// side's columns fail is an inner join.
func narrowOuter(n *plan.Join, conds []expr.Expr) {
	wl := len(n.L.Base().Cols)
	left, right := false, false // padded rows of that side's columns are dropped
	for _, c := range conds {
		for _, col := range rejected(c) {
			left, right = left || col < wl, right || col >= wl
		}
	}
	switch n.Kind {
	case plan.LeftJoin:
		if right {
			n.Kind = plan.InnerJoin
		}
	case plan.RightJoin:
		if left {
			n.Kind = plan.InnerJoin
		}
	case plan.FullJoin:
		switch {
		case left && right:
			n.Kind = plan.InnerJoin
		case left:
			n.Kind = plan.LeftJoin
		case right:
			n.Kind = plan.RightJoin
		}
	}
	plan.SetCols(n)
}

// rejected are columns of which e is not true where one of them is NULL.
func rejected(e expr.Expr) []int {
	switch e := e.(type) {
	case *expr.Column, *expr.Call:
		return strictIn(e)
	case *expr.Not:
		if null, ok := e.X.(*expr.IsNull); ok {
			return strictIn(null.X)
		}
		return strictIn(e.X)
	case *expr.And:
		var out []int
		for _, a := range e.Args {
			out = append(out, rejected(a)...)
		}
		return out
	case *expr.Or:
		out := rejected(e.Args[0])
		for _, a := range e.Args[1:] {
			other := rejected(a)
			out = slices.DeleteFunc(out, func(c int) bool { return !slices.Contains(other, c) })
		}
		return out
	}
	return nil
}

// strictIn are columns whose NULL makes e NULL.
func strictIn(e expr.Expr) []int {
	switch e := e.(type) {
	case *expr.Column:
		return []int{e.Index}
	case *expr.Not:
		return strictIn(e.X)
	case *expr.Call:
		if !e.Fn.Strict {
			return nil
		}
		var out []int
		for _, a := range e.Args {
			out = append(out, strictIn(a)...)
		}
		return out
	}
	return nil
}
