package kafka

import (
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/nexmark"
	"github.com/heliosdb/heliosdb-streaming/internal/source"
	"github.com/heliosdb/heliosdb-streaming/internal/testkafka"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

var bidColumns = []Column{
	{Name: "auction", Type: types.Int8}, {Name: "bidder", Type: types.Int8}, {Name: "price", Type: types.Int8},
	{Name: "channel", Type: types.Varchar}, {Name: "url", Type: types.Varchar}, {Name: "date_time", Type: types.Timestamp},
	{Name: "extra", Type: types.Varchar},
}

// cpu is the processor time of this process.
func cpu(tb testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

const benchBids = 1_000_000

// loadBids fills a topic with bids of about 235 bytes.
func loadBids(tb testing.TB, addr, topic string) {
	g, err := nexmark.New(nexmark.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	cl := producer(tb, addr, kgo.ProducerLinger(5*time.Millisecond), kgo.ProducerBatchCompression(kgo.NoCompression()))
	var ev nexmark.Event
	ctx := within(tb)
	for i, n := uint64(0), 0; n < benchBids; i++ {
		if nexmark.KindOf(i) != nexmark.KindBid {
			continue
		}
		g.Fill(&ev, i)
		cl.Produce(ctx, &kgo.Record{Topic: topic, Partition: int32(n % 4), Value: ev.AppendJSON(nil)}, nil)
		n++
	}
	if err := cl.Flush(ctx); err != nil {
		tb.Fatal(err)
	}
	cl.Close()
}

// BenchmarkReadBids reads bids from a real Kafka, a process of its own, and
// decodes all columns (or fetches only): processor time of this process a record.
func BenchmarkReadBids(b *testing.B) {
	addr := testkafka.Start(b)
	topic := testkafka.Topic(b, addr, 4)
	loadBids(b, addr, topic)
	for _, mode := range []string{"fetch", "decode"} {
		b.Run(mode, func(b *testing.B) { readBids(b, addr, topic, mode == "decode") })
	}
}

func readBids(b *testing.B, addr, topic string, decode bool) {
	s := newSpec(b, Options{Brokers: []string{addr}, Topic: topic, Columns: bidColumns})
	d, err := s.NewDecoder([]int{0, 1, 2, 3, 4, 5, 6})
	if err != nil {
		b.Fatal(err)
	}
	total := 0
	runtime.GC() // of what loading left
	before, start := cpu(b), time.Now()
	for b.Loop() {
		ready := make(chan struct{}, 1)
		r, err := s.Open(nil, func() {
			select {
			case ready <- struct{}{}:
			default:
			}
		})
		if err != nil {
			b.Fatal(err)
		}
		for n := 0; n < benchBids; {
			chunks, err := r.Take(source.Budget{Rows: 32768, Bytes: 16 << 20}, nil)
			if err != nil {
				b.Fatal(err)
			}
			if len(chunks) == 0 {
				<-ready
			}
			for i := range chunks {
				n += chunks[i].Rows
				if !decode {
					continue
				}
				if err := d.Decode(&chunks[i], func(*delta.Batch) error { return nil }, func(x source.DeadRow) { b.Fatalf("%+v", x) }); err != nil {
					b.Fatal(err)
				}
			}
		}
		total += benchBids
		r.Close()
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(total), "cpu-ns/record")
	b.ReportMetric(float64(total)/time.Since(start).Seconds()/1e6, "M-records/s")
}
