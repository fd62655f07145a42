package parse

import (
	"path/filepath"
	"regexp"
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
