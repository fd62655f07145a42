package lex

import (
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// show is the tokens of s as kind:value.
func show(t *testing.T, s string) string {
	t.Helper()
	ts, err := Scan(s)
	if err != nil {
		return "ERROR " + err.Error()
	}
	var out []string
	for i, k := range ts.T[:len(ts.T)-1] {
		name := []string{"eof", "id", "quoted", "str", "bits", "hex", "int", "dec", "param", "op", "", "bad"}[k.Kind]
		if k.Kind == Bad {
			out = append(out, ts.ErrorAt(i).Message)
			continue
		}
		if name != "" {
			name += ":"
		}
		out = append(out, name+k.Val)
	}
	return strings.Join(out, " ")
}

func TestScan(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"SELECT Straße, \"A\"\"b\", _x$1", "id:select id:straße , quoted:A\"b , id:_x$1"},
		{"Ä", "id:Ä"},
		{"a--b\nc /* d /* e */ f */ g", "id:a id:c id:g"},
		{"1..2 1.5.3 .5 1. 1e5 1.e-5 1e+5", "int:1 .. int:2 dec:1.5 dec:.3 dec:.5 dec:1. dec:1e5 dec:1.e-5 dec:1e+5"},
		{"a*-b a@-b a+-b a<>-b a->>-b a||-1 a~-b a=-1", "id:a * - id:b id:a op:@- id:b id:a + - id:b id:a <> - id:b id:a op:->> - id:b id:a op:||- int:1 id:a op:~- id:b id:a = - int:1"},
		{"a!=b a<=b a=>b a:=b a::b a>=b a<>b", "id:a <> id:b id:a <= id:b id:a => id:b id:a := id:b id:a :: id:b id:a >= id:b id:a <> id:b"},
		{"a+/*x*/b a@--c\nb", "id:a + id:b id:a op:@ id:b"},
		{"$1 $12$ $$a$$ $x$b$$c$x$ $y", "param:1 param:12 $ str:a str:b$$c $ id:y"},
		{"'a''b' 'a'\n 'b' 'a' -- x\n 'c' E'\\n\\x41\\101\\u00e4\\'x'", "str:a'b str:ab str:ac str:\n" + "AAä'x"},
		{"'a' 'b'", "str:a str:b"},
		{`'a\b' e'\\' E'\ud83d\ude00'`, `str:a\b str:\ str:😀`},
		{`U&'d\0061t\+000061' U&"d!0061" uescape '!' u&'a\\b' U&'\d83d\de00'`, `str:data quoted:da str:a\b str:😀`},
		{"B'01' x'1F' N'a'", "bits:b01 hex:x1F id:nchar str:a"},
		{strings.Repeat("x", 70), "id:" + strings.Repeat("x", 63)},
		{strings.Repeat("ä", 40), "id:" + strings.Repeat("ä", 31)},
		{"\\ { } ;", `\ { } ;`},
		{"1a", `trailing junk after numeric literal at or near "1a"`},
		{"a 'b", `id:a unterminated quoted string at or near "'b"`},
		{"E'\\xff'", `invalid byte sequence for encoding "UTF8": 0xff`},
		{"\xc3(", `ERROR invalid byte sequence for encoding "UTF8": 0xc3 0x28 (SQLSTATE 22021)`},
	} {
		if got := show(t, c.in); got != c.want {
			t.Errorf("%q\n got  %q\n want %q", c.in, got, c.want)
		}
	}
}

// TestKeywords: every keyword has one category, the counts are PostgreSQL 15's.
func TestKeywords(t *testing.T) {
	t.Parallel()
	count := map[Category]int{}
	for _, c := range keywords {
		count[c]++
	}
	for cat, words := range keywordList {
		if n := len(strings.Fields(words)); n != count[cat] {
			t.Errorf("category %d lists %d words, %d are in the table", cat, n, count[cat])
		}
	}
	if len(keywords) != 460 {
		t.Errorf("%d keywords, PostgreSQL 15 has 460", len(keywords))
	}
}

// FuzzScan: tokens are in order, lie in the text and cover all but blanks and
// comments; errors have SQLSTATEs.
func FuzzScan(f *testing.F) {
	for _, s := range []string{"SELECT 'a' || E'\\x41' -- x\n", "$a$ x $a$ U&'\\0041' UESCAPE '!'", "a/**/b 1.5e10 @-", "\"a\" $1 ::"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ts, err := Scan(s)
		if err != nil {
			if pgerr.From(err).Code == pgerr.InternalError {
				t.Fatal(err)
			}
			return
		}
		last := 0
		for i, k := range ts.T {
			if k.Pos < 0 || k.End > len(s) || k.Pos > k.End || k.Kind != Bad && k.Pos < last {
				t.Fatalf("token %d at %d..%d after %d in %d bytes", i, k.Pos, k.End, last, len(s))
			}
			if k.Kind != EOF && k.Kind != Bad && k.Pos == k.End {
				t.Fatalf("token %d is empty", i)
			}
			last = k.End
			if m := int(ts.Match[i]); m != 0 && (m <= i || m >= len(ts.T)) {
				t.Fatalf("token %d matches %d of %d", i, m, len(ts.T))
			}
		}
		if ts.T[len(ts.T)-1].Kind != EOF {
			t.Fatal("no EOF")
		}
	})
}
