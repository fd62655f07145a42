package parse

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
)

// FuzzParse: no text makes the parser panic or fail internally, positions lie in
// the text, and what parses and can be formatted reads back as the same tree.
func FuzzParse(f *testing.F) {
	for _, s := range corpus(f) {
		f.Add(s)
	}
	for _, s := range paragraphs(f, filepath.Join(scripts, "statements.txt")) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		stmts, err := Parse(s)
		if err != nil {
			e := pgerr.From(err)
			if e.Code == pgerr.InternalError {
				t.Fatalf("internal error: %v", err)
			}
			if e.Pos < 0 || e.Pos > len(s)+1 {
				t.Fatalf("position %d in a text of %d bytes", e.Pos, len(s))
			}
			if !utf8.ValidString(e.Message) && utf8.ValidString(s) {
				t.Fatalf("message is not UTF-8: %q", e.Message)
			}
			return
		}
		for _, st := range stmts {
			if st.Text != s[st.Offset:st.Offset+len(st.Text)] {
				t.Fatalf("text %q is not at %d", st.Text, st.Offset)
			}
			roundTrip(t, st)
		}
	})
}

func roundTrip(t *testing.T, st Stmt) {
	sql := ast.Format(st.AST)
	if strings.HasPrefix(sql, "/*") || st.AST == nil {
		return
	}
	again, err := Parse(sql)
	if err != nil {
		if pgerr.Is(err, pgerr.StatementTooComplex) {
			return // parentheses nest deeper than what they came from
		}
		t.Fatalf("%v\n%s\nof %s", err, sql, st.Text)
	}
	if a, b := stable(st.AST), stable(again[0].AST); a != b {
		t.Fatalf("%s\n formatted: %s\n before:\n%s\n after:\n%s", st.Text, sql, a, b)
	}
}

// TestLimits: deep and long texts are refused or parsed in reasonable time, with
// 54000 or 54001.
func TestLimits(t *testing.T) {
	t.Parallel()
	rep := strings.Repeat
	for _, c := range []struct{ name, sql, code string }{
		{"parentheses", "SELECT " + rep("(", 100000) + "1" + rep(")", 100000), pgerr.StatementTooComplex},
		{"open parentheses", "SELECT " + rep("(", 300000), pgerr.StatementTooComplex},
		{"open parentheses in FROM", "SELECT * FROM " + rep("(", 100000), pgerr.StatementTooComplex},
		{"open brackets", "SELECT ARRAY" + rep("[", 100000), pgerr.StatementTooComplex},
		{"calls", "SELECT " + rep("f(", 100000), pgerr.StatementTooComplex},
		{"signs", "SELECT " + rep("- ", 100000) + "1", pgerr.StatementTooComplex},
		{"negations", "SELECT " + rep("NOT ", 100000) + "a", pgerr.StatementTooComplex},
		{"subqueries", "SELECT " + rep("(SELECT ", 100000), pgerr.StatementTooComplex},
		{"cases", rep("CASE WHEN ", 100000), pgerr.SyntaxError},
		{"nested cases", "SELECT " + rep("CASE WHEN ", 100000), pgerr.StatementTooComplex},
		{"sum", "SELECT 1" + rep("+1", 100000), pgerr.StatementTooComplex},
		{"casts", "SELECT 1" + rep("::int", 100000), pgerr.StatementTooComplex},
		{"subscripts", "SELECT a" + rep("[1]", 100000), pgerr.StatementTooComplex},
		{"joins", "SELECT * FROM a" + rep(" CROSS JOIN b", 100000), pgerr.StatementTooComplex},
		{"open joins", "SELECT * FROM a" + rep(" JOIN b", 100000), pgerr.StatementTooComplex},
		{"unions", "SELECT 1" + rep(" UNION SELECT 1", 100000), pgerr.StatementTooComplex},
		{"explains", rep("EXPLAIN ", 100000) + "SELECT 1", pgerr.SyntaxError},
		{"prepares", rep("PREPARE p AS ", 100000) + "SELECT 1", pgerr.SyntaxError},
		{"grouping", "SELECT 1 GROUP BY " + rep("GROUPING SETS (", 100000), pgerr.StatementTooComplex},
		{"too long", "SELECT '" + rep("x", 17<<20) + "'", pgerr.ProgramLimitExceeded},
		{"too many tokens", rep("a ", 1<<20), pgerr.ProgramLimitExceeded},
		{"many ors", "SELECT a" + rep(" OR b", 10000), ""},
		{"long list", "SELECT a IN (1" + rep(", 2", 100000) + ")", ""},
		{"list of casts", "SELECT a IN ('1'::int" + rep(", '2'::int", 20000) + ")", ""},
		{"many rows", "INSERT INTO t VALUES (1, 'x')" + rep(", (2, 'y')", 20000), ""},
		{"deep enough", "SELECT " + rep("(", 300) + "1" + rep(")", 300), ""},
		{"many columns", "SELECT a" + rep(", b", 20000) + " FROM t", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			_, err := Parse(c.sql)
			t.Logf("%d bytes in %v", len(c.sql), time.Since(start).Round(time.Millisecond))
			switch {
			case c.code == "" && err != nil:
				t.Errorf("%v", err)
			case c.code != "" && !pgerr.Is(err, c.code):
				t.Errorf("got %v, want %s", err, c.code)
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for _, c := range []struct{ name, sql string }{
		{"point", "SELECT a, b FROM t WHERE id = $1"},
		{"small", "SELECT auction, count(*) AS n FROM bid WHERE price > 100 AND channel <> 'x' GROUP BY auction ORDER BY n DESC LIMIT 10"},
		{"join", "SELECT p.name, a.id FROM auction a JOIN person p ON a.seller = p.id LEFT JOIN bid b ON b.auction = a.id WHERE a.category = 10 AND p.state IN ('OR', 'ID', 'CA')"},
		{"insert1000", "INSERT INTO t VALUES (1, 'abc', 2.5)" + strings.Repeat(", (1, 'abc', 2.5)", 999)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(c.sql)))
			for b.Loop() {
				if _, err := Parse(c.sql); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
