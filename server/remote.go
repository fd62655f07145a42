package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/storage/epoch"
	buckets "github.com/heliosdb/heliosdb-streaming/storage/object"
	"github.com/heliosdb/heliosdb-streaming/storage/remote"
	"github.com/heliosdb/heliosdb-streaming/storage/wal"
)

// closeBucket bounds what stopping still waits for the bucket: what is left
// over lies in the local directory, and the next start sends it.
const closeBucket = 10 * time.Second

// CheckStatePath says what is wrong with the name of a bucket, without asking anybody.
func CheckStatePath(cfg *config.Config) error {
	if cfg.State.BucketURL() == "" {
		return nil
	}
	if _, err := buckets.ParseFor(cfg.State.Backend, cfg.State.Path); err != nil {
		return fmt.Errorf("%s: %w", cfg.Origin("state.path"), err)
	}
	return nil
}

// openBucket opens the store and the log as the working copy of a bucket.
func (s *Server) openBucket(prepare func() (epoch.Options, wal.Options, error)) error {
	st := &s.cfg.State
	at, err := buckets.ParseFor(st.Backend, st.Path)
	if err != nil {
		return err
	}
	opts := bucketOptions(st)
	opts.Metrics = buckets.NewMetrics(s.reg)
	bucket, err := buckets.Open(s.closing, at, opts)
	if err != nil {
		return err
	}
	s.remote, err = remote.Open(s.closing, remote.Options{
		Bucket: bucket, Name: at.String(), Dir: st.LocalDir(), Retained: st.RetainedCheckpoints, Full: !st.IncrementalCheckpoints,
		TakeOver: st.TakeOver, Lease: st.Lease, Timeout: st.RequestTimeout, Prepare: prepare, Check: s.checkBucketKeys, Lineage: lineageOf,
		Metrics: remote.NewMetrics(s.reg), Logger: s.logger("storage"),
	})
	if err != nil {
		return err
	}
	s.store, s.wal = s.remote.Store(), s.remote.Log()
	return nil
}

// closeStores closes the store and the log, and gives the bucket up.
func (s *Server) closeStores() error {
	if s.remote == nil {
		return errors.Join(s.wal.Close(), s.store.Close())
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeBucket)
	defer cancel()
	return s.remote.Close(ctx)
}

// lost is closed when another process has taken the bucket over; nil without a
// bucket.
func (s *Server) lost() <-chan struct{} {
	if s.remote == nil {
		return nil
	}
	return s.remote.Lost()
}

// admit refuses a change that could not be confirmed. Nothing has been done.
func (s *Server) admit(kind byte) error {
	if s.remote == nil || kind == recordCut {
		return nil
	}
	err := s.remote.Admit()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, remote.ErrFenced), errors.Is(err, remote.ErrClosed):
		return pgerr.New(pgerr.CannotConnectNow, "this server takes no more changes: %v", err)
	}
	return pgerr.New(pgerr.IOError, "the change was refused and nothing was done: %v", err).
		WithHint("Changes are taken again as soon as the object store answers. Queries and running jobs go on.")
}

// confirm returns when the bucket has the log up to pos. The change is applied
// already: an error says that its outcome is unknown, not that it failed.
func (s *Server) confirm(ctx context.Context, pos uint64) error {
	if s.remote == nil {
		return nil
	}
	if err := s.remote.Wait(ctx, pos); err != nil {
		return pgerr.New(pgerr.TransactionResolutionUnknown, "it is not known whether the change will last: %v", err).
			WithDetail("It is stored on this machine, and the server goes on sending it to the object store, also after a restart.").
			WithHint("Look whether it is there before you repeat it. It is lost only if this machine's disk is lost before the object store answers.")
	}
	return nil
}

// visible returns when a reader may see what the log says up to pos: what the
// bucket does not have yet could still be undone by the loss of this machine.
func (s *Server) visible(ctx context.Context, pos uint64) error {
	if s.remote == nil {
		return nil
	}
	return s.remote.WaitVisible(ctx, pos)
}

// bucketCheckpoints are the rows of heliosdb.bucket_checkpoints.
func (s *Server) bucketCheckpoints() []remote.CheckpointInfo {
	if s.remote == nil {
		return nil
	}
	return s.remote.Checkpoints()
}

// upload brings the last epoch to the bucket and forgets the log that it
// contains.
func (s *Server) upload(ctx context.Context) error {
	if s.remote == nil {
		return nil
	}
	up, err := s.remote.Checkpoint(ctx)
	if err != nil {
		return err
	}
	return s.wal.TruncateBefore(up.LogPos + 1)
}
