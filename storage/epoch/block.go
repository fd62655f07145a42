package epoch

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// A block holds consecutive entries of a run, sorted by key:
//
//	blob length u32 | format u8 | compression u8 | body, compressed | CRC32C u32
//	body:  entries u32 | entry…
//	entry: shared uvarint | rest uvarint | value uvarint | rest of the key | value
//
// shared is how many bytes the key has in common with the key before it in the block; value is 0 for a tombstone and
// the length of the value plus one otherwise. The CRC covers everything between the length and itself, and is seeded
// with run and chunk, so that a block in the wrong place is as wrong as a damaged one.
const (
	blockFormat    = 1
	blockTrailLen  = 4
	bodyHeadLen    = 4
	blockTarget    = 64 << 10 // bytes of a body after which the next entry begins a new block
	maxSharedBytes = 1 << 16  // longer common prefixes are not worth comparing

	// MaxEntryBytes bounds key plus value of one entry.
	MaxEntryBytes = 256 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func blobSeed(id uint64, chunk uint32) uint32 {
	var b [12]byte
	binary.LittleEndian.PutUint64(b[:], id)
	binary.LittleEndian.PutUint32(b[8:], chunk)
	return crc32.Checksum(b[:], castagnoli)
}

// sealBlob appends the checksum to a blob whose length field is not filled in yet.
func sealBlob(b []byte, id uint64, chunk uint32) []byte {
	return binary.LittleEndian.AppendUint32(b, crc32.Update(blobSeed(id, chunk), castagnoli, b[lenBytes:]))
}

// openBlob checks a blob's checksum and returns what is between length and checksum.
func openBlob(b []byte, id uint64, chunk uint32) ([]byte, error) {
	if len(b) < lenBytes+blockTrailLen {
		return nil, corruptRun(id, chunk, "blob of %d bytes", len(b))
	}
	body := b[lenBytes : len(b)-blockTrailLen]
	if crc32.Update(blobSeed(id, chunk), castagnoli, body) != binary.LittleEndian.Uint32(b[len(b)-blockTrailLen:]) {
		return nil, corruptRun(id, chunk, "checksum does not match")
	}
	return body, nil
}

// blockBuilder packs entries into one block.
type blockBuilder struct {
	buf     []byte // the body
	packed  []byte // memory for reuse
	entries uint32
	lastKey []byte // outlives the block, for the check of the order
}

func (b *blockBuilder) reset() {
	b.buf = append(b.buf[:0], 0, 0, 0, 0)
	b.entries = 0
}

// add appends an entry; the caller sees to the order. In the first entry of a block nothing is shared.
func (b *blockBuilder) add(key, val []byte, tombstone bool) {
	shared := 0
	if b.entries > 0 {
		shared = commonPrefix(b.lastKey, key)
	}
	b.buf = binary.AppendUvarint(b.buf, uint64(shared))
	b.buf = binary.AppendUvarint(b.buf, uint64(len(key)-shared))
	if tombstone {
		b.buf = append(b.buf, 0)
	} else {
		b.buf = binary.AppendUvarint(b.buf, uint64(len(val))+1)
	}
	b.buf = append(b.buf, key[shared:]...)
	if !tombstone {
		b.buf = append(b.buf, val...)
	}
	b.lastKey = append(b.lastKey[:shared], key[shared:]...)
	b.entries++
}

// finish returns the block as the blob at (id, chunk) of the store, in memory of its own.
func (b *blockBuilder) finish(c Compression, id uint64, chunk uint32) []byte {
	binary.LittleEndian.PutUint32(b.buf, b.entries)
	c, packed := compress(c, b.buf, b.packed)
	if c != CompressionNone {
		b.packed = packed
	}
	blob := make([]byte, lenBytes, lenBytes+2+len(packed)+blockTrailLen)
	blob = append(blob, blockFormat, byte(c))
	return sealBlob(append(blob, packed...), id, chunk)
}

// decodeBlock checks the blob that was read from (id, chunk) and returns its body, in buf if that is large enough.
func decodeBlock(blob []byte, id uint64, chunk uint32, buf []byte) ([]byte, error) {
	b, err := openBlob(blob, id, chunk)
	if err != nil {
		return nil, err
	}
	if len(b) < 2 || b[0] != blockFormat {
		return nil, corruptRun(id, chunk, "not a block of format %d", blockFormat)
	}
	body, err := decompress(Compression(b[1]), b[2:], buf)
	if err != nil {
		return nil, corruptRun(id, chunk, "%v", err)
	}
	if len(body) < bodyHeadLen {
		return nil, corruptRun(id, chunk, "block with a body of %d bytes", len(body))
	}
	return body, nil
}

func commonPrefix(a, b []byte) int {
	n := min(len(a), len(b), maxSharedBytes)
	i := 0
	for ; i+8 <= n; i += 8 {
		if binary.LittleEndian.Uint64(a[i:]) != binary.LittleEndian.Uint64(b[i:]) {
			break
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}

// blockReader walks the entries of a block. Its slices are valid until the next call of next; key is its own, val
// points into the block.
type blockReader struct {
	rest      []byte
	left      uint32
	key, val  []byte
	tombstone bool
}

// start begins a body that decodeBlock returned.
func (r *blockReader) start(body []byte) {
	r.left = binary.LittleEndian.Uint32(body)
	r.rest = body[bodyHeadLen:]
	r.key = r.key[:0]
}

// next moves to the next entry; false at the end. An error means that the block was built wrongly: its checksum was
// right.
func (r *blockReader) next() (bool, error) {
	if r.left == 0 {
		if len(r.rest) != 0 {
			return false, fmt.Errorf("%w: %d bytes behind the last entry of a block", ErrCorrupt, len(r.rest))
		}
		return false, nil
	}
	shared, b := shortUvarint(r.rest)
	rest, b := shortUvarint(b)
	code, b := shortUvarint(b)
	valLen := uint64(0)
	if code > 0 {
		valLen = code - 1
	}
	left := uint64(len(b))
	if b == nil || shared > uint64(len(r.key)) || rest > left || valLen > left-rest {
		return false, fmt.Errorf("%w: an entry runs over the end of its block", ErrCorrupt)
	}
	r.key = append(r.key[:shared], b[:rest]...)
	r.tombstone = code == 0
	r.val = b[rest : rest+valLen : rest+valLen]
	r.rest = b[rest+valLen:]
	r.left--
	return true, nil
}

// shortUvarint reads a number that mostly fits one byte; the rest is nil when there is none.
func shortUvarint(b []byte) (uint64, []byte) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), b[1:]
	}
	v, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil
	}
	return v, b[n:]
}

// The index of a run says where each block begins and with which key:
//
//	blob length u32 | format u8 | blocks u32 | (chunk uvarint | key length uvarint | key)… | CRC32C u32
type runIndex struct {
	chunks  []uint32
	minKeys [][]byte
}

const indexFormat = 1

func (x *runIndex) add(chunk uint32, minKey []byte) {
	x.chunks = append(x.chunks, chunk)
	x.minKeys = append(x.minKeys, bytes.Clone(minKey))
}

func (x *runIndex) encode(id uint64, chunk uint32) []byte {
	b := []byte{0, 0, 0, 0, indexFormat}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(x.chunks)))
	for i, c := range x.chunks {
		b = binary.AppendUvarint(b, uint64(c))
		b = appendBytes(b, x.minKeys[i])
	}
	return sealBlob(b, id, chunk)
}

func decodeIndex(blob []byte, id uint64, chunk uint32) (*runIndex, error) {
	body, err := openBlob(blob, id, chunk)
	if err != nil {
		return nil, err
	}
	if len(body) < 5 || body[0] != indexFormat {
		return nil, corruptRun(id, chunk, "not an index of format %d", indexFormat)
	}
	n := binary.LittleEndian.Uint32(body[1:])
	d := decoder{b: body[5:]}
	x := &runIndex{}
	for range n {
		c := d.uvarint()
		key := d.bytes()
		if d.bad || c > uint64(chunk) {
			return nil, corruptRun(id, chunk, "index entry %d of %d is damaged", len(x.chunks), n)
		}
		x.chunks = append(x.chunks, uint32(c))
		x.minKeys = append(x.minKeys, key)
	}
	if len(d.b) != 0 {
		return nil, corruptRun(id, chunk, "bytes behind the index")
	}
	return x, nil
}
