package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/source"
)

// minRefresh is the least time between two looks at the metadata.
const minRefresh = 100 * time.Millisecond

// manage keeps partitions and leaders up to date until the reader is closed.
func (r *Reader) manage() {
	defer r.wg.Done()
	tries := 0
	for {
		wait := r.opts.MetadataMaxAge
		err := r.update()
		if r.ctx.Err() != nil {
			return
		}
		r.mu.Lock()
		if err != nil {
			wait = backoff(tries)
			tries++
			r.problem, r.retryAt = r.acc.reason(r.opts.Topic, r.brokers(), err), time.Now().Add(wait)
		} else {
			tries, r.problem = 0, ""
		}
		r.mu.Unlock()
		r.ready()
		if err != nil {
			if !r.sleep(wait) {
				return
			}
			continue
		}
		t := time.NewTimer(wait)
		select {
		case <-r.ctx.Done():
		case <-t.C:
		case <-r.again:
			r.sleep(minRefresh)
		}
		t.Stop()
	}
}

// update looks at the topic's metadata and end offsets once.
func (r *Reader) update() error {
	ctx, cancel := context.WithTimeout(r.ctx, r.opts.RequestTimeout)
	defer cancel()
	info, err := describeTopic(ctx, r.cl, r.opts.Topic)
	if err != nil {
		r.lostTopic(err)
		return err
	}
	r.mu.Lock()
	if r.topicID != info.id && r.topicID != [16]byte{} {
		r.mu.Unlock()
		r.fail(pgerr.New(pgerr.ObjectNotInPrerequisiteState,
			"topic %q was deleted and created again while it was being read", r.opts.Topic).
			WithHint("Its offsets begin anew. DROP the source and create it again."))
		return nil
	}
	r.topicID = info.id
	first := !r.seen && len(r.from) == 0
	var fresh []int32
	for id := range info.leaders {
		if r.parts[id] == nil {
			fresh = append(fresh, id)
		}
	}
	r.mu.Unlock()
	if len(fresh) > 0 {
		if err := r.start(ctx, fresh, first); err != nil {
			return err
		}
	}
	r.assign(info)
	return r.updateEnds(ctx)
}

// lostTopic marks all partitions when the brokers say that there is no topic:
// one that appears later is read from its beginning.
func (r *Reader) lostTopic(err error) {
	if !errors.Is(err, errNoTopic) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = true
	for _, p := range r.order {
		p.problem, p.leader = r.acc.reason(r.opts.Topic, "", err), -1
	}
}

// start makes partitions known: where the graph stands, else, when nothing of
// the source has ever been read, by the startup mode, else from 0.
func (r *Reader) start(ctx context.Context, fresh []int32, byMode bool) error {
	var at source.Offsets
	if byMode {
		var err error
		if at, err = listOffsets(ctx, r.cl, r.opts.Topic, r.opts.startAt()); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = true
	for _, id := range fresh {
		n, known := r.from[id]
		if !known && byMode {
			n = at[id]
		}
		r.add(id, n, !known && byMode)
	}
	return nil
}

// assign gives partitions to the fetchers of their leaders.
func (r *Reader) assign(info *topicInfo) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.order {
		leader, ok := info.leaders[p.id]
		if !ok || leader < 0 {
			p.leader, p.problem = -1, fmt.Sprintf("topic %q partition %d has no leader", r.opts.Topic, p.id)
			continue
		}
		if p.leader != leader {
			if p.leader >= 0 || p.problem != "" { // a new one deserves a try at once
				p.problem, p.tries, p.retryAt = "", 0, time.Time{}
			}
			p.leader = leader
		}
		f := r.fetchers[leader]
		if f == nil {
			f = newFetcher(r, leader)
			r.fetchers[leader] = f
			r.wg.Add(1)
			go f.loop()
		}
		f.addr = info.addrs[leader]
	}
	r.problem = ""
	for _, f := range r.fetchers {
		f.wake()
	}
}

// updateEnds looks up the ends, which fetches tell only of what is fetched.
func (r *Reader) updateEnds(ctx context.Context) error {
	ends, err := listOffsets(ctx, r.cl, r.opts.Topic, listEnd)
	if err != nil {
		// Partitions without a leader have none; fetchers say what is wrong.
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, n := range ends {
		if p := r.parts[id]; p != nil {
			p.end = max(p.end, n)
		}
	}
	return nil
}

// outOfRange decides what becomes of a partition whose next offset the broker
// does not have: data that retention deleted, or a log that became shorter.
// done: it was put where it can be read again, or the reader has failed.
func (r *Reader) outOfRange(p ask) (done bool, err error) {
	ctx, cancel := context.WithTimeout(r.ctx, r.opts.RequestTimeout)
	defer cancel()
	adm := kadm.NewClient(r.cl)
	starts, err := adm.ListStartOffsets(ctx, r.opts.Topic)
	if err != nil {
		return false, err
	}
	ends, err := adm.ListEndOffsets(ctx, r.opts.Topic)
	if err != nil {
		return false, err
	}
	first, ok1 := starts.Lookup(r.opts.Topic, p.id)
	last, ok2 := ends.Lookup(r.opts.Topic, p.id)
	if !ok1 || !ok2 || first.Err != nil || last.Err != nil {
		return false, errNoTopic
	}
	pos := p.pos
	switch {
	case pos >= first.Offset && pos <= last.Offset:
		return false, kerr.OffsetOutOfRange // it was, a moment ago
	case pos > last.Offset:
		r.fail(lostData(r.opts.Topic, p.id, pos, first.Offset, last.Offset).
			WithDetail("The topic was created again, or a broker lost its end.").
			WithHint("DROP the source and create it again."))
	case r.opts.OnDataLoss == OnLossContinue:
		r.mu.Lock()
		defer r.mu.Unlock()
		if p.part.pos != pos {
			return true, nil // another fetcher has come further
		}
		r.notice(fmt.Sprintf("topic %q partition %d: offsets %d to %d were deleted before they were read",
			r.opts.Topic, p.id, pos, first.Offset-1))
		p.push(batch{next: first.Offset, fetched: time.Now()})
		p.part.pos = first.Offset
		p.problem, p.tries, p.retryAt = "", 0, time.Time{}
	default:
		r.fail(lostData(r.opts.Topic, p.id, pos, first.Offset, last.Offset).
			WithHint("The topic's retention deleted records before they were read. Create the source again, " +
				"or WITH (on_data_loss = 'continue') to go on at the earliest offset there is."))
	}
	return true, nil
}

func lostData(topic string, part int32, want, first, last int64) *pgerr.Error {
	return pgerr.New(pgerr.DataException,
		"data lost: topic %q partition %d has offsets %d to %d, but %d is the next to be read", topic, part, first, last, want)
}
