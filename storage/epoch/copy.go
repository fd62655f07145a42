package epoch

import (
	"errors"
	"fmt"
)

// ErrNotEmpty is returned by CopyFrom for a store that has an epoch.
var ErrNotEmpty = errors.New("the checkpoint store has an epoch already")

// CopyFrom makes the snapshot's epoch the first one of this store, under the same number. Every entry is written anew,
// with this store's compression and keyring: it is how plain state becomes sealed state, the reverse, and how it gets
// under another keyring. The snapshot may be of any store.
func (s *Store) CopyFrom(p *Snapshot) error {
	m := p.Manifest()
	if m == nil {
		return nil
	}
	w, err := s.Begin()
	if err != nil {
		return err
	}
	defer w.Abort()
	if w.epoch != 1 {
		return ErrNotEmpty
	}
	w.epoch = m.Epoch
	for id := range m.Tables {
		r := w.Run(id)
		if err := p.Load(id, r.Put); err != nil {
			return fmt.Errorf("copy table %d: %w", id, err)
		}
		if err := r.Close(); err != nil {
			return fmt.Errorf("copy table %d: %w", id, err)
		}
	}
	return w.Commit(m.LogPos, append([]byte{}, m.Meta...))
}
