package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
)

// TestSnapshotsReadConcurrently writes while readers walk snapshots of known content.
func TestSnapshotsReadConcurrently(t *testing.T) {
	t.Parallel()
	pool := NewPool(PoolOptions{})
	defer pool.Close()
	tr := NewTree(pool, TreeOptions{NoLog: true})
	rng := rand.New(rand.NewPCG(1, 2))
	var wg sync.WaitGroup
	limit := make(chan struct{}, 4)
	const keys = 3000
	// Every key holds the round that wrote it last: a snapshot of round r holds nothing newer,
	// and key 0 says r.
	for round := range uint64(200) {
		for range 100 {
			k := fmt.Appendf(nil, "key%05d", rng.IntN(keys))
			if rng.IntN(5) == 0 && string(k) != "key00000" {
				tr.Delete(k)
			} else if err := tr.Put(k, binary.BigEndian.AppendUint64(bytes.Repeat([]byte{7}, rng.IntN(40)*rng.IntN(40)), round)); err != nil {
				t.Fatal(err)
			}
		}
		if err := tr.Put([]byte("key00000"), binary.BigEndian.AppendUint64(nil, round)); err != nil {
			t.Fatal(err)
		}
		s := tr.Snapshot()
		limit <- struct{}{}
		wg.Go(func() {
			defer func() { s.Release(); <-limit }()
			n := 0
			s.ScanPrefix([]byte("key"), func(k, v []byte) bool {
				n++
				if at := binary.BigEndian.Uint64(v[len(v)-8:]); at > round || string(k) == "key00000" && at != round {
					t.Errorf("snapshot of round %d holds %q of round %d", round, k, at)
				}
				return true
			})
			if n != s.Len() {
				t.Errorf("snapshot of round %d: %d entries, Len %d", round, n, s.Len())
			}
		})
	}
	wg.Wait()
	if err := checkTree(tr); err != nil {
		t.Fatal(err)
	}
	tr.Close()
	pool.Wait()
	if n := pool.Bytes(); n != 0 {
		t.Fatalf("%d bytes leaked", n)
	}
}

// TestTreeDeep grows and shrinks a tree of several levels.
func TestTreeDeep(t *testing.T) {
	t.Parallel()
	const n = 20000
	const seed = 20261123
	for _, long := range []int{0, 300} {
		pool := NewPool(PoolOptions{})
		tr := NewTree(pool, TreeOptions{NoLog: true})
		rng := rand.New(rand.NewPCG(seed, 1))
		order := rng.Perm(n)
		key := func(i int) []byte {
			return binary.BigEndian.AppendUint32(bytes.Repeat([]byte{'x'}, long*(i%3)), uint32(i))
		}
		want := model{}
		for _, i := range order {
			if err := tr.Put(key(i), []byte{byte(i)}); err != nil {
				t.Fatal(err)
			}
			want[string(key(i))] = string([]byte{byte(i)})
		}
		if err := errors.Join(checkTree(tr), checkReader(tr, want)); err != nil {
			t.Fatalf("full, seed %d: %v", seed, err)
		}
		for _, i := range order[:n*9/10] {
			if !tr.Delete(key(i)) {
				t.Fatalf("key %d is missing", i)
			}
			delete(want, string(key(i)))
		}
		if err := errors.Join(checkTree(tr), checkReader(tr, want)); err != nil {
			t.Fatalf("a tenth, seed %d: %v", seed, err)
		}
		if used := tr.Bytes() / int64(tr.Len()); used > int64(40+2*long*4) {
			t.Errorf("%d bytes a row after deletion", used)
		}
		if got := tr.DeleteRange([]byte{}, []byte{0xff}); got != len(want) || tr.Len() != 0 || tr.root != 0 {
			t.Errorf("DeleteRange = %d, %d left", got, tr.Len())
		}
		tr.Close()
		pool.Wait()
		if b := pool.Bytes(); b != 0 {
			t.Errorf("%d bytes leaked", b)
		}
		pool.Close()
	}
}

// TestDeleteRangeOrder has puts before and after range deletes in one epoch.
func TestDeleteRangeOrder(t *testing.T) {
	t.Parallel()
	for _, fail := range []bool{false, true} {
		pool := NewPool(PoolOptions{})
		tr := NewTree(pool, TreeOptions{})
		put := func(from, to int, v string) {
			for i := from; i < to; i++ {
				if err := tr.Put(fmt.Appendf(nil, "%04d", i), []byte(v)); err != nil {
					t.Fatal(err)
				}
			}
		}
		put(0, 1000, "old")
		if fail { // the puts come back from a failed epoch
			f, err := tr.Freeze()
			if err != nil {
				t.Fatal(err)
			}
			f.Discard(true)
		}
		if n := tr.DeleteRange([]byte("0200"), []byte("0600")); n != 400 {
			t.Fatalf("DeleteRange = %d", n)
		}
		put(300, 350, "new")
		if n := tr.DeleteRange([]byte("0340"), nil); n != 410 {
			t.Fatalf("DeleteRange = %d", n)
		}
		put(990, 995, "last")
		f, err := tr.Freeze()
		if err != nil {
			t.Fatal(err)
		}
		s, err := store{"0999": "in the store", "0100": "too"}.apply(f, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(map[string]string(s), map[string]string(dumpTree(tr))) {
			t.Error(diff(model(s), dumpTree(tr)))
		}
		f.Discard(false)
		pool.Close()
	}
}

// TestTreeSizes goes to the limits of keys and values.
func TestTreeSizes(t *testing.T) {
	t.Parallel()
	pool := NewPool(PoolOptions{})
	defer pool.Close()
	tr := NewTree(pool, TreeOptions{NoLog: true})
	var size *SizeError
	if err := tr.Put(make([]byte, MaxKeyBytes+1), nil); !errors.As(err, &size) {
		t.Errorf("long key: %v", err)
	}
	if err := tr.Put(nil, make([]byte, MaxValueBytes+1)); !errors.As(err, &size) {
		t.Errorf("long value: %v", err)
	}
	for _, n := range []int{0, 1, 239, 240, 495, 496, 999, 1000, 1001, 2032, 2033, MaxKeyBytes} {
		k := bytes.Repeat([]byte{'k'}, n)
		if err := tr.Put(k, k); err != nil {
			t.Fatal(err)
		}
	}
	big := bytes.Repeat([]byte("0123456789abcdef"), MaxValueBytes/16)
	if err := tr.Put([]byte("big"), big); err != nil {
		t.Fatal(err)
	}
	if v, ok := tr.Get([]byte("big")); !ok || !bytes.Equal(v, big) {
		t.Error("big value differs")
	}
	if v, ok := tr.Get(bytes.Repeat([]byte{'k'}, 2033)); !ok || len(v) != 2033 {
		t.Error("value of 2033 bytes differs")
	}
	if err := checkTree(tr); err != nil {
		t.Error(err)
	}
	tr.Close()
	if err := tr.Put(nil, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("Put after Close: %v", err)
	}
	if n := pool.Bytes(); n != 0 {
		t.Errorf("%d bytes leaked", n)
	}
}

// TestPoolLimit crosses the limit up, down and up again, and gives memory back.
func TestPoolLimit(t *testing.T) {
	t.Parallel()
	calls := 0
	p := NewPool(PoolOptions{LimitBytes: 3 * slabBytes, OnLimit: func(int64) { calls++ }})
	defer p.Close()
	for round := 1; round <= 2; round++ {
		var refs []uint64
		for range 5 * slabBytes / PageBytes {
			refs = append(refs, p.alloc(PageBytes))
		}
		big := p.alloc(10 * slabBytes)
		if calls != round || !p.OverLimit() {
			t.Fatalf("round %d: %d calls, over %v", round, calls, p.OverLimit())
		}
		p.free(big)
		p.freeLater(refs)
		p.Wait()
		if p.Bytes() != 0 {
			t.Fatalf("%d bytes in use", p.Bytes())
		}
		if p.MappedBytes() > 3*slabBytes || p.OverLimit() {
			t.Fatalf("%d bytes stay mapped", p.MappedBytes())
		}
		p.Trim()
		if p.MappedBytes() != 0 {
			t.Fatalf("%d bytes mapped after Trim", p.MappedBytes())
		}
	}
}
