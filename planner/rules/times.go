package rules

import (
	"encoding/binary"
	"slices"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// timesOf are the output columns of n that a watermark reaches (see
// plan.TimeCol). A column passes only where every later change of the output,
// retractions included, has a value that the watermark has not passed.
func timesOf(n plan.Node) []plan.TimeCol {
	switch n := n.(type) {
	case *plan.Filter:
		// What the clock lets in or takes away may be of any time.
		if plan.ReadsClock(n.Cond) {
			return nil
		}
		return slices.Clone(n.In.Base().Times)
	case *plan.Exchange, *plan.CloseBuffer, *plan.Materialize, *plan.Sink:
		return slices.Clone(n.Inputs()[0].Base().Times)
	case *plan.Project:
		var out []plan.TimeCol
		for i, e := range n.Exprs {
			t := computedTime(e, n.In)
			if t == nil {
				t = timeOfExpr(e, n.In)
			}
			if t != nil {
				t.Col = i
				out = append(out, *t)
			}
		}
		return out
	case *plan.HopExpand:
		return hopTimes(n)
	case *plan.Aggregate:
		return groupTimes(n.In, n.Group)
	case *plan.TopN:
		// Only the partition: a row that falls out of the first N may be old.
		var out []plan.TimeCol
		for _, c := range n.Partition {
			if t := timeOf(n.In, c); t != nil {
				out = append(out, *t)
			}
		}
		return out
	case *plan.Union:
		return unionTimes(n)
	case *plan.Join:
		return joinTimes(n)
	}
	return nil
}

// computedTime recognizes the expression of a source's generated column that has
// a watermark.
func computedTime(e expr.Expr, in plan.Node) *plan.TimeCol {
	for {
		switch n := in.(type) {
		case *plan.Filter:
			if plan.ReadsClock(n.Cond) {
				return nil
			}
			in = n.In
			continue
		case *plan.Exchange:
			in = n.In
			continue
		case *plan.Scan:
			for _, c := range n.Computed {
				missing := false
				x := plan.ShiftColumns(c.X, func(col int) int {
					at := slices.Index(n.Take, col)
					missing = missing || at < 0
					return at
				})
				if !missing && expr.Equal(expr.Fold(x), e) {
					return &plan.TimeCol{Sources: []plan.SourceDelay{{Source: n.Rel}}}
				}
			}
		}
		return nil
	}
}

func groupTimes(in plan.Node, group []int) []plan.TimeCol {
	var out []plan.TimeCol
	for i, g := range group {
		if t := timeOf(in, g); t != nil {
			c := *t
			c.Col = i
			out = append(out, c)
		}
	}
	return out
}

// joinTimes: a row of one side may be old when its partner arrives, except in
// the columns that must be equal: those are as late as the later side.
func joinTimes(n *plan.Join) []plan.TimeCol {
	if n.Kind == plan.FullJoin || n.Kind == plan.AntiJoin {
		return nil
	}
	w := len(n.L.Base().Cols)
	var out []plan.TimeCol
	for i := range n.LKeys {
		l, r := timeOf(n.L, n.LKeys[i]), timeOf(n.R, n.RKeys[i])
		if l == nil || r == nil {
			continue
		}
		both := plan.TimeCol{Sources: minimum(l.Sources, r.Sources), Window: l.Window && r.Window}
		both.Col = n.LKeys[i]
		out = append(out, both)
		if n.Kind != plan.SemiJoin {
			both.Col = w + n.RKeys[i]
			out = append(out, both)
		}
	}
	return out
}

// minimum is the lower of two thresholds: all sources, each with its larger
// delay.
func minimum(a, b []plan.SourceDelay) []plan.SourceDelay {
	out := slices.Clone(a)
	for _, s := range b {
		i := slices.IndexFunc(out, func(x plan.SourceDelay) bool { return x.Source == s.Source })
		if i < 0 {
			out = append(out, s)
		} else {
			out[i].Delay = max(out[i].Delay, s.Delay)
		}
	}
	slices.SortFunc(out, func(x, y plan.SourceDelay) int { return int(int64(x.Source) - int64(y.Source)) })
	return out
}

func unionTimes(n *plan.Union) []plan.TimeCol {
	var out []plan.TimeCol
	for _, t := range n.In[0].Base().Times {
		all := t
		ok := true
		for _, in := range n.In[1:] {
			o := timeOf(in, t.Col)
			if o == nil {
				ok = false
				break
			}
			all.Sources, all.Window = minimum(all.Sources, o.Sources), all.Window && o.Window
		}
		if ok {
			out = append(out, all)
		}
	}
	return out
}

// hopTimes: a window's end lies after the row's time, its start less than Size
// before that end.
func hopTimes(n *plan.HopExpand) []plan.TimeCol {
	out := slices.Clone(n.In.Base().Times)
	t := timeOf(n.In, n.Time)
	if t == nil {
		return out
	}
	w := len(n.In.Base().Cols)
	return append(out,
		plan.TimeCol{Col: w, Sources: delayed(t.Sources, n.Size-n.Pane), Window: true},
		plan.TimeCol{Col: w + 1, Sources: delayed(t.Sources, -n.Pane), Window: true})
}

func delayed(s []plan.SourceDelay, by int64) []plan.SourceDelay {
	out := slices.Clone(s)
	for i := range out {
		out[i].Delay += by
	}
	return out
}

// timeOfExpr is the threshold of a computed column: a time column, one moved by
// a constant interval, or one cut down to a unit; nil: none.
func timeOfExpr(e expr.Expr, in plan.Node) *plan.TimeCol {
	switch e := e.(type) {
	case *expr.Column:
		if t := timeOf(in, e.Index); t != nil {
			c := *t
			return &c
		}
	case *expr.Call:
		if expr.IsRelabel(e) {
			return timeOfExpr(e.Args[0], in)
		}
		return timeOfCall(e, in)
	}
	return nil
}

func timeOfCall(e *expr.Call, in plan.Node) *plan.TimeCol {
	if len(e.Args) < 2 {
		return nil
	}
	if op := plusMinus(e.Fn); op != 0 {
		t := timeOfExpr(e.Args[0], in)
		us, ok := constInterval(e.Args[1])
		if t == nil || !ok {
			return nil
		}
		t.Sources = delayed(t.Sources, -op*us)
		return t
	}
	width, arg := floorWidth(e)
	if width <= 0 {
		return nil
	}
	t := timeOfExpr(arg, in)
	if t == nil {
		return nil
	}
	// No later value v has v <= T, so floor(v) > T − width; in microseconds.
	t.Sources = delayed(t.Sources, width-1)
	t.Window = false
	return t
}

// plusMinus is 1 for timestamp + interval, -1 for timestamp − interval.
func plusMinus(f *expr.Func) int64 {
	if len(f.Args) != 2 || f.Args[1].OID != types.OIDInterval ||
		f.Args[0].OID != types.OIDTimestamp && f.Args[0].OID != types.OIDTimestamptz {
		return 0
	}
	for _, g := range expr.Operators("+") {
		if f == g {
			return 1
		}
	}
	for _, g := range expr.Operators("-") {
		if f == g {
			return -1
		}
	}
	return 0
}

// constInterval is a constant interval without months, in microseconds.
func constInterval(e expr.Expr) (int64, bool) {
	k, ok := e.(*expr.Const)
	if !ok || k.Value.Null || k.Value.T.OID != types.OIDInterval {
		return 0, false
	}
	return intervalMicros(k.Value)
}

func intervalMicros(d delta.Datum) (int64, bool) {
	us := int64(binary.LittleEndian.Uint64(d.S[0:8]))
	days := int32(binary.LittleEndian.Uint32(d.S[8:12]))
	return us + int64(days)*86_400_000_000, binary.LittleEndian.Uint32(d.S[12:16]) == 0
}

const secondMicros = 1_000_000

// truncWidths are the longest spans that date_trunc takes off, in microseconds.
var truncWidths = map[string]int64{
	"milliseconds": 1000, "second": secondMicros, "minute": 60 * secondMicros, "hour": 3600 * secondMicros,
	"day": 86400 * secondMicros, "week": 7 * 86400 * secondMicros, "month": 31 * 86400 * secondMicros,
	"quarter": 92 * 86400 * secondMicros, "year": 366 * 86400 * secondMicros,
}

// floorWidth recognizes date_trunc(unit, ts) and date_bin(stride, ts, origin).
func floorWidth(e *expr.Call) (int64, expr.Expr) {
	switch {
	case isFunction(e.Fn, "date_trunc") && len(e.Args) == 2:
		if k, ok := e.Args[0].(*expr.Const); ok && !k.Value.Null {
			return truncWidths[string(k.Value.S)], e.Args[1]
		}
	case isFunction(e.Fn, "date_bin"):
		if us, ok := constInterval(e.Args[0]); ok {
			return us, e.Args[1]
		}
	}
	return 0, nil
}

func isFunction(f *expr.Func, name string) bool { return slices.Contains(expr.Functions(name), f) }
