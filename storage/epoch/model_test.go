package epoch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// model is what the tables must hold.
type model map[TableID]map[string]string

func (m model) clone() model {
	out := model{}
	for id, t := range m {
		out[id] = maps.Clone(t)
	}
	return out
}

// testValue makes a value that does not compress, so that sizes mean something.
func testValue(size int, seed uint64) []byte {
	b := make([]byte, size)
	rng := rand.New(rand.NewPCG(seed, 1))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

const modelKeys = 60

func modelKey(i int) string { return fmt.Sprintf("key-%02d", i) }

// drawEpoch writes a random epoch and returns what the tables hold after it.
func drawEpoch(t *rapid.T, w *Writer, now model) model {
	next := now.clone()
	for id := range TableID(rapid.IntRange(0, 3).Draw(t, "tables")) {
		if rapid.IntRange(0, 9).Draw(t, "drop") == 0 {
			w.Drop(id)
			next[id] = map[string]string{}
		}
		if next[id] == nil {
			next[id] = map[string]string{}
		}
		workers := rapid.IntRange(1, 3).Draw(t, "workers")
		runs := make([]*RunWriter, workers)
		for i := range runs {
			runs[i] = w.Run(id)
		}
		// Range deletions first, because they act on older epochs only.
		for range rapid.IntRange(0, 2).Draw(t, "ranges") {
			lo, hi := modelKey(rapid.IntRange(0, modelKeys).Draw(t, "lo")), modelKey(rapid.IntRange(0, modelKeys).Draw(t, "hi"))
			end := []byte(hi)
			if rapid.IntRange(0, 5).Draw(t, "open end") == 0 {
				end = nil
			}
			if err := runs[rapid.IntRange(0, workers-1).Draw(t, "worker")].DeleteRange([]byte(lo), end); err != nil {
				t.Fatal(err)
			}
			maps.DeleteFunc(next[id], func(k, _ string) bool { return k >= lo && (end == nil || k < hi) })
		}
		drawEntries(t, runs, next[id])
	}
	return next
}

func drawEntries(t *rapid.T, runs []*RunWriter, table map[string]string) {
	for _, i := range slices.Sorted(slices.Values(rapid.SliceOfNDistinct(rapid.IntRange(0, modelKeys-1), 0, 20, rapid.ID).Draw(t, "keys"))) {
		r, key := runs[i%len(runs)], modelKey(i)
		var err error
		switch kind := rapid.IntRange(0, 40).Draw(t, "kind"); {
		case kind < 12:
			err = r.Delete([]byte(key))
			delete(table, key)
		default:
			size := 10
			if kind == 40 {
				size = 600 << 10 // more than a chunk
			} else if kind > 32 {
				size = 25 << 10 // a few fill a block
			}
			val := testValue(rapid.IntRange(0, size).Draw(t, "size"), uint64(kind))
			err = r.Put([]byte(key), val)
			table[key] = string(val)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// compare checks everything that can be read of a snapshot against the model.
func compare(t *rapid.T, p *Snapshot, want model) {
	for id := range TableID(3) {
		keys := slices.Sorted(maps.Keys(want[id]))
		lo, hi := modelKey(rapid.IntRange(0, modelKeys).Draw(t, "from")), modelKey(rapid.IntRange(0, modelKeys).Draw(t, "to"))
		for _, bounds := range [][2][]byte{{nil, nil}, {[]byte(lo), []byte(hi)}} {
			exp := slices.DeleteFunc(slices.Clone(keys), func(k string) bool {
				return bounds[1] != nil && (k < lo || k >= hi)
			})
			var got []string
			err := p.LoadRange(id, bounds[0], bounds[1], func(k, v []byte) error {
				if want[id][string(k)] != string(v) {
					return fmt.Errorf("key %s has a value of %d bytes, want %d", k, len(v), len(want[id][string(k)]))
				}
				got = append(got, string(k))
				return nil
			})
			if err != nil || !slices.Equal(got, exp) {
				t.Fatalf("table %d, keys %s..%s: %v\ngot  %v\nwant %v", id, bounds[0], bounds[1], err, got, exp)
			}
		}
		for range 5 {
			k := modelKey(rapid.IntRange(0, modelKeys).Draw(t, "key"))
			v, ok, err := p.Get(id, []byte(k), nil)
			exp, in := want[id][k]
			if err != nil || ok != in || string(v) != exp {
				t.Fatalf("Get(%d, %s) = %d bytes, %v, %v; want %d bytes, %v", id, k, len(v), ok, err, len(exp), in)
			}
		}
	}
}

// TestModel runs random epochs, aborted epochs, merges, deletions of garbage, restarts and long-lived snapshots, and
// compares everything readable with maps.
func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		dir := ""
		if rapid.IntRange(0, 4).Draw(t, "on disk") == 0 {
			var err error
			if dir, err = os.MkdirTemp("", "epoch-model-"); err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
		}
		opt := Options{Dir: dir, MemtableMB: 8, NoMerge: true, MergeRuns: 2, MergeMBPerSecond: -1,
			Compression: Compression(rapid.IntRange(0, 2).Draw(t, "compression")), Logger: slog.New(slog.DiscardHandler)}
		if rapid.Bool().Draw(t, "sealed") {
			opt.Keyring = newTestRing()
		}
		s, err := Open(opt)
		if err != nil {
			t.Fatal(err)
		}
		now, epoch := model{}, uint64(0)
		pinned, pinnedAt := (*Snapshot)(nil), model(nil)
		unpin := func() {
			if pinned != nil {
				compare(t, pinned, pinnedAt)
				pinned.Release()
				pinned = nil
			}
		}
		for range rapid.IntRange(1, 12).Draw(t, "operations") {
			switch op := rapid.IntRange(0, 11).Draw(t, "operation"); {
			case op < 6:
				w, err := s.Begin()
				if err != nil {
					t.Fatal(err)
				}
				next := drawEpoch(t, w, now)
				if op == 0 {
					w.Abort()
				} else if err := w.Commit(epoch, []byte(fmt.Sprint(epoch))); err != nil {
					t.Fatal(err)
				} else {
					now = next
					epoch++
				}
			case op == 8 && opt.Keyring != nil:
				if err := errors.Join(opt.Keyring.Rotate(context.Background(), testKMS{}, keepKeyring), s.Reseal()); err != nil {
					t.Fatal(err)
				}
			case op < 9:
				if _, err := s.mergeOnce(context.Background()); err != nil {
					t.Fatal(err)
				}
			case op == 9:
				unpin()
				if pinned, err = s.Snapshot(); err != nil {
					t.Fatal(err)
				}
				pinnedAt = now.clone()
			default:
				if dir == "" {
					continue
				}
				unpin()
				if s = reopenChecked(t, s, opt); s.Manifest() != nil && s.Manifest().Epoch != epoch {
					t.Fatalf("epoch %d after a restart, want %d", s.Manifest().Epoch, epoch)
				}
			}
			p, err := s.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			compare(t, p, now)
			p.Release()
		}
		unpin()
		checkResealed(t, s)
		checkNoGarbage(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func reopenChecked(t *rapid.T, s *Store, opt Options) *Store {
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Check(opt.Dir, opt.Keyring); err != nil {
		t.Fatalf("Check: %v", err)
	}
	s, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type fataler interface{ Fatalf(string, ...any) }

// checkNoGarbage deletes what is dead and verifies that only what the manifest names is left in the store.
func checkNoGarbage(t fataler, s *Store) {
	s.cancel() // the background must not delete at the same time
	s.done.Wait()
	if err := s.deleteDead(context.Background()); err != nil {
		t.Fatalf("delete: %v", err)
	}
	live := map[uint64]bool{}
	if m := s.current.manifest; m != nil {
		live[m.metaRun.id], live[s.current.ref.id] = true, true
		for _, runs := range m.Tables {
			for _, r := range runs {
				live[r.ID] = true
			}
		}
	}
	err := s.db.keys([]byte{runPrefix}, []byte{runPrefix}, func(key []byte) bool {
		id, chunk, ok := parseRunKey(key)
		if !ok || !live[id] {
			t.Fatalf("run %d chunk %d is garbage that nobody deletes", id, chunk)
		}
		return true
	})
	if err != nil {
		t.Fatalf("keys: %v", err)
	}
	if len(s.pending) != 0 {
		t.Fatalf("runs %v are pending and nobody deletes them", s.pending)
	}
}

func TestNormalizeRanges(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var in [][2][]byte
		for range rapid.IntRange(0, 8).Draw(t, "ranges") {
			lo := rapid.IntRange(0, 20).Draw(t, "lo")
			r := [2][]byte{{byte(lo)}, {byte(rapid.IntRange(lo+1, 22).Draw(t, "hi"))}}
			if rapid.IntRange(0, 6).Draw(t, "open") == 0 {
				r[1] = nil
			}
			in = append(in, r)
		}
		out := normalizeRanges(in)
		for i := 1; i < len(out); i++ {
			if bytes.Compare(out[i-1][1], out[i][0]) >= 0 {
				t.Fatalf("%v is not disjoint", out)
			}
		}
		for k := range 30 {
			if key := []byte{byte(k)}; covers(in, key) != covers(out, key) {
				t.Fatalf("%v and %v disagree about %d", in, out, k)
			}
		}
	})
}

func TestManifestRoundTrip(t *testing.T) {
	t.Parallel()
	m := &Manifest{Format: ManifestFormat, Epoch: 7, LogPos: 9, nextRun: 100, metaRun: blobRef{3, 1},
		pending: []pendingRun{{4, 0}, {5, 6}},
		Tables: map[TableID][]RunMeta{
			1: {{ID: 9, Epoch: 7, Level: 2, Blocks: 3, Chunks: 4, Entries: 5, Tombstones: 1, Bytes: 6, MinKey: []byte("a"), MaxKey: []byte{},
				RangeDels: [][2][]byte{{{}, {}}, {[]byte("x"), nil}}, indexChunk: 3}},
			2: {},
		}}
	b := m.encode(beginBlob(nil, 0))[lenBytes:]
	got, err := decodeManifest(b)
	must(t, err)
	if again := got.encode(beginBlob(nil, 0))[lenBytes:]; !bytes.Equal(again, b) || got.Tables[1][0].RangeDels[1][1] != nil || got.Tables[1][0].RangeDels[0][1] == nil {
		t.Fatalf("got %+v", got)
	}
	for i := range b {
		if _, err := decodeManifest(b[:i]); err == nil {
			t.Fatalf("the first %d bytes decode", i)
		}
	}
	if _, err := decodeManifest(append([]byte{99}, b[1:]...)); err == nil || errors.Is(err, ErrCorrupt) {
		t.Fatalf("another format: %v", err)
	}
}
