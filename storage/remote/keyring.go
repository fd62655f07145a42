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
	"github.com/heliosdb/heliosdb-streaming/storage/object"
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
	return writeFile(local, next)
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
