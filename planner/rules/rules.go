// Package rules rewrites a bound plan into the one that runs: an ordered list,
// one rule a file. Each rule takes a whole plan and gives one that computes the
// same rows; nodes are changed in place.
package rules

import (
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// Context is what rules know besides the plan.
type Context struct {
	Cat        catalog.Reader
	Continuous bool
	Emit       bool  // EMIT ON WINDOW CLOSE
	EmitPos    int   // its 1-based byte position
	Lateness   int64 // allowed lateness in microseconds
	// Stored decodes the plan of a materialized view: what is known about its
	// rows. nil result: nothing is.
	Stored func(rel *catalog.Relation) plan.Node
}

// Rule is one step of the optimizer.
type Rule struct {
	Name  string
	Apply func(c *Context, n plan.Node) (plan.Node, error)
}

// All are the rules in their order. Why this order: folding first shows
// constants to the rest; predicates move down before joins look for their keys
// and top-N for its limit; panes are split off while the window columns still
// stand on their HopExpand, and bounds by a window become its equality; columns are pruned when no rule asks for new ones;
// what depends on time and distribution is decided on the final shape.
var All = []Rule{
	{"fold constants", foldConstants},
	{"push predicates down", pushPredicates},
	{"order joins", orderJoins},
	{"push predicates to joins", pushPredicates},
	{"IN to semi join", inToSemiJoin},
	{"join in windows", joinInWindow},
	{"find join keys", joinKeys},
	{"limit sorts", limitSorts},
	{"rank to top-N", rankToTopN},
	{"share panes", sharePanes},
	{"merge projections", mergeProjects},
	{"prune columns", pruneColumns},
	{"merge projections again", mergeProjects},
	{"filter by the clock", filterByClock},
	{"read by key", readByKey},
	{"close by time", closeByTime},
	{"join with extremes", joinExtremes},
	{"exchange by key", exchangeByKey},
}

// Run applies all rules; trace, when not nil, sees the plan after each that
// changed it (the first call, with name "bind", shows the input).
func Run(c *Context, n plan.Node, trace func(rule string, n plan.Node)) (plan.Node, error) {
	derive(c, n)
	if trace != nil {
		trace("bind", n)
	}
	for _, r := range All {
		var err error
		if n, err = r.Apply(c, n); err != nil {
			return nil, err
		}
		derive(c, n)
		if trace != nil {
			trace(r.Name, n)
		}
	}
	return n, nil
}
