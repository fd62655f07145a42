package state

// An extent holds one key or value that is too long for a page, contiguous in memory:
//
//	0   u64  birth: tree epoch in which it was made
//	8   u64  unused
//	16  the bytes
//
// It is owned by one cell. Copies of a page made for a snapshot share it; it is retired
// when the writer's cell goes, by its own birth.

import "encoding/binary"

const extentHdr = 16

// extent is the n bytes of the extent at ref.
func (t *Tree) extent(ref uint64, n int) []byte {
	return t.extentMem(ref, n)[extentHdr:]
}

func (t *Tree) extentMem(ref uint64, n int) []byte {
	if t.src != nil {
		return t.src.extent(ref, extentHdr+n)
	}
	return bytesAt(ref, extentHdr+n)
}

// makeField fills f for data, moving long data to a new extent.
func (t *Tree) makeField(f *field, data []byte) {
	if len(data) <= maxInline {
		f.inline(data)
		return
	}
	size := extentHdr + len(data)
	var ref uint64
	if t.src != nil {
		ref = t.src.newExtent(size)
	} else {
		ref = t.pool.alloc(size)
	}
	mem := t.extentMem(ref, len(data))
	binary.NativeEndian.PutUint64(mem, t.epoch)
	copy(mem[extentHdr:], data)
	t.extents++
	t.bytes.Add(int64(blockBytes(size)))
	f.hdr[0] = 255
	binary.NativeEndian.PutUint32(f.hdr[1:], uint32(len(data)))
	binary.NativeEndian.PutUint64(f.hdr[5:], ref)
	f.hlen, f.data = extField, nil
}

// dropField retires the extent of a field that goes, if it has one.
func (t *Tree) dropField(b []byte) {
	if b[0] != 255 {
		return
	}
	ref, n := extentField(b)
	t.extents--
	t.bytes.Add(-int64(blockBytes(extentHdr + n)))
	t.retire(ref, binary.NativeEndian.Uint64(t.extentMem(ref, n)))
}

// dropCell retires the extents of entry i.
func (t *Tree) dropCell(p *page, i int) {
	if t.extents > 0 {
		t.dropField(p.keyField(i))
		if p.leaf() {
			t.dropField(p.valField(i))
		}
	}
}
