package state

// A tree page is 4,096 bytes, leaf and inner alike:
//
//	0     u8   kind: 1 leaf, 2 inner
//	1     u8   prefix: bytes that all keys of the page share (may be less than they do)
//	2     u16  n: number of entries
//	4     u16  heap: start of the cells, which grow down from 4096
//	6     u16  garbage: bytes of dead cells inside the heap
//	8     u64  birth: tree epoch in which the page was made
//	16    u64  inner: reference of the child left of entry 0
//	24    n × u32 slots: cell offset in the low half, in the high half the two key bytes
//	      after the prefix (big-endian, zero-padded), so that a search touches few cells
//	heap  cells: key field, value field; an inner cell's value is a child reference (u64)
//
// A field is its length and its bytes: one byte for lengths below 240; two bytes
// (240+(n-240)/256, (n-240)%256) up to maxInline; 255, u32 length, u64 reference for an
// extent, a block of its own (see extent.go). Keys are not compressed: a cell's key is
// contiguous in memory. Integers are in the machine's order: pages never leave memory.

import (
	"bytes"
	"encoding/binary"
	"unsafe"
)

const (
	kindLeaf  = 1
	kindInner = 2

	pageHdr   = 24
	slotBytes = 4
	// pageRoom is what slots and cells share.
	pageRoom = PageBytes - pageHdr
	// maxInline is the longest key or value kept in a page, about a quarter of it, so
	// that two cells always fit in a page.
	maxInline = 1000
	// extField is the size of a field that refers to an extent.
	extField = 13
	// maxPrefix is the longest prefix the header can say.
	maxPrefix = 255
)

type page [PageBytes]byte

func pageAt(ref uint64) *page { return (*page)(ptrOf(ref)) }

func (p *page) leaf() bool           { return p[0] == kindLeaf }
func (p *page) prefix() int          { return int(p[1]) }
func (p *page) n() int               { return int(binary.NativeEndian.Uint16(p[2:])) }
func (p *page) heap() int            { return int(binary.NativeEndian.Uint16(p[4:])) }
func (p *page) garbage() int         { return int(binary.NativeEndian.Uint16(p[6:])) }
func (p *page) birth() uint64        { return binary.NativeEndian.Uint64(p[8:]) }
func (p *page) child0() uint64       { return binary.NativeEndian.Uint64(p[16:]) }
func (p *page) setN(n int)           { binary.NativeEndian.PutUint16(p[2:], uint16(n)) }
func (p *page) setHeap(n int)        { binary.NativeEndian.PutUint16(p[4:], uint16(n)) }
func (p *page) addGarbage(n int)     { binary.NativeEndian.PutUint16(p[6:], uint16(p.garbage()+n)) }
func (p *page) setBirth(e uint64)    { binary.NativeEndian.PutUint64(p[8:], e) }
func (p *page) setChild0(ref uint64) { binary.NativeEndian.PutUint64(p[16:], ref) }

// slot reads slot i without a bounds check: the search loop is the hottest of the engine.
func (p *page) slot(i int) uint32 {
	return *(*uint32)(unsafe.Add(unsafe.Pointer(p), pageHdr+slotBytes*i))
}

func (p *page) setSlot(i int, s uint32) {
	binary.NativeEndian.PutUint32(p[pageHdr+slotBytes*i:], s)
}

func (p *page) off(i int) int { return int(p.slot(i) & 0xffff) }

// gap is the contiguous room between slots and cells; used is what live entries take.
func (p *page) gap() int  { return p.heap() - pageHdr - slotBytes*p.n() }
func (p *page) used() int { return PageBytes - p.heap() - p.garbage() + slotBytes*p.n() }

func (p *page) reset(kind byte, birth uint64) {
	p[0], p[1] = kind, 0
	p.setN(0)
	p.setHeap(PageBytes)
	binary.NativeEndian.PutUint16(p[6:], 0)
	p.setBirth(birth)
	p.setChild0(0)
}

// fieldSize is the size of the field that starts b.
func fieldSize(b []byte) int {
	switch c := int(b[0]); {
	case c < 240:
		return 1 + c
	case c < 255:
		return 2 + 240 + (c-240)<<8 + int(b[1])
	}
	return extField
}

// inlineField is the content of an inline field; ok is false for an extent.
func inlineField(b []byte) (data []byte, ok bool) {
	switch c := int(b[0]); {
	case c < 240:
		return b[1 : 1+c : 1+c], true
	case c < 255:
		n := 240 + (c-240)<<8 + int(b[1])
		return b[2 : 2+n : 2+n], true
	}
	return nil, false
}

// extentField is the reference and length of an extent field.
func extentField(b []byte) (ref uint64, n int) {
	return binary.NativeEndian.Uint64(b[5:]), int(binary.NativeEndian.Uint32(b[1:]))
}

// field is a field about to be written: a header and, for inline ones, the bytes. A raw
// copy of an existing field has no header.
type field struct {
	hdr  [extField]byte
	hlen int
	data []byte
}

func (f *field) size() int { return f.hlen + len(f.data) }

func (f *field) write(dst []byte) int {
	copy(dst, f.hdr[:f.hlen])
	return f.hlen + copy(dst[f.hlen:], f.data)
}

// inline sets f to an inline field of data, at most maxInline bytes.
func (f *field) inline(data []byte) {
	n := len(data)
	if n < 240 {
		f.hdr[0], f.hlen = byte(n), 1
	} else {
		f.hdr[0], f.hdr[1], f.hlen = byte(240+(n-240)>>8), byte(n-240), 2
	}
	f.data = data
}

func (f *field) raw(b []byte) { f.hlen, f.data = 0, b }

// keyField and valField are the raw fields of entry i.
func (p *page) keyField(i int) []byte {
	b := p[p.off(i):]
	return b[:fieldSize(b)]
}

func (p *page) valField(i int) []byte {
	b := p[p.off(i):]
	b = b[fieldSize(b):]
	return b[:fieldSize(b)]
}

func (p *page) cellSize(i int) int {
	b := p[p.off(i):]
	k := fieldSize(b)
	return k + fieldSize(b[k:])
}

// child is the reference right of entry i-1, for 0 ≤ i ≤ n.
func (p *page) child(i int) uint64 {
	if i == 0 {
		return p.child0()
	}
	b := p[p.off(i-1):]
	return binary.NativeEndian.Uint64(b[fieldSize(b)+1:])
}

func (p *page) setChild(i int, ref uint64) {
	if i == 0 {
		p.setChild0(ref)
		return
	}
	b := p[p.off(i-1):]
	binary.NativeEndian.PutUint64(b[fieldSize(b)+1:], ref)
}

// headOf is the two key bytes after the prefix.
func headOf(key []byte, prefix int) uint32 {
	if len(key) >= prefix+2 {
		return uint32(key[prefix])<<8 | uint32(key[prefix+1])
	}
	if len(key) == prefix+1 {
		return uint32(key[prefix]) << 8
	}
	return 0
}

func commonPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	i := 0
	for i+8 <= n && binary.NativeEndian.Uint64(a[i:]) == binary.NativeEndian.Uint64(b[i:]) {
		i += 8
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}

// key is the key of entry i. It aliases the page or an extent.
func (t *Tree) key(p *page, i int) []byte { return t.content(p[p.off(i):]) }

// val is the value of entry i of a leaf.
func (t *Tree) val(p *page, i int) []byte {
	b := p[p.off(i):]
	return t.content(b[fieldSize(b):])
}

// content is what the field at b holds.
func (t *Tree) content(b []byte) []byte {
	if d, ok := inlineField(b); ok {
		return d
	}
	ref, n := extentField(b)
	return t.extent(ref, n)
}

// search finds the first entry whose key is not below key, and whether it equals it.
func (t *Tree) search(p *page, key []byte) (int, bool) {
	n := p.n()
	if n == 0 {
		return 0, false
	}
	prefix := p.prefix()
	if prefix > 0 {
		k0 := t.key(p, 0)[:prefix]
		if len(key) < prefix || string(key[:prefix]) != string(k0) {
			if bytes.Compare(key, k0) < 0 {
				return 0, false
			}
			return n, false
		}
	}
	h := headOf(key, prefix)
	i := p.lowerHead(h, n)
	if i == n || p.slot(i)>>16 != h {
		return i, false
	}
	// Entries i..j share the head: compare whole keys.
	j := i + 1
	for ; j < n && p.slot(j)>>16 == h; j++ {
		if j-i == 4 {
			j = i + p.lowerHeadFrom(i, h+1, n)
			break
		}
	}
	rest := key[prefix:]
	for i < j {
		m := int(uint(i+j) >> 1)
		switch c := bytes.Compare(t.key(p, m)[prefix:], rest); {
		case c == 0:
			return m, true
		case c < 0:
			i = m + 1
		default:
			j = m
		}
	}
	return i, false
}

// lowerHead is the first of n slots whose head is not below h, without branches that
// depend on the data.
func (p *page) lowerHead(h uint32, n int) int { return p.lowerHeadFrom(0, h, n) }

// lowerHeadFrom is lowerHead over slots from..n, relative to from.
func (p *page) lowerHeadFrom(from int, h uint32, n int) int {
	base, size := from, n-from
	want := int64(h)
	for size > 1 {
		half := size >> 1
		less := (int64(p.slot(base+half-1)>>16) - want) >> 63 // -1 if below, else 0
		base += half & int(less)
		size -= half
	}
	if size == 1 && int64(p.slot(base)>>16) < want {
		base++
	}
	return base - from
}

// room says whether a cell of size bytes fits, after compaction if need be.
func (p *page) room(size int) bool { return pageRoom-p.used() >= size+slotBytes }

// insert puts a new entry at i. The caller made sure of the room.
func (t *Tree) insert(p *page, i int, key []byte, k, v *field) {
	size := k.size() + v.size()
	if p.gap() < size+slotBytes {
		t.compact(p)
	}
	n := p.n()
	if n == 0 {
		p[1] = byte(min(len(key), maxPrefix))
	} else if pre := p.prefix(); pre > 0 {
		if c := commonPrefix(key, t.key(p, 0)[:pre]); c < pre {
			p[1] = byte(c)
			t.reheads(p)
		}
	}
	off := p.heap() - size
	w := k.write(p[off:])
	v.write(p[off+w:])
	p.setHeap(off)
	copy(p[pageHdr+slotBytes*(i+1):pageHdr+slotBytes*(n+1)], p[pageHdr+slotBytes*i:pageHdr+slotBytes*n])
	p.setSlot(i, headOf(key, p.prefix())<<16|uint32(off))
	p.setN(n + 1)
	if invariants {
		t.checkPage(p)
	}
}

// reheads computes all heads again after the prefix changed.
func (t *Tree) reheads(p *page) {
	pre := p.prefix()
	for i := range p.n() {
		p.setSlot(i, headOf(t.key(p, i), pre)<<16|uint32(p.off(i)))
	}
}

// remove takes entries from..to out. The caller has taken care of their extents.
func (t *Tree) remove(p *page, from, to int) {
	n := p.n()
	dead := 0
	for i := from; i < to; i++ {
		dead += p.cellSize(i)
	}
	copy(p[pageHdr+slotBytes*from:], p[pageHdr+slotBytes*to:pageHdr+slotBytes*n])
	p.addGarbage(dead)
	p.setN(n - (to - from))
	if p.n() == 0 {
		kind, birth, c0 := p[0], p.birth(), p.child0()
		p.reset(kind, birth)
		p.setChild0(c0)
	}
	if invariants {
		t.checkPage(p)
	}
}

// compact moves the cells together, through the writer's scratch page.
func (t *Tree) compact(p *page) {
	s := &t.scratch
	*s = *p
	kind, birth, c0 := p[0], p.birth(), p.child0()
	p.reset(kind, birth)
	p.setChild0(c0)
	t.appendCells(p, s, 0, s.n())
	t.seal(p)
}

// appendCells copies cells from..to of src behind those of p; seal must follow.
func (t *Tree) appendCells(p, src *page, from, to int) {
	n, off := p.n(), p.heap()
	for i := from; i < to; i++ {
		o, size := src.off(i), src.cellSize(i)
		off -= size
		copy(p[off:off+size], src[o:o+size])
		p.setSlot(n, uint32(off))
		n++
	}
	p.setN(n)
	p.setHeap(off)
}

// appendField puts one new cell behind those of p; seal must follow.
func appendField(p *page, k, v *field) {
	n, off := p.n(), p.heap()-k.size()-v.size()
	w := k.write(p[off:])
	v.write(p[off+w:])
	p.setSlot(n, uint32(off))
	p.setN(n + 1)
	p.setHeap(off)
}

// seal computes prefix and heads of a page built by appendCells.
func (t *Tree) seal(p *page) {
	if n := p.n(); n > 0 {
		p[1] = byte(min(commonPrefix(t.key(p, 0), t.key(p, n-1)), maxPrefix))
	}
	t.reheads(p)
	if invariants {
		t.checkPage(p)
	}
}

// checkPage asserts the page's shape, in invariants builds.
func (t *Tree) checkPage(p *page) {
	n := p.n()
	assertf(p[0] == kindLeaf || p[0] == kindInner, "page kind %d", p[0])
	assertf(p.gap() >= 0 && p.heap() <= PageBytes, "page overlap: n %d heap %d", n, p.heap())
	live := 0
	for i := range n {
		live += p.cellSize(i)
		k := t.key(p, i)
		assertf(p.slot(i)>>16 == headOf(k, p.prefix()), "head of entry %d", i)
		assertf(len(k) >= p.prefix(), "key %d is shorter than the prefix", i)
		if i > 0 {
			assertf(bytes.Compare(t.key(p, i-1), k) < 0, "order at entry %d", i)
		}
	}
	assertf(live+p.garbage() == PageBytes-p.heap(), "cells %d garbage %d heap %d", live, p.garbage(), p.heap())
}
