package num_test

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/heliosdb/heliosdb-streaming/internal/num"
)

// Every value survives its encodings, and its key orders as Cmp does.
func TestEncodings(t *testing.T) {
	r := newRand(t)
	var prev num.Decimal
	for range 5000 {
		d := mustParse(t, randomNumeric(r))
		enc := num.Append(nil, d)
		if back := num.Decode(enc); back.String() != d.String() {
			t.Fatalf("%s decodes as %s", d, back)
		}
		wire, err := num.ParseBinary(d.AppendBinary(nil))
		if err != nil || wire.String() != d.String() {
			t.Fatalf("%s reads from the wire as %s, %v", d, wire, err)
		}
		a, b := num.AppendKey(nil, prev), num.AppendKey(nil, d)
		if got := compareBytes(a, b); got != prev.Cmp(d) {
			t.Fatalf("keys %x, %x of %s, %s", a, b, prev, d)
		}
		if k, rest, ok := num.DecodeKey(b); !ok || len(rest) != 0 || k.Cmp(d) != 0 {
			t.Fatalf("key %x of %s decodes as %s", b, d, k)
		}
		prev = d
	}
}

func compareBytes(a, b []byte) int {
	switch {
	case string(a) < string(b):
		return -1
	case string(a) > string(b):
		return 1
	}
	return 0
}

// A sum after any additions and retractions equals the plain sum of what is
// left, display scale included, and its bytes depend on nothing else as long as
// it is small.
func TestSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOf(rapid.SampledFrom([]string{"1.50", "-2.25", "0.001", "7", "NaN", "Infinity", "-Infinity", "99999999999999999999999999999999999999", "1e40", "-0.5"})).Draw(t, "values")
		keep := rapid.SliceOfN(rapid.Bool(), len(texts), len(texts)).Draw(t, "keep")
		var s, merged num.DecSum
		want, n := num.Zero, int64(0)
		for i, x := range texts {
			d, err := num.Parse([]byte(x))
			if err != nil {
				t.Fatal(err)
			}
			s.Add(d, 1)
			var one num.DecSum
			one.Add(d, 1)
			merged.Merge(&one)
			if !keep[i] {
				continue
			}
			n++
			if want, err = want.Add(d); err != nil {
				t.Fatal(err)
			}
		}
		for i, x := range texts {
			if !keep[i] {
				d, _ := num.Parse([]byte(x))
				s.Add(d, -1)
				merged.AddEncoded(num.Append(nil, d), -1)
			}
		}
		back, rest, err := num.DecodeDecSum(append(s.Append(nil), 1))
		if err != nil || len(rest) != 1 {
			t.Fatalf("decode: %v", err)
		}
		for name, x := range map[string]*num.DecSum{"sum": &s, "decoded": &back, "merged": &merged} {
			got, err := x.Result()
			if err != nil || got.String() != want.String() || x.Count() != n {
				t.Fatalf("%s of %v is %s of %d, %v; want %s of %d", name, texts, got, x.Count(), err, want, n)
			}
		}
	})
}

func TestIntSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s num.IntSum
		want := new(big.Int)
		for range rapid.IntRange(0, 20).Draw(t, "n") {
			x, w := rapid.Int64().Draw(t, "x"), rapid.Int64Range(-3, 3).Draw(t, "w")
			s.Add(x, w)
			want.Add(want, new(big.Int).Mul(big.NewInt(x), big.NewInt(w)))
		}
		if got := s.Decimal().String(); got != want.String() {
			t.Fatalf("got %s, want %s", got, want)
		}
		if x, ok := s.Int64(); ok != want.IsInt64() || ok && x != want.Int64() {
			t.Fatalf("as int64: %d %v, want %s", x, ok, want)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{2, 0, 150}, int64(7))
	f.Add([]byte{0, 0x40}, int64(math.MinInt64))
	f.Fuzz(func(t *testing.T, b []byte, x int64) {
		if len(b) > 400 {
			return
		}
		d := num.Decode(b)
		e := num.FromInt64(x)
		if back := num.Decode(num.Append(nil, d)); back.String() != d.String() {
			t.Fatalf("%s decodes as %s", d, back)
		}
		for _, op := range []func(num.Decimal, num.Decimal) (num.Decimal, error){num.Decimal.Add, num.Decimal.Mul, num.Decimal.Div, num.Decimal.Mod} {
			if r, err := op(d, e); err == nil {
				_ = r.Cmp(d)
			}
		}
		_, _, _ = num.DecodeKey(b)
		if p, err := num.ParseBinary(b); err == nil {
			_ = p.String()
		}
		if s, _, err := num.DecodeDecSum(b); err == nil {
			_, _ = s.Result()
		}
	})
}

func BenchmarkAddEncoded(b *testing.B) {
	x := num.Append(nil, num.FromUnscaled(123450, 2))
	var s num.DecSum
	b.ReportAllocs()
	for b.Loop() {
		s.AddEncoded(x, 1)
	}
}

func BenchmarkAdd(b *testing.B) {
	x, y := num.FromUnscaled(123450, 2), num.FromUnscaled(99, 1)
	for b.Loop() {
		x, _ = x.Add(y)
	}
}

func BenchmarkMul(b *testing.B) {
	x, y := num.FromUnscaled(123450, 2), num.FromUnscaled(908, 3)
	for b.Loop() {
		_, _ = x.Mul(y)
	}
}

func BenchmarkDiv(b *testing.B) {
	x, y := num.FromUnscaled(123450, 2), num.FromUnscaled(908, 3)
	for b.Loop() {
		_, _ = x.Div(y)
	}
}

func BenchmarkParse(b *testing.B) {
	s := []byte("12345.678")
	for b.Loop() {
		_, _ = num.Parse(s)
	}
}
