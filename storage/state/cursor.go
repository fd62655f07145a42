package state

// Cursor walks a Tree or a Snapshot in key order, either way. Key and Value alias page
// memory: valid until the cursor moves to another page or, on a Tree, until the next write;
// on a Snapshot until Release. A Tree's cursor must Seek again after a write.
type Cursor struct {
	t       *Tree
	live    bool // over the tree itself, not a snapshot
	root    uint64
	version uint64
	depth   int // levels of at in use; 0: not positioned
	p       *page
	i, n    int // position in the leaf
	at      [maxDepth]cursorStep
}

// cursorStep is an inner page and the child taken.
type cursorStep struct {
	p *page
	i int
}

// Cursor returns a cursor over the tree as it is. Seek first.
func (t *Tree) Cursor() Cursor {
	return Cursor{t: t, live: true, root: t.root, version: t.version}
}

// Cursor returns a cursor over the snapshot. Seek first.
func (s *Snapshot) Cursor() Cursor { return Cursor{t: s.t, root: s.root} }

// Key is the key at the cursor.
func (c *Cursor) Key() []byte { return c.t.key(c.p, c.i) }

// Value is the value at the cursor.
func (c *Cursor) Value() []byte { return c.t.val(c.p, c.i) }

// Seek moves to the first key that is not below lo (nil: the first of all) and says whether
// there is one. Seeking near the last position is cheap, so probe in key order.
func (c *Cursor) Seek(lo []byte) bool {
	if !c.seekHere(lo) {
		if c.root == 0 {
			return false
		}
		c.descend(lo)
	}
	return c.i < c.n || c.nextLeaf()
}

// seekHere tries the leaf the cursor stands on.
func (c *Cursor) seekHere(lo []byte) bool {
	if c.live && c.version != c.t.version {
		c.root, c.version, c.p = c.t.root, c.t.version, nil
		return false
	}
	if c.p == nil || c.n < 2 {
		return false
	}
	if string(c.t.key(c.p, c.n-1)) < string(lo) || string(c.t.key(c.p, 0)) > string(lo) {
		return false
	}
	c.i, _ = c.t.search(c.p, lo)
	return true
}

// descend moves to lo's place in its leaf, which may be behind the last entry.
func (c *Cursor) descend(lo []byte) {
	p := c.t.page(c.root)
	d := 0
	for !p.leaf() {
		i, found := c.t.search(p, lo)
		if found {
			i++
		}
		c.at[d] = cursorStep{p, i}
		p = c.t.page(p.child(i))
		d++
	}
	c.depth = d
	c.p, c.n = p, p.n()
	c.i, _ = c.t.search(p, lo)
}

// Next moves to the next key and says whether there is one.
func (c *Cursor) Next() bool {
	c.i++
	return c.i < c.n || c.nextLeaf()
}

func (c *Cursor) nextLeaf() bool {
	d := c.depth - 1
	for d >= 0 && c.at[d].i == c.at[d].p.n() {
		d--
	}
	if d < 0 {
		c.i = c.n
		return false
	}
	c.at[d].i++
	p := c.t.page(c.at[d].p.child(c.at[d].i))
	for d++; d < c.depth; d++ {
		c.at[d] = cursorStep{p, 0}
		p = c.t.page(p.child(0))
	}
	c.p, c.i, c.n = p, 0, p.n()
	return true
}

// Prev moves to the previous key and says whether there is one.
func (c *Cursor) Prev() bool {
	if c.i > 0 {
		c.i--
		return true
	}
	return c.prevLeaf()
}

func (c *Cursor) prevLeaf() bool {
	d := c.depth - 1
	for d >= 0 && c.at[d].i == 0 {
		d--
	}
	if d < 0 {
		c.i = -1
		return false
	}
	c.at[d].i--
	p := c.t.page(c.at[d].p.child(c.at[d].i))
	for d++; d < c.depth; d++ {
		c.at[d] = cursorStep{p, p.n()}
		p = c.t.page(p.child(p.n()))
	}
	c.p, c.n = p, p.n()
	c.i = c.n - 1
	return true
}

// SeekLast moves to the last key of all and says whether there is one.
func (c *Cursor) SeekLast() bool { return c.SeekBefore(nil) }

// SeekBefore moves to the last key below hi (nil: the last of all) and says whether there
// is one. Go on with Prev for descending order.
func (c *Cursor) SeekBefore(hi []byte) bool {
	if c.live {
		c.root, c.version = c.t.root, c.t.version
	}
	if c.root == 0 {
		return false
	}
	if hi != nil {
		c.descend(hi)
		return c.Prev()
	}
	p := c.t.page(c.root)
	d := 0
	for ; !p.leaf(); d++ {
		c.at[d] = cursorStep{p, p.n()}
		p = c.t.page(p.child(p.n()))
	}
	c.depth, c.p, c.n = d, p, p.n()
	c.i = c.n
	return c.Prev()
}

// ScanPrefix calls fn for every key that starts with prefix, in order, until fn returns
// false. fn must not write to the tree.
func (t *Tree) ScanPrefix(prefix []byte, fn func(k, v []byte) bool) {
	c := t.Cursor()
	c.scanPrefix(prefix, fn)
}

// ScanPrefix calls fn for every key that starts with prefix, in order, until fn returns
// false.
func (s *Snapshot) ScanPrefix(prefix []byte, fn func(k, v []byte) bool) {
	c := s.Cursor()
	c.scanPrefix(prefix, fn)
}

func (c *Cursor) scanPrefix(prefix []byte, fn func(k, v []byte) bool) {
	for ok := c.Seek(prefix); ok; ok = c.Next() {
		k := c.Key()
		if len(k) < len(prefix) || string(k[:len(prefix)]) != string(prefix) {
			return
		}
		if !fn(k, c.Value()) {
			return
		}
	}
}
