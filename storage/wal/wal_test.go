package wal

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/dirlock"
)

type record struct {
	kind    byte
	payload string
}

func mustOpen(t testing.TB, dir string, opt Options) *Log {
	t.Helper()
	l, err := Open(dir, opt)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return l
}

func appendAll(t testing.TB, l *Log, recs ...record) {
	t.Helper()
	for _, r := range recs {
		if _, err := l.Append(r.kind, []byte(r.payload)); err != nil {
			t.Fatalf("Append: %v", err)
		}
	}
	if err := l.Sync(l.LastPos()); err != nil {
		t.Fatalf("Sync: %v", err)
	}
}

// contents reads the log from a position and checks that positions have no gaps.
func contents(t testing.TB, l *Log, from uint64) []record {
	t.Helper()
	var out []record
	want := max(from, l.FirstPos())
	err := l.Read(from, func(pos uint64, kind byte, payload []byte) error {
		if pos != want {
			return fmt.Errorf("position %d where %d belongs", pos, want)
		}
		want++
		out = append(out, record{kind, string(payload)})
		return nil
	})
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	return out
}

func TestAppendReadReopen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	opt := Options{SegmentBytes: 200, Sync: true}
	l := mustOpen(t, dir, opt)
	if l.FirstPos() != 1 || l.LastPos() != 0 {
		t.Fatalf("a new log has positions %d..%d", l.FirstPos(), l.LastPos())
	}
	var want []record
	for i := range 40 {
		r := record{byte(i), fmt.Sprintf("payload %d", i)}
		want = append(want, r)
		appendAll(t, l, r)
	}
	check := func() {
		t.Helper()
		for _, from := range []uint64{0, 1, 17, 40, 41, 99} {
			got := contents(t, l, from)
			exp := want[min(max(int(from), 1)-1, len(want)):]
			if fmt.Sprint(got) != fmt.Sprint(exp) {
				t.Fatalf("from %d: got %v, want %v", from, got, exp)
			}
		}
	}
	check()
	if s := l.Stats(); s.Segments < 5 {
		t.Fatalf("only %d segments", s.Segments)
	}
	if _, err := Open(dir, opt); !errors.Is(err, dirlock.ErrLocked) {
		t.Fatalf("second Open: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = mustOpen(t, dir, opt)
	defer l.Close()
	check()
	if err := l.TruncateBefore(20); err != nil {
		t.Fatal(err)
	}
	if f := l.FirstPos(); f > 20 || f < 10 {
		t.Fatalf("FirstPos after truncation is %d", f)
	}
	if err := l.Read(1, nil); !errors.Is(err, ErrGone) {
		t.Fatalf("Read of a truncated position: %v", err)
	}
	if got := contents(t, l, 20); fmt.Sprint(got) != fmt.Sprint(want[19:]) {
		t.Fatalf("after truncation: %v", got)
	}
}

func TestMemoryLog(t *testing.T) {
	t.Parallel()
	l := mustOpen(t, "", Options{SegmentBytes: 100})
	appendAll(t, l, record{1, "a"}, record{2, "b"})
	appendAll(t, l, record{3, ""})
	if got := contents(t, l, 2); fmt.Sprint(got) != "[{2 b} {3 }]" {
		t.Fatalf("got %v", got)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(1, nil); !errors.Is(err, ErrClosed) {
		t.Fatalf("Append after Close: %v", err)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	l := mustOpen(t, "", Options{MaxRecordBytes: 10})
	defer l.Close()
	if _, err := l.Append(1, make([]byte, 11)); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("Append of a large record: %v", err)
	}
	if err := l.Sync(1); err == nil {
		t.Fatal("Sync of a position that does not exist succeeded")
	}
	appendAll(t, l, record{1, "0123456789"})
}

func TestConcurrentAppends(t *testing.T) {
	t.Parallel()
	l := mustOpen(t, t.TempDir(), Options{SegmentBytes: 4 << 10, Sync: true})
	defer l.Close()
	const workers, each = 8, 50
	var wg sync.WaitGroup
	got := make([]map[uint64]string, workers)
	for w := range workers {
		got[w] = map[uint64]string{}
		wg.Go(func() {
			for i := range each {
				p := fmt.Sprintf("%d/%d", w, i)
				pos, err := l.Append(byte(w), []byte(p))
				if err == nil {
					err = l.Sync(pos)
				}
				if err != nil {
					t.Error(err)
					return
				}
				got[w][pos] = p
			}
		})
	}
	wg.Wait()
	all := contents(t, l, 1)
	if len(all) != workers*each {
		t.Fatalf("%d records, want %d", len(all), workers*each)
	}
	for w := range workers {
		for pos, p := range got[w] {
			if all[pos-1] != (record{byte(w), p}) {
				t.Fatalf("position %d holds %v, want %s", pos, all[pos-1], p)
			}
		}
	}
}
