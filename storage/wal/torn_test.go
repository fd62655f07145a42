package wal

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

var quiet = slog.New(slog.DiscardHandler)

// smallLog writes three batches of two records, each batch synced on its own, and returns the directory, the file and
// the offsets at which records begin, the end of the file last.
func smallLog(t *testing.T) (dir, file string, offsets []int, want []record) {
	t.Helper()
	dir = t.TempDir()
	l := mustOpen(t, dir, Options{})
	off := headerLen
	for b := range 3 {
		var batch []record
		for i := range 2 {
			batch = append(batch, record{byte(b + 1), fmt.Sprintf("record %d of batch %d", i, b)})
			offsets = append(offsets, off)
			off += frameLen + len(batch[i].payload)
		}
		want = append(want, batch...)
		appendAll(t, l, batch...)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, filepath.Join(dir, logFolder, segmentName(1)), append(offsets, off), want
}

// reopenWith puts bytes into the log's only file and opens it.
func reopenWith(t *testing.T, dir, file string, data []byte) ([]record, error) {
	t.Helper()
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := Open(dir, Options{Logger: quiet})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	got := contents(t, l, 0)
	// The log goes on behind what was recovered.
	appendAll(t, l, record{9, "after"})
	if all := contents(t, l, 0); len(all) != len(got)+1 || all[len(got)].payload != "after" {
		t.Fatalf("after appending: %v", all)
	}
	return got, nil
}

// TestTruncatedAnywhere cuts the file at every byte: whole records survive, the rest is cut off.
func TestTruncatedAnywhere(t *testing.T) {
	t.Parallel()
	dir, file, offsets, want := smallLog(t)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) + 1 {
		got, err := reopenWith(t, dir, file, slices.Clone(whole[:n]))
		if n < headerLen {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("header cut at %d: %v", n, err)
			}
			continue
		}
		records := 0
		for records < len(want) && offsets[records+1] <= n {
			records++
		}
		if err != nil || !slices.Equal(got, want[:records]) {
			t.Fatalf("cut at %d: %v, %v; want %d records", n, got, err, records)
		}
	}
}

// TestFlippedAnywhere damages every byte: a record before valid ones is corruption, the last one a torn tail.
func TestFlippedAnywhere(t *testing.T) {
	t.Parallel()
	dir, file, offsets, want := smallLog(t)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	last := offsets[len(want)-1]
	for n := range whole {
		for _, flip := range []byte{1, 0x80, 0xff} {
			data := slices.Clone(whole)
			data[n] ^= flip
			got, err := reopenWith(t, dir, file, data)
			if n < last {
				if !errors.Is(err, ErrCorrupt) {
					t.Fatalf("byte %d ^ %#x: %v, %v; want an error", n, flip, got, err)
				}
				var where *CorruptError
				if !errors.As(err, &where) || n >= headerLen && int(where.Offset) > n {
					t.Fatalf("byte %d ^ %#x: %v", n, flip, err)
				}
			} else if err != nil || !slices.Equal(got, want[:len(want)-1]) {
				t.Fatalf("byte %d ^ %#x: %v, %v; want all records but the last", n, flip, got, err)
			}
		}
	}
}

// TestLostSectors zeroes whole sectors, as a power failure does with data that was never synced. In the last batch
// that is a torn tail even before valid records; in an earlier one it is corruption.
func TestLostSectors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := mustOpen(t, dir, Options{})
	big := string(bytes.Repeat([]byte("x"), 700))
	var want []record
	for b := range 2 {
		var batch []record
		for i := range 8 {
			batch = append(batch, record{byte(1 + i), fmt.Sprint(b, i, big)})
		}
		appendAll(t, l, batch...)
		want = append(want, batch...)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, logFolder, segmentName(1))
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	size := frameLen + len(want[0].payload)
	secondBatch := headerLen + 8*size
	for at := sectorBytes; at+sectorBytes < len(whole); at += sectorBytes {
		data := slices.Clone(whole)
		clear(data[at : at+sectorBytes])
		got, err := reopenWith(t, dir, file, data)
		if at < secondBatch {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("sector at %d lost: %v, want corruption", at, err)
			}
			continue
		}
		if records := (at - headerLen) / size; err != nil || !slices.Equal(got, want[:records]) {
			t.Fatalf("sector at %d lost: %d records, %v; want %d", at, len(got), err, records)
		}
	}
}

// TestDamagedEarlierSegment: only the last segment can have a torn tail, and none may be missing.
func TestDamagedEarlierSegment(t *testing.T) {
	t.Parallel()
	damage := map[string]func(path string) error{
		"truncated": func(p string) error { return os.Truncate(p, headerLen+5) },
		"removed":   os.Remove,
		"flipped": func(p string) error {
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			b[len(b)-1] ^= 1
			return os.WriteFile(p, b, 0o600)
		},
	}
	for name, hurt := range damage {
		dir := t.TempDir()
		l := mustOpen(t, dir, Options{SegmentBytes: 60})
		for i := range 6 {
			appendAll(t, l, record{1, fmt.Sprintf("a record of some length %d", i)})
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if err := hurt(filepath.Join(dir, logFolder, segmentName(3))); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, Options{Logger: quiet}); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("%s: Open returned %v", name, err)
		}
		if _, err := Verify(dir, nil); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("%s: Verify returned %v", name, err)
		}
	}
}

// FuzzOpen: whatever is in the file, opening it never panics, and what it returns was checked.
func FuzzOpen(f *testing.F) {
	seg := header{salt: 7, first: 1}.encode()
	f.Add(seg)
	one := appendFrame(slices.Clone(seg), 7, frame{kind: 3, payload: []byte("x")})
	f.Add(one)
	f.Add(appendFrame(slices.Clone(one), 7, frame{index: 1, batch: 1, kind: 4}))
	f.Add(append(slices.Clone(one), make([]byte, 600)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		fsys := newMemFS()
		file, _ := fsys.Create(filepath.Join(logFolder, segmentName(1)))
		if _, err := file.WriteAt(data, 0); err != nil {
			t.Fatal(err)
		}
		segs, torn, err := scan(fsys, logFolder, []string{segmentName(1)}, nil, nil)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("unexpected error: %v", err)
			}
			return
		}
		if segs[0].size+torn != int64(len(data)) {
			t.Fatalf("%d bytes valid and %d torn of %d", segs[0].size, torn, len(data))
		}
	})
}
