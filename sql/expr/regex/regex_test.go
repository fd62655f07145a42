package regex

import (
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/testpg"
)

var patterns = []string{
	"a", "^a", "a$", "^$", "a|b", "(a)(b)?", "a*", "a+?", "a{2}", "a{2,}", "a{1,3}?", "a{,3}", "{", "a{", "x{1", "[abc]", "[^abc]", "[a-c]+", "[]a]", "[^]a]", "[a-]",
	"[[:alpha:]]+", "[[:digit:][:space:]]", "[[:nope:]]", `\d+`, `\D`, `\w+`, `\s`, `[\d_]`, `[\w]`, `\.`, `\\`, `\bfoo`, `\yfoo\y`, `\mfoo\M`, `[[:<:]]foo[[:>:]]`, `\Afoo`, `foo\Z`,
	"a.c", "(?i)FOO", "(?n)^b", "(?x) a b # c", "***=a.c", "***:a.c", "(", ")", "a)", "(a", "[", "[a", "*", "a**", "+a", "?", `a\`, `\x41`, `\u0041`, `\q`, `(a)\1`, "(?=a)", "(?!a)b",
	"[z-a]", "a{300}", "a{3,2}", "héé*", "日+", "", "()", "(?:ab)+", "a|", "|a", "(|a)", "(a|ab)(c|bcd)", "x*", "foo|foobar", "f(o+)b", `\n`, `\t`, "[.]", "[[.a.]]", "[[=a=]]", "a{0}", "^*", "(^a)", "(a*)*", "(a*)+", "[[:]", "[[:]b", "[[.]", "[[..]]",
}

var texts = []string{"", "a", "b", "ab", "aab", "abc", "abcd", "foo", "foobar", "FOO bar", "a.c", "a\nb", "x foo y", "héé", "日日本", "a]b-", "123 45", "_x1", "aaaa", `back\slash`, "{", "a{"}

// TestAgainstPostgres compares matching and the text that is found.
func TestAgainstPostgres(t *testing.T) {
	t.Parallel()
	pg := testpg.NewOracle(t)
	var params [][]string
	for _, p := range patterns {
		for _, s := range texts {
			params = append(params, []string{s, p})
		}
	}
	match := pg.Ask("SELECT $1::text ~ $2::text", params...)
	found := pg.Ask("SELECT regexp_replace($1::text, $2::text, '<\\&>', 'g')", params...)
	for i, p := range params {
		re, err := Compile(p[1], "", false)
		if err != nil {
			e := pgerr.From(err)
			if e.Code != pgerr.FeatureNotSupported && (e.Code != match[i].Code || e.Message != match[i].Message) {
				t.Errorf("%q: got %v, want %s %s", p[1], err, match[i].Code, match[i].Message)
			}
			continue
		}
		if match[i].Code != "" {
			t.Errorf("%q: accepted, want %s %s", p[1], match[i].Code, match[i].Message)
			continue
		}
		s := []byte(p[0])
		if got := re.Match(s); got != (match[i].Text == "t") {
			t.Errorf("%q ~ %q: got %v", p[0], p[1], got)
		}
		var out []byte
		last := 0
		for _, m := range re.All(s, 0) {
			out = append(out, s[last:m[0]]...)
			out = AppendExpanded(out, []byte(`<\&>`), s, m)
			last = m[1]
		}
		if out = append(out, s[last:]...); string(out) != found[i].Text {
			t.Errorf("matches of %q in %q: got %q, want %q", p[1], p[0], out, found[i].Text)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, p := range patterns {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		if re, err := Compile(p, "", false); err == nil {
			re.Match([]byte("abc"))
		} else if pgerr.Is(err, pgerr.InternalError) {
			t.Fatal(err)
		}
	})
}
