package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func rawOf(t *testing.T, l *Log, from uint64) []Raw {
	t.Helper()
	var out []Raw
	err := l.ReadRaw(from, func(r Raw) error {
		r.Payload = slices.Clone(r.Payload)
		out = append(out, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func each(records []Raw, end error) iter.Seq2[Raw, error] {
	return func(yield func(Raw, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
		if end != nil {
			yield(Raw{}, end)
		}
	}
}

func TestImport(t *testing.T) {
	t.Parallel()
	opt := Options{SegmentBytes: 200}
	from, err := Open(t.TempDir(), opt)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		if _, err := from.Append(byte(i%3), fmt.Appendf(nil, "record %d", i+1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := from.Sync(40); err != nil {
		t.Fatal(err)
	}
	for _, first := range []uint64{1, 7, 40, 41} {
		dir := t.TempDir()
		records := rawOf(t, from, first)
		broken := errors.New("connection reset")
		if err := Import(dir, opt, first, each(records[:len(records)/2], broken)); !errors.Is(err, broken) {
			t.Fatalf("interrupted import: %v", err)
		}
		if _, err := os.Stat(filepath.Join(dir, logFolder)); !errors.Is(err, fs.ErrNotExist) {
			t.Fatal("an interrupted import is a log")
		}
		if err := Import(dir, opt, first, each(records, nil)); err != nil {
			t.Fatal(err)
		}
		if err := Import(dir, opt, first, each(records, nil)); !errors.Is(err, fs.ErrExist) {
			t.Fatalf("import over a log: %v", err)
		}
		l, err := Open(dir, opt)
		if err != nil {
			t.Fatal(err)
		}
		if l.FirstPos() != first || l.LastPos() != 40 || l.DurablePos() != 40 {
			t.Fatalf("log of %d to %d, durable %d", l.FirstPos(), l.LastPos(), l.DurablePos())
		}
		if got := rawOf(t, l, first); !slices.EqualFunc(got, records, func(a, b Raw) bool {
			return a.Pos == b.Pos && a.Kind == b.Kind && string(a.Payload) == string(b.Payload)
		}) {
			t.Fatalf("from %d: %v", first, got)
		}
		if pos, err := l.Append(9, []byte("next")); err != nil || pos != 41 {
			t.Fatalf("next record at %d: %v", pos, err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := Import(t.TempDir(), opt, 5, each(rawOf(t, from, 6), nil)); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("import with a gap: %v", err)
	}
	if err := from.Close(); err != nil {
		t.Fatal(err)
	}
}
