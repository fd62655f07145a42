package epoch

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// damagedStore is a store in memory of which single chunks can be damaged.
func damagedStore(t *testing.T) *Store {
	t.Helper()
	s := mustOpen(t, Options{NoMerge: true, Compression: CompressionNone})
	w, err := s.Begin()
	must(t, err)
	r := w.Run(1)
	for i := range 100 {
		must(t, r.Put(fmt.Appendf(nil, "key-%03d", i), testValue(3000, uint64(i))))
	}
	must(t, w.Commit(1, []byte("meta")))
	return s
}

// TestDamagedChunks replaces, damages, cuts and removes every chunk of a run: loading and looking up say so.
func TestDamagedChunks(t *testing.T) {
	t.Parallel()
	s := damagedStore(t)
	defer s.Close()
	meta := s.Manifest().Tables[1][0]
	if meta.Blocks < 4 {
		t.Fatalf("only %d blocks", meta.Blocks)
	}
	set := func(key, val []byte) {
		b := s.db.newBatch()
		if val == nil {
			must(t, b.delete(slices.Clone(key)))
		} else {
			must(t, b.set(slices.Clone(key), val))
		}
		must(t, b.flush())
	}
	other, err := s.db.get(runKey(meta.ID, 1), nil)
	must(t, err)
	for chunk := range meta.Chunks {
		key := runKey(meta.ID, chunk)
		good, err := s.db.get(key, nil)
		must(t, err)
		flipped := slices.Clone(good)
		flipped[len(flipped)/2] ^= 1
		long := slices.Clone(good)
		long[2]++
		bad := map[string][]byte{"flipped": flipped, "cut": good[:len(good)-7], "length": long, "tiny": {1}, "removed": nil}
		if chunk != 1 {
			bad["of another place"] = other
		}
		for name, val := range bad {
			set(key, val)
			if err := s.checkRun(&run{meta: meta}); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("chunk %d %s: check returned %v", chunk, name, err)
			}
			if chunk < meta.indexChunk {
				if err := s.Load(1, func(_, _ []byte) error { return nil }); !errors.Is(err, ErrCorrupt) {
					t.Fatalf("chunk %d %s: Load returned %v", chunk, name, err)
				}
			}
		}
		set(key, slices.Clone(good))
	}
	must(t, s.Load(1, func(_, _ []byte) error { return nil }))
}

// TestCheckFindsDamage flips bytes all over the table files of a closed store. Check never panics and never calls a
// store good whose contents have changed.
func TestCheckFindsDamage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, Options{Dir: dir, MemtableMB: 8, NoMerge: true})
	for e := range 3 {
		w, err := s.Begin()
		must(t, err)
		r := w.Run(1)
		for i := range 200 {
			must(t, r.Put(fmt.Appendf(nil, "key-%03d", i), testValue(500, uint64(i+e))))
		}
		must(t, w.Commit(uint64(e), []byte("meta")))
	}
	must(t, s.Close())
	report, err := Check(dir, nil)
	must(t, err)
	if report.Epoch != 3 || report.Runs != 3 || report.Entries != 600 {
		t.Fatalf("report %+v", report)
	}
	files, err := filepath.Glob(filepath.Join(dir, storeFolder, "*.sst"))
	must(t, err)
	if len(files) == 0 {
		t.Fatal("no table files")
	}
	for _, file := range files {
		good, err := os.ReadFile(file)
		must(t, err)
		for at := 0; at < len(good); at += len(good)/60 + 1 {
			bad := slices.Clone(good)
			bad[at] ^= 0x10
			must(t, os.WriteFile(file, bad, 0o600))
			if _, err := Check(dir, nil); err == nil {
				t.Fatalf("%s: a flipped bit at %d of %d goes unnoticed", filepath.Base(file), at, len(good))
			}
		}
		must(t, os.WriteFile(file, good, 0o600))
	}
	_, err = Check(dir, nil)
	must(t, err)
	if left, _ := filepath.Glob(filepath.Join(dir, "check*")); len(left) != 0 {
		t.Fatalf("Check left %v", left)
	}
	if _, err := Check(t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "no checkpoint store") {
		t.Fatalf("Check of an empty directory: %v", err)
	}
}

// FuzzBlock: a block that was built reads back, and no body makes the reader panic.
func FuzzBlock(f *testing.F) {
	f.Add([]byte("abc"), []byte("abd"), []byte("value"), byte(0))
	f.Add([]byte{}, []byte{0}, bytes.Repeat([]byte("x"), 300), byte(2))
	f.Fuzz(func(t *testing.T, a, b, val []byte, c byte) {
		if bytes.Compare(a, b) >= 0 {
			a, b = b, append(slices.Clone(a), 0)
		}
		if bytes.Compare(a, b) >= 0 {
			return
		}
		var builder blockBuilder
		builder.reset()
		builder.add(a, val, false)
		builder.add(b, nil, true)
		blob := builder.finish(Compression(c%3), nil, 5, 6)
		body, err := decodeBlock(blob, nil, 5, 6, nil)
		must(t, err)
		var r blockReader
		r.start(body)
		if ok, err := r.next(); !ok || err != nil || !bytes.Equal(r.key, a) || !bytes.Equal(r.val, val) || r.tombstone {
			t.Fatalf("first entry: %v %v", ok, err)
		}
		if ok, err := r.next(); !ok || err != nil || !bytes.Equal(r.key, b) || !r.tombstone {
			t.Fatalf("second entry: %v %v", ok, err)
		}
		if ok, err := r.next(); ok || err != nil {
			t.Fatalf("end: %v %v", ok, err)
		}
		if _, err := decodeBlock(blob, nil, 5, 7, nil); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("in another place: %v", err)
		}
		// The same bytes as a body, a compressed body and an index.
		readAll(val)
		for comp := range byte(4) {
			forged := finishBlob(append([]byte{0, 0, 0, 0, blockFormat, comp}, val...), nil, 5, 6)
			if body, err := decodeBlock(forged, nil, 5, 6, nil); err == nil {
				readAll(body)
			}
		}
		_, _ = decodeIndex(finishBlob(append([]byte{0, 0, 0, 0, indexFormat}, val...), nil, 5, 6), nil, 5, 6)
	})
}

func readAll(body []byte) {
	if len(body) < bodyHeadLen {
		return
	}
	var r blockReader
	r.start(body)
	for {
		if ok, err := r.next(); !ok || err != nil {
			return
		}
	}
}

// FuzzManifest: whatever decodes encodes to something that decodes to the same.
func FuzzManifest(f *testing.F) {
	f.Add((&Manifest{}).encode(beginBlob(nil, 0))[lenBytes:])
	f.Add((&Manifest{Epoch: 3, nextRun: 9, pending: []pendingRun{{1, 2}}, Tables: map[TableID][]RunMeta{
		1: {{ID: 4, MinKey: []byte("a"), RangeDels: [][2][]byte{{[]byte("b"), nil}}}}}}).encode(beginBlob(nil, 0))[lenBytes:])
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = decodeRoot(b, nil)
		m, err := decodeManifest(b)
		if err != nil {
			return
		}
		enc := m.encode(beginBlob(nil, 0))[lenBytes:]
		again, err := decodeManifest(enc)
		if err != nil || !bytes.Equal(again.encode(beginBlob(nil, 0))[lenBytes:], enc) {
			t.Fatalf("%v: %v", m, err)
		}
	})
}
