package rules

import (
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
)

// closeByTime lets watermarks free state: of aggregates and top-N that have a
// window column in their group or partition, and of joins on a window column.
// With EMIT ON WINDOW CLOSE every aggregate and top-N with any time column in
// its group emits when that is closed; what would come out earlier is held back
// at the end.
func closeByTime(c *Context, n plan.Node) (plan.Node, error) {
	if !c.Continuous {
		return n, nil
	}
	derive(c, n)
	plan.Walk(n, func(n plan.Node) {
		switch n := n.(type) {
		case *plan.Aggregate:
			n.Window, n.Size = closing(n.In, n.Group, c.Emit)
			if n.Window >= 0 {
				n.Late, n.OnClose = c.Lateness, c.Emit
			}
		case *plan.TopN:
			n.Window, n.Size = closing(n.In, n.Partition, c.Emit)
			if n.Window >= 0 {
				n.Late, n.OnClose = c.Lateness, c.Emit
			}
		case *plan.Join:
			joinTime(c, n)
		}
	})
	keepPanes(n)
	derive(c, n)
	if !c.Emit || closed(n) {
		return n, nil
	}
	times := n.Base().Times
	if len(times) == 0 {
		return nil, pgerr.New(pgerr.FeatureNotSupported, "EMIT ON WINDOW CLOSE needs an output column that a watermark reaches").
			WithHint("Declare WATERMARK FOR a column of the source, and select that column, window_start or window_end.").At(c.EmitPos)
	}
	t := best(times)
	b := &plan.CloseBuffer{In: n, Time: t.Col, Size: sizeOf(t), Late: c.Lateness}
	plan.SetCols(b)
	return b, nil
}

// sizeOf is what closes a value of t's column; see plan.TimeCol.
func sizeOf(t plan.TimeCol) int64 {
	if t.Window {
		return 0
	}
	return 1
}

// best is the time column that closes first: a window column before another,
// then the one with the smallest delay.
func best(times []plan.TimeCol) plan.TimeCol {
	b := times[0]
	for _, t := range times[1:] {
		if t.Window != b.Window && t.Window || t.Window == b.Window && maxDelay(t) < maxDelay(b) {
			b = t
		}
	}
	return b
}

func maxDelay(t plan.TimeCol) int64 {
	d := t.Sources[0].Delay
	for _, s := range t.Sources[1:] {
		d = max(d, s.Delay)
	}
	return d
}

// closing finds the position in cols of the column that time closes; -1: none.
func closing(in plan.Node, cols []int, anyTime bool) (at int, size int64) {
	var found []plan.TimeCol
	for i, c := range cols {
		for _, t := range in.Base().Times {
			if t.Col == c && (t.Window || anyTime) {
				t.Col = i
				found = append(found, t)
			}
		}
	}
	if len(found) == 0 {
		return -1, 0
	}
	t := best(found)
	return t.Col, sizeOf(t)
}

// joinTime finds a key pair of window columns.
func joinTime(c *Context, j *plan.Join) {
	j.TimeKey = -1
	for i := range j.LKeys {
		l, r := timeOf(j.L, j.LKeys[i]), timeOf(j.R, j.RKeys[i])
		if l == nil || r == nil || !l.Window || !r.Window {
			continue
		}
		if j.TimeKey < 0 || maxDelay(*l) < maxDelay(*timeOf(j.L, j.LKeys[j.TimeKey])) {
			j.TimeKey, j.Size, j.Late = i, 0, c.Lateness
		}
	}
}

// timeOf is what is known of column c of n over time; nil: nothing.
func timeOf(n plan.Node, c int) *plan.TimeCol {
	for i := range n.Base().Times {
		if t := &n.Base().Times[i]; t.Col == c {
			return t
		}
	}
	return nil
}

// keepPanes lets an aggregate of panes keep a pane until the last window over
// it closes, so that a late row still counts in the windows that are open, and
// lets it emit at every step: its windows decide when to.
func keepPanes(n plan.Node) {
	plan.Walk(n, func(n plan.Node) {
		h, ok := n.(*plan.HopExpand)
		if !ok || h.Pane == 0 {
			return
		}
		if a, ok := h.In.(*plan.Aggregate); ok && a.Window >= 0 {
			a.Size, a.OnClose = h.Size-h.Pane, false
		}
	})
}

// closed reports whether every row of n comes when its window has closed, and
// stays.
func closed(n plan.Node) bool {
	switch n := n.(type) {
	case *plan.Aggregate:
		return n.OnClose
	case *plan.TopN:
		return n.OnClose
	case *plan.CloseBuffer:
		return true
	case *plan.Filter, *plan.Project, *plan.HopExpand, *plan.Exchange:
		return closed(n.Inputs()[0])
	case *plan.Join:
		return closed(n.L) && closed(n.R) && (n.Kind == plan.InnerJoin || n.TimeKey >= 0)
	case *plan.Union:
		for _, in := range n.In {
			if !closed(in) {
				return false
			}
		}
		return true
	}
	return false
}
