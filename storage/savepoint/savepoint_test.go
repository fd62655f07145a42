package savepoint

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heliosdb/heliosdb-streaming/storage/epoch"
	"github.com/heliosdb/heliosdb-streaming/storage/object"
	"github.com/heliosdb/heliosdb-streaming/storage/seal"
)

// fakeKMS "wraps" by turning bits around.
type fakeKMS struct{ mask byte }

func (k fakeKMS) ID() string { return fmt.Sprintf("fake:%d", k.mask) }
func (k fakeKMS) turn(b []byte) ([]byte, error) {
	out := bytes.Clone(b)
	for i := range out {
		out[i] ^= k.mask
	}
	return out, nil
}
func (k fakeKMS) Wrap(_ context.Context, b []byte) ([]byte, error)   { return k.turn(b) }
func (k fakeKMS) Unwrap(_ context.Context, b []byte) ([]byte, error) { return k.turn(b) }

// newStore has three epochs in it, with deletions and several blocks.
func newStore(t *testing.T, ring *seal.Keyring) (*epoch.Store, map[string]string) {
	t.Helper()
	s, err := epoch.Open(epoch.Options{Dir: t.TempDir(), Keyring: ring, NoMerge: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	want := map[string]string{}
	for e := range 3 {
		w, err := s.Begin()
		if err != nil {
			t.Fatal(err)
		}
		for table := range 3 {
			r := w.Run(epoch.TableID(table + 1))
			for i := e; i < 4000; i += e + 1 {
				k := fmt.Sprintf("key-%06d", i)
				if e == 2 && i%7 == 0 {
					err = errors.Join(err, r.Delete([]byte(k)))
					delete(want, fmt.Sprint(table+1, k))
					continue
				}
				v := fmt.Sprintf("plaintext-%d-%d-%d", e, table, i)
				err = errors.Join(err, r.Put([]byte(k), []byte(v)))
				want[fmt.Sprint(table+1, k)] = v
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Commit(uint64(e+1), []byte("the meta plaintext")); err != nil {
			t.Fatal(err)
		}
	}
	return s, want
}

func create(t *testing.T, s *epoch.Store, b object.Bucket, ring *seal.Keyring) Info {
	t.Helper()
	snap, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	i, err := Create(t.Context(), b, snap, ring, Info{Name: "test", Program: "1", Jobs: 3})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func contents(t *testing.T, s *epoch.Store) map[string]string {
	t.Helper()
	got := map[string]string{}
	for id := range s.Manifest().Tables {
		if err := s.Load(id, func(k, v []byte) error {
			got[fmt.Sprint(uint64(id), string(k))] = string(v)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	return got
}

func objects(t *testing.T, b object.Bucket) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for o, err := range b.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		data, _, err := object.ReadAll(t.Context(), b, o.Key, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		out[o.Key] = data
	}
	return out
}

func put(t *testing.T, b object.Bucket, key string, data []byte) {
	t.Helper()
	if err := b.Put(t.Context(), key, object.Bytes(data), object.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, sealed := range []bool{false, true} {
		t.Run(fmt.Sprint("sealed ", sealed), func(t *testing.T) {
			t.Parallel()
			kms := fakeKMS{77}
			var ring *seal.Keyring
			var err error
			if sealed {
				if ring, err = seal.New(t.Context(), kms); err != nil {
					t.Fatal(err)
				}
			}
			s, want := newStore(t, ring)
			b := object.NewMemory()
			made := create(t, s, b, ring)
			if _, err := Verify(t.Context(), b, Prefix+made.ID); err != nil {
				t.Fatal(err)
			}
			// Copied elsewhere, under another name: what it is called is its folder.
			elsewhere, err := object.OpenFolder(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			for k, data := range objects(t, b) {
				if sealed && bytes.Contains(data, []byte("plaintext")) {
					t.Errorf("plaintext in %s", k)
				}
				put(t, elsewhere, strings.Replace(k, made.ID, "12345", 1), data)
			}
			list, _, err := List(t.Context(), elsewhere)
			if err != nil || len(list) != 1 || list[0].ID != "12345" || list[0].Epoch != 3 || list[0].Name != "test" {
				t.Fatalf("%+v %v", list, err)
			}
			raw, err := Keyring(t.Context(), elsewhere, list[0])
			if err != nil || (raw != nil) != sealed {
				t.Fatal(err)
			}
			var opened *seal.Keyring
			if sealed {
				if opened, err = seal.Load(t.Context(), raw, kms); err != nil {
					t.Fatal(err)
				}
			}
			o, err := OpenTables(t.Context(), elsewhere, list[0], opened, filepath.Join(t.TempDir(), "x"), epoch.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := contents(t, o.Store); !maps.Equal(got, want) {
				t.Errorf("%d entries, want %d", len(got), len(want))
			}
			if got := string(o.Store.Manifest().Meta); got != "the meta plaintext" {
				t.Errorf("meta %q", got)
			}
			if err := o.Close(); err != nil {
				t.Error(err)
			}
			if err := Delete(t.Context(), elsewhere, "12345"); err != nil || len(objects(t, elsewhere)) != 0 {
				t.Errorf("after Delete: %v, %d objects", err, len(objects(t, elsewhere)))
			}
			if err := Delete(t.Context(), elsewhere, "12345"); !errors.Is(err, ErrNotFound) {
				t.Error(err)
			}
		})
	}
}

// Whatever byte is wrong or object missing, a restore says so.
func TestDamage(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t, nil)
	b := object.NewMemory()
	made := create(t, s, b, nil)
	for k, data := range objects(t, b) {
		check := func(what string) {
			t.Helper()
			_, err := Verify(t.Context(), b, made.ID)
			if err == nil {
				t.Errorf("%s %s: not noticed", k, what)
				return
			}
			i, err := Read(t.Context(), b, made.ID)
			if err == nil {
				dir := filepath.Join(t.TempDir(), "x")
				_, err = OpenTables(t.Context(), b, i, nil, dir, epoch.Options{})
				if left, _ := filepath.Glob(dir); len(left) > 0 {
					t.Error("a failed restore leaves its directory")
				}
			}
			if err == nil {
				t.Errorf("%s %s: restored", k, what)
			}
		}
		if !strings.HasSuffix(k, describeName) {
			for _, at := range []int{0, len(data) / 2, len(data) - 1} {
				bad := bytes.Clone(data)
				bad[at] ^= 1
				put(t, b, k, bad)
				check(fmt.Sprint("byte ", at))
			}
			put(t, b, k, append(bytes.Clone(data), 0))
			check("longer")
		}
		put(t, b, k, data[:len(data)-2])
		check("shorter")
		if err := b.Delete(t.Context(), k); err != nil {
			t.Fatal(err)
		}
		check("missing")
		put(t, b, k, data)
	}
	if _, err := Verify(t.Context(), b, made.ID); err != nil {
		t.Error(err)
	}
}

func TestFormatAndID(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t, nil)
	b := object.NewMemory()
	made := create(t, s, b, nil)
	key := made.key(describeName)
	var doc map[string]any
	if err := json.Unmarshal(objects(t, b)[key], &doc); err != nil {
		t.Fatal(err)
	}
	doc["format"], doc["program"] = 99, "99.1"
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	put(t, b, key, raw)
	if _, err := Read(t.Context(), b, made.ID); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), `"99.1"`) {
		t.Error(err)
	}
	for _, id := range []string{"", "../x", "savepoint-", "a/b", ".x", "a..b", strings.Repeat("x", 81), "savepoint-a b"} {
		if _, err := Read(t.Context(), b, id); !errors.Is(err, ErrID) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if id, err := ParseID("savepoint-12345/"); id != "12345" || err != nil {
		t.Error(id, err)
	}
}

// failing ends every Put from the n-th on, and every Delete.
type failing struct {
	object.Bucket
	left atomic.Int64
}

func (f *failing) Put(ctx context.Context, key string, body object.Body, o object.PutOptions) error {
	if f.left.Add(-1) < 0 {
		return errors.New("no more")
	}
	return f.Bucket.Put(ctx, key, body, o)
}

// putsFail is failing that can still delete; a Put that fails has its effect.
type putsFail struct {
	object.Bucket
	left atomic.Int64
}

func (f *putsFail) Put(ctx context.Context, key string, body object.Body, o object.PutOptions) error {
	err := f.Bucket.Put(ctx, key, body, o)
	if f.left.Add(-1) < 0 {
		return errors.New("no answer")
	}
	return err
}

func (f *failing) Delete(context.Context, ...string) error { return errors.New("no more") }

// A crash at any Put leaves a savepoint that is not listed, and that Clean removes.
func TestIncomplete(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t, nil)
	snap, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	for n := 0; ; n++ {
		b := object.NewMemory()
		limited := &failing{Bucket: b}
		limited.left.Store(int64(n))
		_, err := Create(t.Context(), limited, snap, nil, Info{})
		list, unread, lerr := List(t.Context(), b)
		if lerr != nil {
			t.Fatal(lerr)
		}
		if err == nil {
			if len(list) != 1 || n < 4 {
				t.Errorf("complete after %d: %v", n, list)
			}
			// One that cannot be read is not passed over in silence.
			if err := b.Put(t.Context(), Prefix+"x/savepoint.json", object.Bytes("{"), object.PutOptions{}); err != nil {
				t.Fatal(err)
			}
			list, unread, err := List(t.Context(), b)
			if err != nil || len(list) != 1 || len(unread) != 1 || !errors.Is(unread[0], ErrDamaged) || !strings.Contains(unread[0].Error(), "savepoint-x") {
				t.Error(list, unread, err)
			}
			break
		}
		if len(list) != 0 || len(unread) != 0 {
			t.Fatalf("listed after %d", n)
		}
		// Where it can, a failed one removes what it wrote at once.
		tidy := struct{ object.Bucket }{object.NewMemory()}
		short := &putsFail{Bucket: tidy}
		short.left.Store(int64(n))
		if _, err := Create(t.Context(), short, snap, nil, Info{}); err == nil || len(objects(t, tidy)) != 0 {
			t.Errorf("after %d: %v, and it leaves %v", n, err, slices.Collect(maps.Keys(objects(t, tidy))))
		}
		if c, err := Clean(t.Context(), b, time.Now().Add(-time.Hour)); c != 0 || err != nil {
			t.Errorf("a young one was cleaned away: %d %v", c, err)
		}
		if _, err := Clean(t.Context(), b, time.Now().Add(time.Hour)); err != nil || len(objects(t, b)) != 0 {
			t.Errorf("left after Clean: %v %v", slices.Collect(maps.Keys(objects(t, b))), err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"format":1,"id":"x","files":[{"name":"manifest","bytes":1,"sha256":""}]}`))
	f.Add([]byte(`{"format":2}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		i, err := decode(raw, "x")
		if err == nil && (i.ID != "x" || len(i.Files) == 0) {
			t.Fatalf("%+v", i)
		}
	})
}
