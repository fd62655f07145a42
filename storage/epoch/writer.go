package epoch

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
)

// Writer writes one epoch. Run, Drop, Commit and Abort may be called concurrently with the RunWriters' methods, except
// that Commit and Abort come after all of them. Every Writer must end with Commit or Abort.
type Writer struct {
	s     *Store
	batch kvBatch
	epoch uint64

	mu    sync.Mutex
	runs  []*RunWriter
	drops map[TableID]bool
	done  bool
}

// Begin starts the next epoch; ErrBusy while another one is open.
func (s *Store) Begin() (*Writer, error) {
	if err := s.db.room(); err != nil {
		return nil, err
	}
	if err := s.startWriting(); err != nil {
		return nil, err
	}
	w := &Writer{s: s, batch: s.db.newBatch(), epoch: 1, drops: make(map[TableID]bool)}
	if m := s.Manifest(); m != nil {
		w.epoch = m.Epoch + 1
	}
	return w, nil
}

// startWriting takes the one place for a Writer.
func (s *Store) startWriting() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return ErrClosed
	case s.failed != nil:
		return s.failed
	case s.writing:
		return ErrBusy
	}
	s.writing = true
	return nil
}

// Epoch returns the number that the epoch will have.
func (w *Writer) Epoch() uint64 { return w.epoch }

// Run begins a run of a table: what has changed in it since the last epoch, or a worker's part of that. Runs of one
// table in one epoch must have no key in common. A RunWriter belongs to one goroutine; several may work at once.
func (w *Writer) Run(id TableID) *RunWriter {
	r := newRunWriter(w.s, w.batch, id, crashWriteBlock)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		r.err = ErrDone
	}
	w.runs = append(w.runs, r)
	return r
}

// Drop removes a table as it was in earlier epochs. Runs that this epoch writes for the same table stay, so that
// Drop and Run together replace it.
func (w *Writer) Drop(id TableID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drops[id] = true
}

// Commit makes the epoch the current one, durably and at once. logPos is the position up to which the log of changes
// is contained in it and never goes backwards; meta, which the store keeps without looking at it, belongs to the store
// from then on. When it fails the epoch does not exist, except after ErrFailed, where only a restart can tell.
func (w *Writer) Commit(logPos uint64, meta []byte) error {
	if !w.finish() {
		return ErrDone
	}
	defer w.end()
	for _, r := range w.runs {
		if err := r.Close(); err != nil {
			w.batch.cancel()
			return fmt.Errorf("run of table %d: %w", r.table, err)
		}
	}
	if m := w.s.Manifest(); m != nil && logPos < m.LogPos {
		w.batch.cancel()
		return fmt.Errorf("%w: %d, was %d", ErrBackwards, logPos, m.LogPos)
	}
	_, err := w.s.install(change{
		batch: w.batch, runs: w.runs, meta: meta, newMeta: true,
		points: [4]string{crashCommitFlushed, crashCommitSynced, crashCommitRoot, crashCommitDone},
		apply: func(m *Manifest) bool {
			m.Epoch, m.LogPos = w.epoch, logPos
			w.addRuns(m)
			return true
		},
	})
	return err
}

// addRuns puts the epoch's runs on top of the tables' runs.
func (w *Writer) addRuns(m *Manifest) {
	for id := range w.drops {
		delete(m.Tables, id)
	}
	added := make(map[TableID][]RunMeta)
	for _, r := range w.runs {
		if meta := r.meta; meta.Entries > 0 || len(meta.RangeDels) > 0 {
			meta.Epoch = w.epoch
			added[r.table] = append(added[r.table], meta)
		}
	}
	for id, runs := range added {
		old := withoutCovered(m.Tables[id], runs)
		if len(old) == 0 {
			// Nothing older is left for the range deletions to act on.
			runs = slices.DeleteFunc(runs, func(r RunMeta) bool { return r.Entries == 0 })
			for i := range runs {
				runs[i].RangeDels = nil
			}
		}
		if all := append(runs, old...); len(all) > 0 {
			m.Tables[id] = all
		} else {
			delete(m.Tables, id)
		}
	}
}

// withoutCovered returns the older runs without those that the range deletions of the newer ones delete entirely:
// closing a window costs no merge when the window had runs of its own.
func withoutCovered(old, newer []RunMeta) []RunMeta {
	var dels [][2][]byte
	for i := range newer {
		dels = append(dels, newer[i].RangeDels...)
	}
	dels = normalizeRanges(dels)
	if len(dels) == 0 {
		return old
	}
	if len(old) == 0 {
		return nil
	}
	oldest := old[len(old)-1].ID
	return slices.DeleteFunc(old, func(r RunMeta) bool {
		// A run's own range deletions must stay as long as there is something older that they may act on.
		last := r.ID == oldest
		return (len(r.RangeDels) == 0 || last) && (r.Entries == 0 || slices.ContainsFunc(dels, func(d [2][]byte) bool {
			return bytes.Compare(d[0], r.MinKey) <= 0 && (d[1] == nil || bytes.Compare(r.MaxKey, d[1]) < 0)
		}))
	})
}

// Abort gives the epoch up. Doing so after Commit or Abort is harmless.
func (w *Writer) Abort() {
	if w.finish() {
		w.batch.cancel()
		w.end()
	}
}

// finish takes the right to end the writer.
func (w *Writer) finish() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return false
	}
	w.done = true
	return true
}

// end lets the next epoch begin, and has the runs deleted that did not become part of one.
func (w *Writer) end() {
	s := w.s
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = false
	for _, r := range w.runs {
		r.closed = true
		s.discard(r)
	}
	s.wakeBackground()
}

// discard has a written run deleted unless a manifest named it. The caller holds mu.
func (s *Store) discard(r *RunWriter) {
	if _, unnamed := s.pending[r.meta.ID]; unnamed && !r.named && s.failed == nil {
		s.bury(r.meta.ID, 0)
	}
}

// normalizeRanges sorts ranges [lo, hi) and joins those that overlap or touch. A nil hi is the end of all keys.
func normalizeRanges(in [][2][]byte) [][2][]byte {
	if len(in) == 0 {
		return nil
	}
	all := slices.Clone(in)
	slices.SortFunc(all, func(a, b [2][]byte) int { return bytes.Compare(a[0], b[0]) })
	out := all[:1]
	for _, r := range all[1:] {
		last := &out[len(out)-1]
		switch {
		case last[1] == nil:
			return out
		case bytes.Compare(r[0], last[1]) > 0:
			out = append(out, r)
		case r[1] == nil || bytes.Compare(r[1], last[1]) > 0:
			last[1] = r[1]
		}
	}
	return out
}
