package server

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/heliosdb/heliosdb-streaming/internal/testpg"
)

// dollar finds a parameter.
var dollar = regexp.MustCompile(`\$[0-9]`)

// ordered are the statements whose rows come in an order.
var ordered = regexp.MustCompile(`(?is)order by|^(show|explain|describe|fetch|execute)`)

// sinceWhen finds what no two runs say alike.
var sinceWhen = regexp.MustCompile(`since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? UTC`)

var rewrite = flag.Bool("rewrite", false, "write the answers into testdata/sql")

// client is a connection whose answers are shown as text.
type client struct {
	cn      *pgconn.PgConn
	notices []string
}

func dialClient(t testing.TB, dsn string) *client {
	t.Helper()
	cfg, err := pgconn.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{}
	cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		c.notices = append(c.notices, errorText((*pgconn.PgError)(n)))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if c.cn, err = pgconn.ConnectConfig(ctx, cfg); err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() { _ = c.cn.Close(context.Background()) })
	return c
}

// dialDatabase connects to a new database of PostgreSQL.
func dialDatabase(t testing.TB, dsn, name string) *client {
	t.Helper()
	dialClient(t, dsn).must(t, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)", "CREATE DATABASE "+name)
	return dialClient(t, strings.Replace(dsn, "/postgres?", "/"+name+"?", 1))
}

// errorText shows an error or notice on one line.
func errorText(e *pgconn.PgError) string {
	s := fmt.Sprintf("%s %s %s", e.Severity, e.Code, e.Message)
	if e.Position != 0 {
		s += fmt.Sprintf(" at %d", e.Position)
	}
	for _, more := range []struct{ name, text string }{{"detail", e.Detail}, {"hint", e.Hint}} {
		if more.text != "" {
			s += "; " + more.name + ": " + strings.ReplaceAll(more.text, "\n", `\n`)
		}
	}
	return s
}

// answer is what a server says to one query string.
type answer struct {
	head []string // columns and types
	rows []string
	tail []string // tags, notices, error
}

func (a *answer) lines() []string {
	return append(append(append([]string{}, a.head...), a.rows...), a.tail...)
}

// ask sends sql as a simple query. Rows are sorted unless the text orders them.
func (c *client) ask(t testing.TB, sql string, types bool) *answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	c.notices = nil
	a := &answer{}
	r := c.cn.Exec(ctx, sql)
	for r.NextResult() {
		rr := r.ResultReader()
		var head []string
		for _, f := range rr.FieldDescriptions() {
			s := f.Name
			if types {
				s += fmt.Sprintf(":%d/%d", f.DataTypeOID, f.TypeModifier)
				if f.TableOID != 0 {
					s += fmt.Sprintf("#%d", f.TableAttributeNumber)
				}
			}
			head = append(head, s)
		}
		if len(head) > 0 {
			a.head = append(a.head, strings.Join(head, " | "))
		}
		for rr.NextRow() {
			var row []string
			for _, v := range rr.Values() {
				if v == nil {
					row = append(row, "NULL")
				} else {
					row = append(row, strings.ReplaceAll(string(v), "\n", `\n`))
				}
			}
			a.rows = append(a.rows, strings.Join(row, " | "))
		}
		if tag, err := rr.Close(); err == nil {
			a.tail = append(a.tail, tag.String())
		}
	}
	err := r.Close()
	var pe *pgconn.PgError
	switch {
	case errors.As(err, &pe):
		a.tail = append(a.tail, errorText(pe))
	case err != nil:
		t.Fatalf("%s\n%v", sql, err)
	}
	a.tail = append(a.tail, c.notices...)
	if !ordered.MatchString(sql) {
		sort.Strings(a.rows)
	}
	return a
}

// describe prepares sql and shows its parameters and columns.
func (c *client) describe(t testing.TB, sql string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	d, err := c.cn.Prepare(ctx, "", sql, nil)
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return errorText(pe)
	}
	if err != nil {
		t.Fatalf("%s\n%v", sql, err)
	}
	s := fmt.Sprint("params", d.ParamOIDs)
	for _, f := range d.Fields {
		s += fmt.Sprintf(" %s:%d/%d", f.Name, f.DataTypeOID, f.TypeModifier)
	}
	return s
}

// scripted is a statement of a script.
type scripted struct {
	sql string
	// notYet: PostgreSQL has it and we may answer 0A000.
	notYet bool
}

// statements splits a script: each ends with ";" at the end of a line; lines of
// comments before one are left out, but "-- not yet" says what is expected.
func statements(text string) []scripted {
	var out []scripted
	var cur []string
	notYet := false
	for _, l := range strings.Split(text, "\n") {
		if len(cur) == 0 && (strings.HasPrefix(l, "--") || strings.TrimSpace(l) == "") {
			notYet = l == "-- not yet"
			continue
		}
		cur = append(cur, l)
		if strings.HasSuffix(strings.TrimRight(l, " \t"), ";") {
			out = append(out, scripted{strings.Join(cur, "\n"), notYet})
			cur, notYet = nil, false
		}
	}
	return out
}

// TestAsPostgres runs testdata/pg/*.sql on both servers: columns with their
// types, rows, tags, notices and errors with SQLSTATE, message and position
// must be the same.
func TestAsPostgres(t *testing.T) {
	t.Parallel()
	dsn := testpg.Start(t)
	files, err := filepath.Glob("testdata/pg/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts: ", err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			_, addr := startTest(t)
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			ours := dialClient(t, "postgres://postgres@"+addr+"/postgres?sslmode=disable")
			theirs := dialDatabase(t, dsn, strings.TrimSuffix(filepath.Base(f), ".sql"))
			for _, st := range statements(string(text)) {
				compare(t, st, ours, theirs)
			}
		})
	}
}

func compare(t *testing.T, st scripted, ours, theirs *client) {
	t.Helper()
	sql := st.sql
	if dollar.MatchString(sql) && !strings.HasPrefix(strings.ToUpper(sql), "PREPARE") {
		if a, b := ours.describe(t, sql), theirs.describe(t, sql); a != b {
			t.Errorf("%s\n  ours      %s\n  PostgreSQL %s", sql, a, b)
		}
		return
	}
	a, b := answerText(ours.ask(t, sql, true)), answerText(theirs.ask(t, sql, true))
	if st.notYet && strings.HasPrefix(a, "ERROR 0A000") {
		return
	}
	if a != b {
		t.Errorf("%s\n ours\n  %s\n PostgreSQL\n  %s", sql, a, b)
	}
}

// answerText leaves columns and rows out when an error follows: PostgreSQL
// evaluates constants before it describes the result, and how many rows come
// before the one that fails is chance.
func answerText(a *answer) string {
	if slices.ContainsFunc(a.tail, func(l string) bool { return strings.HasPrefix(l, "ERROR") }) {
		a.head, a.rows = nil, nil
	}
	return strings.Join(a.lines(), "\n  ")
}

// TestScripts runs testdata/sql/*.slt: statements, each followed by "----" and
// its answer.
func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/sql/*.slt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts: ", err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			t.Parallel()
			_, addr := startTest(t)
			runScript(t, f, dialClient(t, "postgres://me@"+addr+"/any?sslmode=disable"))
		})
	}
}

func runScript(t *testing.T, file string, c *client) {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, block := range strings.Split(strings.TrimSpace(string(b)), "\n\n") {
		if strings.HasPrefix(block, "#") {
			out.WriteString(block + "\n\n")
			continue
		}
		sql, want, _ := strings.Cut(block, "\n----\n")
		sql = strings.TrimSuffix(sql, "\n----")
		got := sinceWhen.ReplaceAllString(strings.Join(c.ask(t, sql, false).lines(), "\n"), "since WHEN")
		if got != want && !*rewrite {
			t.Errorf("%s: %s\n got\n%s\n want\n%s", file, sql, got, want)
		}
		out.WriteString(sql + "\n----\n" + got + "\n\n")
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(strings.TrimRight(out.String(), "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
