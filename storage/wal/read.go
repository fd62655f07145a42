package wal

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/heliosdb/heliosdb-streaming/internal/crashpoint"
)

// Read calls fn for every durable record from position from on, in order, up to the last one that is durable when
// Read is called; from 0 means the oldest record. The payload belongs to the log and is valid during the call only.
// An error of fn ends the reading and is returned as it is. ErrGone says that position from was truncated; a position
// after the last one reads nothing.
func (l *Log) Read(from uint64, fn func(pos uint64, kind byte, payload []byte) error) error {
	return l.readFrames(from, func(pos uint64, f frame) error {
		payload, err := openRecord(l.opt.Keyring, pos, f)
		if err != nil {
			return err
		}
		return fn(pos, f.kind, payload)
	})
}

// ReadRaw is Read for the payloads as they are stored, which Import takes.
func (l *Log) ReadRaw(from uint64, fn func(Raw) error) error {
	return l.readFrames(from, func(pos uint64, f frame) error { return fn(Raw{Pos: pos, Kind: f.kind, Payload: f.payload}) })
}

// readFrames calls fn for the durable frames from a position on.
func (l *Log) readFrames(from uint64, fn func(pos uint64, f frame) error) error {
	l.mu.Lock()
	end := l.durable
	if from == 0 {
		from = l.segs[0].head.first
	}
	l.mu.Unlock()
	for from <= end {
		next, err := l.readSegment(from, end, fn)
		if err != nil {
			return err
		}
		from = next
	}
	return nil
}

// readSegment reads the records from..end that lie in the segment of from, and returns the position after them.
func (l *Log) readSegment(from, end uint64, fn func(pos uint64, f frame) error) (uint64, error) {
	file, seg, err := l.openSegment(from)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	start := seg.seek(uint32(from - seg.head.first))
	r := newFrameReader(file, seg.head.salt, start.index, start.off, seg.size)
	for {
		at := r.off
		f, err := r.read()
		pos := seg.head.first + uint64(f.index)
		switch {
		case errors.Is(err, io.EOF) && at == seg.size:
			return seg.next(), nil
		case errors.Is(err, errBadFrame):
			return 0, &CorruptError{Segment: seg.name, Offset: at, Pos: seg.head.first + uint64(r.next), Reason: "record was valid before"}
		case err != nil:
			return 0, fmt.Errorf("read %s: %w", seg.name, err)
		case pos > end:
			return pos, nil
		case pos < from:
			continue
		}
		if err := fn(pos, f); err != nil {
			return 0, err
		}
	}
}

// openSegment opens the file that holds position pos and returns it with a copy of the segment as it is now. An open
// file stays readable when TruncateBefore removes its name.
func (l *Log) openSegment(pos uint64) (File, segment, error) {
	l.truncating.RLock()
	defer l.truncating.RUnlock()
	l.mu.Lock()
	if errors.Is(l.failed, ErrClosed) {
		l.mu.Unlock()
		return nil, segment{}, ErrClosed
	}
	if pos < l.segs[0].head.first {
		first := l.segs[0].head.first
		l.mu.Unlock()
		return nil, segment{}, fmt.Errorf("%w: position %d, the oldest left is %d", ErrGone, pos, first)
	}
	i := len(l.segs) - 1
	for l.segs[i].head.first > pos {
		i--
	}
	seg := *l.segs[i]
	seg.marks = slices.Clip(seg.marks)
	l.mu.Unlock()
	file, err := l.fs.Open(filepath.Join(l.dir, seg.name), false)
	return file, seg, err
}

// TruncateBefore removes the files whose records all have positions below pos; call it when a complete epoch
// contains them. The active file stays, unless an older data key sealed it.
func (l *Log) TruncateBefore(pos uint64) error {
	if err := l.leaveOldKey(); err != nil {
		return err
	}
	l.truncating.Lock()
	defer l.truncating.Unlock()
	for {
		l.mu.Lock()
		if l.failed != nil {
			defer l.mu.Unlock()
			return l.failed
		}
		if len(l.segs) < 2 || l.segs[1].head.first > pos {
			l.mu.Unlock()
			return nil
		}
		name := l.segs[0].name
		l.segs = l.segs[1:]
		l.mu.Unlock()
		// The oldest first, and each made durable before the next, so that no crash leaves a gap.
		if err := l.fs.Remove(filepath.Join(l.dir, name)); err != nil {
			return fmt.Errorf("remove log segment: %w", err)
		}
		crashpoint.Hit(crashTruncateFile)
		if err := l.fs.SyncDir(l.dir); err != nil {
			return fmt.Errorf("remove log segment: %w", err)
		}
	}
}
