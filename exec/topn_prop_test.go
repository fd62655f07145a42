package exec

import (
	"bytes"
	"cmp"
	"slices"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"pgregory.net/rapid"
)

// naiveTopN sorts every partition.
func naiveTopN(n *plan.TopN, in zset) zset {
	parts := map[string][]*zentry{}
	for _, e := range in.sorted() {
		var key trow
		for _, p := range n.Partition {
			key = append(key, e.row[p])
		}
		parts[loosely(key)] = append(parts[loosely(key)], e)
	}
	out := zset{}
	for _, es := range parts {
		slices.SortFunc(es, func(a, b *zentry) int { return naiveOrder(n.Order, a.row, b.row) })
		rank := int64(0)
		for _, e := range es {
			for range e.n {
				rank++
				if rank <= n.Offset || n.Limit >= 0 && rank > n.Offset+n.Limit {
					continue
				}
				row := e.row
				if n.RowNumber {
					row = append(slices.Clone(row), delta.IntOf(types.Int8, rank))
				}
				out.add(row, 1)
			}
		}
	}
	return out
}

// naiveOrder is ORDER BY, ties broken by the row's identity.
func naiveOrder(keys []plan.SortKey, a, b trow) int {
	for _, k := range keys {
		x, y := a[k.Col], b[k.Col]
		c := 0
		switch {
		case x.Null && y.Null:
		case x.Null || y.Null:
			c = 1
			if x.Null == k.NullsFirst {
				c = -1
			}
		default:
			if c = values.CompareDatum(x, y); k.Desc {
				c = -c
			}
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Or(bytes.Compare([]byte(exactly(a)), []byte(exactly(b))))
}

func drawOrder(rt *rapid.T, n int) []plan.SortKey {
	var keys []plan.SortKey
	for _, c := range drawSubset(rt, identity(n), "order") {
		keys = append(keys, plan.SortKey{Col: c, Desc: rapid.Bool().Draw(rt, "desc"), NullsFirst: rapid.Bool().Draw(rt, "nulls")})
	}
	return keys
}

func TestTopNIncremental(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		h := newHistory(rt, drawTypes(rt, 1, 4), rapid.Bool().Draw(rt, "appendOnly"))
		part := drawSubset(rt, identity(len(h.ts)), "partition")
		var cl *closing
		var times []plan.TimeCol
		if rapid.Bool().Draw(rt, "windowed") {
			win := rapid.IntRange(0, len(h.ts)-1).Draw(rt, "window")
			cl = drawClosing(rt, h, win)
			times = append(times, timesOf(relL, cl))
			if !slices.Contains(part, win) {
				part = append(part, win)
			}
		}
		in := exchangeOf(scanOf(relL, h, times...), drawSubset(rt, part, "place"))
		n := plan.NewTopN(in, part, drawOrder(rt, len(h.ts)), rapid.Int64Range(0, 3).Draw(rt, "offset"), rapid.Int64Range(-1, 4).Draw(rt, "limit"))
		n.RowNumber = rapid.Bool().Draw(rt, "rowNumber")
		plan.SetCols(n)
		if cl != nil {
			n.Window, n.Size, n.Late = slices.Index(part, cl.col), cl.size, cl.late
			n.OnClose = rapid.Bool().Draw(rt, "onClose")
		}
		run := newRunner(rt, n, rapid.IntRange(1, 4).Draw(rt, "workers"))
		defer func() { run.close() }()
		taken := zset{}
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			rows, size := drawSizes(rt)
			cs := h.step(rt, rows)
			run.feed(relL, h, batches(h.ts, cs, size))
			if cl != nil {
				cs = cl.accepted(cs)
			}
			for _, w := range cs {
				taken.add(w.row, w.w)
			}
			cut := cl != nil && rapid.Bool().Draw(rt, "cut")
			if cut {
				cl.advance(rt)
				run.g.times[relL] = cl.at
			}
			run.end(cut)
			want := taken
			if n.OnClose {
				want = closedRows(cl, taken)
			}
			if err := differ(run.out, naiveTopN(n, want)); err != nil {
				rt.Fatalf("%+v: %v", n, err)
			}
			run.maybeRestart(rt)
		}
		if cl == nil {
			if err := differ(adhoc(rt, n, 7, map[uint32]*history{relL: h}), naiveTopN(n, h.now)); err != nil {
				rt.Fatalf("ad hoc: %v", err)
			}
		}
	})
}

// closedRows are the rows whose time T has closed.
func closedRows(cl *closing, z zset) zset {
	out := zset{}
	for _, e := range z.sorted() {
		if cl.closed(e.row[cl.col]) {
			out.add(e.row, e.n)
		}
	}
	return out
}
