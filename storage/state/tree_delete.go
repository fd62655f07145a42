package state

// Deletion: an emptied page leaves its parent, a page under a third full is merged with a
// neighbour when both fill at most three quarters. Inner pages may be left with a single
// child (n = 0) when they have no neighbour to merge with.

const (
	mergeBelow = pageRoom / 3
	mergeInto  = pageRoom * 3 / 4
)

// rebalance repairs the path after entries left its leaf. The path is owned.
func (t *Tree) rebalance() {
	for d := t.depth - 1; d >= 0; d-- {
		p := t.path[d].p
		if p.used() >= mergeBelow && p.n() > 0 {
			return
		}
		if d == 0 {
			t.shrinkRoot()
			return
		}
		if p.leaf() && p.n() == 0 {
			t.finger = false
			for d > 0 && t.unlinkChild(d) {
				d--
			}
			if d == 0 {
				t.root = 0
				return
			}
			continue // the parent lost a child: look at it next
		}
		if !t.merge(d) {
			return
		}
	}
}

// shrinkRoot drops roots that have one child or are empty leaves.
func (t *Tree) shrinkRoot() {
	for t.root != 0 {
		p := t.page(t.root)
		if p.n() > 0 {
			return
		}
		t.finger = false
		old := t.root
		t.root = 0
		if !p.leaf() {
			t.root = p.child0()
		}
		t.dropPage(old, p)
	}
}

// unlinkChild drops the empty page at level d and takes it out of its parent. It says
// whether that leaves the parent without any child, to be unlinked itself; a childless
// root is dropped here.
func (t *Tree) unlinkChild(d int) bool {
	up := &t.path[d-1]
	t.dropPage(t.path[d].ref, t.path[d].p)
	if up.p.n() == 0 {
		if d-1 == 0 {
			t.dropPage(up.ref, up.p)
		}
		return true
	}
	e := max(up.i-1, 0)
	if up.i == 0 {
		up.p.setChild0(up.p.child(1))
	}
	t.dropCell(up.p, e)
	t.remove(up.p, e, e+1)
	return false
}

// merge joins the page at level d with a neighbour if both are small enough.
func (t *Tree) merge(d int) bool {
	up, me := &t.path[d-1], &t.path[d]
	if up.p.n() == 0 {
		return true // no neighbour; the parent itself is small, look at it
	}
	for _, e := range [2]int{up.i, up.i - 1} { // right neighbour, then left
		if e < 0 || e >= up.p.n() {
			continue
		}
		sref := up.p.child(e + 1)
		if e < up.i {
			sref = up.p.child(e)
		}
		s := t.page(sref)
		total := me.p.used() + s.used()
		if !me.p.leaf() {
			total += len(up.p.keyField(e)) + 9 + slotBytes
		}
		if total > mergeInto {
			continue
		}
		t.finger = false
		t.join(up.p, e, me.p, s, e < up.i)
		up.p.setChild(e, me.ref)
		t.remove(up.p, e, e+1)
		t.dropPage(sref, s)
		return true
	}
	return false
}

// join puts the entries of p and its neighbour s, which parent entry e separates, into p.
func (t *Tree) join(up *page, e int, p, s *page, left bool) {
	mine := &t.scratch
	*mine = *p
	a, b := mine, s
	if left {
		a, b = s, mine
	}
	c0 := a.child0()
	p.reset(mine[0], mine.birth())
	p.setChild0(c0)
	t.appendCells(p, a, 0, a.n())
	if !mine.leaf() {
		// The separator comes down with the right page's first child.
		var k, v field
		k.raw(up.keyField(e))
		childField(&v, b.child0())
		appendField(p, &k, &v)
	} else if t.extents > 0 {
		t.dropField(up.keyField(e))
	}
	t.appendCells(p, b, 0, b.n())
	t.seal(p)
}

// rangeLogMin is the number of entries from which a DeleteRange is recorded as a range
// instead of one by one.
const rangeLogMin = 64

// DeleteRange removes the keys in [lo, hi), hi nil meaning "to the end", and returns how
// many there were.
func (t *Tree) DeleteRange(lo, hi []byte) int {
	if t.root == 0 {
		return 0
	}
	if len(lo) == 0 && hi == nil {
		n := t.count
		t.Clear()
		return n
	}
	asRange := !t.opts.NoLog && t.changes.canRange() && t.atLeast(lo, hi, rangeLogMin)
	lo0 := lo
	total := 0
	var loBuf []byte
	for t.root != 0 {
		i, _ := t.descend(lo)
		leaf := t.path[t.depth-1].p
		if i == leaf.n() {
			sep, ok := t.nextFence()
			if !ok || hi != nil && string(sep) >= string(hi) {
				break
			}
			loBuf = append(loBuf[:0], sep...)
			lo = loBuf
			continue
		}
		j := leaf.n()
		if hi != nil {
			j, _ = t.search(leaf, hi)
		}
		if j <= i {
			break
		}
		last := j < leaf.n()
		t.version++
		t.own()
		t.deleteEntries(i, j, asRange)
		total += j - i
		if last {
			break
		}
	}
	if asRange && total > 0 {
		t.changes.delRange(lo0, hi)
	}
	return total
}

// deleteEntries removes entries i..j of the leaf at the end of the path, which is owned.
func (t *Tree) deleteEntries(i, j int, asRange bool) {
	leaf := t.path[t.depth-1].p
	for e := i; e < j; e++ {
		if !asRange && !t.opts.NoLog {
			t.changes.del(t.key(leaf, e), t.bytes.Load())
		}
		t.dropCell(leaf, e)
	}
	t.remove(leaf, i, j)
	t.count -= j - i
	t.rebalance()
}

// nextFence is the separator right of the path's leaf: no key of the next leaf is below it.
func (t *Tree) nextFence() ([]byte, bool) {
	for d := t.depth - 2; d >= 0; d-- {
		if s := &t.path[d]; s.i < s.p.n() {
			return t.key(s.p, s.i), true
		}
	}
	return nil, false
}

// atLeast says whether [lo, hi) has n entries or more.
func (t *Tree) atLeast(lo, hi []byte, n int) bool {
	c := t.Cursor()
	for ok := c.Seek(lo); ok; ok = c.Next() {
		if hi != nil && string(c.Key()) >= string(hi) {
			return false
		}
		if n--; n == 0 {
			return true
		}
	}
	return false
}
