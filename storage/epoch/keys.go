package epoch

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Layout of the key-value store:
//
//	r | run id u64 BE | chunk u32 BE   a piece of a run
//	m                                  the root: where the manifest is
//
// A run is a sequence of blobs, each cut into chunks of at most chunkBytes; the first chunk of a blob begins with the
// length of the whole. A run of entries holds its blocks in order and, behind them, its index if it has more than one
// block. The manifest and the caller's meta bytes are runs of one blob. Run ids are never used twice.
const (
	runPrefix = 'r'
	runKeyLen = 1 + 8 + 4

	// chunkBytes keeps a value well below 15 % of a memtable, which is what badger takes at once.
	chunkBytes = 512 << 10
	// maxBlobBytes bounds a blob, so that a damaged length cannot make a reader allocate without limit.
	maxBlobBytes = 1 << 30

	lenBytes = 4
)

var rootKey = []byte{'m'}

func runKey(id uint64, chunk uint32) []byte {
	b := make([]byte, runKeyLen)
	fillRunKey(b, id, chunk)
	return b
}

func fillRunKey(b []byte, id uint64, chunk uint32) {
	b[0] = runPrefix
	binary.BigEndian.PutUint64(b[1:], id)
	binary.BigEndian.PutUint32(b[9:], chunk)
}

func runPrefixKey(id uint64) []byte { return runKey(id, 0)[:9] }

// parseRunKey is the inverse of runKey.
func parseRunKey(key []byte) (id uint64, chunk uint32, ok bool) {
	if len(key) != runKeyLen || key[0] != runPrefix {
		return 0, 0, false
	}
	return binary.BigEndian.Uint64(key[1:]), binary.BigEndian.Uint32(key[9:]), true
}

// chunksOf returns the number of chunks of a blob with n bytes.
func chunksOf(n int) uint32 { return uint32((n + chunkBytes - 1) / chunkBytes) }

// putBlob writes blob, whose first lenBytes bytes are free for its length, as the chunks of run id from chunk on. It
// returns the number of chunks. The blob belongs to the batch from then on.
func putBlob(b kvBatch, id uint64, chunk uint32, blob []byte) (uint32, error) {
	if len(blob) > maxBlobBytes {
		return 0, fmt.Errorf("%w: %d bytes in one piece, the limit is %d", ErrTooLarge, len(blob), maxBlobBytes)
	}
	binary.LittleEndian.PutUint32(blob, uint32(len(blob)))
	n := chunksOf(len(blob))
	for i := range n {
		part := blob[int(i)*chunkBytes : min(len(blob), int(i+1)*chunkBytes)]
		if err := b.set(runKey(id, chunk+i), part); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// getBlob reads the blob that begins at a chunk of a run into buf[:0], length included, and returns the number of
// chunks it has.
func getBlob(db kv, id uint64, chunk uint32, buf []byte) ([]byte, uint32, error) {
	var key [runKeyLen]byte
	fillRunKey(key[:], id, chunk)
	blob, err := db.get(key[:], buf)
	if err != nil {
		return nil, 0, missingChunk(id, chunk, err)
	}
	if len(blob) < lenBytes {
		return nil, 0, corruptRun(id, chunk, "chunk of %d bytes", len(blob))
	}
	want := int(binary.LittleEndian.Uint32(blob))
	if want > maxBlobBytes || want < len(blob) || (want > len(blob) && len(blob) != chunkBytes) {
		return nil, 0, corruptRun(id, chunk, "blob says %d bytes, its first chunk has %d", want, len(blob))
	}
	n := chunksOf(want)
	for i := uint32(1); i < n; i++ {
		fillRunKey(key[:], id, chunk+i)
		part, err := db.get(key[:], nil)
		if err != nil {
			return nil, 0, missingChunk(id, chunk+i, err)
		}
		blob = append(blob, part...)
	}
	if len(blob) != want {
		return nil, 0, corruptRun(id, chunk, "blob of %d bytes, its length says %d", len(blob), want)
	}
	return blob, n, nil
}

func missingChunk(id uint64, chunk uint32, err error) error {
	if errors.Is(err, errNotFound) {
		return corruptRun(id, chunk, "it is missing")
	}
	return fmt.Errorf("read run %d chunk %d: %w", id, chunk, err)
}

func corruptRun(id uint64, chunk uint32, format string, args ...any) error {
	return fmt.Errorf("%w: run %d chunk %d: %s", ErrCorrupt, id, chunk, fmt.Sprintf(format, args...))
}
