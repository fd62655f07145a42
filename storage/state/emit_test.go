package state

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestMergeTies merges entries whose keys share long stretches, or are prefixes
// of each other, and compares with a map.
func TestMergeTies(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		p := NewPool(PoolOptions{})
		defer p.Close()
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		letters := rapid.SampledFrom([]string{"\x00a", "a", "\x00\x01\xff", "abcdefgh"}).Draw(rt, "letters")
		fixed := rapid.Bool().Draw(rt, "fixed")
		longest := rapid.IntRange(1, 40).Draw(rt, "longest")
		stems := rapid.IntRange(1, 50).Draw(rt, "stems")
		var parts []string
		for range stems {
			b := make([]byte, rng.IntN(longest+1))
			for i := range b {
				b[i] = letters[rng.IntN(len(letters))]
			}
			if fixed {
				b = append(b, make([]byte, longest-len(b))...)
			}
			parts = append(parts, string(b))
		}
		want := map[string]string{}
		var segs []*segment
		for range rapid.IntRange(1, 4).Draw(rt, "segments") {
			s := newSegment(p)
			for range rapid.IntRange(0, 1500).Draw(rt, "entries") {
				key := parts[rng.IntN(stems)] + parts[rng.IntN(stems)]
				val := string(rune('a' + rng.IntN(26)))
				if rng.IntN(4) == 0 {
					s.add([]byte(key), nil, true)
					want[key] = "deleted"
				} else {
					s.add([]byte(key), []byte(val), false)
					want[key] = val
				}
			}
			segs = append(segs, s)
		}
		last, n := "", 0
		seen := func(key, val string) error {
			if n > 0 && key <= last {
				rt.Fatalf("%q after %q", key, last)
			}
			if want[key] != val {
				rt.Fatalf("%q: %q, not %q", key, val, want[key])
			}
			last, n = key, n+1
			return nil
		}
		err := emitSegments(p, segs, func(key, val []byte) error { return seen(string(key), string(val)) },
			func(key []byte) error { return seen(string(key), "deleted") }, nil)
		if err != nil || n != len(want) {
			rt.Fatalf("%d of %d keys: %v; %q", n, len(want), err, slices.Sorted(maps.Keys(want)))
		}
		for _, s := range segs {
			s.free()
		}
	})
}

// BenchmarkMerge merges changes of keys that share their first bytes in groups,
// as those of windows do. One iteration is one change.
func BenchmarkMerge(b *testing.B) {
	p := NewPool(PoolOptions{})
	defer p.Close()
	rng := rand.New(rand.NewPCG(1, 1))
	s := newSegment(p)
	key := make([]byte, 28)
	for i := range b.N {
		key[8] = byte(i >> 14)
		key[9], key[17], key[18], key[27] = byte(rng.IntN(5)), byte(rng.IntN(4)), byte(rng.Uint32()), byte(rng.IntN(8))
		if i%3 == 0 {
			s.add(key, nil, true)
		} else {
			s.add(key, key[:4], false)
		}
	}
	b.ResetTimer()
	none := func(_, _ []byte) error { return nil }
	if err := emitSegments(p, []*segment{s}, none, func([]byte) error { return nil }, none); err != nil {
		b.Fatal(err)
	}
}
