package devbroker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/heliosdb/heliosdb-streaming/internal/nexmark"
)

// Topics of the three kinds of events.
var Topics = [...]string{
	nexmark.KindPerson:  "nexmark-person",
	nexmark.KindAuction: "nexmark-auction",
	nexmark.KindBid:     "nexmark-bid",
}

// EventHeader is the record header that carries the event's number in decimal:
// what a feeder that starts again resumes from.
const EventHeader = "nexmark-event"

const (
	// maxRound bounds the events written between two acknowledgements, and so
	// how far back a resumed feeder must look for missing ones.
	maxRound = 10_000
	// chunkEvents consecutive events of a kind's topic go to one partition, so
	// that a round costs the broker few synced writes.
	chunkEvents  = 1000
	roundEvery   = 50 * time.Millisecond
	retryAfter   = time.Second
	requestLimit = 30 * time.Second
)

// FeederOptions of StartFeeder.
type FeederOptions struct {
	// Broker is the bootstrap address. Required.
	Broker string
	// EventsPerSecond over all topics. Required.
	EventsPerSecond int
	// Partitions of the topics, if they must be created. Default 4.
	Partitions int
	// Model of the events. Its times are not used: events carry the time at
	// which they are written.
	Model nexmark.Config
}

// Counters of a feeder.
type Counters struct {
	// Events, and of each kind, that are in the topics or were and have been
	// removed by retention; earlier runs included.
	Events, Persons, Auctions, Bids uint64
	// Sent in this run.
	Sent uint64
	// Err is what keeps the feeder from writing; nil when all is well.
	Err error
}

// Feeder writes Nexmark events into the three topics at a steady rate, each
// exactly once over any number of runs, kills included: before its first event a
// feeder reads from the ends of the topics which events are there.
type Feeder struct {
	opts   FeederOptions
	gen    *nexmark.Generator
	client *kgo.Client
	cancel context.CancelFunc
	done   sync.WaitGroup

	next atomic.Uint64 // all events below are in the topics
	sent atomic.Uint64
	err  atomic.Pointer[error]
}

// StartFeeder starts feeding in the background. Trouble with the broker is no
// error: the feeder tries again and Counters says so.
func StartFeeder(o FeederOptions) (*Feeder, error) {
	if o.EventsPerSecond <= 0 {
		return nil, fmt.Errorf("nexmark feeder: %d events per second", o.EventsPerSecond)
	}
	if o.Partitions == 0 {
		o.Partitions = DefaultPartitions
	}
	gen, err := nexmark.New(o.Model)
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(o.Broker),
		kgo.ClientID("nexmark-feeder"),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		// A round is flushed as a whole; waiting for it makes one batch a partition.
		kgo.ProducerLinger(requestLimit),
		kgo.MaxBufferedRecords(maxRound),
		kgo.RecordDeliveryTimeout(requestLimit),
	)
	if err != nil {
		return nil, fmt.Errorf("nexmark feeder: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	f := &Feeder{opts: o, gen: gen, client: client, cancel: cancel}
	f.done.Add(1)
	go f.run(ctx)
	return f, nil
}

// Close stops after the round that is being written.
func (f *Feeder) Close() {
	f.cancel()
	f.done.Wait()
	f.client.Close()
}

// Counters may be called at any time.
func (f *Feeder) Counters() Counters {
	n := f.next.Load()
	epochs, rest := n/nexmark.EpochEvents, n%nexmark.EpochEvents
	persons := min(rest, nexmark.PersonsPerEpoch)
	auctions := min(rest-persons, nexmark.AuctionsPerEpoch)
	c := Counters{
		Events:   n,
		Persons:  epochs*nexmark.PersonsPerEpoch + persons,
		Auctions: epochs*nexmark.AuctionsPerEpoch + auctions,
		Bids:     epochs*nexmark.BidsPerEpoch + rest - persons - auctions,
		Sent:     f.sent.Load(),
	}
	if err := f.err.Load(); err != nil {
		c.Err = *err
	}
	return c
}

// run feeds until ctx ends. After any failure it does not know which events of
// the round arrived, so it finds its place anew.
func (f *Feeder) run(ctx context.Context) {
	defer f.done.Done()
	for ctx.Err() == nil {
		err := f.feed(ctx)
		if ctx.Err() != nil {
			return
		}
		f.err.Store(&err)
		select {
		case <-ctx.Done():
		case <-time.After(retryAfter):
		}
	}
}

// feed resumes and writes rounds until something fails.
func (f *Feeder) feed(ctx context.Context) error {
	at, err := f.resume(ctx)
	if err != nil {
		return err
	}
	now := millis(time.Now())
	w := &round{feeder: f, place: at, clock: max(now, at.clock)}
	if err := w.write(ctx, at.scanFrom, at.next, now); err != nil {
		return err
	}
	f.next.Store(at.next)
	f.err.Store(nil)
	tick := time.NewTicker(roundEvery)
	defer tick.Stop()
	owed, last := 0.0, time.Now()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		t := time.Now()
		// What cannot be written within a second is not owed any more.
		owed = min(owed+t.Sub(last).Seconds()*float64(f.opts.EventsPerSecond), float64(f.opts.EventsPerSecond)+1)
		last = t
		n := min(uint64(owed), maxRound, f.gen.MaxEvents()-f.next.Load())
		if n == 0 {
			continue
		}
		owed -= float64(n)
		from := f.next.Load()
		if err := w.write(ctx, from, from+n, millis(t)); err != nil {
			return err
		}
		f.next.Store(from + n)
	}
}

func millis(t time.Time) int64 { return t.UnixMilli() }

// round writes ranges of events and waits until all are acknowledged.
type round struct {
	feeder *Feeder
	place  place
	clock  int64 // event time of the latest event, in ms; never goes back
	text   []byte
	ev     nexmark.Event
}

// write sends the events of [from, to) that are not in the topics yet, their
// times spread from the last round's end to now.
func (r *round) write(ctx context.Context, from, to uint64, now int64) error {
	var failed error
	var mu sync.Mutex
	promise := func(_ *kgo.Record, err error) {
		if err != nil {
			mu.Lock()
			failed = errors.Join(failed, err)
			mu.Unlock()
		}
	}
	start, span := r.clock, max(now-r.clock, 0)
	r.text = r.text[:0]
	sent := uint64(0)
	for i := from; i < to; i++ {
		kind := nexmark.KindOf(i)
		p := partitionOf(i, r.place.partitions[kind])
		if int64(i) <= r.place.last[kind][p] {
			continue
		}
		at := start + span*int64(i-from+1)/int64(to-from)
		r.feeder.gen.FillAt(&r.ev, i, at*1000)
		// When text grows, earlier records keep the old array.
		begin := len(r.text)
		r.text = r.ev.AppendJSON(r.text)
		middle := len(r.text)
		r.text = strconv.AppendUint(r.text, i, 10)
		r.feeder.client.Produce(ctx, &kgo.Record{
			Topic: Topics[kind], Partition: int32(p), Timestamp: time.UnixMilli(at),
			Value:   r.text[begin:middle:middle],
			Headers: []kgo.RecordHeader{{Key: EventHeader, Value: r.text[middle:len(r.text):len(r.text)]}},
		}, promise)
		sent++
	}
	if err := r.feeder.client.Flush(ctx); err != nil {
		return err
	}
	r.clock = start + span
	r.feeder.sent.Add(sent)
	mu.Lock()
	defer mu.Unlock()
	return failed
}

// partitionOf is the partition of event i in a topic of n partitions.
func partitionOf(i uint64, n int) int { return int(i / chunkEvents % uint64(n)) }

// createTopics makes the topics that do not exist.
func (f *Feeder) createTopics(ctx context.Context) error {
	responses, err := kadm.NewClient(f.client).CreateTopics(ctx, int32(f.opts.Partitions), -1, nil, Topics[:]...)
	if err != nil {
		return err
	}
	for _, r := range responses {
		if r.Err != nil && !errors.Is(r.Err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("create topic %s: %w", r.Topic, r.Err)
		}
	}
	return nil
}
