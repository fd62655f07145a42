package wal

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// faultFS is a file system in memory that fails on demand and remembers what was synced, so that a power failure can
// be played: everything unsynced is lost or kept at random.
type faultFS struct {
	*memFS
	mu    sync.Mutex
	fail  map[string]error // by operation: "write", "sync", "create", "rename", "syncdir"
	syncs int
}

func newFaultFS() *faultFS { return &faultFS{memFS: newMemFS(), fail: map[string]error{}} }

func (f *faultFS) set(op string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail[op] = err
}

func (f *faultFS) err(op string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if op == "sync" {
		f.syncs++
	}
	return f.fail[op]
}

func (f *faultFS) Create(path string) (File, error) {
	if err := f.err("create"); err != nil {
		return nil, err
	}
	file, err := f.memFS.Create(path)
	return faultFile{file, f}, err
}

func (f *faultFS) Open(path string, write bool) (File, error) {
	file, err := f.memFS.Open(path, write)
	return faultFile{file, f}, err
}

func (f *faultFS) Rename(from, to string) error {
	if err := f.err("rename"); err != nil {
		return err
	}
	return f.memFS.Rename(from, to)
}

func (f *faultFS) SyncDir(dir string) error {
	if err := f.err("syncdir"); err != nil {
		return err
	}
	return f.memFS.SyncDir(dir)
}

type faultFile struct {
	File
	fs *faultFS
}

func (f faultFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.fs.err("write"); err != nil {
		n, _ := f.File.WriteAt(p[:len(p)/2], off) // a full disk takes some of it
		return n, err
	}
	return f.File.WriteAt(p, off)
}

func (f faultFile) Sync() error {
	if err := f.fs.err("sync"); err != nil {
		return err
	}
	return f.File.Sync()
}

var errDisk = errors.New("the disk is unwell")

// TestFailureIsFinal: after a failed write or sync nothing succeeds any more, even when the disk is well again, and a
// restart finds every record that was acknowledged.
func TestFailureIsFinal(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"write", "sync", "create", "rename", "syncdir"} {
		fsys := newFaultFS()
		opt := Options{FS: fsys, Sync: true, SegmentBytes: 64, Logger: quiet}
		l := mustOpen(t, "d", opt)
		appendAll(t, l, record{1, "a record that fills a segment of 64 bytes"})
		fsys.set(op, errDisk)
		pos, err := l.Append(2, []byte("b"))
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Sync(pos); !errors.Is(err, ErrFailed) || !errors.Is(err, errDisk) {
			t.Fatalf("%s: Sync returned %v", op, err)
		}
		fsys.set(op, nil)
		syncs := fsys.syncs
		if err := l.Sync(pos); !errors.Is(err, ErrFailed) {
			t.Fatalf("%s: second Sync returned %v", op, err)
		}
		if _, err := l.Append(3, nil); !errors.Is(err, ErrFailed) {
			t.Fatalf("%s: Append returned %v", op, err)
		}
		if err := l.TruncateBefore(1); !errors.Is(err, ErrFailed) {
			t.Fatalf("%s: TruncateBefore returned %v", op, err)
		}
		if err := l.Close(); !errors.Is(err, ErrFailed) {
			t.Fatalf("%s: Close returned %v", op, err)
		}
		if fsys.syncs != syncs {
			t.Fatalf("%s: a failed sync was tried again", op)
		}
		l = mustOpen(t, "d", opt)
		if got := contents(t, l, 0); len(got) < 1 || got[0].kind != 1 {
			t.Fatalf("%s: after a restart: %v", op, got)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestModel runs random appends, syncs, truncations and restarts, and compares with a slice.
func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		fsys := newFaultFS()
		opt := Options{FS: fsys, Sync: true, Logger: quiet, SegmentBytes: int64(rapid.IntRange(1, 400).Draw(t, "segment"))}
		l, err := Open("d", opt)
		if err != nil {
			t.Fatal(err)
		}
		var all []record
		first := uint64(1)
		for range rapid.IntRange(1, 30).Draw(t, "operations") {
			switch rapid.IntRange(0, 5).Draw(t, "operation") {
			case 0, 1, 2:
				r := record{byte(rapid.IntRange(0, 255).Draw(t, "kind")), string(rapid.SliceOfN(rapid.Byte(), 0, 60).Draw(t, "payload"))}
				pos, err := l.Append(r.kind, []byte(r.payload))
				all = append(all, r)
				if err != nil || pos != uint64(len(all)) {
					t.Fatalf("Append: %d, %v", pos, err)
				}
			case 3:
				if err := l.Sync(l.LastPos()); err != nil {
					t.Fatal(err)
				}
			case 4:
				at := uint64(rapid.IntRange(0, len(all)+1).Draw(t, "truncate"))
				if err := l.TruncateBefore(at); err != nil {
					t.Fatal(err)
				}
				if l.FirstPos() < first || l.FirstPos() > max(at, first) {
					t.Fatalf("TruncateBefore(%d) left FirstPos %d", at, l.FirstPos())
				}
				first = l.FirstPos()
			case 5:
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
				if l, err = Open("d", opt); err != nil {
					t.Fatal(err)
				}
				if l.DurablePos() != uint64(len(all)) {
					t.Fatalf("DurablePos %d after a clean restart, want %d", l.DurablePos(), len(all))
				}
			}
			if l.FirstPos() != first || l.LastPos() != uint64(len(all)) {
				t.Fatalf("positions %d..%d, want %d..%d", l.FirstPos(), l.LastPos(), first, len(all))
			}
			from, next := uint64(rapid.IntRange(int(first), len(all)+1).Draw(t, "from")), uint64(0)
			next = from
			err := l.Read(from, func(pos uint64, kind byte, payload []byte) error {
				if pos != next || all[pos-1] != (record{kind, string(payload)}) {
					t.Fatalf("position %d where %d belongs, or wrong contents", pos, next)
				}
				next++
				return nil
			})
			if err != nil || next != max(from, l.DurablePos()+1) {
				t.Fatalf("Read from %d ended at %d, durable is %d: %v", from, next, l.DurablePos(), err)
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestUnfinishedSegment: a crash while a segment was made leaves a file that nobody misses.
func TestUnfinishedSegment(t *testing.T) {
	t.Parallel()
	fsys := newFaultFS()
	if _, err := fsys.Create(filepath.Join("d", logFolder, "0000000000000001.wal.tmp")); err != nil {
		t.Fatal(err)
	}
	l := mustOpen(t, "d", Options{FS: fsys})
	defer l.Close()
	names, err := fsys.List(filepath.Join("d", logFolder))
	if err != nil || len(names) != 1 || names[0] != segmentName(1) {
		t.Fatalf("files %v, %v", names, err)
	}
}
