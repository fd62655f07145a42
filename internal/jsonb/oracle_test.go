package jsonb_test

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/jsonb"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/testpg"
	"github.com/heliosdb/heliosdb-streaming/internal/testseed"
)

func newRand(t testing.TB) *rand.Rand {
	seed := testseed.Of(t)
	t.Logf("seed %d", seed)
	return rand.New(rand.NewSource(seed))
}

var strs = []string{`""`, `"a"`, `"b"`, `"aa"`, `"é"`, `"\u00e9"`, `"a\nb"`, `"\""`, `"\\"`, `"\ud83d\ude00"`, `"\u0001"`, `"1"`, `"null"`, `"tab	x"`, `"\/"`, `"x\\\""`}
var nums = []string{"0", "-0", "1", "1.0", "1.00", "-1.5", "1e3", "1E-2", "12345678901234567890", "0.10", "1e0", "10"}

func randomJSON(r *rand.Rand, depth int) string {
	k := r.Intn(9)
	if depth == 0 {
		k = r.Intn(6)
	}
	sp := func() string { return []string{"", " ", "\n", "\t "}[r.Intn(4)] }
	switch k {
	case 0:
		return "null"
	case 1:
		return "true"
	case 2:
		return "false"
	case 3, 4:
		return nums[r.Intn(len(nums))]
	case 5:
		return strs[r.Intn(len(strs)-3)]
	case 6, 7:
		var b strings.Builder
		b.WriteString("{" + sp())
		for i := range r.Intn(4) {
			if i > 0 {
				b.WriteString(sp() + ",")
			}
			b.WriteString(strs[r.Intn(12)] + sp() + ":" + sp() + randomJSON(r, depth-1))
		}
		return b.String() + "}"
	}
	var b strings.Builder
	b.WriteString("[" + sp())
	for i := range r.Intn(4) {
		if i > 0 {
			b.WriteString("," + sp())
		}
		b.WriteString(randomJSON(r, depth-1))
	}
	return b.String() + sp() + "]"
}

func showAnswer(a testpg.Answer) string {
	if a.Code != "" {
		where, _, _ := strings.Cut(a.Where, "\n")
		if !strings.HasPrefix(where, "JSON data") {
			where = ""
		}
		return "error " + a.Code + " " + a.Message + " | " + a.Detail + " | " + where
	}
	if a.Null {
		return "NULL"
	}
	return a.Text
}

func show(b []byte, err error) string {
	if err != nil {
		e := pgerr.From(err)
		return "error " + e.Code + " " + e.Message + " | " + e.Detail + " | " + e.Where
	}
	return string(b)
}

func TestParseAgainstPostgres(t *testing.T) {
	t.Parallel()
	o, r := testpg.NewOracle(t), newRand(t)
	in := [][]string{}
	for _, s := range []string{``, ` `, `{`, `}`, `[`, `]`, `[1,]`, `[,1]`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{1:2}`, `[1 2]`, `{"a":1 "b":2}`, `1 2`, `nul`, `nulll`, `tru`, `"a`, `"\x"`, `"\u12"`, `"\u12g4"`, `"\u0000"`, `"\ud800"`, `"\ud800x"`, `"\ud800\n"`, `"\udc00"`, `"\ud800\ud800"`, "\"a\nb\"", `01`, `1.`, `.5`, `-`, `+1`, `1e`, `1e+`, `--1`, `1e400`, `1e131072`, `1x`, `'a'`, `a b`, `[1}`, `{"a":[}`, `é`, `"é`, `[é]`, `//`, "[1,\n2,\n  x]", `{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": x}`, `[true,false,null`, `"\`, `"abc\`, `{"a":1}}`, `NaN`, `Infinity`, `[1e5,1E+2,1.5e-3]`, `{"b":1,"a":2,"b":3,"aa":0,"":9}`, "\x01", `"a" x`} {
		in = append(in, []string{s})
	}
	for range 4000 {
		s := []byte(randomJSON(r, 3))
		if r.Intn(2) == 0 && len(s) > 0 {
			k := r.Intn(len(s))
			switch r.Intn(3) {
			case 0:
				s[k] = `{}[],:"\ue0-+.1atn `[r.Intn(18)]
			case 1:
				s = append(s[:k], s[k+1:]...)
			default:
				s = s[:k]
			}
		}
		if text := string(s); strings.ToValidUTF8(text, "") == text {
			in = append(in, []string{text})
		}
	}
	for i, a := range o.Ask("SELECT $1::text::jsonb", in...) {
		if got, want := show(jsonb.Parse(nil, []byte(in[i][0]))), showAnswer(a); got != want {
			t.Errorf("%q: got\n %s, PostgreSQL\n %s", in[i][0], got, want)
		}
	}
}

func TestOperatorsAgainstPostgres(t *testing.T) {
	t.Parallel()
	o, r := testpg.NewOracle(t), newRand(t)
	const n = 2000
	in := make([][]string, n)
	a, b := make([][]byte, n), make([][]byte, n)
	for i := range n {
		x, y := randomJSON(r, 3), randomJSON(r, 1+r.Intn(2))
		for unreadable(x) {
			x = randomJSON(r, 3)
		}
		for unreadable(y) {
			y = randomJSON(r, 2)
		}
		if r.Intn(6) == 0 {
			y = x
		}
		in[i] = []string{x, y}
		a[i], _ = jsonb.Parse(nil, []byte(x))
		b[i], _ = jsonb.Parse(nil, []byte(y))
	}
	check := func(sql string, f func(i int) (string, error)) {
		t.Helper()
		bad := 0
		for i, ans := range o.Ask("SELECT "+sql, in...) {
			got, err := f(i)
			if err != nil {
				got = show(nil, err)
			}
			if want := showAnswer(ans); got != want {
				if bad++; bad < 5 {
					t.Errorf("%s of %s, %s: got %s, PostgreSQL %s", sql, in[i][0], in[i][1], got, want)
				}
			}
		}
	}
	tf := func(b bool) (string, error) {
		if b {
			return "t", nil
		}
		return "f", nil
	}
	opt := func(v []byte, ok bool) (string, error) {
		if !ok {
			return "NULL", nil
		}
		return string(v), nil
	}
	text := func(v []byte, ok bool) (string, error) {
		out, null := jsonb.AppendText(nil, v)
		return opt(out, ok && !null)
	}
	const both = " from (select $1::jsonb a, $2::jsonb b) x"
	check("case when a < b then -1 when a = b then 0 else 1 end"+both, func(i int) (string, error) { return fmt.Sprint(jsonb.Compare(a[i], b[i])), nil })
	check("a @> b"+both, func(i int) (string, error) { return tf(jsonb.Contains(a[i], b[i])) })
	check("a || b"+both, func(i int) (string, error) { return string(jsonb.Concat(nil, a[i], b[i])), nil })
	check("jsonb_typeof(a)"+both, func(i int) (string, error) { return jsonb.TypeOf(a[i]), nil })
	check("jsonb_array_length(a)"+both, func(i int) (string, error) {
		n, err := jsonb.ArrayLen(a[i])
		return fmt.Sprint(n), err
	})
	for _, key := range []string{"a", "aa", "", "é", "1"} {
		k := []byte(key)
		check("a -> '"+key+"'"+both, func(i int) (string, error) { return opt(jsonb.Field(a[i], k)) })
		check("a ->> '"+key+"'"+both, func(i int) (string, error) { return text(jsonb.Field(a[i], k)) })
		check("a ? '"+key+"'"+both, func(i int) (string, error) { return tf(jsonb.HasKey(a[i], k)) })
		check("a - '"+key+"'::text"+both, func(i int) (string, error) {
			v, err := jsonb.DeleteKey(nil, a[i], k)
			return string(v), err
		})
		check("a #> array['"+key+"','1']"+both, func(i int) (string, error) { return opt(jsonb.Path(a[i], [][]byte{k, []byte("1")})) })
		check("a #>> array['0','"+key+"']"+both, func(i int) (string, error) { return text(jsonb.Path(a[i], [][]byte{[]byte("0"), k})) })
	}
	for _, k := range []int64{0, 1, 2, -1, -2, -9} {
		check(fmt.Sprintf("a -> %d", k)+both, func(i int) (string, error) { return opt(jsonb.Index(a[i], k)) })
		check(fmt.Sprintf("a ->> %d", k)+both, func(i int) (string, error) { return text(jsonb.Index(a[i], k)) })
		check(fmt.Sprintf("a - %d", k)+both, func(i int) (string, error) {
			v, err := jsonb.DeleteIndex(nil, a[i], k)
			return string(v), err
		})
		check(fmt.Sprintf("a #> '{%d}'", k)+both, func(i int) (string, error) { return opt(jsonb.Path(a[i], [][]byte{[]byte(fmt.Sprint(k))})) })
	}
}

// unreadable reports that s does not parse.
func unreadable(s string) bool {
	_, err := jsonb.ParseString(s)
	return err != nil
}
