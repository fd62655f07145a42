package values_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
)

// randomVec fills a vector from texts of its type, with some NULLs.
func randomVec(r *rand.Rand, t types.Type, n int) *delta.Vec {
	v := delta.NewVec(t, n)
	for v.Len() < n {
		if r.Intn(10) == 0 {
			v.AppendNull()
			continue
		}
		if t.Phys() == types.Int64 && r.Intn(2) == 0 {
			v.AppendInt(int64(r.Intn(2000) - 1000))
			continue
		}
		_ = values.ParseText(t, []byte(texts(r, t)), nil, v) // bad texts append nothing
	}
	return v
}

func sign(x int) int { return max(-1, min(1, x)) }

func TestKeysFollowCompare(t *testing.T) {
	t.Parallel()
	r := newRand(t)
	for _, typ := range allTypes() {
		v := randomVec(r, typ, 120)
		for i := range v.Len() {
			for j := range v.Len() {
				want := sign(values.Compare(v, i, v, j))
				a, b := values.AppendKey(nil, v, i), values.AppendKey(nil, v, j)
				if got := bytes.Compare(a, b); got != want {
					t.Fatalf("%s rows %d, %d: keys %x, %x order %d, values %d", typ, i, j, a, b, got, want)
				}
				if v.IsNull(i) || v.IsNull(j) {
					continue
				}
				a, b = values.AppendKeyOrder(nil, v, i, true, false), values.AppendKeyOrder(nil, v, j, true, false)
				if got := bytes.Compare(a, b); got != -want {
					t.Fatalf("%s rows %d, %d: descending keys order %d, values %d", typ, i, j, got, want)
				}
			}
		}
	}
}

func TestNullPlacement(t *testing.T) {
	v := delta.NewVec(types.Int8, 2)
	v.AppendInt(5)
	v.AppendNull()
	for _, desc := range []bool{false, true} {
		for _, first := range []bool{false, true} {
			val, null := values.AppendKeyOrder(nil, v, 0, desc, first), values.AppendKeyOrder(nil, v, 1, desc, first)
			if (bytes.Compare(null, val) < 0) != first {
				t.Errorf("desc %v, nulls first %v: NULL is %x, 5 is %x", desc, first, null, val)
			}
		}
	}
}

// Keys of several columns decode to equal values, in any order, and their
// prefixes are found.
func TestKeysDecode(t *testing.T) {
	t.Parallel()
	r := newRand(t)
	ts := allTypes()
	for range 300 {
		cols := make([]*delta.Vec, 1+r.Intn(4))
		out := make([]*delta.Vec, len(cols))
		var key []byte
		ends := []int{0}
		for c := range cols {
			cols[c] = randomVec(r, ts[r.Intn(len(ts))], 3)
			out[c] = delta.NewVec(cols[c].T, 1)
			key = values.AppendKeyOrder(key, cols[c], 1, r.Intn(2) == 0, r.Intn(2) == 0)
			ends = append(ends, len(key))
		}
		for n, want := range ends {
			if got := values.KeyPrefixLen(key, n); got != want {
				t.Fatalf("prefix of %d columns of %x is %d long, want %d", n, key, got, want)
			}
		}
		rest, err := values.DecodeKey(append(key, 1, 2), out)
		if err != nil || len(rest) != 2 {
			t.Fatalf("decode %x: %v, rest %x", key, err, rest)
		}
		for c := range cols {
			if !values.Equal(cols[c], 1, out[c], 0) {
				t.Fatalf("%s: decoded %v", cols[c].T, out[c].At(0))
			}
		}
	}
}

// The batch encoder, the hash of its keys and the row-wise encoder agree.
func TestEncodeKeys(t *testing.T) {
	t.Parallel()
	r := newRand(t)
	ts := allTypes()
	var buf values.KeyBuf
	for round := range 100 {
		n := r.Intn(50)
		cols := make([]*delta.Vec, r.Intn(4))
		for c := range cols {
			typ := ts[r.Intn(len(ts))]
			if round%2 == 0 {
				typ = []types.Type{types.Int8, types.Boolean, types.Float8}[r.Intn(3)]
			}
			cols[c] = randomVec(r, typ, n)
			if round%4 == 0 {
				cols[c].Nulls = nil
			}
		}
		values.EncodeKeys(&buf, cols, n)
		hashes := buf.HashAll(nil)
		if buf.Len() != n || len(hashes) != n {
			t.Fatalf("%d keys of %d rows", buf.Len(), n)
		}
		for i := range n {
			var want []byte
			for _, c := range cols {
				want = values.AppendKey(want, c, i)
			}
			if !bytes.Equal(buf.Key(i), want) || hashes[i] != values.Hash(want) {
				t.Fatalf("row %d: %x, want %x", i, buf.Key(i), want)
			}
		}
	}
}

func TestRowsRoundTrip(t *testing.T) {
	t.Parallel()
	r := newRand(t)
	ts := allTypes()
	for range 300 {
		cols := make([]*delta.Vec, r.Intn(12))
		out, id := make([]*delta.Vec, len(cols)), make([]*delta.Vec, len(cols))
		for c := range cols {
			cols[c] = randomVec(r, ts[r.Intn(len(ts))], 2)
			out[c], id[c] = delta.NewVec(cols[c].T, 1), delta.NewVec(cols[c].T, 1)
		}
		row := values.AppendRow([]byte{9}, cols, 1)
		rest, err := values.DecodeRow(append(row[1:], 7), out)
		if err != nil || len(rest) != 1 {
			t.Fatalf("decode %x: %v, rest %x", row, err, rest)
		}
		if err := values.DecodeIdentity(values.RowIdentity(nil, cols, 1), id); err != nil {
			t.Fatal(err)
		}
		for c, v := range cols {
			for _, o := range []*delta.Vec{out[c], id[c]} {
				if v.IsNull(1) != o.IsNull(0) || !v.IsNull(1) && !bytes.Equal(values.AppendText(nil, v, 1, nil), values.AppendText(nil, o, 0, nil)) {
					t.Fatalf("column %d %s: %v became %v", c, v.T, v.At(1), o.At(0))
				}
			}
		}
	}
}

// Equal values that print differently have equal keys but different identities.
func TestIdentityKeepsWhatKeysDoNot(t *testing.T) {
	for _, c := range []struct {
		t    types.Type
		a, b string
	}{
		{types.Numeric, "1.0", "1.00"}, {types.Float8, "0", "-0"}, {types.Interval, "1 mon", "30 days"},
		{types.JSONB, `{"a": 1.0}`, `{"a": 1.00}`}, {types.Type{OID: 1231, Mod: -1}, "{1.0}", "{1.00}"},
	} {
		v := delta.NewVec(c.t, 2)
		for _, s := range []string{c.a, c.b} {
			if err := values.ParseText(c.t, []byte(s), nil, v); err != nil {
				t.Fatal(err)
			}
		}
		cols := []*delta.Vec{v}
		if a, b := values.AppendKey(nil, v, 0), values.AppendKey(nil, v, 1); !bytes.Equal(a, b) {
			t.Errorf("%s: keys of %s and %s differ", c.t, c.a, c.b)
		}
		if a, b := values.RowIdentity(nil, cols, 0), values.RowIdentity(nil, cols, 1); bytes.Equal(a, b) {
			t.Errorf("%s: identities of %s and %s agree", c.t, c.a, c.b)
		}
	}
}

// The encodings below are stored on disk and decide where rows live. This test
// may gain lines; it must never change one.
func TestFrozenKeysAndHash(t *testing.T) {
	for _, c := range []struct {
		t    types.Type
		text string
		key  string
	}{
		{types.Int8, "0", "118000000000000000"}, {types.Int8, "-1", "117fffffffffffffff"}, {types.Int4, "258", "118000000000000102"},
		{types.Boolean, "t", "1001"}, {types.Float8, "1", "12bff0000000000000"}, {types.Float8, "-0", "128000000000000000"}, {types.Float8, "NaN", "12fff8000000000000"},
		{types.Text, "a", "13610000"}, {types.Bytea, `\x0001`, "1300ff010000"}, {types.Interval, "1 us", "14800000000000000000000001"},
		{types.Numeric, "0.00", "1503"}, {types.Numeric, "12.50", "1504820d3300"}, {types.Numeric, "-12.50", "15027df2ccff"}, {types.Numeric, "NaN", "1506"},
		{types.JSONB, `{"a": [1, "x", null]}`, "1608000000016100000700000003040481" + "0b00" + "03780000" + "02"}, {types.Type{OID: 1007, Mod: -1}, "{1,NULL}", "17118000000000000001ff00"},
		{types.Timestamptz, "2000-01-01 00:00:00.000001+00", "118000000000000001"},
	} {
		v := delta.NewVec(c.t, 1)
		if err := values.ParseText(c.t, []byte(c.text), nil, v); err != nil {
			t.Fatal(err)
		}
		key := values.AppendKey(nil, v, 0)
		if got := fmt.Sprintf("%x", key); got != c.key {
			t.Errorf("%s %s: key %s, frozen as %s", c.t, c.text, got, c.key)
		}
	}
	for s, want := range frozenHashes {
		if got := values.Hash([]byte(s)); got != want {
			t.Errorf("hash of %q is %#x, frozen as %#x", s, got, want)
		}
	}
}

var frozenHashes = map[string]uint64{
	"":                                  0x4b24d35cba4a63b0,
	"a":                                 0x2086f604fcf37a79,
	"ab":                                0x6abc0fbb8dcf16a5,
	"abc":                               0xf9bd2270cc51858b,
	"abcd":                              0x647d4af4a0da8879,
	"abcdefg":                           0x74f31581838a649e,
	"abcdefgh":                          0x95bae4e4235f4395,
	"123456789":                         0x6b1c2e562a1f79d1,
	"0123456789abcdef":                  0xce909d46cb8c3415,
	"0123456789abcdefg":                 0x91c37101bc8b3b7b,
	"0123456789abcdef0123456789abcdef":  0xb72962af78ea4450,
	"0123456789abcdef0123456789abcdef!": 0xc43e113656c424f1,
}

// Vnodes of consecutive integers spread evenly.
func TestVNodesSpread(t *testing.T) {
	const n = 256 * 1000
	var count [256]int
	v := delta.NewVec(types.Int8, n)
	for i := range n {
		v.AppendInt(int64(i))
	}
	var buf values.KeyBuf
	values.EncodeKeys(&buf, []*delta.Vec{v}, n)
	for _, h := range buf.HashAll(nil) {
		count[values.VNode(h)]++
	}
	chi := 0.0
	for _, c := range count {
		chi += math.Pow(float64(c)-1000, 2) / 1000
	}
	if chi > 400 { // 255 degrees of freedom: 400 is beyond one in ten million
		t.Errorf("chi square %.0f over 255 degrees of freedom", chi)
	}
}
