package parse

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/sql/ast"
)

// positions and texts of the source are what a round trip may change.
var unstable = regexp.MustCompile(`@\d+| EmitPos=@\d+| (?:Query)?Text="CREATE[^\n]*"| QueryText="(?:[^"\\]|\\.)*"`)

// TestFormatRoundTrip: formatting a tree and parsing it again gives the tree.
func TestFormatRoundTrip(t *testing.T) {
	t.Parallel()
	texts := append(corpus(t), paragraphs(t, filepath.Join(scripts, "statements.txt"))...)
	texts = append(texts, paragraphs(t, filepath.Join(scripts, "queries.txt"))...)
	done := 0
	for _, s := range texts {
		stmts, err := Parse(s)
		if err != nil {
			continue
		}
		for _, st := range stmts {
			sql := ast.Format(st.AST)
			if sql == "" || sql[:2] == "/*" {
				continue // not a statement that Format writes
			}
			done++
			again, err := Parse(sql)
			if err != nil {
				t.Errorf("%v\n%s\nof %s", err, sql, st.Text)
				continue
			}
			a, b := stable(st.AST), stable(again[0].AST)
			if a != b {
				t.Errorf("%s\n formatted: %s\n before:\n%s\n after:\n%s", st.Text, sql, a, b)
			}
		}
	}
	if done < 100 {
		t.Errorf("only %d statements went round", done)
	}
}

// watermarkText is the source text that a Watermark keeps.
var watermarkText = regexp.MustCompile(`(Watermark Column="[^"]*") Text="(?:[^"\\]|\\.)*"`)

func stable(s ast.Statement) string {
	return watermarkText.ReplaceAllString(unstable.ReplaceAllString(ast.Dump(s), ""), "$1")
}

// TestFormatText: what people see in SHOW CREATE and pg_get_viewdef.
func TestFormatText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"select A, b as \"B\", 'x''y' from t where a>1 and b<2 and c=3 or not d", `SELECT a, b AS "B", 'x''y' FROM t WHERE ((a > 1) AND (b < 2) AND (c = 3)) OR (NOT d)`},
		{"select a + b + c * d - 1, a||b||c", "SELECT (a + b + (c * d)) - 1, a || b || c"},
		{"select 1 from a join b on x left join c using (y), d", "SELECT 1 FROM a JOIN b ON x LEFT JOIN c USING (y), d"},
		{"select 1 from a join (b join c on x) on y", "SELECT 1 FROM a JOIN (b JOIN c ON x) ON y"},
		{"select 1 union select 2 union all select 3 intersect select 4", "SELECT 1 UNION SELECT 2 UNION ALL (SELECT 3 INTERSECT SELECT 4)"},
		{"select count(*) filter (where a) over w, x::int[], -1 from t window w as (order by b)", "SELECT count(*) FILTER (WHERE a) OVER w, x::int[], -1 FROM t WINDOW w AS (ORDER BY b)"},
		{"create materialized view v as select window_start from tumble(bid, ts, interval '1' minute) emit on window close",
			"CREATE MATERIALIZED VIEW v AS SELECT window_start FROM tumble(bid, ts, interval '1' minute) EMIT ON WINDOW CLOSE"},
		{"create source if not exists s (a int, watermark for a as a - 1) with (connector='kafka', properties.x=1) format plain encode json",
			"CREATE SOURCE IF NOT EXISTS s (a int, WATERMARK FOR a AS a - 1) WITH (connector = 'kafka', properties.x = '1') FORMAT PLAIN ENCODE JSON"},
	} {
		stmts, err := Parse(c.in)
		if err != nil {
			t.Fatal(err)
		}
		if got := ast.Format(stmts[0].AST); got != c.want {
			t.Errorf("%s\n got  %s\n want %s", c.in, got, c.want)
		}
	}
}

// TestFormatLongChains: a chain formatted must not nest deeper than it was.
func TestFormatLongChains(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"SELECT a" + strings.Repeat(" OR b", 5000),
		"SELECT 1" + strings.Repeat(" + 1", 5000),
		"SELECT 1" + strings.Repeat(" UNION SELECT 1", 5000),
		"SELECT 1 FROM a" + strings.Repeat(" CROSS JOIN b", 5000),
	} {
		stmts, err := Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(ast.Format(stmts[0].AST))
		if err != nil {
			t.Errorf("%.40s…: %v", s, err)
		} else if a, b := ast.Format(stmts[0].AST), ast.Format(again[0].AST); a != b {
			t.Errorf("%.40s… changed", s)
		}
	}
}
