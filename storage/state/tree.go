package state

// Tree is an ordered map from bytes to bytes: a B+tree of the pages described in page.go.
//
// Copy on write: a page carries the epoch of its birth. A page born after the newest live
// snapshot belongs to the writer alone and is changed in place; an older one is copied
// first, from the root down, and the old copy is retired (see snapshot.go).
//
// Finger: the path of the last write is kept. A key between the first and last key of
// that leaf, or behind the last leaf's last key, is written without a descent, which
// makes appends and sorted deltas cheap.

import (
	"bytes"
	"sync"
	"sync/atomic"
)

// maxDepth bounds the height: inner pages hold at least 3 children, so 3^40 leaves.
const maxDepth = 40

// TreeOptions configures a Tree.
type TreeOptions struct {
	// NoLog is for trees that are never checkpointed, such as those of ad-hoc queries:
	// changes are not recorded, Freeze returns an empty Frozen.
	NoLog bool
}

// step is one level of a path: the page, its reference and the index of the entry (leaf)
// or child (inner).
type step struct {
	p   *page
	ref uint64
	i   int
}

// Tree is the ordered map. All methods but those of its snapshots are for one writer.
type Tree struct {
	pool    *Pool
	src     pageSource
	opts    TreeOptions
	root    uint64 // 0: empty
	count   int
	extents int // live extents of the writer's tree
	bytes   atomic.Int64
	closed  bool
	version uint64 // changes with every write: live cursors notice

	epoch    uint64        // birth of new pages
	lastLive atomic.Uint64 // newest live snapshot's epoch, 0 if none
	snapMu   sync.Mutex
	snaps    []*Snapshot // live, ascending epochs

	path      [maxDepth]step
	depth     int  // valid levels of path
	finger    bool // path is that of the last write and still right
	fingerEnd bool // the finger's leaf is the last one
	lastLeaf  uint64
	lastPut   int // index of the last insert in lastLeaf
	run       int // ascending neighbours inserted there in a row

	changes treeLog
	scratch page
}

// NewTree returns an empty tree whose pages come from p.
func NewTree(p *Pool, opts TreeOptions) *Tree {
	t := &Tree{pool: p, opts: opts, epoch: 1}
	t.changes.init(p)
	return t
}

// Len is the number of entries.
func (t *Tree) Len() int { return t.count }

// Bytes is the memory of the tree's pages and extents and of its change log. Old pages
// that only snapshots hold are not in it.
func (t *Tree) Bytes() int64 { return t.bytes.Load() + t.changes.bytes() }

// Get returns the value of key. It aliases page memory: valid until the next write.
func (t *Tree) Get(key []byte) (val []byte, ok bool) { return t.get(t.root, key) }

func (t *Tree) get(root uint64, key []byte) ([]byte, bool) {
	if root == 0 {
		return nil, false
	}
	p := t.page(root)
	for !p.leaf() {
		i, found := t.search(p, key)
		if found {
			i++
		}
		p = t.page(p.child(i))
	}
	i, found := t.search(p, key)
	if !found {
		return nil, false
	}
	return t.val(p, i), true
}

// Put sets key to val; both are copied and must not alias the tree's memory. It fails with a *SizeError or ErrClosed.
func (t *Tree) Put(key, val []byte) error {
	if err := t.put(key, val); err != nil {
		return err
	}
	if !t.opts.NoLog {
		t.changes.put(key, val, t.bytes.Load())
	}
	return nil
}

func (t *Tree) checkSizes(key, val []byte) error {
	if t.closed {
		return ErrClosed
	}
	if len(key) > MaxKeyBytes {
		return &SizeError{What: "key", Got: len(key), Max: MaxKeyBytes}
	}
	if len(val) > MaxValueBytes {
		return &SizeError{What: "value", Got: len(val), Max: MaxValueBytes}
	}
	return nil
}

func (t *Tree) put(key, val []byte) error {
	if err := t.checkSizes(key, val); err != nil {
		return err
	}
	t.version++
	if t.root == 0 {
		t.root, _ = t.newPage(kindLeaf)
	}
	i, found := t.locate(key)
	t.own()
	leaf := t.path[t.depth-1].p
	if found {
		t.replace(leaf, i, key, val)
		return nil
	}
	var k, v field
	t.makeField(&k, key)
	t.makeField(&v, val)
	if ref := t.path[t.depth-1].ref; ref == t.lastLeaf && i == t.lastPut+1 {
		t.run++
	} else {
		t.lastLeaf, t.run = ref, 0
	}
	t.lastPut = i
	if leaf.room(k.size() + v.size()) {
		t.insert(leaf, i, key, &k, &v)
	} else {
		t.splitLeaf(i, key, &k, &v)
	}
	t.count++
	return nil
}

// replace sets the value of entry i of the leaf at the end of the path.
func (t *Tree) replace(leaf *page, i int, key, val []byte) {
	old := leaf.valField(i)
	if d, ok := inlineField(old); ok && len(val) == len(d) {
		copy(d, val)
		return
	}
	// The key's extent, if any, moves to the new cell.
	var kbuf [maxInline + 2]byte
	var k, v field
	k.raw(kbuf[:copy(kbuf[:], leaf.keyField(i))])
	t.dropField(old)
	t.makeField(&v, val)
	t.remove(leaf, i, i+1)
	if leaf.room(k.size() + v.size()) {
		t.insert(leaf, i, key, &k, &v)
		t.rebalance()
		return
	}
	t.splitLeaf(i, key, &k, &v)
}

// locate finds key's leaf and position and leaves the path to it in t.path.
func (t *Tree) locate(key []byte) (int, bool) {
	if t.finger {
		leaf := t.path[t.depth-1].p
		if n := leaf.n(); n > 1 && t.src == nil {
			if bytes.Compare(key, t.key(leaf, n-1)) > 0 {
				if t.fingerEnd {
					return n, false
				}
			} else if bytes.Compare(key, t.key(leaf, 0)) >= 0 {
				return t.search(leaf, key)
			}
		}
	}
	return t.descend(key)
}

// descend walks from the root to key's leaf and records the path.
func (t *Tree) descend(key []byte) (int, bool) {
	ref, d, last := t.root, 0, true
	for {
		p := t.page(ref)
		i, found := t.search(p, key)
		if p.leaf() {
			t.path[d] = step{p, ref, i}
			t.depth = d + 1
			t.finger, t.fingerEnd = true, last
			return i, found
		}
		if found {
			i++
		}
		last = last && i == p.n()
		t.path[d] = step{p, ref, i}
		ref = p.child(i)
		d++
	}
}

// own makes every page of the path the writer's own, copying those a snapshot may see.
func (t *Tree) own() {
	live := t.lastLive.Load()
	for d := range t.depth {
		s := &t.path[d]
		if s.p.birth() > live {
			continue
		}
		ref, p := t.newPage(s.p[0])
		*p = *s.p
		p.setBirth(t.epoch)
		t.dropPage(s.ref, s.p)
		s.ref, s.p = ref, p
		if d == 0 {
			t.root = ref
		} else {
			up := &t.path[d-1]
			up.p.setChild(up.i, ref)
		}
	}
}

// Delete removes key and says whether it was there.
func (t *Tree) Delete(key []byte) bool {
	if t.root == 0 {
		return false
	}
	i, found := t.locate(key)
	if !found {
		return false
	}
	t.version++
	t.own()
	leaf := t.path[t.depth-1].p
	t.dropCell(leaf, i)
	t.remove(leaf, i, i+1)
	t.count--
	t.rebalance()
	if !t.opts.NoLog {
		t.changes.del(key, t.bytes.Load())
	}
	return true
}

// Clear removes everything.
func (t *Tree) Clear() {
	t.clear()
	if !t.opts.NoLog && !t.closed {
		t.changes.clear()
	}
}

// Close gives the memory back. Snapshots stay readable until released.
func (t *Tree) Close() {
	if t.closed {
		return
	}
	t.clear()
	t.closed = true
	t.changes.close()
}

func (t *Tree) clear() {
	t.version++
	t.finger = false
	if t.root == 0 {
		return
	}
	var free []uint64
	t.collect(t.root, t.lastLive.Load(), &free)
	t.root, t.count, t.extents = 0, 0, 0
	t.bytes.Store(0)
	if t.src != nil {
		for _, ref := range free {
			t.src.free(ref)
		}
		return
	}
	t.pool.freeLater(free)
}

// Load puts an entry back at recovery, without recording a change.
func (t *Tree) Load(key, val []byte) error { return t.put(key, val) }
