package exec

import (
	"slices"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
	"pgregory.net/rapid"
)

func column(i int, t types.Type) *expr.Column { return &expr.Column{Index: i, T: t} }

func binary2(rt *rapid.T, op string, a, b expr.Expr) expr.Expr {
	for _, f := range expr.Operators(op) {
		if len(f.Args) == 2 && f.Args[0] == a.Type() && f.Args[1] == b.Type() {
			return &expr.Call{Fn: f, Args: []expr.Expr{a, b}, T: f.Ret}
		}
	}
	rt.Fatalf("no %s", op)
	return nil
}

// hopTime is a time around zero, where division rounds the other way.
func hopTime(rt *rapid.T) delta.Datum {
	switch k := rapid.IntRange(-9, 11).Draw(rt, "time"); k {
	case 11:
		return delta.IntOf(types.Timestamp, maxTimestamp)
	case 10:
		return delta.IntOf(types.Timestamp, -1<<63)
	case -9:
		return delta.NullOf(types.Timestamp)
	default:
		return delta.IntOf(types.Timestamp, int64(k*7))
	}
}

// TestLinearIncremental runs filter, project, hop and union, where a division
// by zero goes to the error output and comes back from there.
func TestLinearIncremental(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		h := newHistory(rt, []types.Type{types.Int4, types.Int4, types.Timestamp, types.Text}, false)
		h.draw = map[int]func(*rapid.T) delta.Datum{2: hopTime}
		hop := &plan.HopExpand{In: scanOf(relL, h), Time: 2, Slide: rapid.Int64Range(1, 12).Draw(rt, "slide")}
		hop.Size = hop.Slide * rapid.Int64Range(1, 4).Draw(rt, "panes")
		hop.Offset = rapid.Int64Range(0, hop.Slide-1).Draw(rt, "offset")
		plan.SetCols(hop)
		div := plan.NewProject(hop, []expr.Expr{
			binary2(rt, "/", column(0, types.Int4), column(1, types.Int4)), column(4, types.Timestamp), column(5, types.Timestamp), column(3, types.Text),
			&expr.Const{Value: delta.TextOf("x")},
		}, []string{"q", "s", "e", "t", "k"})
		fil := plan.NewFilter(div, binary2(rt, ">=", column(0, types.Int4), &expr.Const{Value: delta.IntOf(types.Int4, 0)}))
		vals := &plan.Values{Props: plan.Props{Cols: div.Cols}, Rows: [][]expr.Expr{{
			&expr.Const{Value: delta.IntOf(types.Int4, 5)}, &expr.Const{Value: delta.NullOf(types.Timestamp)}, &expr.Const{Value: delta.NullOf(types.Timestamp)},
			&expr.Const{Value: delta.TextOf("y")}, &expr.Const{Value: delta.TextOf("x")}}}}
		n := plan.NewUnion(fil, vals, fil)
		run := newRunner(rt, n, rapid.IntRange(1, 4).Draw(rt, "workers"))
		defer func() { run.close() }()
		for range rapid.IntRange(1, 6).Draw(rt, "steps") {
			rows, size := drawSizes(rt)
			run.feed(relL, h, batches(h.ts, h.step(rt, rows), size))
			run.end(false)
			want, failed := naiveLinear(hop, h.now)
			if err := differ(run.out, want); err != nil {
				rt.Fatalf("size %d slide %d offset %d: %v", hop.Size, hop.Slide, hop.Offset, err)
			}
			dead := int64(0)
			for _, l := range run.j.dead.list(nil) {
				dead += l.Count
			}
			if dead != 2*failed {
				rt.Fatalf("%d rows in the error output, want 2 × %d", dead, failed)
			}
		}
	})
}

func naiveLinear(hop *plan.HopExpand, in zset) (out zset, failed int64) {
	out = zset{}
	ts := types.Timestamp
	out.add(trow{delta.IntOf(types.Int4, 5), delta.NullOf(ts), delta.NullOf(ts), delta.TextOf("y"), delta.TextOf("x")}, 1)
	for _, e := range in.sorted() {
		a, b, at := e.row[0], e.row[1], e.row[2]
		if at.Null || at.I == maxTimestamp || at.I == -1<<63 {
			continue
		}
		for s := at.I - hop.Size; s <= at.I; s++ {
			if (s-hop.Offset)%hop.Slide != 0 || s+hop.Size <= at.I {
				continue
			}
			switch {
			case a.Null || b.Null:
			case b.I == 0:
				failed += e.n
			case a.I/b.I >= 0:
				out.add(trow{delta.IntOf(types.Int4, a.I/b.I), delta.IntOf(ts, s), delta.IntOf(ts, s+hop.Size), e.row[3], delta.TextOf("x")}, 2*e.n)
			}
		}
	}
	return out, failed
}

// longTexts makes some rows too long to be keys by themselves.
func longTexts(rt *rapid.T) delta.Datum {
	if rapid.IntRange(0, 9).Draw(rt, "long") < 9 {
		return delta.TextOf("t")
	}
	return delta.TextOf(strings.Repeat("x", rapid.SampledFrom([]int{0, 1, 2, 33_000, 34_000}).Draw(rt, "length")))
}

func TestCloseBuffer(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		h := newHistory(rt, append(drawTypes(rt, 1, 3), types.Text), rapid.Bool().Draw(rt, "appendOnly"))
		cl := drawClosing(rt, h, 0)
		h.draw[len(h.ts)-1] = longTexts
		n := &plan.CloseBuffer{In: exchangeOf(scanOf(relL, h, timesOf(relL, cl)), drawSubset(rt, identity(len(h.ts)), "place")), Size: cl.size, Late: cl.late}
		plan.SetCols(n)
		run := newRunner(rt, n, rapid.IntRange(1, 4).Draw(rt, "workers"))
		defer func() { run.close() }()
		taken := zset{}
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			rows, size := drawSizes(rt)
			cs := h.step(rt, rows)
			run.feed(relL, h, batches(h.ts, cs, size))
			for _, w := range cl.accepted(cs) {
				taken.add(w.row, w.w)
			}
			cut := rapid.Bool().Draw(rt, "cut")
			if cut {
				cl.advance(rt)
				run.g.times[relL] = cl.at
			}
			run.end(cut)
			if err := differ(run.out, closedRows(cl, taken)); err != nil {
				rt.Fatal(err)
			}
			run.maybeRestart(rt)
		}
	})
}

// TestMaterialize keeps bags and keyed relations and compares contents and
// output; with a key, each key's row is replaced now and then.
func TestMaterialize(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		h := newHistory(rt, append(drawTypes(rt, 1, 4), types.Text), false)
		h.draw = map[int]func(*rapid.T) delta.Datum{len(h.ts) - 1: longTexts}
		place := identity(len(h.ts))
		n := &plan.Materialize{Rel: 1}
		keyed := rapid.Bool().Draw(rt, "keyed")
		if keyed {
			n.Key = []int{0}
			place = n.Key
		} else if rapid.Bool().Draw(rt, "placed") {
			place = drawSubset(rt, place, "place")
		}
		n.In = exchangeOf(scanOf(relL, h), place)
		n.Cols = n.In.Base().Cols
		run := newRunner(rt, n, rapid.IntRange(1, 4).Draw(rt, "workers"))
		defer func() { run.close() }()
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			for _, m := range run.j.contents() {
				m.passOn = true
			}
			rows, size := drawSizes(rt)
			var cs []weighted
			if keyed {
				cs = keyedStep(rt, h, rows)
			} else {
				cs = h.step(rt, rows)
			}
			run.feed(relL, h, batches(h.ts, cs, size))
			run.end(false)
			if err := differ(run.out, h.now); err != nil {
				rt.Fatal(err)
			}
			held := delta.NewBatch(h.ts, 0)
			for _, m := range run.j.contents() {
				c := m.tree.Cursor()
				for ok := c.Seek(nil); ok; ok = c.Next() {
					if err := decodeContents(keyed, c.Key(), c.Value(), held); err != nil {
						rt.Fatal(err)
					}
				}
			}
			z := zset{}
			z.addBatch(held)
			if err := differ(z, h.now); err != nil {
				rt.Fatalf("contents: %v", err)
			}
			run.maybeRestart(rt)
		}
	})
}

// keyedStep replaces, adds and removes rows so that every value of column 0 is
// there at most once after the step, passing through many rows in it.
func keyedStep(rt *rapid.T, h *history, n int) []weighted {
	held := map[string]trow{}
	for _, e := range h.now.sorted() {
		held[loosely(e.row[:1])] = e.row
	}
	var cs []weighted
	for range n {
		r := h.row(rt)
		k := loosely(r[:1])
		if old := held[k]; old != nil {
			cs = append(cs, weighted{old, -1})
			delete(held, k)
		}
		if h.next(4) > 0 {
			cs = append(cs, weighted{r, 1})
			held[k] = r
		}
	}
	for i := len(cs) - 1; i > 0; i-- {
		j := h.next(i + 1)
		cs[i], cs[j] = cs[j], cs[i]
	}
	for _, c := range cs {
		h.now.add(c.row, c.w)
	}
	return slices.Clip(cs)
}
