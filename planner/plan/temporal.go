package plan

import (
	"encoding/binary"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// ClockBound compares the clock with an expression over the row, in
// microseconds since 2000-01-01 UTC: until, X + Shift is the first moment at which
// the row is not there any more, otherwise the first at which it is. A row whose
// X is NULL is never there.
type ClockBound struct {
	X     expr.Expr `json:"-"`
	Shift int64     `json:"shift,omitempty"`
	Until bool      `json:"until,omitempty"`
}

// ReadsClock reports whether e calls now().
func ReadsClock(e expr.Expr) bool { return ClockCall(e) != nil }

// ClockCall is a call of now() in e; nil: there is none.
func ClockCall(e expr.Expr) (found *expr.Call) {
	if e == nil {
		return nil
	}
	expr.Walk(e, func(x expr.Expr) bool {
		if c, ok := x.(*expr.Call); ok && c.Fn.ID == "now" {
			found = c
		}
		return found == nil
	})
	return found
}

// Temporal reads a condition that compares now(), perhaps shifted by constants
// without months, with a time that does not depend on it; ok is false for any
// other condition. In a continuous plan time zones are UTC, and a day has 24
// hours.
func Temporal(e expr.Expr) (b ClockBound, ok bool) {
	c, ok := e.(*expr.Call)
	if !ok || len(c.Args) != 2 {
		return b, false
	}
	op := comparison(c.Fn)
	if op == "" {
		return b, false
	}
	l, r := c.Args[0], c.Args[1]
	if c.Fn.Args[0].OID == types.OIDInterval {
		if l, r, ok = differenceAsTimes(l, r, &op); !ok {
			return b, false
		}
	}
	lt, lok := asTime(l)
	rt, rok := asTime(r)
	switch {
	case !lok || !rok || lt.clock == rt.clock:
		return b, false
	case lt.clock:
		lt, rt, op = rt, lt, mirrored[op]
	}
	shift, ok := addChecked(lt.shift, -rt.shift)
	if !ok {
		return b, false
	}
	// From here on: X + shift op clock.
	switch op {
	case "gt":
		return ClockBound{lt.x, shift, true}, true
	case "ge":
		return ClockBound{lt.x, shift + 1, true}, true
	case "lt":
		return ClockBound{lt.x, shift + 1, false}, true
	}
	return ClockBound{lt.x, shift, false}, true
}

var mirrored = map[string]string{"lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}

// comparison is which ordering of two times or of two intervals f is; "": none.
func comparison(f *expr.Func) string {
	for _, t := range f.Args {
		switch t.OID {
		case types.OIDTimestamp, types.OIDTimestamptz, types.OIDInterval, types.OIDDate:
		default:
			return ""
		}
	}
	for _, word := range strings.Split(f.ID, "_") {
		if mirrored[word] != "" {
			return word
		}
	}
	return ""
}

// instant is X + shift, or the clock + shift.
type instant struct {
	x     expr.Expr
	clock bool
	shift int64
}

// maxShift bounds what is added to a time, in microseconds: 100,000 years.
const maxShift = 100_000 * 366 * 86_400_000_000

func addChecked(a, b int64) (int64, bool) {
	s := a + b
	return s, s > -maxShift && s < maxShift
}

// asTime reads a time; a date is its midnight.
func asTime(e expr.Expr) (t instant, ok bool) {
	if e.Type().OID == types.OIDDate {
		midnight := expr.FuncByID("date_timestamp")
		return instant{x: &expr.Call{Fn: midnight, Args: []expr.Expr{e}, T: midnight.Ret}}, !ReadsClock(e)
	}
	call, is := e.(*expr.Call)
	if !is {
		return instant{x: e}, !ReadsClock(e)
	}
	switch id := call.Fn.ID; id {
	case "now":
		return instant{clock: true}, true
	case "timestamptz_timestamp", "timestamp_timestamptz":
		return asTime(call.Args[0])
	case "timestamptz_pl_interval", "timestamptz_mi_interval", "timestamp_pl_interval", "timestamp_mi_interval",
		"interval_pl_timestamptz", "interval_pl_timestamp":
		at, by := call.Args[0], call.Args[1]
		if strings.HasPrefix(id, "interval") {
			at, by = by, at
		}
		us, constant := fixedSpan(by)
		if !constant {
			return instant{x: e}, !ReadsClock(e)
		}
		if strings.Contains(id, "_mi_") {
			us = -us
		}
		if t, ok = asTime(at); ok {
			t.shift, ok = addChecked(t.shift, us)
		}
		return t, ok
	}
	return instant{x: e}, !ReadsClock(e)
}

// differenceAsTimes reads a difference of two times that is compared with a
// constant, a − b op i, as the comparison a op b + i.
func differenceAsTimes(l, r expr.Expr, op *string) (a, b expr.Expr, ok bool) {
	if _, constant := fixedSpan(l); constant {
		l, r, *op = r, l, mirrored[*op]
	}
	us, ok := fixedSpan(r)
	diff, is := l.(*expr.Call)
	if !ok || !is || diff.Fn.ID != "timestamptz_mi" && diff.Fn.ID != "timestamp_mi" {
		return nil, nil, false
	}
	plus := expr.FuncByID("timestamp_pl_interval")
	k := delta.Datum{T: types.Interval, S: binary.LittleEndian.AppendUint64(nil, uint64(us))}
	k.S = append(k.S, make([]byte, 8)...)
	return diff.Args[0], &expr.Call{Fn: plus, Args: []expr.Expr{diff.Args[1], &expr.Const{Value: k}}, T: plus.Ret}, true
}

// fixedSpan is a constant interval without months, in microseconds.
func fixedSpan(e expr.Expr) (int64, bool) {
	k, ok := expr.Fold(e).(*expr.Const)
	if !ok || k.Value.Null || k.Value.T.OID != types.OIDInterval {
		return 0, false
	}
	us := int64(binary.LittleEndian.Uint64(k.Value.S[0:8]))
	days := int64(int32(binary.LittleEndian.Uint32(k.Value.S[8:12])))
	months := binary.LittleEndian.Uint32(k.Value.S[12:16])
	if us <= -maxShift || us >= maxShift {
		return 0, false
	}
	us, ok = addChecked(us, days*86_400_000_000)
	return us, ok && months == 0
}

// Expires reports whether rows leave the filter as the clock passes.
func (n *TemporalFilter) Expires() bool {
	for _, b := range n.Bounds {
		if b.Until {
			return true
		}
	}
	return false
}

// String shows the bound as a condition.
func (b ClockBound) String() string {
	s, op, shift := expr.String(b.X), " <= ", b.Shift
	if b.Until {
		op = " > "
	}
	if shift%1000 == 1 { // one µs of it is the other half of the operator
		shift--
		op = map[bool]string{true: " >= ", false: " < "}[b.Until]
	}
	switch {
	case shift == 0:
	case shift < 0:
		s += " − " + Duration(-shift)
	default:
		s += " + " + Duration(shift)
	}
	return s + op + "now()"
}
