package state

// Snapshots and the pages they keep.
//
// A snapshot has the epoch s; it sees the pages born at or before s that were not yet
// retired when it was taken. A page retired by the writer goes to the newest live snapshot
// that sees it (its birth ≤ s); when that one is released, to the next older one that
// sees it, or back to the pool. So every retired page is looked at once a snapshot, and
// nothing is counted per reader.

import (
	"encoding/binary"
	"sync/atomic"
)

type deadBlock struct{ ref, birth uint64 }

// Snapshot is an immutable view of a Tree. Its methods may be called by any number of
// goroutines, also while the tree is written, until Release.
type Snapshot struct {
	t        *Tree
	root     uint64
	count    int
	epoch    uint64
	released atomic.Bool
	dead     []deadBlock // retired blocks whose newest live viewer this is; under snapMu
}

// Snapshot returns a view of the tree as it is, in constant time. The pages that the writer
// replaces from here on stay until Release.
func (t *Tree) Snapshot() *Snapshot {
	s := &Snapshot{t: t, root: t.root, count: t.count, epoch: t.epoch}
	t.epoch++
	t.snapMu.Lock()
	t.snaps = append(t.snaps, s)
	t.lastLive.Store(s.epoch)
	t.snapMu.Unlock()
	return s
}

// Len is the number of entries.
func (s *Snapshot) Len() int { return s.count }

// Get returns the value of key, valid until Release.
func (s *Snapshot) Get(key []byte) (val []byte, ok bool) { return s.t.get(s.root, key) }

// Release ends the snapshot and frees what only it held. Calls after the first do nothing.
// No cursor of the snapshot may be in use any more.
func (s *Snapshot) Release() {
	if s.released.Swap(true) {
		return
	}
	t := s.t
	t.snapMu.Lock()
	at := 0
	for t.snaps[at] != s {
		at++
	}
	t.snaps = append(t.snaps[:at], t.snaps[at+1:]...)
	dead := s.dead
	s.dead = nil
	if n := len(t.snaps); n == 0 {
		t.lastLive.Store(0)
	} else {
		t.lastLive.Store(t.snaps[n-1].epoch)
	}
	if at > 0 {
		dead = t.snaps[at-1].inherit(dead)
	}
	t.snapMu.Unlock()
	t.freeDead(dead)
}

// inherit keeps the blocks that s sees too and returns the others. Called under snapMu.
func (s *Snapshot) inherit(dead []deadBlock) []deadBlock {
	rest := dead[:0]
	for _, d := range dead {
		if d.birth <= s.epoch {
			s.dead = append(s.dead, d)
		} else {
			rest = append(rest, d)
		}
	}
	return rest
}

func (t *Tree) freeDead(dead []deadBlock) {
	if t.src != nil || len(dead) <= drainBatch {
		for _, d := range dead {
			t.freeBlock(d.ref)
		}
		return
	}
	refs := make([]uint64, len(dead))
	for i, d := range dead {
		refs[i] = d.ref
	}
	t.pool.freeLater(refs)
}

// retire takes a block of the given birth out of the writer's tree: freed at once when no
// live snapshot sees it, otherwise left to the newest one that does.
func (t *Tree) retire(ref, birth uint64) {
	if birth > t.lastLive.Load() {
		t.freeBlock(ref)
		return
	}
	t.snapMu.Lock()
	if n := len(t.snaps); n > 0 && t.snaps[n-1].epoch >= birth {
		s := t.snaps[n-1]
		s.dead = append(s.dead, deadBlock{ref, birth})
		t.snapMu.Unlock()
		return
	}
	t.snapMu.Unlock()
	t.freeBlock(ref)
}

// collect walks a subtree that goes as a whole. Blocks no snapshot sees are added to free,
// the others retired. Leaves are only read when they may hold extents or be seen.
func (t *Tree) collect(ref, live uint64, free *[]uint64) {
	height := 0
	for r := ref; !t.page(r).leaf(); height++ {
		r = t.page(r).child0()
	}
	t.collectAt(ref, height, live, free)
}

func (t *Tree) collectAt(ref uint64, height int, live uint64, free *[]uint64) {
	if height > 0 {
		p := t.page(ref)
		for i := range p.n() + 1 {
			t.collectAt(p.child(i), height-1, live, free)
		}
	}
	if t.extents > 0 {
		p := t.page(ref)
		for i := range p.n() {
			t.dropCell(p, i)
		}
	}
	if live > 0 {
		if b := t.page(ref).birth(); b <= live {
			t.retire(ref, b)
			return
		}
	}
	*free = append(*free, ref)
}

// putRef writes a block reference.
func putRef(b []byte, ref uint64) { binary.NativeEndian.PutUint64(b, ref) }
