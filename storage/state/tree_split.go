package state

// Splitting a full page. Three shapes:
//
//   - at the right edge of the tree, behind everything: the left page stays full and the
//     new page holds the new entry only, so that appends fill pages to the brim;
//   - in an ascending run within the tree: the left page ends at the new entry, and the
//     run goes on filling it;
//   - otherwise half by bytes.

// runLength is how many ascending neighbours make a run.
const runLength = 4

// splitLeaf splits the leaf at the end of the path to insert (k, v) at i. The path is owned.
func (t *Tree) splitLeaf(i int, key []byte, k, v *field) {
	t.finger = false
	d := t.depth - 1
	p := t.path[d].p
	n := p.n()
	rref, right := t.newPage(kindLeaf)
	if m := t.cut(p, i, k.size()+v.size()); m == n && i == n {
		t.fill(right, p, n, n+1, i, k, v)
		t.seal(right)
	} else {
		s := &t.scratch
		*s = *p
		p.reset(kindLeaf, p.birth())
		t.fill(p, s, 0, m, i, k, v)
		t.fill(right, s, m, n+1, i, k, v)
		t.seal(p)
		t.seal(right)
	}
	first := t.key(right, 0)
	sep := first[:commonPrefix(t.key(p, p.n()-1), first)+1]
	var kf field
	t.makeField(&kf, sep)
	t.insertChild(d-1, sep, &kf, rref)
}

// cut chooses how many of the n+1 entries (the new one, of size bytes, at i) stay left.
func (t *Tree) cut(p *page, i, size int) int {
	n := p.n()
	if i == n && (t.fingerEnd || t.run >= runLength) {
		return n
	}
	total := p.used() + size + slotBytes
	sum, m, best := 0, 0, total
	for e := range n {
		c := size
		if e < i {
			c = p.cellSize(e)
		} else if e > i {
			c = p.cellSize(e - 1)
		}
		sum += c + slotBytes
		if t.run >= runLength && e == i && sum <= pageRoom && total-sum <= pageRoom {
			return e + 1
		}
		if big := max(sum, total-sum); big <= best {
			best, m = big, e+1
		}
	}
	return m
}

// fill appends to dst the entries a..b of src with (k, v) inserted at i.
func (t *Tree) fill(dst, src *page, a, b, i int, k, v *field) {
	t.appendCells(dst, src, a, max(a, min(b, i)))
	if a <= i && i < b {
		appendField(dst, k, v)
	}
	t.appendCells(dst, src, max(a-1, i), max(b-1, i))
}

// childField sets f to the value of an inner cell.
func childField(f *field, ref uint64) {
	f.hdr[0], f.hlen, f.data = 8, 9, nil
	for i := range 8 {
		f.hdr[1+i] = 0
	}
	putRef(f.hdr[1:9], ref)
}

// insertChild puts a new child right of the path's child at level d, under key. The key's
// field must not lie in the scratch page.
func (t *Tree) insertChild(d int, key []byte, k *field, child uint64) {
	var v field
	childField(&v, child)
	if d < 0 {
		ref, p := t.newPage(kindInner)
		p.setChild0(t.root)
		t.insert(p, 0, key, k, &v)
		t.root = ref
		return
	}
	p, i := t.path[d].p, t.path[d].i
	if p.room(k.size() + v.size()) {
		t.insert(p, i, key, k, &v)
		return
	}
	// The entry at m goes up; its child becomes the right page's first.
	n := p.n()
	m := n
	if i < n || !t.fingerEnd {
		m = t.innerCut(p, i, k.size()+v.size())
	}
	rref, right := t.newPage(kindInner)
	var upBuf [maxInline]byte
	var up field
	s := &t.scratch
	*s = *p
	upKey := key
	if m == i {
		up = *k
		right.setChild0(child)
	} else {
		e := m
		if m > i {
			e--
		}
		raw := s.keyField(e)
		upKey = t.content(raw)
		if _, ok := inlineField(raw); ok {
			upKey = upBuf[:copy(upBuf[:], upKey)]
			up.inline(upKey)
		} else {
			up.hlen = copy(up.hdr[:], raw)
		}
		right.setChild0(s.child(e + 1))
	}
	c0 := s.child0()
	p.reset(kindInner, p.birth())
	p.setChild0(c0)
	t.fill(p, s, 0, m, i, k, &v)
	t.fill(right, s, m+1, n+1, i, k, &v)
	t.seal(p)
	t.seal(right)
	t.insertChild(d-1, upKey, &up, rref)
}

// innerCut chooses which of the n+1 entries goes up: the one at the middle by bytes.
func (t *Tree) innerCut(p *page, i, size int) int {
	n := p.n()
	half := (p.used() + size + slotBytes) / 2
	sum := 0
	for e := range n {
		c := size
		if e < i {
			c = p.cellSize(e)
		} else if e > i {
			c = p.cellSize(e - 1)
		}
		if sum += c + slotBytes; sum > half && e > 0 {
			return e
		}
	}
	return n - 1
}
