package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"testing"

	"pgregory.net/rapid"
)

// subject is a Table under test with its model.
type subject struct {
	table Table
	step  func(rt *rapid.T)                   // one random change to table and model
	model func() model                        // what the table holds, by checkpoint key
	dump  func() model                        // what the table says it holds
	fresh func(p *Pool) (Table, func() model) // an empty one, to load into
}

// store is the durable side: what complete epochs left.
type store model

// apply emits f into a copy of the store, checking the order. fail makes it stop early.
func (s store) apply(f Frozen, fail int) (store, error) {
	errStop := errors.New("stop")
	out := store(model(s).clone())
	last, any, n := "", false, 0
	phase := func(key []byte) error {
		if any && string(key) <= last {
			return fmt.Errorf("%q after %q", key, last)
		}
		last, any = string(key), true
		if n++; n == fail {
			return errStop
		}
		return nil
	}
	err := f.Emit(
		func(key, val []byte) error { out[string(key)] = string(val); return phase(key) },
		func(key []byte) error { delete(out, string(key)); return phase(key) },
		func(lo, hi []byte) error {
			if any {
				return errors.New("range delete after a key")
			}
			for k := range out {
				if k >= string(lo) && (hi == nil || k < string(hi)) {
					delete(out, k)
				}
			}
			return nil
		})
	if errors.Is(err, errStop) {
		return s, err
	}
	return out, err
}

// epoch is a checkpoint in flight.
type epoch struct {
	frozen Frozen
	want   model
	full   bool
	result chan error
	store  store
}

// begin freezes and starts to emit in the background.
func begin(rt *rapid.T, x *subject, s store, full bool) *epoch {
	freeze := x.table.Freeze
	if full {
		freeze, s = x.table.FreezeFull, store{}
	}
	f, err := freeze()
	if err != nil {
		rt.Fatal(err)
	}
	e := &epoch{frozen: f, want: x.model().clone(), full: full, result: make(chan error, 1)}
	fail := 0
	if rapid.IntRange(0, 2).Draw(rt, "fails") == 0 {
		fail = rapid.IntRange(1, 50).Draw(rt, "failAt")
	}
	go func() {
		var err error
		e.store, err = s.apply(f, fail)
		e.result <- err
	}()
	return e
}

// end waits for the emission and settles the epoch.
func (e *epoch) end(rt *rapid.T, s store) store {
	err := <-e.result
	failed := err != nil
	if failed && err.Error() != "stop" {
		rt.Fatal(err)
	}
	if !failed && !maps.Equal(map[string]string(e.store), map[string]string(e.want)) {
		rt.Fatalf("epoch (full %v) has %d entries, want %d: %s", e.full, len(e.store), len(e.want), diff(model(e.store), e.want))
	}
	e.frozen.Discard(failed)
	if failed || e.full {
		return s
	}
	return e.store
}

func diff(got, want model) string {
	for k, v := range got {
		if w, ok := want[k]; !ok {
			return fmt.Sprintf("%q should be gone", k)
		} else if w != v {
			return fmt.Sprintf("%q differs", k)
		}
	}
	for k := range want {
		if _, ok := got[k]; !ok {
			return fmt.Sprintf("%q is missing", k)
		}
	}
	return "no difference"
}

// runSeam drives a subject through steps and checkpoints, then recovers it.
func runSeam(rt *rapid.T, pool *Pool, x *subject) {
	s := store{}
	var inc, full *epoch
	for range rapid.IntRange(1, 60).Draw(rt, "steps") {
		switch rapid.IntRange(0, 9).Draw(rt, "what") {
		case 0:
			if inc == nil {
				inc = begin(rt, x, s, false)
			} else {
				if _, err := x.table.Freeze(); !errors.Is(err, ErrFreezePending) {
					rt.Fatalf("second Freeze: %v", err)
				}
				s = inc.end(rt, s)
				inc = nil
			}
		case 1:
			if full == nil {
				full = begin(rt, x, s, true)
			} else {
				full.end(rt, s)
				full = nil
			}
		default:
			x.step(rt)
		}
	}
	if full != nil {
		full.end(rt, s)
	}
	if inc != nil {
		s = inc.end(rt, s)
	}
	f, err := x.table.Freeze()
	if err != nil {
		rt.Fatal(err)
	}
	if s, err = s.apply(f, 0); err != nil {
		rt.Fatal(err)
	}
	f.Discard(false)
	want := x.model()
	if !maps.Equal(map[string]string(s), map[string]string(want)) {
		rt.Fatalf("store at the end: %s", diff(model(s), want))
	}
	if got := x.dump(); !maps.Equal(map[string]string(got), map[string]string(want)) {
		rt.Fatalf("table at the end: %s", diff(got, want))
	}
	back, dump := x.fresh(pool)
	for k, v := range s {
		if err := back.Load([]byte(k), []byte(v)); err != nil {
			rt.Fatal(err)
		}
	}
	if got := dump(); back.Len() != len(want) || !maps.Equal(map[string]string(got), map[string]string(want)) {
		rt.Fatalf("recovered table: %s", diff(got, want))
	}
	f, err = back.Freeze()
	if err != nil {
		rt.Fatal(err)
	}
	if s, _ := (store{}).apply(f, 0); len(s) != 0 {
		rt.Fatalf("Load was recorded as a change")
	}
	f.Discard(false)
	back.Close()
	x.table.Close()
	pool.Wait()
	if n := pool.Bytes(); n != 0 {
		rt.Fatalf("%d bytes leaked", n)
	}
}

func checkSeam(t *testing.T, make func(p *Pool) *subject) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		pool := NewPool(PoolOptions{})
		defer pool.Close()
		runSeam(rt, pool, make(pool))
	})
}

func dumpTree(tr *Tree) model {
	m := model{}
	tr.ScanPrefix(nil, func(k, v []byte) bool { m[string(k)] = string(v); return true })
	return m
}

func TestTreeSeam(t *testing.T) {
	checkSeam(t, func(p *Pool) *subject {
		x := &machine{tree: NewTree(p, TreeOptions{}), m: model{}}
		x.tree.changes.min = 1 << 10 // compact all the time
		return &subject{
			table: x.tree,
			step: func(rt *rapid.T) {
				x.step(rt)
				for _, s := range x.snaps { // snapshots are TestTreeModel's
					s.Release()
				}
				x.snaps, x.views = nil, nil
			},
			model: func() model { return x.m },
			dump:  func() model { return dumpTree(x.tree) },
			fresh: func(p *Pool) (Table, func() model) {
				tr := NewTree(p, TreeOptions{})
				return tr, func() model { return dumpTree(tr) }
			},
		}
	})
}

// hashMachine drives a Hash and its model.
type hashMachine struct {
	h       *Hash
	m       model
	keySize int
	hash    func([]byte) uint64
}

func (x *hashMachine) key(n int) []byte {
	if x.keySize == 0 {
		k := fmt.Appendf(nil, "%d", n)
		for range n % 5 {
			k = append(k, k...)
		}
		return k[:len(k)-len(k)*(n%3)/3]
	}
	k := make([]byte, x.keySize)
	binary.BigEndian.PutUint32(k, uint32(n))
	return k
}

func (x *hashMachine) upsert(rt *rapid.T, n int, v byte) {
	k := x.key(n)
	val, created := x.h.Upsert(x.hash(k), k)
	old, there := x.m[string(k)]
	if created == there || there && old != string(val) {
		rt.Fatalf("Upsert(%q): created %v, value %q, want %q", k, created, val, old)
	}
	if created {
		for _, b := range val {
			if b != 0 {
				rt.Fatalf("Upsert(%q): new value %q", k, val)
			}
		}
	}
	if len(val) > 0 {
		val[int(v)%len(val)] = v
	}
	x.m[string(k)] = string(val)
}

func (x *hashMachine) delete(rt *rapid.T, n int) {
	k := x.key(n)
	_, want := x.m[string(k)]
	if got := x.h.Delete(x.hash(k), k); got != want {
		rt.Fatalf("Delete(%q) = %v", k, got)
	}
	delete(x.m, string(k))
	if _, ok := x.h.Lookup(x.hash(k), k); ok {
		rt.Fatalf("Lookup(%q) after Delete", k)
	}
}

func (x *hashMachine) step(rt *rapid.T) {
	n := rapid.IntRange(0, 6000).Draw(rt, "n")
	count := rapid.IntRange(1, 500).Draw(rt, "count")
	switch rapid.IntRange(0, 15).Draw(rt, "op") {
	case 0:
		for i := range count {
			x.delete(rt, n+i)
		}
	case 1, 2, 3:
		for i := range count {
			x.upsert(rt, n+i, byte(i))
		}
	case 4:
		if count < 100 {
			x.h.Clear()
			clear(x.m)
		}
	case 5, 6, 7:
		x.delete(rt, n)
	default:
		x.upsert(rt, n, byte(count))
	}
	if x.h.Len() != len(x.m) {
		rt.Fatalf("Len %d, want %d", x.h.Len(), len(x.m))
	}
}

func dumpHash(h *Hash) model {
	m := model{}
	h.Range(func(k, v []byte) bool { m[string(k)] = string(v); return true })
	return m
}

func hashSubject(p *Pool, opts HashOptions) *subject {
	x := &hashMachine{h: NewHash(p, opts), m: model{}, keySize: opts.KeySize, hash: opts.HashFn}
	if x.hash == nil {
		x.hash = HashBytes
	}
	return &subject{
		table: x.h,
		step:  x.step,
		model: func() model { return x.m },
		dump:  func() model { return dumpHash(x.h) },
		fresh: func(p *Pool) (Table, func() model) {
			h := NewHash(p, opts)
			return h, func() model { return dumpHash(h) }
		},
	}
}

func TestHashSeam(t *testing.T) {
	for name, opts := range map[string]HashOptions{
		"fixed":     {KeySize: 16, ValueSize: 24},
		"variable":  {ValueSize: 8},
		"bare":      {KeySize: 4},
		"fat":       {KeySize: 16, ValueSize: 1000},
		"colliding": {KeySize: 8, ValueSize: 8, HashFn: func(k []byte) uint64 { return uint64(k[3] & 3) }},
	} {
		t.Run(name, func(t *testing.T) {
			checkSeam(t, func(p *Pool) *subject { return hashSubject(p, opts) })
		})
	}
}

// windowedMachine drives a WindowedHash through one hashMachine a window.
type windowedMachine struct {
	w    *WindowedHash
	wins map[int64]*hashMachine
}

func (x *windowedMachine) step(rt *rapid.T) {
	w := int64(rapid.IntRange(-4, 4).Draw(rt, "window"))
	if rapid.IntRange(0, 9).Draw(rt, "drop") == 0 {
		want := 0
		for id := range x.wins {
			if id < w {
				delete(x.wins, id)
				want++
			}
		}
		if got := x.w.DropBefore(w); got != want {
			rt.Fatalf("DropBefore(%d) = %d, want %d", w, got, want)
		}
		return
	}
	m := x.wins[w]
	if m == nil {
		if x.w.Window(w, false) != nil {
			rt.Fatalf("window %d should not be there", w)
		}
		m = &hashMachine{h: x.w.Window(w, true), m: model{}, keySize: 8, hash: HashBytes}
		x.wins[w] = m
	}
	if x.w.Window(w, false) != m.h {
		rt.Fatalf("window %d is another one", w)
	}
	m.step(rt)
}

func (x *windowedMachine) model() model {
	m := model{}
	for id, win := range x.wins {
		for k, v := range win.m {
			m[string(windowKey(nil, id))+k] = v
		}
	}
	return m
}

func dumpWindowed(w *WindowedHash) model {
	m := model{}
	w.Windows(func(id int64, h *Hash) bool {
		h.Range(func(k, v []byte) bool { m[string(windowKey(nil, id))+string(k)] = string(v); return true })
		return true
	})
	return m
}

func TestWindowedHashSeam(t *testing.T) {
	opts := HashOptions{KeySize: 8, ValueSize: 16}
	checkSeam(t, func(p *Pool) *subject {
		x := &windowedMachine{w: NewWindowedHash(p, opts), wins: map[int64]*hashMachine{}}
		return &subject{
			table: x.w,
			step:  x.step,
			model: x.model,
			dump:  func() model { return dumpWindowed(x.w) },
			fresh: func(p *Pool) (Table, func() model) {
				w := NewWindowedHash(p, opts)
				return w, func() model { return dumpWindowed(w) }
			},
		}
	})
}
