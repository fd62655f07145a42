package devbroker

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/heliosdb/heliosdb-streaming/internal/nexmark"
)

// place is what the topics say about earlier runs.
//
// A round of events is acknowledged as a whole before the next one is sent, and
// within a partition events are in order. So the latest event of each partition
// says all: everything in that partition up to it is there, and of the events
// below the latest of all only those of its own round can be missing elsewhere.
type place struct {
	partitions [len(Topics)]int     // of each topic
	last       [len(Topics)][]int64 // latest event of each partition, -1 if none
	scanFrom   uint64               // events below are all there
	next       uint64               // no event from here on is there
	clock      int64                // latest record time, in ms
}

// resume creates the topics if need be and finds the place.
func (f *Feeder) resume(ctx context.Context) (place, error) {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	if err := f.createTopics(ctx); err != nil {
		return place{}, err
	}
	adm := kadm.NewClient(f.client)
	starts, err := adm.ListStartOffsets(ctx, Topics[:]...)
	if err != nil {
		return place{}, err
	}
	ends, err := adm.ListEndOffsets(ctx, Topics[:]...)
	if err != nil {
		return place{}, err
	}
	if err := ends.Error(); err != nil {
		return place{}, err
	}
	var at place
	emptied := make([][2]int, 0) // partitions that retention or a person emptied
	highest := int64(-1)
	for kind, topic := range Topics {
		n := len(ends[topic])
		if n == 0 {
			return place{}, fmt.Errorf("topic %s has no partitions", topic)
		}
		at.partitions[kind], at.last[kind] = n, make([]int64, n)
		for p := range n {
			end, _ := ends.Lookup(topic, int32(p))
			start, _ := starts.Lookup(topic, int32(p))
			last, clock, err := f.lastEvent(ctx, nexmark.Kind(kind), int32(p), start.Offset, end.Offset)
			if err != nil {
				return place{}, err
			}
			at.last[kind][p] = last
			highest, at.clock = max(highest, last), max(at.clock, clock)
			if last < 0 && start.Offset > 0 {
				emptied = append(emptied, [2]int{kind, p})
			}
		}
	}
	for _, e := range emptied { // they had their share of what the others show
		at.last[e[0]][e[1]] = highest
	}
	at.next = uint64(highest + 1)
	at.scanFrom = at.next - min(at.next, maxRound)
	return at, nil
}

// lastEvent finds the latest event in a partition and its time, looking back
// past records that other producers wrote. It returns -1 if there is none.
func (f *Feeder) lastEvent(ctx context.Context, kind nexmark.Kind, p int32, start, end int64) (int64, int64, error) {
	for window := int64(1); ; window *= 16 {
		from := max(start, end-window)
		last, clock := int64(-1), int64(0)
		err := f.readRange(ctx, Topics[kind], p, from, end, func(r *kgo.Record) {
			if n, ok := eventNumber(r); ok && nexmark.KindOf(n) == kind {
				last, clock = int64(n), r.Timestamp.UnixMilli()
			}
		})
		if err != nil || last >= 0 || from == start {
			return last, clock, err
		}
	}
}

// eventNumber reads the header that the feeder wrote.
func eventNumber(r *kgo.Record) (uint64, bool) {
	for _, h := range r.Headers {
		if h.Key == EventHeader {
			n, err := strconv.ParseUint(string(h.Value), 10, 63)
			return n, err == nil
		}
	}
	return 0, false
}

// readRange calls fn for the records of a partition in [from, end).
func (f *Feeder) readRange(ctx context.Context, topic string, p int32, from, end int64, fn func(*kgo.Record)) error {
	if from >= end {
		return nil
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(f.opts.Broker),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {p: kgo.NewOffset().At(from)}}),
		kgo.FetchMaxWait(time.Second),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	for at := from; at < end; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return err
		}
		for _, e := range fetches.Errors() {
			return fmt.Errorf("read %s/%d: %w", e.Topic, e.Partition, e.Err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset < end {
				fn(r)
			}
			at = r.Offset + 1
		})
	}
	return nil
}
