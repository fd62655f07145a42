package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/heliosdb/heliosdb-streaming/internal/testpg"
)

func dsnOf(addr string) string { return "postgres://me@" + addr + "/any?sslmode=disable" }

// must runs statements that have to succeed.
func (c *client) must(t testing.TB, sql ...string) {
	t.Helper()
	for _, s := range sql {
		if _, err := c.cn.Exec(context.Background(), s).ReadAll(); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func codeOf(err error) string {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Code
	}
	return fmt.Sprint(err)
}

// TestConcurrentUpdates: statements outside a block that meet on one row are
// executed again, and none is lost.
func TestConcurrentUpdates(t *testing.T) {
	t.Parallel()
	_, addr := startTest(t)
	c := dialClient(t, dsnOf(addr))
	c.must(t, "CREATE TABLE counter (id int PRIMARY KEY, n int)", "INSERT INTO counter VALUES (1, 0)",
		"CREATE MATERIALIZED VIEW total AS SELECT sum(n) AS s FROM counter")
	const clients, each = 4, 50
	done := make([]int, clients)
	var wg sync.WaitGroup
	for i := range clients {
		cl := dialClient(t, dsnOf(addr))
		wg.Go(func() {
			for done[i] < each {
				_, err := cl.cn.Exec(context.Background(), "UPDATE counter SET n = n + 1 WHERE id = 1").ReadAll()
				switch {
				case err == nil:
					done[i]++
				case codeOf(err) != "40001":
					t.Errorf("update: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	want := fmt.Sprintf("s\n%d\nSELECT 1", clients*each)
	if got := strings.Join(c.ask(t, "SELECT s FROM total", false).lines(), "\n"); got != want {
		t.Errorf("got %s want %s", got, want)
	}
}

// TestConcurrentTransactions: of two transactions that change one row the
// second to commit fails, and its reads stayed on one step.
func TestConcurrentTransactions(t *testing.T) {
	t.Parallel()
	_, addr := startTest(t)
	a, b := dialClient(t, dsnOf(addr)), dialClient(t, dsnOf(addr))
	a.must(t, "CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT INTO t VALUES (1, 0)", "BEGIN", "SELECT n FROM t")
	b.must(t, "BEGIN", "UPDATE t SET n = 10 WHERE id = 1", "INSERT INTO t VALUES (2, 2)", "COMMIT")
	if got := strings.Join(a.ask(t, "SELECT id, n FROM t ORDER BY id", false).rows, ";"); got != "1 | 0" {
		t.Errorf("the transaction sees %s", got)
	}
	a.must(t, "UPDATE t SET n = 20 WHERE id = 1")
	if _, err := a.cn.Exec(context.Background(), "COMMIT").ReadAll(); codeOf(err) != "40001" {
		t.Errorf("commit: %v", err)
	}
	if got := a.cn.TxStatus(); got != 'I' {
		t.Errorf("status %c", got)
	}
	a.must(t, "BEGIN", "SELECT * FROM t")
	b.must(t, "INSERT INTO t VALUES (3, 3)")
	a.must(t, "INSERT INTO t VALUES (3, 4)")
	if _, err := a.cn.Exec(context.Background(), "COMMIT").ReadAll(); codeOf(err) != "23505" {
		t.Errorf("commit: %v", err)
	}
	if got := strings.Join(a.ask(t, "SELECT id, n FROM t ORDER BY id", false).rows, ";"); got != "1 | 10;2 | 2;3 | 3" {
		t.Errorf("table is %s", got)
	}
}

// A change that the log cannot hold is refused, and nothing was done.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	_, addr := startTest(t)
	c := dialClient(t, dsnOf(addr))
	c.must(t, "CREATE TABLE t (id int PRIMARY KEY, v text)")
	if _, err := c.cn.Exec(context.Background(), "INSERT INTO t VALUES (1, repeat('x', 40000000))").ReadAll(); codeOf(err) != "54000" {
		t.Error(err)
	}
	c.must(t, "INSERT INTO t VALUES (1, 'x')")
}

func TestStatementTimeout(t *testing.T) {
	t.Parallel()
	_, addr := startTest(t)
	c := dialClient(t, dsnOf(addr))
	c.must(t, "SET statement_timeout = '50ms'")
	for _, sql := range []string{
		"SELECT count(*) FROM generate_series(1, 1000000000000) a",
		"SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b WHERE a + b < 0",
	} {
		if _, err := c.cn.Exec(context.Background(), sql).ReadAll(); codeOf(err) != "57014" {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// TestMemoryLimit: a query that needs more than there is fails alone.
func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	s, addr := startTest(t)
	c := dialClient(t, dsnOf(addr))
	hog := s.budget.Reserve()
	if err := hog.Grow(s.budget.Limit() - s.notQueries() - 8<<20); err != nil {
		t.Fatal(err)
	}
	defer hog.Release()
	for _, sql := range []string{
		"SELECT g, repeat('x', 100) || g FROM generate_series(1, 1000000) g ORDER BY 2 DESC LIMIT 600000",
		"DECLARE c CURSOR WITH HOLD FOR SELECT g, repeat('x', 100) FROM generate_series(1, 1000000) g",
	} {
		if _, err := c.cn.Exec(context.Background(), sql).ReadAll(); codeOf(err) != "53200" {
			t.Errorf("%s: %v", sql, err)
		}
	}
	c.must(t, "SELECT 1")
}

// TestPreparedFollowsCatalog: a statement prepared before DDL is bound anew.
func TestPreparedFollowsCatalog(t *testing.T) {
	t.Parallel()
	_, addr := startTest(t)
	ctx := context.Background()
	cn, err := pgx.Connect(ctx, dsnOf(addr))
	if err != nil {
		t.Fatal(err)
	}
	defer cn.Close(ctx)
	exec := func(sql string) {
		t.Helper()
		if _, err := cn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	exec("CREATE TABLE t (id int PRIMARY KEY, v text)")
	exec("INSERT INTO t VALUES (1, 'old')")
	if _, err := cn.Prepare(ctx, "q", "SELECT v FROM t WHERE id = $1"); err != nil {
		t.Fatal(err)
	}
	read := func() (v string, err error) {
		err = cn.QueryRow(ctx, "q", 1).Scan(&v)
		return v, err
	}
	if v, err := read(); v != "old" || err != nil {
		t.Fatal(v, err)
	}
	exec("DROP TABLE t")
	if _, err := read(); codeOf(err) != "42P01" {
		t.Fatalf("after DROP: %v", err)
	}
	exec("CREATE TABLE t (id int PRIMARY KEY, extra int, v text)")
	exec("INSERT INTO t VALUES (1, 5, 'new')")
	if v, err := read(); v != "new" || err != nil {
		t.Fatal(v, err)
	}
	exec("DROP TABLE t")
	exec("CREATE TABLE t (id int PRIMARY KEY, v int)")
	if _, err := read(); codeOf(err) != "0A000" {
		t.Fatalf("another result type: %v", err)
	}
}

// TestCopyOut compares the bytes of COPY with PostgreSQL's.
func TestCopyOut(t *testing.T) {
	t.Parallel()
	dsn := testpg.Start(t)
	_, addr := startTest(t)
	ours, theirs := dialClient(t, dsnOf(addr)), dialDatabase(t, dsn, "copied")
	for _, c := range []*client{ours, theirs} {
		c.must(t, "CREATE TABLE copied (id int PRIMARY KEY, t text, d double precision, n numeric, ts timestamptz, a text[])",
			`INSERT INTO copied VALUES (1, E'tab\t "quote" \\ back, comma', 1.5, 10.50, '2024-01-01 00:00Z', '{a,"b c",NULL}'),
			 (2, NULL, NULL, NULL, NULL, NULL), (3, '', 'NaN', -0.001, 'infinity', '{}'), (4, E'line\nbreak\rreturn', 1e100, 1e20, 'epoch', '{"\"q\""}'),
			 (5, '\.', 0, 0, NULL, NULL), (6, ' padded ', 1, 1, NULL, NULL), (7, 'null', 1, 1, NULL, NULL)`)
	}
	for _, sql := range []string{
		"COPY (SELECT * FROM copied ORDER BY id) TO STDOUT",
		"COPY (SELECT * FROM copied ORDER BY id) TO STDOUT (FORMAT csv, HEADER)",
		"COPY (SELECT * FROM copied ORDER BY id) TO STDOUT WITH CSV HEADER DELIMITER ';' QUOTE '''' ESCAPE '!' NULL 'null'",
		"COPY (SELECT * FROM copied ORDER BY id) TO STDOUT (FORMAT csv, FORCE_QUOTE *)",
		"COPY (SELECT * FROM copied ORDER BY id) TO STDOUT (FORMAT csv, FORCE_QUOTE (id, n))",
		"COPY (SELECT * FROM copied ORDER BY id) TO STDOUT (DELIMITER '|', NULL 'nothing', HEADER true)",
		"COPY (SELECT id, t FROM copied WHERE id < 3 ORDER BY id DESC) TO STDOUT",
		"COPY (TABLE copied ORDER BY id) TO STDOUT",
		"COPY (SELECT 1 WHERE false) TO STDOUT (HEADER)",
	} {
		var a, b bytes.Buffer
		ta, err := ours.cn.CopyTo(context.Background(), &a, sql)
		if err != nil {
			t.Errorf("%s: %v", sql, err)
			continue
		}
		tb, err := theirs.cn.CopyTo(context.Background(), &b, sql)
		if err != nil {
			t.Fatalf("%s: PostgreSQL: %v", sql, err)
		}
		if a.String() != b.String() || ta.String() != tb.String() {
			t.Errorf("%s\n ours %s\n%q\n PostgreSQL %s\n%q", sql, ta, a.String(), tb, b.String())
		}
	}
}

// TestStartupFile applies files twice and checks what goes wrong where.
func TestStartupFile(t *testing.T) {
	t.Parallel()
	s, addr := startTest(t)
	dir := t.TempDir()
	file := func(name, text string) string {
		t.Helper()
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return p
	}
	ctx := context.Background()
	good := file("good.sql", `-- a comment
CREATE TABLE t (id int PRIMARY KEY, v text);
INSERT INTO t VALUES (1, 'a') ON CONFLICT DO NOTHING;
CREATE VIEW w AS SELECT v FROM t;
CREATE MATERIALIZED VIEW IF NOT EXISTS m AS SELECT count(*) AS c FROM w;
`)
	for range 2 {
		if err := s.applyFile(ctx, good); err != nil {
			t.Fatal(err)
		}
	}
	c := dialClient(t, dsnOf(addr))
	if got := strings.Join(c.ask(t, "SELECT * FROM m", false).rows, ";"); got != "1" {
		t.Errorf("m is %s", got)
	}
	for _, bad := range []struct{ name, text, want string }{
		{"other.sql", "CREATE TABLE t (id int PRIMARY KEY, v text);\n\nCREATE VIEW w AS\n SELECT 1 AS v;", "other.sql:3: relation \"w\" already exists with another definition"},
		{"syntax.sql", "SELECT 1;\nSELEC 2;", "syntax.sql:2: syntax error at or near \"SELEC\""},
		{"name.sql", "CREATE VIEW x AS\nSELECT *\nFROM nosuch;", "name.sql:3: relation \"nosuch\" does not exist"},
		{"insert.sql", "\nINSERT INTO t VALUES (2, 'b');", "insert.sql:2: INSERT in a startup file needs ON CONFLICT DO NOTHING"},
		{"drop.sql", "DROP TABLE t;", "drop.sql:1: this statement is not allowed in a startup file"},
		{"param.sql", "SELECT $1::int;", "param.sql:1: there is no parameter $1"},
	} {
		err := s.applyFile(ctx, file(bad.name, bad.text))
		if err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%s: %v\nwant %s", bad.name, err, bad.want)
		}
	}
	if err := s.applyFile(ctx, filepath.Join(dir, "missing.sql")); err == nil || !strings.Contains(err.Error(), "missing.sql") {
		t.Errorf("missing file: %v", err)
	}
}

// TestStartupSettings: what a client says when it connects.
func TestStartupSettings(t *testing.T) {
	t.Parallel()
	_, addr := startTest(t)
	c := dialClient(t, dsnOf(addr)+"&timezone=Europe/Berlin&application_name=app&options=-c%20search_path%3Dpg_catalog%20-c%20statement_timeout%3D5s")
	for name, want := range map[string]string{"timezone": "Europe/Berlin", "application_name": "app", "search_path": "pg_catalog", "statement_timeout": "5s"} {
		if got := strings.Join(c.ask(t, "SHOW "+name, false).rows, ";"); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	c.must(t, "SET timezone = 'UTC'", "RESET timezone")
	for name, want := range map[string]string{
		"server_version": serverVersion, "server_encoding": "UTF8", "client_encoding": "UTF8", "DateStyle": "ISO, MDY", "TimeZone": "Europe/Berlin",
		"integer_datetimes": "on", "standard_conforming_strings": "on", "application_name": "app", "session_authorization": "me",
		"in_hot_standby": "off", "is_superuser": "on", "IntervalStyle": "postgres",
	} {
		if got := c.cn.ParameterStatus(name); got != want {
			t.Errorf("ParameterStatus %s is %q, want %q", name, got, want)
		}
	}
	_, err := pgconn.Connect(context.Background(), dsnOf(addr)+"&nosuch=1")
	if codeOf(err) != "42704" {
		t.Errorf("unknown startup parameter: %v", err)
	}
}
