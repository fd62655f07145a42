package server

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/storage/seal"
)

// Another master key: for a directory and for a bucket, whether the disk is there
// or not, after an interruption, and not while a process is at work.
func TestRewrapKeys(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]func(string) *config.Config{"directory": directoryConfig, "bucket": bucketConfig} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			from := at(dir)
			makeSealed(t, from)
			to := at(dir)
			to.State.EncryptionEnabled = true
			to.KMS.LocalKeyFile = filepath.Join(dir, "next", "second.key")
			rewrapped := func(why string) {
				t.Helper()
				before := contents(t, dir)
				_, err := RewrapKeys(t.Context(), from, to)
				switch {
				case why == "" && err != nil:
					t.Fatal(err)
				case why != "" && (err == nil || !strings.Contains(err.Error(), why)):
					t.Errorf("%q is expected: %v", why, err)
				case why != "":
					for p, sum := range contents(t, dir) {
						if filepath.Base(p) != "LOCK" && !strings.HasSuffix(p, ".key") && before[p] != sum {
							t.Errorf("%q: %s was changed", why, p)
						}
					}
				}
			}
			t.Run("running", func(t *testing.T) {
				openFile(t, from)
				rewrapped("in use by another process")
			})
			local := filepath.Join(from.State.LocalDir(), seal.FileName)
			old, err := os.ReadFile(local)
			if err != nil {
				t.Fatal(err)
			}
			rewrapped("")
			refused(t, from, "is not the one that wrapped", dir)
			opens(t, to)
			rewrapped("") // once more: nothing to do
			if from.State.BucketURL() != "" {
				// Interrupted before the local copy was changed.
				if err := os.WriteFile(local, old, 0o600); err != nil {
					t.Fatal(err)
				}
				rewrapped("")
				opens(t, to)
				if err := os.RemoveAll(from.State.LocalDir()); err != nil {
					t.Fatal(err)
				}
			}
			opens(t, to)
			from.KMS.LocalKeyFile = filepath.Join(dir, "third.key")
			to.KMS.LocalKeyFile = filepath.Join(dir, "fourth.key")
			rewrapped("third.key is missing")
		})
	}
}

// A bucket that a process on another machine owns is left alone.
func TestRewrapOwned(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := bucketConfig(dir)
	cfg.State.EncryptionEnabled = true
	cfg.State.Lease = 300 * time.Millisecond
	openFile(t, cfg)
	from, to := *cfg, *cfg
	from.State.LocalPath, to.State.LocalPath = filepath.Join(dir, "elsewhere"), filepath.Join(dir, "elsewhere")
	to.KMS.LocalKeyFile = filepath.Join(dir, "second.key")
	if _, err := RewrapKeys(t.Context(), &from, &to); err == nil || !strings.Contains(err.Error(), "is alive") {
		t.Error(err)
	}
}

func directoryConfig(dir string) *config.Config { return fileConfig(filepath.Join(dir, "state")) }

// Rotated data keys are dropped in a bucket, too, once no checkpoint that it keeps
// needs them, and not before: from each the state comes back without the disk.
func TestBucketDropsKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := bucketConfig(dir)
	cfg.State.RetainedCheckpoints = 2
	makeSealed(t, cfg)
	keys := func(t *testing.T, s *Server) int {
		t.Helper()
		list, err := s.EncryptionKeys()
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	t.Run("rotate", func(t *testing.T) {
		s, c := openFile(t, cfg)
		c.must(t, "ALTER SYSTEM ROTATE ENCRYPTION KEY")
		if n := keys(t, s); n != 2 {
			t.Errorf("%d keys", n)
		}
	})
	// The first of the two checkpoints is older than the new key.
	t.Run("needed", func(t *testing.T) {
		s, _ := openFile(t, cfg)
		if n := keys(t, s); n != 2 {
			t.Errorf("%d keys", n)
		}
	})
	t.Run("checkpoints", func(t *testing.T) {
		s, c := openFile(t, cfg)
		for range 2 {
			if err := s.store.Reseal(); err != nil {
				t.Fatal(err)
			}
			c.must(t, "DELETE FROM t", "INSERT INTO t VALUES (1)", "CHECKPOINT")
		}
	})
	t.Run("dropped", func(t *testing.T) {
		s, _ := openFile(t, cfg)
		if n := keys(t, s); n != 1 {
			t.Errorf("%d keys", n)
		}
	})
	if err := os.RemoveAll(cfg.State.LocalPath); err != nil {
		t.Fatal(err)
	}
	opens(t, cfg)
	// The newest checkpoint is damaged: the one before it opens with the keys that are left.
	names, err := filepath.Glob(filepath.Join(dir, "bucket", "manifests", "*"))
	if err != nil || len(names) != 2 {
		t.Fatal(names, err)
	}
	if err := errors.Join(os.WriteFile(names[1], nil, 0o600), os.RemoveAll(cfg.State.LocalPath)); err != nil {
		t.Fatal(err)
	}
	opens(t, cfg)
}

// A local keyring that is missing or damaged comes back from the bucket.
func TestBucketMendsKeyring(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := bucketConfig(dir)
	makeSealed(t, cfg)
	local := filepath.Join(cfg.State.LocalPath, seal.FileName)
	raw, err := os.ReadFile(local)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(local, raw[:len(raw)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	opens(t, cfg)
	if err := os.Remove(local); err != nil {
		t.Fatal(err)
	}
	opens(t, cfg)
}
