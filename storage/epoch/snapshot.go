package epoch

import (
	"bytes"
	"fmt"
)

// Snapshot is one manifest with all the runs it names; they stay readable until Release, whatever is committed or
// merged meanwhile.
type Snapshot struct {
	s *Store
	v *version
}

// Snapshot pins the last complete epoch. It must be released before the store is closed.
func (s *Store) Snapshot() (*Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	s.current.refs++
	return &Snapshot{s: s, v: s.current}, nil
}

// Release ends the snapshot; it may be called once.
func (p *Snapshot) Release() {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	p.s.release(p.v)
	if len(p.s.dead) > 0 { // the background holds snapshots itself: without work it must not wake itself
		p.s.wakeBackground()
	}
}

// Manifest returns the snapshot's manifest, nil if nothing was committed.
func (p *Snapshot) Manifest() *Manifest { return p.v.manifest }

// Load calls fn for every entry of a table in order of the keys: the newest value of each key that is not deleted.
// key and val are valid during the call. An error of fn ends it and is returned as it is. An unknown table is empty.
func (p *Snapshot) Load(id TableID, fn func(key, val []byte) error) error {
	return p.LoadRange(id, nil, nil, fn)
}

// LoadRange is Load for the keys in [lo, hi); a nil hi means to the end.
func (p *Snapshot) LoadRange(id TableID, lo, hi []byte, fn func(key, val []byte) error) error {
	it, err := p.s.newMergeIterator(p.v.tables[id], lo, hi, nil)
	if err != nil {
		return fmt.Errorf("load table %d: %w", id, err)
	}
	for {
		e, err := it.next()
		if err != nil {
			return fmt.Errorf("load table %d: %w", id, err)
		}
		if e == nil {
			return nil
		}
		if e.tombstone {
			continue
		}
		if err := fn(e.key, e.val); err != nil {
			return err
		}
	}
}

// Get returns the value of one key, appended to buf, and whether there is one.
func (p *Snapshot) Get(id TableID, key, buf []byte) ([]byte, bool, error) {
	runs := p.v.tables[id]
	for i := 0; i < len(runs); {
		end, deleted := i, false
		for ; end < len(runs) && runs[end].meta.Epoch == runs[i].meta.Epoch; end++ {
			val, found, tombstone, err := p.s.lookUp(runs[end], key, buf)
			if err != nil {
				return nil, false, fmt.Errorf("look up in table %d: %w", id, err)
			}
			if found {
				return val, !tombstone, nil
			}
			deleted = deleted || covers(runs[end].meta.RangeDels, key)
		}
		if deleted {
			break
		}
		i = end
	}
	return buf, false, nil
}

// covers reports whether a key lies in one of the ranges.
func covers(ranges [][2][]byte, key []byte) bool {
	for _, d := range ranges {
		if bytes.Compare(d[0], key) <= 0 && (d[1] == nil || bytes.Compare(key, d[1]) < 0) {
			return true
		}
	}
	return false
}

// lookUp finds the entry of a key in one run.
func (s *Store) lookUp(r *run, key, buf []byte) (val []byte, found, tombstone bool, err error) {
	if r.meta.Entries == 0 || bytes.Compare(key, r.meta.MinKey) < 0 || bytes.Compare(key, r.meta.MaxKey) > 0 {
		return buf, false, false, nil
	}
	x, err := s.indexOf(r)
	if err != nil {
		return nil, false, false, err
	}
	chunk := x.chunks[x.blockFor(key)]
	at := blockKey{r.meta.ID, chunk}
	body := s.cache.get(at)
	if body == nil {
		blob, _, err := getBlob(s.db, r.meta.ID, chunk, nil)
		if err != nil {
			return nil, false, false, err
		}
		if body, err = decodeBlock(blob, s.opt.Keyring, r.meta.ID, chunk, nil); err != nil {
			return nil, false, false, err
		}
		s.cache.put(at, body)
	}
	var b blockReader
	b.start(body)
	for {
		ok, err := b.next()
		if err != nil {
			return nil, false, false, corruptRun(r.meta.ID, chunk, "%v", err)
		}
		if !ok {
			return buf, false, false, nil
		}
		if c := bytes.Compare(b.key, key); c == 0 {
			return append(buf, b.val...), true, b.tombstone, nil
		} else if c > 0 {
			return buf, false, false, nil
		}
	}
}

// Load reads a table of the last complete epoch; see Snapshot.Load.
func (s *Store) Load(id TableID, fn func(key, val []byte) error) error {
	return s.LoadRange(id, nil, nil, fn)
}

// LoadRange reads a range of a table of the last complete epoch; see Snapshot.LoadRange.
func (s *Store) LoadRange(id TableID, lo, hi []byte, fn func(key, val []byte) error) error {
	p, err := s.Snapshot()
	if err != nil {
		return err
	}
	defer p.Release()
	return p.LoadRange(id, lo, hi, fn)
}

// Get looks one key up in the last complete epoch; see Snapshot.Get.
func (s *Store) Get(id TableID, key, buf []byte) ([]byte, bool, error) {
	p, err := s.Snapshot()
	if err != nil {
		return nil, false, err
	}
	defer p.Release()
	return p.Get(id, key, buf)
}
