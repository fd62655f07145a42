package rules

import (
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// filterByClock makes operators of the conditions that read the clock, where
// pushPredicates left them: in filters and in the conditions of inner joins. The
// binder has seen to it that there are none elsewhere.
func filterByClock(c *Context, n plan.Node) (plan.Node, error) {
	if !c.Continuous {
		return n, nil
	}
	return plan.Transform(n, func(n plan.Node) plan.Node {
		switch n := n.(type) {
		case *plan.Filter:
			timed, rest := byClock(n.Cond)
			return temporal(filter(n.In, rest), timed)
		case *plan.Join:
			timed, rest := byClock(n.On)
			if n.Kind == plan.InnerJoin && len(timed) > 0 {
				n.On = plan.AndOf(rest)
				return temporal(n, timed)
			}
		}
		return n
	}), nil
}

// byClock splits a condition.
func byClock(cond expr.Expr) (timed []plan.ClockBound, rest []expr.Expr) {
	for _, e := range plan.Conjuncts(cond) {
		if b, ok := plan.Temporal(e); ok {
			timed = append(timed, b)
		} else {
			rest = append(rest, e)
		}
	}
	return timed, rest
}

func temporal(in plan.Node, bounds []plan.ClockBound) plan.Node {
	if len(bounds) == 0 {
		return in
	}
	n := &plan.TemporalFilter{In: in, Bounds: bounds}
	plan.SetCols(n)
	return n
}
