package state

// Merging change segments: all entries are indexed, sorted by key and place, and the last
// of each key wins unless a later range delete covers it.

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"unsafe"
)

// entryRef points to an entry: eight key bytes, big-endian, and segment<<56 | place.
// The bytes are those after the prefix that all keys share, then, among neighbours in
// which these are equal, the next that differ.
type entryRef struct{ head, place uint64 }

// maxSegments is how many segments one merge can name.
const maxSegments = 256

// radixMin is the number of entries from which sorting by radix pays.
const radixMin = 512

// merger holds one merge's index, in blocks of the pool.
type merger struct {
	segs  []*segment
	index []entryRef
	free  func()
}

func (m *merger) entry(r entryRef) (key, val []byte, deleted bool) {
	key, val, deleted, _ = m.segs[r.place>>56].at(r.place)
	return key, val, deleted
}

// emitSegments hands over the net effect of segs, oldest first, as Frozen.Emit promises.
func emitSegments(p *Pool, segs []*segment, put func(key, val []byte) error, del func(key []byte) error, delRange func(lo, hi []byte) error) error {
	for _, s := range segs {
		s.wait()
	}
	if invariants {
		assertf(len(segs) <= maxSegments, "%d segments in one merge", len(segs))
	}
	cover := newCoverage(segs)
	if err := cover.each(delRange); err != nil {
		return err
	}
	m := newMerger(p, segs)
	defer m.free()
	for i := 0; i < len(m.index); {
		key, val, deleted := m.entry(m.index[i])
		last := m.index[i]
		for i++; i < len(m.index) && m.index[i].head == last.head; i++ {
			k, v, d := m.entry(m.index[i])
			if !bytes.Equal(k, key) {
				break
			}
			val, deleted, last = v, d, m.index[i]
		}
		if cover.kills(key, last.place) {
			continue
		}
		var err error
		if deleted {
			err = del(key)
		} else {
			err = put(key, val)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// newMerger indexes and sorts the entries of segs.
func newMerger(p *Pool, segs []*segment) *merger {
	n := 0
	for _, s := range segs {
		n += s.n
	}
	m := &merger{segs: segs, free: func() {}}
	if n == 0 {
		return m
	}
	bytesNeeded := n * int(unsafe.Sizeof(entryRef{}))
	a := p.alloc(bytesNeeded)
	m.free = func() { p.free(a) }
	m.index = unsafe.Slice((*entryRef)(ptrOf(a)), n)
	skip := m.sharedPrefix()
	i := 0
	for si, s := range segs {
		s.each(func(place uint64, key, _ []byte, _ bool) {
			m.index[i] = entryRef{headAfter(key, skip), uint64(si)<<56 | place}
			i++
		})
	}
	if n >= radixMin {
		b := p.alloc(bytesNeeded)
		m.sort(m.index, unsafe.Slice((*entryRef)(ptrOf(b)), n))
		p.free(b)
	} else {
		slices.SortFunc(m.index, m.compare)
	}
	return m
}

// sharedPrefix is how many bytes all keys have in common.
func (m *merger) sharedPrefix() int {
	var first []byte
	shared := -1
	for _, s := range m.segs {
		s.each(func(_ uint64, key, _ []byte, _ bool) {
			if shared < 0 {
				first, shared = key, len(key)
				return
			}
			if len(key) < shared || string(key[:shared]) != string(first[:shared]) {
				shared = commonPrefix(first[:shared], key)
			}
		})
	}
	return max(shared, 0)
}

// headAfter is eight bytes of key after skip, zero-padded.
func headAfter(key []byte, skip int) uint64 {
	if len(key) >= skip+8 {
		return binary.BigEndian.Uint64(key[skip:])
	}
	var b [8]byte
	copy(b[:], key[min(skip, len(key)):])
	return binary.BigEndian.Uint64(b[:])
}

func (m *merger) compare(a, b entryRef) int {
	if a.head != b.head {
		return cmp.Compare(a.head, b.head)
	}
	return m.compareKeys(a, b)
}

// compareKeys orders by key, then by place.
func (m *merger) compareKeys(a, b entryRef) int {
	ka, _, _ := m.entry(a)
	kb, _, _ := m.entry(b)
	if c := bytes.Compare(ka, kb); c != 0 {
		return c
	}
	return cmp.Compare(a.place, b.place)
}

// tiesMin is the number of entries with equal heads from which new heads pay.
const tiesMin = 6

// sort orders entries, which stand in the order of their places, by their heads and
// those that tie by the bytes after; tmp has the same length.
func (m *merger) sort(a, tmp []entryRef) {
	if len(a) >= radixMin {
		radixSort(a, tmp)
	} else {
		slices.SortFunc(a, compareHeads)
	}
	for i := 0; i < len(a); {
		j := i + 1
		for j < len(a) && a[j].head == a[i].head {
			j++
		}
		switch {
		case j-i >= tiesMin:
			m.sortTies(a[i:j], tmp[i:j])
		case j-i > 1:
			slices.SortFunc(a[i:j], m.compare)
		}
		i = j
	}
}

// compareHeads orders by head, then by place.
func compareHeads(a, b entryRef) int {
	if c := cmp.Compare(a.head, b.head); c != 0 {
		return c
	}
	return cmp.Compare(a.place, b.place)
}

// sortTies orders entries with equal heads, which stand in the order of their places.
func (m *merger) sortTies(a, tmp []entryRef) {
	first, _, _ := m.entry(a[0])
	shared, shortest, same := len(first), len(first), true
	for _, e := range a[1:] {
		key, _, _ := m.entry(e)
		shortest, same = min(shortest, len(key)), same && len(key) == len(first)
		if len(key) < shared || string(key[:shared]) != string(first[:shared]) {
			shared = commonPrefix(first[:shared], key)
		}
	}
	switch {
	case shared == len(first) && same:
		return // one key
	case shared == shortest: // a prefix of the others: heads cannot tell
		slices.SortFunc(a, m.compareKeys)
		return
	}
	for i := range a {
		key, _, _ := m.entry(a[i])
		a[i].head = headAfter(key, shared)
	}
	m.sort(a, tmp)
}

// radixSort sorts a by head, stably; tmp has the same length. Bytes in which all heads
// agree cost nothing.
func radixSort(a, tmp []entryRef) {
	var counts [8][256]int
	for _, e := range a {
		for d := range 8 {
			counts[d][byte(e.head>>(8*d))]++
		}
	}
	src, dst := a, tmp
	for d := range 8 {
		c := &counts[d]
		if c[byte(a[0].head>>(8*d))] == len(a) {
			continue
		}
		sum := 0
		for i := range c {
			c[i], sum = sum, sum+c[i]
		}
		for _, e := range src {
			b := byte(e.head >> (8 * d))
			dst[c[b]] = e
			c[b]++
		}
		src, dst = dst, src
	}
	if &src[0] != &a[0] {
		copy(a, src)
	}
}

// coverage says for a key which is the latest range delete over it. Between two
// neighbouring points the answer is constant.
type coverage struct {
	points [][]byte
	latest []uint64 // of [points[i], points[i+1]), the last one without end: place+1, 0 for none
	i      int
}

// newCoverage indexes the ranges of segs.
func newCoverage(segs []*segment) *coverage {
	c := &coverage{}
	var all []rangeDelete
	for i, s := range segs {
		for _, r := range s.ranges {
			r.at |= uint64(i) << 56
			all = append(all, r)
			c.points = append(c.points, r.lo)
			if r.hi != nil {
				c.points = append(c.points, r.hi)
			}
		}
	}
	slices.SortFunc(c.points, bytes.Compare)
	c.points = slices.CompactFunc(c.points, bytes.Equal)
	c.latest = make([]uint64, len(c.points))
	for _, r := range all {
		i, _ := slices.BinarySearchFunc(c.points, r.lo, bytes.Compare)
		for ; i < len(c.points) && (r.hi == nil || bytes.Compare(c.points[i], r.hi) < 0); i++ {
			c.latest[i] = max(c.latest[i], r.at+1)
		}
	}
	return c
}

// kills says whether a range delete came after the entry of key at place. Keys must ascend.
func (c *coverage) kills(key []byte, place uint64) bool {
	if len(c.points) == 0 {
		return false
	}
	for c.i+1 < len(c.points) && bytes.Compare(c.points[c.i+1], key) <= 0 {
		c.i++
	}
	return bytes.Compare(key, c.points[c.i]) >= 0 && c.latest[c.i] > place+1
}

// each calls fn with the union of the ranges, as disjoint ascending ranges.
func (c *coverage) each(fn func(lo, hi []byte) error) error {
	for i := 0; i < len(c.points); {
		if c.latest[i] == 0 {
			i++
			continue
		}
		lo := c.points[i]
		for i < len(c.points) && c.latest[i] > 0 {
			i++
		}
		var hi []byte
		if i < len(c.points) {
			hi = c.points[i]
		}
		if err := fn(lo, hi); err != nil {
			return err
		}
	}
	return nil
}
