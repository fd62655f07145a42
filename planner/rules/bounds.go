package rules

import (
	"fmt"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// stateOf says how an operator's state is bounded, and why.
func stateOf(n plan.Node) plan.StateBound {
	switch n := n.(type) {
	case *plan.Aggregate:
		return aggregateState(n)
	case *plan.TopN:
		switch {
		case n.Window >= 0:
			return byWindow(n.In, n.Partition[n.Window], n.Size, n.Late)
		case n.Limit >= 0 && n.In.Base().AppendOnly && len(n.Partition) == 0:
			return plan.StateBound{Kind: "limit", Reason: fmt.Sprintf("%d rows", n.Offset+n.Limit)}
		case n.Limit >= 0 && n.In.Base().AppendOnly:
			return plan.StateBound{Kind: "key", Reason: fmt.Sprintf("%d rows for each distinct (%s)", n.Offset+n.Limit, columnNames(n.In, n.Partition))}
		}
		return plan.StateBound{Kind: "input", Reason: "keeps every row: one may leave, and the next take its place"}
	case *plan.Join:
		if n.TimeKey >= 0 {
			return byWindow(n.L, n.LKeys[n.TimeKey], n.Size, n.Late)
		}
		if x := n.Extreme; x != nil {
			best := n.L.Base().Cols[n.LKeys[x.Pair]].Name
			if x.Right {
				best = n.R.Base().Cols[n.RKeys[x.Pair]].Name
			}
			return plan.StateBound{Kind: "input", Reason: "keeps the rows that " + best + " has not passed"}
		}
		return plan.StateBound{Kind: "input", Reason: "keeps both sides: a row may match one that comes later"}
	case *plan.TemporalFilter:
		return temporalState(n)
	case *plan.CloseBuffer:
		return byWindow(n.In, n.Time, n.Size, n.Late)
	case *plan.Materialize:
		if n.Key != nil && len(n.Key) == 0 {
			return plan.StateBound{Kind: "limit", Reason: "one row"}
		}
		if n.Key != nil {
			return plan.StateBound{Kind: "key", Reason: "the view's rows, one for each distinct (" + columnNames(n, n.Key) + ")"}
		}
		return plan.StateBound{Kind: "input", Reason: "the view's rows"}
	}
	return plan.StateBound{Kind: "none"}
}

func columnNames(n plan.Node, cols []int) string {
	s := make([]string, len(cols))
	for i, c := range cols {
		s[i] = n.Base().Cols[c].Name
	}
	return strings.Join(s, ", ")
}

// byWindow is state that the watermark frees.
func byWindow(in plan.Node, col int, size, late int64) plan.StateBound {
	t := timeOf(in, col)
	if t == nil {
		return plan.StateBound{Kind: "window", Reason: "freed when its window closes"}
	}
	return plan.StateBound{Kind: "window", Reason: fmt.Sprintf("freed when the watermark passes %s%s",
		in.Base().Cols[col].Name, plus(maxDelay(*t)+size+late))}
}

func plus(us int64) string {
	switch {
	case us == 0 || us == 1:
		return ""
	case us < 0:
		return " − " + plan.Duration(-us)
	}
	return " + " + plan.Duration(us)
}

// temporalState is state that the clock frees.
func temporalState(n *plan.TemporalFilter) plan.StateBound {
	at := func(b plan.ClockBound) string { return expr.String(b.X) + plus(b.Shift-b.Shift%1000) }
	for _, b := range n.Bounds {
		if b.Until {
			return plan.StateBound{Kind: "window", Reason: "freed when the clock passes " + at(b)}
		}
	}
	return plan.StateBound{Kind: "window", Reason: "kept until the clock passes " + at(n.Bounds[0])}
}

func aggregateState(n *plan.Aggregate) plan.StateBound {
	if n.Window >= 0 {
		return byWindow(n.In, n.Group[n.Window], n.Size, n.Late)
	}
	for _, a := range n.Aggs {
		switch {
		case a.Distinct:
			return plan.StateBound{Kind: "input", Reason: "keeps the distinct values of " + a.Fn.Name}
		case a.Fn.Name == "string_agg" || a.Fn.Name == "array_agg" || a.Fn.Name == "jsonb_agg":
			return plan.StateBound{Kind: "input", Reason: "keeps the values of " + a.Fn.Name}
		case (a.Fn.Name == "min" || a.Fn.Name == "max") && !n.In.Base().AppendOnly:
			return plan.StateBound{Kind: "input", Reason: "keeps the values of " + a.Fn.Name + ": the extreme one may leave"}
		}
	}
	if len(n.Group) == 0 {
		return plan.StateBound{Kind: "limit", Reason: "one group"}
	}
	return plan.StateBound{Kind: "key", Reason: "one group for each distinct (" + columnNames(n.In, n.Group) + ")"}
}

// SetState sets the state bound of the node at the top of a plan, whose other
// properties are known.
func SetState(n plan.Node) { n.Base().State = stateOf(n) }
