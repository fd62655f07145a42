package conformance

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var orderedQuery = regexp.MustCompile(`(?is)\border by\b[^()]*$`)

// TestStatements runs every statement of testdata/queries/ on both sides, in
// order: rows, names, types and tags are the same, or the error with its
// position, detail and hint. Rows are compared in order if the text ends with
// an ORDER BY.
func TestStatements(t *testing.T) {
	files, err := filepath.Glob("testdata/queries/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatal("no statements", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".sql"), func(t *testing.T) {
			t.Parallel()
			e, pg := startEngine(t, "", 2), startPostgres(t)
			both(t, e, pg, statements(t, "schema.sql"))
			list := statements(t, "queries/"+filepath.Base(f))
			for _, s := range list {
				got, want := run(t, e.conn, s.sql), run(t, pg, s.sql)
				d := compare(got, want, orderedQuery.MatchString(s.sql))
				if (d != "") != (s.differs != "") {
					t.Errorf("%s\n  %s", s.sql, d)
				}
			}
			t.Logf("%d statements", len(list))
		})
	}
}
