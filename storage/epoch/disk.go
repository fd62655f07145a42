package epoch

import (
	"io/fs"
	"path/filepath"
	"syscall"
)

// allocatedBytes adds up what the files under dir occupy; holes in sparse files count nothing. Files that vanish
// while it looks count nothing either.
func allocatedBytes(dir string) int64 {
	var sum int64
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			sum += blocks(d) * 512
		}
		return nil
	})
	return sum
}

// blocks counts the blocks of 512 bytes that a file occupies, 0 if it is gone.
func blocks(d fs.DirEntry) int64 {
	info, err := d.Info()
	if err != nil {
		return 0
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0
	}
	return st.Blocks
}

// freeBytes returns what an ordinary user may still write to the file system of dir.
func freeBytes(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * st.Bsize, nil
}
