package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/crashpoint"
	"github.com/heliosdb/heliosdb-streaming/storage/epoch"
	"github.com/heliosdb/heliosdb-streaming/storage/kms"
	buckets "github.com/heliosdb/heliosdb-streaming/storage/object"
	"github.com/heliosdb/heliosdb-streaming/storage/savepoint"
	"github.com/heliosdb/heliosdb-streaming/storage/seal"
)

// restoreFolder is where a savepoint lies while its tables are copied.
const restoreFolder = "restore.tmp"

var (
	crashRestoreOpened    = crashpoint.Register("restore.opened")
	crashRestoreCommitted = crashpoint.Register("restore.committed")
)

// restoreSavepoint makes a savepoint the state to recover: its tables and its
// description become one epoch of the store, on top of what the store holds, and
// what the log says until now counts as contained. So it is atomic, is sealed as
// this store is, and goes to the bucket as every epoch does. A start that names
// the savepoint that the state goes back to already changes nothing.
func (s *Server) restoreSavepoint(ctx context.Context, id string) error {
	id, err := savepoint.ParseID(id)
	if err != nil {
		return err
	}
	if m := s.store.Manifest(); m != nil && m.Epoch > 0 {
		if meta, err := decodeMeta(m); err == nil && meta.RestoredFrom == id {
			s.logger("storage").Info("the state goes back to this savepoint already; it is not restored again", "savepoint", savepoint.Prefix+id)
			return nil
		}
	}
	start := time.Now()
	s.logger("storage").Info("restoring: the present state is replaced", "savepoint", savepoint.Prefix+id)
	b, err := SavepointBucket(ctx, s.cfg, BucketOptions(&s.cfg.State))
	if err != nil {
		return err
	}
	defer b.Close()
	o, err := s.openSavepoint(ctx, b, id)
	if err != nil {
		return err
	}
	crashpoint.Hit(crashRestoreOpened)
	err = errors.Join(s.takeOver(o), o.Close())
	if err != nil {
		return fmt.Errorf("restore %s%s: %w", savepoint.Prefix, id, err)
	}
	crashpoint.Hit(crashRestoreCommitted)
	s.logger("storage").Info("restored", "savepoint", savepoint.Prefix+id, "created", o.Info.Created, "by_version", o.Info.Program, "bytes", o.Info.Bytes, "took", time.Since(start))
	return nil
}

// openSavepoint brings a savepoint here, verified and readable.
func (s *Server) openSavepoint(ctx context.Context, b buckets.Bucket, id string) (*savepoint.Opened, error) {
	info, err := savepoint.Read(ctx, b, id)
	if err != nil {
		return nil, err
	}
	encoded, err := savepoint.Keyring(ctx, b, info)
	if err != nil {
		return nil, err
	}
	var ring *seal.Keyring
	if encoded != nil {
		master := s.encryption.kms
		if master == nil {
			if master, err = kms.Open(ctx, s.cfg.KMS, s.cfg.LocalKeyFile(), false); err != nil {
				return nil, fmt.Errorf("the savepoint is encrypted, and [kms] does not open: %w", err)
			}
		}
		if ring, err = seal.Load(ctx, encoded, master); err != nil {
			return nil, fmt.Errorf("%s of %s%s: %w", seal.FileName, savepoint.Prefix, id, err)
		}
	}
	dir := filepath.Join(s.cfg.State.LocalDir(), restoreFolder)
	if err := os.RemoveAll(dir); err != nil { // of a restore that was interrupted
		return nil, err
	}
	return savepoint.OpenTables(ctx, b, info, ring, dir, epoch.Options{Logger: s.logger("storage")})
}

// takeOver writes the tables of a savepoint as the next epoch, in the place of all
// tables there are.
func (s *Server) takeOver(o *savepoint.Opened) error {
	meta, err := decodeMeta(o.Store.Manifest())
	if err != nil {
		return err
	}
	// Positions of the log are this log's from here on. All that it says until now
	// is undone with the state.
	meta.Contained, meta.RestoredFrom = s.wal.LastPos(), o.Info.ID
	for i := range meta.Graphs {
		meta.Graphs[i].Applied, meta.Graphs[i].CutPos = meta.Contained, meta.Contained
	}
	raw, err := json.Marshal(meta)
	if err != nil {
		return err
	}
	w, err := s.store.Begin()
	if err != nil {
		return err
	}
	defer w.Abort()
	if m := s.store.Manifest(); m != nil {
		for table := range m.Tables {
			w.Drop(table)
		}
	}
	for table := range o.Store.Manifest().Tables {
		r := w.Run(table)
		if err := o.Store.Load(table, r.Put); err != nil {
			return err
		}
		if err := r.Close(); err != nil {
			return err
		}
	}
	if err := w.Commit(meta.Contained, raw); err != nil {
		return err
	}
	return s.wal.TruncateBefore(meta.Contained + 1)
}
