// Package e2e tests the engine as people meet it: a process of its own, a real
// broker, psql and drivers, and SIGKILL.
package e2e

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const repo = "../.."

// builtIn is where buildOnce put the binary; "" when no test needed it.
var builtIn string

var buildOnce = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "heliosdb-e2e-")
	if err != nil {
		return "", err
	}
	builtIn = dir
	bin := filepath.Join(dir, "heliosdb-streaming")
	cmd := exec.Command("go", "build", "-o", bin, "./cmd/heliosdb-streaming")
	cmd.Dir = repo
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return bin, nil
})

// TestMain removes the binary.
func TestMain(m *testing.M) {
	code := m.Run()
	if builtIn != "" {
		_ = os.RemoveAll(builtIn)
	}
	os.Exit(code)
}

// engine is a running process.
type engine struct {
	t                        testing.TB
	cmd                      *exec.Cmd
	pg, health, metrics, api string
	log                      *tail
	exited                   chan struct{}
	err                      error
}

// tail keeps the end of a process's output.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf = append(l.buf, p...)
	if len(l.buf) > 64<<10 {
		l.buf = l.buf[len(l.buf)-32<<10:]
	}
	return len(p), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.buf)
}

// settings of an engine under test.
type settings struct {
	dir        string
	broker     string
	workers    int
	checkpoint string // seconds
	sql        []string
	env        []string
	state      string // of [state]; "": the directory "state" in dir
	args       []string
}

var readyLine = regexp.MustCompile(`pgwire (\S+), health https?://(\S+)/health, metrics https?://(\S+)/metrics, API https?://(\S+)/api/v1`)

// tryStart starts the engine and waits until it is ready; an error says that the
// process ended before.
func tryStart(t testing.TB, s settings) (*engine, error) {
	t.Helper()
	bin, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	if s.checkpoint == "" {
		s.checkpoint = "1"
	}
	config := fmt.Sprintf(`[server]
port = 0
health_check_port = 0
metrics_port = 0
pgwire_port = 0
[streaming]
checkpoint_interval_secs = %s
watermark_interval_secs = 0.1
max_parallelism = %d
[state]
%s
[security]
authentication_enabled = false
[kafka]
bootstrap_servers = %q
`, s.checkpoint, s.workers, cmp.Or(s.state, fmt.Sprintf("path = %q", filepath.Join(s.dir, "state"))), s.broker)
	file := filepath.Join(s.dir, "streaming.toml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"--config", file}, s.args...)
	for _, f := range s.sql {
		args = append(args, "--sql", f)
	}
	e := &engine{t: t, cmd: exec.Command(bin, args...), log: &tail{}, exited: make(chan struct{})}
	e.cmd.Env = append(os.Environ(), s.env...)
	e.cmd.Stderr = e.log
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := e.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.kill)
	ready := make(chan bool, 1)
	go func() {
		sc := bufio.NewScanner(out)
		for sc.Scan() {
			fmt.Fprintln(e.log, sc.Text())
			if m := readyLine.FindStringSubmatch(sc.Text()); m != nil {
				e.pg, e.health, e.metrics, e.api = m[1], m[2], m[3], m[4]
				break
			}
		}
		ready <- e.pg != ""
		_, _ = io.Copy(e.log, out)
		e.err = e.cmd.Wait()
		close(e.exited)
	}()
	select {
	case ok := <-ready:
		if !ok {
			<-e.exited
			return e, fmt.Errorf("the engine ended: %w\n%s", e.err, e.log)
		}
	case <-time.After(60 * time.Second):
		e.kill()
		t.Fatalf("the engine is not ready after a minute\n%s", e.log)
	}
	return e, nil
}

func start(t *testing.T, s settings) *engine {
	t.Helper()
	e, err := tryStart(t, s)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// kill sends SIGKILL and waits for the end.
func (e *engine) kill() {
	_ = e.cmd.Process.Kill()
	<-e.exited
}

// stop sends SIGTERM and requires exit status 0.
func (e *engine) stop() {
	e.t.Helper()
	_ = e.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-e.exited:
	case <-time.After(60 * time.Second):
		e.t.Fatalf("the engine does not stop\n%s", e.log)
	}
	if e.err != nil {
		e.t.Fatalf("exit: %v\n%s", e.err, e.log)
	}
}

// connect opens a connection that sends statements as simple queries.
func (e *engine) connect() (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return pgx.Connect(ctx, "postgres://test@"+e.pg+"/heliosdb?sslmode=disable&default_query_exec_mode=simple_protocol")
}

// exec runs statements.
func (e *engine) exec(sql string) {
	e.t.Helper()
	c, err := e.connect()
	if err != nil {
		e.t.Fatalf("%v\n%s", err, e.log)
	}
	defer c.Close(context.Background())
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if _, err := c.Exec(ctx, sql); err != nil {
		e.t.Fatalf("%s: %v\n%s", sql, err, e.log)
	}
}

// rows gives a query's result as text lines, columns separated by a bar.
func (e *engine) rows(sql string) []string {
	e.t.Helper()
	c, err := e.connect()
	if err != nil {
		e.t.Fatalf("%v\n%s", err, e.log)
	}
	defer c.Close(context.Background())
	out, err := textRows(c, sql)
	if err != nil {
		e.t.Fatalf("%s: %v\n%s", sql, err, e.log)
	}
	return out
}

// textRows reads a result in text form.
func textRows(c *pgx.Conn, sql string) ([]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	res, err := c.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, err
	}
	var out []string
	for _, r := range res {
		for _, row := range r.Rows {
			cells := make([]string, len(row))
			for i, v := range row {
				cells[i] = "NULL"
				if v != nil {
					cells[i] = string(v)
				}
			}
			out = append(out, strings.Join(cells, "|"))
		}
	}
	return out, nil
}
