package state

// A Pool hands out blocks of a few sizes from slabs of 2 MiB that are mapped outside the
// Go heap. Each slab holds blocks of one size class; a slab that becomes wholly free can
// be used for any class again or goes back to the system.
//
// Slab layout (addresses are multiples of slabBytes, so a block finds its slab by
// masking):
//
//	0     slabHdr
//	4096  blocks of the class's size, one after the other
//
// A block larger than the largest class gets a mapping of its own with the same header.
// A free block's first 8 bytes hold the next free block's address; the rest is poisoned in
// invariants builds.

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

const (
	// PageBytes is the size of a tree page.
	PageBytes = 4096
	// slabBytes is the size and alignment of a slab: one huge page.
	slabBytes = 2 << 20
	// slabReserve is how many wholly free slabs are kept for reuse at least, and
	// reserveShare the share of the slabs in all: a first touch of fresh memory costs
	// microseconds a page, and the next window needs what the last one gave back. Above
	// LimitBytes nothing is kept.
	slabReserve  = 32
	reserveShare = 16
	// drainBatch is how many blocks a deferred free returns per lock.
	drainBatch = 128

	poisonByte = 0xDB
	slabMagic  = 0x51ab
)

// classSizes are the block sizes, ascending: 2 KiB for small extents and tables, pages
// up to 64 KiB by one page, then coarser.
var classSizes = func() []int {
	s := []int{2048}
	for b := PageBytes; b <= 64<<10; b += PageBytes {
		s = append(s, b)
	}
	for b := 72 << 10; b <= 128<<10; b += 8 << 10 {
		s = append(s, b)
	}
	for b := 160 << 10; b <= 256<<10; b += 32 << 10 {
		s = append(s, b)
	}
	return s
}()

// bigClass marks a mapping that holds one block.
const bigClass = 0xffff

// slabHdr lies at the start of every slab, outside the Go heap: no Go pointers.
type slabHdr struct {
	magic      uint32
	class      uint16
	partial    bool   // linked in the class's list of slabs with room
	used       uint32 // blocks handed out
	bump       uint32 // offset of the first block never handed out
	freeHead   uint64 // address of the first returned block, 0 if none
	prev, next uintptr
	bigBytes   int64 // bigClass: bytes mapped
}

// PoolOptions configures a Pool.
type PoolOptions struct {
	// LimitBytes is a soft limit of mapped bytes, 0 for none. Crossing it calls OnLimit;
	// allocation goes on, it is for the engine to pause what allocates.
	LimitBytes int64
	// OnLimit is called each time the mapped bytes rise above LimitBytes, from the
	// goroutine that allocates and without locks held. It must not block.
	OnLimit func(mappedBytes int64)
}

// Pool is a slab allocator. Its methods may be called by any goroutine.
type Pool struct {
	opts   PoolOptions
	inUse  atomic.Int64
	mapped atomic.Int64
	over   atomic.Bool

	mu       sync.Mutex
	partial  []uintptr // per class: head of the list of slabs with room
	spare    []uintptr // wholly free slabs
	slabs    map[uintptr][]byte
	pending  [][]uint64
	draining bool
	idle     *sync.Cond     // draining became false
	work     sync.WaitGroup // background goroutines of tables
}

// NewPool returns an empty pool.
func NewPool(opts PoolOptions) *Pool {
	p := &Pool{opts: opts, partial: make([]uintptr, len(classSizes)), slabs: map[uintptr][]byte{}}
	p.idle = sync.NewCond(&p.mu)
	return p
}

// Bytes is the memory of the blocks handed out.
func (p *Pool) Bytes() int64 { return p.inUse.Load() }

// MappedBytes is the memory mapped from the system, free blocks included.
func (p *Pool) MappedBytes() int64 { return p.mapped.Load() }

// OverLimit says whether the mapped bytes stand above LimitBytes.
func (p *Pool) OverLimit() bool { return p.over.Load() }

// ptrOf turns a block's address into a pointer. Blocks lie outside the Go heap, or in race
// builds in a slice that Pool.slabs keeps alive.
//
//go:nocheckptr
func ptrOf(ref uint64) unsafe.Pointer { return unsafe.Add(unsafe.Pointer(nil), uintptr(ref)) }

// bytesAt is the n bytes at ref.
func bytesAt(ref uint64, n int) []byte { return unsafe.Slice((*byte)(ptrOf(ref)), n) }

func hdrOf(ref uint64) *slabHdr { return (*slabHdr)(ptrOf(ref &^ (slabBytes - 1))) }

// classFor is the smallest class of at least n bytes, or -1 when n needs a mapping of its own.
func classFor(n int) int {
	lo, hi := 0, len(classSizes)
	for lo < hi {
		if m := (lo + hi) / 2; classSizes[m] < n {
			lo = m + 1
		} else {
			hi = m
		}
	}
	if lo == len(classSizes) {
		return -1
	}
	return lo
}

// blockBytes is the usable size of the block an alloc of n bytes returns.
func blockBytes(n int) int {
	if c := classFor(n); c >= 0 {
		return classSizes[c]
	}
	return (n + PageBytes - 1) &^ (PageBytes - 1)
}

// alloc returns the address of a block of at least n bytes with undefined content. It
// panics with a *MemoryError when the system refuses memory.
func (p *Pool) alloc(n int) uint64 {
	c := classFor(n)
	if c < 0 {
		return p.allocBig(n)
	}
	p.mu.Lock()
	base := p.partial[c]
	if base == 0 {
		base = p.newSlab(c)
	}
	h := hdrOf(uint64(base))
	ref := h.freeHead
	size := classSizes[c]
	if ref != 0 {
		h.freeHead = *(*uint64)(ptrOf(ref))
		if invariants {
			checkPoison(ref, size)
		}
	} else {
		ref = uint64(base) + uint64(h.bump)
		h.bump += uint32(size)
	}
	h.used++
	if h.freeHead == 0 && int(h.bump)+size > slabBytes {
		p.unlink(h, base)
	}
	p.mu.Unlock()
	p.inUse.Add(int64(size))
	p.checkLimit()
	return ref
}

// newSlab readies a slab for class c and links it. Called with the lock held.
func (p *Pool) newSlab(c int) uintptr {
	var base uintptr
	if k := len(p.spare); k > 0 {
		base = p.spare[k-1]
		p.spare = p.spare[:k-1]
	} else {
		addr, keep, err := mapAligned(slabBytes)
		if err != nil {
			p.mu.Unlock()
			panic(&MemoryError{Bytes: slabBytes, Err: err})
		}
		base = addr
		p.slabs[base] = keep
		p.mapped.Add(slabBytes)
	}
	h := hdrOf(uint64(base))
	*h = slabHdr{magic: slabMagic, class: uint16(c), bump: PageBytes}
	p.link(h, base)
	return base
}

func (p *Pool) link(h *slabHdr, base uintptr) {
	head := p.partial[h.class]
	h.prev, h.next, h.partial = 0, head, true
	if head != 0 {
		hdrOf(uint64(head)).prev = base
	}
	p.partial[h.class] = base
}

func (p *Pool) unlink(h *slabHdr, base uintptr) {
	if h.prev != 0 {
		hdrOf(uint64(h.prev)).next = h.next
	} else {
		p.partial[h.class] = h.next
	}
	if h.next != 0 {
		hdrOf(uint64(h.next)).prev = h.prev
	}
	h.prev, h.next, h.partial = 0, 0, false
}

func (p *Pool) allocBig(n int) uint64 {
	size := PageBytes + blockBytes(n)
	base, keep, err := mapAligned(size)
	if err != nil {
		panic(&MemoryError{Bytes: int64(size), Err: err})
	}
	*hdrOf(uint64(base)) = slabHdr{magic: slabMagic, class: bigClass, used: 1, bigBytes: int64(size)}
	p.mu.Lock()
	p.slabs[base] = keep
	p.mu.Unlock()
	p.mapped.Add(int64(size))
	p.inUse.Add(int64(size - PageBytes))
	p.checkLimit()
	return uint64(base) + PageBytes
}

// free returns a block.
func (p *Pool) free(ref uint64) {
	p.mu.Lock()
	base, size := p.freeLocked(ref)
	p.mu.Unlock()
	p.release(base, size)
}

// freeLocked returns a block and, when that leaves a slab to give back to the system, the
// slab's address and size for release.
func (p *Pool) freeLocked(ref uint64) (uintptr, int) {
	base := uintptr(ref &^ (slabBytes - 1))
	h := hdrOf(ref)
	if invariants {
		assertf(h.magic == slabMagic && h.used > 0, "free of %#x, not a block in use", ref)
	}
	if h.class == bigClass {
		size := int(h.bigBytes)
		delete(p.slabs, base)
		p.mapped.Add(-int64(size))
		p.inUse.Add(-int64(size - PageBytes))
		return base, size
	}
	size := classSizes[h.class]
	p.inUse.Add(-int64(size))
	if invariants {
		poison(ref, size)
	}
	*(*uint64)(ptrOf(ref)) = h.freeHead
	h.freeHead = ref
	h.used--
	if !h.partial {
		p.link(h, base)
	}
	if h.used > 0 {
		return 0, 0
	}
	p.unlink(h, base)
	if !p.over.Load() && len(p.spare) < max(slabReserve, len(p.slabs)/reserveShare) {
		p.spare = append(p.spare, base)
		return 0, 0
	}
	delete(p.slabs, base)
	p.mapped.Add(-slabBytes)
	return base, slabBytes
}

// release unmaps what freeLocked named. Failure would only leak address space that the
// pool no longer counts; there is nobody to tell.
func (p *Pool) release(base uintptr, size int) {
	if size == 0 {
		return
	}
	_ = unmap(base, size)
	p.checkLimit()
}

// freeLater returns many blocks without making the caller wait for it: a closed window is
// dropped by its writer in microseconds, its blocks return in the background. The pool
// owns refs from here on.
func (p *Pool) freeLater(refs []uint64) {
	if len(refs) <= drainBatch {
		for _, r := range refs {
			p.free(r)
		}
		return
	}
	p.mu.Lock()
	p.pending = append(p.pending, refs)
	start := !p.draining
	p.draining = true
	p.mu.Unlock()
	if start {
		go p.drain()
	}
}

func (p *Pool) drain() {
	type gone struct {
		base uintptr
		size int
	}
	var back []gone
	for {
		p.mu.Lock()
		if len(p.pending) == 0 {
			p.pending = nil
			p.draining = false
			p.idle.Broadcast()
			p.mu.Unlock()
			return
		}
		list := p.pending[len(p.pending)-1]
		n := min(drainBatch, len(list))
		for _, r := range list[:n] {
			if base, size := p.freeLocked(r); size != 0 {
				back = append(back, gone{base, size})
			}
		}
		if n == len(list) {
			p.pending = p.pending[:len(p.pending)-1]
		} else {
			p.pending[len(p.pending)-1] = list[n:]
		}
		p.mu.Unlock()
		for _, g := range back {
			p.release(g.base, g.size)
		}
		back = back[:0]
	}
}

// background runs fn in a goroutine that Wait waits for. Callers bound how many they start.
func (p *Pool) background(fn func()) { p.work.Go(fn) }

// Wait returns once all deferred frees and background work of the pool's tables are done.
// The tables must be at rest.
func (p *Pool) Wait() {
	p.work.Wait()
	p.mu.Lock()
	for p.draining {
		p.idle.Wait()
	}
	p.mu.Unlock()
}

// Trim gives the wholly free slabs of the reserve back to the system.
func (p *Pool) Trim() {
	p.mu.Lock()
	spare := p.spare
	p.spare = nil
	for _, b := range spare {
		delete(p.slabs, b)
	}
	p.mapped.Add(-int64(len(spare)) * slabBytes)
	p.mu.Unlock()
	for _, b := range spare {
		p.release(b, slabBytes)
	}
}

// Close unmaps everything. No block may be used afterwards.
func (p *Pool) Close() {
	p.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	for base := range p.slabs {
		size := slabBytes
		if h := hdrOf(uint64(base)); h.class == bigClass {
			size = int(h.bigBytes)
		}
		_ = unmap(base, size)
	}
	p.slabs = map[uintptr][]byte{}
	p.spare = nil
	clear(p.partial)
	p.mapped.Store(0)
	p.inUse.Store(0)
}

// checkLimit calls OnLimit on the way up.
func (p *Pool) checkLimit() {
	if p.opts.LimitBytes == 0 {
		return
	}
	m := p.mapped.Load()
	if over := m > p.opts.LimitBytes; over != p.over.Load() && p.over.CompareAndSwap(!over, over) {
		if over && p.opts.OnLimit != nil {
			p.opts.OnLimit(m)
		}
	}
}

func poison(ref uint64, size int) {
	b := bytesAt(ref, size)
	for i := range b {
		b[i] = poisonByte
	}
}

// checkPoison finds writes to a block after it was freed.
func checkPoison(ref uint64, size int) {
	for i, c := range bytesAt(ref, size)[8:] {
		assertf(c == poisonByte, "block %#x was written at %d after it was freed", ref, i+8)
	}
}
