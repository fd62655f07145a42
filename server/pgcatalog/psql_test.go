package pgcatalog

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the goldens instead of comparing")

// TestPsqlQueries runs the queries that psql 15 sends for its backslash
// commands: testdata/psql/*.sql, captured with psql -E from a PostgreSQL 15 with
// the relations of newTestCatalog. @name stands for a relation's OID. What
// comes out is compared with the .out file beside it.
func TestPsqlQueries(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/psql/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatal("no queries", err)
	}
	env := newEnv(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".sql"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			for _, q := range queries(t, env, string(text)) {
				if out.Len() > 0 {
					out.WriteString("----\n")
				}
				r, err := ask(env, q)
				if err != nil {
					t.Errorf("%s\n%s", explain(err), q)
					fmt.Fprintf(&out, "ERROR %s\n", explain(err))
					continue
				}
				if registryLists[strings.TrimSuffix(filepath.Base(file), ".sql")] && len(r.rows) > 0 {
					r.rows = [][]string{{"…"}}
				}
				out.WriteString(r.String())
			}
			golden(t, strings.TrimSuffix(file, ".sql")+".out", out.String())
		})
	}
}

// registryLists are the commands that list functions, casts and operators: their
// goldens would change with every function that is added.
var registryLists = map[string]bool{"d-c": true, "d-o": true, "da": true, "do": true, "df-s_abs": true, "df_plus": true}

var placeholder = regexp.MustCompile(`@[a-z_]+`)

// queries splits a file at its semicolons that end a line.
func queries(t *testing.T, env *Env, text string) []string {
	var out []string
	for q := range strings.SplitSeq(text, ";\n") {
		var lines []string
		for l := range strings.Lines(q) {
			if !strings.HasPrefix(l, "--") {
				lines = append(lines, l)
			}
		}
		q = strings.TrimSpace(strings.Join(lines, ""))
		if q == "" {
			continue
		}
		out = append(out, placeholder.ReplaceAllStringFunc(q, func(m string) string {
			oid := RelationOID(env.Catalog, "", m[1:], []string{"public", "information_schema"})
			if oid == 0 {
				t.Fatalf("no relation %s", m)
			}
			return fmt.Sprint(oid)
		}))
	}
	return out
}

// golden compares got with a file.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *rewrite {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; rerun with -rewrite and read what it writes", err)
	}
	if string(want) == got {
		return
	}
	w, g := strings.Split(string(want), "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			t.Fatalf("%s differs at line %d (rerun with -rewrite and read the diff)\n want %s\n got  %s", file, i+1, w[i], g[i])
		}
	}
	t.Fatalf("%s has %d lines, the result %d", file, len(w), len(g))
}
