package state

// What changed in a Tree since its last freeze: a chain of segments, oldest first. The
// last one is written by the tree's writer; when it grows past a share of the tree, the
// whole chain is merged in the background, the last change of a key winning, so that the
// record of changes stays in proportion to the state however long a checkpoint waits.

import (
	"bytes"
	"sync"
	"sync/atomic"
)

const (
	// logCompactMin is the size at which a tree's current segment is compacted at the
	// earliest; larger trees wait for logCompactShare of their size.
	logCompactMin   = 16 << 20
	logCompactShare = 4
	// maxCompactions is how many compactions may wait for each other before the writer
	// waits for the last one.
	maxCompactions = 4
	// maxOlder is how many segments failed epochs may leave before they are merged.
	maxOlder = 8
)

type treeLog struct {
	pool *Pool
	cur  *segment // the writer's
	min  int64    // logCompactMin, smaller in tests

	mu      sync.Mutex
	older   []*segment // of failed epochs and compactions, oldest first
	pending bool       // a Frozen is out
	closed  bool

	running atomic.Int32 // compactions not finished
}

func (l *treeLog) init(p *Pool) {
	l.pool, l.cur, l.min = p, newSegment(p), logCompactMin
}

func (l *treeLog) put(key, val []byte, treeBytes int64) {
	l.cur.add(key, val, false)
	l.grown(treeBytes)
}

func (l *treeLog) del(key []byte, treeBytes int64) {
	l.cur.add(key, nil, true)
	l.grown(treeBytes)
}

// canRange says whether another range delete may be recorded.
func (l *treeLog) canRange() bool { return len(l.cur.ranges) < maxRanges }

// delRange records that [lo, hi) went.
func (l *treeLog) delRange(lo, hi []byte) {
	l.cur.ranges = append(l.cur.ranges, rangeDelete{bytes.Clone(lo), bytes.Clone(hi), l.cur.end()})
}

// clear records that everything went: earlier changes do not matter any more.
func (l *treeLog) clear() {
	l.mu.Lock()
	old := l.older
	l.older = nil
	l.mu.Unlock()
	for _, s := range old {
		s.free()
	}
	l.cur.reset()
	l.cur.ranges = append(l.cur.ranges, rangeDelete{lo: []byte{}})
}

func (l *treeLog) bytes() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return 0
	}
	n := l.cur.size.Load()
	for _, s := range l.older {
		n += s.size.Load()
	}
	return n
}

// grown starts a compaction when the current segment has become large.
func (l *treeLog) grown(treeBytes int64) {
	if size := l.cur.size.Load(); size > l.min && size > treeBytes/logCompactShare {
		l.compact()
	}
}

// compact merges the chain into one segment in the background.
func (l *treeLog) compact() {
	l.mu.Lock()
	out := l.mergeOlder(l.cur)
	l.mu.Unlock()
	l.cur = newSegment(l.pool)
	if l.running.Load() >= maxCompactions {
		out.wait()
	}
}

// mergeOlder replaces the older segments, and last if there is one, by one that a
// background goroutine fills. Called under mu.
func (l *treeLog) mergeOlder(last *segment) *segment {
	out := newSegment(l.pool)
	out.ready = make(chan struct{})
	in := l.older
	if last != nil {
		in = append(in, last)
	}
	l.older = []*segment{out}
	l.running.Add(1)
	l.pool.background(func() {
		mergeSegments(out, in)
		for _, s := range in {
			s.reset()
		}
		close(out.ready)
		l.running.Add(-1)
	})
	return out
}

// mergeSegments writes the net effect of in to out.
func mergeSegments(out *segment, in []*segment) {
	// The callbacks return no errors, so neither does the merge.
	_ = emitSegments(out.pool, in,
		func(key, val []byte) error { out.add(key, val, false); return nil },
		func(key []byte) error { out.add(key, nil, true); return nil },
		func(lo, hi []byte) error { out.ranges = append(out.ranges, rangeDelete{lo: lo, hi: hi}); return nil })
}

// freeze hands over the chain.
func (l *treeLog) freeze() ([]*segment, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, ErrClosed
	}
	if l.pending {
		return nil, ErrFreezePending
	}
	l.pending = true
	if len(l.older) >= maxOlder {
		l.mergeOlder(nil)
	}
	segs := l.older
	l.older = nil
	if !l.cur.empty() {
		segs = append(segs, l.cur)
		l.cur = newSegment(l.pool)
	}
	return segs, nil
}

// unfreeze takes a discarded Frozen's chain back, or frees it.
func (l *treeLog) unfreeze(segs []*segment, putBack bool) {
	l.mu.Lock()
	l.pending = false
	if putBack && !l.closed {
		l.older = append(segs, l.older...)
		segs = nil
	}
	l.mu.Unlock()
	for _, s := range segs {
		s.free()
	}
}

func (l *treeLog) close() {
	l.mu.Lock()
	segs := append(l.older, l.cur)
	l.older = nil
	l.closed = true
	l.mu.Unlock()
	for _, s := range segs {
		s.free()
	}
}

// treeFrozen is what Tree.Freeze returns.
type treeFrozen struct {
	log  *treeLog
	segs []*segment
	done atomic.Bool
}

// Freeze hands over the changes since the last one. See Table.
func (t *Tree) Freeze() (Frozen, error) {
	segs, err := t.changes.freeze()
	if err != nil {
		return nil, err
	}
	return &treeFrozen{log: &t.changes, segs: segs}, nil
}

func (f *treeFrozen) Emit(put func(key, val []byte) error, del func(key []byte) error, delRange func(lo, hi []byte) error) error {
	return emitSegments(f.log.pool, f.segs, put, del, delRange)
}

func (f *treeFrozen) Discard(putBack bool) {
	if !f.done.Swap(true) {
		f.log.unfreeze(f.segs, putBack)
		f.segs = nil
	}
}

// fullFrozen emits a snapshot of a tree.
type fullFrozen struct{ snap *Snapshot }

// FreezeFull hands over all content. See Table.
func (t *Tree) FreezeFull() (Frozen, error) {
	if t.closed {
		return nil, ErrClosed
	}
	return &fullFrozen{t.Snapshot()}, nil
}

func (f *fullFrozen) Emit(put func(key, val []byte) error, _ func(key []byte) error, _ func(lo, hi []byte) error) error {
	c := f.snap.Cursor()
	for ok := c.Seek(nil); ok; ok = c.Next() {
		if err := put(c.Key(), c.Value()); err != nil {
			return err
		}
	}
	return nil
}

func (f *fullFrozen) Discard(bool) { f.snap.Release() }

var (
	_ Table  = (*Tree)(nil)
	_ Frozen = (*treeFrozen)(nil)
	_ Frozen = (*fullFrozen)(nil)
)
