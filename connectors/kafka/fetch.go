package kafka

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.opentelemetry.io/otel/attribute"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/tracing"
)

// fetcher has one fetch request under way at its broker, for all partitions that
// the broker leads and that have room.
type fetcher struct {
	r       *Reader
	broker  int32
	addr    string // under r.mu
	wakeup  chan struct{}
	parser  parser
	turn    int // which partition is listed first
	tries   int // requests in a row that failed
	batches []batch
}

const (
	// roomWait is how long a broker may hold a request when some partition is not
	// in it for lack of room: a step takes that room soon, and a request that
	// waits for others must not keep it from being refilled.
	roomWait = 10 * time.Millisecond
	// sureEmpty is how many answers without a record, for the partition listed
	// first, show that there is none before the last stable offset.
	sureEmpty = 3
	// readCommitted: records of aborted and open transactions are not wanted.
	readCommitted = 1
)

// ask is a partition in a request, and the offset it asked for. The leader may
// change while the request is under way, and then two fetchers ask for the same:
// the answer counts only for the leader of the time, and while that offset is
// still the next.
type ask struct {
	*part
	pos int64
}

// stale reports whether an answer no longer counts. Called with r.mu held.
func (f *fetcher) stale(a ask) bool { return a.leader != f.broker || a.part.pos != a.pos }

func newFetcher(r *Reader, broker int32) *fetcher {
	return &fetcher{r: r, broker: broker, wakeup: make(chan struct{}, 1)}
}

// wake makes the fetcher look for partitions with room.
func (f *fetcher) wake() {
	select {
	case f.wakeup <- struct{}{}:
	default:
	}
}

func (f *fetcher) loop() {
	defer f.r.wg.Done()
	defer f.parser.close()
	for f.r.ctx.Err() == nil {
		req, want, wait := f.plan()
		if req == nil {
			t := time.NewTimer(wait)
			select {
			case <-f.r.ctx.Done():
			case <-f.wakeup:
			case <-t.C:
			}
			t.Stop()
			continue
		}
		sent := time.Now()
		resp, err := req.RequestWith(f.r.ctx, f.r.cl.Broker(int(f.broker)))
		if err == nil {
			err = kerr.ErrorForCode(resp.ErrorCode)
		}
		if f.r.ctx.Err() != nil {
			return
		}
		if err != nil {
			f.failed(want, err)
			continue
		}
		f.tries = 0
		f.apply(want, resp, time.Now())
		if tracing.On() {
			tracing.Record("fetch", sent, nil, attribute.Int("broker", int(f.broker)), attribute.Int("partitions", len(want)))
		}
	}
}

// idleWait is how long a fetcher without partitions sleeps unless it is woken.
const idleWait = time.Minute

// plan makes the next request; nil: there is nothing to fetch for so long.
func (f *fetcher) plan() (*kmsg.FetchRequest, []ask, time.Duration) {
	r := f.r
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return nil, nil, idleWait
	}
	now, wait := time.Now(), idleWait
	share := max(r.opts.BufferBytes/max(len(r.order), 1), r.opts.FetchMaxPartitionBytes)
	full := r.bytes >= r.opts.BufferBytes || r.rows >= r.opts.BufferRecords
	var want []ask
	waitMax := r.opts.FetchMaxWait
	for i := range r.order {
		p := r.order[(f.turn+i)%len(r.order)]
		switch {
		case p.leader != f.broker:
		case p.retryAt.After(now):
			wait = min(wait, p.retryAt.Sub(now))
			waitMax = min(waitMax, wait)
		case len(p.queue) > 0 && (full || p.bytes >= share):
			waitMax = min(waitMax, roomWait)
		default:
			want = append(want, ask{p, p.pos})
		}
	}
	f.turn++
	if len(want) == 0 {
		return nil, nil, wait
	}
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis = int32(max(waitMax.Milliseconds(), 1))
	req.MinBytes = int32(r.opts.FetchMinBytes)
	req.MaxBytes = int32(r.opts.FetchMaxBytes)
	req.IsolationLevel = readCommitted
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID = r.opts.Topic, r.topicID
	for _, p := range want {
		fp := kmsg.NewFetchRequestTopicPartition()
		fp.Partition, fp.FetchOffset = p.id, p.pos
		fp.PartitionMaxBytes = int32(r.opts.FetchMaxPartitionBytes)
		t.Partitions = append(t.Partitions, fp)
	}
	req.Topics = append(req.Topics, t)
	return req, want, 0
}

// failed puts off the partitions of a request that got no answer.
func (f *fetcher) failed(want []ask, err error) {
	r := f.r
	r.mu.Lock()
	at := time.Now().Add(backoff(f.tries))
	f.tries++
	why := r.acc.reason(r.opts.Topic, f.addr, err)
	for _, a := range want {
		if !f.stale(a) {
			a.problem, a.retryAt = why, at
		}
	}
	r.mu.Unlock()
	r.refresh()
	r.ready()
}

// apply queues what a response brought.
func (f *fetcher) apply(want []ask, resp *kmsg.FetchResponse, now time.Time) {
	size := 0
	for i := range resp.Topics {
		for j := range resp.Topics[i].Partitions {
			size += len(resp.Topics[i].Partitions[j].RecordBatches)
		}
	}
	news := false
	for i := range resp.Topics {
		for j := range resp.Topics[i].Partitions {
			rp := &resp.Topics[i].Partitions[j]
			for k, a := range want {
				if a.id == rp.Partition && f.applyPart(a, rp, now, size, k == 0 && resp.ThrottleMillis == 0) {
					news = true
				}
			}
		}
	}
	if news {
		f.r.ready()
	}
}

// pinShare: a part of a response that is smaller than this share of it is copied,
// or a little that waits long would hold on to much.
const pinShare = 8

// applyPart reports whether there is something to tell the graph.
func (f *fetcher) applyPart(p ask, rp *kmsg.FetchResponseTopicPartition, now time.Time, size int, first bool) bool {
	r := f.r
	if rp.ErrorCode != 0 {
		f.partFailed(p, kerr.ErrorForCode(rp.ErrorCode))
		return true
	}
	raw := rp.RecordBatches
	if len(raw)*pinShare < size {
		raw = bytes.Clone(raw)
	}
	f.parser.now, f.parser.from = now, p.pos
	f.parser.aborted, f.parser.active = rp.AbortedTransactions, nil
	batches, err := f.parser.parse(f.batches[:0], raw)
	f.batches = batches
	defer clear(batches)

	r.mu.Lock()
	if f.stale(p) {
		r.mu.Unlock()
		return false
	}
	news := len(batches) > 0 || p.problem != "" || p.end != rp.HighWatermark
	p.end = rp.HighWatermark
	for i := range batches {
		p.push(batches[i])
		r.rows += batches[i].rows
		r.bytes += len(batches[i].data)
		p.part.pos = batches[i].next
	}
	p.pos = p.part.pos
	if err == nil {
		p.problem, p.tries, p.retryAt = "", 0, time.Time{}
		f.passEmpty(p.part, rp, len(batches) > 0 || len(raw) > 0, first, now)
	}
	r.mu.Unlock()
	if err != nil {
		f.partFailed(p, err)
	}
	return news || err != nil
}

// passEmpty passes offsets at the end of a log whose records were all compacted
// away: the broker answers with nothing, again and again, below the last stable
// offset. Called with r.mu held.
func (f *fetcher) passEmpty(p *part, rp *kmsg.FetchResponseTopicPartition, some, first bool, now time.Time) {
	if some || rp.LastStableOffset <= p.pos {
		p.empty = 0
		return
	}
	if !first {
		return
	}
	if p.empty++; p.empty >= sureEmpty {
		p.empty = 0
		p.push(batch{next: rp.LastStableOffset, fetched: now})
		p.pos = rp.LastStableOffset
	}
}

// partFailed puts off one partition, or ends the reader.
func (f *fetcher) partFailed(p ask, err error) {
	r := f.r
	switch {
	case errors.Is(err, kerr.OffsetOutOfRange):
		done, why := r.outOfRange(p)
		if done || r.ctx.Err() != nil {
			return
		}
		err = why
	case errors.Is(err, errOldFormat):
		r.fail(pgerr.Unsupported(0, "topic %q: %s", r.opts.Topic, errOldFormat.Error()))
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.stale(p) {
		return
	}
	p.problem = fmt.Sprintf("topic %q partition %d: %s", r.opts.Topic, p.id, rootMessage(err))
	p.retryAt = time.Now().Add(backoff(p.tries))
	p.tries++
	r.refresh()
}

// rootMessage is a broker's error in words.
func rootMessage(err error) string {
	var ke *kerr.Error
	if errors.As(err, &ke) {
		return ke.Message + ": " + ke.Description
	}
	return err.Error()
}
