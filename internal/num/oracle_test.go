package num_test

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/num"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/testpg"
	"github.com/heliosdb/heliosdb-streaming/internal/testseed"
)

// show is the text of a result or its error, as showAnswer gives PostgreSQL's.
func show(d num.Decimal, err error) string {
	if err != nil {
		e := pgerr.From(err)
		return "error " + e.Code + " " + e.Message + " " + e.Detail
	}
	return d.String()
}

func showAnswer(a testpg.Answer) string {
	if a.Code != "" {
		return "error " + a.Code + " " + a.Message + " " + a.Detail
	}
	return a.Text
}

func newRand(t testing.TB) *rand.Rand {
	seed := testseed.Of(t)
	t.Logf("seed %d", seed)
	return rand.New(rand.NewSource(seed))
}

func randomNumeric(r *rand.Rand) string {
	if r.Intn(40) == 0 {
		return []string{"NaN", "Infinity", "-Infinity", "0", "0.000", "-0"}[r.Intn(6)]
	}
	var b strings.Builder
	if r.Intn(2) == 0 {
		b.WriteByte('-')
	}
	size := []int{1, 3, 6, 12, 20, 40, 80}[r.Intn(7)]
	for range r.Intn(size) + 1 {
		b.WriteByte(byte('0' + r.Intn(10)))
	}
	if r.Intn(3) > 0 {
		b.WriteByte('.')
		for range r.Intn(size) + 1 {
			if r.Intn(3) == 0 {
				b.WriteByte('0')
			} else {
				b.WriteByte(byte('0' + r.Intn(10)))
			}
		}
	}
	if r.Intn(8) == 0 {
		fmt.Fprintf(&b, "e%d", r.Intn(60)-30)
	}
	return b.String()
}

func mustParse(t testing.TB, s string) num.Decimal {
	d, err := num.Parse([]byte(s))
	if err != nil {
		t.Fatalf("parse %q: %v", s, err)
	}
	return d
}

func TestBinaryOperatorsAgainstPostgres(t *testing.T) {
	t.Parallel()
	o, r := testpg.NewOracle(t), newRand(t)
	type op struct {
		sql string
		f   func(a, b num.Decimal) (num.Decimal, error)
	}
	ops := []op{
		{"$1::numeric + $2::numeric", num.Decimal.Add}, {"$1::numeric - $2::numeric", num.Decimal.Sub},
		{"$1::numeric * $2::numeric", num.Decimal.Mul}, {"$1::numeric / $2::numeric", num.Decimal.Div},
		{"$1::numeric % $2::numeric", num.Decimal.Mod}, {"div($1::numeric, $2::numeric)", num.Decimal.DivInt},
		{"CASE WHEN $1::numeric < $2::numeric THEN -1 WHEN $1::numeric = $2::numeric THEN 0 ELSE 1 END", nil},
	}
	var in [][]string
	for range 2000 {
		a, b := randomNumeric(r), randomNumeric(r)
		if r.Intn(10) == 0 {
			b = a
		}
		in = append(in, []string{a, b})
	}
	for _, op := range ops {
		for i, a := range o.Ask("SELECT "+op.sql, in...) {
			x, y := mustParse(t, in[i][0]), mustParse(t, in[i][1])
			got := ""
			if op.f == nil {
				got = fmt.Sprint(x.Cmp(y))
			} else {
				got = show(op.f(x, y))
			}
			if want := showAnswer(a); got != want {
				t.Errorf("%s of %s, %s: got %s, PostgreSQL %s", op.sql, in[i][0], in[i][1], got, want)
			}
		}
	}
}

func TestUnaryFunctionsAgainstPostgres(t *testing.T) {
	t.Parallel()
	o, r := testpg.NewOracle(t), newRand(t)
	plain := func(f func(num.Decimal) num.Decimal) func(num.Decimal) (num.Decimal, error) {
		return func(d num.Decimal) (num.Decimal, error) { return f(d), nil }
	}
	toInt := func(f func(num.Decimal) (int64, error)) func(num.Decimal) (num.Decimal, error) {
		return func(d num.Decimal) (num.Decimal, error) {
			i, err := f(d)
			return num.FromInt64(i), err
		}
	}
	ops := map[string]func(num.Decimal) (num.Decimal, error){
		"-($1::numeric)": plain(num.Decimal.Neg), "abs($1::numeric)": plain(num.Decimal.Abs),
		"ceil($1::numeric)": num.Decimal.Ceil, "floor($1::numeric)": num.Decimal.Floor,
		"trim_scale($1::numeric)": plain(num.Decimal.TrimScale), "$1::numeric": plain(func(d num.Decimal) num.Decimal { return d }),
		"$1::numeric::int8": toInt(num.Decimal.ToInt64), "$1::numeric::int4": toInt(num.Decimal.ToInt32), "$1::numeric::int2": toInt(num.Decimal.ToInt16),
		"round($1::numeric, -5)": func(d num.Decimal) (num.Decimal, error) { return d.Round(-5) },
		"round($1::numeric, 2)":  func(d num.Decimal) (num.Decimal, error) { return d.Round(2) },
		"trunc($1::numeric, 3)":  func(d num.Decimal) (num.Decimal, error) { return d.Trunc(3) },
		"trunc($1::numeric, -3)": func(d num.Decimal) (num.Decimal, error) { return d.Trunc(-3) },
		"$1::numeric(10,3)":      func(d num.Decimal) (num.Decimal, error) { return d.Rescale(10, 3) },
		"$1::numeric(3,-2)":      func(d num.Decimal) (num.Decimal, error) { return d.Rescale(3, -2) },
		"$1::numeric(3,5)":       func(d num.Decimal) (num.Decimal, error) { return d.Rescale(3, 5) },
		"$1::numeric(4,4)":       func(d num.Decimal) (num.Decimal, error) { return d.Rescale(4, 4) },
		"$1::numeric::float8::numeric": func(d num.Decimal) (num.Decimal, error) {
			f, err := d.ToFloat64()
			return num.FromFloat64(f), err
		},
	}
	var in [][]string
	for range 1500 {
		in = append(in, []string{randomNumeric(r)})
	}
	for sql, f := range ops {
		for i, a := range o.Ask("SELECT "+sql, in...) {
			if got, want := show(f(mustParse(t, in[i][0]))), showAnswer(a); got != want {
				t.Errorf("%s of %s: got %s, PostgreSQL %s", sql, in[i][0], got, want)
			}
		}
	}
}

func TestParseAgainstPostgres(t *testing.T) {
	t.Parallel()
	o, r := testpg.NewOracle(t), newRand(t)
	in := [][]string{}
	for _, s := range []string{"", " ", "1", " 1 ", "1.", ".5", ".", "-.5", "+1", "++1", "1e", "1e+", "1e5", "1e-5", "1e 5", "1.5E+3", "1_0", "nan", " NaN ", "+nan", "-nan",
		"inf", "+inf", "-INF", "infinity", "Infinityx", "1e131071", "1e131072", "1e200000", "0e200000", "1e-16383", "1e-16384", "1e-99999999999", "1e99999999999",
		"0x10", "1 2", "1e5x", "-", "- 1", "00001.10", "12345678901234567890123456789012345678901234567890", "170141183460469231731687303715884105727", "170141183460469231731687303715884105728",
		"-170141183460469231731687303715884105728", "1.e5", "1..2", "1e1.5", "9223372036854775808", "\t1\n", "1\v", "infinity ", "in", "na"} {
		in = append(in, []string{s})
	}
	const alphabet = "0123456789.eE+- naif"
	for range 2000 {
		b := make([]byte, r.Intn(8)+1)
		for i := range b {
			b[i] = alphabet[r.Intn(len(alphabet))]
		}
		in = append(in, []string{string(b)})
	}
	for i, a := range o.Ask("SELECT $1::numeric", in...) {
		if got, want := show(num.Parse([]byte(in[i][0]))), showAnswer(a); got != want {
			t.Errorf("%q: got %.200s, PostgreSQL %.200s", in[i][0], got, want)
		}
	}
}

// Elementary functions are compared on common magnitudes; both sides round to
// the digits shown, so the last one must agree too.
func TestFunctionsAgainstPostgres(t *testing.T) {
	t.Parallel()
	o, r := testpg.NewOracle(t), newRand(t)
	var in [][]string
	for i := range 300 {
		a, b := randomNumeric(r), randomNumeric(r)
		if i%2 == 0 { // everyday values
			a = fmt.Sprintf("%.*f", r.Intn(6), (r.Float64()-0.1)*100)
			b = fmt.Sprintf("%.*f", r.Intn(3), (r.Float64()-0.3)*20)
			if r.Intn(2) == 0 {
				b = fmt.Sprint(r.Intn(30) - 5)
			}
		}
		if len(a) > 30 {
			a = a[:30]
		}
		if len(b) > 6 {
			b = b[:6]
		}
		if strings.HasSuffix(b, "e") || strings.HasSuffix(b, "e-") || strings.HasSuffix(b, "N") || strings.Contains(b, "In") && b != "Infinity" {
			b = "2"
		}
		if strings.HasSuffix(a, "e") || strings.HasSuffix(a, "e-") {
			a = "1.5"
		}
		if b == "-" || b == "" {
			b = "3"
		}
		in = append(in, []string{a, b})
	}
	ops := map[string]func(a, b num.Decimal) (num.Decimal, error){
		"power($1::numeric, $2::numeric)": num.Decimal.Power,
		"log($2::numeric, $1::numeric)":   func(a, b num.Decimal) (num.Decimal, error) { return a.Log(b) },
	}
	for sql, f := range ops {
		for i, a := range o.Ask("SELECT "+sql, in...) {
			got := show(f(mustParse(t, in[i][0]), mustParse(t, in[i][1])))
			if want := showAnswer(a); got != want {
				t.Errorf("%s of %v: got %s, PostgreSQL %s", sql, in[i], got, want)
			}
		}
	}
	one := make([][]string, len(in))
	for i := range in {
		one[i] = in[i][:1]
	}
	for sql, f := range map[string]func(num.Decimal) (num.Decimal, error){
		"sqrt($1::numeric)": num.Decimal.Sqrt, "ln($1::numeric)": num.Decimal.Ln, "exp($1::numeric)": num.Decimal.Exp,
	} {
		for i, a := range o.Ask("SELECT "+sql, one...) {
			if got, want := show(f(mustParse(t, one[i][0]))), showAnswer(a); got != want {
				t.Errorf("%s of %v: got %s, PostgreSQL %s", sql, one[i], got, want)
			}
		}
	}
}
