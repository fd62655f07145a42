package exec

import (
	"bytes"
	"cmp"
	"slices"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/num"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
	"pgregory.net/rapid"
)

// aggregatesFor lists the aggregates that take a type.
func aggregatesFor(t types.Type, appendOnly bool) []*expr.Aggregate {
	var out []*expr.Aggregate
	for _, name := range []string{"sum", "avg", "min", "max", "bool_and", "bool_or", "bit_and", "bit_or", "bit_xor"} {
		for _, a := range expr.Aggregates(name) {
			if len(a.Args) != 1 {
				continue
			}
			_, isArray := t.Elem()
			if a.Args[0].OID == t.OID || a.Args[0].OID == types.OIDAnyArray && isArray {
				// A real is summed in single precision, so the order shows.
				out = append(out, a)
			}
		}
	}
	for _, a := range expr.Aggregates("count") {
		if len(a.Args) == 1 {
			out = append(out, a)
		}
	}
	if _, isArray := t.Elem(); !isArray {
		out = append(out, expr.Aggregates("array_agg")[0])
	}
	return out
}

// drawAggs draws calls over the columns ts; booleans may be filters.
func drawAggs(rt *rapid.T, ts []types.Type, appendOnly bool) []plan.Agg {
	var aggs []plan.Agg
	for range rapid.IntRange(0, 4).Draw(rt, "aggs") {
		a := plan.Agg{Fn: expr.Aggregates("count")[0], Filter: -1}
		if rapid.IntRange(0, 4).Draw(rt, "star") > 0 {
			c := rapid.IntRange(0, len(ts)-1).Draw(rt, "arg")
			a.Fn = rapid.SampledFrom(aggregatesFor(ts[c], appendOnly)).Draw(rt, "fn")
			a.Args = []int{c}
			a.Distinct = rapid.IntRange(0, 2).Draw(rt, "distinct") == 0
		}
		if f := slices.Index(ts, types.Boolean); f >= 0 && rapid.Bool().Draw(rt, "filter") {
			a.Filter = f
		}
		aggs = append(aggs, a)
	}
	return aggs
}

func aggregateOf(in plan.Node, group []int, aggs []plan.Agg) *plan.Aggregate {
	n := plan.NewAggregate(in, group, aggs)
	n.Scalar = len(group) == 0 && len(aggs) > 0
	return n
}

// naiveAggregate groups rows (with counts) one by one.
func naiveAggregate(n *plan.Aggregate, in zset) zset {
	groups := map[string][]*zentry{}
	var order []string
	for _, e := range in.sorted() {
		var key trow
		for _, g := range n.Group {
			key = append(key, e.row[g])
		}
		k := loosely(key)
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], e)
	}
	if n.Scalar && len(order) == 0 {
		order = append(order, "")
	}
	out := zset{}
	for _, k := range order {
		var row trow
		for _, g := range n.Group {
			row = append(row, groups[k][0].row[g])
		}
		for i := range n.Aggs {
			row = append(row, naiveCall(&n.Aggs[i], n.Cols[len(n.Group)+i].Type, groups[k]))
		}
		out.add(row, 1)
	}
	return out
}

func naiveCall(a *plan.Agg, ret types.Type, rows []*zentry) delta.Datum {
	var vals []delta.Datum
	seen := map[string]bool{}
	for _, e := range rows {
		if a.Filter >= 0 && (e.row[a.Filter].Null || !e.row[a.Filter].B) {
			continue
		}
		d := delta.IntOf(types.Int8, 1)
		if len(a.Args) > 0 {
			d = e.row[a.Args[0]]
		}
		times := e.n
		if a.Distinct {
			k := loosely(trow{d})
			if seen[k] {
				continue
			}
			seen[k], times = true, 1
		}
		if d.Null && a.Fn.Name != "array_agg" {
			continue
		}
		for range times {
			vals = append(vals, d)
		}
	}
	return naiveValue(a.Fn.Name, ret, vals)
}

func naiveValue(name string, ret types.Type, vals []delta.Datum) delta.Datum {
	if name == "count" {
		return delta.IntOf(types.Int8, int64(len(vals)))
	}
	if len(vals) == 0 {
		return delta.NullOf(ret)
	}
	first := vals[0]
	switch name {
	case "min":
		return slices.MinFunc(vals, values.CompareDatum)
	case "max":
		return slices.MaxFunc(vals, values.CompareDatum)
	case "bool_and", "bool_or":
		any := slices.ContainsFunc(vals, func(d delta.Datum) bool { return d.B })
		all := !slices.ContainsFunc(vals, func(d delta.Datum) bool { return !d.B })
		return delta.BoolOf(name == "bool_or" && any || name == "bool_and" && all)
	case "bit_and", "bit_or", "bit_xor":
		x := first.I
		for _, d := range vals[1:] {
			switch name {
			case "bit_and":
				x &= d.I
			case "bit_or":
				x |= d.I
			default:
				x ^= d.I
			}
		}
		return delta.IntOf(ret, x)
	case "array_agg":
		return naiveArray(ret, vals)
	}
	return naiveSum(name, ret, vals)
}

// naiveArray is in order of value: the order of array_agg without ORDER BY is
// nobody's promise, so arrays are compared in this form.
func naiveArray(ret types.Type, vals []delta.Datum) delta.Datum {
	et, _ := ret.Elem()
	slices.SortFunc(vals, func(a, b delta.Datum) int {
		return cmp.Or(bytes.Compare([]byte(loosely(trow{a})), []byte(loosely(trow{b}))), bytes.Compare([]byte(exactly(trow{a})), []byte(exactly(trow{b}))))
	})
	v := delta.NewVec(et, len(vals))
	for _, d := range vals {
		v.AppendDatum(d)
	}
	return delta.BytesOf(ret, delta.AppendArray(nil, v, 0, len(vals)))
}

// sortArrays puts the elements of array columns in order of value.
func sortArrays(n *plan.Aggregate, z zset) zset {
	out := zset{}
	for _, e := range z.sorted() {
		row := slices.Clone(e.row)
		for i, a := range n.Aggs {
			c := len(n.Group) + i
			if a.Fn.Name != "array_agg" || row[c].Null {
				continue
			}
			et, _ := row[c].T.Elem()
			v := delta.NewVec(et, 0)
			delta.AppendArrayElems(row[c].S, v)
			var vals []delta.Datum
			for k := range v.Len() {
				vals = append(vals, v.At(k))
			}
			row[c] = naiveArray(row[c].T, vals)
		}
		out.add(row, e.n)
	}
	return out
}

func naiveSum(name string, ret types.Type, vals []delta.Datum) delta.Datum {
	n := int64(len(vals))
	switch vals[0].T.OID {
	case types.OIDFloat4, types.OIDFloat8:
		s := 0.0
		for _, d := range vals {
			s += d.F
		}
		if name == "avg" {
			s /= float64(n)
		}
		return delta.Datum{T: ret, F: s}
	case types.OIDInterval:
		return naiveInterval(name, vals)
	}
	sum := num.FromInt64(0)
	for _, d := range vals {
		x := num.FromInt64(d.I)
		if d.T.OID == types.OIDNumeric {
			x = num.Decode(d.S)
		}
		sum, _ = sum.Add(x)
	}
	if name == "avg" {
		sum, _ = sum.Div(num.FromInt64(n))
	}
	if ret.Phys() == types.Int64 {
		x, _ := sum.ToInt64()
		return delta.IntOf(ret, x)
	}
	return delta.BytesOf(ret, num.Append(nil, sum))
}

// intervals of the samples have whole months and days, so a mean can be taken
// field by field in big steps: PostgreSQL spills fractions downwards.
func naiveInterval(name string, vals []delta.Datum) delta.Datum {
	var mo, da, us int64
	for _, d := range vals {
		us += getInt(d.S)
		da += int64(int32(uint32(d.S[8]) | uint32(d.S[9])<<8 | uint32(d.S[10])<<16 | uint32(d.S[11])<<24))
		mo += int64(int32(uint32(d.S[12]) | uint32(d.S[13])<<8 | uint32(d.S[14])<<16 | uint32(d.S[15])<<24))
	}
	v := delta.NewVec(types.Interval, 1)
	if err := appendInterval(v, us, da, mo, int64(len(vals)), name == "avg"); err != nil {
		return delta.NullOf(types.Interval)
	}
	return v.At(0)
}

func TestAggregateIncremental(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		h := newHistory(rt, drawTypes(rt, 1, 4), rapid.Bool().Draw(rt, "appendOnly"))
		var in plan.Node = scanOf(relL, h)
		group := drawSubset(rt, identity(len(h.ts)), "group")
		aggs := drawAggs(rt, h.ts, h.appendOnly)
		if len(group) == 0 && len(aggs) == 0 {
			group = []int{0}
		}
		in = exchangeOf(in, drawSubset(rt, group, "place"))
		n := aggregateOf(in, group, aggs)
		r := newRunner(rt, n, rapid.IntRange(1, 4).Draw(rt, "workers"))
		defer func() { r.close() }()
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			rows, size := drawSizes(rt)
			r.feed(relL, h, batches(h.ts, h.step(rt, rows), size))
			r.end(false)
			if err := differ(sortArrays(n, r.out), naiveAggregate(n, h.now)); err != nil {
				rt.Fatalf("aggregates %v by %v: %v", aggs, group, err)
			}
			r.maybeRestart(rt)
		}
		got := adhoc(rt, n, 7, map[uint32]*history{relL: h})
		if err := differ(sortArrays(n, got), naiveAggregate(n, h.now)); err != nil {
			rt.Fatalf("ad hoc: %v", err)
		}
	})
}

// times of windows: a few, and none.
func drawTime(rt *rapid.T) delta.Datum {
	k := rapid.IntRange(-1, 12).Draw(rt, "time")
	if k < 0 {
		return delta.NullOf(types.Timestamp)
	}
	return delta.IntOf(types.Timestamp, int64(k)*10-30)
}

// closing is the time of a test with windows: the column's watermark is the
// source's.
type closing struct {
	col        int
	size, late int64
	at         int64 // T
}

func drawClosing(rt *rapid.T, h *history, col int) *closing {
	h.ts[col] = types.Timestamp
	if h.draw == nil {
		h.draw = map[int]func(*rapid.T) delta.Datum{}
	}
	h.draw[col] = drawTime
	return &closing{col: col, size: rapid.Int64Range(0, 1).Draw(rt, "size"), late: rapid.SampledFrom([]int64{0, 15}).Draw(rt, "late"), at: NoWatermark}
}

func timesOf(rel uint32, c *closing) plan.TimeCol {
	return plan.TimeCol{Col: c.col, Sources: []plan.SourceDelay{{Source: rel}}, Window: c.size == 0}
}

// closed reports whether T has closed a value.
func (c *closing) closed(d delta.Datum) bool {
	return !d.Null && c.at != NoWatermark && d.I+c.size+c.late <= c.at
}

// accepted are the rows of a step that are not late.
func (c *closing) accepted(cs []weighted) []weighted {
	return slices.DeleteFunc(slices.Clone(cs), func(w weighted) bool { return c.closed(w.row[c.col]) })
}

func (c *closing) advance(rt *rapid.T) {
	if c.at == NoWatermark {
		c.at = -40
	}
	c.at += rapid.Int64Range(0, 40).Draw(rt, "advance")
}

func TestAggregateWindows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		h := newHistory(rt, drawTypes(rt, 1, 4), rapid.Bool().Draw(rt, "appendOnly"))
		win := rapid.IntRange(0, len(h.ts)-1).Draw(rt, "window")
		cl := drawClosing(rt, h, win)
		group := drawSubset(rt, identity(len(h.ts)), "group")
		if !slices.Contains(group, win) {
			group = append(group, win)
		}
		in := exchangeOf(scanOf(relL, h, timesOf(relL, cl)), drawSubset(rt, group, "place"))
		n := aggregateOf(in, group, drawAggs(rt, h.ts, h.appendOnly))
		n.Window, n.Size, n.Late = slices.Index(group, win), cl.size, cl.late
		n.OnClose = rapid.Bool().Draw(rt, "onClose")
		r := newRunner(rt, n, rapid.IntRange(1, 4).Draw(rt, "workers"))
		defer func() { r.close() }()
		taken := zset{}
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			rows, size := drawSizes(rt)
			cs := h.step(rt, rows)
			for _, w := range cl.accepted(cs) {
				taken.add(w.row, w.w)
			}
			r.feed(relL, h, batches(h.ts, cs, size))
			cut := rapid.Bool().Draw(rt, "cut")
			if cut {
				cl.advance(rt)
				r.g.times[relL] = cl.at
			}
			r.end(cut)
			want := taken
			if n.OnClose {
				want = zset{}
				for _, e := range taken.sorted() {
					if cl.closed(e.row[win]) {
						want.add(e.row, e.n)
					}
				}
			}
			if err := differ(sortArrays(n, r.out), naiveAggregate(n, want)); err != nil {
				rt.Fatalf("T=%d %+v by %v: %v", cl.at, n.Aggs, group, err)
			}
			r.maybeRestart(rt)
		}
	})
}
