package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
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
func (s *Server) restoreSavepoint(ctx context.Context) error {
	id, b, err := s.toRestore(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	if done, err := s.restoredAlready(ctx, b, id); done || err != nil {
		return err
	}
	start := time.Now()
	s.logger("storage").Info("restoring: the present state is replaced", "savepoint", savepoint.Prefix+id)
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

// toRestore is the savepoint that the configuration names, and the bucket that it
// lies in, which the caller closes.
func (s *Server) toRestore(ctx context.Context) (id string, b buckets.Bucket, err error) {
	if id, err = savepoint.ParseID(s.cfg.RestoreFrom); err != nil {
		return "", nil, err
	}
	b, err = savepointBucket(ctx, &s.cfg.State)
	return id, b, err
}

// restored is a savepoint that a state goes back to; see epochMeta.
type restored struct {
	From, Digest string
	At           uint64
}

// lineageOf is remote.Options.Lineage. What cannot be read is told at recovery.
func lineageOf(meta []byte) uint64 {
	var m struct {
		RestoredAt uint64 `json:"restoredAt"`
	}
	_ = json.Unmarshal(meta, &m)
	return m.RestoredAt
}

// restoredAlready reports whether the state goes back to this savepoint. Another
// one that bears its name by now is refused: whoever put it there wants it, and
// whoever left the flag where it is does not.
func (s *Server) restoredAlready(ctx context.Context, b buckets.Bucket, id string) (bool, error) {
	m := s.store.Manifest()
	if m == nil || m.Epoch == 0 {
		return false, nil
	}
	meta, err := decodeMeta(m)
	if err != nil {
		return false, err
	}
	if meta.RestoredFrom != id {
		return false, nil
	}
	// It may have been removed since.
	if info, err := savepoint.Read(ctx, b, id); err == nil && info.Digest() != meta.RestoredDigest {
		return false, fmt.Errorf("the state goes back to another savepoint that was called %[1]s%[2]s, too; to restore this one, "+
			"copy it under a name of its own; to go on with the state as it is, start without --restore-from-savepoint", savepoint.Prefix, id)
	}
	s.logger("storage").Info("the state goes back to this savepoint already and stays as it is; to restore it once more, copy it under another name",
		"savepoint", savepoint.Prefix+id)
	return true, nil
}

// openSavepoint brings a savepoint here, verified and readable.
func (s *Server) openSavepoint(ctx context.Context, b buckets.Bucket, id string) (*savepoint.Opened, error) {
	info, err := savepoint.Read(ctx, b, id)
	if err != nil {
		return nil, err
	}
	ring, err := s.savepointKeyring(ctx, b, info)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(s.cfg.State.LocalDir(), restoreFolder)
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	return savepoint.OpenTables(ctx, b, info, ring, dir, epoch.Options{Logger: s.logger("storage")})
}

// savepointKeyring opens the keyring of a savepoint; nil if it is not encrypted.
func (s *Server) savepointKeyring(ctx context.Context, b buckets.Bucket, info savepoint.Info) (*seal.Keyring, error) {
	encoded, err := savepoint.Keyring(ctx, b, info)
	if err != nil || encoded == nil {
		return nil, err
	}
	master := s.encryption.kms
	if master == nil {
		if master, err = kms.Open(ctx, s.cfg.KMS, s.cfg.LocalKeyFile(), false); err != nil {
			return nil, fmt.Errorf("the savepoint is encrypted, and [kms] does not open: %w", err)
		}
	}
	ring, err := seal.Load(ctx, encoded, master)
	if err != nil {
		return nil, fmt.Errorf("%s of %s%s: %w", seal.FileName, savepoint.Prefix, info.ID, err)
	}
	return ring, nil
}

// checkRestore looks at the savepoint before a new state is made for it: what is refused later would leave one behind,
// whose keys are others than the savepoint's, maybe a new master key among them, and stand in the way of the next attempt.
func (s *Server) checkRestore(ctx context.Context) error {
	id, b, err := s.toRestore(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	if isNew, err := s.isNew(ctx, b); !isNew || err != nil {
		return err
	}
	info, err := savepoint.Read(ctx, b, id)
	if err == nil {
		_, err = s.savepointKeyring(ctx, b, info)
	}
	return err
}

// isNew reports whether nothing was ever kept where this state lies. b is the place of the savepoints.
func (s *Server) isNew(ctx context.Context, b buckets.Bucket) (bool, error) {
	if s.cfg.State.Backend == config.BackendMemory {
		return true, nil
	}
	for _, name := range []string{formatFile, seal.FileName} {
		if _, err := os.Stat(filepath.Join(s.cfg.State.LocalDir(), name)); !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
		if _, err := b.Head(ctx, name); !errors.Is(err, buckets.ErrNotFound) {
			return false, err
		}
	}
	return true, nil
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
	meta.Contained, meta.TakenAt = s.wal.LastPos(), time.Now().UnixMicro()
	for i := range meta.Graphs {
		meta.Graphs[i].Applied, meta.Graphs[i].CutPos = meta.Contained, meta.Contained
	}
	w, err := s.store.Begin()
	if err != nil {
		return err
	}
	defer w.Abort()
	if meta.PausedAt != 0 {
		s.logger("storage").Warn("the savepoint was made while all jobs were paused, and so they are now: RESUME JOBS lets them go on")
	}
	meta.RestoredFrom, meta.RestoredDigest, meta.RestoredAt = o.Info.ID, o.Info.Digest(), w.Epoch()
	raw, err := encodeJSON(meta)
	if err != nil {
		return err
	}
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
	if s.remote != nil {
		return nil // the log is needed until the bucket has the epoch
	}
	return s.wal.TruncateBefore(meta.Contained + 1)
}
