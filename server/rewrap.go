package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/internal/dirlock"
	"github.com/heliosdb/heliosdb-streaming/storage/kms"
	buckets "github.com/heliosdb/heliosdb-streaming/storage/object"
	"github.com/heliosdb/heliosdb-streaming/storage/remote"
	"github.com/heliosdb/heliosdb-streaming/storage/seal"
)

// RewrapKeys wraps the data keys of a data directory or of a bucket, which no
// process may have open, under the master key of another configuration. Done
// again, it changes nothing. It returns where the keys lie.
func RewrapKeys(ctx context.Context, from, to *config.Config) (string, error) {
	dir, bucket := from.State.LocalDir(), from.State.BucketURL()
	place := dir
	if bucket != "" {
		place = bucket
	}
	switch {
	case !from.State.EncryptionEnabled || !to.State.EncryptionEnabled:
		return "", errors.New("both configurations must have [state] encryption_enabled = true")
	case to.State.BucketURL() != bucket:
		return "", fmt.Errorf("the configurations name two places, %s and %s", place, to.State.Path)
	case to.State.LocalDir() != dir:
		return "", fmt.Errorf("the configurations name two data directories, %s and %s", dir, to.State.LocalDir())
	}
	wrap := func(encoded []byte) ([]byte, error) { return rewrap(ctx, encoded, from, to) }
	if bucket != "" {
		return place, rewrapBucket(ctx, from, wrap)
	}
	lock, err := dirlock.Acquire(dir)
	if err != nil {
		return "", err
	}
	defer func() { _ = lock.Release() }()
	encoded, err := seal.ReadFile(dir)
	if err != nil {
		return "", err
	}
	next, err := wrap(encoded)
	if err != nil || bytes.Equal(next, encoded) {
		return place, err
	}
	return place, seal.WriteFile(dir, next)
}

func rewrapBucket(ctx context.Context, cfg *config.Config, wrap func([]byte) ([]byte, error)) error {
	st := &cfg.State
	at, err := buckets.ParseFor(st.Backend, st.Path)
	if err != nil {
		return err
	}
	b, err := buckets.Open(ctx, at, bucketOptions(st))
	if err != nil {
		return err
	}
	defer b.Close()
	return remote.ChangeKeyring(ctx, remote.Options{Bucket: b, Name: at.String(), Dir: st.LocalDir(), TakeOver: st.TakeOver}, wrap)
}

// rewrap returns a keyring whose keys the master key of to has wrapped. One that
// to opens already, and from does not, stays as it is.
func rewrap(ctx context.Context, encoded []byte, from, to *config.Config) ([]byte, error) {
	ring, err := loadKeyring(ctx, encoded, from)
	if err != nil {
		if _, ours := loadKeyring(ctx, encoded, to); ours == nil {
			return encoded, nil
		}
		return nil, err
	}
	after, err := kms.Open(ctx, to.KMS, to.LocalKeyFile(), true)
	if err != nil {
		return nil, err
	}
	next := encoded
	err = ring.Rewrap(ctx, after, func(encoded []byte) error {
		next = encoded
		return nil
	})
	return next, err
}

func loadKeyring(ctx context.Context, encoded []byte, cfg *config.Config) (*seal.Keyring, error) {
	master, err := kms.Open(ctx, cfg.KMS, cfg.LocalKeyFile(), false)
	if err != nil {
		return nil, err
	}
	return seal.Load(ctx, encoded, master)
}
