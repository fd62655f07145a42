package state

// Recorded changes: an append-only log of puts, deletes and range deletes in blocks of
// the pool. One entry is
//
//	uvarint  len(key)<<1 | deleted
//	uvarint  len(value), absent when deleted
//	key, value
//
// An entry never crosses a block. Its place, block<<32 | offset, is also its order.

import (
	"encoding/binary"
	"sync/atomic"
)

const (
	// logBlockMin and logBlockMax bound the blocks of a log: a table that changes little
	// pays little.
	logBlockMin = PageBytes
	logBlockMax = 64 << 10
	// maxRanges is how many range deletes one segment records; further ones are recorded
	// key by key.
	maxRanges = 256
)

type logBlock struct {
	ref uint64
	mem []byte // the block's memory
}

// rangeDelete removes [lo, hi) of what came before place at. A nil hi means to the end.
type rangeDelete struct {
	lo, hi []byte
	at     uint64
}

// segment is a log with its range deletes. One goroutine writes it, then it is read only.
type segment struct {
	pool   *Pool
	blocks []logBlock
	off    int // end of the last block's entries
	n      int // entries
	size   atomic.Int64
	ranges []rangeDelete
	ready  chan struct{} // not nil: filled in the background, readable once closed
}

func newSegment(p *Pool) *segment { return &segment{pool: p} }

// wait returns once the segment may be read.
func (s *segment) wait() {
	if s.ready != nil {
		<-s.ready
	}
}

func (s *segment) empty() bool { return s.ready == nil && s.n == 0 && len(s.ranges) == 0 }

// add appends an entry.
func (s *segment) add(key, val []byte, deleted bool) {
	need := 2*binary.MaxVarintLen32 + len(key) + len(val)
	if len(s.blocks) == 0 || s.off+need > len(s.blocks[len(s.blocks)-1].mem) {
		s.grow(need)
	}
	b := s.blocks[len(s.blocks)-1].mem
	o := s.off
	if k := len(key) << 1; k < 0x80 && len(val) < 0x80 {
		b[o] = byte(k)
		o++
		if deleted {
			b[o-1] |= 1
		} else {
			b[o] = byte(len(val))
			o++
		}
	} else if deleted {
		o += binary.PutUvarint(b[o:], uint64(k|1))
	} else {
		o += binary.PutUvarint(b[o:], uint64(k))
		o += binary.PutUvarint(b[o:], uint64(len(val)))
	}
	o += copy(b[o:], key)
	o += copy(b[o:], val)
	s.off = o
	s.n++
}

func (s *segment) grow(need int) {
	size := logBlockMin
	if n := len(s.blocks); n > 0 {
		size = min(len(s.blocks[n-1].mem)*4, logBlockMax)
		size = max(size, logBlockMin)
	}
	size = blockBytes(max(size, need))
	ref := s.pool.alloc(size)
	if n := len(s.blocks); n > 0 {
		b := &s.blocks[n-1]
		b.mem = b.mem[:s.off] // readers stop here
	}
	s.blocks = append(s.blocks, logBlock{ref, bytesAt(ref, size)})
	s.off = 0
	s.size.Add(int64(size))
}

// end is the place after the last entry.
func (s *segment) end() uint64 {
	if len(s.blocks) == 0 {
		return 0
	}
	return uint64(len(s.blocks)-1)<<32 | uint64(s.off)
}

// at reads the entry at a place; next is the offset behind it in its block.
func (s *segment) at(place uint64) (key, val []byte, deleted bool, next int) {
	b := s.blocks[place>>32&0xffffff].mem
	o := int(place & 0xffffffff)
	k, w := uvarint(b[o:])
	o += w
	v := 0
	if k&1 == 0 {
		v, w = uvarint(b[o:])
		o += w
	}
	n := k >> 1
	return b[o : o+n : o+n], b[o+n : o+n+v : o+n+v], k&1 != 0, o + n + v
}

func uvarint(b []byte) (int, int) {
	if b[0] < 0x80 {
		return int(b[0]), 1
	}
	v, w := binary.Uvarint(b)
	return int(v), w
}

// each calls fn with the place and content of every entry, in order.
func (s *segment) each(fn func(place uint64, key, val []byte, deleted bool)) {
	for i, b := range s.blocks {
		end := len(b.mem)
		if i == len(s.blocks)-1 {
			end = s.off
		}
		for o := 0; o < end; {
			place := uint64(i)<<32 | uint64(o)
			key, val, deleted, next := s.at(place)
			fn(place, key, val, deleted)
			o = next
		}
	}
}

// reset forgets all entries and ranges and frees the blocks.
func (s *segment) reset() {
	refs := make([]uint64, len(s.blocks))
	for i, b := range s.blocks {
		refs[i] = b.ref
	}
	s.blocks, s.off, s.n, s.ranges = nil, 0, 0, nil
	s.size.Store(0)
	s.pool.freeLater(refs)
}

// free gives the memory back, in the background when the segment is still being filled.
func (s *segment) free() {
	if s.ready == nil {
		s.reset()
		return
	}
	select {
	case <-s.ready:
		s.reset()
	default:
		s.pool.background(func() {
			<-s.ready
			s.reset()
		})
	}
}
