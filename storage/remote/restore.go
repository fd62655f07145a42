package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/crashpoint"
	"github.com/heliosdb/heliosdb-streaming/storage/epoch"
	"github.com/heliosdb/heliosdb-streaming/storage/object"
	"github.com/heliosdb/heliosdb-streaming/storage/wal"
)

var (
	crashRestoredEpoch = crashpoint.Register("remote.restore.epoch")
	crashRestoredLog   = crashpoint.Register("remote.restore.log")
)

// progressEvery is how often a download says how far it is.
const progressEvery = 5 * time.Second

// stores opens the local store and log.
func (s *State) stores() error {
	eopt, wopt, err := s.opt.Prepare()
	if err != nil {
		return err
	}
	eopt.Dir, s.ring = s.opt.Dir, wopt.Keyring
	if s.store, err = epoch.Open(eopt); err != nil {
		return err
	}
	s.log, err = wal.Open(s.opt.Dir, wopt)
	return err
}

func (s *State) closeStores() error {
	var err error
	if s.store != nil {
		err = s.store.Close()
	}
	if s.log != nil {
		err = errors.Join(err, s.log.Close())
	}
	s.store, s.log = nil, nil
	return err
}

// openLocal opens what the local directory holds. It reports false, with nothing open, when that is damaged or lacks
// something that the bucket has.
func (s *State) openLocal(ctx context.Context, t *tail) (bool, error) {
	err := s.mendKeyring(ctx)
	if err == nil {
		err = s.stores()
	}
	if errors.Is(err, epoch.ErrCorrupt) || errors.Is(err, wal.ErrCorrupt) {
		s.opt.Logger.Error("the local directory is damaged; the bucket has everything", "directory", s.opt.Dir, "error", err)
		return false, s.closeStores()
	}
	if err != nil {
		return false, err
	}
	ok, err := s.upToDate(ctx, t)
	if err != nil || ok {
		return ok, err
	}
	return false, s.closeStores()
}

// upToDate reports whether the open stores have all that the bucket has.
func (s *State) upToDate(ctx context.Context, t *tail) (bool, error) {
	if t.base != nil {
		ref := t.base.Manifests[0]
		if m := s.store.Manifest(); m == nil || m.Epoch < ref.Epoch || m.LogPos < ref.LogPos {
			return false, nil
		}
		head, _, err := readManifest(ctx, s.bucket, ref.Key)
		switch {
		case damaged(err):
			s.opt.Logger.Error("the newest checkpoint in the bucket is damaged; the next one is uploaded as a whole",
				"bucket", s.opt.Name, "epoch", ref.Epoch, "error", err)
			s.setRetained(t.base.Manifests[1:])
		case err != nil:
			return false, err
		default:
			s.know(ref, head)
		}
	}
	if t.last() > s.log.LastPos() {
		return false, nil
	}
	// The last records there are the same as here, unless the directory is not what state.json takes it for.
	for i := len(t.heads) - 1; i >= 0; i-- {
		h := t.heads[i]
		if h.Records == 0 {
			continue
		}
		o, err := readLogObject(ctx, s.bucket, h.Seq)
		if err != nil {
			return false, err
		}
		return s.sameRecords(o.records)
	}
	return true, nil
}

// sameRecords compares records with those of the local log, as far as that still has them.
func (s *State) sameRecords(records []wal.Raw) (bool, error) {
	if len(records) == 0 || records[0].Pos < s.log.FirstPos() {
		return true, nil
	}
	same, end := true, errors.New("end")
	err := s.log.ReadRaw(records[0].Pos, func(r wal.Raw) error {
		i := r.Pos - records[0].Pos
		if i >= uint64(len(records)) {
			return end
		}
		same = same && r.Kind == records[i].Kind && bytes.Equal(r.Payload, records[i].Payload)
		return nil
	})
	if errors.Is(err, end) {
		err = nil
	}
	return same, err
}

// rebuild makes the local directory from the bucket and opens it.
func (s *State) rebuild(ctx context.Context, local *localState, t *tail) error {
	if err := s.clear(local); err != nil {
		return err
	}
	if err := s.writeLocal(localState{Store: s.storeID, Rebuilding: true}); err != nil {
		return err
	}
	if err := s.fetchKeyring(ctx); err != nil {
		return err
	}
	if t.base == nil && t.last() == 0 {
		return s.stores() // a new store
	}
	eopt, wopt, err := s.opt.Prepare()
	if err != nil {
		return err
	}
	eopt.Dir, s.ring = s.opt.Dir, wopt.Keyring
	start := time.Now()
	ref := manifestRef{LogSeq: 1}
	if t.base != nil {
		if ref, err = s.importEpoch(ctx, eopt, t.base.Manifests); err != nil {
			return err
		}
	}
	crashpoint.Hit(crashRestoredEpoch)
	err = wal.Import(s.opt.Dir, wopt, ref.LogPos+1, s.records(ctx, ref.LogSeq, t.end, ref.LogPos))
	if err != nil {
		return err
	}
	crashpoint.Hit(crashRestoredLog)
	if err := s.stores(); err != nil {
		return err
	}
	if last := max(t.last(), ref.LogPos); s.log.LastPos() != last {
		return fmt.Errorf("%w: its log ends with position %d, not %d", ErrCorrupt, s.log.LastPos(), last)
	}
	s.opt.Logger.Info("the local directory was made anew from the bucket", "bucket", s.opt.Name, "directory", s.opt.Dir,
		"epoch", ref.Epoch, "log_position", s.log.LastPos(), "took", time.Since(start).Round(time.Millisecond))
	return nil
}

// importEpoch takes the newest checkpoint that is whole. With the log behind it, an older one leads to the same state.
func (s *State) importEpoch(ctx context.Context, opt epoch.Options, refs []manifestRef) (manifestRef, error) {
	var failed error
	for i, ref := range refs {
		head, err := s.importManifest(ctx, opt, ref)
		if err == nil {
			s.know(ref, head)
			s.setRetained(refs[i:])
			return ref, nil
		}
		if !damaged(err) {
			return ref, err
		}
		s.opt.Logger.Error("a checkpoint in the bucket is damaged; trying the one before", "bucket", s.opt.Name, "epoch", ref.Epoch, "error", err)
		failed = errors.Join(failed, err)
	}
	return manifestRef{}, fmt.Errorf("%w: none of %d checkpoints is whole: %w", ErrCorrupt, len(refs), failed)
}

// damaged reports whether an error means that an object is missing or not what was written.
func damaged(err error) bool {
	for _, class := range []error{ErrCorrupt, epoch.ErrCorrupt, object.ErrNotFound, object.ErrCorrupt} {
		if errors.Is(err, class) {
			return true
		}
	}
	return false
}

// know remembers which runs the newest checkpoint has put into the bucket.
func (s *State) know(ref manifestRef, head *manifestHead) {
	s.heads[ref.Key] = head
	for _, r := range head.Runs {
		s.uploaded[r.Run] = r
	}
}

func (s *State) setRetained(refs []manifestRef) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retained = refs
}

func (s *State) importManifest(ctx context.Context, opt epoch.Options, ref manifestRef) (*manifestHead, error) {
	head, portable, err := readManifest(ctx, s.bucket, ref.Key)
	if err != nil {
		return nil, err
	}
	at := map[uint64]string{}
	for _, r := range head.Runs {
		at[r.Run] = r.Key
	}
	d := &download{total: head.bytes(), log: func(done, total int64) {
		s.opt.Logger.Info("downloading a checkpoint", "bucket", s.opt.Name, "epoch", ref.Epoch, "bytes", done, "of", total)
	}}
	d.next.Store(time.Now().Add(progressEvery).UnixNano())
	err = epoch.Import(opt, portable, func(r epoch.RunMeta) (io.ReadCloser, error) {
		key, ok := at[r.ID]
		if !ok {
			return nil, fmt.Errorf("%w: %s does not say where run %d is", ErrCorrupt, ref.Key, r.ID)
		}
		in, err := s.bucket.Get(ctx, key)
		if err != nil {
			return nil, err
		}
		return &counting{ReadCloser: in, d: d}, nil
	})
	return head, err
}

// download tells how far it is.
type download struct {
	total int64
	done  atomic.Int64
	next  atomic.Int64 // when to say so, Unix nanoseconds
	log   func(done, total int64)
}

type counting struct {
	io.ReadCloser
	d *download
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	done := c.d.done.Add(int64(n))
	now, next := time.Now(), c.d.next.Load()
	if now.UnixNano() > next && c.d.next.CompareAndSwap(next, now.Add(progressEvery).UnixNano()) {
		c.d.log(done, c.d.total)
	}
	return n, err
}
