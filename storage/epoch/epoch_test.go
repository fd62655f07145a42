package epoch

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/dirlock"
)

func mustOpen(t testing.TB, opt Options) *Store {
	t.Helper()
	s, err := Open(opt)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// write commits one epoch: "k=v" puts, "-k" deletes, "lo..hi" deletes a range; in ascending order of the keys.
func write(t testing.TB, s *Store, id TableID, ops ...string) {
	t.Helper()
	w, err := s.Begin()
	must(t, err)
	r := w.Run(id)
	for _, op := range ops {
		if lo, hi, ok := strings.Cut(op, ".."); ok {
			must(t, r.DeleteRange([]byte(lo), []byte(hi)))
		} else if k, ok := strings.CutPrefix(op, "-"); ok {
			must(t, r.Delete([]byte(k)))
		} else {
			k, v, _ := strings.Cut(op, "=")
			must(t, r.Put([]byte(k), []byte(v)))
		}
	}
	must(t, w.Commit(w.Epoch()*10, fmt.Appendf(nil, "meta %d", w.Epoch())))
}

func load(t testing.TB, s *Store, id TableID) string {
	t.Helper()
	var out []string
	must(t, s.Load(id, func(k, v []byte) error {
		out = append(out, string(k)+"="+string(v))
		return nil
	}))
	return strings.Join(out, " ")
}

func TestEpochs(t *testing.T) {
	t.Parallel()
	opt := Options{Dir: t.TempDir(), NoMerge: true}
	s := mustOpen(t, opt)
	if s.Manifest() != nil {
		t.Fatal("a new store has a manifest")
	}
	if _, err := Open(opt); !errors.Is(err, dirlock.ErrLocked) {
		t.Fatalf("second Open: %v", err)
	}
	write(t, s, 1, "a=1", "b=2", "c=3", "d=4")
	write(t, s, 1, "-b", "c=33", "e=5")
	write(t, s, 2, "x=y")
	write(t, s, 1, "a..c", "b=22")
	want := "b=22 c=33 d=4 e=5"
	check := func() {
		t.Helper()
		if got := load(t, s, 1); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		if got := load(t, s, 2); got != "x=y" {
			t.Fatalf("table 2: %s", got)
		}
		m := s.Manifest()
		if m.Epoch != 4 || m.LogPos != 40 || string(m.Meta) != "meta 4" {
			t.Fatalf("manifest: %d %d %s", m.Epoch, m.LogPos, m.Meta)
		}
		for _, k := range []string{"", "a", "b", "bb", "c", "d", "e", "f"} {
			v, ok, err := s.Get(1, []byte(k), nil)
			must(t, err)
			if in := strings.Contains(" "+want, " "+k+"="); ok != in || ok && !strings.Contains(" "+want+" ", " "+k+"="+string(v)+" ") {
				t.Fatalf("Get(%q) = %q, %v", k, v, ok)
			}
		}
	}
	check()
	w, err := s.Begin()
	must(t, err)
	must(t, w.Run(1).Put([]byte("z"), []byte("lost")))
	if _, err := s.Begin(); !errors.Is(err, ErrBusy) {
		t.Fatalf("second Begin: %v", err)
	}
	w.Abort()
	check()
	must(t, s.Close())
	s = mustOpen(t, opt)
	defer s.Close()
	check()
}

func TestMergeAndDrop(t *testing.T) {
	t.Parallel()
	opt := Options{Dir: t.TempDir(), MergeRuns: 2}
	s := mustOpen(t, opt)
	want := map[string]string{}
	for i := range 30 {
		var ops []string
		for k := range 20 {
			key, val := fmt.Sprintf("k%02d", (k*7+i)%40), fmt.Sprint(i)
			want[key] = val
			ops = append(ops, key+"="+val)
		}
		slices.Sort(ops)
		write(t, s, 1, ops...)
	}
	var exp []string
	for _, k := range slices.Sorted(maps.Keys(want)) {
		exp = append(exp, k+"="+want[k])
	}
	check := func() {
		t.Helper()
		if got := load(t, s, 1); got != strings.Join(exp, " ") {
			t.Fatalf("got %s\nwant %s", got, exp)
		}
	}
	check()
	must(t, s.Close())
	s = mustOpen(t, opt)
	defer s.Close()
	check()
	w, err := s.Begin()
	must(t, err)
	w.Drop(1)
	must(t, w.Run(1).Put([]byte("new"), []byte("1")))
	must(t, w.Commit(1000, nil))
	if got := load(t, s, 1); got != "new=1" {
		t.Fatalf("after Drop: %s", got)
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Options{})
	defer s.Close()
	write(t, s, 1, "a=1")
	write(t, s, 1, "b=2")
	if got := load(t, s, 1); got != "a=1 b=2" {
		t.Fatal(got)
	}
	w, err := s.Begin()
	must(t, err)
	if err := w.Commit(1, nil); !errors.Is(err, ErrBackwards) {
		t.Fatalf("log position going backwards: %v", err)
	}
	w, err = s.Begin()
	must(t, err)
	r := w.Run(1)
	must(t, r.Put([]byte("b"), nil))
	if err := r.Put([]byte("a"), nil); !errors.Is(err, ErrOrder) {
		t.Fatalf("unordered keys: %v", err)
	}
	if err := w.Commit(100, nil); !errors.Is(err, ErrOrder) {
		t.Fatalf("commit of unordered keys: %v", err)
	}
	if got := load(t, s, 1); got != "a=1 b=2" {
		t.Fatal(got)
	}
}
