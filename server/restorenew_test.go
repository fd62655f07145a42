package server

import (
	"crypto/sha256"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/storage/savepoint"
)

// contents sums up all files below dir.
func contents(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	out := map[string][32]byte{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		out[p] = sha256.Sum256(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// refused requires that nothing opens, for a reason, and that no byte has changed.
func refused(t *testing.T, cfg *config.Config, why, within string) {
	t.Helper()
	before := contents(t, within)
	s, err := Open(cfg, slog.New(slog.DiscardHandler))
	if err == nil {
		_ = s.Close(t.Context())
		t.Fatalf("it opens; expected %q", why)
	}
	if !strings.Contains(err.Error(), why) {
		t.Errorf("%q is missing in: %v", why, err)
	}
	for p, sum := range contents(t, within) {
		if old, ok := before[p]; !ok || old != sum {
			t.Errorf("%s: %s was changed", why, p)
		}
		delete(before, p)
	}
	for p := range before {
		t.Errorf("%s: %s was removed", why, p)
	}
}

// makeSealed makes encrypted state and a savepoint of it; change says where.
func makeSealed(t *testing.T, cfg *config.Config) (id string) {
	t.Helper()
	cfg.State.EncryptionEnabled = true
	t.Run("make", func(t *testing.T) {
		s, c := openFile(t, cfg)
		c.must(t, "CREATE TABLE t (a int PRIMARY KEY)", "INSERT INTO t VALUES (1)")
		info, err := s.CreateSavepoint(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		id = savepoint.Prefix + info.ID
	})
	return id
}

// opens requires that the table is there.
func opens(t *testing.T, cfg *config.Config) {
	t.Helper()
	t.Run("open", func(t *testing.T) {
		_, c := openFile(t, cfg)
		if got := answers(t, c, "t"); !strings.Contains(got, `["1"]`) {
			t.Error(got)
		}
	})
}

// A lost machine whose key file was forgotten: the restore is refused before a new
// key is made, which would then be the one that does not fit.
func TestRestoreWithoutKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old := fileConfig(filepath.Join(dir, "old", "state"))
	id := makeSealed(t, old)
	for name, cfg := range map[string]*config.Config{
		"directory": fileConfig(filepath.Join(dir, "directory", "state")),
		"bucket":    bucketConfig(filepath.Join(dir, "bucket")),
	} {
		place, key := filepath.Join(dir, name), cfg.KMS.LocalKeyFile
		at := cfg.State.Path
		if strings.Contains(at, "://") {
			at = strings.TrimPrefix(at, "file://")
		}
		if err := os.CopyFS(filepath.Join(at, id), os.DirFS(filepath.Join(old.State.Path, id))); err != nil {
			t.Fatal(err)
		}
		cfg.State.EncryptionEnabled = true
		cfg.RestoreFrom = "savepoint-not-there"
		refused(t, cfg, "there is no such savepoint", place)
		cfg.RestoreFrom = id
		refused(t, cfg, key+" is missing", place)
		wrong := []byte(strings.Repeat("w", 32))
		if err := os.WriteFile(key, wrong, 0o600); err != nil {
			t.Fatal(err)
		}
		refused(t, cfg, "is not the one that wrapped", place)
		right, err := os.ReadFile(old.KMS.LocalKeyFile)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(key, right, 0o600); err != nil {
			t.Fatal(err)
		}
		opens(t, cfg)
	}
}

// bucketConfig keeps state in a folder that is used as a bucket.
func bucketConfig(dir string) *config.Config {
	cfg := fileConfig(filepath.Join(dir, "state"))
	cfg.State.Path, cfg.State.LocalPath = "file://"+filepath.Join(dir, "bucket"), filepath.Join(dir, "state")
	return cfg
}

// A key that is missing or wrong, and encryption that is off, are refused before
// the bucket is taken over: nothing in it changes, whether the disk is still there
// or not, and a process that owns it goes on.
func TestBucketWithoutKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := bucketConfig(dir)
	makeSealed(t, cfg)
	key := cfg.KMS.LocalKeyFile
	right, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	try := func() {
		t.Helper()
		if err := os.Remove(key); err != nil {
			t.Fatal(err)
		}
		refused(t, cfg, key+" is missing", dir)
		if err := os.WriteFile(key, []byte(strings.Repeat("w", 32)), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg.State.TakeOver = true
		refused(t, cfg, "is not the one that wrapped", dir)
		cfg.State.TakeOver = false
		cfg.State.EncryptionEnabled = false
		refused(t, cfg, "the state is encrypted", dir)
		cfg.State.EncryptionEnabled = true
		if err := os.WriteFile(key, right, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	try()
	local := cfg.State.LocalPath
	cfg.State.LocalPath = filepath.Join(dir, "another")
	try()
	_, c := openFile(t, cfg)
	c.must(t, "INSERT INTO t VALUES (2)")
	// From another machine, while this one is at work.
	cfg = bucketConfig(dir)
	cfg.State.LocalPath = local
	owner := contents(t, filepath.Join(dir, "bucket", "log"))
	cfg.State.TakeOver = true
	if s, err := Open(cfg, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "the state is encrypted") {
		t.Errorf("opened without encryption: %v", err)
		if err == nil {
			_ = s.Close(t.Context())
		}
	}
	if !maps.Equal(owner, contents(t, filepath.Join(dir, "bucket", "log"))) {
		t.Error("the bucket's log has changed")
	}
	c.must(t, "INSERT INTO t VALUES (3)")
}

// Encryption that is switched on for a bucket with plain state is refused, too.
func TestBucketNotEncrypted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := bucketConfig(dir)
	t.Run("make", func(t *testing.T) {
		_, c := openFile(t, cfg)
		c.must(t, "CREATE TABLE t (a int PRIMARY KEY)")
	})
	cfg.State.EncryptionEnabled = true
	refused(t, cfg, "without encryption", dir)
	cfg.State.LocalPath = filepath.Join(dir, "another")
	refused(t, cfg, "without encryption", dir)
}

// State in memory is encrypted, too, when that is asked for: its savepoints are on
// the disk.
func TestMemorySavepointSealed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := fileConfig(filepath.Join(dir, "state"))
	cfg.State.Backend = config.BackendMemory
	id := makeSealed(t, cfg)
	raw, err := os.ReadFile(filepath.Join(dir, "state", id, "savepoint.json"))
	if err != nil || !strings.Contains(string(raw), `"sealed": true`) {
		t.Fatalf("%s, %v", raw, err)
	}
	cfg.RestoreFrom = id
	opens(t, cfg)
	t.Run("rotate", func(t *testing.T) {
		s, c := openFile(t, cfg)
		c.must(t, "ALTER SYSTEM ROTATE ENCRYPTION KEY", "INSERT INTO t VALUES (5)")
		if _, err := s.CreateSavepoint(t.Context(), ""); err != nil {
			t.Error(err)
		}
	})
	if err := os.Remove(cfg.KMS.LocalKeyFile); err != nil {
		t.Fatal(err)
	}
	refused(t, cfg, "is missing", dir)
}
