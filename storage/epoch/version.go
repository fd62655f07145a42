package epoch

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/heliosdb/heliosdb-streaming/internal/crashpoint"
	"github.com/heliosdb/heliosdb-streaming/storage/seal"
)

// run is an immutable run of a table, shared by all versions that contain it.
type run struct {
	meta     RunMeta
	versions int // that contain it; guarded by Store.mu

	sealed struct { // under which data key; see Store.keyOf
		sync.Once
		key seal.KeyID
		err error
	}
	indexOnce sync.Once
	index     *runIndex
	indexErr  error
}

// version is one state of the manifest. Snapshots pin it; a run is deleted when no version contains it any more.
type version struct {
	manifest *Manifest // nil: nothing was ever committed
	ref      blobRef   // where the manifest is stored
	tables   map[TableID][]*run
	refs     int // the store's own while it is current, and one a snapshot; guarded by Store.mu
}

// newVersion builds the version of a manifest, taking over the runs that old has already.
func newVersion(m *Manifest, ref blobRef, old *version) *version {
	v := &version{manifest: m, ref: ref, tables: make(map[TableID][]*run)}
	if m == nil {
		return v
	}
	for id, metas := range m.Tables {
		var known []*run
		if old != nil {
			known = old.tables[id]
		}
		runs := make([]*run, len(metas))
		for i := range metas {
			at := slices.IndexFunc(known, func(r *run) bool { return r.meta.ID == metas[i].ID })
			if at >= 0 {
				runs[i] = known[at]
			} else {
				runs[i] = &run{meta: metas[i]}
			}
			runs[i].versions++
		}
		v.tables[id] = runs
	}
	return v
}

// release gives up one reference to v; its runs that are in no other version become dead. The caller holds mu.
func (s *Store) release(v *version) {
	if v.refs--; v.refs > 0 {
		return
	}
	for _, runs := range v.tables {
		for _, r := range runs {
			if r.versions--; r.versions == 0 {
				s.bury(r.meta.ID, r.meta.Chunks)
			}
		}
	}
}

// bury marks a run as one to delete. The caller holds mu.
func (s *Store) bury(id uint64, chunks uint32) {
	s.pending[id] = chunks
	s.dead = append(s.dead, pendingRun{id, chunks})
}

// change is what a manifest update does.
type change struct {
	batch kvBatch      // holds everything that the new manifest names
	runs  []*RunWriter // what was written for it; not all need be named
	// apply fills in the new manifest, which begins as a copy of the current one (tables copied, too), and returns
	// false if it no longer fits.
	apply func(m *Manifest) bool
	// meta replaces the caller's bytes if newMeta is set.
	meta    []byte
	newMeta bool
	points  [4]string // crash points: data flushed, data synced, root written, root synced
}

// install makes a changed manifest the current one, durably. It takes over the batch. It reports false without an
// error when apply found that the change no longer fits.
func (s *Store) install(c change) (bool, error) {
	s.installing.Lock()
	defer s.installing.Unlock()
	s.mu.Lock()
	if s.failed != nil {
		defer s.mu.Unlock()
		c.batch.cancel()
		return false, s.failed
	}
	old := s.current
	s.mu.Unlock()

	m := copyManifest(old.manifest)
	if !c.apply(m) {
		c.batch.cancel()
		return false, nil
	}
	ref, err := s.writeManifest(c, m)
	if err != nil {
		c.batch.cancel()
		s.buryBlobs(old, m, ref)
		return false, err
	}
	if err := s.makeDurable(c, ref); err != nil {
		return false, err
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = newVersion(m, ref, old)
	s.current.refs = 1
	if old.manifest != nil {
		// A snapshot may keep these alive for long; until they are deleted every manifest lists them.
		for _, runs := range old.manifest.Tables {
			for i := range runs {
				s.pending[runs[i].ID] = runs[i].Chunks
			}
		}
	}
	live := make(map[uint64]bool)
	for _, runs := range m.Tables {
		for i := range runs {
			live[runs[i].ID] = true
			delete(s.pending, runs[i].ID)
		}
	}
	for _, r := range c.runs {
		r.named = live[r.meta.ID]
	}
	delete(s.pending, ref.id)
	delete(s.pending, m.metaRun.id)
	if old.ref.id != 0 {
		s.bury(old.ref.id, old.ref.chunks)
	}
	if old.manifest != nil && old.manifest.metaRun.id != m.metaRun.id && old.manifest.metaRun.id != 0 {
		s.bury(old.manifest.metaRun.id, old.manifest.metaRun.chunks)
	}
	s.release(old)
	s.wakeBackground()
	return true, nil
}

// buryBlobs has what writeManifest wrote deleted when the manifest did not come to be.
func (s *Store) buryBlobs(old *version, m *Manifest, ref blobRef) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.metaRun.id != 0 && (old.manifest == nil || old.manifest.metaRun.id != m.metaRun.id) {
		s.bury(m.metaRun.id, 0)
	}
	if ref.id != 0 {
		s.bury(ref.id, 0)
	}
}

func copyManifest(old *Manifest) *Manifest {
	if old == nil {
		return &Manifest{Format: ManifestFormat, Tables: make(map[TableID][]RunMeta)}
	}
	m := *old
	m.Tables = maps.Clone(old.Tables)
	for id, runs := range m.Tables {
		m.Tables[id] = slices.Clone(runs)
	}
	return &m
}

// writeManifest adds the manifest, and the meta bytes if they are new, to the change's batch.
func (s *Store) writeManifest(c change, m *Manifest) (blobRef, error) {
	key := s.key()
	if c.newMeta {
		m.metaRun = blobRef{id: s.newRunID()}
		m.Meta = c.meta
		blob := append(beginBlob(key, len(c.meta)), c.meta...)
		var err error
		if m.metaRun.chunks, err = putBlob(c.batch, m.metaRun.id, 0, finishBlob(blob, key, m.metaRun.id, 0)); err != nil {
			return blobRef{}, err
		}
	}
	ref := blobRef{id: s.newRunID()}
	live := map[uint64]bool{m.metaRun.id: true, ref.id: true}
	for _, runs := range m.Tables {
		for i := range runs {
			live[runs[i].ID] = true
		}
	}
	s.mu.Lock()
	m.nextRun = s.nextRun
	m.pending = nil
	for id, chunks := range s.pending {
		if !live[id] {
			m.pending = append(m.pending, pendingRun{id, chunks})
		}
	}
	// What the new manifest replaces is garbage from the moment at which it is the manifest.
	old := s.current
	if old.ref.id != 0 {
		m.pending = append(m.pending, pendingRun{old.ref.id, old.ref.chunks})
	}
	if old.manifest != nil {
		if r := old.manifest.metaRun; r.id != 0 && !live[r.id] {
			m.pending = append(m.pending, pendingRun(r))
		}
		for _, runs := range old.manifest.Tables {
			for i := range runs {
				if !live[runs[i].ID] {
					m.pending = append(m.pending, pendingRun{runs[i].ID, runs[i].Chunks})
				}
			}
		}
	}
	s.mu.Unlock()
	slices.SortFunc(m.pending, func(a, b pendingRun) int { return cmp.Compare(a.id, b.id) })
	var err error
	ref.chunks, err = putBlob(c.batch, ref.id, 0, finishBlob(m.encode(beginBlob(key, 4096)), key, ref.id, 0))
	return ref, err
}

// makeDurable takes the two syncs of a manifest update: the data, then the root. When it fails, what the disk holds
// is unknown, so the store takes no more changes and deletes nothing more.
func (s *Store) makeDurable(c change, ref blobRef) error {
	err := func() error {
		if err := c.batch.flush(); err != nil {
			return err
		}
		crashpoint.Hit(c.points[0])
		if err := s.db.sync(); err != nil {
			return err
		}
		crashpoint.Hit(c.points[1])
		root := s.db.newBatch()
		if err := root.set(rootKey, encodeRoot(ref, s.opt.Keyring != nil)); err != nil {
			root.cancel()
			return err
		}
		if err := root.flush(); err != nil {
			return err
		}
		crashpoint.Hit(c.points[2])
		if err := s.db.sync(); err != nil {
			return err
		}
		crashpoint.Hit(c.points[3])
		return nil
	}()
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%w: %w", ErrFailed, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = err
	return err
}

// deleteDead deletes the runs that nobody can reach any more. It need not be durable: the manifest lists them until
// a later one is written after the deletion.
func (s *Store) deleteDead(ctx context.Context) error {
	for ctx.Err() == nil {
		s.mu.Lock()
		if len(s.dead) == 0 || s.failed != nil {
			defer s.mu.Unlock()
			return nil
		}
		p := s.dead[0]
		s.mu.Unlock()
		if err := s.deleteRun(p); err != nil {
			return err
		}
		crashpoint.Hit(crashDeleteRun)
		s.cache.drop(p.id)
		s.mu.Lock()
		s.dead = s.dead[1:]
		delete(s.pending, p.id)
		s.mu.Unlock()
	}
	return nil
}

func (s *Store) deleteRun(p pendingRun) error {
	var keys [][]byte
	if p.chunks > 0 {
		for c := range p.chunks {
			keys = append(keys, runKey(p.id, c))
		}
	} else {
		prefix := runPrefixKey(p.id)
		err := s.db.keys(prefix, prefix, func(key []byte) bool {
			keys = append(keys, key)
			return true
		})
		if err != nil {
			return fmt.Errorf("delete run %d: %w", p.id, err)
		}
	}
	batch := s.db.newBatch()
	for _, k := range keys {
		if err := batch.delete(k); err != nil {
			batch.cancel()
			return fmt.Errorf("delete run %d: %w", p.id, err)
		}
	}
	if err := batch.flush(); err != nil {
		return fmt.Errorf("delete run %d: %w", p.id, err)
	}
	return nil
}
