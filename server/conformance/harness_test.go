package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sort"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/internal/testpg"
	"github.com/heliosdb/heliosdb-streaming/server"
)

// engine is our server in this process.
type engine struct {
	t    testing.TB
	cfg  *config.Config
	s    *server.Server
	l    *server.Listeners
	conn *pgconn.PgConn
}

// startEngine opens a server; dir "" keeps its state in memory.
func startEngine(t testing.TB, dir string, workers int) *engine {
	t.Helper()
	cfg := config.Default()
	cfg.Security.AuthenticationEnabled = false
	cfg.State.Backend, cfg.State.Path = config.BackendFile, dir
	if dir == "" {
		cfg.State.Backend, cfg.State.Path = config.BackendMemory, t.TempDir()
	}
	cfg.Streaming.CheckpointInterval = time.Hour
	cfg.Streaming.MaxParallelism = workers
	cfg.Server.Port, cfg.Server.PgwirePort, cfg.Server.HealthCheckPort, cfg.Server.MetricsPort = 0, 0, 0, 0
	e := &engine{t: t, cfg: cfg}
	e.open()
	t.Cleanup(e.close)
	return e
}

func (e *engine) open() {
	e.t.Helper()
	var err error
	if e.s, err = server.Open(e.cfg, slog.New(slog.NewTextHandler(io.Discard, nil))); err != nil {
		e.t.Fatal(err)
	}
	if e.l, err = e.s.Listen(); err != nil {
		e.t.Fatal(err)
	}
	e.l.Ready()
	e.conn = connect(e.t, "postgres://conformance@"+e.l.PG+"/heliosdb?sslmode=disable")
}

func (e *engine) close() {
	if e.s == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_ = e.conn.Close(ctx)
	if err := errors.Join(e.l.Close(ctx), e.s.Close(ctx)); err != nil {
		e.t.Errorf("close: %v", err)
	}
	e.s = nil
}

// restart takes a checkpoint, stops and opens the server again.
func (e *engine) restart(workers int) {
	e.t.Helper()
	e.close()
	e.cfg.Streaming.MaxParallelism = workers
	e.open()
}

var databases atomic.Int64

// startPostgres connects to an empty database of the oracle.
func startPostgres(t testing.TB) *pgconn.PgConn {
	t.Helper()
	dsn := testpg.Start(t)
	name := fmt.Sprintf("c%d", databases.Add(1))
	admin := connect(t, dsn)
	if r := run(t, admin, "CREATE DATABASE "+name); r.err != nil {
		t.Fatal(r.err)
	}
	_ = admin.Close(context.Background())
	pg := connect(t, strings.Replace(dsn, "/postgres?", "/"+name+"?", 1))
	t.Cleanup(func() { _ = pg.Close(context.Background()) })
	return pg
}

func connect(t testing.TB, dsn string) *pgconn.PgConn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, err := pgconn.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// result is what a client sees of one statement.
type result struct {
	columns []string // name and type OID
	rows    []string // cells in text form, separated by bars
	tag     string
	err     *pgconn.PgError
}

// run sends sql as a simple query; of several statements the last one counts.
func run(t testing.TB, c *pgconn.PgConn, sql string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	res, err := c.Exec(ctx, sql).ReadAll()
	if err != nil {
		var pe *pgconn.PgError
		if !errors.As(err, &pe) {
			t.Fatalf("%s: %v", sql, err)
		}
		return result{err: pe}
	}
	if len(res) == 0 {
		return result{}
	}
	last := res[len(res)-1]
	r := result{tag: last.CommandTag.String()}
	for _, f := range last.FieldDescriptions {
		r.columns = append(r.columns, fmt.Sprintf("%s:%d", f.Name, f.DataTypeOID))
	}
	for _, row := range last.Rows {
		r.rows = append(r.rows, cells(row))
	}
	return r
}

func cells(row [][]byte) string {
	out := make([]string, len(row))
	for i, v := range row {
		out[i] = "NULL"
		if v != nil {
			out[i] = string(v)
		}
	}
	return strings.Join(out, "|")
}

// bag gives the rows in an order of their own.
func (r result) bag() []string {
	out := append([]string(nil), r.rows...)
	sort.Strings(out)
	return out
}

// failure is an error as one text, with everything that a client shows.
func (r result) failure() string {
	if r.err == nil {
		return "no error"
	}
	s := fmt.Sprintf("%s: %s at %d", r.err.Code, r.err.Message, r.err.Position)
	for _, x := range []struct{ name, text string }{{"DETAIL", r.err.Detail}, {"HINT", r.err.Hint}} {
		if x.text != "" {
			s += "\n  " + x.name + ": " + x.text
		}
	}
	for _, x := range []string{r.err.SchemaName, r.err.TableName, r.err.ColumnName, r.err.DataTypeName, r.err.ConstraintName} {
		if x != "" {
			s += " [" + x + "]"
		}
	}
	return s
}

// compare describes how two results differ, or gives "".
func compare(got, want result, ordered bool) string {
	if got.err != nil || want.err != nil {
		if g, w := got.failure(), want.failure(); g != w {
			return "here " + g + "\n  PG   " + w
		}
		return ""
	}
	if g, w := strings.Join(got.columns, ", "), strings.Join(want.columns, ", "); g != w {
		return "columns here " + g + "\n        PG   " + w
	}
	g, w := got.rows, want.rows
	if !ordered {
		g, w = got.bag(), want.bag()
	}
	if d := difference(g, w); d != "" {
		return d
	}
	if got.tag != want.tag {
		return "tag here " + got.tag + ", PG " + want.tag
	}
	return ""
}

// difference shows up to five rows that only one side has.
func difference(got, want []string) string {
	if strings.Join(got, "\n") == strings.Join(want, "\n") {
		return ""
	}
	count := map[string]int{}
	for _, r := range got {
		count[r]++
	}
	for _, r := range want {
		count[r]--
	}
	var out []string
	for r, n := range count {
		if n != 0 {
			out = append(out, fmt.Sprintf("%+d %s", n, r))
		}
	}
	sort.Strings(out)
	if len(out) == 0 {
		return fmt.Sprintf("the order differs: here %q\n  PG %q", head(got), head(want))
	}
	return fmt.Sprintf("%d rows here, %d in PostgreSQL (+ is ours):\n  %s", len(got), len(want), strings.Join(head(out), "\n  "))
}

func head(s []string) []string { return s[:min(len(s), 8)] }

// statements reads a file of statements that end with a semicolon at the end of
// a line; lines that begin with -- are comments, and a comment "--! reason"
// marks the next statement as one whose difference is wanted.
func statements(t testing.TB, file string) []statement {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var out []statement
	var cur []string
	differs := ""
	for _, line := range strings.Split(string(text), "\n") {
		if s, ok := strings.CutPrefix(line, "--!"); ok {
			differs = strings.TrimSpace(s)
			continue
		}
		if line == "" || strings.HasPrefix(line, "--") {
			continue
		}
		cur = append(cur, line)
		if strings.HasSuffix(line, ";") {
			out = append(out, statement{strings.TrimSuffix(strings.Join(cur, "\n"), ";"), differs})
			cur, differs = nil, ""
		}
	}
	if len(cur) > 0 {
		t.Fatalf("%s: %q does not end", file, cur)
	}
	return out
}

type statement struct {
	sql     string
	differs string // why PostgreSQL is not followed, or ""
}

// both runs statements on both sides, which must accept them.
func both(t testing.TB, e *engine, pg *pgconn.PgConn, list []statement) {
	t.Helper()
	for _, s := range list {
		if r := run(t, e.conn, s.sql); r.err != nil {
			t.Fatalf("here: %s\n%s", s.sql, r.failure())
		}
		if r := run(t, pg, s.sql); r.err != nil {
			t.Fatalf("PostgreSQL: %s\n%s", s.sql, r.failure())
		}
	}
}
