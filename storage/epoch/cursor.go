package epoch

import (
	"bytes"
	"sort"
)

// cursor walks the entries of one run in order, leaving out what range deletions of newer runs cover.
type cursor struct {
	s    *Store
	run  *run
	rank int // 0 is the newest run of the table

	block blockReader
	blob  []byte // memory for reuse
	body  []byte // of the current block
	chunk uint32 // of the next block
	at    uint32 // number of the next block
	dels  [][2][]byte
	hi    []byte // nil: no end
}

// newCursor begins before the first key ≥ lo. dels are the ranges that newer runs delete, normalized.
func (s *Store) newCursor(r *run, rank int, lo, hi []byte, dels [][2][]byte) (*cursor, bool, error) {
	c := &cursor{s: s, run: r, rank: rank, dels: dels, hi: hi}
	if r.meta.Entries == 0 || (hi != nil && bytes.Compare(r.meta.MinKey, hi) >= 0) || bytes.Compare(r.meta.MaxKey, lo) < 0 {
		return nil, false, nil
	}
	if bytes.Compare(lo, r.meta.MinKey) > 0 {
		if err := c.seekBlock(lo); err != nil {
			return nil, false, err
		}
	}
	for {
		ok, err := c.next()
		if !ok || err != nil {
			return nil, false, err
		}
		if bytes.Compare(c.block.key, lo) >= 0 {
			return c, true, nil
		}
	}
}

// seekBlock makes the block that can hold key the next one to read, unless that would go backwards.
func (c *cursor) seekBlock(key []byte) error {
	x, err := c.s.indexOf(c.run)
	if err != nil {
		return err
	}
	if n := x.blockFor(key); n > c.at {
		c.at, c.chunk = n, x.chunks[n]
		c.block.left, c.block.rest = 0, nil
	}
	return nil
}

// blockFor returns the number of the last block whose first key is ≤ key, or 0.
func (x *runIndex) blockFor(key []byte) uint32 {
	n := sort.Search(len(x.minKeys), func(i int) bool { return bytes.Compare(x.minKeys[i], key) > 0 })
	return uint32(max(n-1, 0))
}

// next moves to the next entry; false at the end of the run or of the cursor's range.
func (c *cursor) next() (bool, error) {
	for {
		ok, err := c.block.next()
		if err != nil {
			return false, corruptRun(c.run.meta.ID, c.chunk, "%v", err)
		}
		if !ok {
			if c.at == c.run.meta.Blocks {
				return false, nil
			}
			if err := c.loadBlock(); err != nil {
				return false, err
			}
			continue
		}
		if c.hi != nil && bytes.Compare(c.block.key, c.hi) >= 0 {
			return false, nil
		}
		covered, err := c.skipDeleted()
		if err != nil {
			return false, err
		}
		if !covered {
			return true, nil
		}
	}
}

func (c *cursor) loadBlock() error {
	id := c.run.meta.ID
	blob, n, err := getBlob(c.s.db, id, c.chunk, c.blob)
	if err != nil {
		return err
	}
	c.blob = blob
	if c.body, err = decodeBlock(blob, c.s.opt.Keyring, id, c.chunk, c.body); err != nil {
		return err
	}
	c.block.start(c.body)
	c.at++
	c.chunk += n
	return nil
}

// skipDeleted reports whether a range deletion covers the current key; it then skips the blocks that the range covers.
func (c *cursor) skipDeleted() (bool, error) {
	for len(c.dels) > 0 && c.dels[0][1] != nil && bytes.Compare(c.dels[0][1], c.block.key) <= 0 {
		c.dels = c.dels[1:]
	}
	if len(c.dels) == 0 || bytes.Compare(c.dels[0][0], c.block.key) > 0 {
		return false, nil
	}
	hi := c.dels[0][1]
	if hi == nil {
		c.at, c.block.left, c.block.rest = c.run.meta.Blocks, 0, nil
		return true, nil
	}
	return true, c.seekBlock(hi)
}

// indexOf returns the index of a run, reading it once. A run of one block needs none.
func (s *Store) indexOf(r *run) (*runIndex, error) {
	r.indexOnce.Do(func() {
		if r.meta.Blocks <= 1 {
			r.index = &runIndex{chunks: []uint32{0}, minKeys: [][]byte{r.meta.MinKey}}
			return
		}
		blob, _, err := getBlob(s.db, r.meta.ID, r.meta.indexChunk, nil)
		if err != nil {
			r.indexErr = err
			return
		}
		r.index, r.indexErr = decodeIndex(blob, s.opt.Keyring, r.meta.ID, r.meta.indexChunk)
		if r.indexErr == nil && len(r.index.chunks) != int(r.meta.Blocks) {
			r.indexErr = corruptRun(r.meta.ID, r.meta.indexChunk, "index of %d blocks for a run of %d", len(r.index.chunks), r.meta.Blocks)
		}
	})
	return r.index, r.indexErr
}

// mergeIterator yields the newest entry of every key of several runs, in order of the keys, tombstones included.
type mergeIterator struct {
	heap []*cursor // ordered by key, then rank
	last []byte    // the key that was yielded last, if several cursors may have it
	step bool      // the top must move before anything else
}

// newMergeIterator reads runs, newest first. Range deletions act within them; above are those of runs newer than all.
func (s *Store) newMergeIterator(runs []*run, lo, hi []byte, above [][2][]byte) (*mergeIterator, error) {
	m := &mergeIterator{}
	dels := normalizeRanges(above)
	for i := 0; i < len(runs); {
		end := i // of the runs of one epoch, whose range deletions do not act on each other
		var own [][2][]byte
		for ; end < len(runs) && runs[end].meta.Epoch == runs[i].meta.Epoch; end++ {
			c, ok, err := s.newCursor(runs[end], end, lo, hi, dels)
			if err != nil {
				return nil, err
			}
			if ok {
				m.heap = append(m.heap, c)
			}
			own = append(own, runs[end].meta.RangeDels...)
		}
		if len(own) > 0 {
			dels = normalizeRanges(append(own, dels...))
		}
		i = end
	}
	for i := len(m.heap)/2 - 1; i >= 0; i-- {
		m.down(i)
	}
	return m, nil
}

func (m *mergeIterator) less(a, b *cursor) bool {
	if c := bytes.Compare(a.block.key, b.block.key); c != 0 {
		return c < 0
	}
	return a.rank < b.rank
}

func (m *mergeIterator) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(m.heap) {
			return
		}
		if child+1 < len(m.heap) && m.less(m.heap[child+1], m.heap[child]) {
			child++
		}
		if !m.less(m.heap[child], m.heap[i]) {
			return
		}
		m.heap[i], m.heap[child] = m.heap[child], m.heap[i]
		i = child
	}
}

// advance moves the top cursor and restores the order.
func (m *mergeIterator) advance() error {
	ok, err := m.heap[0].next()
	if err != nil {
		return err
	}
	if !ok {
		n := len(m.heap) - 1
		m.heap[0] = m.heap[n]
		m.heap = m.heap[:n]
	}
	m.down(0)
	return nil
}

// next returns the cursor that stands at the next entry, valid until the next call, or nil at the end.
func (m *mergeIterator) next() (*blockReader, error) {
	if m.step {
		m.step = false
		several := len(m.heap) > 1
		if several {
			m.last = append(m.last[:0], m.heap[0].block.key...)
		}
		if err := m.advance(); err != nil {
			return nil, err
		}
		for several && len(m.heap) > 0 && bytes.Equal(m.heap[0].block.key, m.last) {
			if err := m.advance(); err != nil {
				return nil, err
			}
		}
	}
	if len(m.heap) == 0 {
		return nil, nil
	}
	m.step = true
	return &m.heap[0].block, nil
}
