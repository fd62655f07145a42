// Package durable writes files so that a crash at any moment leaves the one of before or the new one.
package durable

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/heliosdb/heliosdb-streaming/internal/crashpoint"
)

// Sync brings what a file, or the names that a directory holds, to stable storage.
func Sync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Replace writes a file (0600) beside path and puts it in the place of path. When it returns nil the new one is on stable
// storage. points are the crash points to pass when the new content is synced, and when it has the name.
func Replace(path string, data []byte, points ...string) error {
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	pass(points, 0)
	if err := os.Rename(tmp, path); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	pass(points, 1)
	return Sync(filepath.Dir(path))
}

func pass(points []string, i int) {
	if i < len(points) {
		crashpoint.Hit(points[i])
	}
}
