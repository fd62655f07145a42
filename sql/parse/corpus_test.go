package parse

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/sql/ast"
)

// paragraphs are the texts of a file that empty lines separate.
func paragraphs(t testing.TB, file string) []string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, p := range strings.Split(strings.TrimSpace(string(b)), "\n\n") {
		sql, _, _ := strings.Cut(p, "\n----")
		if !strings.HasPrefix(sql, "#") {
			out = append(out, strings.TrimSuffix(sql, ";"))
		}
	}
	return out
}

// corpus is every statement of the scripts that PostgreSQL would take as its own
// SQL, right or wrong.
func corpus(t testing.TB) []string {
	var out []string
	for _, f := range []string{"queries.txt", "expressions.txt", "errors.txt", "psql.sql", "clients.sql"} {
		for _, s := range paragraphs(t, filepath.Join(scripts, f)) {
			if l := strings.ToLower(s); !strings.Contains(l, "emit") && !strings.Contains(l, "hop(") {
				out = append(out, s)
			}
		}
	}
	for _, text := range paragraphs(t, filepath.Join(scripts, "statements.txt")) {
		stmts, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, st := range stmts {
			if postgresHas(st) {
				out = append(out, st.Text)
			}
		}
	}
	return out
}

// postgresHas reports whether a statement of statements.txt is PostgreSQL's too.
func postgresHas(st Stmt) bool {
	switch n := st.AST.(type) {
	case *ast.CreateSource, *ast.CreateSink, *ast.CreateTable, *ast.Flush, *ast.Explain, *ast.RotateKey:
		return false
	case *ast.CreateView:
		return !strings.Contains(st.Text, "EMIT")
	case *ast.Drop:
		return n.Kind != ast.KindSource && n.Kind != ast.KindSink
	case *ast.Show:
		return n.Kind == ast.ShowAll || n.Kind == ast.ShowParameter
	}
	return true
}

// TestCorpusParses: what psql sends, and the repository's own SQL, must parse.
func TestCorpusParses(t *testing.T) {
	t.Parallel()
	var texts []string
	files, err := filepath.Glob("../../testdata/*/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasSuffix(f, "schema.sql") || strings.HasSuffix(f, ".pg.sql") {
			continue // PostgreSQL's side of a comparison
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(b))
	}
	for _, s := range texts {
		if _, err := Parse(s); err != nil {
			t.Errorf("%v\n%s", err, s)
		}
	}
}

// TestDumpIsStable: parsing twice gives the same tree (parsers are pooled and
// reused).
func TestDumpIsStable(t *testing.T) {
	t.Parallel()
	for _, s := range corpus(t) {
		a, err := Parse(s)
		if err != nil {
			continue
		}
		b, err := Parse(s)
		if err != nil || ast.Dump(a) != ast.Dump(b) {
			t.Errorf("second parse differs: %v\n%s", err, s)
		}
	}
}
