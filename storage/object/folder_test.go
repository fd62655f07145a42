package object_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/heliosdb/heliosdb-streaming/storage/object"
)

// Whoever only reads leaves nothing behind, not even the directory.
func TestFolderReadOnly(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	look := func() {
		b, err := object.OpenFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		for info, err := range b.List(t.Context(), "") {
			t.Error(info, err)
		}
		if _, err := b.Head(t.Context(), "x"); err == nil {
			t.Error("there is an x")
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	look()
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Fatalf("the directory is there: %v", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	look()
	if e, err := os.ReadDir(dir); err != nil || len(e) > 0 {
		t.Errorf("%v, %v", e, err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := object.OpenFolder(file); err == nil {
		t.Error("a file is opened as a folder")
	}
}

// What root makes in somebody's folder, that somebody can go on with.
func TestFolderOfAnother(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Log("needs root: another user's folder is not tried")
		return
	}
	const nobody = 65534
	dir := t.TempDir()
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	b, err := object.OpenFolder(dir)
	if err == nil {
		err = b.Delete(t.Context(), "savepoint-1/savepoint.json")
	}
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		t.Fatalf("%v, %v", entries, err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if uid := info.Sys().(*syscall.Stat_t).Uid; uid != nobody {
			t.Errorf("%s belongs to %d", e.Name(), uid)
		}
	}
}

// A file that was copied here with its old time has come just now.
func TestFolderArrived(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Time{}, time.Now().Add(-48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	b, err := object.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	info, err := b.Head(t.Context(), "x")
	if err != nil || time.Since(info.Modified) > time.Hour {
		t.Errorf("%v, %v", info, err)
	}
}
