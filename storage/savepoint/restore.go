package savepoint

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"github.com/heliosdb/heliosdb-streaming/storage/epoch"
	"github.com/heliosdb/heliosdb-streaming/storage/object"
	"github.com/heliosdb/heliosdb-streaming/storage/seal"
)

// Verify reads all of a savepoint and checks it against its checksums. It needs
// no key.
func Verify(ctx context.Context, b object.Bucket, id string) (Info, error) {
	i, err := Read(ctx, b, id)
	if err != nil {
		return Info{}, err
	}
	for _, f := range i.Files {
		r, err := i.open(ctx, b, f.Name)
		if err != nil {
			return Info{}, err
		}
		_, err = io.Copy(io.Discard, r)
		if err := closeBoth(r, err); err != nil {
			return Info{}, err
		}
	}
	return i, nil
}

func closeBoth(c io.Closer, err error) error {
	if cerr := c.Close(); err == nil {
		err = cerr
	}
	return err
}

// Opened is a savepoint brought to this machine: a store of its own that is read
// and then thrown away.
type Opened struct {
	Info  Info
	Store *epoch.Store
	dir   string
}

// OpenTables brings a savepoint into dir, which must not exist and is removed by
// Close, verifies all of it, and opens it. ring opens a sealed one; see Keyring.
func OpenTables(ctx context.Context, b object.Bucket, i Info, ring *seal.Keyring, dir string, opt epoch.Options) (*Opened, error) {
	manifest, err := i.readSmall(ctx, b, manifestName, maxManifestBytes)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	opt.Dir, opt.Keyring, opt.NoMerge = dir, ring, true
	err = epoch.Import(opt, manifest, func(r epoch.RunMeta) (io.ReadCloser, error) { return i.open(ctx, b, runName(r.ID)) })
	var store *epoch.Store
	if err == nil {
		store, err = epoch.Open(opt)
	}
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, fmt.Errorf("restore %s%s: %w", Prefix, i.ID, err)
	}
	return &Opened{Info: i, Store: store, dir: dir}, nil
}

// Close closes the store and removes its directory.
func (o *Opened) Close() error {
	err := o.Store.Close()
	if rerr := os.RemoveAll(o.dir); err == nil {
		err = rerr
	}
	return err
}

// Keyring returns the encoded keyring of a savepoint, nil if it is not sealed.
func Keyring(ctx context.Context, b object.Bucket, i Info) ([]byte, error) {
	if !i.Sealed {
		return nil, nil
	}
	return i.readSmall(ctx, b, seal.FileName, maxKeyringBytes)
}

func (i *Info) readSmall(ctx context.Context, b object.Bucket, name string, limit int64) ([]byte, error) {
	r, err := i.open(ctx, b, name)
	if err != nil {
		return nil, err
	}
	if r.file.Bytes > limit {
		_ = r.Close()
		return nil, i.damaged(name, "it is too large")
	}
	data, err := io.ReadAll(r)
	return data, closeBoth(r, err)
}

func (i *Info) damaged(name, why string) error {
	return fmt.Errorf("%w: %s%s/%s: %s", ErrDamaged, Prefix, i.ID, name, why)
}

// open reads an object of the savepoint; the reader fails at the end if the bytes
// are not those that were saved.
func (i *Info) open(ctx context.Context, b object.Bucket, name string) (*checked, error) {
	for _, f := range i.Files {
		if f.Name != name {
			continue
		}
		r, err := b.Get(ctx, i.key(name))
		if err != nil {
			return nil, fmt.Errorf("%s%s/%s: %w", Prefix, i.ID, name, err)
		}
		return &checked{r: r, info: i, file: f, sum: sha256.New()}, nil
	}
	return nil, i.damaged(name, "it is not part of it")
}

// checked compares what it reads with what savepoint.json says.
type checked struct {
	r    *object.Reader
	info *Info
	file File
	sum  hash.Hash
	n    int64
}

// Read implements io.Reader.
func (c *checked) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.sum.Write(p[:n])
	c.n += int64(n)
	switch {
	case c.n > c.file.Bytes, errors.Is(err, io.EOF) && c.n < c.file.Bytes:
		return n, c.info.damaged(c.file.Name, "it has another length")
	case errors.Is(err, io.EOF) && hex.EncodeToString(c.sum.Sum(nil)) != c.file.SHA256:
		return n, c.info.damaged(c.file.Name, "its checksum does not match")
	}
	return n, err
}

// Close implements io.Closer.
func (c *checked) Close() error { return c.r.Close() }
