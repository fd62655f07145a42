package remote

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/crashpoint"
	"github.com/heliosdb/heliosdb-streaming/storage/object"
	"github.com/heliosdb/heliosdb-streaming/storage/seal"
	"github.com/heliosdb/heliosdb-streaming/storage/wal"
)

var crashFenced = crashpoint.Register("remote.fence.put")

const (
	// maxMoves bounds how often the log is read again because it changed meanwhile.
	maxMoves    = 100
	moveBackoff = 20 * time.Millisecond
)

// readAhead bounds the log objects that are fetched at a time.
const readAhead = 8

// tail is the end of the bucket's log: what the newest checkpoint does not contain.
type tail struct {
	first, end uint64 // numbers of the log's objects: [first, end)
	lowest     uint64 // of the objects that there are, also before a gap
	// base names the checkpoints, newest first; nil if there never was one.
	base *checkpointNote
	// heads of the objects from heads[0].Seq on, ascending, without a gap: at least those from base's LogSeq on.
	heads []logHead
}

// last is the position of the last record.
func (t *tail) last() uint64 {
	if len(t.heads) == 0 {
		return 0
	}
	return t.heads[len(t.heads)-1].last()
}

// fence writes the first object of this incarnation behind everything that others have written, after which they
// cannot write any more. It returns what they have written.
func (s *State) fence(ctx context.Context) (*tail, error) {
	for attempt := 0; ; attempt++ {
		t, err := s.readTail(ctx)
		if errors.Is(err, errMoved) && attempt < maxMoves { // an owner before was at work
			select {
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			case <-time.After(moveBackoff):
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		head := logHead{
			Seq: t.end, Incarnation: s.incarnation, Instance: s.instance, First: t.last() + 1, Fence: true,
		}
		raw, err := encodeLogObject(&head, nil)
		if err != nil {
			return nil, err
		}
		err = s.bucket.Put(ctx, logKey(t.end), object.Bytes(raw), object.PutOptions{IfAbsent: true})
		if errors.Is(err, object.ErrExists) {
			if now, _, err := readOwner(ctx, s.bucket); err == nil && now != nil && now.Instance != s.instance {
				return nil, ownedBy(now)
			}
			continue // an owner before has written once more
		}
		if err != nil {
			return nil, err
		}
		crashpoint.Hit(crashFenced)
		t.heads = append(t.heads, head)
		t.end++
		s.mu.Lock()
		defer s.mu.Unlock()
		s.nextSeq, s.shipped, s.logStart = t.end, t.last(), t.lowest
		for _, h := range t.heads {
			s.objects = append(s.objects, objectRef{h.Seq, h.last()})
		}
		if t.base != nil {
			s.retained = t.base.Manifests
		}
		return t, nil
	}
}

// preflight looks at the end of the log, at the newest checkpoint and at the keyring before anything is written. An
// owner may be at work meanwhile, and what is damaged is for others to say: only a newer format, and what Check says, is
// an error here.
func (s *State) preflight(ctx context.Context) error {
	t, err := s.readTail(ctx)
	holds := err == nil && (t.base != nil || t.last() > 0)
	if err == nil && t.base != nil {
		_, _, err = readManifest(ctx, s.bucket, t.base.Manifests[0].Key)
	}
	if errors.Is(err, ErrFormat) {
		return err
	}
	if s.opt.Check == nil {
		return nil
	}
	keyring, _, err := object.ReadAll(ctx, s.bucket, KeyringKey, maxSmall)
	if err != nil && !errors.Is(err, object.ErrNotFound) {
		return err
	}
	return s.opt.Check(ctx, keyring, holds)
}

// errMoved says that the log changed while it was read.
var errMoved = errors.New("the log has moved on")

// readTail reads the log backwards to the newest checkpoint and to where that begins.
func (s *State) readTail(ctx context.Context) (*tail, error) {
	t := &tail{first: 1, end: 1, lowest: 1}
	seqs, err := s.listLog(ctx)
	if err != nil {
		return nil, err
	}
	if len(seqs) == 0 {
		return t, nil
	}
	t.end = seqs[len(seqs)-1] + 1
	// Old objects are removed in any order: what counts is the end without gaps.
	first := len(seqs) - 1
	for first > 0 && seqs[first-1] == seqs[first]-1 {
		first--
	}
	t.first, t.lowest = seqs[first], seqs[0]
	var heads []logHead // descending
	from := t.first
	for end := t.end; end > from; {
		begin := max(from, end-min(end, readAhead))
		objects, err := s.fetchLog(ctx, begin, end)
		if err != nil {
			return nil, err
		}
		for i := len(objects) - 1; i >= 0; i-- {
			o := objects[i]
			if o.Seq < from {
				break
			}
			heads = append(heads, o.logHead)
			if o.Checkpoint != nil && t.base == nil && len(o.Checkpoint.Manifests) > 0 {
				t.base = o.Checkpoint
				from = max(t.first, t.base.Manifests[0].LogSeq)
			}
		}
		end = begin
	}
	for i := range heads {
		t.heads = append(t.heads, heads[len(heads)-1-i])
	}
	return t, t.check()
}

// check verifies that nothing is missing.
func (t *tail) check() error {
	start := uint64(1)
	if t.base != nil {
		start = t.base.Manifests[0].LogSeq
	}
	if t.heads[0].Seq > start {
		return fmt.Errorf("%w: the log begins with %s, %s is needed", ErrCorrupt, logKey(t.heads[0].Seq), logKey(start))
	}
	for i := 1; i < len(t.heads); i++ {
		// Before the first checkpoint, records may begin behind an epoch that is about to be uploaded.
		if before := t.heads[i-1].last(); t.heads[i].First != before+1 && (t.base != nil || before > 0) {
			return fmt.Errorf("%w: %s begins with position %d, the one before ends with %d", ErrCorrupt, logKey(t.heads[i].Seq), t.heads[i].First, before)
		}
	}
	return nil
}

// listLog returns the numbers of the log's objects, ascending.
func (s *State) listLog(ctx context.Context) ([]uint64, error) {
	var seqs []uint64
	for info, err := range s.bucket.List(ctx, logFolder) {
		if err != nil {
			return nil, err
		}
		n, ok := parseNumbers(info.Key, logFolder, 1)
		if !ok {
			return nil, fmt.Errorf("%w: %s has no place in the log", ErrForeign, info.Key)
		}
		seqs = append(seqs, n[0])
	}
	return seqs, nil
}

// fetchLog reads the objects [begin, end), at most readAhead of them.
func (s *State) fetchLog(ctx context.Context, begin, end uint64) ([]*logObject, error) {
	type result struct {
		o   *logObject
		err error
	}
	results := make([]chan result, end-begin)
	for i := range results {
		results[i] = make(chan result, 1)
		go func() {
			o, err := readLogObject(ctx, s.bucket, begin+uint64(i))
			results[i] <- result{o, err}
		}()
	}
	var out []*logObject
	var failed error
	for _, c := range results {
		r := <-c
		if errors.Is(r.err, object.ErrNotFound) {
			r.err = errMoved
		}
		failed = errors.Join(failed, r.err)
		out = append(out, r.o)
	}
	return out, failed
}

// records yields what the bucket's log has behind pos, from object seq on.
func (s *State) records(ctx context.Context, seq, end, pos uint64) iter.Seq2[wal.Raw, error] {
	return func(yield func(wal.Raw, error) bool) {
		for seq < end {
			next := min(seq+readAhead, end)
			objects, err := s.fetchLog(ctx, seq, next)
			if err != nil {
				yield(wal.Raw{}, err)
				return
			}
			for _, o := range objects {
				if o.Records > 0 && o.Sealed != (s.ring != nil) {
					yield(wal.Raw{}, fmt.Errorf("%s: %w", logKey(o.Seq), map[bool]error{true: seal.ErrSealed, false: seal.ErrPlain}[o.Sealed]))
					return
				}
				for _, r := range o.records {
					if r.Pos > pos && !yield(r, nil) {
						return
					}
				}
			}
			seq = next
		}
	}
}
