package state

// Freezing a Hash.
//
// Freeze lists the tables with dirty slots and marks them pending, without touching their
// memory. A pending table is copied once: by the goroutine that emits, or by the writer
// before it first touches the table, whichever comes first; the other waits at most for
// that one table. Copying a table appends its dirty entries to a segment, clears their
// dirty bits and sets their known bits. Deletions of known keys are recorded in a segment
// of tombstones as they happen.

import "sync"

// hashFrozenState is a Hash's side of the seam.
type hashFrozenState struct {
	chain
	dirty []uint32 // tables with dirty slots
	tombs *segment
	out   []*hashFrozen // not discarded; under chain.mu
}

func (st *hashFrozenState) init(p *Pool) { st.pool, st.tombs = p, newSegment(p) }

func (st *hashFrozenState) bytes() int64 { return st.chain.bytes() + st.tombs.size.Load() }

// clear records that everything went.
func (st *hashFrozenState) clear() {
	st.forget()
	st.dirty = nil
	st.tombs.reset()
	st.tombs.ranges = append(st.tombs.ranges, rangeDelete{lo: []byte{}})
}

func (st *hashFrozenState) close() {
	st.chain.close()
	st.dirty = nil
	st.tombs.reset()
}

// frozenTable is a table as it was frozen. Its blocks do not change until copied is set.
type frozenTable struct {
	meta   tableMeta
	mu     sync.Mutex
	copied bool
	owned  bool // the Hash dropped the table: free its blocks here
}

type hashFrozen struct {
	st     *hashFrozenState
	shapes []shape
	full   bool
	items  []frozenTable
	byID   []uint32   // 1 + index of items, by table id
	segs   []*segment // older changes and tombstones
	mine   *segment   // entries copied by the emitter

	mu     sync.Mutex // the writer's copies against Discard
	byHand *segment   // entries copied by the writer
	dead   bool
}

// Freeze hands over the changes since the last one. See Table.
func (h *Hash) Freeze() (Frozen, error) {
	f, err := h.freeze()
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (h *Hash) freeze() (*hashFrozen, error) {
	st := &h.frozen
	segs, err := st.take(st.tombs)
	if err != nil {
		return nil, err
	}
	if !st.tombs.empty() {
		st.tombs = newSegment(h.pool)
	}
	f := h.newFrozen(len(st.dirty))
	f.segs = segs
	for i, id := range st.dirty {
		h.tables[id].dirty = false
		f.add(h, i, id)
	}
	st.dirty = st.dirty[:0]
	st.register(f)
	return f, nil
}

// FreezeFull hands over all content. See Table.
func (h *Hash) FreezeFull() (Frozen, error) {
	f, err := h.freezeFull()
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (h *Hash) freezeFull() (*hashFrozen, error) {
	if h.closed {
		return nil, ErrClosed
	}
	f := h.newFrozen(len(h.tables))
	f.full = true
	for id := range h.tables {
		f.add(h, id, uint32(id))
	}
	h.frozen.register(f)
	return f, nil
}

func (h *Hash) newFrozen(n int) *hashFrozen {
	f := &hashFrozen{st: &h.frozen, shapes: h.shapes, mine: newSegment(h.pool), byHand: newSegment(h.pool)}
	if n > 0 {
		f.items = make([]frozenTable, n)
		f.byID = make([]uint32, len(h.tables))
	}
	return f
}

func (f *hashFrozen) add(h *Hash, i int, id uint32) {
	h.tables[id].pending = true
	f.items[i].meta = h.tables[id]
	f.byID[id] = uint32(i + 1)
}

func (st *hashFrozenState) register(f *hashFrozen) {
	st.mu.Lock()
	st.out = append(st.out, f)
	st.mu.Unlock()
}

// outstanding is a copy of the list of Frozens that are out.
func (st *hashFrozenState) outstanding() []*hashFrozen {
	st.mu.Lock()
	defer st.mu.Unlock()
	return append([]*hashFrozen(nil), st.out...)
}

// settle makes sure that no Frozen needs a table's memory any more, before the writer
// changes it.
func (h *Hash) settle(id uint32) {
	t := &h.tables[id]
	t.pending = false
	for _, f := range h.frozen.outstanding() {
		f.settle(id, t.block)
	}
}

// item is the frozen table of id, or nil. The block tells it from a table of the same id
// that a Clear has dropped.
func (f *hashFrozen) item(id uint32, block uint64) *frozenTable {
	if int(id) >= len(f.byID) || f.byID[id] == 0 {
		return nil
	}
	if it := &f.items[f.byID[id]-1]; it.meta.block == block {
		return it
	}
	return nil
}

func (f *hashFrozen) settle(id uint32, block uint64) {
	it := f.item(id, block)
	if it == nil {
		return
	}
	f.mu.Lock()
	if !f.dead {
		f.copyTable(it, f.byHand)
	}
	f.mu.Unlock()
}

// copyTable appends the table's entries to seg unless that was done.
func (f *hashFrozen) copyTable(it *frozenTable, seg *segment) {
	it.mu.Lock()
	defer it.mu.Unlock()
	if it.copied {
		return
	}
	it.copied = true
	t := &it.meta
	s := &f.shapes[t.shape]
	for i := 0; i < s.slots; i += 8 {
		set := byte(0xff)
		if !f.full { // the bitmaps belong to the incremental Frozen alone
			if set = s.bits8(t.block, s.dirtyOff, i); set == 0 {
				continue
			}
			s.setBits8(t.block, s.dirtyOff, i, 0)
			s.setBits8(t.block, s.knownOff, i, s.bits8(t.block, s.knownOff, i)|set)
		}
		for j := i; set != 0; j, set = j+1, set>>1 {
			if set&1 != 0 && s.used(t.block, j) {
				seg.add(s.key(t.block, t.arena, j), s.value(t.block, j), false)
			}
		}
	}
	it.freeOwned(f.st.pool)
}

// freeOwned frees the blocks the Hash left behind. Called under it.mu.
func (it *frozenTable) freeOwned(p *Pool) {
	if !it.owned {
		return
	}
	it.owned = false
	p.free(it.meta.block)
	if it.meta.arena != 0 {
		p.free(it.meta.arena)
	}
}

// disown leaves the blocks of a table that goes to the Frozen that still needs them, and
// says whether there is one. When several do, all but the last copy first: once a Frozen
// owns the blocks it may free them at any moment.
func (st *hashFrozenState) disown(id uint32, block uint64) bool {
	var last *hashFrozen
	for _, f := range st.outstanding() {
		if f.item(id, block) == nil {
			continue
		}
		if last != nil {
			last.settle(id, block)
		}
		last = f
	}
	return last != nil && last.own(last.item(id, block))
}

// own takes the blocks of it over if they are still to be copied.
func (f *hashFrozen) own(it *frozenTable) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	it.mu.Lock()
	defer it.mu.Unlock()
	it.owned = !it.copied && !f.dead
	return it.owned
}

// Emit implements Frozen.
func (f *hashFrozen) Emit(put func(key, val []byte) error, del func(key []byte) error, delRange func(lo, hi []byte) error) error {
	return emitSegments(f.st.pool, f.all(), put, del, delRange)
}

// emitRanges hands over the range deletes only.
func (f *hashFrozen) emitRanges(delRange func(lo, hi []byte) error) error {
	for _, s := range f.segs {
		s.wait()
	}
	return newCoverage(f.segs).each(delRange)
}

// all copies what is still to be copied and returns all segments, oldest first.
func (f *hashFrozen) all() []*segment {
	for i := range f.items {
		f.copyTable(&f.items[i], f.mine)
	}
	return append(f.segs[:len(f.segs):len(f.segs)], f.byHand, f.mine)
}

// Discard implements Frozen.
func (f *hashFrozen) Discard(putBack bool) {
	f.mu.Lock()
	if f.dead {
		f.mu.Unlock()
		return
	}
	f.mu.Unlock()
	segs := append(f.segs[:len(f.segs):len(f.segs)], f.byHand, f.mine)
	if putBack && !f.full {
		segs = f.all()
	}
	f.mu.Lock()
	f.dead = true
	f.mu.Unlock()
	for i := range f.items {
		it := &f.items[i]
		it.mu.Lock()
		it.freeOwned(f.st.pool)
		it.mu.Unlock()
	}
	st := f.st
	st.mu.Lock()
	for i, o := range st.out {
		if o == f {
			st.out = append(st.out[:i:i], st.out[i+1:]...)
			break
		}
	}
	st.mu.Unlock()
	if f.full {
		for _, s := range segs {
			s.free()
		}
		return
	}
	st.giveBack(segs, putBack)
}

// bits8 and setBits8 are the bits of slots i to i+7, i a multiple of 8.
func (s *shape) bits8(block uint64, off, i int) byte { return s.tag(block, off+i>>3) }

func (s *shape) setBits8(block uint64, off, i int, b byte) { bytesAt(block, s.bytes)[off+i>>3] = b }

var (
	_ Table  = (*Hash)(nil)
	_ Frozen = (*hashFrozen)(nil)
)
