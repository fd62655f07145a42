package pgwire

import (
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
)

// BenchmarkDataRow is the cost of encoding a row of four columns.
func BenchmarkDataRow(b *testing.B) {
	cols := []Column{{Type: types.Int8}, {Type: types.Text}, {Type: types.Timestamp}, {Type: types.Boolean}}
	batch := delta.NewBatch([]types.Type{types.Int8, types.Text, types.Timestamp, types.Boolean}, 1000)
	for i := range 1000 {
		batch.Cols[0].AppendInt(int64(i) * 12345)
		batch.Cols[1].AppendBytes([]byte("some text here"))
		batch.Cols[2].AppendInt(int64(i) * 1e6)
		batch.Cols[3].AppendBool(i%2 == 0)
		batch.AppendWeight(1)
	}
	for name, formats := range map[string][]int16{"text": nil, "binary": {1}} {
		b.Run(name, func(b *testing.B) {
			d, err := newDataRows(cols, formats, &values.TextOpts{})
			if err != nil {
				b.Fatal(err)
			}
			buf := make([]byte, 0, 1<<20)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				buf = d.append(buf[:0], batch, i%1000)
			}
		})
	}
}

// BenchmarkBigResult is rows/s over loopback TCP, client included.
func BenchmarkBigResult(b *testing.B) {
	h := newFake()
	h.batch = 1024
	_, addr := startServer(b, h, Config{})
	w := connect(b, addr)
	const rows = 1_000_000
	buf := make([]byte, 256<<10)
	for b.Loop() {
		w.send(`Query "SELECT g::int4 AS i, 'r'||g AS s FROM generate_series(1, 1000000) g"`)
		for tail := byte(0); tail != 'Z'; {
			n, err := w.nc.Read(buf)
			if err != nil {
				b.Fatal(err)
			}
			if n >= 6 {
				tail = buf[n-6]
			}
		}
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkPointRead is one round trip of Bind, Execute, Sync over loopback.
func BenchmarkPointRead(b *testing.B) {
	_, addr := startServer(b, newFake(), Config{})
	w := connect(b, addr)
	w.ask(`Parse name=s query="SELECT $1::int8, $2::text"`, "Sync")
	var req []byte
	for _, l := range []string{"Bind name=s params=123,abc", "Execute", "Sync"} {
		m, err := clientMessage(l)
		if err != nil {
			b.Fatal(err)
		}
		req = append(req, m...)
	}
	buf := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.nc.Write(req); err != nil {
			b.Fatal(err)
		}
		for got := 0; got < 6 || buf[got-6] != 'Z'; {
			n, err := w.nc.Read(buf[got:])
			if err != nil {
				b.Fatal(err)
			}
			got += n
		}
	}
}
