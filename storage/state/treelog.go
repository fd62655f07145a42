package state

// What changed in a Tree since its last freeze: a chain of segments, oldest first. The
// last one is written by the tree's writer; when it grows past a share of the tree, the
// whole chain is merged in the background, the last change of a key winning, so that the
// record of changes stays in proportion to the state however long a checkpoint waits.

import (
	"bytes"
	"sync/atomic"
)

const (
	// logCompactMin is the size at which a tree's current segment is compacted at the
	// earliest; larger trees wait for logCompactShare of their size.
	logCompactMin   = 16 << 20
	logCompactShare = 4
)

type treeLog struct {
	chain
	cur *segment // the writer's
	min int64    // logCompactMin, smaller in tests
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
	l.forget()
	l.cur.reset()
	l.cur.ranges = append(l.cur.ranges, rangeDelete{lo: []byte{}})
}

func (l *treeLog) bytes() int64 { return l.chain.bytes() + l.cur.size.Load() }

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

func (l *treeLog) close() {
	l.chain.close()
	l.cur.reset()
}

// treeFrozen is what Tree.Freeze returns.
type treeFrozen struct {
	log  *chain
	segs []*segment
	done atomic.Bool
}

// Freeze hands over the changes since the last one. See Table.
func (t *Tree) Freeze() (Frozen, error) {
	l := &t.changes
	segs, err := l.take(l.cur)
	if err != nil {
		return nil, err
	}
	if !l.cur.empty() {
		l.cur = newSegment(l.pool)
	}
	return &treeFrozen{log: &l.chain, segs: segs}, nil
}

func (f *treeFrozen) Emit(put func(key, val []byte) error, del func(key []byte) error, delRange func(lo, hi []byte) error) error {
	return emitSegments(f.log.pool, f.segs, put, del, delRange)
}

func (f *treeFrozen) Discard(putBack bool) {
	if !f.done.Swap(true) {
		f.log.giveBack(f.segs, putBack)
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
