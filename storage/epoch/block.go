package epoch

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/heliosdb/heliosdb-streaming/storage/seal"
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
//
// In a sealed store every blob (blocks, indexes, the manifest and the meta bytes) is
//
//	blob length u32 | 2 u8 | box | CRC32C u32
//
// where the box (package seal) holds what would stand between length and CRC otherwise, and is bound to run and chunk.
const (
	blockFormat    = 1
	boxFormat      = 2 // the first byte of a sealed blob
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

// blobHead is how many bytes of a blob come before what it holds, sealed or not.
func blobHead(key *seal.Key) int {
	if key == nil {
		return lenBytes
	}
	return lenBytes + 1 + seal.Headroom
}

// beginBlob returns the beginning of a blob that will hold about n bytes: they are appended to it. With a key it will
// be sealed.
func beginBlob(key *seal.Key, n int) []byte {
	head := blobHead(key)
	return make([]byte, head, head+n+seal.Overhead+blockTrailLen)
}

// finishBlob seals what was appended to a blob that beginBlob began with the same key, and appends the checksum; the
// length is filled in by putBlob.
func finishBlob(b []byte, key *seal.Key, id uint64, chunk uint32) []byte {
	if key != nil {
		b[lenBytes] = boxFormat
		b = key.Seal(b[:lenBytes+1], b[blobHead(key):], blobPlace(id, chunk))
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Update(blobSeed(id, chunk), castagnoli, b[lenBytes:]))
}

// blobPlace is what a box is bound to.
func blobPlace(id uint64, chunk uint32) []byte {
	b := append(make([]byte, 0, 32), "heliosdb epoch"...)
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(b, id), chunk)
}

// checkBlob checks a blob's checksum and returns what is between length and checksum, which may be sealed.
func checkBlob(b []byte, id uint64, chunk uint32) ([]byte, error) {
	if len(b) < lenBytes+blockTrailLen {
		return nil, corruptRun(id, chunk, "blob of %d bytes", len(b))
	}
	body := b[lenBytes : len(b)-blockTrailLen]
	if crc32.Update(blobSeed(id, chunk), castagnoli, body) != binary.LittleEndian.Uint32(b[len(b)-blockTrailLen:]) {
		return nil, corruptRun(id, chunk, "checksum does not match")
	}
	return body, nil
}

// openBlob checks a blob and returns what it holds. A sealed blob is opened in place: b is worth nothing afterwards.
func openBlob(b []byte, ring *seal.Keyring, id uint64, chunk uint32) ([]byte, error) {
	body, err := checkBlob(b, id, chunk)
	if err != nil || ring == nil {
		return body, err
	}
	if len(body) < 1+seal.Overhead || body[0] != boxFormat {
		return nil, corruptRun(id, chunk, "it is not sealed")
	}
	box := body[1:]
	body, err = ring.Open(box[seal.Headroom:seal.Headroom], box, blobPlace(id, chunk))
	if err != nil {
		return nil, fmt.Errorf("%w: run %d chunk %d: %w", ErrCorrupt, id, chunk, err)
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
func (b *blockBuilder) finish(c Compression, key *seal.Key, id uint64, chunk uint32) []byte {
	binary.LittleEndian.PutUint32(b.buf, b.entries)
	c, packed := compress(c, b.buf, b.packed)
	if c != CompressionNone {
		b.packed = packed
	}
	blob := append(beginBlob(key, 2+len(packed)), blockFormat, byte(c))
	return finishBlob(append(blob, packed...), key, id, chunk)
}

// decodeBlock checks the blob that was read from (id, chunk) and returns its body, in buf if that is large enough.
func decodeBlock(blob []byte, ring *seal.Keyring, id uint64, chunk uint32, buf []byte) ([]byte, error) {
	b, err := openBlob(blob, ring, id, chunk)
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

func (x *runIndex) encode(key *seal.Key, id uint64, chunk uint32) []byte {
	b := append(beginBlob(key, 1<<10), indexFormat)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(x.chunks)))
	for i, c := range x.chunks {
		b = binary.AppendUvarint(b, uint64(c))
		b = appendBytes(b, x.minKeys[i])
	}
	return finishBlob(b, key, id, chunk)
}

func decodeIndex(blob []byte, ring *seal.Keyring, id uint64, chunk uint32) (*runIndex, error) {
	body, err := openBlob(blob, ring, id, chunk)
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
