package state

import (
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// missingSource is a pageSource whose blocks are cold unless something asked for them
// since the last evict: it faults them in from a map.
type missingSource struct {
	mu     sync.Mutex
	next   uint64
	cold   map[uint64][]byte
	pages  map[uint64]*page
	others map[uint64][]byte
	misses int
}

var _ pageSource = (*missingSource)(nil)

func newMissingSource() *missingSource {
	return &missingSource{next: 1, cold: map[uint64][]byte{}, pages: map[uint64]*page{}, others: map[uint64][]byte{}}
}

func (s *missingSource) page(ref uint64) *page {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pages[ref]
	if p == nil {
		b, ok := s.cold[ref]
		assertf(ok, "page %d does not exist", ref)
		p = new(page)
		copy(p[:], b)
		s.pages[ref] = p
		s.misses++
	}
	return p
}

func (s *missingSource) extent(ref uint64, size int) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.others[ref]
	if b == nil {
		c, ok := s.cold[ref]
		assertf(ok && len(c) == size, "extent %d of %d bytes does not exist", ref, size)
		b = slices.Clone(c)
		s.others[ref] = b
		s.misses++
	}
	return b
}

func (s *missingSource) newPage() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next += 2 // odd: never a valid address
	s.pages[s.next] = new(page)
	return s.next
}

func (s *missingSource) newExtent(size int) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next += 2
	s.others[s.next] = make([]byte, size)
	return s.next
}

func (s *missingSource) free(ref uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	assertf(s.cold[ref] != nil || s.pages[ref] != nil || s.others[ref] != nil, "free of %d, which does not exist", ref)
	delete(s.cold, ref)
	delete(s.pages, ref)
	delete(s.others, ref)
}

// evict makes everything cold. Only between two calls of the writer.
func (s *missingSource) evict() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ref, p := range s.pages {
		s.cold[ref] = slices.Clone(p[:])
	}
	for ref, b := range s.others {
		s.cold[ref] = slices.Clone(b)
	}
	clear(s.pages)
	clear(s.others)
}

// TestTreeMisses runs the tree's model test over pages that are cold at every operation.
func TestTreeMisses(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		pool := NewPool(PoolOptions{})
		defer pool.Close()
		src := newMissingSource()
		x := &machine{tree: NewTree(pool, TreeOptions{}), m: model{}}
		x.tree.src = src
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			x.step(rt)
			src.evict()
		}
		x.check(rt)
		if x.tree.Len() > 0 && src.misses == 0 {
			rt.Fatal("nothing was ever missing")
		}
		x.tree.Close()
		for i, s := range x.snaps {
			src.evict()
			if err := checkReader(s, x.views[i]); err != nil {
				rt.Fatalf("snapshot %d: %v", i, err)
			}
			s.Release()
		}
		pool.Wait()
		src.evict()
		if len(src.cold) != 0 || pool.Bytes() != 0 {
			rt.Fatalf("%d blocks, %d bytes leaked", len(src.cold), pool.Bytes())
		}
	})
}
