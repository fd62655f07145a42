package kafka

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/source"
	"github.com/heliosdb/heliosdb-streaming/internal/testkafka"
)

// encode makes a batch of the records at the given offsets; a nil value is null.
func encode(base, last int64, attrs uint16, offsets []int64) []byte {
	be := binary.BigEndian
	var recs []byte
	for _, o := range offsets {
		r := []byte{0}
		r = binary.AppendVarint(r, o-base) // time delta
		r = binary.AppendVarint(r, o-base)
		r = binary.AppendVarint(r, -1)
		v := fmt.Appendf(nil, `{"id":%d,"name":"row %d"}`, o, o)
		r = append(binary.AppendVarint(r, int64(len(v))), v...)
		r = binary.AppendVarint(r, 0)
		recs = append(binary.AppendVarint(recs, int64(len(r))), r...)
	}
	b := make([]byte, headerLen, headerLen+len(recs))
	be.PutUint64(b, uint64(base))
	be.PutUint32(b[atLength:], uint32(headerLen-prefixLen+len(recs)))
	b[atMagic] = 2
	be.PutUint16(b[atAttrs:], attrs)
	be.PutUint32(b[atLastDelta:], uint32(last-base))
	be.PutUint32(b[atCount:], uint32(len(offsets)))
	b = append(b, recs...)
	return sum(b)
}

// sum sets the checksum.
func sum(b []byte) []byte {
	binary.BigEndian.PutUint32(b[atCRC:], crc32.Checksum(b[atAttrs:], castagnoli))
	return b
}

// A log with gaps everywhere (compacted records, whole batches, the end) gives
// its rows once, in order, whatever the budgets, bounds and starts are; and each
// bound is reached exactly.
func TestTakeModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var raw []byte
		var want []int64
		at := int64(0)
		for range rapid.IntRange(0, 6).Draw(t, "batches") {
			at += int64(rapid.IntRange(0, 3).Draw(t, "gap"))
			last := at + int64(rapid.IntRange(0, 12).Draw(t, "size"))
			var offsets []int64
			for o := at; o <= last; o++ {
				if rapid.Bool().Draw(t, "kept") {
					offsets = append(offsets, o)
				}
			}
			want = append(want, offsets...)
			raw = append(raw, encode(at, last, 0, offsets)...)
			at = last + 1
		}
		from := int64(rapid.IntRange(0, int(at)).Draw(t, "from"))
		ps := parser{from: from, now: time.Now()}
		batches, err := ps.parse(nil, raw)
		if err != nil {
			t.Fatal(err)
		}
		r := &Reader{parts: map[int32]*part{}}
		p := r.add(0, from, false)
		for _, b := range batches {
			p.push(b)
			r.rows += b.rows
			r.bytes += len(b.data)
		}
		p.push(batch{next: at + 3, fetched: time.Now()})
		d, err := newDecoder(&Options{Columns: testColumns, MaxRecordBytes: 1 << 10}, []int{3})
		if err != nil {
			t.Fatal(err)
		}
		var have []int64
		pos := from
		for pos < at+3 {
			until := min(pos+int64(rapid.IntRange(1, 20).Draw(t, "ahead")), at+3)
			for pos < until {
				b := source.Budget{Rows: rapid.IntRange(1, 9).Draw(t, "rows"), Bytes: rapid.IntRange(1, 200).Draw(t, "bytes")}
				chunks, err := r.Take(b, source.Offsets{0: until})
				if err != nil || len(chunks) == 0 {
					t.Fatalf("at %d until %d: %v %v", pos, until, chunks, err)
				}
				for i := range chunks {
					c := &chunks[i]
					if c.First != pos || c.Next > until || c.Next <= pos {
						t.Fatalf("chunk %d to %d at %d until %d", c.First, c.Next, pos, until)
					}
					pos = c.Next
					_ = d.Decode(c, func(b *delta.Batch) error {
						have = append(have, b.Cols[0].I...)
						return nil
					}, func(x source.DeadRow) { t.Fatalf("%+v", x) })
				}
			}
			for len(want) > 0 && want[0] < from {
				want = want[1:]
			}
			n := 0
			for n < len(want) && want[n] < until {
				n++
			}
			if fmt.Sprint(have) != fmt.Sprint(want[:n]) {
				t.Fatalf("until %d: %v, want %v", until, have, want[:n])
			}
		}
		if r.rows != 0 || r.bytes != 0 || p.rows != 0 || p.bytes != 0 {
			t.Fatalf("left over: %d rows, %d bytes; %d, %d", r.rows, r.bytes, p.rows, p.bytes)
		}
	})
}

// Whatever a broker sends is read, or refused, without a panic, and offsets only
// grow.
func FuzzBatches(f *testing.F) {
	f.Add(encode(0, 3, 0, []int64{0, 2, 3}), int64(1))
	f.Add(encode(5, 5, attrControl|attrTransactional, []int64{5}), int64(0))
	for codec := range uint16(6) {
		f.Add(encode(0, 0, codec, []int64{0}), int64(0))
	}
	f.Add(append(encode(0, 1, 0, []int64{0, 1}), encode(2, 9, 0, nil)...), int64(0))
	f.Fuzz(func(t *testing.T, raw []byte, from int64) {
		for rest := raw; len(rest) >= headerLen; { // make the checksums true
			n := int(binary.BigEndian.Uint32(rest[atLength:])) + prefixLen
			if n < headerLen || n > len(rest) {
				break
			}
			sum(rest[:n])
			rest = rest[n:]
		}
		p := parser{from: from, aborted: []kmsg.FetchResponseTopicPartitionAbortedTransaction{{ProducerID: 0, FirstOffset: 3}}}
		defer p.close()
		batches, _ := p.parse(nil, raw)
		r := &Reader{parts: map[int32]*part{}}
		pt := r.add(0, from, false)
		for _, b := range batches {
			pt.push(b)
		}
		d, err := newDecoder(&Options{Columns: append([]Column{
			{Name: "h", Type: testColumns[1].Type, Include: "header:h"}, {Name: "k", Type: testColumns[1].Type, Include: "key"},
		}, testColumns...), MaxRecordBytes: 1 << 10}, []int{0, 1, 2, 3, 4, 5})
		if err != nil {
			t.Fatal(err)
		}
		for pos := from; ; {
			chunks, err := r.Take(source.Budget{Rows: 3, Bytes: 100}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(chunks) == 0 {
				return
			}
			for i := range chunks {
				if chunks[i].First != pos || chunks[i].Next < pos {
					t.Fatalf("chunk from %d to %d at %d", chunks[i].First, chunks[i].Next, pos)
				}
				pos = chunks[i].Next
				_ = d.Decode(&chunks[i], func(*delta.Batch) error { return nil }, func(source.DeadRow) {})
			}
		}
	})
}

func TestCodecs(t *testing.T) {
	testkafka.Both(t, func(t *testing.T, addr string) {
		t.Parallel()
		topic := testkafka.Topic(t, addr, 1)
		n := 0
		for _, codec := range []kgo.CompressionCodec{
			kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression(),
		} {
			cl := producer(t, addr, kgo.ProducerBatchCompression(codec))
			produceRows(t, cl, topic, 1, n, n+500)
			n += 500
		}
		c := consume(t, newSpec(t, testOptions(addr, topic)), nil)
		c.takeRows(n)
		checkRows(t, c, 1, n)
	})
}

// A small batch cannot become a large one in memory.
func TestDecompressionBound(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	zeros := make([]byte, limit+1)
	for _, codec := range []kgo.CompressionCodec{
		kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression(),
	} {
		comp, err := kgo.DefaultCompressor(codec)
		if err != nil {
			t.Fatal(err)
		}
		small, id := comp.Compress(new(bytes.Buffer), zeros)
		d := decompressor{limit: limit}
		if _, err := d.decompress(small, uint16(id)); err == nil {
			t.Errorf("codec %d: %d bytes became more than %d", id, len(small), limit)
		}
		small, _ = comp.Compress(new(bytes.Buffer), zeros[1:])
		if out, err := d.decompress(small, uint16(id)); err != nil || len(out) != limit {
			t.Errorf("codec %d: %d bytes, %v", id, len(out), err)
		}
		d.close()
	}
}

// A compacted topic has gaps between the records and, when its last segments are
// all cleaned away, before its end.
func TestCompaction(t *testing.T) {
	test := func(t *testing.T, addr string) {
		t.Parallel()
		topic := "compacted-" + testkafka.Topic(t, addr, 1)
		cl := producer(t, addr, kgo.ProducerLinger(0))
		conf := func(s string) *string { return &s }
		adm := kadm.NewClient(cl)
		if _, err := adm.CreateTopic(within(t), 1, 1, map[string]*string{
			"cleanup.policy": conf("compact"), "segment.ms": conf("100"), "min.cleanable.dirty.ratio": conf("0.001"),
			"max.compaction.lag.ms": conf("100"), "delete.retention.ms": conf("0"),
		}, topic); err != nil {
			t.Fatal(err)
		}
		for i := range 40 {
			r := row(topic, 0, i)
			r.Key = fmt.Appendf(nil, "k%d", i%2)
			produce(t, cl, r)
		}
		o := testOptions(addr, topic)
		o.OnDataLoss = OnLossContinue // kfake moves the start of the log as well
		s := newSpec(t, o)
		i := 40
		retry(t, func() error {
			r := row(topic, 0, i) // makes the broker roll a segment
			r.Key = []byte("last")
			produce(t, cl, r)
			i++
			end, err := s.End(nil)
			if err != nil {
				t.Fatal(err)
			}
			c := consume(t, s, source.Offsets{0: 0})
			defer c.r.Close()
			for at := int64(0); at < end[0]; {
				at = min(at+7, end[0])
				c.until(source.Offsets{0: at})
				if c.at[0] != at {
					t.Fatalf("at %d, want %d", c.at[0], at)
				}
			}
			if n := len(c.rows[0]); n > 30 {
				return fmt.Errorf("%d rows, not compacted yet", n)
			}
			return nil
		})
	}
	t.Run("kfake", func(t *testing.T) {
		test(t, testkafka.Fake(t, kfake.BrokerConfigs(map[string]string{"log.cleaner.backoff.ms": "50"})))
	})
	t.Run("kafka", func(t *testing.T) { test(t, testkafka.Start(t)) })
}

// Offsets at the end whose records are gone are passed: the broker has nothing
// below the last stable offset.
func TestNothingBeforeTheEnd(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "t"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	const end = 10
	cluster.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		resp := req.ResponseKind().(*kmsg.FetchResponse)
		for _, rt := range req.(*kmsg.FetchRequest).Topics {
			st := kmsg.NewFetchResponseTopic()
			st.Topic, st.TopicID = rt.Topic, rt.TopicID
			for _, rp := range rt.Partitions {
				sp := kmsg.NewFetchResponseTopicPartition()
				sp.Partition, sp.HighWatermark, sp.LastStableOffset = rp.Partition, end+2, end
				st.Partitions = append(st.Partitions, sp)
			}
			resp.Topics = append(resp.Topics, st)
		}
		return resp, nil, true
	})
	c := consume(t, newSpec(t, testOptions(cluster.ListenAddrs()[0], "t")), source.Offsets{0: 0, 1: 3})
	c.until(source.Offsets{0: 4, 1: end})
	c.until(source.Offsets{0: end, 1: end})
	if st := c.r.Status(); st.End[0] != end+2 {
		t.Fatalf("%+v", st)
	}
}
