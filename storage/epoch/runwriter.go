package epoch

import (
	"bytes"
	"fmt"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/crashpoint"
	"github.com/heliosdb/heliosdb-streaming/storage/seal"
)

// maxRangeDels bounds the range deletions of one run.
const maxRangeDels = 1 << 16

// RunWriter writes one run. Keys come in strictly ascending order; range deletions in any order and at any time,
// because they act on older runs only. The first error stays and makes the epoch fail.
type RunWriter struct {
	s     *Store
	batch kvBatch
	table TableID
	point string
	key   *seal.Key // nil: the run is not sealed

	meta   RunMeta
	block  blockBuilder
	index  runIndex
	minKey []byte // of the block being built
	open   bool   // the block has entries
	err    error
	closed bool
	named  bool // a manifest names the run, or has named it; guarded by Store.mu

	busySince time.Time // see breathe

	// onBlock is told the bytes of every block before it is written; an error of it ends the run.
	onBlock func(bytes int) error
}

func newRunWriter(s *Store, batch kvBatch, table TableID, point string) *RunWriter {
	return &RunWriter{s: s, batch: batch, table: table, point: point, key: s.key(), busySince: time.Now()}
}

// Put sets key to val. Both are copied.
func (r *RunWriter) Put(key, val []byte) error { return r.add(key, val, false) }

// Delete says that key no longer exists.
func (r *RunWriter) Delete(key []byte) error { return r.add(key, nil, true) }

func (r *RunWriter) add(key, val []byte, tombstone bool) error {
	if r.err != nil {
		return r.err
	}
	switch {
	case r.closed:
		return ErrDone
	case len(key)+len(val) > MaxEntryBytes:
		r.err = fmt.Errorf("%w: an entry of %d bytes, the limit is %d", ErrTooLarge, len(key)+len(val), MaxEntryBytes)
		return r.err
	case r.meta.Entries > 0 && bytes.Compare(r.block.lastKey, key) >= 0:
		r.err = fmt.Errorf("%w: %x after %x", ErrOrder, key, r.block.lastKey)
		return r.err
	}
	if r.open && len(r.block.buf)+len(key)+len(val) > blockTarget {
		if err := r.flushBlock(); err != nil {
			return err
		}
	}
	if !r.open {
		r.block.reset()
		r.minKey = append(r.minKey[:0], key...)
		r.open = true
		if r.meta.Entries == 0 {
			r.meta.MinKey = bytes.Clone(key)
		}
	}
	r.block.add(key, val, tombstone)
	r.meta.Entries++
	if tombstone {
		r.meta.Tombstones++
	}
	return nil
}

// DeleteRange says that no key in [lo, hi) of older epochs exists any more; a nil hi means to the end. What this
// epoch puts into the range stays.
func (r *RunWriter) DeleteRange(lo, hi []byte) error {
	if r.err != nil {
		return r.err
	}
	if r.closed {
		return ErrDone
	}
	if hi != nil && bytes.Compare(lo, hi) >= 0 {
		return nil
	}
	d := [2][]byte{append([]byte{}, lo...), bytes.Clone(hi)}
	if hi != nil && d[1] == nil {
		d[1] = []byte{}
	}
	r.meta.RangeDels = append(r.meta.RangeDels, d)
	if len(r.meta.RangeDels) > maxRangeDels {
		r.meta.RangeDels = normalizeRanges(r.meta.RangeDels)
		if len(r.meta.RangeDels) > maxRangeDels {
			r.err = fmt.Errorf("%w: more than %d range deletions in a run", ErrTooLarge, maxRangeDels)
		}
	}
	return r.err
}

// flushBlock hands the block being built to the store.
func (r *RunWriter) flushBlock() error {
	if r.meta.ID == 0 {
		r.meta.ID = r.s.newRunID()
	}
	r.index.add(r.meta.Chunks, r.minKey)
	r.meta.Blocks++
	r.open = false
	return r.put(r.block.finish(r.s.opt.Compression, r.key, r.meta.ID, r.meta.Chunks))
}

func (r *RunWriter) put(blob []byte) error {
	if r.onBlock != nil {
		if r.err = r.onBlock(len(blob)); r.err != nil {
			return r.err
		}
	}
	if r.err = r.s.checkRoom(len(blob)); r.err != nil {
		return r.err
	}
	n, err := putBlob(r.batch, r.meta.ID, r.meta.Chunks, blob)
	if err != nil {
		r.err = err
		return err
	}
	r.meta.Chunks += n
	r.meta.Bytes += uint64(len(blob))
	crashpoint.Hit(r.point)
	r.breathe()
	return nil
}

// How long a run is written before others get a turn, and for how long.
const (
	busyFor   = 2 * time.Millisecond
	breathFor = 100 * time.Microsecond
)

// breathe leaves the processor for a moment now and then. Go's scheduler looks
// for readable connections when a processor has nothing else to do, otherwise
// every 10 ms only: as long would new records wait while runs are written and
// merged on all processors.
func (r *RunWriter) breathe() {
	if time.Since(r.busySince) < busyFor {
		return
	}
	time.Sleep(breathFor)
	r.busySince = time.Now()
}

// Close finishes the run; Commit does so for runs that are not closed yet.
func (r *RunWriter) Close() error {
	if r.closed || r.err != nil {
		r.closed = true
		return r.err
	}
	r.closed = true
	r.meta.RangeDels = normalizeRanges(r.meta.RangeDels)
	if r.meta.Entries == 0 {
		if len(r.meta.RangeDels) > 0 {
			r.meta.ID = r.s.newRunID() // a run of range deletions alone has an id, but no chunks
		}
		return nil
	}
	r.meta.MaxKey = bytes.Clone(r.block.lastKey)
	if err := r.flushBlock(); err != nil {
		return err
	}
	r.meta.indexChunk = r.meta.Chunks
	if r.meta.Blocks > 1 {
		return r.put(r.index.encode(r.key, r.meta.ID, r.meta.Chunks))
	}
	return nil
}

// checkRoom asks for free space on the first of every roomEveryBytes bytes that go to the store.
func (s *Store) checkRoom(n int) error {
	after := s.written.Add(int64(n))
	if (after-int64(n))/roomEveryBytes == after/roomEveryBytes {
		return nil
	}
	return s.db.room()
}
