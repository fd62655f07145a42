package state

import "math/bits"

// batchAhead is how many keys UpsertBatch brings into the cache at a time.
const batchAhead = 32

// UpsertBatch is Upsert for many keys: fn is called for each key in order, with what Upsert
// would return. The loads of cold memory for a few dozen keys overlap instead of following
// each other, which about halves the cost on tables larger than the cache. fn must not call
// methods of h.
func (h *Hash) UpsertBatch(hashes []uint64, keys [][]byte, fn func(i int, val []byte, created bool)) {
	for from := 0; from < len(hashes); from += batchAhead {
		to := min(from+batchAhead, len(hashes))
		h.touch(hashes[from:to])
		for i := from; i < to; i++ {
			val, created := h.Upsert(hashes[i], keys[i])
			fn(i, val, created)
		}
	}
}

// touch reads the first tags and the first likely slot of each key. The reads of one pass
// do not depend on each other, so the processor has many in flight.
func (h *Hash) touch(hashes []uint64) {
	if len(h.dir) == 0 {
		return
	}
	var words [batchAhead]uint64
	for i, x := range hashes {
		m := mix(x)
		t := &h.tables[h.dir[m>>(64-h.dirBits)]]
		s := &h.shapes[t.shape]
		words[i] = tags8(t.block, s.home(m))
	}
	var sum byte
	for i, x := range hashes {
		m := mix(x)
		hit := zeroBytes(words[i] ^ uint64(tagOf(m))*lowBits)
		if hit == 0 {
			continue
		}
		t := &h.tables[h.dir[m>>(64-h.dirBits)]]
		s := &h.shapes[t.shape]
		if j := s.home(m) + bits.TrailingZeros64(hit)>>3; j < s.slots {
			sum ^= s.tag(t.block, s.slotsOff+j*s.stride) ^ s.tag(t.block, s.slotsOff+(j+1)*s.stride-1) ^ s.tag(t.block, s.dirtyOff+j>>3)
		}
	}
	h.sink = sum // keeps the reads from being optimized away
}
