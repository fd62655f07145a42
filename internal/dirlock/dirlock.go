// Package dirlock gives one process at a time the right to write a directory.
package dirlock

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrLocked reports that another process, or another opening in this one, holds the directory.
var ErrLocked = errors.New("directory is in use by another process")

// FileName is the name of the lock file. It stays behind on release: removing it would let two processes hold locks
// on two different files of the same name.
const FileName = "LOCK"

// Lock is a held directory. The kernel releases it when the process ends, however it ends.
type Lock struct{ file *os.File }

// Acquire takes the lock of dir, which must exist, without waiting. The error wraps ErrLocked when somebody else has
// it and then names the holder's process id as far as the lock file tells it.
func Acquire(dir string) (*Lock, error) {
	path := filepath.Join(dir, FileName)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer file.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		holder := "unknown"
		buf := make([]byte, 32)
		if n, _ := file.ReadAt(buf, 0); n > 0 {
			holder = strings.TrimSpace(string(buf[:n]))
		}
		return nil, fmt.Errorf("data directory %s: %w (process id %s)", dir, ErrLocked, holder)
	}
	// The process id is for people only, so failing to write it does not matter.
	if file.Truncate(0) == nil {
		_, _ = fmt.Fprintf(file, "%d\n", os.Getpid())
	}
	return &Lock{file: file}, nil
}

// Release gives the directory up. It may be called once. Closing alone would not do at once while a child of this
// process is between its fork and its exec: until then it shares the open file, and with it the lock.
func (l *Lock) Release() error {
	return errors.Join(unix.Flock(int(l.file.Fd()), unix.LOCK_UN), l.file.Close())
}
