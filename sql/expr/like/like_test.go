package like

import (
	"regexp"
	"testing"

	"pgregory.net/rapid"
)

// TestMatchAgainstRegexp compares with the pattern written as a regular
// expression.
func TestMatchAgainstRegexp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		alphabet := []rune{'a', 'b', 'é', '%', '_'}
		pat := rapid.StringOfN(rapid.SampledFrom(alphabet), 0, 8, -1).Draw(t, "pattern")
		s := rapid.StringOfN(rapid.SampledFrom(alphabet[:3]), 0, 10, -1).Draw(t, "text")
		re := "(?s)^"
		for _, c := range pat {
			switch c {
			case '%':
				re += ".*"
			case '_':
				re += "."
			default:
				re += string(c)
			}
		}
		want := regexp.MustCompile(re + "$").MatchString(s)
		if got, err := Compile([]byte(pat)).Match([]byte(s)); err != nil || got != want {
			t.Fatalf("%q like %q: %v, %v, want %v", s, pat, got, err, want)
		}
	})
}

func TestEscape(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ pat, esc, text string }{
		{`a\%b`, `\`, "a%b"}, {`a#%b`, "#", "a%b"}, {`a##b`, "#", "a#b"}, {`a\b`, "", `a\b`}, {`x\_`, "#", `x\y`},
	} {
		p, err := Escape([]byte(c.pat), []byte(c.esc))
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := Compile(p).Match([]byte(c.text)); !ok || err != nil {
			t.Errorf("%q with escape %q became %q, which does not match %q (%v)", c.pat, c.esc, p, c.text, err)
		}
	}
	if _, err := Compile([]byte(`ab\`)).Match([]byte("abc")); err == nil {
		t.Error("a pattern that ends with its escape must fail")
	}
}
