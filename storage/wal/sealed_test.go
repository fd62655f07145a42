package wal

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/storage/seal"
	"pgregory.net/rapid"
)

// testKMS hides a data key well enough for tests of what is done with it.
type testKMS struct{}

func (testKMS) ID() string { return "test" }

func (testKMS) Wrap(_ context.Context, plain []byte) ([]byte, error) {
	out := bytes.Clone(plain)
	for i := range out {
		out[i] ^= 0x5a
	}
	return out, nil
}

func (k testKMS) Unwrap(ctx context.Context, wrapped []byte) ([]byte, error) {
	return k.Wrap(ctx, wrapped)
}

func newRing() *seal.Keyring {
	ring, err := seal.New(context.Background(), testKMS{})
	if err != nil {
		panic(err)
	}
	return ring
}

// TestSealedLog: records of any sizes read back over rotations of the key and restarts; an old key is in use exactly
// as long as the log has records that it sealed; and they travel as they are stored.
func TestSealedLog(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "wal-sealed-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		ring := newRing()
		opt := Options{SegmentBytes: int64(rapid.IntRange(100, 3000).Draw(t, "segment")), Keyring: ring}
		l, err := Open(dir, opt)
		if err != nil {
			t.Fatal(err)
		}
		var want [][]byte
		keys := map[uint64]seal.KeyID{} // by position
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				if err := ring.Rotate(context.Background(), testKMS{}, func([]byte) error { return nil }); err != nil {
					t.Fatal(err)
				}
			case 1:
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
				if _, err := Verify(dir, ring); err != nil {
					t.Fatal(err)
				}
				if l, err = Open(dir, opt); err != nil {
					t.Fatal(err)
				}
			case 2:
				if err := l.TruncateBefore(uint64(rapid.IntRange(0, len(want)+1).Draw(t, "position"))); err != nil {
					t.Fatal(err)
				}
			default:
				for range rapid.IntRange(1, 4).Draw(t, "records") {
					payload := append([]byte("plaintext"), rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "payload")...)
					pos, err := l.Append(byte(len(want)), payload)
					if err != nil {
						t.Fatal(err)
					}
					want = append(want, payload)
					keys[pos] = ring.Current().ID()
				}
				if err := l.Sync(l.LastPos()); err != nil {
					t.Fatal(err)
				}
			}
			checkSealedLog(t, l, want, keys)
		}
		copied := filepath.Join(dir, "copy")
		records := make([]Raw, 0, len(want))
		err = l.ReadRaw(0, func(r Raw) error {
			if bytes.Contains(r.Payload, []byte("plaintext")) {
				return errors.New("plaintext leaves the log")
			}
			r.Payload = bytes.Clone(r.Payload)
			records = append(records, r)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := Import(copied, opt, l.FirstPos(), each(records, nil)); err != nil {
			t.Fatal(err)
		}
		other, err := Open(copied, opt)
		if err != nil {
			t.Fatal(err)
		}
		checkSealedLog(t, other, want, keys)
		if err := errors.Join(l.Close(), other.Close()); err != nil {
			t.Fatal(err)
		}
	})
}

func checkSealedLog(t *rapid.T, l *Log, want [][]byte, keys map[uint64]seal.KeyID) {
	next := l.FirstPos()
	used := map[seal.KeyID]bool{}
	err := l.Read(0, func(pos uint64, kind byte, payload []byte) error {
		if pos != next || kind != byte(pos-1) || !bytes.Equal(payload, want[pos-1]) {
			return fmt.Errorf("record %d is not what was written", pos)
		}
		used[keys[pos]] = true
		next++
		return nil
	})
	if err != nil || next != uint64(len(want))+1 {
		t.Fatalf("read up to %d of %d: %v", next-1, len(want), err)
	}
	got := l.KeysInUse()
	if len(got) != len(used) || slices.ContainsFunc(got, func(id seal.KeyID) bool { return !used[id] }) {
		t.Fatalf("keys in use %v, want %v", got, used)
	}
}

// TestSealedRecordAltered: a record with a right checksum that is not what was sealed for its place does not open.
func TestSealedRecordAltered(t *testing.T) {
	t.Parallel()
	ring := newRing()
	for name, change := range map[string]func(first, second []byte){
		"another record's payload": func(first, second []byte) { copy(first[frameLen:], second[frameLen:]) },
		"another kind":             func(first, _ []byte) { first[frameLen-1]++ },
		"a bit of the ciphertext":  func(first, _ []byte) { first[frameLen+seal.Headroom] ^= 1 },
	} {
		dir := t.TempDir()
		opt := Options{Keyring: ring}
		l, err := Open(dir, opt)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := l.Append(1, []byte("the same length")); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(l.Sync(2), l.Close()); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, logFolder, segmentName(1))
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		head, err := decodeHeader(b)
		if err != nil || !head.sealed {
			t.Fatalf("%+v, %v", head, err)
		}
		n := frameLen + int(binary.LittleEndian.Uint32(b[headerLen:]))
		first, second := b[headerLen:headerLen+n], b[headerLen+n:]
		change(first, second)
		sealFrame(first, head.salt)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Verify(dir, ring); !errors.Is(err, ErrCorrupt) || !errors.Is(err, seal.ErrNotAuthentic) {
			t.Errorf("%s: Verify: %v", name, err)
		}
		if l, err = Open(dir, opt); err != nil {
			t.Fatal(err)
		}
		err = l.Read(0, func(uint64, byte, []byte) error { return nil })
		if !errors.Is(err, ErrCorrupt) || !errors.Is(err, seal.ErrNotAuthentic) {
			t.Errorf("%s: Read: %v", name, err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
