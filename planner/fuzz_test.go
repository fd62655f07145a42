package planner

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/parse"
)

// FuzzPlan plans whatever parses, ad hoc and continuously: the outcome is a plan
// that EXPLAIN can print or a user-visible error that is not an internal one.
func FuzzPlan(f *testing.F) {
	text, err := os.ReadFile("testdata/pg/statements.sql")
	if err != nil {
		f.Fatal(err)
	}
	for _, l := range strings.Split(string(text), "\n") {
		if l != "" && !strings.HasPrefix(l, "--") {
			f.Add(l)
		}
	}
	ddl, err := os.ReadFile("testdata/pg/schema.sql")
	if err != nil {
		f.Fatal(err)
	}
	s := &session{cat: newTestCatalog()}
	stmts, err := parse.Parse(string(ddl) + "CREATE SOURCE ev (id bigint, at timestamp, WATERMARK FOR at AS at) WITH (connector='kafka', topic='e') FORMAT PLAIN ENCODE JSON")
	if err != nil {
		f.Fatal(err)
	}
	for _, st := range stmts {
		if err := s.cat.apply(st.AST); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, sql string) {
		stmts, err := parse.Parse(sql)
		if err != nil {
			return
		}
		for _, st := range stmts {
			if o := s.prepare(st.Text); o.code == pgerr.InternalError {
				t.Errorf("%s: %s", sql, o.message)
			}
			q, ok := st.AST.(*ast.SelectStmt)
			if !ok {
				continue
			}
			r, err := Query(options(Continuous), q.Query, s.cat)
			var e *pgerr.Error
			switch {
			case err == nil:
				plan.Explain(Materialize(options(Continuous), r.Root, s.cat.newRelation("m")))
			case !errors.As(err, &e) || e.Code == pgerr.InternalError:
				t.Errorf("%s: %v", sql, err)
			}
		}
	})
}
