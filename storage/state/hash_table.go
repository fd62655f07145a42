package state

// One table of a Hash is a block of the pool:
//
//	0          slots+8 tags: 0 empty, 1 deleted, 0x80|7 bits of the hash in use; the last
//	           eight mirror the first, so that eight tags can be read from any slot
//	dirtyOff   slots bits: changed since the last freeze
//	knownOff   slots bits: part of an earlier freeze, so that its deletion must be recorded
//	slotsOff   slots × (key, value), not aligned; with KeySize 0 the key is u32 offset in
//	           the table's arena and u32 length
//
// Probing is linear from the home slot, eight tags at a time. The home slot is the low
// half of the hash scaled to the number of slots, which need not be a power of two.

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"unsafe"
)

const (
	tagEmpty   = 0
	tagDeleted = 1
	lowBits    = 0x0101010101010101
	highBits   = 0x8080808080808080
	// maxLoadNum/maxLoadDen is the share of slots in use or deleted that makes a table
	// grow or split.
	maxLoadNum, maxLoadDen = 7, 8
	arenaKey               = 8 // bytes of an arena key's slot part
)

// shape is a table size: where things are in a block of bytes bytes.
type shape struct {
	bytes    int
	slots    int
	limit    int // slots in use or deleted at most
	dirtyOff int
	knownOff int
	slotsOff int
	keySize  int // inline part: KeySize or arenaKey
	valSize  int
	stride   int
	varKeys  bool
}

func shapeOf(opts HashOptions, size int) shape {
	s := shape{bytes: size, keySize: opts.KeySize, valSize: opts.ValueSize}
	if opts.KeySize == 0 {
		s.keySize, s.varKeys = arenaKey, true
	}
	s.stride = s.keySize + s.valSize
	// A slot takes its stride, a tag and two bits; 8 mirrored tags and rounding on top.
	s.slots = (size - 8 - 16) * 4 / (s.stride*4 + 5)
	s.slots &^= 7
	s.limit = s.slots * maxLoadNum / maxLoadDen
	s.dirtyOff = s.slots + 8
	s.knownOff = s.dirtyOff + s.slots/8
	s.slotsOff = s.knownOff + s.slots/8
	return s
}

// shapesFor lists the table sizes of a Hash, ascending, and the one from which tables are
// split. Steps are doublings up to half of that and eighths of it from there, so that after
// a split the load stays near the limit.
func shapesFor(opts HashOptions) (shapes []shape, full uint8) {
	for _, size := range classSizes {
		s := shapeOf(opts, size)
		if s.slots < 8 {
			continue
		}
		n := len(shapes)
		if n > 0 && s.slots < shapes[n-1].slots*9/8 {
			continue
		}
		if n > 0 && s.slots < tableSlots/2 && s.slots < shapes[n-1].slots*3/2 {
			continue
		}
		shapes = append(shapes, s)
		full = uint8(n)
		if s.slots >= tableSlots*15/16 {
			break
		}
	}
	// Larger ones, for colliding hashes only.
	for size := 2 * shapes[full].bytes; size <= 1<<30; size *= 2 {
		shapes = append(shapes, shapeOf(opts, blockBytes(size)))
	}
	return shapes, full
}

// shapeFor is the smallest shape that holds n entries with some room to grow.
func (h *Hash) shapeFor(n int) uint8 {
	for i := range h.shapes {
		if n+n/32+1 <= h.shapes[i].limit {
			return uint8(i)
		}
	}
	return uint8(len(h.shapes) - 1)
}

func load64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// tags8 is the eight tags from slot i on, the first in the low byte.
func tags8(block uint64, i int) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(ptrOf(block), i))[:])
}

// zeroBytes has the high bit of every zero byte of x set; bits above the first zero byte
// may be wrong, the first is right.
func zeroBytes(x uint64) uint64 { return (x - lowBits) &^ x & highBits }

func (s *shape) tag(block uint64, i int) byte { return *(*byte)(unsafe.Add(ptrOf(block), i)) }

func (s *shape) setTag(block uint64, i int, tag byte) {
	*(*byte)(unsafe.Add(ptrOf(block), i)) = tag
	if i < 8 {
		*(*byte)(unsafe.Add(ptrOf(block), s.slots+i)) = tag
	}
}

func (s *shape) used(block uint64, i int) bool { return s.tag(block, i) >= 0x80 }

func (s *shape) mark(block uint64, off, i int) {
	*(*byte)(unsafe.Add(ptrOf(block), off+i>>3)) |= 1 << (i & 7)
}

func (s *shape) unmark(block uint64, off, i int) {
	*(*byte)(unsafe.Add(ptrOf(block), off+i>>3)) &^= 1 << (i & 7)
}

func (s *shape) marked(block uint64, off, i int) bool {
	return *(*byte)(unsafe.Add(ptrOf(block), off+i>>3))>>(i&7)&1 != 0
}

// slot is the memory of slot i.
func (s *shape) slot(block uint64, i int) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(ptrOf(block), s.slotsOff+i*s.stride)), s.stride)
}

func (s *shape) value(block uint64, i int) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(ptrOf(block), s.slotsOff+i*s.stride+s.keySize)), s.valSize)
}

// key is the key of slot i.
func (s *shape) key(block, arena uint64, i int) []byte {
	k := s.slot(block, i)[:s.keySize:s.keySize]
	if !s.varKeys {
		return k
	}
	off, n := binary.NativeEndian.Uint32(k), binary.NativeEndian.Uint32(k[4:])
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Add(ptrOf(arena), int(off))), int(n))
}

// clear empties a new block: tags and bitmaps.
func (s *shape) clear(block uint64) { clear(bytesAt(block, s.slotsOff)) }

func (s *shape) home(m uint64) int {
	return int(uint64(uint32(m)) * uint64(s.slots) >> 32)
}

func tagOf(m uint64) byte { return 0x80 | byte(m>>32)&0x7f }

// probe returns key's slot in a table, or -1.
func (h *Hash) probe(t *tableMeta, s *shape, m uint64, key []byte) int {
	want := uint64(tagOf(m)) * lowBits
	for i := s.home(m); ; {
		g := tags8(t.block, i)
		for hit := zeroBytes(g ^ want); hit != 0; hit &= hit - 1 {
			j := i + bits.TrailingZeros64(hit)>>3
			if j >= s.slots {
				j -= s.slots
			}
			// A hit may be false: then the slot can hold an old key.
			if s.tag(t.block, j) == byte(want) && string(s.key(t.block, t.arena, j)) == string(key) {
				return j
			}
		}
		if zeroBytes(g) != 0 {
			return -1
		}
		if i += 8; i >= s.slots {
			i -= s.slots
		}
	}
}

// place returns the first slot not in use from m's home on.
func (s *shape) place(block uint64, m uint64) int {
	for i := s.home(m); ; {
		if free := ^tags8(block, i) & highBits; free != 0 {
			j := i + bits.TrailingZeros64(free)>>3
			if j >= s.slots {
				j -= s.slots
			}
			return j
		}
		if i += 8; i >= s.slots {
			i -= s.slots
		}
	}
}

// create makes a slot for key, growing or splitting its table first if it is full.
func (h *Hash) create(m uint64, key []byte) (uint32, int) {
	if h.closed || len(key) > MaxKeyBytes || h.opts.KeySize > 0 && len(key) != h.opts.KeySize {
		panic(fmt.Sprintf("state: key of %d bytes for a Hash with KeySize %d, closed %v", len(key), h.opts.KeySize, h.closed))
	}
	if len(h.dir) == 0 {
		h.dir = []uint32{h.newTable(0, 0)}
	}
	var id uint32
	for {
		id = h.dir[m>>(64-h.dirBits)]
		t := &h.tables[id]
		if t.pending {
			h.settle(id)
		}
		s := &h.shapes[t.shape]
		if int(t.count+t.deleted) < s.limit {
			break
		}
		switch {
		case int(t.deleted) > s.limit/8:
			h.rebuild(id, h.shapeFor(int(t.count)))
		case t.shape < h.full || !h.maySplit(t):
			h.rebuild(id, t.shape+1)
		default:
			h.split(id, m)
		}
	}
	t := &h.tables[id]
	s := &h.shapes[t.shape]
	if s.varKeys {
		h.arenaRoom(t, len(key))
	}
	i := s.place(t.block, m)
	if s.tag(t.block, i) == tagDeleted {
		t.deleted--
	}
	s.setTag(t.block, i, tagOf(m))
	slot := s.slot(t.block, i)
	if s.varKeys {
		storeArenaKey(t, slot, key)
	} else {
		copy(slot, key)
	}
	clear(slot[s.keySize:])
	t.count++
	h.count++
	return id, i
}

// storeArenaKey appends key to the table's arena and sets the slot's key part. The room
// is there.
func storeArenaKey(t *tableMeta, slot, key []byte) {
	if len(key) > 0 {
		copy(unsafe.Slice((*byte)(unsafe.Add(ptrOf(t.arena), int(t.arenaUsed))), len(key)), key)
	}
	binary.NativeEndian.PutUint32(slot, t.arenaUsed)
	binary.NativeEndian.PutUint32(slot[4:], uint32(len(key)))
	t.arenaUsed += uint32(len(key))
}

// erase frees a slot. A deleted mark is only needed when a probe may have passed it.
func (h *Hash) erase(t *tableMeta, s *shape, i int) {
	next := i + 1
	if next == s.slots {
		next = 0
	}
	tag := byte(tagDeleted)
	if s.tag(t.block, next) == tagEmpty {
		tag = tagEmpty
	} else {
		t.deleted++
	}
	s.setTag(t.block, i, tag)
	s.unmark(t.block, s.dirtyOff, i)
	s.unmark(t.block, s.knownOff, i)
	t.count--
}
