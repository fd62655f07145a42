package epoch

import (
	"os"
	"path/filepath"
	"testing"
)

// TestUnbornMemtable: a process that was killed between the creation of a
// memtable's file and its first byte leaves a store that opens.
func TestUnbornMemtable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir, MemtableMB: 8})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	inner := ""
	err = filepath.WalkDir(dir, func(p string, _ os.DirEntry, err error) error {
		if filepath.Base(p) == "MANIFEST" {
			inner = filepath.Dir(p)
		}
		return err
	})
	if err != nil || inner == "" {
		t.Fatal("no store in the directory", err)
	}
	if err := os.WriteFile(filepath.Join(inner, "00099.mem"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(Options{Dir: dir, MemtableMB: 8}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
