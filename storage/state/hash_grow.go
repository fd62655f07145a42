package state

// Growing, splitting and cleaning tables of a Hash: each touches one table.

import "unsafe"

// newTable makes an empty table and returns its id.
func (h *Hash) newTable(shape, depth uint8) uint32 {
	t := tableMeta{depth: depth}
	h.newBlock(&t, shape)
	h.tables = append(h.tables, t)
	return uint32(len(h.tables) - 1)
}

// newBlock gives t an empty block of a shape. The old one is the caller's.
func (h *Hash) newBlock(t *tableMeta, shape uint8) {
	s := &h.shapes[shape]
	t.block, t.shape = h.pool.alloc(s.bytes), shape
	t.count, t.deleted = 0, 0
	t.arena, t.arenaSize, t.arenaUsed = 0, 0, 0
	s.clear(t.block)
	h.bytes += int64(s.bytes)
}

// freeTable gives the blocks of a table back.
func (h *Hash) freeTable(t tableMeta) {
	h.pool.free(t.block)
	h.bytes -= int64(h.shapes[t.shape].bytes)
	if t.arena != 0 {
		h.pool.free(t.arena)
		h.bytes -= int64(t.arenaSize)
	}
}

// arenaRoom makes room for n more key bytes in t's arena.
func (h *Hash) arenaRoom(t *tableMeta, n int) {
	need := int(t.arenaUsed) + n
	if need <= int(t.arenaSize) {
		return
	}
	size := blockBytes(need + need/8)
	arena := h.pool.alloc(size)
	copy(bytesAt(arena, size), bytesAt(t.arena, int(t.arenaUsed)))
	if t.arena != 0 {
		h.pool.free(t.arena)
		h.bytes -= int64(t.arenaSize)
	}
	t.arena, t.arenaSize = arena, uint32(size)
	h.bytes += int64(size)
}

// rebuild moves a table to a block of another shape, or the same one to lose its deleted
// slots. The table is settled.
func (h *Hash) rebuild(id uint32, shape uint8) {
	old := h.tables[id]
	t := &h.tables[id]
	h.newBlock(t, shape)
	src := &h.shapes[old.shape]
	if src.varKeys {
		h.arenaRoom(t, h.liveKeyBytes(&old))
	}
	for i := range src.slots {
		if src.used(old.block, i) {
			h.move(&old, i, mix(h.hashFn(src.key(old.block, old.arena, i))), t)
		}
	}
	h.freeTable(old)
}

// liveKeyBytes is what the keys in use take in an arena.
func (h *Hash) liveKeyBytes(t *tableMeta) int {
	s := &h.shapes[t.shape]
	n := 0
	for i := range s.slots {
		if s.used(t.block, i) {
			n += len(s.key(t.block, t.arena, i))
		}
	}
	return n
}

// move copies slot i of src, with its marks, to dst, which has room.
func (h *Hash) move(src *tableMeta, i int, m uint64, dst *tableMeta) {
	a, b := &h.shapes[src.shape], &h.shapes[dst.shape]
	j := b.place(dst.block, m)
	b.setTag(dst.block, j, tagOf(m))
	slot := b.slot(dst.block, j)
	if a.varKeys {
		storeArenaKey(dst, slot, a.key(src.block, src.arena, i))
		copy(slot[b.keySize:], a.value(src.block, i))
	} else {
		copy(slot, a.slot(src.block, i))
	}
	if a.marked(src.block, a.dirtyOff, i) {
		b.mark(dst.block, b.dirtyOff, j)
	}
	if a.marked(src.block, a.knownOff, i) {
		b.mark(dst.block, b.knownOff, j)
	}
	dst.count++
}

// split divides a table by the next bit of its keys' hashes; m is the hash of one of its
// keys. The table is settled.
func (h *Hash) split(id uint32, m uint64) {
	old := h.tables[id]
	s := &h.shapes[old.shape]
	bit := 63 - old.depth
	// One pass for the hashes and the sizes of both sides.
	if cap(h.scratch) < s.slots {
		h.scratch = make([]uint64, s.slots)
	}
	hashes := h.scratch[:s.slots]
	var n, keyBytes [2]int
	for i := range s.slots {
		if s.used(old.block, i) {
			key := s.key(old.block, old.arena, i)
			hashes[i] = mix(h.hashFn(key))
			side := hashes[i] >> bit & 1
			n[side]++
			keyBytes[side] += len(key)
		}
	}
	right := h.newTable(h.shapeFor(n[1]), old.depth+1)
	left := &h.tables[id]
	h.newBlock(left, h.shapeFor(n[0]))
	left.depth = old.depth + 1
	sides := [2]*tableMeta{left, &h.tables[right]}
	if s.varKeys {
		h.arenaRoom(sides[0], keyBytes[0])
		h.arenaRoom(sides[1], keyBytes[1])
	}
	for i := range s.slots {
		if s.used(old.block, i) {
			h.move(&old, i, hashes[i], sides[hashes[i]>>bit&1])
		}
	}
	if old.dirty {
		sides[1].dirty = true
		h.frozen.dirty = append(h.frozen.dirty, right)
	}
	h.redirect(right, old.depth, m)
	h.freeTable(old)
}

// maySplit says whether splitting t keeps the directory in proportion to the tables. It
// does not when hashes collide in their top bits; such a table grows instead.
func (h *Hash) maySplit(t *tableMeta) bool {
	return t.depth < h.dirBits || h.dirBits < maxDirBits && len(h.dir) < 8*len(h.tables)
}

// redirect points the upper half of the directory entries of a table of the given depth
// to its new sibling.
func (h *Hash) redirect(right uint32, depth uint8, m uint64) {
	if depth == h.dirBits {
		dir := make([]uint32, 2*len(h.dir))
		for i, id := range h.dir {
			dir[2*i], dir[2*i+1] = id, id
		}
		h.dir = dir
		h.dirBits++
	}
	span := 1 << (h.dirBits - depth)
	first := int(m>>(64-depth)) << (h.dirBits - depth)
	for i := first + span/2; i < first+span; i++ {
		h.dir[i] = right
	}
}

// tableMetaBytes is what a table costs beside its blocks.
const tableMetaBytes = int64(unsafe.Sizeof(tableMeta{}))
