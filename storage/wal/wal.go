// Package wal is the log of acknowledged changes: what DDL and table DML did, in the order in which it happened, on
// stable storage before the client hears success.
//
// Records have positions 1, 2, 3, …. Append gives a record its position and buffers it; Sync returns when everything
// up to a position is durable. Concurrent Sync calls share one write and one fsync (group commit). The log is cut
// into files `<dir>/log/<first position, 16 hexadecimal digits>.wal`; TruncateBefore removes whole files once a
// complete epoch contains their records.
//
// At most one batch of records is unsynced in the files at any time: the next batch is written only after the sync of
// the one before it has returned. Recovery rests on that (see recover.go).
package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/heliosdb/heliosdb-streaming/internal/crashpoint"
	"github.com/heliosdb/heliosdb-streaming/storage/seal"
)

// Crash points, in the order in which a batch meets them.
var (
	crashSegmentCreated = crashpoint.Register("wal.segment.created")
	crashSegmentSynced  = crashpoint.Register("wal.segment.synced")
	crashSegmentRenamed = crashpoint.Register("wal.segment.renamed")
	crashBatchBefore    = crashpoint.Register("wal.batch.before-write")
	crashBatchTorn      = crashpoint.Register("wal.batch.torn")
	crashBatchWritten   = crashpoint.Register("wal.batch.written")
	crashBatchSynced    = crashpoint.Register("wal.batch.synced")
	crashRecoverCut     = crashpoint.Register("wal.recover.cut")
	crashTruncateFile   = crashpoint.Register("wal.truncate.removed")
)

// Defaults and limits of Options.
const (
	DefaultSegmentBytes   = 16 << 20
	DefaultMaxRecordBytes = 32 << 20
	// maxBufferBytes bounds the records that wait for a sync: an Append that exceeds it writes and syncs them itself.
	maxBufferBytes = 4 << 20
	// maxKeptBuffer is the largest batch buffer that is kept for reuse.
	maxKeptBuffer = 2 * maxBufferBytes
)

// Options of a log.
type Options struct {
	// SegmentBytes is the size after which a new file is begun, in bytes; a file exceeds it by at most one batch.
	// Default 16 MiB: small enough to come back soon after a truncation, large enough to make files rare.
	SegmentBytes int64
	// MaxRecordBytes is the largest payload that Append takes. Default 32 MiB, at most 256 MiB.
	MaxRecordBytes int
	// Sync makes Sync reach stable storage. Without it data survives the process but not the machine: for tests and
	// for measuring what syncing costs.
	Sync bool
	// Keyring seals the records; nil leaves them plain. A log stays what it was made as.
	Keyring *seal.Keyring
	// FS is the file system, by default the operating system's; ignored for a log in memory.
	FS FS
	// Logger hears about a tail that recovery cut off. Default slog.Default().
	Logger *slog.Logger
}

func (o *Options) setDefaults() {
	if o.SegmentBytes <= 0 {
		o.SegmentBytes = DefaultSegmentBytes
	}
	if o.MaxRecordBytes <= 0 {
		o.MaxRecordBytes = DefaultMaxRecordBytes
	}
	o.MaxRecordBytes = min(o.MaxRecordBytes, maxPayload)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
}

// Log is an open log. Its methods may be called concurrently.
type Log struct {
	opt  Options
	fs   FS
	dir  string // of the segments
	lock io.Closer

	// truncating is held for reading while Read has a file open, and for writing while TruncateBefore removes files.
	truncating sync.RWMutex

	mu      sync.Mutex
	changed sync.Cond  // durable, writing or failed changed
	segs    []*segment // ascending; the last one is active
	active  File
	buf     []byte // encoded frames of the records after the batch that is being written
	spare   []byte // the buffer of the last batch, for reuse
	pending uint32 // records in buf
	last    uint64 // position of the last record appended
	durable uint64 // position of the last record that is written and synced
	writing bool   // a batch is being written
	failed  error  // set once, wraps ErrFailed or is ErrClosed
}

// Open opens the log in dir, making it if there is none, and recovers it: a tail that a crash left unfinished is cut
// off, anything else that is wrong is an error that wraps ErrCorrupt. A log and an Options.Keyring that do not belong
// together are an error of package seal, and nothing is changed. An empty dir means a log in memory that ends
// with the process. One process at a time may have a log open (dirlock.ErrLocked).
func Open(dir string, opt Options) (*Log, error) {
	opt.setDefaults()
	l := &Log{opt: opt, fs: opt.FS, dir: filepath.Join(dir, logFolder)}
	if dir == "" {
		l.fs = newMemFS()
	} else if l.fs == nil {
		l.fs = OS{}
	}
	l.changed.L = &l.mu
	if err := l.fs.MkdirAll(l.dir); err != nil {
		return nil, fmt.Errorf("make the log's directory: %w", err)
	}
	lock, err := l.fs.Lock(l.dir)
	if err != nil {
		return nil, err
	}
	l.lock = lock
	if err := l.recover(); err != nil {
		if l.active != nil {
			_ = l.active.Close()
		}
		_ = lock.Close()
		return nil, err
	}
	return l, nil
}

// recover fills in the segments from the files and leaves the last one open for writing.
func (l *Log) recover() error {
	names, unfinished, err := listSegments(l.fs, l.dir)
	if err != nil {
		return err
	}
	segs, torn, err := scan(l.fs, l.dir, names, l.opt.Keyring, nil)
	if err != nil {
		return err
	}
	for _, n := range unfinished {
		if err := l.fs.Remove(filepath.Join(l.dir, n)); err != nil {
			return err
		}
	}
	l.segs = segs
	if len(segs) == 0 {
		return l.addSegment(1)
	}
	seg := segs[len(segs)-1]
	l.last, l.durable = seg.next()-1, seg.next()-1
	if l.active, err = l.fs.Open(filepath.Join(l.dir, seg.name), true); err != nil {
		return err
	}
	if torn > 0 {
		l.opt.Logger.Warn("cutting off an unfinished write at the end of the log of changes",
			"segment", seg.name, "bytes", torn, "last_position", l.last)
		if err := l.active.Truncate(seg.size); err != nil {
			return err
		}
		crashpoint.Hit(crashRecoverCut)
	}
	// What was read may still be only in the system's cache, written by a process that died before its sync. It
	// counts as durable from here on, so it has to be.
	return l.sync(l.active)
}

func (l *Log) sync(f File) error {
	if !l.opt.Sync {
		return nil
	}
	return f.Sync()
}

// addSegment makes the segment that begins with position first the active one. It appears under its name only when
// its header is complete. The caller is the only writer.
func (l *Log) addSegment(first uint64) error {
	seg := &segment{name: segmentName(first), head: header{salt: rand.Uint32(), first: first, sealed: l.opt.Keyring != nil}, size: headerLen}
	seg.markFrame(0, headerLen)
	path := filepath.Join(l.dir, seg.name)
	tmp := filepath.Join(l.dir, fmt.Sprintf("%016x%s", first, tmpSuffix))
	file, err := l.fs.Create(tmp)
	if err != nil {
		return err
	}
	err = func() error {
		crashpoint.Hit(crashSegmentCreated)
		if _, err := file.WriteAt(seg.head.encode(), 0); err != nil {
			return err
		}
		if err := l.sync(file); err != nil {
			return err
		}
		crashpoint.Hit(crashSegmentSynced)
		if err := l.fs.Rename(tmp, path); err != nil {
			return err
		}
		crashpoint.Hit(crashSegmentRenamed)
		return l.fs.SyncDir(l.dir)
	}()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.active
	l.segs, l.active = append(l.segs, seg), file
	if old != nil {
		return old.Close() // synced with its last batch
	}
	return nil
}

// Append adds a record and returns its position. The record is durable once Sync of that position has returned nil.
// The payload is copied. Append waits only when more than a few MiB of records are waiting to be synced.
func (l *Log) Append(kind byte, payload []byte) (uint64, error) {
	if len(payload) > l.opt.MaxRecordBytes {
		return 0, fmt.Errorf("%w: %d bytes, the limit is %d", ErrTooLarge, len(payload), l.opt.MaxRecordBytes)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.failed == nil && len(l.buf) > 0 && len(l.buf)+frameLen+seal.Overhead+len(payload) > maxBufferBytes {
		if err := l.syncLocked(l.last); err != nil {
			return 0, err
		}
	}
	if l.failed != nil {
		return 0, l.failed
	}
	// Index, batch and CRC depend on the segment, which is known when the batch is written; sealing comes then, too.
	l.buf = appendUnplaced(l.buf, kind, payload, l.opt.Keyring != nil)
	l.pending++
	l.last++
	return l.last, nil
}

// Sync returns nil when every record up to pos is durable. Callers that come while a sync is on its way share the
// next one. An error means that nothing is known about the records since the last successful Sync; it is final.
func (l *Log) Sync(pos uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed != nil {
		return l.failed
	}
	if pos > l.last {
		return fmt.Errorf("sync of log position %d, which was never appended (last is %d)", pos, l.last)
	}
	return l.syncLocked(pos)
}

// syncLocked waits until pos is durable, writing batches itself when nobody else is. The caller holds mu.
func (l *Log) syncLocked(pos uint64) error {
	for l.durable < pos {
		if l.failed != nil {
			return l.failed
		}
		if l.writing {
			l.changed.Wait()
			continue
		}
		l.writeBatch()
	}
	return nil
}

// writeBatch writes and syncs everything buffered. The caller holds mu, which is free while the disk works.
func (l *Log) writeBatch() {
	l.writing = true
	// Those whom the last batch has woken append their next records right now: let them come along.
	l.mu.Unlock()
	runtime.Gosched()
	l.mu.Lock()
	batch, count, to := l.buf, l.pending, l.last
	l.buf, l.pending, l.spare = l.spare[:0], 0, nil
	l.mu.Unlock()
	err := l.commit(batch, count)
	l.mu.Lock()
	l.writing = false
	if err != nil {
		l.failed = fmt.Errorf("%w: %w", ErrFailed, err)
	} else {
		l.durable = to
	}
	if cap(batch) <= maxKeptBuffer {
		l.spare = batch
	}
	l.changed.Broadcast()
}

// lastSegment returns the active segment, which only the writer of a batch changes.
func (l *Log) lastSegment() *segment {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.segs[len(l.segs)-1]
}

// commit puts one batch on stable storage, in a new segment if the active one is full. Only one runs at a time.
func (l *Log) commit(batch []byte, count uint32) error {
	seg := l.lastSegment()
	var key *seal.Key
	if l.opt.Keyring != nil {
		key = l.opt.Keyring.Current()
	}
	if seg.count > 0 && (seg.size+int64(len(batch)) > l.opt.SegmentBytes || seg.otherKey(key)) {
		if err := l.addSegment(seg.next()); err != nil {
			return err
		}
		seg = l.lastSegment()
	}
	marks := placeBatch(batch, seg, key)
	crashpoint.Hit(crashBatchBefore)
	if crashpoint.Armed(crashBatchTorn) {
		half := len(batch) - len(batch)/3
		if _, err := l.active.WriteAt(batch[:half], seg.size); err != nil {
			return err
		}
		crashpoint.Hit(crashBatchTorn)
	}
	if _, err := l.active.WriteAt(batch, seg.size); err != nil {
		return err
	}
	crashpoint.Hit(crashBatchWritten)
	if err := l.sync(l.active); err != nil {
		return err
	}
	crashpoint.Hit(crashBatchSynced)
	l.mu.Lock()
	defer l.mu.Unlock()
	seg.count += count
	seg.size += int64(len(batch))
	seg.marks = append(seg.marks, marks...)
	if key != nil {
		seg.addKey(key.ID())
	}
	return nil
}

// placeBatch completes the frames of a batch for the segment that it goes to, sealed if there is a key, and returns
// the marks to remember.
func placeBatch(batch []byte, seg *segment, key *seal.Key) []mark {
	var marks []mark
	lastMark := seg.marks[len(seg.marks)-1].off
	index, off := seg.count, seg.size
	for len(batch) > 0 {
		n := frameLen + int(binary.LittleEndian.Uint32(batch))
		if key != nil {
			sealPayload(batch[:n], key, seg.head.first+uint64(index))
		}
		placeFrame(batch[:n], index, seg.count, seg.head.salt)
		if off-lastMark >= indexEveryBytes {
			marks = append(marks, mark{index, off})
			lastMark = off
		}
		index++
		off += int64(n)
		batch = batch[n:]
	}
	return marks
}

// LastPos returns the position of the last record appended, durable or not; 0 in a log that never had one.
func (l *Log) LastPos() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// DurablePos returns the position up to which Sync would return at once.
func (l *Log) DurablePos() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.durable
}

// FirstPos returns the position of the oldest record that Read still has; LastPos()+1 when there is none.
func (l *Log) FirstPos() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.segs[0].head.first
}

// Stats of a log.
type Stats struct {
	Segments int
	Bytes    int64 // on disk, without what is buffered
	Buffered int   // bytes that wait for a sync
}

// Stats returns the log's size.
func (l *Log) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Stats{Segments: len(l.segs), Buffered: len(l.buf)}
	for _, seg := range l.segs {
		s.Bytes += seg.size
	}
	return s
}

// Close writes and syncs what is buffered and gives the directory up. Later calls return ErrClosed.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if errors.Is(l.failed, ErrClosed) {
		return ErrClosed
	}
	err := l.syncLocked(l.last)
	for l.writing {
		l.changed.Wait()
	}
	l.failed = ErrClosed
	l.changed.Broadcast()
	return errors.Join(err, l.active.Close(), l.lock.Close())
}
