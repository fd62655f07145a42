package exec

import (
	"math"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// TestLongKeys: a row whose key no table can hold goes to the error output, in
// every operator that keys its state by it, and leaves it again; an ad-hoc query
// fails with 54000.
func TestLongKeys(t *testing.T) {
	t.Parallel()
	tx := types.Text
	scan := func() plan.Node {
		return &plan.Scan{Props: plan.Props{Cols: cols(tx, tx)}, Rel: relL, Take: []int{0, 1}}
	}
	call := func(name string, distinct bool) plan.Agg {
		return plan.Agg{Fn: expr.Aggregates(name)[0], Args: []int{0}, Filter: -1, Distinct: distinct}
	}
	minText := call("min", false)
	for _, a := range expr.Aggregates("min") {
		if a.Args[0] == tx {
			minText.Fn = a
		}
	}
	join := plan.NewJoin(plan.LeftJoin, scan(), &plan.Scan{Props: plan.Props{Cols: cols(tx)}, Rel: relR, Take: []int{0}}, nil)
	join.LKeys, join.RKeys = []int{0}, []int{0}
	count := expr.Aggregates("count")
	distinct := call("count", true)
	distinct.Fn = count[len(count)-1]
	for name, n := range map[string]plan.Node{
		"group":     plan.NewAggregate(scan(), []int{0}, []plan.Agg{{Fn: count[0], Filter: -1}}),
		"min":       plan.NewAggregate(scan(), []int{1}, []plan.Agg{minText}),
		"distinct":  plan.NewAggregate(scan(), []int{1}, []plan.Agg{distinct}),
		"array_agg": plan.NewAggregate(scan(), []int{1}, []plan.Agg{call("array_agg", false)}),
		"join":      join,
		"partition": plan.NewTopN(scan(), []int{0}, nil, 0, 1),
		"order":     plan.NewTopN(scan(), []int{1}, []plan.SortKey{{Col: 0}}, 0, 1),
		"key":       &plan.Materialize{Props: plan.Props{Cols: cols(tx, tx), Key: []int{0}}, In: scan(), Rel: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, text := range []string{"x", "\x00"} {
				for _, length := range []int{maxKey + 1, 3 * maxKey} {
					longKey(t, n, delta.TextOf(strings.Repeat(text, length)))
				}
			}
		})
	}
}

func longKey(rt failer, n plan.Node, long delta.Datum) {
	h := &history{ts: []types.Type{types.Text, types.Text}, now: zset{}, rng: 1}
	r := newRunner(rt, n, 1)
	defer r.close()
	push := func(d delta.Datum, w int64) {
		r.feed(relL, h, batches(h.ts, []weighted{{trow{d, delta.TextOf("k")}, w}}, 10))
		r.end(false)
	}
	dead := func() int { return len(r.j.dead.list(nil)) }
	push(delta.TextOf("short"), 1)
	before := len(r.out)
	push(long, 1)
	if dead() != 1 || len(r.out) != before {
		rt.Fatalf("%d dead letters, %d rows", dead(), len(r.out))
	}
	if l := r.j.dead.list(nil)[0]; l.Code != pgerr.ProgramLimitExceeded {
		rt.Fatalf("dead letter %+v", l)
	}
	push(long, -1)
	if dead() != 0 {
		rt.Fatal("the retraction did not come to the error output")
	}
	if _, ok := n.(*plan.Materialize); ok {
		return
	}
	rels := map[uint32]*history{relL: h, relR: {ts: []types.Type{types.Text}, now: zset{}}}
	h.now.add(trow{long, delta.TextOf("k")}, 1)
	if _, err := runQuery(n, 1, rels, nil); !pgerr.Is(err, pgerr.ProgramLimitExceeded) {
		rt.Fatalf("ad hoc: %v", err)
	}
}

// TestResultError: a group whose sum overflows is in the error output, without
// a result, until a retraction brings the sum back.
func TestResultError(t *testing.T) {
	t.Parallel()
	for _, restart := range []bool{false, true} {
		f8 := types.Float8
		scan := &plan.Scan{Props: plan.Props{Cols: cols(types.Int8, f8)}, Rel: relL, Take: []int{0, 1}}
		var sum *expr.Aggregate
		for _, a := range expr.Aggregates("sum") {
			if a.Args[0] == f8 {
				sum = a
			}
		}
		n := plan.NewAggregate(scan, []int{0}, []plan.Agg{{Fn: sum, Args: []int{1}, Filter: -1}})
		h := &history{ts: scan.Types(), now: zset{}, rng: 1}
		r := newRunner(t, n, 1)
		push := func(k int64, x float64, w int64) {
			r.feed(relL, h, batches(h.ts, []weighted{{trow{delta.IntOf(types.Int8, k), delta.FloatOf(x)}, w}}, 10))
			r.end(false)
		}
		push(1, math.MaxFloat64, 1)
		push(2, 5, 1)
		push(1, math.MaxFloat64, 1)
		want := zset{}
		want.add(trow{delta.IntOf(types.Int8, 2), delta.FloatOf(5)}, 1)
		if err := differ(r.out, want); err != nil {
			t.Fatal(err)
		}
		if l := r.j.dead.list(nil); len(l) != 1 || l[0].Code != pgerr.NumericValueOutOfRange || l[0].Count != 1 {
			t.Fatalf("dead letters %+v", l)
		}
		if restart {
			r.checkpoint()
			r.restart(1)
			push(2, 5, 0)
		}
		push(1, math.MaxFloat64, -1)
		push(1, math.MaxFloat64, -1)
		if err := differ(r.out, want); err != nil {
			t.Fatal(err)
		}
		r.close()
	}
}

// TestVariance: PostgreSQL 15's answers, floating point at extra_float_digits 0.
func TestVariance(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		t    types.Type
		in   []string
		want string
	}{
		{"var_samp", types.Int4, []string{"1", "2", "3", "4"}, "1.6666666666666667"},
		{"variance", types.Int8, []string{"1", "2", "3", "4"}, "1.6666666666666667"},
		{"var_pop", types.Int4, []string{"1", "2", "3", "4"}, "1.2500000000000000"},
		{"stddev", types.Int4, []string{"1", "2", "3", "4"}, "1.2909944487358056"},
		{"stddev_pop", types.Numeric, []string{"1", "2", "3", "4"}, "1.1180339887498948"},
		{"var_samp", types.Numeric, []string{"1.5"}, "NULL"},
		{"var_pop", types.Numeric, []string{"1.5"}, "0"},
		{"var_pop", types.Numeric, []string{"NaN", "1"}, "NaN"},
		{"var_samp", types.Float8, []string{"1", "2", "3", "4"}, "1.66666666666667"},
		{"stddev_pop", types.Float8, []string{"1", "2", "3", "4"}, "1.11803398874989"},
		{"stddev", types.Float8, []string{"Infinity", "1"}, "NaN"},
	} {
		var fn *expr.Aggregate
		for _, a := range expr.Aggregates(c.name) {
			if a.Args[0] == c.t {
				fn = a
			}
		}
		h := &history{ts: []types.Type{c.t}, now: zset{}, rng: 1}
		for _, s := range c.in {
			d, err := values.ParseDatum(c.t, []byte(s), &values.TextOpts{})
			if err != nil {
				t.Fatal(err)
			}
			h.now.add(trow{d}, 1)
		}
		n := aggregateOf(scanOf(relL, h), nil, []plan.Agg{{Fn: fn, Args: []int{0}, Filter: -1}})
		got, err := runQuery(n, 2, map[uint32]*history{relL: h}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if s := rowString(got[0]); s != "("+c.want+")" {
			t.Errorf("%s(%v) of %s = %s, want %s", c.name, c.in, c.t, s, c.want)
		}
	}
}
