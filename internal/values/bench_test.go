package values_test

import (
	"math/rand"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
)

const benchRows = 4096

func benchCols() []*delta.Vec {
	r := rand.New(rand.NewSource(1))
	a, b, s := delta.NewVec(types.Int8, benchRows), delta.NewVec(types.Timestamp, benchRows), delta.NewVec(types.Text, benchRows)
	n := delta.NewVec(types.Numeric, benchRows)
	for range benchRows {
		a.AppendInt(r.Int63n(1 << 40))
		b.AppendInt(8e14 + r.Int63n(1e12))
		s.AppendBytes([]byte("channel-0123456789"[:8+r.Intn(10)]))
		if err := values.ParseText(types.Numeric, []byte("1234.50"), nil, n); err != nil {
			panic(err)
		}
	}
	return []*delta.Vec{a, b, s, n}
}

func perRow(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
}

func benchKeys(b *testing.B, cols []*delta.Vec) {
	var buf values.KeyBuf
	b.ReportAllocs()
	for b.Loop() {
		values.EncodeKeys(&buf, cols, benchRows)
	}
	perRow(b)
}

func BenchmarkEncodeKeysInt(b *testing.B)     { benchKeys(b, benchCols()[:1]) }
func BenchmarkEncodeKeysIntTS(b *testing.B)   { benchKeys(b, benchCols()[:2]) }
func BenchmarkEncodeKeysText(b *testing.B)    { benchKeys(b, benchCols()[2:3]) }
func BenchmarkEncodeKeysNumeric(b *testing.B) { benchKeys(b, benchCols()[3:]) }

func BenchmarkHashAll(b *testing.B) {
	var buf values.KeyBuf
	values.EncodeKeys(&buf, benchCols()[:2], benchRows)
	var out []uint64
	for b.Loop() {
		out = buf.HashAll(out)
	}
	perRow(b)
}

func BenchmarkAppendRow(b *testing.B) {
	cols := benchCols()
	var dst []byte
	for b.Loop() {
		dst = dst[:0]
		for i := range benchRows {
			dst = values.AppendRow(dst, cols, i)
		}
	}
	perRow(b)
	b.ReportMetric(float64(len(dst))/benchRows, "bytes/row")
}

func BenchmarkDecodeRow(b *testing.B) {
	cols := benchCols()
	var rows []byte
	for i := range benchRows {
		rows = values.AppendRow(rows, cols, i)
	}
	out := benchCols()
	for b.Loop() {
		for _, v := range out {
			v.Reset(v.T)
		}
		rest := rows
		for range benchRows {
			var err error
			if rest, err = values.DecodeRow(rest, out); err != nil {
				b.Fatal(err)
			}
		}
	}
	perRow(b)
}

func benchText(b *testing.B, col int) {
	v := benchCols()[col]
	var dst []byte
	for b.Loop() {
		dst = dst[:0]
		for i := range benchRows {
			dst = values.AppendText(dst, v, i, nil)
		}
	}
	perRow(b)
}

func BenchmarkTextInt(b *testing.B)       { benchText(b, 0) }
func BenchmarkTextTimestamp(b *testing.B) { benchText(b, 1) }
func BenchmarkTextNumeric(b *testing.B)   { benchText(b, 3) }

func BenchmarkParseTimestamp(b *testing.B) {
	v := delta.NewVec(types.Timestamp, 1)
	s := []byte("2024-01-05 10:11:12.123456")
	for b.Loop() {
		v.I = v.I[:0]
		if err := values.ParseText(types.Timestamp, s, nil, v); err != nil {
			b.Fatal(err)
		}
	}
}
