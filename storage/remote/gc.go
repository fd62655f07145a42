package remote

import (
	"context"
	"slices"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/crashpoint"
)

var (
	crashManifestRemoved = crashpoint.Register("remote.gc.manifest")
	crashLogRemoved      = crashpoint.Register("remote.gc.log")
	crashRunsRemoved     = crashpoint.Register("remote.gc.runs")
)

const (
	// orphansEvery is how often the bucket is searched for objects that a process left behind when it ended.
	orphansEvery = 10 * time.Minute
	// orphanAge is the age from which such objects are removed. Nobody can need younger ones either: it is for people
	// who find out that they did something wrong.
	orphanAge = 15 * time.Minute
	// deleteBatch bounds the keys that are deleted at a time.
	deleteBatch = 256
)

// collect removes what no retained checkpoint needs: first manifests, then the log before the oldest one, then runs.
// A crash between leaves orphans only. The caller holds uploading, so no upload of this process is in progress; a
// process that took the bucket over meanwhile goes on from the newest checkpoint of this one at least, and what it
// writes bears its own incarnation, which is left alone here.
func (s *State) collect(ctx context.Context) error {
	refs := s.refs()
	if len(refs) == 0 {
		return nil
	}
	keep, err := s.readHeads(ctx, refs)
	if err != nil {
		return err
	}
	needed := map[string]bool{}
	for _, h := range keep {
		for _, r := range h.Runs {
			needed[r.Key] = true
		}
	}
	var gone []string
	runs := map[string]bool{}
	for key, h := range s.heads {
		if keep[key] != nil {
			continue
		}
		gone = append(gone, key)
		for _, r := range h.Runs {
			if !needed[r.Key] {
				runs[r.Key] = true
			}
		}
	}
	if err := s.remove(ctx, gone, crashManifestRemoved); err != nil {
		return err
	}
	if err := s.collectLog(ctx, refs); err != nil {
		return err
	}
	var dead []string
	for key := range runs {
		dead = append(dead, key)
	}
	if err := s.remove(ctx, dead, crashRunsRemoved); err != nil {
		return err
	}
	for _, key := range gone {
		delete(s.heads, key)
	}
	newest := map[string]bool{}
	for _, r := range keep[refs[0].Key].Runs {
		newest[r.Key] = true
	}
	for id, r := range s.uploaded {
		if !newest[r.Key] {
			delete(s.uploaded, id)
		}
	}
	return s.collectOrphans(ctx, keep, needed)
}

// readHeads returns the heads of the retained manifests. One that cannot be read any more is retained no longer.
func (s *State) readHeads(ctx context.Context, refs []manifestRef) (map[string]*manifestHead, error) {
	keep := map[string]*manifestHead{}
	lost := map[string]bool{}
	for _, ref := range refs {
		head := s.heads[ref.Key]
		if head == nil {
			var err error
			head, _, err = readManifest(ctx, s.bucket, ref.Key)
			if damaged(err) {
				s.opt.Logger.Error("an older checkpoint in the bucket is damaged", "bucket", s.opt.Name, "epoch", ref.Epoch, "error", err)
				lost[ref.Key] = true
				continue
			}
			if err != nil {
				return nil, err
			}
			s.heads[ref.Key] = head
		}
		keep[ref.Key] = head
	}
	if len(lost) > 0 {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.retained = slices.DeleteFunc(slices.Clone(s.retained), func(r manifestRef) bool { return lost[r.Key] })
	}
	return keep, nil
}

// collectLog removes the objects of the log that all retained checkpoints contain, the oldest first.
func (s *State) collectLog(ctx context.Context, refs []manifestRef) error {
	least := refs[0].LogSeq
	for _, r := range refs {
		least = min(least, r.LogSeq)
	}
	newest := refs[0].LogSeq
	s.mu.Lock()
	// The newest checkpoint's log is all that seqBehind asks for.
	s.objects = slices.DeleteFunc(s.objects, func(o objectRef) bool { return o.seq < newest })
	from := s.logStart
	s.mu.Unlock()
	for from < least {
		var keys []string
		for ; from < least && len(keys) < deleteBatch; from++ {
			keys = append(keys, logKey(from))
		}
		if err := s.remove(ctx, keys, crashLogRemoved); err != nil {
			return err
		}
		s.mu.Lock()
		s.logStart = from
		s.mu.Unlock()
	}
	return nil
}

// remove deletes objects in batches.
func (s *State) remove(ctx context.Context, keys []string, point string) error {
	slices.Sort(keys)
	for batch := range slices.Chunk(keys, deleteBatch) {
		if err := s.bucket.Delete(ctx, batch...); err != nil {
			return err
		}
		s.opt.Metrics.removed(len(batch))
		crashpoint.Hit(point)
	}
	return nil
}

// collectOrphans looks, now and then, for manifests and runs that nothing names: of processes that ended during an
// upload or a collection. It leaves alone what a later incarnation has written.
func (s *State) collectOrphans(ctx context.Context, keep map[string]*manifestHead, needed map[string]bool) error {
	if time.Since(s.orphaned) < s.opt.orphansEvery {
		return nil
	}
	var dead []string
	old := time.Now().Add(-s.opt.orphanAge)
	for info, err := range s.bucket.List(ctx, manifests) {
		if err != nil {
			return err
		}
		n, ok := parseNumbers(info.Key, manifests, 2)
		if ok && n[1] <= s.incarnation && keep[info.Key] == nil && info.Modified.Before(old) {
			dead = append(dead, info.Key)
		}
	}
	for info, err := range s.bucket.List(ctx, runFolder) {
		if err != nil {
			return err
		}
		n, ok := parseNumbers(info.Key, runFolder, 3)
		if ok && n[0] <= s.incarnation && !needed[info.Key] && info.Modified.Before(old) {
			dead = append(dead, info.Key)
		}
	}
	if err := s.remove(ctx, dead, crashRunsRemoved); err != nil {
		return err
	}
	s.orphaned = time.Now()
	if len(dead) > 0 {
		s.opt.Logger.Info("objects that nobody needs were removed from the bucket", "bucket", s.opt.Name, "objects", len(dead))
	}
	return nil
}
