package expr

import (
	"fmt"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/num"
	"github.com/heliosdb/heliosdb-streaming/internal/pgtime"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

const benchRows = 4096

func benchBatch() *delta.Batch {
	b := delta.NewBatch([]types.Type{types.Int8, types.Timestamp, types.Numeric, types.Text, types.Float8}, benchRows)
	for i := range benchRows {
		b.Cols[0].AppendInt(int64(i * 7 % 1000))
		b.Cols[1].AppendInt(int64(i) * pgtime.Second)
		b.Cols[2].AppendBytes(num.Append(nil, num.FromUnscaled(int64(i*13+100), 2)))
		b.Cols[3].AppendBytes(fmt.Appendf(nil, "https://www.nexmark.com/%d/item.htm?query=1", i%50))
		b.Cols[4].AppendFloat(float64(i))
	}
	b.N = benchRows
	return b
}

// BenchmarkEval gives the cost of one row (ns/row) of common expressions.
func BenchmarkEval(b *testing.B) {
	col := func(i int, t types.Type) Expr { return &Column{Index: i, T: t} }
	i8 := func(x int64) Expr { return &Const{Value: delta.IntOf(types.Int8, x)} }
	iv := &Const{Value: delta.BytesOf(types.Interval, pgtime.Interval{Micros: 10 * pgtime.Second}.AppendEncoded(nil))}
	rate := &Const{Value: delta.BytesOf(types.Numeric, num.Append(nil, num.FromUnscaled(908, 3)))}
	gt := call("int8gt", col(0, types.Int8), i8(500))
	for _, c := range []struct {
		name   string
		filter bool
		e      Expr
	}{
		{"int8 > const, filter", true, gt},
		{"int8 mod const = const, filter", true, call("int8eq", call("int8mod", col(0, types.Int8), i8(123)), i8(0))},
		{"and of two comparisons, filter", true, &And{Args: []Expr{gt, call("int8lt", col(0, types.Int8), i8(800))}}},
		{"int8 + int8", false, call("int8pl", col(0, types.Int8), col(0, types.Int8))},
		{"int8 * const", false, call("int8mul", col(0, types.Int8), i8(3))},
		{"float8 * float8", false, call("float8mul", col(4, types.Float8), col(4, types.Float8))},
		{"timestamp - interval const", false, call("timestamp_mi_interval", col(1, types.Timestamp), iv)},
		{"0.908 * numeric (q1)", false, call("numeric_mul", rate, col(2, types.Numeric))},
		{"0.908 * int8::numeric", false, call("numeric_mul", rate, call("int8_numeric", col(0, types.Int8)))},
		{"text = const, filter", true, call("texteq", col(3, types.Text), &Const{Value: delta.TextOf("https://www.nexmark.com/7/item.htm?query=1")})},
		{"text like const", true, call("textlike", col(3, types.Text), &Const{Value: delta.TextOf("%/1_/item%")})},
		{"split_part", false, call("split_part", col(3, types.Text), &Const{Value: delta.TextOf("/")}, &Const{Value: delta.IntOf(types.Int4, 4)})},
		{"date_trunc('minute')", false, call("timestamp_trunc", &Const{Value: delta.TextOf("minute")}, col(1, types.Timestamp))},
		{"case of three arms", false, &Case{Whens: []When{{gt, i8(1)}, {call("int8gt", col(0, types.Int8), i8(200)), i8(2)}}, Else: i8(3), T: types.Int8}},
	} {
		b.Run(c.name, func(b *testing.B) {
			in := benchBatch()
			p := MustCompile(c.e)
			ctx := &Ctx{}
			var sel []int32
			b.ReportAllocs()
			for b.Loop() {
				if c.filter {
					sel = p.Filter(ctx, in, sel[:0])
				} else {
					p.Eval(ctx, in)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
		})
	}
}
