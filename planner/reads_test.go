package planner

import (
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/parse"
)

// TestReads: what a statement names and reads is found wherever it stands; what
// is behind a view is not, nor the table that is written.
func TestReads(t *testing.T) {
	t.Parallel()
	c := codecCatalog(t)
	apply := func(sql string) {
		stmts, err := parse.Parse(sql)
		if err != nil {
			t.Fatal(err)
		}
		for _, st := range stmts {
			if err := c.apply(st.AST); err != nil {
				t.Fatal(err)
			}
		}
	}
	apply("CREATE TABLE t (id bigint PRIMARY KEY, label text); CREATE VIEW v AS SELECT * FROM dim; CREATE VIEW vv AS SELECT * FROM v JOIN t USING (id)")
	for _, x := range []struct{ sql, want string }{
		{"SELECT 1", ""},
		{"SELECT * FROM vv", "vv"},
		{"SELECT * FROM vv, dim", "dim vv"},
		{"WITH x AS (SELECT * FROM v) SELECT * FROM x", "v"},
		{"WITH x AS (SELECT * FROM v) SELECT 1", "v"},
		{"SELECT id FROM dim WHERE EXISTS (SELECT 1 FROM t WHERE t.id = dim.id)", "dim t"},
		{"SELECT id FROM dim WHERE id IN (SELECT id FROM v)", "dim v"},
		{"SELECT (SELECT count(*) FROM t), id FROM dim UNION ALL SELECT 1, id FROM v", "dim t v"},
		{"SELECT * FROM TUMBLE(ev, at, INTERVAL '1 minute')", "ev"},
		{"INSERT INTO t VALUES (1, 'x')", ""},
		{"INSERT INTO t SELECT id, 'x' FROM vv", "vv"},
		{"UPDATE t SET label = dim.label FROM dim WHERE dim.id = t.id", "dim"},
		{"DELETE FROM t USING v WHERE v.id = t.id", "v"},
	} {
		stmts, err := parse.Parse(x.sql)
		if err != nil {
			t.Fatal(err)
		}
		o := options(AdHoc)
		var r *Result
		w := &Write{}
		switch st := stmts[0].AST.(type) {
		case *ast.SelectStmt:
			r, err = Query(o, st.Query, c)
		case *ast.Insert:
			w, err = Insert(o, st, c)
		case *ast.Update:
			w, err = Update(o, st, c)
		case *ast.Delete:
			w, err = Delete(o, st, c)
		}
		if err != nil {
			t.Errorf("%s: %v", x.sql, err)
			continue
		}
		if r == nil {
			r = &w.Result
		}
		var names []string
		for _, oid := range r.Reads {
			names = append(names, c.ByOID(oid).Name)
		}
		if got := strings.Join(names, " "); got != x.want {
			t.Errorf("%s: reads %q, want %q", x.sql, got, x.want)
		}
	}
}
