package e2e

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/testkafka"
)

// psql prepares a psql that talks to the engine.
func (e *engine) psql(args ...string) *exec.Cmd {
	e.t.Helper()
	host, port, err := net.SplitHostPort(e.pg)
	if err != nil {
		e.t.Fatal(err)
	}
	cmd := exec.Command("psql", append([]string{"-X", "-h", host, "-p", port, "-U", "ann", "-d", "heliosdb"}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "PAGER=cat", "PGTZ=UTC", "COLUMNS=200")
	return cmd
}

var (
	addresses = regexp.MustCompile(`(port ")\d+(")`)
	blanks    = regexp.MustCompile(`(?m)[ \t]+$`)
)

// TestPsql: sessions of a real psql, compared with what is kept.
func TestPsql(t *testing.T) {
	t.Parallel()
	need(t, "psql")
	broker := testkafka.Fake(t)
	topic := testkafka.Topic(t, broker, 1)
	newProducer(t, broker, topic).lines(`{"k":1,"v":1.50}`, `{"k":1,"v":2}`, `{"k":2}`)
	dir := t.TempDir()
	e := start(t, settings{dir: dir, broker: broker, workers: 2})
	scripts, err := filepath.Glob(filepath.Join(repo, "testdata", "e2e", "psql", "*.psql"))
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".psql"), func(t *testing.T) {
			text, err := os.ReadFile(script)
			if err != nil {
				t.Fatal(err)
			}
			cmd := e.psql("-a", "-v", "topic="+topic, "-v", "broker="+broker)
			cmd.Dir = dir
			cmd.Stdin = bytes.NewReader(text)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			got := addresses.ReplaceAllString(string(out), "${1}PORT$2")
			got = strings.NewReplacer(topic, "TOPIC", broker, "BROKER").Replace(got)
			got = blanks.ReplaceAllString(got, "")
			golden := strings.TrimSuffix(script, ".psql") + ".txt"
			if *rewrite {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("psql says something else (-rewrite keeps it):\n%s", got)
			}
		})
	}
	e.stop()
}

// TestPsqlWatch: \watch shows how a view moves, until Ctrl-C.
func TestPsqlWatch(t *testing.T) {
	t.Parallel()
	need(t, "psql")
	e := start(t, settings{dir: t.TempDir(), broker: "127.0.0.1:1", workers: 1})
	e.exec("CREATE TABLE t (k bigint PRIMARY KEY); CREATE MATERIALIZED VIEW m AS SELECT count(*) AS n FROM t")
	cmd := e.psql("-A", "-t")
	cmd.Stdin = strings.NewReader("SELECT 'n is ' || n FROM m \\watch 0.05\n")
	out := &tail{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for i, n := range []string{"n is 0", "n is 1", "n is 2"} {
		if i > 0 {
			e.exec("INSERT INTO t VALUES (" + n[5:] + ")")
		}
		e.eventually(n, func() (string, bool) { return out.String(), strings.Contains(out.String(), n) })
	}
	_ = cmd.Process.Signal(syscall.SIGINT)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	e.stop()
}

// TestPsqlCancel: Ctrl-C in psql ends a long query, and the session goes on.
func TestPsqlCancel(t *testing.T) {
	t.Parallel()
	need(t, "psql")
	e := start(t, settings{dir: t.TempDir(), broker: "127.0.0.1:1", workers: 1})
	for _, long := range []string{
		"SELECT count(*) FROM generate_series(1, 100000000000) AS a CROSS JOIN generate_series(1, 1000000) AS b",
		"SELECT a + b FROM generate_series(1, 1000000) AS a CROSS JOIN generate_series(1, 1000000) AS b WHERE a + b < 0",
		"SELECT count(*) FROM generate_series(1, 100000000000) AS a",
	} {
		cmd := e.psql("-A", "-t")
		cmd.Stdin = strings.NewReader(long + ";\nSELECT 'and the session goes on';\n")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		e.becomes("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%generate_series(1, 1%' AND pid <> pg_backend_pid()", "1")
		_ = cmd.Process.Signal(syscall.SIGINT)
		_ = cmd.Wait()
		got := out.String()
		if !strings.Contains(got, "Cancel request sent") || !strings.Contains(got, "ERROR:  canceling statement due to user request") {
			t.Errorf("%s:\n%s", long, got)
		}
		e.becomes("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()", "0")
	}
	e.stop()
}
