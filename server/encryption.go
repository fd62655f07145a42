package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/internal/crashpoint"
	"github.com/heliosdb/heliosdb-streaming/internal/dirlock"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/storage/epoch"
	"github.com/heliosdb/heliosdb-streaming/storage/kms"
	"github.com/heliosdb/heliosdb-streaming/storage/seal"
	"github.com/heliosdb/heliosdb-streaming/storage/wal"
)

// Places between the steps of a change of keys, for crash tests.
var (
	crashKeyringMade = crashpoint.Register("encryption.keyring-made")
	crashKeyRotated  = crashpoint.Register("encryption.key-rotated")
)

// encryption is the keyring of the data directory and what wraps it; the zero
// value is state that is not encrypted.
type encryption struct {
	ring *seal.Keyring
	kms  seal.KMS
	dir  string
	// share brings a changed keyring to where copies of it are kept (a bucket),
	// before the data directory gets it; nil: nowhere.
	share func(ctx context.Context, encoded []byte) error
}

// openEncryption opens the keyring of a data directory, or makes it for a new
// one, or for state in memory (dir ""). What does not fit is refused before anything is changed. Nothing may
// have the directory open.
func openEncryption(ctx context.Context, cfg *config.Config, dir string) (encryption, error) {
	e := encryption{dir: dir}
	if !cfg.State.EncryptionEnabled {
		return e, nil // a store that is encrypted refuses to be opened without a keyring
	}
	if dir == "" { // memory: savepoints are kept
		var err error
		if e.kms, err = kms.Open(ctx, cfg.KMS, cfg.LocalKeyFile(), true); err == nil {
			e.ring, err = seal.New(ctx, e.kms)
		}
		return e, err
	}
	if err := refuseUnsealed(dir); err != nil {
		return e, err
	}
	// Nothing is written for a keyring that is there.
	if encoded, err := seal.ReadFile(dir); err == nil {
		return e.load(ctx, cfg, encoded, dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return e, fmt.Errorf("make data directory: %w", err)
	}
	// Two processes must not make two keyrings for one directory.
	lock, err := dirlock.Acquire(dir)
	if err != nil {
		return e, err
	}
	defer func() { _ = lock.Release() }()
	switch encoded, err := seal.ReadFile(dir); {
	case err == nil:
		return e.load(ctx, cfg, encoded, dir)
	case !errors.Is(err, fs.ErrNotExist):
		return e, fmt.Errorf("read %s: %w", seal.FileName, err)
	}
	if err := refuseUnsealed(dir); err != nil { // again, now that nobody else writes
		return e, err
	}
	if e.kms, err = kms.Open(ctx, cfg.KMS, cfg.LocalKeyFile(), true); err != nil {
		return e, err
	}
	if e.ring, err = seal.New(ctx, e.kms); err != nil {
		return e, err
	}
	// Before anything is sealed with it.
	if err := seal.WriteFile(dir, e.ring.Encode()); err != nil {
		return e, fmt.Errorf("write %s: %w", seal.FileName, err)
	}
	crashpoint.Hit(crashKeyringMade)
	return e, nil
}

// load opens the keyring of a place, a directory or a bucket.
func (e encryption) load(ctx context.Context, cfg *config.Config, encoded []byte, place string) (encryption, error) {
	var err error
	if e.kms, err = kms.Open(ctx, cfg.KMS, cfg.LocalKeyFile(), false); err != nil {
		return e, err
	}
	if e.ring, err = seal.Load(ctx, encoded, e.kms); err != nil {
		return e, fmt.Errorf("%s in %s: %w", seal.FileName, place, err)
	}
	return e, nil
}

// checkBucketKeys refuses a bucket that does not belong with the configuration, before this process takes it: its
// keyring must open, and what it holds must be encrypted if, and only if, that is asked for.
func (s *Server) checkBucketKeys(ctx context.Context, keyring []byte, holds bool) error {
	st := &s.cfg.State
	switch {
	case keyring != nil && st.EncryptionEnabled:
		_, err := encryption{}.load(ctx, s.cfg, keyring, st.Path)
		return err
	case keyring != nil && holds:
		return seal.ErrSealed
	case keyring == nil && holds && st.EncryptionEnabled:
		if _, err := seal.ReadFile(st.LocalDir()); err == nil {
			return nil // of a first start that did not come far
		}
		return fmt.Errorf("it has no %s: %w. Had it been encrypted, that file would have to be put back, from a backup or a savepoint", seal.FileName, seal.ErrPlain)
	}
	return nil
}

// refuseUnsealed refuses a directory without a keyring that holds state.
func refuseUnsealed(dir string) error {
	if _, err := seal.ReadFile(dir); !errors.Is(err, fs.ErrNotExist) {
		return nil // there is one, or it cannot be read, which is somebody else's to report
	}
	store, err := epoch.Sealed(dir)
	if err != nil {
		return err
	}
	log, err := wal.Sealed(dir)
	switch {
	case err != nil:
		return err
	case store == seal.HoldsSealed || log == seal.HoldsSealed:
		return fmt.Errorf("data directory %s is encrypted, but its %s is missing: put it back from a backup, the bucket or a savepoint; without it the state cannot be read", dir, seal.FileName)
	case store == seal.HoldsPlain || log == seal.HoldsPlain:
		return fmt.Errorf("data directory %s: %w", dir, seal.ErrPlain)
	}
	return nil
}

// compressionOf is [state] compression as the store knows it.
func compressionOf(name string) epoch.Compression {
	switch name {
	case "none":
		return epoch.CompressionNone
	case "zstd":
		return epoch.CompressionZSTD
	}
	return epoch.CompressionSnappy
}

// RotateEncryptionKey makes a new data key the current one, wraps all data keys
// anew under the present master key, and has the state that older keys sealed
// written anew in the background. It needs no pause.
func (s *Server) RotateEncryptionKey(ctx context.Context) error {
	e := &s.encryption
	if e.ring == nil {
		return errNotEncrypted()
	}
	err := e.ring.Rotate(ctx, e.kms, func(encoded []byte) error { return e.publish(ctx, encoded) })
	switch {
	case errors.Is(err, seal.ErrTooManyKeys):
		return pgerr.New(pgerr.ProgramLimitExceeded, "%v", err).
			WithHint("Data keys that nothing is sealed with any more, nor any checkpoint that a bucket keeps, are dropped when the server starts.")
	case err != nil:
		return pgerr.Storage(err, "the encryption key was not rotated: %v", err)
	}
	crashpoint.Hit(crashKeyRotated)
	s.logger("storage").Info("encryption key rotated", "key", e.ring.Current().ID().String(), "kms", e.kms.ID(), "keys", len(e.ring.Keys()))
	if err := s.store.Reseal(); err != nil {
		return pgerr.Storage(err, "the encryption key was rotated, but the state stays under the old one until the next start: %v", err)
	}
	return nil
}

func errNotEncrypted() error {
	return pgerr.New(pgerr.ObjectNotInPrerequisiteState, "the state is not encrypted").
		WithHint("[state] encryption_enabled = true encrypts a new data directory.")
}

// publish stores a changed keyring: where copies are kept, then here. A copy
// that has a key more than the directory does no harm.
func (e *encryption) publish(ctx context.Context, encoded []byte) error {
	if e.share != nil {
		if err := e.share(ctx, encoded); err != nil {
			return err
		}
	}
	if e.dir == "" {
		return nil
	}
	return seal.WriteFile(e.dir, encoded)
}

// EncryptionKey is a data key for people.
type EncryptionKey struct {
	seal.KeyInfo
	// InUse says that state or log still have something that it sealed.
	InUse bool
}

// EncryptionKeys lists the data keys, oldest first; none without encryption.
func (s *Server) EncryptionKeys() ([]EncryptionKey, error) {
	if s.encryption.ring == nil {
		return nil, nil
	}
	used, err := s.keysInUse()
	if err != nil {
		return nil, err
	}
	var out []EncryptionKey
	for _, k := range s.encryption.ring.Keys() {
		out = append(out, EncryptionKey{KeyInfo: k, InUse: k.Current || slices.Contains(used, k.ID)})
	}
	return out, nil
}

func (s *Server) keysInUse() ([]seal.KeyID, error) {
	used, err := s.store.KeysInUse()
	return append(used, s.wal.KeysInUse()...), err
}

// dropUnusedKeys drops the data keys with which nothing is sealed any more, here
// and in what a bucket keeps. Only at the start is it certain that nothing under an
// old key is on its way to the disk.
func (s *Server) dropUnusedKeys(ctx context.Context) error {
	e := &s.encryption
	if e.ring == nil || len(e.ring.Keys()) < 2 {
		return nil
	}
	used, err := s.keysInUse()
	if err != nil {
		return err
	}
	if s.remote != nil {
		needed, known, err := s.remote.KeysNeeded(ctx)
		if !known || err != nil {
			return err
		}
		used = append(used, needed...)
	}
	n, err := e.ring.Prune(used, func(encoded []byte) error { return e.publish(ctx, encoded) })
	if n > 0 {
		s.logger("storage").Info("dropped data keys that nothing is encrypted with any more", "dropped", n)
	}
	return err
}

// showEncryptionKeys is SHOW ENCRYPTION KEYS.
func (x *session) showEncryptionKeys() ([][]*string, error) {
	keys, err := x.s.EncryptionKeys()
	if err != nil {
		return nil, pgerr.New(pgerr.IOError, "%v", err)
	}
	var rows [][]*string
	word := map[bool]string{true: "yes", false: "no"}
	for _, k := range keys {
		rows = append(rows, cells(k.ID.String(), k.Created.UTC().Format(time.DateTime), k.KMS, word[k.Current], word[k.InUse]))
	}
	return rows, nil
}

var encryptionKeyColumns = []string{"Key", "Created", "Wrapped By", "Current", "In Use"}
