package epoch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/heliosdb/heliosdb-streaming/internal/crashpoint"
	"github.com/heliosdb/heliosdb-streaming/internal/durable"
	"github.com/heliosdb/heliosdb-streaming/storage/seal"
)

var crashMarked = crashpoint.Register("epoch.seal.marked")

// badgerManifest is the first file that the key-value store makes: without it there is no data.
const badgerManifest = "MANIFEST"

// checkSealed refuses a keyring that does not belong to the store in dir, or a missing one. It changes nothing, and
// comes before the key-value store is opened, which writes files of its own.
func checkSealed(dir string, ring *seal.Keyring) error {
	mark, holds, err := readMark(dir)
	switch {
	case err != nil:
		return err
	case mark != nil && ring != nil:
		err = ring.OpenMark(mark)
	case mark != nil && holds:
		err = seal.ErrSealed
	case mark == nil && holds && ring != nil:
		err = seal.ErrPlain
	default:
		return nil
	}
	if err != nil {
		return fmt.Errorf("checkpoint store in %s: %w", dir, err)
	}
	return nil
}

// readMark returns the mark of the store's folder, and whether there is data in it.
func readMark(dir string) (mark []byte, holds bool, err error) {
	if mark, err = seal.ReadMark(dir); err != nil {
		return nil, false, fmt.Errorf("checkpoint store: %w", err)
	}
	_, err = os.Stat(filepath.Join(dir, badgerManifest))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, false, err
	}
	return mark, err == nil, nil
}

// Sealed says what the store of a data directory holds, without opening it.
func Sealed(dir string) (seal.Holds, error) {
	mark, holds, err := readMark(filepath.Join(dir, storeFolder))
	switch {
	case err != nil || !holds:
		return seal.HoldsNothing, err
	case mark != nil:
		return seal.HoldsSealed, nil
	}
	return seal.HoldsPlain, nil
}

// markStore says on disk whether the store is sealed, before its first data is written. checkSealed was before.
func markStore(dir string, ring *seal.Keyring) error {
	if dir == "" {
		return nil
	}
	mark, err := seal.ReadMark(dir)
	switch {
	case err != nil:
		return err
	case ring != nil && mark == nil:
		err = seal.WriteMark(dir, ring)
		crashpoint.Hit(crashMarked)
	case ring == nil && mark != nil:
		// A process with a keyring ended before it wrote anything.
		err = errors.Join(os.Remove(filepath.Join(dir, seal.MarkName)), durable.Sync(dir))
	}
	if err != nil {
		return fmt.Errorf("mark of the checkpoint store: %w", err)
	}
	return nil
}

// key returns the data key for a new run, nil in a plain store.
func (s *Store) key() *seal.Key {
	if s.opt.Keyring == nil {
		return nil
	}
	return s.opt.Keyring.Current()
}

// Reseal has everything that older data keys sealed written anew under the current one, in the background as merges
// are. The manifest follows with the next epoch.
func (s *Store) Reseal() error {
	ring := s.opt.Keyring
	if ring == nil {
		return nil
	}
	if s.opt.Dir != "" {
		dir := filepath.Join(s.opt.Dir, storeFolder)
		mark, err := seal.ReadMark(dir)
		if err != nil {
			return err
		}
		if id, ok := seal.BoxKey(mark); !ok || id != ring.Current().ID() {
			if err := seal.WriteMark(dir, ring); err != nil {
				return fmt.Errorf("mark of the checkpoint store: %w", err)
			}
		}
	}
	s.wakeBackground()
	return nil
}

// keyOf returns the data key of a run that has entries; all blobs of a run have one.
func (s *Store) keyOf(r *run) (seal.KeyID, error) {
	k := &r.sealed
	k.Do(func() { k.key, k.err = s.blobKey(r.meta.ID) })
	return k.key, k.err
}

// blobKey returns the data key of the first blob of a run.
func (s *Store) blobKey(id uint64) (seal.KeyID, error) {
	first, err := s.db.get(runKey(id, 0), nil)
	if err != nil {
		return 0, missingChunk(id, 0, err)
	}
	if len(first) > lenBytes && first[lenBytes] == boxFormat {
		if key, ok := seal.BoxKey(first[lenBytes+1:]); ok {
			return key, nil
		}
	}
	return 0, corruptRun(id, 0, "it is not sealed")
}

// sealedBefore reports whether one of the runs has another data key than the current one.
func (s *Store) sealedBefore(runs []*run) bool {
	ring := s.opt.Keyring
	if ring == nil || len(ring.Keys()) < 2 {
		return false
	}
	current := ring.Current().ID()
	return slices.ContainsFunc(runs, func(r *run) bool {
		if r.meta.Entries == 0 {
			return false
		}
		key, err := s.keyOf(r)
		return err == nil && key != current // a merge that reads the run meets the error and reports it
	})
}

// KeysInUse returns the data keys of the last complete epoch: what is needed to open the store again. An epoch or a
// merge that is being written may bring back one that is missing here.
func (s *Store) KeysInUse() ([]seal.KeyID, error) {
	ring := s.opt.Keyring
	if ring == nil {
		return nil, nil
	}
	var used []seal.KeyID
	add := func(id seal.KeyID) {
		if !slices.Contains(used, id) {
			used = append(used, id)
		}
	}
	if s.opt.Dir != "" {
		mark, err := seal.ReadMark(filepath.Join(s.opt.Dir, storeFolder))
		if err != nil {
			return nil, err
		}
		if id, ok := seal.BoxKey(mark); ok {
			add(id)
		}
	}
	for {
		snap, err := s.Snapshot()
		if err != nil {
			return nil, err
		}
		kept, err := snap.KeysInUse()
		if err == nil {
			kept, err = snap.manifestKeys(kept)
		}
		stale := err != nil && s.moved(snap)
		snap.Release()
		switch {
		case stale:
			continue
		case err != nil:
			return nil, err
		}
		for _, id := range kept {
			add(id)
		}
		return used, nil
	}
}

// moved reports whether a snapshot is not the last state any more.
func (s *Store) moved(p *Snapshot) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current != p.v
}

// manifestKeys adds the keys of the manifest itself, which no snapshot holds: a commit or a merge since may have removed
// it.
func (p *Snapshot) manifestKeys(used []seal.KeyID) ([]seal.KeyID, error) {
	if p.s.opt.Keyring == nil || p.v.manifest == nil {
		return used, nil
	}
	for _, ref := range []blobRef{p.v.ref, p.v.manifest.metaRun} {
		if ref.id == 0 {
			continue
		}
		id, err := p.s.blobKey(ref.id)
		if err != nil {
			return nil, err
		}
		used = append(used, id)
	}
	return used, nil
}

// KeysInUse returns the data keys that sealed the runs of the snapshot; none if they are not sealed. An exported
// manifest is sealed with the current one.
func (p *Snapshot) KeysInUse() ([]seal.KeyID, error) {
	s := p.s
	if s.opt.Keyring == nil || p.v.manifest == nil {
		return nil, nil
	}
	var used []seal.KeyID
	for _, runs := range p.v.tables {
		for _, r := range runs {
			if r.meta.Entries == 0 {
				continue
			}
			id, err := s.keyOf(r)
			if err != nil {
				return nil, err
			}
			if !slices.Contains(used, id) {
				used = append(used, id)
			}
		}
	}
	return used, nil
}
