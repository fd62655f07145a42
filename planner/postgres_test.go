package planner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/testpg"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/parse"
)

// outcome is what a client learns by preparing a statement, before it runs.
type outcome struct {
	columns, params []string
	code, message   string
	position        int
	detail, hint    string
}

func (o outcome) String() string {
	if o.code != "" {
		s := fmt.Sprintf("ERROR %s: %s at %d", o.code, o.message, o.position)
		if o.detail != "" {
			s += "\n      DETAIL: " + o.detail
		}
		if o.hint != "" {
			s += "\n      HINT: " + o.hint
		}
		return s
	}
	return fmt.Sprintf("(%s) params (%s)", strings.Join(o.columns, ", "), strings.Join(o.params, ", "))
}

// TestAgainstPostgres prepares every statement of testdata/pg/statements.sql
// here and in PostgreSQL and compares column names, column types, parameter
// types, or SQLSTATE, message, position, detail and hint. A statement after a
// "--! reason" line is one where the difference is wanted.
func TestAgainstPostgres(t *testing.T) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, testpg.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	ddl, err := os.ReadFile("testdata/pg/schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	s := &session{cat: newTestCatalog()}
	stmts, err := parse.Parse(string(ddl))
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range stmts {
		if err := s.cat.apply(st.AST); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(ctx, st.Text); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile("testdata/pg/statements.sql")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	differs := false
	for _, block := range strings.Split(string(text), "\n") {
		sql := strings.TrimSpace(block)
		if sql == "" || strings.HasPrefix(sql, "--") {
			differs = strings.HasPrefix(sql, "--!")
			continue
		}
		n++
		want, got := inPostgres(ctx, t, conn, sql), s.prepare(sql)
		if same := want.String() == got.String(); same == differs {
			t.Errorf("%s\n PG   %s\n here %s", sql, want, got)
		}
		differs = false
	}
	t.Logf("%d statements", n)
}

func inPostgres(ctx context.Context, t *testing.T, conn *pgx.Conn, sql string) outcome {
	d, err := conn.Prepare(ctx, "s", sql)
	if err != nil {
		var e *pgconn.PgError
		if !errors.As(err, &e) {
			t.Fatal(err)
		}
		return outcome{code: e.Code, message: e.Message, position: int(e.Position), detail: e.Detail, hint: e.Hint}
	}
	var o outcome
	for _, f := range d.Fields {
		var name string
		if err := conn.QueryRow(ctx, "SELECT format_type($1, $2)", f.DataTypeOID, f.TypeModifier).Scan(&name); err != nil {
			t.Fatal(err)
		}
		o.columns = append(o.columns, f.Name+" "+name)
	}
	for _, oid := range d.ParamOIDs {
		var name string
		if err := conn.QueryRow(ctx, "SELECT format_type($1, -1)", oid).Scan(&name); err != nil {
			t.Fatal(err)
		}
		o.params = append(o.params, name)
	}
	if err := conn.Deallocate(ctx, "s"); err != nil {
		t.Fatal(err)
	}
	return o
}

// prepare plans one statement.
func (s *session) prepare(sql string) outcome {
	stmts, err := parse.Parse(sql)
	if err != nil {
		return failed(err)
	}
	opts := options(AdHoc)
	opts.Session = testSession{cat: s.cat}
	var o outcome
	switch st := stmts[0].AST.(type) {
	case *ast.SelectStmt:
		r, err := Query(opts, st.Query, s.cat)
		if err != nil {
			return failed(err)
		}
		for _, c := range r.Root.Base().Cols {
			o.columns = append(o.columns, c.Name+" "+c.Type.String())
		}
		for _, p := range r.Params {
			o.params = append(o.params, p.String())
		}
		return o
	case *ast.Insert:
		w, err := Insert(opts, st, s.cat)
		return written(w, err)
	case *ast.Update:
		w, err := Update(opts, st, s.cat)
		return written(w, err)
	case *ast.Delete:
		w, err := Delete(opts, st, s.cat)
		return written(w, err)
	}
	return outcome{code: "?", message: fmt.Sprintf("%T", stmts[0].AST)}
}

func written(w *Write, err error) outcome {
	if err != nil {
		return failed(err)
	}
	var o outcome
	for _, c := range w.Columns {
		o.columns = append(o.columns, c.Name+" "+c.Type.String())
	}
	for _, p := range w.Params {
		o.params = append(o.params, p.String())
	}
	return o
}

func failed(err error) outcome {
	e := pgerr.From(err)
	return outcome{code: e.Code, message: e.Message, position: e.Pos, detail: e.Detail, hint: e.Hint}
}

// TestPsqlQueries plans what psql 15's backslash commands send, over system
// relations of PostgreSQL's shape, and compares the columns with PostgreSQL's.
func TestPsqlQueries(t *testing.T) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, testpg.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	s := &session{cat: newTestCatalog()}
	ddl, err := os.ReadFile("testdata/pg/catalog.sql")
	if err != nil {
		t.Fatal(err)
	}
	stmts, err := parse.Parse(string(ddl))
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range stmts {
		if err := s.cat.apply(st.AST); err != nil {
			t.Fatal(st.Text, err)
		}
	}
	text, err := os.ReadFile("testdata/pg/psql.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range strings.Split(string(text), "\n\n-- ") {
		command, sql, _ := strings.Cut(strings.TrimPrefix(block, "-- "), "\n")
		want, got := inPostgres(ctx, t, conn, strings.TrimSuffix(strings.TrimSpace(sql), ";")), s.prepare(sql)
		if want.String() != got.String() {
			t.Errorf("%s: %s\n PG   %s\n here %s", command, sql, want, got)
		}
	}
}
