package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/heliosdb/heliosdb-streaming/storage/seal"
)

// checkSealed refuses a keyring for a plain segment and the reverse.
func (h header) checkSealed(ring *seal.Keyring) error {
	switch {
	case h.sealed && ring == nil:
		return seal.ErrSealed
	case !h.sealed && ring != nil:
		return seal.ErrPlain
	}
	return nil
}

// recordPlace is what a record's box is bound to.
func recordPlace(pos uint64, kind byte) []byte {
	b := append(make([]byte, 0, 32), "heliosdb wal"...)
	return append(binary.BigEndian.AppendUint64(b, pos), kind)
}

// appendUnplaced appends a frame whose place in the segment is not known yet. With sealed it leaves room around the
// payload for sealPayload.
func appendUnplaced(b []byte, kind byte, payload []byte, sealed bool) []byte {
	if !sealed {
		return appendFrame(b, 0, frame{kind: kind, payload: payload})
	}
	n := len(payload) + seal.Overhead
	b = slices.Grow(b, frameLen+n)
	b = binary.LittleEndian.AppendUint32(b, uint32(n))
	b = append(b, make([]byte, frameLen-4-1)...)
	b = append(b, kind)
	b = append(b, make([]byte, seal.Headroom)...)
	b = append(b, payload...)
	return append(b, make([]byte, seal.Overhead-seal.Headroom)...)
}

// sealPayload turns the payload of a whole frame that appendUnplaced made into a box, in place.
func sealPayload(frame []byte, key *seal.Key, pos uint64) {
	box := frame[frameLen:]
	plain := box[seal.Headroom : len(box)-(seal.Overhead-seal.Headroom)]
	key.Seal(box[:0], plain, recordPlace(pos, frame[frameLen-1]))
}

// openRecord returns the payload of a frame; the box of a sealed one is opened in place.
func openRecord(ring *seal.Keyring, pos uint64, f frame) ([]byte, error) {
	if ring == nil {
		return f.payload, nil
	}
	if len(f.payload) < seal.Overhead {
		return nil, fmt.Errorf("%w: position %d: its record is not sealed", ErrCorrupt, pos)
	}
	plain, err := ring.Open(f.payload[seal.Headroom:seal.Headroom], f.payload, recordPlace(pos, f.kind))
	if err != nil {
		return nil, fmt.Errorf("%w: position %d: %w", ErrCorrupt, pos, err)
	}
	return plain, nil
}

// noteKey remembers under which key a record was sealed, and refuses one that ring does not have.
func (s *segment) noteKey(f frame, ring *seal.Keyring) error {
	if ring == nil {
		return nil
	}
	pos := s.head.first + uint64(f.index)
	id, ok := seal.BoxKey(f.payload)
	if !ok {
		return fmt.Errorf("%w: segment %s: the record at position %d is not sealed", ErrCorrupt, s.name, pos)
	}
	if !ring.Has(id) {
		return fmt.Errorf("log of changes: record at position %d: %w: data key %s", pos, seal.ErrUnknownKey, id)
	}
	s.addKey(id)
	return nil
}

func (s *segment) addKey(id seal.KeyID) {
	if !slices.Contains(s.keys, id) {
		s.keys = append(s.keys, id)
	}
}

// otherKey reports whether the segment's last records have another key: a new key begins a new segment, so that the
// old one goes away with the segments that it sealed.
func (s *segment) otherKey(key *seal.Key) bool {
	return key != nil && (len(s.keys) == 0 || s.keys[len(s.keys)-1] != key.ID())
}

// leaveOldKey begins a new segment if the active one has records of an older data key, so that this key goes away also
// when nothing more is appended.
func (l *Log) leaveOldKey() error {
	if l.opt.Keyring == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.writing {
		l.changed.Wait()
	}
	seg := l.segs[len(l.segs)-1]
	if l.failed != nil || seg.count == 0 || !seg.otherKey(l.opt.Keyring.Current()) {
		return l.failed
	}
	l.writing = true
	l.mu.Unlock()
	err := l.addSegment(seg.next())
	l.mu.Lock()
	l.writing = false
	if err != nil {
		l.failed = fmt.Errorf("%w: %w", ErrFailed, err)
	}
	l.changed.Broadcast()
	return l.failed
}

// KeysInUse returns the data keys that sealed the durable records that the log still has.
func (l *Log) KeysInUse() []seal.KeyID {
	l.mu.Lock()
	defer l.mu.Unlock()
	var used []seal.KeyID
	for _, s := range l.segs {
		for _, id := range s.keys {
			if !slices.Contains(used, id) {
				used = append(used, id)
			}
		}
	}
	return used
}

// CheckFormat refuses a log that a newer program has written, without opening it. Whatever else is wrong with it is for
// Open to say.
func CheckFormat(dir string) error {
	fsys, logDir := OS{}, filepath.Join(dir, logFolder)
	names, _, _ := listSegments(fsys, logDir)
	for _, name := range names {
		f, err := fsys.Open(filepath.Join(logDir, name), false)
		if err != nil {
			continue
		}
		raw := make([]byte, headerLen)
		if _, err = f.ReadAt(raw, 0); err == nil {
			_, err = decodeHeader(raw)
		}
		_ = f.Close()
		if errors.Is(err, ErrFormat) {
			return fmt.Errorf("segment %s in %s: %w", name, logDir, err)
		}
	}
	return nil
}

// Sealed says what the log of a data directory holds, without opening it.
func Sealed(dir string) (seal.Holds, error) {
	fsys, logDir := OS{}, filepath.Join(dir, logFolder)
	names, _, err := listSegments(fsys, logDir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(names) == 0 {
		return seal.HoldsNothing, nil
	}
	if err != nil {
		return seal.HoldsNothing, err
	}
	f, err := fsys.Open(filepath.Join(logDir, names[len(names)-1]), false)
	if err != nil {
		return seal.HoldsNothing, err
	}
	defer f.Close()
	raw := make([]byte, headerLen)
	if _, err := f.ReadAt(raw, 0); err != nil {
		return seal.HoldsNothing, fmt.Errorf("log of changes, %s: %w", names[len(names)-1], err)
	}
	head, err := decodeHeader(raw)
	switch {
	case err != nil:
		return seal.HoldsNothing, fmt.Errorf("log of changes, %s: %w", names[len(names)-1], err)
	case head.sealed:
		return seal.HoldsSealed, nil
	}
	return seal.HoldsPlain, nil
}
