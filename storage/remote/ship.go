package remote

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/crashpoint"
	"github.com/heliosdb/heliosdb-streaming/storage/object"
	"github.com/heliosdb/heliosdb-streaming/storage/wal"
)

var (
	crashShipping = crashpoint.Register("remote.log.before-put")
	crashShipped  = crashpoint.Register("remote.log.put")
)

const (
	// shipBackoff is the pause after a log object could not be written, on top of the bucket's own retries.
	shipBackoff    = 100 * time.Millisecond
	maxShipBackoff = 5 * time.Second
)

// objectRef is a log object of the bucket.
type objectRef struct{ seq, last uint64 }

// pendingObject is the log object that is being written. Until it is known to be there, or something else in its
// place, nothing but the same bytes may be written under its number.
type pendingObject struct {
	logHead
	bytes []byte
	since time.Time
}

// ship writes records that are durable here to the bucket until ctx ends: at once when somebody waits for them, and
// otherwise every ShipInterval.
func (s *State) ship(ctx context.Context) {
	t := time.NewTicker(s.opt.ShipInterval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		case <-s.wake:
		}
		s.shipAll(ctx)
	}
}

// shipAll ships until nothing is left, ctx ends, or the bucket belongs to somebody else.
func (s *State) shipAll(ctx context.Context) {
	pause := shipBackoff
	for ctx.Err() == nil && s.behind() {
		err := s.putObject(ctx, nil)
		if err == nil {
			pause = shipBackoff
			continue
		}
		if s.Err() != nil || ctx.Err() != nil {
			return
		}
		s.opt.Logger.Error("acknowledged changes wait for the bucket; trying again", "bucket", s.opt.Name, "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, maxShipBackoff)
	}
}

// behind reports whether the bucket lacks records.
func (s *State) behind() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pending != nil || s.log.DurablePos() > s.shipped
}

// shipTo returns when the bucket has the records up to pos.
func (s *State) shipTo(ctx context.Context, pos uint64) error {
	for s.Shipped() < pos {
		if err := s.putObject(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

// settle returns when no object is pending.
func (s *State) settle(ctx context.Context) error {
	s.shipping.Lock()
	defer s.shipping.Unlock()
	return s.putPending(ctx)
}

// putObject writes one object: the next durable records, as many as fit, and the note if there is one. The object that
// was pending, if any, comes first.
func (s *State) putObject(ctx context.Context, note *checkpointNote) error {
	s.shipping.Lock()
	defer s.shipping.Unlock()
	if err := s.putPending(ctx); err != nil {
		return err
	}
	head := logHead{Checkpoint: note}
	records, err := s.nextRecords(&head)
	if err != nil {
		return err
	}
	if head.Records == 0 && note == nil {
		return nil
	}
	if err := s.setPending(head, records); err != nil {
		return err
	}
	return s.putPending(ctx)
}

// setPending makes the next object of the log. The caller holds shipping.
func (s *State) setPending(head logHead, records []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	head.Seq, head.Incarnation, head.Instance, head.First = s.nextSeq, s.incarnation, s.instance, s.shipped+1
	head.Sealed = s.ring != nil
	raw, err := encodeLogObject(&head, records)
	if err != nil {
		return err
	}
	s.pending = &pendingObject{logHead: head, bytes: raw, since: time.Now()}
	return nil
}

// putPending writes the pending object. The caller holds shipping.
func (s *State) putPending(ctx context.Context) error {
	s.mu.Lock()
	p, failed := s.pending, s.failed
	s.mu.Unlock()
	if failed != nil || p == nil {
		return failed
	}
	crashpoint.Hit(crashShipping)
	err := s.bucket.Put(ctx, logKey(p.Seq), object.Bytes(p.bytes), object.PutOptions{IfAbsent: true})
	if errors.Is(err, object.ErrExists) {
		return s.fail(s.overtaken(ctx, p.Seq))
	}
	if err != nil {
		return err
	}
	crashpoint.Hit(crashShipped)
	s.opt.Metrics.shipped(time.Since(p.since), len(p.bytes), p.Records)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = nil
	s.nextSeq = p.Seq + 1
	s.shipped = p.last()
	s.objects = append(s.objects, objectRef{p.Seq, p.last()})
	if p.Checkpoint != nil {
		s.retained = p.Checkpoint.Manifests
	}
	s.broadcast()
	return nil
}

// overtaken says who has written under a number that was ours.
func (s *State) overtaken(ctx context.Context, seq uint64) error {
	if now, _, err := readOwner(ctx, s.bucket); err == nil && now != nil && now.Instance != s.instance {
		return ownedBy(now)
	}
	return fmt.Errorf("%w: %s is not ours", ErrFenced, logKey(seq))
}

var errFull = errors.New("the log object is full")

// nextRecords encodes the durable records that the bucket lacks. The caller holds shipping.
func (s *State) nextRecords(head *logHead) ([]byte, error) {
	from := s.Shipped() + 1
	if s.log == nil || s.log.DurablePos() < from {
		return nil, nil
	}
	var buf []byte
	err := s.log.ReadRaw(from, func(r wal.Raw) error {
		if len(buf) > 0 && len(buf)+recordHeadLen+len(r.Payload) > maxLogObject {
			return errFull
		}
		buf = appendRecord(buf, r)
		head.Records++
		return nil
	})
	if err != nil && !errors.Is(err, errFull) {
		return nil, err
	}
	return buf, nil
}

// Shipped is the position up to which the bucket has the log.
func (s *State) Shipped() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shipped
}

// Admit returns nil, or why no change may be made: nothing has been done then. ErrUnreachable ends when the bucket
// answers, ErrFenced never.
func (s *State) Admit() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	if s.stalled() {
		return fmt.Errorf("%w for %v", ErrUnreachable, time.Since(s.pending.since).Round(time.Second))
	}
	return nil
}

// stalled reports whether an object waits for longer than a change may take. The caller holds mu.
func (s *State) stalled() bool {
	return s.pending != nil && time.Since(s.pending.since) > s.opt.Timeout
}

// Wait returns nil when the bucket has the log up to pos, which must be synced. When that takes longer than
// Options.Timeout, ctx ends, or the bucket is lost, the error wraps ErrInDoubt.
func (s *State) Wait(ctx context.Context, pos uint64) error {
	timeout := time.NewTimer(s.opt.Timeout)
	defer timeout.Stop()
	for {
		s.mu.Lock()
		done, failed, changed := s.shipped >= pos, s.failed, s.changed
		s.mu.Unlock()
		switch {
		case done:
			return nil
		case failed != nil:
			return fmt.Errorf("%w: %w", ErrInDoubt, failed)
		}
		select {
		case s.wake <- struct{}{}:
		default:
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrInDoubt, context.Cause(ctx))
		case <-timeout.C:
			return fmt.Errorf("%w within %v", ErrInDoubt, s.opt.Timeout)
		}
	}
}

// WaitVisible lets a reader see what the log says up to pos: when the bucket has it, or when whoever wrote it has been
// told that it is in doubt. The error is that of ctx.
func (s *State) WaitVisible(ctx context.Context, pos uint64) error {
	for {
		s.mu.Lock()
		done, changed := s.shipped >= pos || s.failed != nil || s.stalled(), s.changed
		var rest time.Duration
		if s.pending != nil {
			rest = s.opt.Timeout - time.Since(s.pending.since)
		}
		s.mu.Unlock()
		if done {
			return nil
		}
		select {
		case s.wake <- struct{}{}:
		default:
		}
		if rest <= 0 {
			rest = s.opt.Timeout
		}
		timeout := time.NewTimer(rest + time.Millisecond)
		select {
		case <-changed:
		case <-timeout.C:
		case <-ctx.Done():
			timeout.Stop()
			return context.Cause(ctx)
		}
		timeout.Stop()
	}
}

// broadcast wakes those who wait for a change. The caller holds mu.
func (s *State) broadcast() {
	close(s.changed)
	s.changed = make(chan struct{})
}
