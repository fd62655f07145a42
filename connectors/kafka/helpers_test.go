package kafka

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/source"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// testTimeout bounds a wait in tests; nothing is asserted about time.
const testTimeout = 60 * time.Second

var testColumns = []Column{
	{Name: "id", Type: types.Int8}, {Name: "name", Type: types.Text},
	{Name: "p", Type: types.Int4, Include: "partition"}, {Name: "o", Type: types.Int8, Include: "offset"},
}

// testOptions read topic with few bytes in flight, so that limits are met.
func testOptions(addr, topic string) Options {
	return Options{
		Brokers: []string{addr}, Topic: topic, Columns: testColumns,
		FetchMaxWait: 50 * time.Millisecond, MetadataMaxAge: 200 * time.Millisecond,
		CommitInterval: 10 * time.Millisecond, RequestTimeout: 5 * time.Second,
	}
}

func newSpec(t testing.TB, o Options) *Spec {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func producer(t testing.TB, addr string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(addr), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(50 * time.Millisecond),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// row is the record with the given id.
func row(topic string, part int32, id int) *kgo.Record {
	return &kgo.Record{
		Topic: topic, Partition: part, Key: fmt.Appendf(nil, "k%d", id),
		Value: fmt.Appendf(nil, `{"id": %d, "name": "row %d"}`, id, id),
	}
}

func produce(t testing.TB, cl *kgo.Client, rs ...*kgo.Record) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	if err := cl.ProduceSync(ctx, rs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// produceRows writes ids [lo, hi), id i to partition i modulo parts.
func produceRows(t testing.TB, cl *kgo.Client, topic string, parts, lo, hi int) {
	t.Helper()
	var rs []*kgo.Record
	for i := lo; i < hi; i++ {
		rs = append(rs, row(topic, int32(i%parts), i))
	}
	produce(t, cl, rs...)
}

// consumer opens a reader and keeps what it takes.
type consumer struct {
	t     testing.TB
	spec  *Spec
	r     source.Reader
	dec   source.Decoder
	ready chan struct{}
	at    source.Offsets
	rows  map[int32][]got
	dead  []source.DeadRow
}

// got is one decoded row of testColumns.
type got struct {
	id, offset int64
	name       string
}

func consume(t testing.TB, s *Spec, from source.Offsets) *consumer {
	t.Helper()
	c := &consumer{t: t, spec: s, ready: make(chan struct{}, 1), at: source.Offsets{}, rows: map[int32][]got{}}
	for p, n := range from {
		c.at[p] = n
	}
	var err error
	if c.dec, err = s.NewDecoder([]int{0, 1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	if c.r, err = s.Open(from, func() {
		select {
		case c.ready <- struct{}{}:
		default:
		}
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.r.Close)
	return c
}

// take takes once and checks what the contract says of chunks.
func (c *consumer) take(b source.Budget, until source.Offsets) (int, error) {
	c.t.Helper()
	chunks, err := c.r.Take(b, until)
	rows, first := 0, true
	for i := range chunks {
		ch := &chunks[i]
		if at, ok := c.at[ch.Partition]; ok && ch.First != at {
			c.t.Fatalf("partition %d: chunk begins at %d, the last ended at %d", ch.Partition, ch.First, at)
		}
		if ch.Next < ch.First {
			c.t.Fatalf("partition %d: chunk goes back from %d to %d", ch.Partition, ch.First, ch.Next)
		}
		if lim, ok := until[ch.Partition]; until != nil && (!ok || ch.Next > lim) {
			c.t.Fatalf("partition %d: chunk ends at %d, the bound is %d, %v", ch.Partition, ch.Next, lim, ok)
		}
		if ch.Fetched.IsZero() {
			c.t.Fatal("a chunk without the time of its fetch")
		}
		rows += ch.Rows
		if ch.Bytes > b.Bytes && (!first || ch.Rows > 1) {
			c.t.Fatalf("a chunk of %d bytes and %d rows within a budget of %d", ch.Bytes, ch.Rows, b.Bytes)
		}
		first = first && ch.Rows == 0
		c.at[ch.Partition] = ch.Next
		c.decode(ch)
	}
	if rows > b.Rows {
		c.t.Fatalf("%d rows within a budget of %d", rows, b.Rows)
	}
	return len(chunks), err
}

func (c *consumer) decode(ch *source.Chunk) {
	n := 0
	err := c.dec.Decode(ch, func(b *delta.Batch) error {
		n += b.N
		for i := range b.N {
			g := got{b.Cols[0].I[i], b.Cols[3].I[i], string(b.Cols[1].Bytes(i))}
			if p := int32(b.Cols[2].I[i]); p != ch.Partition {
				c.t.Fatalf("row of partition %d in a chunk of %d", p, ch.Partition)
			}
			if g.offset < ch.First || g.offset >= ch.Next {
				c.t.Fatalf("offset %d in a chunk from %d to %d", g.offset, ch.First, ch.Next)
			}
			c.rows[ch.Partition] = append(c.rows[ch.Partition], g)
		}
		return nil
	}, func(d source.DeadRow) { n++; c.dead = append(c.dead, d) })
	if err != nil {
		c.t.Fatal(err)
	}
	if n != ch.Rows {
		c.t.Fatalf("a chunk of %d rows gave %d", ch.Rows, n)
	}
}

// wait waits until the reader has something to say, or fails the test.
func (c *consumer) wait() {
	c.t.Helper()
	timer := time.NewTimer(testTimeout)
	defer timer.Stop()
	select {
	case <-c.ready:
	case <-timer.C:
		c.t.Fatalf("nothing happens: at %v, status %+v", c.at, c.r.Status())
	}
}

// everything is a budget without bounds.
var everything = source.Budget{Rows: 1 << 30, Bytes: 1 << 30}

// until takes until the reader stands at the offsets.
func (c *consumer) until(want source.Offsets) {
	c.t.Helper()
	for !c.reached(want) {
		n, err := c.take(everything, want)
		if err != nil {
			c.t.Fatal(err)
		}
		if n == 0 {
			c.wait()
		}
	}
}

func (c *consumer) reached(want source.Offsets) bool {
	for p, n := range want {
		if c.at[p] < n {
			return false
		}
	}
	return true
}

// takeRows takes until so many rows have come.
func (c *consumer) takeRows(n int) {
	c.t.Helper()
	for c.count() < n {
		k, err := c.take(everything, nil)
		if err != nil {
			c.t.Fatal(err)
		}
		if k == 0 {
			c.wait()
		}
	}
}

func (c *consumer) count() int {
	n := 0
	for _, rs := range c.rows {
		n += len(rs)
	}
	return n
}

// waitFor waits until the status is as wanted.
func (c *consumer) waitFor(what string, ok func(source.Status) bool) {
	c.t.Helper()
	for !ok(c.r.Status()) {
		if _, err := c.take(everything, nil); err != nil {
			c.t.Fatalf("waiting for %s: %v", what, err)
		}
		c.wait()
	}
}
