package seal

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// fakeKMS wraps by XAES under a key of its own.
type fakeKMS struct {
	name        string
	cipher      *xaes
	failUnwrap  error
	wrapIsNoOp  bool
	wrapCount   int
	unwrapCount int
}

func newFakeKMS(t testing.TB, name string, fill byte) *fakeKMS {
	t.Helper()
	c, err := newXAES(bytes.Repeat([]byte{fill}, keyBytes))
	if err != nil {
		t.Fatal(err)
	}
	return &fakeKMS{name: name, cipher: c}
}

func (f *fakeKMS) ID() string { return f.name }

func (f *fakeKMS) Wrap(_ context.Context, plain []byte) ([]byte, error) {
	f.wrapCount++
	if f.wrapIsNoOp {
		return plain, nil
	}
	return (&Key{cipher: f.cipher}).Seal(nil, plain, nil), nil
}

func (f *fakeKMS) Unwrap(_ context.Context, wrapped []byte) ([]byte, error) {
	f.unwrapCount++
	if f.failUnwrap != nil {
		return nil, f.failUnwrap
	}
	return (&Key{cipher: f.cipher}).Open(nil, wrapped, nil)
}

func newRing(t testing.TB) (*Keyring, *fakeKMS) {
	t.Helper()
	k := newFakeKMS(t, "fake:one", 7)
	r, err := New(context.Background(), k)
	if err != nil {
		t.Fatal(err)
	}
	return r, k
}

func keep([]byte) error { return nil }

// TestXAESVectors are the test vectors of the specification.
func TestXAESVectors(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		fill      byte
		aad, want string
	}{
		{1, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
		{3, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
	} {
		x, err := newXAES(bytes.Repeat([]byte{v.fill}, keyBytes))
		if err != nil {
			t.Fatal(err)
		}
		gcm, rest, err := x.aead([]byte("ABCDEFGHIJKLMNOPQRSTUVWX"))
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(gcm.Seal(nil, rest, []byte("XAES-256-GCM"), []byte(v.aad))); got != v.want {
			t.Errorf("key of %d: %s, want %s", v.fill, got, v.want)
		}
	}
}

// TestBox: a box opens at its place and nowhere else, and no bit of it can change.
func TestBox(t *testing.T) {
	t.Parallel()
	ring, _ := newRing(t)
	other, _ := newRing(t)
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		place := rapid.SliceOf(rapid.Byte()).Draw(t, "place")
		box := ring.Current().Seal([]byte("before"), plain, place)
		if !bytes.HasPrefix(box, []byte("before")) {
			t.Fatal("Seal did not append")
		}
		box = box[len("before"):]
		if len(box) != len(plain)+Overhead {
			t.Fatalf("a box of %d bytes for %d", len(box), len(plain))
		}
		got, err := ring.Open([]byte("x"), box, place)
		if err != nil || !bytes.Equal(got, append([]byte("x"), plain...)) {
			t.Fatalf("opened %x, %v", got, err)
		}
		if bytes.Equal(ring.Current().Seal(nil, plain, place), box) {
			t.Fatal("two boxes of the same bytes are equal")
		}
		if _, err := ring.Open(nil, box, append(slices.Clone(place), 0)); !errors.Is(err, ErrNotAuthentic) {
			t.Fatalf("at another place: %v", err)
		}
		if _, err := other.Open(nil, box, place); !errors.Is(err, ErrUnknownKey) {
			t.Fatalf("with another keyring: %v", err)
		}
		bad := slices.Clone(box)
		bit := rapid.IntRange(0, len(bad)*8-1).Draw(t, "bit")
		bad[bit/8] ^= 1 << (bit % 8)
		if _, err := ring.Open(nil, bad, place); !errors.Is(err, ErrNotAuthentic) && !errors.Is(err, ErrUnknownKey) {
			t.Fatalf("with bit %d changed: %v", bit, err)
		}
		cut := rapid.IntRange(0, len(box)-1).Draw(t, "cut")
		if _, err := ring.Open(nil, box[:cut], place); !errors.Is(err, ErrNotAuthentic) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		// In place, both ways.
		buf := append(make([]byte, Headroom, Headroom+len(plain)+tagBytes), plain...)
		inPlace := ring.Current().Seal(buf[:0], buf[Headroom:], place)
		if got, err := ring.Open(inPlace[Headroom:Headroom], inPlace, place); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("in place: %x, %v", got, err)
		}
	})
}

// TestKeyringKeeps: what any key of a ring sealed opens after every rotation, re-wrapping, encoding and loading.
func TestKeyringKeeps(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	rapid.Check(t, func(rt *rapid.T) {
		kms := newFakeKMS(t, "fake:one", 7)
		ring, err := New(ctx, kms)
		if err != nil {
			rt.Fatal(err)
		}
		var boxes [][]byte
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			boxes = append(boxes, ring.Current().Seal(nil, []byte("value"), nil))
			switch rapid.IntRange(0, 3).Draw(rt, "step") {
			case 0:
				before := ring.Current().ID()
				if err := ring.Rotate(ctx, kms, keep); err != nil || ring.Current().ID() == before {
					rt.Fatalf("rotate: %v", err)
				}
			case 1:
				kms = newFakeKMS(t, fmt.Sprintf("fake:%d", len(boxes)), byte(len(boxes)))
				if err := ring.Rewrap(ctx, kms, keep); err != nil {
					rt.Fatal(err)
				}
			case 2:
				encoded := ring.Encode()
				if ring, err = Load(ctx, encoded, kms); err != nil || !bytes.Equal(ring.Encode(), encoded) {
					rt.Fatalf("load: %v", err)
				}
			case 3:
				other, err := New(ctx, newFakeKMS(t, "fake:other", 99))
				if err != nil {
					rt.Fatal(err)
				}
				boxes = append(boxes, other.Current().Seal(nil, []byte("value"), nil))
				if err := ring.Merge(ctx, other, kms, keep); err != nil {
					rt.Fatal(err)
				}
			}
			for i, b := range boxes {
				if got, err := ring.Open(nil, b, nil); err != nil || string(got) != "value" {
					rt.Fatalf("box %d: %q, %v", i, got, err)
				}
			}
		}
		used, _ := BoxKey(boxes[0])
		if _, err := ring.Prune([]KeyID{used}, keep); err != nil || len(ring.Keys()) > 2 {
			rt.Fatalf("pruned to %d keys, %v", len(ring.Keys()), err)
		}
		if _, err := ring.Open(nil, boxes[0], nil); err != nil {
			rt.Fatal(err)
		}
	})
}

// TestPublishFirst: a key that could not be stored everywhere seals nothing.
func TestPublishFirst(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	ring, kms := newRing(t)
	before, encoded := ring.Current().ID(), ring.Encode()
	full := errors.New("disk is full")
	if err := ring.Rotate(ctx, kms, func([]byte) error { return full }); !errors.Is(err, full) {
		t.Fatalf("rotate: %v", err)
	}
	if ring.Current().ID() != before || !bytes.Equal(ring.Encode(), encoded) {
		t.Fatal("the keyring changed although it could not be stored")
	}
	kms.failUnwrap = errors.New("access denied")
	if err := ring.Rewrap(ctx, kms, keep); !errors.Is(err, kms.failUnwrap) || !bytes.Equal(ring.Encode(), encoded) {
		t.Fatalf("a master key that only wraps was taken: %v", err)
	}
	kms.failUnwrap, kms.wrapIsNoOp = nil, true
	if err := ring.Rewrap(ctx, kms, keep); err == nil || !bytes.Equal(ring.Encode(), encoded) {
		t.Fatalf("a master key that wraps nothing was taken: %v", err)
	}
	kms.wrapIsNoOp = false
	for range MaxKeys - 1 {
		ring.state.Store(&ringState{current: ring.Current(), keys: append(ring.state.Load().keys, ring.Current())})
	}
	if err := ring.Rotate(ctx, kms, keep); !errors.Is(err, ErrTooManyKeys) {
		t.Fatalf("key %d: %v", MaxKeys+1, err)
	}
}

// TestLoadRefuses: nothing but what Encode wrote is a keyring, and a wrong master key is named.
func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	ring, kms := newRing(t)
	good := ring.Encode()
	if strings.Contains(string(good), hex.EncodeToString(ring.Current().plain[:])) || bytes.Contains(good, ring.Current().plain[:]) {
		t.Fatal("the data key is in keyring.json")
	}
	edit := func(old, new string) []byte { return bytes.Replace(good, []byte(old), []byte(new), 1) }
	for name, b := range map[string][]byte{
		"empty":         {},
		"cut":           good[:len(good)/2],
		"trailing":      append(slices.Clone(good), ' '),
		"newer":         edit(`"version": 1`, `"version": 2`),
		"edited":        edit(`fake:one`, `fake:two`),
		"unknown field": edit(`"version": 1,`, `"version": 1, "x": 1,`),
		"case":          edit(`"current"`, `"Current"`),
		"no key":        keyringFile{Version: 1, Current: ring.Current().id.String()}.encode(),
		"not listed":    keyringFile{Version: 1, Current: "0000000000000001", Keys: ring.state.Load().stored}.encode(),
		"twice":         keyringFile{Version: 1, Current: ring.Current().id.String(), Keys: append(slices.Clone(ring.state.Load().stored), ring.state.Load().stored...)}.encode(),
		"too large":     bytes.Repeat([]byte{' '}, maxFileBytes+1),
	} {
		if _, err := Load(ctx, b, kms); !errors.Is(err, ErrKeyring) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wrong := newFakeKMS(t, "fake:wrong", 8)
	_, err := Load(ctx, good, wrong)
	if err == nil || !strings.Contains(err.Error(), "fake:one") || !strings.Contains(err.Error(), "fake:wrong") {
		t.Errorf("another master key: %v", err)
	}
	// Wrapped keys that changed places are no keys.
	if err := ring.Rotate(ctx, kms, keep); err != nil {
		t.Fatal(err)
	}
	keys := slices.Clone(ring.state.Load().stored)
	keys[0].Wrapped, keys[1].Wrapped = keys[1].Wrapped, keys[0].Wrapped
	if _, err := Load(ctx, keyringFile{Version: 1, Current: keys[0].ID, Keys: keys}.encode(), kms); !errors.Is(err, ErrKeyring) {
		t.Errorf("exchanged keys: %v", err)
	}
}

// TestFiles: the keyring's file is replaced as a whole and readable by its owner alone.
func TestFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := ReadFile(dir); !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	ring, kms := newRing(t)
	for range 3 {
		err := ring.Rotate(context.Background(), kms, func(b []byte) error { return WriteFile(dir, b) })
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ReadFile(dir); err != nil || !bytes.Equal(got, ring.Encode()) {
			t.Fatalf("read back: %v", err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, FileName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	if err := WriteFile(filepath.Join(dir, "gone"), ring.Encode()); err == nil {
		t.Fatal("written into a directory that does not exist")
	}
}

func TestMark(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ring, _ := newRing(t)
	other, _ := newRing(t)
	if box, err := ReadMark(dir); box != nil || err != nil {
		t.Fatalf("%x, %v", box, err)
	}
	if err := WriteMark(dir, ring); err != nil {
		t.Fatal(err)
	}
	box, err := ReadMark(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := ring.OpenMark(box); err != nil {
		t.Error(err)
	}
	if err := other.OpenMark(box); !errors.Is(err, ErrUnknownKey) {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, MarkName), []byte("sealed"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadMark(dir); err == nil {
		t.Error("a damaged mark was read")
	}
}

func FuzzLoad(f *testing.F) {
	ring, kms := newRing(f)
	f.Add(ring.Encode())
	f.Add([]byte(`{"version":1}`))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := Load(context.Background(), b, kms)
		if err == nil && !bytes.Equal(got.Encode(), b) {
			t.Fatalf("%q was read as %q", b, got.Encode())
		}
	})
}

func FuzzOpen(f *testing.F) {
	ring, _ := newRing(f)
	f.Add(ring.Current().Seal(nil, []byte("a value"), []byte("place")))
	f.Add(make([]byte, Overhead))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if plain, err := ring.Open(nil, b, []byte("place")); err == nil && string(plain) != "a value" {
			t.Fatalf("forged: %q", plain)
		}
		clean := bytes.Clone(b)
		if _, err := ring.Open(nil, b, []byte("elsewhere")); err == nil {
			t.Fatal("opened at another place")
		}
		if !bytes.Equal(clean, b) {
			t.Fatal("Open changed the box")
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	ring, _ := newRing(b)
	for _, size := range []int{256, 4 << 10, 64 << 10, 512 << 10} {
		plain := make([]byte, size)
		var box, back []byte
		b.Run(fmt.Sprintf("seal/%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				box = ring.Current().Seal(box[:0], plain, nil)
			}
		})
		b.Run(fmt.Sprintf("open/%d", size), func(b *testing.B) {
			box = ring.Current().Seal(nil, plain, nil)
			b.SetBytes(int64(size))
			for b.Loop() {
				var err error
				if back, err = ring.Open(back[:0], box, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
