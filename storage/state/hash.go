package state

// Hash is an unordered map from keys to values of one fixed size, for groups.
//
// Extendible hashing: the top bits of a key's mixed hash index a directory of small
// open-addressing tables of about 1,024 slots. A full table grows in steps up to that size
// and is then split in two; nothing is ever rehashed as a whole, so no step waits for
// more than a few tables. What the search needs to know of a table lies in a dense
// array beside the directory, so that a touch of a cold table costs the cache lines of
// its tags and of one slot.
//
// Bits of the mixed hash: 63.. directory, 38–32 tag, 31–0 home slot.

import (
	"fmt"
	"math/bits"
)

const (
	// maxDirBits bounds the directory; tables beyond grow instead of splitting, which
	// only colliding hashes bring about.
	maxDirBits = 24
	// tableSlots is about how many slots a table has before it is split.
	tableSlots = 1024
)

// HashOptions configures a Hash.
type HashOptions struct {
	// KeySize is the length of all keys in bytes, kept inline; 0 for keys of any length
	// up to MaxKeyBytes, kept in an arena a table.
	KeySize int
	// ValueSize is the length of all values in bytes, 0 to MaxHashValueBytes.
	ValueSize int
	// HashFn computes the hash that callers pass along with a key, for moving keys and
	// for Load. Default: HashBytes.
	HashFn func(key []byte) uint64
}

// tableMeta is what the writer knows of a table. No pointers: the collector skips it.
type tableMeta struct {
	block     uint64 // tags, bitmaps, slots; see hash_table.go
	arena     uint64 // variable keys: block of key bytes, 0 if none
	arenaSize uint32
	arenaUsed uint32
	count     uint32 // entries
	deleted   uint32 // slots marked deleted
	shape     uint8  // index of Hash.shapes
	depth     uint8  // bits of the hash that its keys share
	dirty     bool   // in Hash.dirty
	pending   bool   // in a Frozen that has perhaps not copied it yet
}

// Hash is the group map. All methods are for one writer.
type Hash struct {
	pool   *Pool
	opts   HashOptions
	hashFn func([]byte) uint64
	shapes []shape
	full   uint8 // shape from which tables split instead of growing

	dir     []uint32 // table ids by the top bits of the hash; empty: no table yet
	dirBits uint8
	tables  []tableMeta
	count   int
	bytes   int64 // blocks and arenas
	closed  bool

	frozen  hashFrozenState
	scratch []uint64
	sink    byte
}

// NewHash returns an empty Hash whose blocks come from p. It panics on options no caller
// could mean.
func NewHash(p *Pool, opts HashOptions) *Hash {
	checkHashOptions(opts)
	shapes, full := shapesFor(opts)
	return newHash(p, opts, shapes, full)
}

func checkHashOptions(opts HashOptions) {
	if opts.KeySize < 0 || opts.KeySize > MaxKeyBytes || opts.ValueSize < 0 || opts.ValueSize > MaxHashValueBytes {
		panic(fmt.Sprintf("state: HashOptions %d, %d out of range", opts.KeySize, opts.ValueSize))
	}
}

func newHash(p *Pool, opts HashOptions, shapes []shape, full uint8) *Hash {
	h := &Hash{pool: p, opts: opts, hashFn: opts.HashFn, shapes: shapes, full: full}
	if h.hashFn == nil {
		h.hashFn = HashBytes
	}
	h.frozen.init(p)
	return h
}

// Len is the number of entries.
func (h *Hash) Len() int { return h.count }

// Bytes is the memory of the tables, their directory and the recorded changes.
func (h *Hash) Bytes() int64 {
	return h.bytes + int64(cap(h.dir))*4 + int64(cap(h.tables))*tableMetaBytes + h.frozen.bytes()
}

// mix spreads a caller's hash over all bits: callers spend some of them on partitions.
func mix(x uint64) uint64 {
	hi, lo := bits.Mul64(x^0x9e3779b97f4a7c15, 0xd6e8feb86659fd93)
	return hi ^ lo
}

// find returns the table and slot of key, or slot -1.
func (h *Hash) find(m uint64, key []byte) (id uint32, slot int) {
	if len(h.dir) == 0 {
		return 0, -1
	}
	id = h.dir[m>>(64-h.dirBits)]
	t := &h.tables[id]
	s := &h.shapes[t.shape]
	return id, h.probe(t, s, m, key)
}

// Upsert returns the value of key, whose hash is hash; created says that it is new, and
// then it is all zero. The value may be written until the next call on the Hash; it
// counts as changed. A key of another length than KeySize or over MaxKeyBytes panics: such
// lengths are settled when the table is made.
func (h *Hash) Upsert(hash uint64, key []byte) (val []byte, created bool) {
	if invariants {
		h.checkKey(hash, key)
	}
	m := mix(hash)
	id, slot := h.find(m, key)
	if slot < 0 {
		id, slot = h.create(m, key)
		created = true
	} else if h.tables[id].pending {
		h.settle(id)
	}
	t := &h.tables[id]
	s := &h.shapes[t.shape]
	s.mark(t.block, s.dirtyOff, slot)
	if !t.dirty {
		t.dirty = true
		h.frozen.dirty = append(h.frozen.dirty, id)
	}
	return s.value(t.block, slot), created
}

// Lookup returns the value of key, to be read until the next call on the Hash.
func (h *Hash) Lookup(hash uint64, key []byte) ([]byte, bool) {
	id, slot := h.find(mix(hash), key)
	if slot < 0 {
		return nil, false
	}
	t := &h.tables[id]
	return h.shapes[t.shape].value(t.block, slot), true
}

// Delete removes key and says whether it was there.
func (h *Hash) Delete(hash uint64, key []byte) bool {
	id, slot := h.find(mix(hash), key)
	if slot < 0 {
		return false
	}
	t := &h.tables[id]
	if t.pending {
		h.settle(id)
	}
	s := &h.shapes[t.shape]
	if s.marked(t.block, s.knownOff, slot) {
		h.frozen.tombs.add(key, nil, true)
	}
	h.erase(t, s, slot)
	h.count--
	if t.shape > 0 && int(t.count) < s.slots/8 {
		h.rebuild(id, h.shapeFor(int(t.count)))
	}
	return true
}

// Range calls fn for every entry, in no order, until fn returns false. fn must not call
// methods of h that write.
func (h *Hash) Range(fn func(key, val []byte) bool) {
	for i := range h.tables {
		t := &h.tables[i]
		s := &h.shapes[t.shape]
		for slot := range s.slots {
			if s.used(t.block, slot) && !fn(s.key(t.block, t.arena, slot), s.value(t.block, slot)) {
				return
			}
		}
	}
}

// Load puts an entry back at recovery. It fails with a *SizeError or ErrClosed.
func (h *Hash) Load(key, val []byte) error {
	if h.closed {
		return ErrClosed
	}
	if h.opts.KeySize > 0 && len(key) != h.opts.KeySize {
		return &SizeError{What: "key", Got: len(key), Max: h.opts.KeySize}
	}
	if len(key) > MaxKeyBytes {
		return &SizeError{What: "key", Got: len(key), Max: MaxKeyBytes}
	}
	if len(val) != h.opts.ValueSize {
		return &SizeError{What: "value", Got: len(val), Max: h.opts.ValueSize}
	}
	m := mix(h.hashFn(key))
	id, slot := h.find(m, key)
	if slot < 0 {
		id, slot = h.create(m, key)
	} else if h.tables[id].pending {
		h.settle(id)
	}
	t := &h.tables[id]
	s := &h.shapes[t.shape]
	copy(s.value(t.block, slot), val)
	s.mark(t.block, s.knownOff, slot)
	return nil
}

// Clear removes everything, in time proportional to the tables, not the entries.
func (h *Hash) Clear() {
	h.dropTables()
	h.frozen.clear()
}

// Close gives the memory back. A Frozen taken before stays readable until discarded.
func (h *Hash) Close() {
	if h.closed {
		return
	}
	h.dropTables()
	h.closed = true
	h.frozen.close()
}

// dropTables hands all blocks to the pool, or to the Frozens that still have to copy them.
func (h *Hash) dropTables() {
	refs := make([]uint64, 0, len(h.tables))
	for i := range h.tables {
		t := &h.tables[i]
		if t.pending && h.frozen.disown(uint32(i), t.block) {
			continue
		}
		refs = append(refs, t.block)
		if t.arena != 0 {
			refs = append(refs, t.arena)
		}
	}
	h.pool.freeLater(refs)
	h.dir, h.tables, h.dirBits = nil, nil, 0
	h.count, h.bytes = 0, 0
}

func (h *Hash) checkKey(hash uint64, key []byte) {
	assertf(!h.closed, "use of a closed Hash")
	assertf(h.opts.KeySize == 0 || len(key) == h.opts.KeySize, "key of %d bytes, KeySize %d", len(key), h.opts.KeySize)
	assertf(hash == h.hashFn(key), "hash passed for a key is not HashFn's")
}

// HashBytes is the default hash of keys, by multiply and fold over 16 bytes a round.
func HashBytes(key []byte) uint64 {
	const k0, k1, k2 = 0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb
	x := uint64(len(key)) * k0
	for len(key) > 16 {
		hi, lo := bits.Mul64(load64(key)^k1, load64(key[8:])^x)
		x = hi ^ lo
		key = key[16:]
	}
	var a, b uint64
	if n := len(key); n >= 8 {
		a, b = load64(key), load64(key[n-8:])
	} else {
		for i, c := range key {
			a |= uint64(c) << (8 * i)
		}
	}
	hi, lo := bits.Mul64(a^k2, b^x^k1)
	hi, lo = bits.Mul64(hi^k0, lo^x)
	return hi ^ lo
}
