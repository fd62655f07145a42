package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/heliosdb/heliosdb-streaming/internal/crashpoint"
	"github.com/heliosdb/heliosdb-streaming/storage/epoch"
	"github.com/heliosdb/heliosdb-streaming/storage/object"
)

var (
	crashRunUploaded      = crashpoint.Register("remote.upload.run")
	crashManifestUploaded = crashpoint.Register("remote.upload.manifest")
	crashCheckpointTrue   = crashpoint.Register("remote.upload.done")
)

// uploadParallel bounds the runs that travel at a time.
const uploadParallel = 8

// Upload says what a checkpoint took.
type Upload struct {
	Epoch    uint64
	LogPos   uint64
	Bytes    int64 // sent
	Runs     int   // sent
	All      int64 // bytes of all runs of the checkpoint
	Duration time.Duration
}

// Checkpoint uploads the last local epoch: its runs that the bucket lacks, its manifest, and last the object of the
// log that makes it true. After an error it is not true, or, if that object was on its way, becomes true later; the
// next checkpoint goes on from there. Garbage is collected behind it, whose failure is only logged.
func (s *State) Checkpoint(ctx context.Context) (Upload, error) {
	s.uploading.Lock()
	defer s.uploading.Unlock()
	start := time.Now()
	if err := s.settle(ctx); err != nil {
		return Upload{}, err
	}
	snap, err := s.store.Snapshot()
	if err != nil {
		return Upload{}, err
	}
	defer snap.Release()
	m := snap.Manifest()
	if m == nil {
		return Upload{}, nil
	}
	if refs := s.refs(); len(refs) > 0 && refs[0].Epoch >= m.Epoch {
		return Upload{Epoch: refs[0].Epoch, LogPos: refs[0].LogPos}, nil
	}
	if !s.knowsHeads {
		// So that collect knows what a checkpoint has that this one puts out. What cannot be read is an orphan later.
		_, err := s.readHeads(ctx, s.refs())
		s.knowsHeads = err == nil
	}
	up := Upload{Epoch: m.Epoch, LogPos: m.LogPos}
	head := &manifestHead{Epoch: m.Epoch, Incarnation: s.incarnation, LogPos: m.LogPos, Created: start.UTC()}
	if err := s.uploadRuns(ctx, snap, head, &up); err != nil {
		return up, fmt.Errorf("upload the runs of epoch %d: %w", m.Epoch, err)
	}
	if err := s.commit(ctx, snap, head); err != nil {
		return up, fmt.Errorf("upload the manifest of epoch %d: %w", m.Epoch, err)
	}
	up.All, up.Duration = head.bytes(), time.Since(start)
	s.opt.Metrics.checkpointed(up)
	if err := s.collect(ctx); err != nil && ctx.Err() == nil {
		s.opt.Logger.Warn("garbage in the bucket could not be removed; it is tried again after the next checkpoint", "bucket", s.opt.Name, "error", err)
	}
	return up, nil
}

// CheckpointInfo describes a checkpoint in the bucket.
type CheckpointInfo struct {
	Epoch   uint64
	LogPos  uint64
	Created time.Time
	Runs    int
	Bytes   int64 // of all its runs, shared ones included
	Object  string
}

// Checkpoints lists the checkpoints that the bucket keeps, newest first.
func (s *State) Checkpoints() []CheckpointInfo {
	var out []CheckpointInfo
	for _, r := range s.refs() {
		out = append(out, CheckpointInfo{Epoch: r.Epoch, LogPos: r.LogPos, Created: r.Created, Runs: r.Runs, Bytes: r.Bytes, Object: r.Key})
	}
	return out
}

// refs are the checkpoints that the bucket keeps, newest first.
func (s *State) refs() []manifestRef {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.retained
}

// uploadRuns puts the runs of the snapshot into the bucket and fills in where they are.
func (s *State) uploadRuns(ctx context.Context, snap *epoch.Snapshot, head *manifestHead, up *Upload) error {
	runs := snap.Runs()
	refs := make([]runRef, len(runs))
	lacking := int64(0)
	fresh := func(r *epoch.RunMeta) bool {
		known, ok := s.uploaded[r.ID]
		return !ok || known.Bytes != r.StreamBytes() || s.opt.Full && known.Key != runObject(s.incarnation, head.Epoch, r.ID)
	}
	for i := range runs {
		if fresh(&runs[i]) {
			lacking += runs[i].StreamBytes()
		}
	}
	s.opt.Metrics.pending(lacking)
	defer s.opt.Metrics.pending(0)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(uploadParallel)
	for i := range runs {
		r := &runs[i]
		if !fresh(r) {
			refs[i] = s.uploaded[r.ID]
			continue
		}
		refs[i] = runRef{Run: r.ID, Key: runObject(s.incarnation, head.Epoch, r.ID), Bytes: r.StreamBytes()}
		up.Bytes += refs[i].Bytes
		up.Runs++
		g.Go(func() error {
			if err := s.uploadRun(gctx, snap, *r, refs[i]); err != nil {
				refs[i].Key = ""
				return err
			}
			s.opt.Metrics.sent(refs[i].Bytes)
			crashpoint.Hit(crashRunUploaded)
			return nil
		})
	}
	err := g.Wait()
	for _, ref := range refs {
		if ref.Key != "" {
			s.uploaded[ref.Run] = ref
		}
	}
	head.Runs = refs
	return err
}

func (s *State) uploadRun(ctx context.Context, snap *epoch.Snapshot, r epoch.RunMeta, ref runRef) error {
	body := object.Stream{Length: ref.Bytes, Reopen: func() (io.ReadCloser, error) { return io.NopCloser(snap.OpenRun(r)), nil }}
	return s.bucket.Put(ctx, ref.Key, body, object.PutOptions{IfAbsent: true})
}

// commit writes the manifest and then the object of the log that names it.
func (s *State) commit(ctx context.Context, snap *epoch.Snapshot, head *manifestHead) error {
	// The log in the bucket has no gap, so that older checkpoints lead to the present, too.
	if err := s.shipTo(ctx, head.LogPos); err != nil {
		return err
	}
	head.LogSeq = s.seqBehind(head.LogPos)
	portable, err := snap.ExportManifest()
	if err != nil {
		return err
	}
	if head.Keys, err = s.keysOf(snap); err != nil {
		return err
	}
	raw, err := encodeManifest(head, portable)
	if err != nil {
		return err
	}
	ref := manifestRef{
		Epoch: head.Epoch, Key: manifestKey(head.Epoch, head.Incarnation), LogPos: head.LogPos, LogSeq: head.LogSeq,
		Created: head.Created, Runs: len(head.Runs), Bytes: head.bytes(), Lineage: s.opt.Lineage(snap.Manifest().Meta),
	}
	opts := object.PutOptions{IfAbsent: true}
	err = s.bucket.Put(ctx, ref.Key, object.Bytes(raw), opts)
	if errors.Is(err, object.ErrExists) {
		// Left by an attempt of ours that did not come as far as the log; nobody else uses this name.
		if err = s.bucket.Delete(ctx, ref.Key); err == nil {
			err = s.bucket.Put(ctx, ref.Key, object.Bytes(raw), opts)
		}
	}
	if err != nil {
		return err
	}
	crashpoint.Hit(crashManifestUploaded)
	s.heads[ref.Key] = head
	old := slices.DeleteFunc(slices.Clone(s.refs()), func(r manifestRef) bool { return r.Lineage != ref.Lineage })
	note := &checkpointNote{Manifests: append([]manifestRef{ref}, old[:min(len(old), s.opt.Retained-1)]...)}
	if err := s.putObject(ctx, note); err != nil {
		return err
	}
	crashpoint.Hit(crashCheckpointTrue)
	return nil
}

// seqBehind returns the number of the first object of the log that has records behind pos, or of the next one.
func (s *State) seqBehind(pos uint64) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.objects {
		if o.last > pos {
			return o.seq
		}
	}
	return s.nextSeq
}
