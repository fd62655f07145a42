package parse

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
)

var rewrite = flag.Bool("rewrite", false, "write the results into the golden scripts")

const scripts = "../../testdata/sqlparse"

// TestGolden runs the scripts: blocks of SQL, "----", and the trees or the error
// expected, up to an empty line.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(scripts, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts in %s: %v", scripts, err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			for _, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
				sql, want, _ := strings.Cut(block, "\n----\n")
				comment := ""
				for strings.HasPrefix(sql, "#") {
					line, rest, _ := strings.Cut(sql, "\n")
					comment, sql = comment+line+"\n", rest
				}
				if sql == "" {
					out.WriteString(block + "\n\n")
					continue
				}
				sql = strings.TrimSuffix(sql, "\n----")
				got := describe(sql)
				if got != want && !*rewrite {
					t.Errorf("%s\n got:\n%s\n want:\n%s", sql, got, want)
				}
				out.WriteString(comment + sql + "\n----\n" + got + "\n\n")
			}
			if *rewrite {
				if err := os.WriteFile(f, []byte(strings.TrimSpace(out.String())+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// describe is the trees of sql or its error.
func describe(sql string) string {
	stmts, err := Parse(sql)
	if err != nil {
		e := pgerr.From(err)
		s := fmt.Sprintf("ERROR %s @%d: %s", e.Code, e.Pos, e.Message)
		if e.Hint != "" {
			s += "\nHINT: " + e.Hint
		}
		return s
	}
	var parts []string
	for _, s := range stmts {
		parts = append(parts, ast.Dump(s.AST))
	}
	return strings.Join(parts, "\n;\n")
}
