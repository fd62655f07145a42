package delta

import (
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"pgregory.net/rapid"
)

// TestAppendRows compares AppendRows with AppendRow.
func TestAppendRows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		ts := []types.Type{types.Boolean, types.Int8, types.Float8, types.Text}
		draw := func(n int) *Batch {
			b := NewBatch(ts, 0)
			weights := rapid.Bool().Draw(rt, "weights")
			for range n {
				x := rapid.IntRange(0, 300).Draw(rt, "x")
				for c, d := range []Datum{BoolOf(x%2 == 0), IntOf(types.Int8, int64(x)), FloatOf(float64(x)), TextOf(string(make([]byte, x%5)))} {
					if x%(c+7) == 0 {
						d = NullOf(ts[c])
					}
					b.Cols[c].AppendDatum(d)
				}
				w := int64(1)
				if weights {
					w = int64(x%3 - 1)
				}
				b.AppendWeight(w)
			}
			return b
		}
		fast, slow := NewBatch(ts, 0), NewBatch(ts, 0)
		for range rapid.IntRange(1, 4).Draw(rt, "batches") {
			src := draw(rapid.IntRange(0, 40).Draw(rt, "rows"))
			var idx []int32
			for i := range src.N {
				if rapid.Bool().Draw(rt, "take") {
					idx = append(idx, int32(i))
					slow.AppendRow(src, i, src.Weight(i))
				}
			}
			fast.AppendRows(src, idx)
		}
		if fast.N != slow.N {
			rt.Fatalf("%d rows, not %d", fast.N, slow.N)
		}
		for i := range slow.N {
			if fast.Weight(i) != slow.Weight(i) {
				rt.Fatalf("row %d: weight %d, not %d", i, fast.Weight(i), slow.Weight(i))
			}
			for c := range ts {
				f, s := fast.Cols[c].At(i), slow.Cols[c].At(i)
				if f.Null != s.Null || f.B != s.B || f.I != s.I || f.F != s.F || string(f.S) != string(s.S) {
					rt.Fatalf("row %d column %d: %v, not %v", i, c, f, s)
				}
			}
		}
	})
}
