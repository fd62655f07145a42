package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/heliosdb/heliosdb-streaming/internal/crashpoint"
	"github.com/heliosdb/heliosdb-streaming/internal/dirlock"
	"github.com/heliosdb/heliosdb-streaming/internal/durable"
	"github.com/heliosdb/heliosdb-streaming/storage/epoch"
	"github.com/heliosdb/heliosdb-streaming/storage/object"
	"github.com/heliosdb/heliosdb-streaming/storage/seal"
)

var crashKeyringChanged = crashpoint.Register("remote.keyring.changed")

// ChangeKeyring replaces keyring.json of a bucket that no process owns, and then the copy of the local directory if
// there is one: after a crash between, it has to be done again. change returns the new one; it may be the old one. Of opt
// it uses Bucket, Name, Dir, TakeOver and Logger.
func ChangeKeyring(ctx context.Context, opt Options, change func(old []byte) ([]byte, error)) error {
	opt.setDefaults()
	s := &State{opt: opt, bucket: opt.Bucket}
	err := s.changeKeyring(ctx, change)
	if err != nil {
		return fmt.Errorf("state in %s: %w", opt.Name, err)
	}
	return nil
}

func (s *State) changeKeyring(ctx context.Context, change func(old []byte) ([]byte, error)) error {
	if own := filepath.Join(s.opt.Dir, ownFolder); dirExists(own) {
		lock, err := dirlock.Acquire(own)
		if err != nil {
			return err
		}
		defer func() { _ = lock.Release() }()
	}
	if err := s.unowned(ctx); err != nil {
		return err
	}
	old, info, err := object.ReadAll(ctx, s.bucket, KeyringKey, maxSmall)
	if err != nil {
		return err
	}
	next, err := change(old)
	if err != nil {
		return fmt.Errorf("%s: %w", KeyringKey, err)
	}
	if !bytes.Equal(next, old) {
		if err := s.bucket.Put(ctx, KeyringKey, object.Bytes(next), object.PutOptions{IfVersion: info.Version}); err != nil {
			return err
		}
	}
	crashpoint.Hit(crashKeyringChanged)
	local := filepath.Join(s.opt.Dir, KeyringKey)
	if _, err := os.Stat(local); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	// The bucket's has all keys that the copy has.
	return durable.Replace(local, next)
}

func dirExists(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

// unowned returns when no process owns the bucket, or an error if one does.
func (s *State) unowned(ctx context.Context) error {
	f, err := readFormat(ctx, s.bucket)
	if err != nil {
		return err
	}
	owner, version, err := readOwner(ctx, s.bucket)
	if err != nil || owner == nil || owner.Released || s.opt.TakeOver {
		return err
	}
	local, err := s.readLocal()
	if err != nil {
		return err
	}
	if local != nil && local.Store == f.Store && slices.Contains(local.Instances, owner.Instance) {
		return nil // it was of this directory, whose lock is ours
	}
	_, err = s.awaitSilence(ctx, owner, version)
	return err
}

// mendKeyring puts the bucket's keyring.json in the place of a local one that is missing or damaged. It has all keys that
// anything here was sealed with: it gets them first.
func (s *State) mendKeyring(ctx context.Context) error {
	raw, err := os.ReadFile(filepath.Join(s.opt.Dir, KeyringKey))
	if errors.Is(err, fs.ErrNotExist) {
		return s.fetchKeyring(ctx)
	}
	if err != nil {
		return err
	}
	damage := seal.CheckFile(raw)
	if damage == nil {
		return nil
	}
	s.opt.Logger.Error("the local keyring is damaged; the bucket's takes its place", "directory", s.opt.Dir, "error", damage)
	return s.fetchKeyring(ctx)
}

// fetchKeyring puts the bucket's keyring.json into the local directory.
func (s *State) fetchKeyring(ctx context.Context) error {
	raw, _, err := object.ReadAll(ctx, s.bucket, KeyringKey, maxSmall)
	if errors.Is(err, object.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return durable.Replace(filepath.Join(s.opt.Dir, KeyringKey), raw)
}

// sendKeyring puts the local keyring.json into the bucket.
func (s *State) sendKeyring(ctx context.Context) error {
	raw, err := os.ReadFile(filepath.Join(s.opt.Dir, KeyringKey))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.PutKeyring(ctx, raw)
}

// PutKeyring replaces the bucket's keyring.json. It must return before anything is sealed with a key that the bucket's
// does not have. One that another process has changed since is left alone: it has keys that this one does not know.
func (s *State) PutKeyring(ctx context.Context, raw []byte) error {
	if err := s.Err(); err != nil {
		return err
	}
	old, info, err := object.ReadAll(ctx, s.bucket, KeyringKey, maxSmall)
	switch {
	case errors.Is(err, object.ErrNotFound):
		err = s.bucket.Put(ctx, KeyringKey, object.Bytes(raw), object.PutOptions{IfAbsent: true})
	case err == nil && !bytes.Equal(old, raw):
		if s.keyringVersion != "" && s.keyringVersion != info.Version {
			return fmt.Errorf("%w: %s was changed by another process", ErrFenced, KeyringKey)
		}
		err = s.bucket.Put(ctx, KeyringKey, object.Bytes(raw), object.PutOptions{IfVersion: info.Version})
	}
	if err != nil {
		return err
	}
	now, info, err := object.ReadAll(ctx, s.bucket, KeyringKey, maxSmall)
	switch {
	case err != nil:
		return err
	case !bytes.Equal(now, raw):
		return fmt.Errorf("%w: %s was changed by another process", ErrFenced, KeyringKey)
	}
	s.keyringVersion = info.Version
	return nil
}

// keysOf are the data keys that a checkpoint of the snapshot needs, and the log since the one before.
func (s *State) keysOf(snap *epoch.Snapshot) ([]string, error) {
	if s.ring == nil {
		return nil, nil
	}
	used, err := snap.KeysInUse()
	if err != nil {
		return nil, err
	}
	// The manifest was just sealed with the current one.
	used = append(append(used, s.log.KeysInUse()...), s.ring.Current().ID())
	slices.Sort(used)
	var out []string
	for _, id := range slices.Compact(used) {
		out = append(out, id.String())
	}
	return out, nil
}

// KeysNeeded returns the data keys that the checkpoints which the bucket keeps need, with the log between them. It
// reports false when that is not known of one of them.
func (s *State) KeysNeeded(ctx context.Context) ([]seal.KeyID, bool, error) {
	s.uploading.Lock()
	defer s.uploading.Unlock()
	keep, err := s.readHeads(ctx, s.refs())
	if err != nil {
		return nil, false, err
	}
	var needed []seal.KeyID
	for _, h := range keep {
		for _, text := range h.Keys {
			id, err := seal.ParseKeyID(text)
			if err != nil {
				return nil, false, err
			}
			needed = append(needed, id)
		}
		if len(h.Keys) == 0 {
			return nil, false, nil
		}
	}
	return needed, true, nil
}
