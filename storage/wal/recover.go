package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/storage/seal"
)

const (
	suffix    = ".wal"
	tmpSuffix = ".wal.tmp"
	logFolder = "log"

	// indexEveryBytes is the distance between two remembered frame offsets of a segment, so that Read from the middle
	// of a segment does not walk it from its start.
	indexEveryBytes = 64 << 10
	// sectorBytes is the unit in which a disk writes all or nothing. A sector that a power failure kept from being
	// written reads as zeros at the end of a growing file.
	sectorBytes = 512
)

// segment is one file of the log; all but the last are complete and never change.
type segment struct {
	name  string
	head  header
	count uint32       // records that are written and, if the log syncs, synced
	size  int64        // bytes of those, header included
	marks []mark       // ascending; the first is (0, headerLen)
	keys  []seal.KeyID // that sealed its records, in order of their first one
}

// mark remembers where the frame with an index begins.
type mark struct {
	index uint32
	off   int64
}

func (s *segment) next() uint64 { return s.head.first + uint64(s.count) }

// markFrame notes a frame's offset if the last noted one is far enough behind.
func (s *segment) markFrame(index uint32, off int64) {
	if n := len(s.marks); n == 0 || off-s.marks[n-1].off >= indexEveryBytes {
		s.marks = append(s.marks, mark{index, off})
	}
}

// seek returns the last mark at or before index.
func (s *segment) seek(index uint32) mark {
	i, found := slices.BinarySearchFunc(s.marks, index, func(m mark, at uint32) int { return int(int64(m.index) - int64(at)) })
	if !found {
		i--
	}
	return s.marks[i]
}

func segmentName(first uint64) string { return fmt.Sprintf("%016x%s", first, suffix) }

// segmentFirst returns the first position that a file name says, and whether the name is a segment's at all.
func segmentFirst(name string) (uint64, bool) {
	hexes, ok := strings.CutSuffix(name, suffix)
	if !ok || len(hexes) != 16 {
		return 0, false
	}
	v, err := strconv.ParseUint(hexes, 16, 64)
	return v, err == nil
}

// listSegments returns the names of the segments in order of position, and the names of unfinished ones.
func listSegments(fsys FS, dir string) (segments, unfinished []string, err error) {
	names, err := fsys.List(dir)
	if err != nil {
		return nil, nil, err
	}
	for _, n := range names {
		if _, ok := segmentFirst(n); ok {
			segments = append(segments, n)
		} else if strings.HasSuffix(n, tmpSuffix) {
			unfinished = append(unfinished, n)
		}
	}
	slices.Sort(segments) // fixed-width hexadecimal sorts by value
	return segments, unfinished, nil
}

// scan reads every record of the log in dir, changing nothing. torn is the number of bytes at the end of the last
// segment that a crash left unfinished; they are not counted in the segment's size. ring must have the keys of all
// records, and is nil for a plain log. visit may be nil.
func scan(fsys FS, dir string, names []string, ring *seal.Keyring, visit func(pos uint64, f frame) error) (segs []*segment, torn int64, err error) {
	for i, name := range names {
		seg, rest, err := scanSegment(fsys, dir, name, i == len(names)-1, ring, visit)
		if err != nil {
			return nil, 0, err
		}
		if i > 0 && segs[i-1].next() != seg.head.first {
			return nil, 0, &CorruptError{Segment: name, Pos: segs[i-1].next(),
				Reason: fmt.Sprintf("the segment before it ends with position %d, records between them are missing", segs[i-1].next()-1)}
		}
		segs = append(segs, seg)
		torn = rest
	}
	return segs, torn, nil
}

func scanSegment(fsys FS, dir, name string, last bool, ring *seal.Keyring, visit func(pos uint64, f frame) error) (*segment, int64, error) {
	file, err := fsys.Open(filepath.Join(dir, name), false)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	end, err := file.Size()
	if err != nil {
		return nil, 0, err
	}
	first, _ := segmentFirst(name)
	raw := make([]byte, min(end, headerLen))
	if _, err := io.ReadFull(io.NewSectionReader(file, 0, end), raw); err != nil {
		return nil, 0, err
	}
	head, err := decodeHeader(raw)
	if err == nil && head.first != first {
		err = fmt.Errorf("its header says first position %d", head.first)
	}
	if errors.Is(err, ErrFormat) {
		return nil, 0, fmt.Errorf("segment %s: %w", name, err)
	}
	if err != nil {
		// A segment gets its name only after its header is synced, so this is never a crash's doing.
		return nil, 0, &CorruptError{Segment: name, Pos: first, Reason: err.Error()}
	}
	if err := head.checkSealed(ring); err != nil {
		return nil, 0, fmt.Errorf("log of changes: %w", err)
	}
	seg := &segment{name: name, head: head, size: headerLen}
	r := newFrameReader(file, head.salt, 0, headerLen, end)
	for {
		at := r.off
		f, err := r.read()
		switch {
		case err == nil:
			if err := seg.noteKey(f, ring); err != nil {
				return nil, 0, err
			}
			seg.markFrame(f.index, at)
			seg.count, seg.size = r.next, r.off
			if visit != nil {
				if err := visit(head.first+uint64(f.index), f); err != nil {
					return nil, 0, err
				}
			}
			continue
		case errors.Is(err, io.EOF) && at == end:
			return finishScan(seg), 0, nil
		case !errors.Is(err, errBadFrame):
			return nil, 0, fmt.Errorf("read %s: %w", name, err)
		}
		reason, err := judge(file, seg, at, end, last)
		if err != nil {
			return nil, 0, err
		}
		if reason != "" {
			return nil, 0, &CorruptError{Segment: name, Offset: at, Pos: seg.next(), Reason: reason}
		}
		return finishScan(seg), end - at, nil
	}
}

// finishScan gives an empty segment its first mark.
func finishScan(seg *segment) *segment {
	seg.markFrame(0, headerLen)
	return seg
}

// judge decides what the invalid bytes from off to end are: the reason for which they are damage, or "" when they are
// a write that a crash cut short. Only the last batch of the last segment can be unsynced, so:
//
//   - in an earlier segment, or before a valid record of a later batch, they are damage;
//   - before a valid record of the same batch they are a loss of unsynced sectors if a sector reads as zeros, and
//     damage otherwise;
//   - with no valid record behind them they are a torn tail.
func judge(file File, seg *segment, off, end int64, last bool) (string, error) {
	if !last {
		return "invalid record in a segment that was complete", nil
	}
	rest := make([]byte, end-off)
	if _, err := io.ReadFull(io.NewSectionReader(file, off, end-off), rest); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	maxAhead := uint32(len(rest)/frameLen) + 1
	damaged := false
	for at := 1; at+frameLen <= len(rest); at++ {
		// Only a plausible index makes the checksum worth computing, or random bytes would cost quadratic time.
		index := binary.LittleEndian.Uint32(rest[at+8:])
		if index < seg.count || index-seg.count > maxAhead {
			continue
		}
		f, err := parseFrame(rest[at:], seg.head.salt)
		if err != nil {
			continue
		}
		if f.batch > seg.count {
			return "invalid record before records that were written after it was synced", nil
		}
		damaged = damaged || !lostSector(rest[:at], off)
		at += int(f.size()) - 1
	}
	if damaged {
		return "invalid record before valid ones", nil
	}
	return "", nil
}

var zeroSector [sectorBytes]byte

// lostSector reports whether a sector of b, which begins at file offset off, reads as zeros. The first sector counts
// from off on, because the bytes before it were written by an earlier batch; fewer than a frame header of zeros prove
// nothing.
func lostSector(b []byte, off int64) bool {
	for at := 0; at < len(b); {
		n := min(sectorBytes-int((off+int64(at))%sectorBytes), len(b)-at)
		if n >= frameLen && bytes.Equal(b[at:at+n], zeroSector[:n]) {
			return true
		}
		at += n
	}
	return false
}

// Report is what Verify found.
type Report struct {
	Segments  int
	Records   uint64
	Bytes     int64
	FirstPos  uint64 // as Log.FirstPos
	LastPos   uint64 // as Log.LastPos
	TornBytes int64  // unfinished bytes at the end, which the next Open cuts off
}

// Verify reads the whole log under dir and changes nothing. A log that was never made is an empty report. The error
// wraps ErrCorrupt when the log is damaged. The log must not be open. ring opens what is sealed, nil for a plain log.
func Verify(dir string, ring *seal.Keyring) (Report, error) {
	fsys := OS{}
	logDir := filepath.Join(dir, logFolder)
	names, _, err := listSegments(fsys, logDir)
	if errors.Is(err, fs.ErrNotExist) {
		return Report{}, nil
	}
	if err != nil {
		return Report{}, err
	}
	segs, torn, err := scan(fsys, logDir, names, ring, func(pos uint64, f frame) error {
		_, err := openRecord(ring, pos, f)
		return err
	})
	if err != nil {
		return Report{}, err
	}
	r := Report{Segments: len(segs), TornBytes: torn}
	for _, s := range segs {
		r.Records += uint64(s.count)
		r.Bytes += s.size
	}
	if len(segs) > 0 {
		r.FirstPos, r.LastPos = segs[0].head.first, segs[len(segs)-1].next()-1
	}
	return r, nil
}
