package pgcatalog

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

var rewrite = flag.Bool("rewrite", false, "write the goldens instead of comparing")

// TestPsqlQueries runs the queries that psql 15 sends for its backslash
// commands: testdata/psql/*.sql, captured with psql -E from a PostgreSQL 15 with
// the relations of newTestCatalog. @name stands for a relation's OID. What
// comes out is compared with the .txt file beside it.
func TestPsqlQueries(t *testing.T) { runFiles(t, "testdata/psql/*.sql") }

// TestClientQueries does the same with what drivers and tools send to find
// their way around: testdata/clients, captured from a PostgreSQL 15's log.
func TestClientQueries(t *testing.T) { runFiles(t, "testdata/clients/*.sql") }

func runFiles(t *testing.T, pattern string) {
	t.Parallel()
	files, err := filepath.Glob(pattern)
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
				r, err := ask(env, q.sql)
				if q.notYet {
					if !pgerr.Is(err, pgerr.FeatureNotSupported) {
						t.Errorf("marked as not yet supported, gives %v\n%s", err, q.sql)
					}
					fmt.Fprintf(&out, "not yet: %s\n", explain(err))
					continue
				}
				if err != nil {
					t.Errorf("%s\n%s", explain(err), q.sql)
					fmt.Fprintf(&out, "ERROR %s\n", explain(err))
					continue
				}
				if registryLists[strings.TrimSuffix(filepath.Base(file), ".sql")] && len(r.rows) > 0 {
					r.rows = [][]string{{"…"}}
				}
				out.WriteString(r.String())
			}
			golden(t, strings.TrimSuffix(file, ".sql")+".txt", out.String())
		})
	}
}

// registryLists are the commands that list functions, casts and operators: their
// goldens would change with every function that is added.
var registryLists = map[string]bool{"d-c": true, "d-o": true, "da": true, "do": true, "df-s_abs": true, "df_plus": true}

var placeholder = regexp.MustCompile(`@[a-z_]+`)

// query is one of a file. A comment "-- not yet" before it says that 0A000 is
// what it gives.
type query struct {
	sql    string
	notYet bool
}

// queries splits a file at its semicolons that end a line.
func queries(t *testing.T, env *Env, text string) []query {
	var out []query
	for part := range strings.SplitSeq(text, ";\n") {
		var q query
		for l := range strings.Lines(part) {
			if strings.HasPrefix(l, "--") {
				q.notYet = q.notYet || strings.HasPrefix(l, "-- not yet")
				continue
			}
			q.sql += l
		}
		if q.sql = strings.TrimSpace(q.sql); q.sql == "" {
			continue
		}
		q.sql = placeholder.ReplaceAllStringFunc(q.sql, func(m string) string {
			oid := RelationOID(env.Catalog, "", m[1:], []string{"public", "information_schema"})
			if oid == 0 {
				t.Fatalf("no relation %s", m)
			}
			return fmt.Sprint(oid)
		})
		out = append(out, q)
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
