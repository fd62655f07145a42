package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/heliosdb/heliosdb-streaming/exec"
	"github.com/heliosdb/heliosdb-streaming/internal/crashpoint"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/source"
	"github.com/heliosdb/heliosdb-streaming/internal/tracing"
)

// checkpointer remembers the last checkpoint, for people and metrics.
type checkpointer struct {
	running sync.Mutex         // one at a time
	end     context.CancelFunc // ends the loop
	mu      sync.Mutex
	last    CheckpointInfo
}

// CheckpointInfo describes the last complete checkpoint.
type CheckpointInfo struct {
	Epoch    uint64
	At       time.Time
	Duration time.Duration
	Stall    time.Duration // the longest for which a graph could not step
	Failures int
	Err      error // of the last attempt
}

// Names of the places between the steps of a checkpoint, for crash tests.
var (
	crashFrozen    = crashpoint.Register("checkpoint.frozen")
	crashWritten   = crashpoint.Register("checkpoint.written")
	crashCommitted = crashpoint.Register("checkpoint.committed")
	crashTruncated = crashpoint.Register("checkpoint.truncated")
)

// checkpointLoop takes a checkpoint every interval.
func (s *Server) checkpointLoop(ctx context.Context) {
	t := time.NewTicker(s.cfg.Streaming.CheckpointInterval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			if err := s.Checkpoint(ctx); err != nil && ctx.Err() == nil {
				s.logger("checkpoint").Error("checkpoint failed", "error", err)
			}
		}
	}
}

// Checkpoint writes an epoch: everything as it stands at a step boundary of
// every graph. Steps go on while it is written.
func (s *Server) Checkpoint(ctx context.Context) error {
	s.checkpoints.running.Lock()
	defer s.checkpoints.running.Unlock()
	return s.checkpoint(ctx, false)
}

// checkpoint is Checkpoint under checkpoints.running. alone keeps writes of tables
// out while it freezes, so that the epoch needs no log after it to be whole.
func (s *Server) checkpoint(ctx context.Context, alone bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	start := time.Now()
	info, offsets, err := s.writeEpoch(alone)
	if err == nil {
		err = s.upload(ctx)
	}
	tracing.Record("checkpoint", start, err, attribute.Int64("epoch", int64(info.Epoch)), attribute.Int64("stall_us", info.Stall.Microseconds()))
	s.checkpoints.mu.Lock()
	defer s.checkpoints.mu.Unlock()
	last := &s.checkpoints.last
	if err != nil {
		last.Failures++
		last.Err = err
		s.metrics.checkpointFailures.Inc()
		return checkpointError(ctx, err)
	}
	info.At, info.Duration, info.Failures = start, time.Since(start), last.Failures
	*last = info
	s.metrics.checkpointDuration.Observe(info.Duration.Seconds())
	s.metrics.checkpointStall.Observe(info.Stall.Seconds())
	s.commitOffsets(offsets)
	return nil
}

// checkpointError is what people are told: a disk or a bucket that fails is no fault of the program.
func checkpointError(ctx context.Context, err error) error {
	var told *pgerr.Error
	if errors.As(err, &told) || ctx.Err() != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return pgerr.Storage(err, "checkpoint: %v", err)
}

// LastCheckpoint describes the last complete checkpoint.
func (s *Server) LastCheckpoint() CheckpointInfo {
	s.checkpoints.mu.Lock()
	defer s.checkpoints.mu.Unlock()
	return s.checkpoints.last
}

func (s *Server) writeEpoch(alone bool) (CheckpointInfo, map[uint32]source.Offsets, error) {
	var info CheckpointInfo
	w, err := s.store.Begin()
	if err != nil {
		return info, nil, err
	}
	if alone {
		s.writes.Lock()
	}
	frozen, meta, err := s.freeze(&info)
	if alone {
		s.writes.Unlock()
	}
	if err != nil {
		w.Abort()
		return info, nil, err
	}
	crashpoint.Hit(crashFrozen)
	ok := false
	defer func() { frozen.Done(ok) }()
	if err := frozen.Write(w); err != nil {
		w.Abort()
		return info, nil, err
	}
	crashpoint.Hit(crashWritten)
	raw, err := encodeJSON(meta)
	if err != nil {
		w.Abort()
		return info, nil, err
	}
	if err := w.Commit(meta.Contained, raw); err != nil {
		return info, nil, err
	}
	ok = true
	crashpoint.Hit(crashCommitted)
	info.Epoch = w.Epoch()
	if s.remote == nil { // otherwise the log is needed until the bucket has the epoch
		if err := s.wal.TruncateBefore(meta.Contained + 1); err != nil {
			return info, nil, err
		}
	}
	crashpoint.Hit(crashTruncated)
	return info, meta.offsets(), nil
}

// freeze flips the epoch of every graph and describes it. DDL waits meanwhile.
func (s *Server) freeze(info *CheckpointInfo) (*exec.Frozen, *epochMeta, error) {
	s.ddl.Lock()
	defer s.ddl.Unlock()
	cat := s.catalog()
	// A write or a cut that is in the log by now is applied under the lock of its
	// graph, so each graph holds it when its turn comes.
	contained := s.wal.LastPos()
	// A change of users that is in the log by now is applied before this returns.
	users, err := s.auth.Snapshot()
	if err != nil {
		return nil, nil, err
	}
	frozen, err := s.engine.Freeze(false)
	if err != nil {
		return nil, nil, err
	}
	info.Stall = frozen.Stall
	return frozen, &epochMeta{
		Format: metaFormat, Contained: contained, NextOID: cat.nextOID, NextOp: cat.nextOp, PausedAt: cat.pausedAt, Auth: users,
		Relations: cat.user(), Graphs: frozen.Graphs, TakenAt: time.Now().UnixMicro(),
		RestoredFrom: s.restored.From, RestoredDigest: s.restored.Digest, RestoredAt: s.restored.At,
	}, nil
}

// offsets are the sources' offsets in the epoch, the least where two graphs
// read one source.
func (m *epochMeta) offsets() map[uint32]source.Offsets {
	out := map[uint32]source.Offsets{}
	for _, g := range m.Graphs {
		for _, src := range g.Sources {
			if out[src.Rel] == nil || g.Home == 0 && !g.Parked {
				out[src.Rel] = src.Offsets
			}
		}
	}
	return out
}

// commitOffsets tells the consumer groups; best effort, in the background.
func (s *Server) commitOffsets(offsets map[uint32]source.Offsets) {
	s.specsMu.Lock()
	defer s.specsMu.Unlock()
	for rel, o := range offsets {
		if spec := s.specs[rel]; spec != nil {
			spec.Commit(o)
		}
	}
}
