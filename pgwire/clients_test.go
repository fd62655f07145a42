package pgwire

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// psqlPath finds psql; without it the test is skipped, or fails when
// REQUIRE_ALL=1.
func psqlPath(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("psql")
	if err != nil {
		if os.Getenv("REQUIRE_ALL") == "1" {
			t.Fatal("psql is required: ", err)
		}
		t.Skip("psql is not installed: ", err)
	}
	return path
}

// psql runs the real client with script on its standard input.
func psql(t *testing.T, addr, script string, args ...string) (stdout, stderr string) {
	t.Helper()
	path := psqlPath(t)
	host, port, _ := net.SplitHostPort(addr)
	cmd := exec.Command(path, append([]string{"-X", "-h", host, "-p", port, "-U", "me", "-d", "heliosdb"}, args...)...)
	cmd.Env = append(os.Environ(), "PGCLIENTENCODING=UTF8")
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(script), &out, &errs
	if err := cmd.Run(); err != nil {
		t.Logf("psql: %v", err)
	}
	return out.String(), errs.String()
}

func TestPsql(t *testing.T) {
	t.Parallel()
	_, addr := startServer(t, newFake(), Config{})
	out, errs := psql(t, addr, `
SELECT g::int4 AS i, 'r'||g AS s FROM generate_series(1, 3) g;
SELECT; BEGIN \; SELECT nope;
ROLLBACK;
DO $$BEGIN RAISE NOTICE 'hi'; END$$;
\copy t TO STDOUT WITH (FORMAT csv, HEADER)
SELECT nope;
`, "-A", "-v", "VERBOSITY=verbose")
	const wantOut = "i|s\n1|r1\n2|r2\n3|r3\n(3 rows)\n\n(1 row)\nBEGIN\nROLLBACK\nDO\ni,s\n1,r1\n2,r2\n"
	if !strings.HasPrefix(out, wantOut) {
		t.Errorf("stdout\n%s\nwant\n%s", out, wantOut)
	}
	for _, want := range []string{
		"NOTICE:  00000: hi",
		"ERROR:  42703: column \"nope\" does not exist\nLINE 1: BEGIN ; SELECT nope;\n                       ^",
		"ERROR:  42703: column \"nope\" does not exist\nLINE 1: SELECT nope;\n               ^",
	} {
		if !strings.Contains(errs, want) {
			t.Errorf("stderr lacks\n%s\nit is\n%s", want, errs)
		}
	}
}

// TestPsqlInterrupt presses Ctrl-C while a statement runs.
func TestPsqlInterrupt(t *testing.T) {
	t.Parallel()
	path := psqlPath(t)
	h := newFake()
	_, addr := startServer(t, h, Config{})
	host, port, _ := net.SplitHostPort(addr)
	cmd := exec.Command(path, "-X", "-h", host, "-p", port, "-U", "me", "-c", "SELECT pg_sleep(1000)")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-h.waiting
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if !strings.Contains(errs.String(), "ERROR:  canceling statement due to user request") {
		t.Errorf("stderr: %s", errs.String())
	}
}

func pgxConnect(t testing.TB, addr, more string) *pgx.Conn {
	t.Helper()
	ctx, stop := testContext()
	defer stop()
	host, port, _ := net.SplitHostPort(addr)
	c, err := pgx.Connect(ctx, "host="+host+" port="+port+" user=me dbname=heliosdb sslmode=disable "+more)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

func TestPgx(t *testing.T) {
	t.Parallel()
	_, addr := startServer(t, newFake(), Config{})
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			ctx, stop := testContext()
			defer stop()
			c := pgxConnect(t, addr, "default_query_exec_mode="+mode)
			rows, err := c.Query(ctx, "SELECT g::int4 AS i, 'r'||g AS s FROM generate_series(1, 1000) g")
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for rows.Next() {
				var i int32
				var s string
				if err := rows.Scan(&i, &s); err != nil {
					t.Fatal(err)
				}
				if n++; int(i) != n {
					t.Fatalf("row %d is %d", n, i)
				}
			}
			if rows.Err() != nil || n != 1000 {
				t.Fatalf("%d rows, %v", n, rows.Err())
			}
			_, err = c.Exec(ctx, "SELECT 1/0")
			var pe *pgconn.PgError
			if !errors.As(err, &pe) || pe.Code != "22012" {
				t.Errorf("division by zero gave %v", err)
			}
			if err := c.Ping(ctx); err != nil {
				t.Error(err)
			}
			if mode == "simple_protocol" {
				return // puts parameters into the text, which the fake cannot read
			}
			var a int64
			var b *string
			var f bool
			if err := c.QueryRow(ctx, "SELECT $1::int8, $2::text, $3::bool", int64(1)<<40, nil, true).Scan(&a, &b, &f); err != nil || a != 1<<40 || b != nil || !f {
				t.Errorf("got %d %v %v, %v", a, b, f, err)
			}
		})
	}
}

func TestPgxBatchAndPipeline(t *testing.T) {
	t.Parallel()
	h := newFake()
	_, addr := startServer(t, h, Config{})
	ctx, stop := testContext()
	defer stop()
	c := pgxConnect(t, addr, "")
	var b pgx.Batch
	for i := range 10 {
		b.Queue("SELECT $1::int4", i)
	}
	res := c.SendBatch(ctx, &b)
	for i := range 10 {
		var got int
		if err := res.QueryRow().Scan(&got); err != nil || got != i {
			t.Fatalf("batch %d: %d, %v", i, got, err)
		}
	}
	if err := res.Close(); err != nil {
		t.Fatal(err)
	}
	p := c.PgConn().StartPipeline(ctx)
	p.SendPrepare("p", "SELECT $1::text", nil)
	p.SendQueryPrepared("p", [][]byte{[]byte("x")}, nil, nil)
	p.SendDeallocate("p")
	if err := p.Sync(); err != nil {
		t.Fatal(err)
	}
	kinds := ""
	for {
		r, err := p.GetResults()
		if err != nil {
			t.Fatal(err)
		}
		if r == nil {
			break
		}
		switch r := r.(type) {
		case *pgconn.StatementDescription:
			kinds += "describe "
		case *pgconn.ResultReader:
			kinds += string(r.Read().Rows[0][0]) + " "
		case *pgconn.CloseComplete:
			kinds += "close "
		case *pgconn.PipelineSync:
			kinds += "sync"
		}
		if strings.HasSuffix(kinds, "sync") {
			break
		}
	}
	if kinds != "describe x close sync" {
		t.Errorf("pipeline gave %q", kinds)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}

	done := make(chan error, 1)
	go func() { _, err := c.Exec(ctx, "SELECT pg_sleep(1000)"); done <- err }()
	<-h.waiting
	if err := c.PgConn().CancelRequest(ctx); err != nil {
		t.Fatal(err)
	}
	var pe *pgconn.PgError
	if err := <-done; !errors.As(err, &pe) || pe.Code != "57014" {
		t.Errorf("cancelled statement: %v", err)
	}

	var out bytes.Buffer
	tag, err := c.PgConn().CopyTo(ctx, &out, "COPY (SELECT g::int4 AS i, 'r'||g AS s FROM generate_series(1, 3) g) TO STDOUT")
	if err != nil || tag.String() != "COPY 3" || out.String() != "1\tr1\n2\tr2\n3\tr3\n" {
		t.Errorf("copy: %v %v %q", tag, err, out.String())
	}
}
