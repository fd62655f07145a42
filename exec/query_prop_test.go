package exec

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/memory"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
	"pgregory.net/rapid"
)

func bigint(x int64) expr.Expr { return &expr.Const{Value: delta.IntOf(types.Int8, x)} }

// runQuery collects an ad-hoc query's rows in order.
func runQuery(n plan.Node, size int, rels map[uint32]*history, m *memory.Reservation) ([]trow, error) {
	var rows []trow
	for b, err := range Query(context.Background(), n, &QueryEnv{Relations: &testRelations{rels, size}, Memory: m}) {
		if err != nil {
			return nil, err
		}
		for i := range b.N {
			for range b.Weight(i) {
				var r trow
				for _, v := range b.Cols {
					r = append(r, v.At(i))
				}
				rows = append(rows, r)
			}
		}
	}
	return rows, nil
}

func TestSort(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		h := newHistory(rt, drawTypes(rt, 1, 4), false)
		for range rapid.IntRange(0, 3).Draw(rt, "steps") {
			rows, _ := drawSizes(rt)
			h.step(rt, rows)
		}
		bounds := rapid.SampledFrom([]int64{-1, 0, 1, 3, 50, math.MaxInt64})
		n := plan.NewSort(scanOf(relL, h), drawOrder(rt, len(h.ts)), nil, nil)
		offset, limit := max(0, bounds.Draw(rt, "offset")), bounds.Draw(rt, "limit")
		n.Offset = bigint(offset)
		if limit >= 0 {
			n.Limit = bigint(limit)
		}
		got, err := runQuery(n, rapid.IntRange(1, 20).Draw(rt, "batch"), map[uint32]*history{relL: h}, nil)
		if err != nil {
			rt.Fatal(err)
		}
		var all []trow
		for _, e := range h.now.sorted() {
			for range e.n {
				all = append(all, e.row)
			}
		}
		slices.SortStableFunc(all, func(a, b trow) int { return naiveKeys(n.Keys, a, b) })
		lo := min(offset, int64(len(all)))
		hi := int64(len(all))
		if limit >= 0 && limit < hi-lo {
			hi = lo + limit
		}
		if want := all[lo:hi]; !slices.EqualFunc(got, want, func(a, b trow) bool { return exactly(a) == exactly(b) }) {
			rt.Fatalf("%d rows, want %d (offset %d, limit %d)", len(got), len(want), offset, limit)
		}
	})
}

// naiveKeys is naiveOrder without the tie-breaker.
func naiveKeys(keys []plan.SortKey, a, b trow) int {
	for _, k := range keys {
		if c := naiveOrder([]plan.SortKey{k}, a, b); c != 0 && loosely(trow{a[k.Col]}) != loosely(trow{b[k.Col]}) {
			return c
		}
	}
	return 0
}

// TestApply nests subqueries two deep: for each row of the outer relation, over
// the inner rows with a smaller value, what each kind of Apply says, with a
// reference to the outermost row inside.
func TestApply(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		i4 := types.Int4
		l, r := newHistory(rt, []types.Type{i4, i4}, false), newHistory(rt, []types.Type{i4}, false)
		for _, h := range []*history{l, r} {
			h.step(rt, rapid.IntRange(0, 20).Draw(rt, "rows"))
		}
		outer := func(level, col int) expr.Expr { return &expr.Outer{Level: level, Index: col, T: i4} }
		// The innermost: rows of r below l.0 (two levels up) and not equal to the middle row.
		inner := plan.NewFilter(scanOf(relR, r), &expr.And{Args: []expr.Expr{
			binary2(rt, "<", column(0, i4), outer(1, 0)), binary2(rt, "<>", column(0, i4), outer(0, 0))}})
		exists := plan.NewApply(scanOf(relR, r), plan.NewSort(inner, nil, nil, bigint(1)), plan.ApplyExists)
		kind := plan.ApplyKind(rapid.IntRange(0, 5).Draw(rt, "kind"))
		var sub plan.Node = plan.NewProject(plan.NewFilter(exists, column(1, types.Boolean)), []expr.Expr{column(0, i4)}, []string{"x"})
		once := rapid.IntRange(0, 3).Draw(rt, "once") == 0
		if once {
			sub = scanOf(relR, r)
		}
		if kind == plan.ApplyScalar {
			sub = plan.NewSort(sub, []plan.SortKey{{Col: 0}}, nil, bigint(1))
		}
		n := plan.NewApply(scanOf(relL, l), sub, kind)
		if kind == plan.ApplyAny || kind == plan.ApplyAll {
			cmp := binary2(rt, "=", column(0, i4), column(1, i4)).(*expr.Call)
			n.Fn, n.Test = cmp.Fn, column(1, i4)
		}
		n.LeftOuter = kind == plan.ApplyLateral && rapid.Bool().Draw(rt, "left")
		plan.SetCols(n)
		var top plan.Node = n
		if kind == plan.ApplyArray {
			top = plan.NewSort(n, []plan.SortKey{{Col: 0}}, nil, nil)
		}
		got := adhoc(rt, top, rapid.IntRange(1, 9).Draw(rt, "batch"), map[uint32]*history{relL: l, relR: r})
		want := zset{}
		for _, e := range l.now.sorted() {
			for _, row := range naiveApply(n, e.row, naiveSub(e.row, r.now, once)) {
				want.add(row, e.n)
			}
		}
		if err := differ(got, want); err != nil {
			rt.Fatalf("kind %d once %v: %v", kind, once, err)
		}
	})
}

// naiveSub gives the values of the subquery for one outer row.
func naiveSub(l trow, r zset, once bool) []delta.Datum {
	var out []delta.Datum
	for _, mid := range r.sorted() {
		found := once
		for _, in := range r.sorted() {
			x, m := in.row[0], mid.row[0]
			found = found || !x.Null && !m.Null && !l[0].Null && x.I < l[0].I && x.I != m.I
		}
		for range mid.n {
			if found {
				out = append(out, mid.row[0])
			}
		}
	}
	return out
}

func naiveApply(n *plan.Apply, l trow, sub []delta.Datum) []trow {
	with := func(d delta.Datum) trow { return append(slices.Clone(l), d) }
	switch n.Kind {
	case plan.ApplyScalar:
		slices.SortStableFunc(sub, func(a, b delta.Datum) int { return naiveOrder([]plan.SortKey{{Col: 0}}, trow{a}, trow{b}) })
		if len(sub) == 0 {
			return []trow{with(delta.NullOf(types.Int4))}
		}
		return []trow{with(sub[0])}
	case plan.ApplyExists:
		return []trow{with(delta.BoolOf(len(sub) > 0))}
	case plan.ApplyArray:
		v := delta.NewVec(types.Int4, 0)
		for _, d := range sub {
			v.AppendDatum(d)
		}
		return []trow{with(delta.BytesOf(n.Cols[2].Type, delta.AppendArray(nil, v, 0, len(sub))))}
	case plan.ApplyLateral:
		var out []trow
		for _, d := range sub {
			out = append(out, with(d))
		}
		if len(sub) == 0 && n.LeftOuter {
			out = append(out, with(delta.NullOf(types.Int4)))
		}
		return out
	}
	unknown, all := false, n.Kind == plan.ApplyAll
	for _, d := range sub {
		switch {
		case d.Null || l[1].Null:
			unknown = true
		case (values.CompareDatum(d, l[1]) == 0) != all:
			return []trow{with(delta.BoolOf(!all))}
		}
	}
	if unknown {
		return []trow{with(delta.NullOf(types.Boolean))}
	}
	return []trow{with(delta.BoolOf(all))}
}

// TestSortMemory: a sort reserves before it keeps.
func TestSortMemory(t *testing.T) {
	t.Parallel()
	h := &history{ts: []types.Type{types.Int8}, now: zset{}}
	for i := range int64(5000) {
		h.now.add(trow{delta.IntOf(types.Int8, i)}, 1)
	}
	rels := map[uint32]*history{relL: h}
	small, large := memory.NewBudget(100<<10, nil), memory.NewBudget(10<<20, nil)
	n := plan.NewSort(scanOf(relL, h), []plan.SortKey{{Col: 0}}, nil, nil)
	if _, err := runQuery(n, 100, rels, small.Reserve()); !pgerr.Is(err, pgerr.OutOfMemory) {
		t.Fatalf("with a small budget: %v", err)
	}
	m := large.Reserve()
	rows, err := runQuery(n, 100, rels, m)
	if err != nil || len(rows) != 5000 || m.Bytes() < 5000*40 {
		t.Fatalf("%d rows, %v, %d bytes reserved", len(rows), err, m.Bytes())
	}
}
