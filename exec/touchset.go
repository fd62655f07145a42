package exec

import "bytes"

// touchSet remembers the keys that a step touches, in the order of their first
// touch, without allocating once it has grown: open addressing over places,
// emptied place by place so that a small step after a large one costs little.
type touchSet struct {
	places []int32 // 0: free, else 1 + index of a key; a power of two long
	hashes []uint64
	ends   []int // where each key ends in the arena
	arena  []byte
}

func (s *touchSet) len() int { return len(s.ends) }

// key is key i; it aliases the arena.
func (s *touchSet) key(i int) []byte {
	lo := 0
	if i > 0 {
		lo = s.ends[i-1]
	}
	return s.arena[lo:s.ends[i]:s.ends[i]]
}

// add gives the index of a key and whether it is new.
func (s *touchSet) add(hash uint64, key []byte) (i int, added bool) {
	if 2*len(s.ends) >= len(s.places) {
		s.grow()
	}
	at := s.find(hash, key)
	if s.places[at] != 0 {
		return int(s.places[at] - 1), false
	}
	s.arena = append(s.arena, key...)
	s.ends = append(s.ends, len(s.arena))
	s.hashes = append(s.hashes, hash)
	s.places[at] = int32(len(s.ends))
	return len(s.ends) - 1, true
}

// find is the place of a key, or the free one where it belongs.
func (s *touchSet) find(hash uint64, key []byte) int {
	mask := len(s.places) - 1
	for at := int(hash) & mask; ; at = (at + 1) & mask {
		p := s.places[at]
		if p == 0 || s.hashes[p-1] == hash && bytes.Equal(s.key(int(p-1)), key) {
			return at
		}
	}
}

func (s *touchSet) grow() {
	s.places = make([]int32, max(64, 2*len(s.places)))
	mask := len(s.places) - 1
	for i, h := range s.hashes {
		at := int(h) & mask
		for s.places[at] != 0 {
			at = (at + 1) & mask
		}
		s.places[at] = int32(i + 1)
	}
}

// reset forgets all keys.
func (s *touchSet) reset() {
	mask := len(s.places) - 1
	if len(s.ends) > len(s.places)/8 {
		clear(s.places)
	} else {
		for _, h := range s.hashes { // free the runs that hold them
			for at := int(h) & mask; s.places[at] != 0; at = (at + 1) & mask {
				s.places[at] = 0
			}
		}
	}
	s.ends, s.hashes, s.arena = s.ends[:0], s.hashes[:0], s.arena[:0]
}
