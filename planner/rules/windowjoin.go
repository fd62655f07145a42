package rules

import (
	"encoding/binary"
	"slices"

	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// joinInWindow makes an equality of windows out of two bounds: where a join asks
// that a time of one side lie in [window_end − size, window_end) of the other's
// TUMBLE window, however that is spelled, the first side gets the window of that
// time, and the join matches the windows instead. An equality has a place in
// the state, and time closes it.
func joinInWindow(_ *Context, n plan.Node) (plan.Node, error) {
	return plan.Transform(n, func(n plan.Node) plan.Node {
		j, ok := n.(*plan.Join)
		if !ok || j.Kind != plan.InnerJoin {
			return n // an outer join would lose the rows without a time
		}
		wl := len(j.L.Base().Cols)
		conds := plan.Conjuncts(j.On)
		for i, c := range conds {
			lo := windowBoundOf(j, c)
			if lo == nil || !lo.lower {
				continue
			}
			for k, c := range conds {
				hi := windowBoundOf(j, c)
				if hi == nil || hi.lower || hi.time != lo.time || hi.hop != lo.hop || hi.right != lo.right {
					continue
				}
				rest := dropTwo(conds, i, k)
				return matchWindows(j, wl, lo, rest)
			}
		}
		return n
	}), nil
}

func dropTwo(conds []expr.Expr, i, k int) []expr.Expr {
	var rest []expr.Expr
	for at, c := range conds {
		if at != i && at != k {
			rest = append(rest, c)
		}
	}
	return rest
}

// timeBound is one bound of a time by the other side's window: time >= its start
// (lower) or time < its end.
type timeBound struct {
	lower  bool
	right  bool // the time is a column of the right side
	time   int  // column of the time's side
	window int  // column of the other side that the bound names
	end    bool // and whether that is the window's end
	hop    *plan.HopExpand
}

// maxJoinWindow is the longest window that a time is given here, in
// microseconds: the last timestamp plus a longer one is no timestamp, and the
// expansion would report a row that the bounds merely did not match.
const maxJoinWindow = 7 * 86400 * secondMicros

// windowBoundOf recognizes a bound; nil: c is none.
func windowBoundOf(j *plan.Join, c expr.Expr) *timeBound {
	call, ok := c.(*expr.Call)
	if !ok || len(call.Args) != 2 {
		return nil
	}
	is := func(op string) bool { return slices.Contains(expr.Operators(op), call.Fn) }
	a, b := call.Args[0], call.Args[1]
	t := &timeBound{}
	switch {
	case is(">="):
		t.lower = true
	case is("<="):
		t.lower, a, b = true, b, a
	case is("<"):
	case is(">"):
		a, b = b, a
	default:
		return nil
	}
	time, ok := a.(*expr.Column)
	win, shift, ok2 := shifted(b)
	wl := len(j.L.Base().Cols)
	if !ok || !ok2 || (time.Index < wl) == (win.Index < wl) || time.T.Base() != win.T.Base() {
		return nil
	}
	side, other := j.L, j.R
	t.time, t.window = time.Index, win.Index-wl
	if t.right = time.Index >= wl; t.right {
		side, other = j.R, j.L
		t.time, t.window = time.Index-wl, win.Index
	}
	t.hop, t.end = windowOrigin(other, t.window)
	h := t.hop
	if h == nil || h.Pane != 0 || h.Slide != h.Size || h.Size > maxJoinWindow ||
		side.Base().Cols[t.time].Type.Base() != h.Cols[len(h.Cols)-1].Type {
		return nil
	}
	want := int64(0) // what takes the named column to the window's start or end
	if t.lower && t.end {
		want = -h.Size
	} else if !t.lower && !t.end {
		want = h.Size
	}
	if shift != want {
		return nil
	}
	return t
}

// shifted takes a column plus or minus a constant interval apart. Days are not
// taken for 24 hours where the time zone may have others.
func shifted(e expr.Expr) (c *expr.Column, by int64, ok bool) {
	if c, ok = e.(*expr.Column); ok {
		return c, 0, true
	}
	call, ok := e.(*expr.Call)
	if !ok || len(call.Args) != 2 {
		return nil, 0, false
	}
	op := plusMinus(call.Fn)
	c, ok = call.Args[0].(*expr.Column)
	us, ok2 := constInterval(call.Args[1])
	if !ok || !ok2 || op == 0 {
		return nil, 0, false
	}
	k := call.Args[1].(*expr.Const)
	if c.T.Base().OID == types.OIDTimestamptz && binary.LittleEndian.Uint32(k.Value.S[8:12]) != 0 {
		return nil, 0, false
	}
	return c, op * us, true
}

// matchWindows gives the side of the time its window and makes the join match it.
func matchWindows(j *plan.Join, wl int, b *timeBound, rest []expr.Expr) plan.Node {
	side := &j.L
	if b.right {
		side = &j.R
	}
	width := len((*side).Base().Cols)
	wr := len(j.R.Base().Cols)
	h := &plan.HopExpand{In: *side, Time: b.time, Size: b.hop.Size, Slide: b.hop.Slide, Offset: b.hop.Offset}
	plan.SetCols(h)
	*side = h
	at := width // window_start, or window_end as on the other side
	if b.end {
		at++
	}
	grown := 0
	if b.right {
		j.LKeys, j.RKeys = append(j.LKeys, b.window), append(j.RKeys, at)
	} else {
		j.LKeys, j.RKeys = append(j.LKeys, at), append(j.RKeys, b.window)
		grown = len(h.Cols) - width
	}
	j.NullSafe = append(j.NullSafe, false)
	j.On = plan.AndOf(rest)
	if j.On != nil {
		j.On = plan.ShiftColumns(j.On, func(c int) int {
			if c >= wl {
				return c + grown
			}
			return c
		})
	}
	plan.SetCols(j)
	return original(j, wl, grown, wr)
}
