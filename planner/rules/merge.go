package rules

import (
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// mergeProjects makes one projection of two in a row when nothing is computed
// twice by it, and drops projections that change nothing.
func mergeProjects(_ *Context, n plan.Node) (plan.Node, error) {
	return plan.Transform(n, func(n plan.Node) plan.Node {
		p, ok := n.(*plan.Project)
		if !ok {
			return n
		}
		if in, ok := p.In.(*plan.Project); ok && mergeable(p, in) {
			for i, e := range p.Exprs {
				p.Exprs[i] = plan.InlineColumns(e, in.Exprs)
			}
			p.In = in.In
		}
		if identity(p) {
			return p.In
		}
		return p
	}), nil
}

func mergeable(p, in *plan.Project) bool {
	uses := make([]int, len(in.Exprs))
	for _, e := range p.Exprs {
		expr.Walk(e, func(x expr.Expr) bool {
			if c, ok := x.(*expr.Column); ok {
				uses[c.Index]++
			}
			return true
		})
	}
	for i, e := range in.Exprs {
		switch e.(type) {
		case *expr.Column, *expr.Const:
			continue
		}
		if uses[i] > 1 || uses[i] == 1 && expr.VolatilityOf(e) == expr.Volatile {
			return false
		}
		// What can fail must not fail less: an unread computation stays.
		if uses[i] == 0 && plan.CanFail(e) {
			return false
		}
	}
	return true
}

func identity(p *plan.Project) bool {
	if len(p.Exprs) != len(p.In.Base().Cols) {
		return false
	}
	for i, e := range p.Exprs {
		c, ok := e.(*expr.Column)
		if !ok || c.Index != i {
			return false
		}
	}
	return true
}
