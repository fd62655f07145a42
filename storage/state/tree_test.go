package state

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// model is the oracle of a Tree.
type model map[string]string

func (m model) keys() []string {
	ks := make([]string, 0, len(m))
	for k := range m {
		ks = append(ks, k)
	}
	slices.Sort(ks)
	return ks
}

func (m model) clone() model {
	c := model{}
	for k, v := range m {
		c[k] = v
	}
	return c
}

// reader is what Tree and Snapshot have in common.
type reader interface {
	Get(key []byte) ([]byte, bool)
	Cursor() Cursor
	Len() int
	ScanPrefix(prefix []byte, fn func(k, v []byte) bool)
}

var (
	_ reader = (*Tree)(nil)
	_ reader = (*Snapshot)(nil)
)

// checkReader compares a tree or snapshot with the model, both ways.
func checkReader(r reader, m model) error {
	keys := m.keys()
	if r.Len() != len(keys) {
		return fmt.Errorf("Len %d, want %d", r.Len(), len(keys))
	}
	c := r.Cursor()
	i := 0
	for ok := c.Seek(nil); ok; ok = c.Next() {
		if i >= len(keys) || string(c.Key()) != keys[i] || string(c.Value()) != m[keys[i]] {
			return fmt.Errorf("entry %d differs", i)
		}
		i++
	}
	if i != len(keys) {
		return fmt.Errorf("%d entries forward, want %d", i, len(keys))
	}
	for ok := c.SeekLast(); ok; ok = c.Prev() {
		i--
		if i < 0 || string(c.Key()) != keys[i] {
			return fmt.Errorf("entry %d differs backward", i)
		}
	}
	if i != 0 {
		return fmt.Errorf("%d entries left backward", i)
	}
	return nil
}

// checkTree verifies the structure from the root: order across pages and fences, heights.
func checkTree(t *Tree) error {
	if t.root == 0 {
		if t.count != 0 {
			return fmt.Errorf("empty root, count %d", t.count)
		}
		return nil
	}
	leafDepth := -1
	var walk func(ref uint64, d int, lo, hi []byte) error
	walk = func(ref uint64, d int, lo, hi []byte) error {
		p := t.page(ref)
		t.checkPage(p)
		for i := range p.n() {
			k := t.key(p, i)
			if lo != nil && bytes.Compare(k, lo) < 0 || hi != nil && bytes.Compare(k, hi) >= 0 {
				return fmt.Errorf("key outside of its fences")
			}
		}
		if p.leaf() {
			if leafDepth < 0 {
				leafDepth = d
			}
			if d != leafDepth || p.n() == 0 {
				return fmt.Errorf("leaf at depth %d of %d with %d entries", d, leafDepth, p.n())
			}
			return nil
		}
		for i := range p.n() + 1 {
			l, h := lo, hi
			if i > 0 {
				l = t.key(p, i-1)
			}
			if i < p.n() {
				h = t.key(p, i)
			}
			if err := walk(p.child(i), d+1, l, h); err != nil {
				return err
			}
		}
		return nil
	}
	return walk(t.root, 0, nil, nil)
}

// keyGen draws keys of several shapes: dense, prefixed, random, long, empty.
func keyGen() *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		switch n := rapid.IntRange(0, 3000).Draw(t, "n"); rapid.IntRange(0, 9).Draw(t, "shape") {
		case 0, 1, 2, 3:
			return fmt.Appendf(nil, "k%06d", n)
		case 4, 5, 6:
			return fmt.Appendf(nil, "some/longer/prefix/%d/%d", n%7, n)
		case 7:
			return rapid.SliceOfN(rapid.Byte(), 0, 4).Draw(t, "bytes")
		case 8:
			return append(bytes.Repeat([]byte{'p'}, n), 'x')
		default:
			return bytes.Repeat([]byte{byte(n)}, 1+n%300)
		}
	})
}

func valGen() *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		n := rapid.IntRange(0, 100).Draw(t, "len")
		if n > 95 {
			n *= rapid.IntRange(1, 300).Draw(t, "times")
		}
		return bytes.Repeat([]byte{rapid.Byte().Draw(t, "v")}, n)
	})
}

// machine drives a tree and its model with random operations.
type machine struct {
	tree  *Tree
	m     model
	snaps []*Snapshot
	views []model
}

func (x *machine) step(rt *rapid.T) {
	switch rapid.IntRange(0, 19).Draw(rt, "op") {
	case 0:
		x.snaps = append(x.snaps, x.tree.Snapshot())
		x.views = append(x.views, x.m.clone())
	case 1:
		if n := len(x.snaps); n > 0 {
			i := rapid.IntRange(0, n-1).Draw(rt, "release")
			if err := checkReader(x.snaps[i], x.views[i]); err != nil {
				rt.Fatalf("snapshot: %v", err)
			}
			x.snaps[i].Release()
			x.snaps = slices.Delete(x.snaps, i, i+1)
			x.views = slices.Delete(x.views, i, i+1)
		}
	case 2:
		x.deleteRange(rt)
	case 3, 4:
		k := keyGen().Draw(rt, "k")
		_, want := x.m[string(k)]
		if got := x.tree.Delete(k); got != want {
			rt.Fatalf("Delete(%q) = %v", k, got)
		}
		delete(x.m, string(k))
	case 5: // a run of neighbours
		base := rapid.IntRange(0, 100000).Draw(rt, "base")
		for i := range rapid.IntRange(1, 300).Draw(rt, "count") {
			x.put(rt, fmt.Appendf(nil, "k%06d", base+i), []byte("run of neighbours"))
		}
	case 6: // delete a run
		base := rapid.IntRange(0, 100000).Draw(rt, "base")
		for i := range rapid.IntRange(1, 300).Draw(rt, "count") {
			k := fmt.Sprintf("k%06d", base+i)
			_, want := x.m[k]
			if got := x.tree.Delete([]byte(k)); got != want {
				rt.Fatalf("Delete(%q) = %v", k, got)
			}
			delete(x.m, k)
		}
	case 7:
		if rapid.IntRange(0, 20).Draw(rt, "clear") == 0 {
			x.tree.Clear()
			clear(x.m)
		}
	default:
		x.put(rt, keyGen().Draw(rt, "k"), valGen().Draw(rt, "v"))
	}
}

func (x *machine) put(rt *rapid.T, k, v []byte) {
	if err := x.tree.Put(k, v); err != nil {
		rt.Fatal(err)
	}
	x.m[string(k)] = string(v)
	if got, ok := x.tree.Get(k); !ok || string(got) != string(v) {
		rt.Fatalf("Get(%q) after Put", k)
	}
}

func (x *machine) deleteRange(rt *rapid.T) {
	lo, hi := keyGen().Draw(rt, "lo"), keyGen().Draw(rt, "hi")
	if bytes.Compare(lo, hi) > 0 {
		lo, hi = hi, lo
	}
	if rapid.IntRange(0, 9).Draw(rt, "open") == 0 {
		hi = nil
	}
	want := 0
	for k := range x.m {
		if k >= string(lo) && (hi == nil || k < string(hi)) {
			delete(x.m, k)
			want++
		}
	}
	if got := x.tree.DeleteRange(lo, hi); got != want {
		rt.Fatalf("DeleteRange = %d, want %d", got, want)
	}
}

func (x *machine) check(rt *rapid.T) {
	if err := checkTree(x.tree); err != nil {
		rt.Fatal(err)
	}
	if err := checkReader(x.tree, x.m); err != nil {
		rt.Fatal(err)
	}
	for i, s := range x.snaps {
		if err := checkReader(s, x.views[i]); err != nil {
			rt.Fatalf("snapshot %d: %v", i, err)
		}
	}
}

func TestTreeModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		pool := NewPool(PoolOptions{})
		defer pool.Close()
		x := &machine{tree: NewTree(pool, TreeOptions{}), m: model{}}
		for range rapid.IntRange(1, 120).Draw(rt, "steps") {
			x.step(rt)
		}
		x.check(rt)
		x.tree.Close()
		for i, s := range x.snaps {
			if err := checkReader(s, x.views[i]); err != nil {
				rt.Fatalf("snapshot %d after close: %v", i, err)
			}
			s.Release()
		}
		pool.Wait()
		if n := pool.Bytes(); n != 0 {
			rt.Fatalf("%d bytes leaked", n)
		}
	})
}
