package wal

import (
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sync"
)

// memFS keeps files in memory, for a log whose changes need to live no longer than the process. It goes through the
// same code as the durable log, so it has the same limits and the same errors.
type memFS struct {
	mu    sync.Mutex
	files map[string]*memFile
}

var _ FS = (*memFS)(nil)

func newMemFS() *memFS { return &memFS{files: make(map[string]*memFile)} }

type memFile struct {
	mu   sync.RWMutex
	data []byte
}

func (m *memFS) MkdirAll(string) error          { return nil }
func (m *memFS) SyncDir(string) error           { return nil }
func (m *memFS) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

func (m *memFS) List(dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for path := range m.files {
		if filepath.Dir(path) == filepath.Clean(dir) {
			names = append(names, filepath.Base(path))
		}
	}
	return names, nil
}

func (m *memFS) Create(path string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := &memFile{}
	m.files[filepath.Clean(path)] = f
	return f, nil
}

func (m *memFS) Open(path string, _ bool) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.files[filepath.Clean(path)]
	if f == nil {
		return nil, fmt.Errorf("open %s: %w", path, fs.ErrNotExist)
	}
	return f, nil
}

func (m *memFS) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.files[filepath.Clean(from)]
	if f == nil {
		return fmt.Errorf("rename %s: %w", from, fs.ErrNotExist)
	}
	delete(m.files, filepath.Clean(from))
	m.files[filepath.Clean(to)] = f
	return nil
}

func (m *memFS) Remove(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.files[filepath.Clean(path)] == nil {
		return fmt.Errorf("remove %s: %w", path, fs.ErrNotExist)
	}
	delete(m.files, filepath.Clean(path))
	return nil
}

func (f *memFile) Close() error { return nil }
func (f *memFile) Sync() error  { return nil }

func (f *memFile) Size() (int64, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return int64(len(f.data)), nil
}

func (f *memFile) Truncate(size int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.grow(int(size))
	f.data = f.data[:size]
	return nil
}

// grow makes data at least n bytes long.
func (f *memFile) grow(n int) {
	if n > len(f.data) {
		f.data = append(f.data, make([]byte, n-len(f.data))...)
	}
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.grow(int(off) + len(p))
	return copy(f.data[off:], p), nil
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if off >= int64(len(f.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
