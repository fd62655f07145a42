package kms

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/internal/crashpoint"
	"github.com/heliosdb/heliosdb-streaming/storage/seal"
)

const (
	localKeyBytes = 32
	localPlace    = "heliosdb kms local"
	maxKeyFile    = 4 << 10
)

var (
	// ErrKeyFile is wrapped when a key file is missing, not usable, or not safe.
	ErrKeyFile = errors.New("key file")

	crashKeyFile = crashpoint.Register("kms.local.written")
)

// local wraps under the key of a file.
type local struct {
	path string
	id   string
	key  *seal.Key
}

// OpenLocal reads a key file: 32 bytes, as they are or in base64 on one line. With create it is made if there is none,
// readable by the owner alone. A file that others can read is refused; a group may read what root owns, as
// orchestrators mount secrets.
func OpenLocal(path string, create bool) (KMS, error) {
	raw, err := readKeyFile(path)
	if errors.Is(err, fs.ErrNotExist) && create {
		if err := makeKeyFile(path); err != nil {
			return nil, fmt.Errorf("make %w %s: %w: [kms] local_key_file names another place", ErrKeyFile, path, err)
		}
		raw, err = readKeyFile(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w %s is missing: put the one back that the state was encrypted with; without it the state cannot be read", ErrKeyFile, path)
	}
	if err != nil {
		return nil, err
	}
	// The fingerprint names the key and says nothing about it.
	sum := sha256.Sum256(append([]byte("heliosdb local key "), raw...))
	key, err := seal.NewKey(seal.KeyID(0), raw)
	if err != nil {
		return nil, err
	}
	return &local{path: path, id: "local:" + hex.EncodeToString(sum[:8]), key: key}, nil
}

// ID implements KMS.
func (l *local) ID() string { return l.id }

// Wrap implements KMS.
func (l *local) Wrap(_ context.Context, plain []byte) ([]byte, error) {
	return l.key.Seal(nil, plain, []byte(localPlace)), nil
}

// Unwrap implements KMS.
func (l *local) Unwrap(_ context.Context, wrapped []byte) ([]byte, error) {
	plain, err := l.key.Open(nil, wrapped, []byte(localPlace))
	if err != nil {
		return nil, fmt.Errorf("%w %s is not the one that wrapped this data key: put that one back, or name it in [kms] local_key_file", ErrKeyFile, l.path)
	}
	return plain, nil
}

// readKeyFile returns the 32 bytes of a key file.
func readKeyFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w", ErrKeyFile, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeyFile, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w %s is no regular file", ErrKeyFile, path)
	}
	if mode := info.Mode().Perm(); config.OthersMayRead(info) {
		return nil, fmt.Errorf("%w %s has permissions %04o, others can read it: chmod 600 it, and change the key if they may have", ErrKeyFile, path, mode)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeyFile, err)
	}
	if len(b) == localKeyBytes {
		return b, nil
	}
	key, err := base64.StdEncoding.DecodeString(string(bytes.TrimRight(b, "\r\n")))
	if err != nil || len(key) != localKeyBytes {
		return nil, fmt.Errorf("%w %s does not hold %d bytes, as they are or in base64 on one line (openssl rand -base64 32 makes some)", ErrKeyFile, path, localKeyBytes)
	}
	return key, nil
}

// makeKeyFile makes a key file with random bytes. It appears under its name when it is whole and on stable storage, and
// never takes the place of another one.
func makeKeyFile(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	key := make([]byte, localKeyBytes)
	rand.Read(key)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*.tmp") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(key) + "\n")
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	crashpoint.Hit(crashKeyFile)
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
