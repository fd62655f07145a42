package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/heliosdb/heliosdb-streaming/internal/nexmark"
)

// topics by kind of event.
var topics = map[nexmark.Kind]string{
	nexmark.KindPerson: "nexmark-person", nexmark.KindAuction: "nexmark-auction", nexmark.KindBid: "nexmark-bid",
}

// model is the benchmark's generator: events a microsecond apart would all fall
// into one window, so time runs as if 10,000 came a second.
func model(o *options) (*nexmark.Generator, error) {
	return nexmark.New(nexmark.Config{Seed: o.seed, Gap: nexmark.EventsPerSecond(10_000)})
}

// load creates the topics and writes the events, unless they are there.
func load(ctx context.Context, o *options) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(o.broker), kgo.ProducerBatchMaxBytes(1<<20),
		kgo.ProducerLinger(5*time.Millisecond), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxBufferedRecords(200_000))
	if err != nil {
		return err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	have := int64(0)
	for _, t := range topics {
		resp, err := adm.CreateTopic(ctx, int32(o.partitions), 1, nil, t)
		if err == nil {
			err = resp.Err
		}
		ends, lerr := adm.ListEndOffsets(ctx, t)
		if lerr != nil {
			return fmt.Errorf("topic %s: %w (%w)", t, lerr, err)
		}
		ends.Each(func(l kadm.ListedOffset) { have += l.Offset })
	}
	if have == int64(o.events) {
		return nil
	}
	if have != 0 {
		return fmt.Errorf("the topics hold %d events, not %d: use another broker or remove them", have, o.events)
	}
	return produce(ctx, cl, o, 0, o.events, 0)
}

// produce writes events [from, to); perSecond > 0 paces it, in time with the
// events' own clock set to now.
func produce(ctx context.Context, cl *kgo.Client, o *options, from, to uint64, perSecond int) error {
	g, err := model(o)
	if err != nil {
		return err
	}
	var failed atomic.Pointer[error]
	var ev nexmark.Event
	start := time.Now()
	for i := from; i < to; i++ {
		if perSecond > 0 && i%100 == 0 {
			due := start.Add(time.Duration(float64(i-from) / float64(perSecond) * float64(time.Second)))
			if d := time.Until(due); d > 0 {
				time.Sleep(d)
			}
		}
		if perSecond > 0 {
			g.FillAt(&ev, i, time.Now().UnixMilli()*1000)
		} else {
			g.Fill(&ev, i)
		}
		rec := &kgo.Record{Topic: topics[ev.Kind], Partition: int32(i % uint64(o.partitions)), Value: ev.AppendJSON(make([]byte, 0, 256))}
		cl.Produce(ctx, rec, func(_ *kgo.Record, err error) {
			if err != nil {
				failed.CompareAndSwap(nil, &err)
			}
		})
		if e := failed.Load(); e != nil {
			return *e
		}
		if i%1_000_000 == 0 && i > from && perSecond == 0 {
			fmt.Fprintln(os.Stderr, "loaded", strconv.FormatUint(i-from, 10), "events")
		}
	}
	if err := cl.Flush(ctx); err != nil {
		return err
	}
	if e := failed.Load(); e != nil {
		return *e
	}
	return nil
}
