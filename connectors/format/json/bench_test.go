package json

import (
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/nexmark"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

var bidColumns = []Column{
	{"auction", types.Int8}, {"bidder", types.Int8}, {"price", types.Int8}, {"channel", types.Varchar},
	{"url", types.Varchar}, {"date_time", types.Timestamp}, {"extra", types.Varchar},
}

// bids are n generated bids as JSON.
func bids(tb testing.TB, n int) [][]byte {
	g, err := nexmark.New(nexmark.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	var ev nexmark.Event
	var out [][]byte
	for i := uint64(0); len(out) < n; i++ {
		if nexmark.KindOf(i) == nexmark.KindBid {
			g.Fill(&ev, i)
			out = append(out, ev.AppendJSON(nil))
		}
	}
	return out
}

// vectors makes a vector for each column that take names; nil for all.
func vectors(cols []Column, take ...int) []*delta.Vec {
	out := make([]*delta.Vec, len(cols))
	for i, c := range cols {
		if take == nil {
			out[i] = delta.NewVec(c.Type, 0)
		}
	}
	for _, i := range take {
		out[i] = delta.NewVec(cols[i].Type, 0)
	}
	return out
}

func benchmarkBids(b *testing.B, take ...int) {
	recs := bids(b, 8192)
	d, err := New(bidColumns)
	if err != nil {
		b.Fatal(err)
	}
	out := vectors(bidColumns, take...)
	bytes := 0
	for _, r := range recs {
		bytes += len(r)
	}
	b.SetBytes(int64(bytes / len(recs)))
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n++ {
		if n%len(recs) == 0 {
			for i, v := range out {
				if v != nil {
					v.Reset(bidColumns[i].Type)
				}
			}
			d.Bind(out)
		}
		if err := d.Append(recs[n%len(recs)]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBidsAllColumns(b *testing.B) { benchmarkBids(b) }
func BenchmarkBidsTwoColumns(b *testing.B) { benchmarkBids(b, 0, 5) }
