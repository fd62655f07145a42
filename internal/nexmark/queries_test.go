package nexmark

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const queries = "../../testdata/nexmark"

// Every query file makes the view of its name, and what PostgreSQL cannot read
// has a form for it that makes the same view.
func TestQueryFiles(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob(filepath.Join(queries, "q*.sql"))
	if err != nil || len(names) < 12 {
		t.Fatalf("%d files, %v", len(names), err)
	}
	for _, name := range names {
		text := readFile(t, name)
		base := strings.TrimSuffix(filepath.Base(name), ".sql")
		forPostgres := strings.HasSuffix(base, ".pg")
		base = strings.TrimSuffix(base, ".pg")
		view := "nexmark_" + strings.ReplaceAll(base, ".", "_")
		if !strings.Contains(text, "\nCREATE MATERIALIZED VIEW "+view+" AS\n") || strings.Count(text, ";\n") != 1 || !strings.HasSuffix(text, ";\n") {
			t.Errorf("%s is not one statement that creates %s", name, view)
		}
		streaming := strings.Contains(text, "TUMBLE(") || strings.Contains(text, "HOP(") || strings.Contains(text, "EMIT ON")
		if forPostgres && streaming {
			t.Errorf("%s is not PostgreSQL's SQL", name)
		}
		if streaming {
			readFile(t, filepath.Join(queries, base+".pg.sql"))
		}
	}
}

// The columns of the tables, of the sources and of the generated JSON agree.
func TestColumnsAgree(t *testing.T) {
	t.Parallel()
	g := mustNew(t, Config{})
	var ev Event
	for i, kind := range map[uint64]Kind{0: KindPerson, 1: KindAuction, 4: KindBid} {
		g.Fill(&ev, i)
		var want []string
		for part := range strings.SplitSeq(string(ev.AppendJSON(nil)), `":`) {
			if k := strings.LastIndexByte(part, '"'); k >= 0 && strings.ContainsAny(part, "{,") {
				want = append(want, part[k+1:])
			}
		}
		for _, file := range []struct{ path, start string }{
			{queries + "/pg_schema.sql", "CREATE TABLE " + kind.String() + " ("},
			{queries + "/sources.sql", "CREATE SOURCE IF NOT EXISTS " + kind.String() + " ("},
			{"../../testdata/demo/quickstart.sql", "CREATE SOURCE IF NOT EXISTS " + kind.String() + " ("},
		} {
			_, body, ok := strings.Cut(readFile(t, file.path), file.start)
			body, _, _ = strings.Cut(body, "\n)")
			var got []string
			for line := range strings.Lines(body) {
				if f := strings.Fields(line); len(f) > 1 && f[0] != "WATERMARK" {
					got = append(got, f[0])
				}
			}
			if !ok || strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("%s: %s has columns %v, the generator makes %v", file.path, kind, got, want)
			}
		}
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
