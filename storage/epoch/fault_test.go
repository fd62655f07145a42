package epoch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// faultKV fails on demand.
type faultKV struct {
	kv
	mu   sync.Mutex
	fail map[string]error // by operation: "set", "flush", "sync", "room", "get"
	skip map[string]int   // calls that succeed before it fails
}

func (f *faultKV) err(op string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.skip[op] > 0 {
		f.skip[op]--
		return nil
	}
	return f.fail[op]
}

func (f *faultKV) set(op string, skip int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail[op], f.skip[op] = err, skip
}

func (f *faultKV) newBatch() kvBatch { return &faultBatch{f.kv.newBatch(), f} }

func (f *faultKV) sync() error {
	if err := f.err("sync"); err != nil {
		return err
	}
	return f.kv.sync()
}

func (f *faultKV) room() error { return f.err("room") }

func (f *faultKV) get(key, buf []byte) ([]byte, error) {
	if err := f.err("get"); err != nil {
		return nil, err
	}
	return f.kv.get(key, buf)
}

type faultBatch struct {
	kvBatch
	f *faultKV
}

func (b *faultBatch) set(k, v []byte) error {
	if err := b.f.err("set"); err != nil {
		return err
	}
	return b.kvBatch.set(k, v)
}

func (b *faultBatch) flush() error {
	if err := b.f.err("flush"); err != nil {
		b.cancel()
		return err
	}
	return b.kvBatch.flush()
}

var errDisk = errors.New("the disk is unwell")

func faultyStore(t *testing.T, opt Options) (*Store, *faultKV) {
	t.Helper()
	opt.NoMerge, opt.Logger = true, slog.New(slog.DiscardHandler)
	s := mustOpen(t, opt)
	s.cancel() // so that the store can be replaced
	s.done.Wait()
	f := &faultKV{kv: s.db, fail: map[string]error{}, skip: map[string]int{}}
	s.db = f
	return s, f
}

// TestFailedEpochs: an epoch that fails before its sync leaves the one before, and the next may succeed; after a
// failed sync nothing more is taken, but reading goes on, and a restart finds a whole epoch.
func TestFailedEpochs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		op    string
		skip  int
		final bool
	}{
		{"set", 0, false}, // the block
		{"set", 1, false}, // the meta bytes
		{"set", 2, false}, // the manifest
		{"room", 1, false},
		{"flush", 0, true},
		{"sync", 0, true},
		{"set", 3, true}, // the root
		{"flush", 1, true},
		{"sync", 1, true},
	} {
		t.Run(fmt.Sprint(c.op, c.skip), func(t *testing.T) {
			t.Parallel()
			opt := Options{Dir: t.TempDir(), MemtableMB: 8}
			s, f := faultyStore(t, opt)
			write(t, s, 1, "a=1")
			s.written.Store(roomEveryBytes - 1) // the next block asks for room
			f.set(c.op, c.skip, errDisk)
			w, err := s.Begin()
			must(t, err)
			must(t, w.Run(1).Put([]byte("a"), []byte("2")))
			err = w.Commit(20, []byte("meta 2"))
			if !errors.Is(err, errDisk) || errors.Is(err, ErrFailed) != c.final {
				t.Fatalf("Commit returned %v", err)
			}
			f.set(c.op, 0, nil)
			if got := load(t, s, 1); got != "a=1" || s.Manifest().Epoch != 1 {
				t.Fatalf("epoch %d holds %s", s.Manifest().Epoch, got)
			}
			if c.final {
				if _, err := s.Begin(); !errors.Is(err, ErrFailed) {
					t.Fatalf("Begin returned %v", err)
				}
			} else {
				write(t, s, 1, "a=3")
				checkNoGarbage(t, s)
			}
			must(t, s.Close())
			s = mustOpen(t, opt)
			defer s.Close()
			want := map[bool][]string{true: {"a=1", "a=2"}, false: {"a=3"}}[c.final]
			if got := load(t, s, 1); !slices.Contains(want, got) {
				t.Fatalf("after a restart: %s, want one of %s", got, want)
			}
		})
	}
}

// TestFailedMerge: a merge that fails leaves what was there, and its output is deleted.
func TestFailedMerge(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"get", "set"} {
		s, f := faultyStore(t, Options{MergeRuns: 2})
		for i := range 6 {
			write(t, s, 1, fmt.Sprintf("a=%d", i), "b=1")
		}
		f.set(op, 0, errDisk)
		if _, err := s.mergeOnce(context.Background()); !errors.Is(err, errDisk) {
			t.Fatalf("%s: merge returned %v", op, err)
		}
		f.set(op, 0, nil)
		if got := load(t, s, 1); got != "a=5 b=1" {
			t.Fatalf("%s: %s", op, got)
		}
		if ok, err := s.mergeOnce(context.Background()); !ok || err != nil {
			t.Fatalf("%s: second merge: %v, %v", op, ok, err)
		}
		if got := load(t, s, 1); got != "a=5 b=1" || len(s.Manifest().Tables[1]) != 1 {
			t.Fatalf("%s: %s in %d runs", op, got, len(s.Manifest().Tables[1]))
		}
		checkNoGarbage(t, s)
		must(t, s.Close())
	}
}

// TestConcurrent reads snapshots while epochs are written by several workers and merged in the background: whatever a
// snapshot shows is one epoch.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	opt := Options{Dir: t.TempDir(), MemtableMB: 8, MergeRuns: 2, MergeMBPerSecond: -1}
	s := mustOpen(t, opt)
	const epochs, workers, keys = 25, 3, 90
	var stop atomic.Bool
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for !stop.Load() {
				if err := readOneEpoch(s, keys); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for e := uint64(1); e <= epochs; e++ {
		w, err := s.Begin()
		must(t, err)
		var wg sync.WaitGroup
		for worker := range workers {
			for id := TableID(1); id <= 2; id++ {
				r := w.Run(id)
				wg.Go(func() {
					for k := worker; k < keys; k += workers {
						if err := r.Put(fmt.Appendf(nil, "key-%03d", k), fmt.Appendf(testValue(2000, e), " %d", e)); err != nil {
							t.Error(err)
						}
					}
					if err := r.Close(); err != nil {
						t.Error(err)
					}
				})
			}
		}
		wg.Wait()
		must(t, w.Commit(e, nil))
	}
	stop.Store(true)
	readers.Wait()
	must(t, readOneEpoch(s, keys))
	must(t, s.Close())
	report, err := Check(opt.Dir, nil)
	must(t, err)
	if report.Epoch != epochs {
		t.Fatalf("report %+v", report)
	}
}

func readOneEpoch(s *Store, keys int) error {
	p, err := s.Snapshot()
	if err != nil {
		return err
	}
	defer p.Release()
	m := p.Manifest()
	if m == nil {
		return nil
	}
	suffix := fmt.Sprintf(" %d", m.Epoch)
	for id := TableID(1); id <= 2; id++ {
		n := 0
		err := p.Load(id, func(k, v []byte) error {
			n++
			if string(v[2000:]) != suffix {
				return fmt.Errorf("epoch %d shows %q of another one", m.Epoch, v[2000:])
			}
			return nil
		})
		if err != nil {
			return err
		}
		if n != keys {
			return fmt.Errorf("epoch %d shows %d keys", m.Epoch, n)
		}
		if v, ok, err := p.Get(id, []byte("key-007"), nil); err != nil || !ok || string(v[2000:]) != suffix {
			return fmt.Errorf("epoch %d: Get: %v, %w", m.Epoch, ok, err)
		}
	}
	return nil
}

// TestLargeMerge: a merge larger than a round runs beside the others and is stopped by Close.
func TestLargeMerge(t *testing.T) {
	t.Parallel()
	for _, finish := range []bool{true, false} {
		opt := Options{MemtableMB: 32, NoMerge: true, MergeRuns: 2, MergeMBPerSecond: -1, Compression: CompressionNone}
		if !finish {
			opt.MergeMBPerSecond = 1 // would take longer than the test
		}
		s := mustOpen(t, opt)
		val := testValue(200<<10, 1)
		for range 2 {
			w, err := s.Begin()
			must(t, err)
			r := w.Run(1)
			for i := range 200 {
				must(t, r.Put(fmt.Appendf(nil, "key-%03d", i), val))
			}
			must(t, w.Commit(1, nil))
		}
		ctx := context.Background()
		if !finish {
			var cancel context.CancelFunc
			ctx, cancel = context.WithCancel(ctx)
			cancel()
		}
		if ok, err := s.mergeOnce(ctx); !ok || err != nil {
			t.Fatalf("merge: %v, %v", ok, err)
		}
		s.cancel()
		s.done.Wait()
		if runs := len(s.Manifest().Tables[1]); runs != map[bool]int{true: 1, false: 2}[finish] {
			t.Fatalf("%d runs, finish %v", runs, finish)
		}
		checkNoGarbage(t, s)
		must(t, s.Close())
	}
}
