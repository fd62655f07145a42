package exec

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
	"github.com/heliosdb/heliosdb-streaming/storage/state"
)

const benchRows = 4096

// benchPipe is one plan on one worker whose output is forgotten.
type benchPipe struct {
	b    *builder
	rows int64
}

func newBenchPipe(b *testing.B, n plan.Node) *benchPipe {
	b.Helper()
	pool := state.NewPool(state.PoolOptions{})
	p := &benchPipe{b: &builder{ctx: &Ctx{Pool: pool}, pool: pool, workers: 1, exchanges: map[*plan.Exchange]*exchange{}}}
	if _, err := p.b.build(n, func(o *delta.Batch) error { p.rows += int64(o.N); return nil }); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { p.b.close(); pool.Close() })
	return p
}

func (p *benchPipe) step(b *testing.B, leaf int, in *delta.Batch) {
	if err := p.b.leaves[leaf].push(in); err != nil {
		b.Fatal(err)
	}
	for _, u := range p.b.units {
		if err := u.end(false); err != nil {
			b.Fatal(err)
		}
	}
}

func benchScan(rel uint32, notNull bool, ts ...types.Type) *plan.Scan {
	s := &plan.Scan{Props: plan.Props{Cols: cols(ts...)}, Rel: rel, Take: identity(len(ts))}
	for i := range s.Cols {
		s.Cols[i].NotNull = notNull
	}
	return s
}

// perRow reports the processor time of one row; it is called before the loop,
// and what it returns after it. A machine that is shared shows in it less than in
// the time that passes.
func perRow(b *testing.B, rows int) (done func()) {
	var from, to syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &from)
	return func() {
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &to)
		ns := to.Utime.Nano() + to.Stime.Nano() - from.Utime.Nano() - from.Stime.Nano()
		b.ReportMetric(float64(ns)/float64(b.N)/float64(rows), "cpu-ns/row")
	}
}

// intBatches are batches of columns of random integers below limit.
func intBatches(ts []types.Type, rows int, limits ...int64) []*delta.Batch {
	rng := rand.New(rand.NewPCG(1, 2))
	out := make([]*delta.Batch, 64)
	for k := range out {
		out[k] = delta.NewBatch(ts, rows)
		for range rows {
			for c := range ts {
				out[k].Cols[c].AppendInt(rng.Int64N(limits[c]))
			}
			out[k].AppendWeight(1)
		}
	}
	return out
}

func fn(b *testing.B, op string, args ...expr.Expr) expr.Expr {
	for _, f := range expr.Operators(op) {
		if len(f.Args) == len(args) && f.Args[0] == args[0].Type() && f.Args[1] == args[1].Type() {
			return &expr.Call{Fn: f, Args: args, T: f.Ret}
		}
	}
	b.Fatalf("no %s", op)
	return nil
}

func BenchmarkLinear(b *testing.B) {
	i8 := types.Int8
	scan := benchScan(1, true, i8, i8)
	f := plan.NewFilter(scan, fn(b, ">", column(0, i8), &expr.Const{Value: delta.IntOf(i8, 500)}))
	pr := plan.NewProject(f, []expr.Expr{column(0, i8), fn(b, "+", column(1, i8), &expr.Const{Value: delta.IntOf(i8, 1)})}, []string{"a", "b"})
	p := newBenchPipe(b, pr)
	in := intBatches(scan.Types(), benchRows, 1000, 1000)
	done := perRow(b, benchRows)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		p.step(b, 0, in[i%len(in)])
		i++
	}
	done()
}

// groupBy is SELECT k, …, count(*), sum(v) over integer columns, v the last.
func groupBy(b *testing.B, in *plan.Scan, group ...int) *plan.Aggregate {
	var sum *expr.Aggregate
	v := len(in.Cols) - 1
	for _, a := range expr.Aggregates("sum") {
		if a.Args[0] == in.Cols[v].Type {
			sum = a
		}
	}
	return plan.NewAggregate(in, group, []plan.Agg{{Fn: expr.Aggregates("count")[0], Filter: -1}, {Fn: sum, Args: []int{v}, Filter: -1}})
}

func BenchmarkAggregate(b *testing.B) {
	for _, keys := range []int64{1000, 1_000_000, 10_000_000} {
		b.Run(fmt.Sprint("keys=", keys), func(b *testing.B) {
			scan := benchScan(1, false, types.Int8, types.Int4)
			n := groupBy(b, scan, 0)
			p := newBenchPipe(b, n)
			fillGroups(b, p, scan.Types(), keys)
			in := intBatches(scan.Types(), benchRows, keys, 1000)
			done := perRow(b, benchRows)
			b.ReportAllocs()
			b.ResetTimer()
			i := 0
			for b.Loop() {
				p.step(b, 0, in[i%len(in)])
				i++
			}
			done()
		})
	}
}

// fillGroups pushes one row a key, the keys being the first column.
func fillGroups(b *testing.B, p *benchPipe, ts []types.Type, keys int64) {
	in := delta.NewBatch(ts, benchRows)
	for k := range keys {
		in.Cols[0].AppendInt(k)
		for _, v := range in.Cols[1:] {
			v.AppendInt(k & 1023)
		}
		in.AppendWeight(1)
		if in.N == benchRows || k == keys-1 {
			p.step(b, 0, in)
			in.Reset()
		}
	}
}

// BenchmarkAggregateState measures the state of SELECT k1, k2, count(*), sum(v).
func BenchmarkAggregateState(b *testing.B) {
	for _, notNull := range []bool{true, false} {
		b.Run(fmt.Sprint("notNull=", notNull), func(b *testing.B) {
			const keys = 2_000_000
			for b.Loop() {
				scan := benchScan(1, notNull, types.Int8, types.Int8, types.Int4)
				p := newBenchPipe(b, groupBy(b, scan, 0, 1))
				fillGroups(b, p, scan.Types(), keys)
				a := p.b.root.(*aggregate)
				b.ReportMetric(float64(a.groups.Bytes())/keys, "bytes/key")
				p.b.close()
			}
		})
	}
}

func BenchmarkAggregateWindow(b *testing.B) {
	scan := benchScan(1, false, types.Timestamp, types.Int8, types.Int4)
	n := groupBy(b, scan, 0, 1)
	n.Window = 0
	p := newBenchPipe(b, n)
	in := intBatches(scan.Types(), benchRows, 2, 100_000, 1000)
	done := perRow(b, benchRows)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		p.step(b, 0, in[i%len(in)])
		i++
	}
	done()
}

func BenchmarkJoin(b *testing.B) {
	for _, kind := range []plan.JoinKind{plan.InnerJoin, plan.LeftJoin} {
		b.Run(fmt.Sprint("kind=", kind), func(b *testing.B) {
			l, r := benchScan(1, false, types.Int8, types.Int8), benchScan(2, false, types.Int8, types.Int8)
			n := plan.NewJoin(kind, l, r, nil)
			n.LKeys, n.RKeys = []int{0}, []int{0}
			p := newBenchPipe(b, n)
			right := delta.NewBatch(r.Types(), 0)
			for k := range int64(100_000) {
				right.Cols[0].AppendInt(k)
				right.Cols[1].AppendInt(k)
				right.AppendWeight(1)
				if right.N == benchRows {
					p.step(b, 1, right)
					right.Reset()
				}
			}
			in := intBatches(l.Types(), benchRows, 100_000, 1<<40)
			done := perRow(b, benchRows)
			b.ReportAllocs()
			b.ResetTimer()
			i := 0
			for b.Loop() {
				p.step(b, 0, in[i%len(in)])
				i++
			}
			done()
		})
	}
}

// BenchmarkTopN is the first row of each key where later rows are better (every
// row changes the answer) or worse (none does).
func BenchmarkTopN(b *testing.B) {
	for _, better := range []bool{true, false} {
		b.Run(fmt.Sprint("better=", better), func(b *testing.B) {
			scan := benchScan(1, false, types.Int8, types.Int8, types.Int8)
			scan.AppendOnly = true
			p := newBenchPipe(b, plan.NewTopN(scan, []int{0}, []plan.SortKey{{Col: 1, Desc: better}}, 0, 1))
			in := intBatches(scan.Types(), benchRows, 100_000, 1000, 1000)
			for _, batch := range in {
				p.step(b, 0, batch)
			}
			done := perRow(b, benchRows)
			b.ReportAllocs()
			b.ResetTimer()
			i := 0
			for b.Loop() {
				batch := in[i%len(in)]
				for r := range batch.Cols[1].I {
					batch.Cols[1].I[r] += 1000
				}
				p.step(b, 0, batch)
				i++
			}
			done()
		})
	}
}

func BenchmarkMaterialize(b *testing.B) {
	scan := benchScan(1, false, types.Int8, types.Int8, types.Int8)
	b.Run("append", func(b *testing.B) {
		p := newBenchPipe(b, &plan.Materialize{Props: plan.Props{Cols: scan.Cols, Key: []int{0}}, In: scan})
		in := intBatches(scan.Types(), benchRows, 1, 1<<40, 1000)[0]
		done := perRow(b, benchRows)
		b.ReportAllocs()
		at := int64(0)
		for b.Loop() {
			for i := range in.Cols[0].I {
				at++
				in.Cols[0].I[i] = at
			}
			p.step(b, 0, in)
		}
		done()
	})
	b.Run("update", func(b *testing.B) {
		p := newBenchPipe(b, &plan.Materialize{Props: plan.Props{Cols: scan.Cols, Key: []int{0}}, In: scan})
		const keys = 1_000_000
		fillGroups(b, p, scan.Types(), keys)
		held := make([]int64, keys)
		for k := range held {
			held[k] = int64(k) & 1023
		}
		rng := rand.New(rand.NewPCG(3, 4))
		in := delta.NewBatch(scan.Types(), 0)
		done := perRow(b, benchRows/2)
		b.ReportAllocs()
		b.ResetTimer()
		for b.Loop() {
			b.StopTimer()
			in.Reset()
			for range benchRows / 2 {
				k := rng.Int64N(keys)
				for _, w := range []int64{-1, 1} {
					in.Cols[0].AppendInt(k)
					in.Cols[1].AppendInt(held[k])
					in.Cols[2].AppendInt(k & 1023)
					in.AppendWeight(w)
					if w < 0 {
						held[k]++
					}
				}
			}
			b.StartTimer()
			p.step(b, 0, in)
		}
		done()
	})
}

func BenchmarkExchange(b *testing.B) {
	ts := []types.Type{types.Int8, types.Int8, types.Int8}
	x := newExchange([]int{0}, ts, 2)
	in := intBatches(ts, benchRows, 100_000, 1<<40, 1000)
	s := &sender{x: x}
	done := perRow(b, benchRows)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if err := s.Push(nil, 0, in[i%len(in)], nil); err != nil {
			b.Fatal(err)
		}
		for to := range 2 {
			if err := x.deliver(to, func(*delta.Batch) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
		i++
	}
	done()
}

// BenchmarkStep is one row through eight operators.
func BenchmarkStep(b *testing.B) {
	i8 := types.Int8
	scan := benchScan(1, true, i8, i8)
	var n plan.Node = scan
	for range 5 {
		n = plan.NewProject(n, []expr.Expr{column(0, i8), fn(b, "+", column(1, i8), &expr.Const{Value: delta.IntOf(i8, 1)})}, []string{"a", "b"})
	}
	n = plan.NewFilter(n, fn(b, ">", column(0, i8), &expr.Const{Value: delta.IntOf(i8, -1)}))
	s := benchScan(1, true, i8, i8)
	agg := groupBy(b, s, 0)
	agg.In = n
	p := newBenchPipe(b, &plan.Materialize{Props: plan.Props{Cols: agg.Cols, Key: []int{0}}, In: agg})
	in := intBatches(scan.Types(), 1, 1000, 1000)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		p.step(b, 0, in[i%len(in)])
		i++
	}
}

// BenchmarkPointRead is SELECT … WHERE key = x over one row, without the wire.
func BenchmarkPointRead(b *testing.B) {
	i8 := types.Int8
	h := &history{ts: []types.Type{i8, i8}, now: zset{}}
	h.now.add(trow{delta.IntOf(i8, 1), delta.IntOf(i8, 2)}, 1)
	rels := &oneRow{rowBatch(h.ts, trow{delta.IntOf(i8, 1), delta.IntOf(i8, 2)})}
	scan := benchScan(1, true, i8, i8)
	scan.Eq = []expr.Expr{&expr.Const{Value: delta.IntOf(i8, 1)}}
	n := plan.NewProject(scan, []expr.Expr{column(1, i8), column(0, i8)}, []string{"b", "a"})
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range Query(context.Background(), n, &QueryEnv{Relations: rels, Now: time.Hour.Microseconds()}) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

type oneRow struct{ b *delta.Batch }

func (r *oneRow) Scan(_ context.Context, _ *plan.Scan, _ []delta.Datum, push Emit) error {
	return push(r.b)
}
