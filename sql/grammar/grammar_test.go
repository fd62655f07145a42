package grammar

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/lex"
)

// desugared is the text that the grammar gets for sql.
func desugared(t testing.TB, sql string) (string, *pgerr.Error) {
	t.Helper()
	ts, err := lex.Scan(sql)
	if err != nil {
		return "", pgerr.From(err)
	}
	r := NewReader(ts)
	r.query()
	text, _ := r.render()
	return text, r.Err()
}

func TestDesugar(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ sql, want string }{
		{"SELECT a + 1, b || c ~ d", "SELECT k0 , k1 + k2 , k3 | k4 | k5 | k6 | k7"},
		{"SELECT (a::int)::text[1]", "SELECT k0 , k3( ( k2( k1 ) ) )"},
		{"SELECT a IN (1, 2) || b", "SELECT k0 , ( k1 IN ( k2 , k3 , k4 ) ) | k5 | k6"},
		{"SELECT a = NOT b IS NULL", "SELECT k0 , k1 = ( NOT k2 <=> k3 )"},
		{"SELECT a IS DISTINCT FROM b = c", "SELECT k0 , k1 <=> k2( k3 = k4 )"},
		{"SELECT count(*) OVER (ORDER BY a)", "SELECT k0 , k1( k2 )"},
		{"SELECT 1 FROM a FULL JOIN b USING (x), c LIMIT 1", "SELECT k0 , k1 FROM k2 JOIN k3 ON k4 , k5 ORDER BY k6"},
		{"(SELECT 1 LIMIT 1) UNION VALUES (2)", "SELECT k0( ( SELECT k1 , k2 ORDER BY k3 ) ) UNION SELECT k4( k5 )"},
		{"SELECT 1 HAVING true WINDOW w AS ()", "SELECT k0 , k1 FROM k2 HAVING k4( k3 )"},
	} {
		got, err := desugared(t, c.sql)
		if err != nil || strings.TrimSpace(got) != c.want {
			t.Errorf("%s\n got  %s %v\n want %s", c.sql, got, err, c.want)
		}
	}
}

// alphabet is all that the text for the grammar may be made of.
var alphabet = regexp.MustCompile(`^(?:(?:k[0-9]+\(?|SELECT|FROM|WHERE|GROUP BY|HAVING|ORDER BY|WITH|AS|JOIN|ON|UNION|EXCEPT|INTERSECT|ALL|AND|OR|NOT|IN|LIKE|BETWEEN|CASE|WHEN|THEN|ELSE|END|<=>|<=|>=|<>|[-+*/%^<>=|,()]) ?)*$`)

// TestNoClientText: whatever names, strings and operators a client writes, none
// of their characters reach the grammar.
func TestNoClientText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		evil := rapid.SampledFrom([]string{"k0", "K1", "`k2`", "select", "#", "/*! 1 */", "\\'", "\"", "--", "&&", "@x", "?", "{", ";", "\x00", "é"})
		text := rapid.OneOf(evil, rapid.String())
		name := `"` + strings.ReplaceAll(text.Draw(rt, "name"), `"`, `""`) + `"`
		str := "'" + strings.ReplaceAll(text.Draw(rt, "string"), "'", "''") + "'"
		op := rapid.StringMatching("[~!@#&|`?]{1,3}").Draw(rt, "operator")
		sql := "SELECT " + name + " " + op + " " + str + ", " + name + "(" + str + ")::" + name + " AS " + name + " FROM " + name + "." + name + " " + name +
			" WHERE E'" + strings.NewReplacer("'", "''", `\`, `\\`).Replace(str) + "' LIKE k1 /*! OR 1 */ -- x\n GROUP BY k0, k1(k2)"
		got, err := desugared(t, sql)
		if err != nil {
			if err.Code == pgerr.InternalError {
				rt.Fatal(err)
			}
			return // a name of no characters, or text that is not UTF-8
		}
		if !alphabet.MatchString(got) {
			rt.Fatalf("%q became %q", sql, got)
		}
	})
}

// TestParserIsPooled: many goroutines share the pool of parsers.
func TestParserIsPooled(t *testing.T) {
	t.Parallel()
	const sql = "SELECT a + b * c FROM t WHERE x IN (1, 2) ORDER BY 1"
	read := func() string {
		ts, err := lex.Scan(sql)
		if err != nil {
			return err.Error()
		}
		return ast.Dump(NewReader(ts).Query())
	}
	want := read()
	done := make(chan string)
	const workers = 8
	for range workers {
		go func() {
			for range 50 {
				if got := read(); got != want {
					done <- got
					return
				}
			}
			done <- want
		}()
	}
	for range workers {
		if got := <-done; got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}
