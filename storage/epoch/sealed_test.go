package epoch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/dirlock"
	"github.com/heliosdb/heliosdb-streaming/storage/seal"
	"github.com/heliosdb/heliosdb-streaming/storage/wal"
)

// testKMS hides a data key well enough for tests of what is done with it.
type testKMS struct{}

func (testKMS) ID() string { return "test" }

func (testKMS) Wrap(_ context.Context, plain []byte) ([]byte, error) {
	out := bytes.Clone(plain)
	for i := range out {
		out[i] ^= 0x5a
	}
	return out, nil
}

func (k testKMS) Unwrap(ctx context.Context, wrapped []byte) ([]byte, error) {
	return k.Wrap(ctx, wrapped)
}

func keepKeyring([]byte) error { return nil }

func newTestRing() *seal.Keyring {
	ring, err := seal.New(context.Background(), testKMS{})
	if err != nil {
		panic(err)
	}
	return ring
}

// keepOrMakeRing returns the keyring of a directory, making it if there is none, as a server does before it opens
// anything else.
func keepOrMakeRing(dir string) (*seal.Keyring, error) {
	b, err := seal.ReadFile(dir)
	if err == nil {
		return seal.Load(context.Background(), b, testKMS{})
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	ring, err := seal.New(context.Background(), testKMS{})
	if err != nil {
		return nil, err
	}
	return ring, seal.WriteFile(dir, ring.Encode())
}

// ringOf returns the keyring of a directory, nil if it has none.
func ringOf(t *testing.T, dir string) *seal.Keyring {
	t.Helper()
	b, err := seal.ReadFile(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	must(t, err)
	ring, err := seal.Load(context.Background(), b, testKMS{})
	must(t, err)
	return ring
}

// checkResealed lets the merges come to an end and verifies that only the current data key is in use afterwards,
// apart from the manifest's and the meta bytes', which the next epoch writes.
func checkResealed(t fataler, s *Store) {
	if s.opt.Keyring == nil {
		return
	}
	for {
		merged, err := s.mergeOnce(context.Background())
		if err != nil {
			t.Fatalf("merge: %v", err)
		}
		if !merged {
			break
		}
	}
	w, err := s.Begin()
	if err != nil {
		t.Fatalf("begin: %v", err)
	}
	pos := uint64(0)
	if m := s.Manifest(); m != nil {
		pos = m.LogPos
	}
	if err := w.Commit(pos, nil); err != nil {
		t.Fatalf("commit: %v", err)
	}
	used, err := s.KeysInUse()
	if err != nil || len(used) != 1 || used[0] != s.opt.Keyring.Current().ID() {
		t.Fatalf("keys %v are in use, %v; the current one is %v", used, err, s.opt.Keyring.Current().ID())
	}
}

// treeHash sums up names and contents of everything below dir, except the locks, which hold a process id.
func treeHash(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	out := make(map[string][32]byte)
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() == dirlock.FileName {
			return err
		}
		if d.IsDir() {
			out[path] = [32]byte{}
			return nil
		}
		b, err := os.ReadFile(path)
		out[path] = sha256.Sum256(b)
		return err
	}))
	return out
}

// fillStore writes two epochs and a few records of the log, all with a text that is easy to find.
func fillStore(t *testing.T, dir string, ring *seal.Keyring, c Compression) {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	s := mustOpen(t, Options{Dir: dir, Keyring: ring, Compression: c, MemtableMB: 8, NoMerge: true, Logger: quiet})
	log, err := wal.Open(dir, wal.Options{Sync: true, Keyring: ring, Logger: quiet})
	must(t, err)
	for range 2 {
		pos, err := log.Append(7, bytes.Repeat([]byte("plaintext of the log "), 10))
		must(t, err)
		must(t, log.Sync(pos))
		w, err := s.Begin()
		must(t, err)
		for id := range TableID(3) {
			r := w.Run(id)
			for i := range 300 {
				must(t, r.Put(append([]byte("plaintext of a key "), byte(i>>8), byte(i)), append([]byte("plaintext of a value"), testValue(500, uint64(i))...)))
			}
			must(t, r.DeleteRange([]byte("plaintext of a range"), nil))
		}
		must(t, w.Commit(pos, []byte("plaintext of the caller")))
	}
	must(t, errors.Join(log.Close(), s.Close()))
}

func find(t *testing.T, dir, text string) (files []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(text)) {
			files = append(files, path)
		}
		return err
	}))
	return files
}

// TestNoPlaintext: with a keyring nothing of what was stored can be found on disk, without one it can.
func TestNoPlaintext(t *testing.T) {
	t.Parallel()
	for _, c := range []Compression{CompressionNone, CompressionSnappy, CompressionZSTD} {
		plain, sealed := t.TempDir(), t.TempDir()
		ring := newTestRing()
		fillStore(t, plain, nil, c)
		fillStore(t, sealed, ring, c)
		if len(find(t, plain, "plaintext of")) < 2 {
			t.Error("the search finds nothing in a plain store either")
		}
		for _, text := range []string{"plaintext", "of a key", "of a value", "of the log", "of the caller", "of a range"} {
			if files := find(t, sealed, text); len(files) > 0 {
				t.Errorf("%q is in %v", text, files)
			}
		}
		_, err := Check(sealed, ring)
		must(t, err)
	}
}

// TestWrongKeyring: a store and a keyring that do not belong together are refused, and nothing on disk changes.
func TestWrongKeyring(t *testing.T) {
	t.Parallel()
	plain, sealed := t.TempDir(), t.TempDir()
	ring := newTestRing()
	fillStore(t, plain, nil, CompressionSnappy)
	fillStore(t, sealed, ring, CompressionSnappy)
	older := newTestRing()
	for _, c := range []struct {
		name string
		dir  string
		ring *seal.Keyring
		want error
	}{
		{"encryption on for plain state", plain, ring, seal.ErrPlain},
		{"encryption off for sealed state", sealed, nil, seal.ErrSealed},
		{"a foreign keyring", sealed, older, seal.ErrUnknownKey},
	} {
		before := treeHash(t, c.dir)
		if s, err := Open(Options{Dir: c.dir, Keyring: c.ring}); !errors.Is(err, c.want) {
			t.Errorf("%s: Open: %v, %v", c.name, s, err)
		}
		if log, err := wal.Open(c.dir, wal.Options{Keyring: c.ring}); !errors.Is(err, c.want) {
			t.Errorf("%s: the log's Open: %v, %v", c.name, log, err)
		}
		if _, err := Check(c.dir, c.ring); !errors.Is(err, c.want) {
			t.Errorf("%s: Check: %v", c.name, err)
		}
		if after := treeHash(t, c.dir); !maps.Equal(before, after) {
			t.Errorf("%s: files changed", c.name)
		}
	}
	s := mustOpen(t, Options{Dir: sealed, Keyring: ring})
	must(t, s.Close())
}

// TestUnusedMark: a process with a keyring that ended before it wrote anything is no obstacle.
func TestUnusedMark(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, storeFolder), 0o700))
	must(t, seal.WriteMark(filepath.Join(dir, storeFolder), newTestRing()))
	must(t, mustOpen(t, Options{Dir: dir}).Close())
	must(t, mustOpen(t, Options{Dir: dir}).Close())
	if _, err := Open(Options{Dir: dir, Keyring: newTestRing()}); !errors.Is(err, seal.ErrPlain) {
		t.Fatal(err)
	}
}

// TestMovedBlock: a sealed block in another's place does not open, even with a right checksum.
func TestMovedBlock(t *testing.T) {
	t.Parallel()
	ring := newTestRing()
	blob := finishBlob(append(beginBlob(ring.Current(), 10), "what it is"...), ring.Current(), 4, 7)
	for _, at := range []blobRef{{4, 7}, {4, 8}, {5, 7}} {
		moved := slices.Clone(blob[:len(blob)-blockTrailLen])
		moved = finishBlob(moved, nil, at.id, at.chunks) // the checksum of the new place
		body, err := openBlob(moved, ring, at.id, at.chunks)
		if at.id == 4 && at.chunks == 7 {
			if err != nil || string(body) != "what it is" {
				t.Fatalf("%q, %v", body, err)
			}
		} else if !errors.Is(err, ErrCorrupt) || !errors.Is(err, seal.ErrNotAuthentic) {
			t.Errorf("at %v: %v", at, err)
		}
	}
	plain := finishBlob(append(beginBlob(nil, 10), "what it is, and long enough to pass for what was sealed before"...), nil, 4, 7)
	if _, err := openBlob(plain, ring, 4, 7); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a plain block in a sealed store: %v", err)
	}
}

// TestCopyFrom: state changes between plain and sealed, and from one keyring to another.
func TestCopyFrom(t *testing.T) {
	t.Parallel()
	first, second := newTestRing(), newTestRing()
	from := mustOpen(t, Options{NoMerge: true})
	write(t, from, 1, "a=1", "b=2", "c=3")
	write(t, from, 2, "x=1")
	write(t, from, 1, "-b", "d=4")
	write(t, from, 2, "a..z")
	for _, ring := range []*seal.Keyring{first, second, nil} {
		p, err := from.Snapshot()
		must(t, err)
		dir := t.TempDir()
		to := mustOpen(t, Options{Dir: dir, Keyring: ring, NoMerge: true})
		must(t, to.CopyFrom(p))
		if err := to.CopyFrom(p); !errors.Is(err, ErrNotEmpty) {
			t.Fatalf("copied twice: %v", err)
		}
		p.Release()
		must(t, errors.Join(from.Close(), to.Close()))
		_, err = Check(dir, ring)
		must(t, err)
		from = mustOpen(t, Options{Dir: dir, Keyring: ring, NoMerge: true})
		if m := from.Manifest(); m.Epoch != 4 || m.LogPos != 40 || string(m.Meta) != "meta 4" {
			t.Fatalf("epoch %d at %d: %q", m.Epoch, m.LogPos, m.Meta)
		}
		if got := load(t, from, 1) + "; " + load(t, from, 2); got != "a=1 c=3 d=4; " {
			t.Fatal(got)
		}
	}
	must(t, from.Close())
}

// TestExportSealed: what leaves a sealed store is sealed, and comes back with the same keyring only.
func TestExportSealed(t *testing.T) {
	t.Parallel()
	ring := newTestRing()
	s := mustOpen(t, Options{Keyring: ring, Compression: CompressionNone, NoMerge: true})
	write(t, s, 1, "plaintext of a key=plaintext of a value")
	e := export(t, s)
	must(t, s.Close())
	for _, b := range append(slices.Collect(maps.Values(e.runs)), e.manifest) {
		if bytes.Contains(b, []byte("plaintext")) || bytes.Contains(b, []byte("meta 1")) {
			t.Fatal("plaintext left the store")
		}
	}
	if err := Import(Options{Dir: t.TempDir()}, e.manifest, e.open); !errors.Is(err, seal.ErrSealed) {
		t.Fatalf("imported without a keyring: %v", err)
	}
	if err := Import(Options{Dir: t.TempDir(), Keyring: newTestRing()}, e.manifest, e.open); !errors.Is(err, seal.ErrUnknownKey) {
		t.Fatalf("imported with a foreign keyring: %v", err)
	}
	opt := Options{Dir: t.TempDir(), Keyring: ring, NoMerge: true}
	must(t, Import(opt, e.manifest, e.open))
	s = mustOpen(t, opt)
	if got := load(t, s, 1); got != "plaintext of a key=plaintext of a value" {
		t.Fatal(got)
	}
	must(t, s.Close())
}

// TestKeysOfASnapshot: which keys are in use can be asked of a snapshot whose manifest was replaced and removed.
func TestKeysOfASnapshot(t *testing.T) {
	t.Parallel()
	s, err := Open(Options{Dir: t.TempDir(), Keyring: newTestRing()})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	commit := func(pos uint64) {
		w, err := s.Begin()
		must(t, err)
		r := w.Run(1)
		must(t, r.Put(fmt.Appendf(nil, "k%04d", pos), []byte("v")))
		must(t, r.Close())
		must(t, w.Commit(pos, []byte("meta")))
	}
	commit(1)
	old, err := s.Snapshot()
	must(t, err)
	defer old.Release()
	for pos := range uint64(30) {
		commit(pos + 2)
		for name, ask := range map[string]func() ([]seal.KeyID, error){"store": s.KeysInUse, "snapshot": old.KeysInUse} {
			if used, err := ask(); err != nil || len(used) == 0 {
				t.Fatal(name, used, err)
			}
		}
	}
}
