package values_test

import (
	"bytes"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
)

// consistent checks what holds of every value that was accepted: its text reads
// back as the same text, its key follows.
func consistent(t *testing.T, v *delta.Vec) {
	text := values.AppendText(nil, v, 0, nil)
	key := values.AppendKey(nil, v, 0)
	if n := values.KeyPrefixLen(key, 1); n != len(key) {
		t.Fatalf("%s %q: prefix of key %x is %d", v.T, text, key, n)
	}
	out := []*delta.Vec{delta.NewVec(v.T, 1)}
	if _, err := values.DecodeKey(key, out); err != nil || !values.Equal(v, 0, out[0], 0) {
		t.Fatalf("%s %q: key %x decodes as %v, %v", v.T, text, key, out[0], err)
	}
	bin := values.AppendBinary(nil, v, 0)
	back := delta.NewVec(v.T, 1)
	if err := values.ParseBinary(v.T, bin, back); err == nil && !bytes.Equal(values.AppendText(nil, back, 0, nil), text) {
		t.Fatalf("%s %q: binary %x reads as %q", v.T, text, bin, values.AppendText(nil, back, 0, nil))
	}
}

func FuzzParseText(f *testing.F) {
	ts := allTypes()
	for i := range ts {
		for _, s := range []string{"1", "2024-01-05 10:11:12", "1 day", `{"a": [1]}`, `{1,NULL,"x"}`, "1e5"} {
			f.Add(uint8(i), []byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, k uint8, s []byte) {
		v := delta.NewVec(ts[int(k)%len(ts)], 1)
		if len(s) > 200 || values.ParseText(v.T, s, nil, v) != nil {
			return
		}
		consistent(t, v)
	})
}

func FuzzParseBinary(f *testing.F) {
	ts := allTypes()
	for i := range ts {
		f.Add(uint8(i), []byte{0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 9})
		f.Add(uint8(i), []byte{0, 2, 0, 0, 0x40, 0, 0, 4, 0, 1, 0, 2})
	}
	f.Fuzz(func(t *testing.T, k uint8, s []byte) {
		v := delta.NewVec(ts[int(k)%len(ts)], 1)
		if len(s) > 300 || values.ParseBinary(v.T, s, v) != nil {
			return
		}
		consistent(t, v)
	})
}

// Keys and rows are read from disk: corrupt ones give errors, never panics.
func FuzzDecodeStored(f *testing.F) {
	ts := allTypes()
	f.Add(uint8(0), uint8(4), []byte{0, 1, 2, 3})
	f.Add(uint8(19), uint8(21), []byte{0x15, 4, 0x82, 0x0d, 0x33, 0, 0x16, 8, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, a, b uint8, s []byte) {
		cols := func() []*delta.Vec {
			return []*delta.Vec{delta.NewVec(ts[int(a)%len(ts)], 1), delta.NewVec(ts[int(b)%len(ts)], 1)}
		}
		c := cols()
		if rest, err := values.DecodeRow(s, c); err == nil {
			enc := values.AppendRow(nil, c, 0)
			if d := cols(); len(rest) <= len(s) {
				if _, err := values.DecodeRow(enc, d); err != nil {
					t.Fatalf("row %x re-encoded as %x: %v", s, enc, err)
				}
			}
			for _, v := range c {
				if !v.IsNull(0) {
					values.AppendKey(nil, v, 0)
					values.AppendText(nil, v, 0, nil)
					values.AppendBinary(nil, v, 0)
				}
			}
		}
		values.KeyPrefixLen(s, 3)
		c = cols()
		_, _ = values.DecodeKey(s, c)
		_ = values.DecodeIdentity(s, cols())
	})
}
