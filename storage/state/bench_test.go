package state

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"
)

// Sizes of the goals: 16-byte keys, 60-byte values; 18-byte keys, 24-byte values.
const (
	benchRows   = 1 << 20
	benchKey    = 16
	benchVal    = 60
	benchGroups = 1 << 20
)

// benchSizes are the row counts of a benchmark: 1 M, and 10 M unless -short.
func benchSizes() []int {
	if testing.Short() {
		return []int{benchRows}
	}
	return []int{benchRows, 10 * benchRows}
}

// scatter is a bijection of uint64, to visit keys in an order without pattern.
func scatter(i uint64) uint64 {
	i *= 0x9e3779b97f4a7c15
	i ^= i >> 29
	i *= 0xbf58476d1ce4e5b9
	return i ^ i>>32
}

func treeKey(k *[benchKey]byte, i int) []byte {
	binary.BigEndian.PutUint64(k[:], scatter(uint64(i)))
	binary.BigEndian.PutUint64(k[8:], uint64(i))
	return k[:]
}

func fillTree(b *testing.B, t *Tree, rows int) {
	var k [benchKey]byte
	var v [benchVal]byte
	for i := range rows {
		v[0] = byte(i)
		if err := t.Put(treeKey(&k, i), v[:]); err != nil {
			b.Fatal(err)
		}
	}
}

func eachSize(b *testing.B, opts TreeOptions, run func(b *testing.B, t *Tree, rows int)) {
	for _, rows := range benchSizes() {
		b.Run(fmt.Sprintf("rows=%dM", rows>>20), func(b *testing.B) {
			p := NewPool(PoolOptions{})
			defer p.Close()
			t := NewTree(p, opts)
			fillTree(b, t, rows)
			b.ReportAllocs()
			b.ResetTimer()
			run(b, t, rows)
			b.StopTimer()
			b.ReportMetric(float64(t.bytes.Load())/float64(t.Len()), "bytes/row")
		})
	}
}

func BenchmarkTreePutRandom(b *testing.B) {
	for _, noLog := range []bool{true, false} {
		for _, rows := range benchSizes() {
			b.Run(fmt.Sprintf("nolog=%v/rows=%dM", noLog, rows>>20), func(b *testing.B) {
				for range b.N {
					p := NewPool(PoolOptions{})
					t := NewTree(p, TreeOptions{NoLog: noLog})
					fillTree(b, t, rows)
					b.ReportMetric(float64(t.bytes.Load())/float64(t.Len()), "bytes/row")
					b.ReportMetric(float64(p.MappedBytes())/float64(t.Len()), "mapped/row")
					p.Close()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows), "ns/row")
			})
		}
	}
}

func BenchmarkTreeAppend(b *testing.B) {
	for _, noLog := range []bool{true, false} {
		b.Run(fmt.Sprintf("nolog=%v", noLog), func(b *testing.B) {
			p := NewPool(PoolOptions{})
			defer p.Close()
			t := NewTree(p, TreeOptions{NoLog: noLog})
			var k [benchKey]byte
			var v [benchVal]byte
			b.ReportAllocs()
			for i := range b.N {
				binary.BigEndian.PutUint64(k[:], uint64(i))
				_ = t.Put(k[:], v[:])
			}
			b.ReportMetric(float64(t.bytes.Load())/float64(b.N), "bytes/row")
		})
	}
}

func BenchmarkTreeGet(b *testing.B) {
	eachSize(b, TreeOptions{NoLog: true}, func(b *testing.B, t *Tree, rows int) {
		var k [benchKey]byte
		for i := range b.N {
			j := int(scatter(uint64(i)+12345) % uint64(rows))
			if _, ok := t.Get(treeKey(&k, j)); !ok {
				b.Fatal("missing")
			}
		}
	})
}

func BenchmarkTreeScan(b *testing.B) {
	eachSize(b, TreeOptions{NoLog: true}, func(b *testing.B, t *Tree, rows int) {
		sum, n := 0, 0
		for n < b.N {
			c := t.Cursor()
			for ok := c.Seek(nil); ok && n < b.N; ok = c.Next() {
				sum += len(c.Key()) + int(c.Value()[0])
				n++
			}
		}
		_ = sum
	})
}

// BenchmarkTreeProbe looks up sorted keys, 16 rows apart, with one cursor.
func BenchmarkTreeProbe(b *testing.B) {
	p := NewPool(PoolOptions{})
	defer p.Close()
	t := NewTree(p, TreeOptions{NoLog: true})
	var k [benchKey]byte
	var v [benchVal]byte
	for i := range benchRows {
		binary.BigEndian.PutUint64(k[:], uint64(i))
		_ = t.Put(k[:], v[:])
	}
	c := t.Cursor()
	b.ResetTimer()
	for i := range b.N {
		binary.BigEndian.PutUint64(k[:], uint64(i*16%benchRows))
		if !c.Seek(k[:]) {
			b.Fatal("missing")
		}
	}
}

func BenchmarkTreeUpdate(b *testing.B) {
	eachSize(b, TreeOptions{}, func(b *testing.B, t *Tree, rows int) {
		var k [benchKey]byte
		var v [benchVal]byte
		for i := range b.N {
			binary.LittleEndian.PutUint64(v[:], uint64(i)+1)
			_ = t.Put(treeKey(&k, int(scatter(uint64(i))%uint64(rows))), v[:])
		}
	})
}

// BenchmarkTreeUpdatePinned takes a snapshot every step of 1,000 updates, the one before
// it staying pinned meanwhile.
func BenchmarkTreeUpdatePinned(b *testing.B) {
	eachSize(b, TreeOptions{}, func(b *testing.B, t *Tree, rows int) {
		var k [benchKey]byte
		var v [benchVal]byte
		last := t.Snapshot()
		for i := range b.N {
			if i%1000 == 0 {
				s := t.Snapshot()
				last.Release()
				last = s
			}
			binary.LittleEndian.PutUint64(v[:], uint64(i)+1)
			_ = t.Put(treeKey(&k, int(scatter(uint64(i))%uint64(rows))), v[:])
		}
		last.Release()
	})
}

func groupKey(k *[18]byte, i int) []byte {
	binary.BigEndian.PutUint64(k[2:], scatter(uint64(i)))
	binary.BigEndian.PutUint64(k[10:], uint64(i))
	return k[:]
}

func fillHash(h *Hash, groups int) {
	var k [18]byte
	for i := range groups {
		key := groupKey(&k, i)
		v, _ := h.Upsert(HashBytes(key), key)
		v[0]++
	}
}

func BenchmarkHashInsert(b *testing.B) {
	for _, groups := range benchSizes() {
		for _, keySize := range []int{18, 0} {
			b.Run(fmt.Sprintf("key=%d/groups=%dM", keySize, groups>>20), func(b *testing.B) {
				for range b.N {
					p := NewPool(PoolOptions{})
					h := NewHash(p, HashOptions{KeySize: keySize, ValueSize: 24})
					fillHash(h, groups)
					b.ReportMetric(float64(h.Bytes())/float64(h.Len()), "bytes/key")
					b.ReportMetric(float64(p.MappedBytes())/float64(h.Len()), "mapped/key")
					p.Close()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(groups), "ns/key")
			})
		}
	}
}

func BenchmarkHashUpdate(b *testing.B) {
	for _, groups := range benchSizes() {
		b.Run(fmt.Sprintf("groups=%dM", groups>>20), func(b *testing.B) {
			p := NewPool(PoolOptions{})
			defer p.Close()
			h := NewHash(p, HashOptions{KeySize: 18, ValueSize: 24})
			fillHash(h, groups)
			var k [18]byte
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				key := groupKey(&k, int(scatter(uint64(i))%uint64(groups)))
				v, _ := h.Upsert(HashBytes(key), key)
				binary.LittleEndian.PutUint64(v, binary.LittleEndian.Uint64(v)+1)
			}
		})
	}
}

// BenchmarkHashUpdateBatch updates as BenchmarkHashUpdate does, 1,024 keys a call.
func BenchmarkHashUpdateBatch(b *testing.B) {
	for _, groups := range benchSizes() {
		b.Run(fmt.Sprintf("groups=%dM", groups>>20), func(b *testing.B) {
			p := NewPool(PoolOptions{})
			defer p.Close()
			h := NewHash(p, HashOptions{KeySize: 18, ValueSize: 24})
			fillHash(h, groups)
			hashes, keys := make([]uint64, 1024), make([][]byte, 1024)
			mem := make([][18]byte, 1024)
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; i < b.N; {
				for j := range keys {
					keys[j] = groupKey(&mem[j], int(scatter(uint64(i))%uint64(groups)))
					hashes[j] = HashBytes(keys[j])
					i++
				}
				h.UpsertBatch(hashes, keys, func(_ int, v []byte, _ bool) {
					binary.LittleEndian.PutUint64(v, binary.LittleEndian.Uint64(v)+1)
				})
			}
		})
	}
}

// BenchmarkHashDrop fills and drops a window of 1 M groups; the drop is the metric.
func BenchmarkHashDrop(b *testing.B) {
	p := NewPool(PoolOptions{})
	defer p.Close()
	var drop time.Duration
	for range b.N {
		w := NewWindowedHash(p, HashOptions{KeySize: 18, ValueSize: 24})
		fillHash(w.Window(1, true), benchGroups)
		start := time.Now()
		w.DropBefore(2)
		drop += time.Since(start)
		w.Close()
		p.Wait()
	}
	b.ReportMetric(float64(drop.Microseconds())/float64(b.N), "drop-µs")
}

// BenchmarkHashFreeze freezes and emits 1 M dirty groups; the stall of the writer and the
// emission are the metrics.
func BenchmarkHashFreeze(b *testing.B) {
	p := NewPool(PoolOptions{})
	defer p.Close()
	h := NewHash(p, HashOptions{KeySize: 18, ValueSize: 24})
	benchFreeze(b, h, func() { fillHash(h, benchGroups) })
}

// BenchmarkTreeFreeze freezes and emits a tree with 1 M changes.
func BenchmarkTreeFreeze(b *testing.B) {
	p := NewPool(PoolOptions{})
	defer p.Close()
	t := NewTree(p, TreeOptions{})
	benchFreeze(b, t, func() { fillTree(b, t, benchRows) })
}

func benchFreeze(b *testing.B, t Table, fill func()) {
	var stall, emit time.Duration
	for range b.N {
		fill()
		start := time.Now()
		f, err := t.Freeze()
		stall += time.Since(start)
		if err != nil {
			b.Fatal(err)
		}
		start = time.Now()
		drainFrozen(b, f)
		emit += time.Since(start)
	}
	b.ReportMetric(float64(stall.Microseconds())/float64(b.N), "stall-µs")
	b.ReportMetric(float64(emit.Nanoseconds())/float64(b.N)/float64(t.Len()), "emit-ns/key")
}

// drainFrozen emits and discards f.
func drainFrozen(b *testing.B, f Frozen) {
	n := 0
	err := f.Emit(
		func(_, _ []byte) error { n++; return nil },
		func(_ []byte) error { n++; return nil },
		func(_, _ []byte) error { return nil })
	if err != nil || n == 0 {
		b.Fatal(n, err)
	}
	f.Discard(false)
}
