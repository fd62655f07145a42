package wal

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/heliosdb/heliosdb-streaming/internal/dirlock"
	"github.com/heliosdb/heliosdb-streaming/internal/durable"
)

// FS is what the log needs of a file system. Tests put faults behind it; an in-memory one serves a log without files.
// A name that does not exist is reported as an error that wraps fs.ErrNotExist.
type FS interface {
	// MkdirAll makes dir and its parents and makes the new entries durable.
	MkdirAll(dir string) error
	// List returns the names (not paths) of the files in dir, in any order.
	List(dir string) ([]string, error)
	// Create makes a file or empties an existing one, open for reading and writing.
	Create(path string) (File, error)
	// Open opens an existing file; write says whether it may be changed.
	Open(path string, write bool) (File, error)
	Rename(from, to string) error
	Remove(path string) error
	// SyncDir makes creations, renames and removals in dir durable.
	SyncDir(dir string) error
	// Lock keeps other processes from writing dir until the result is closed.
	Lock(dir string) (io.Closer, error)
}

// File is an open file of an FS.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Size() (int64, error)
	Truncate(size int64) error
	// Sync returns when everything written so far is on stable storage.
	Sync() error
}

// OS is the operating system's file system.
type OS struct{}

var _ FS = OS{}

type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// MkdirAll implements FS.
func (o OS) MkdirAll(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := o.MkdirAll(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return o.SyncDir(parent)
}

// List implements FS.
func (OS) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Create implements FS.
func (OS) Create(path string) (File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// Open implements FS.
func (OS) Open(path string, write bool) (File, error) {
	mode := os.O_RDONLY
	if write {
		mode = os.O_RDWR
	}
	f, err := os.OpenFile(path, mode, 0)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// Rename implements FS.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Remove implements FS.
func (OS) Remove(path string) error { return os.Remove(path) }

// SyncDir implements FS.
func (OS) SyncDir(dir string) error { return durable.Sync(dir) }

type lockCloser struct{ *dirlock.Lock }

func (l lockCloser) Close() error { return l.Release() }

// Lock implements FS.
func (OS) Lock(dir string) (io.Closer, error) {
	l, err := dirlock.Acquire(dir)
	if err != nil {
		return nil, err
	}
	return lockCloser{l}, nil
}
