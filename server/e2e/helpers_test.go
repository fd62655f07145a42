package e2e

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/heliosdb/heliosdb-streaming/internal/testkafka"
)

var rewrite = flag.Bool("rewrite", false, "write what came out as what is expected")

// patience is how long a test waits for something that must happen.
const patience = 60 * time.Second

// eventually calls ok until it says true; what it last saw is in the failure.
func (e *engine) eventually(what string, ok func() (seen string, done bool)) {
	e.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		seen, done := ok()
		if done {
			return
		}
		if time.Now().After(deadline) {
			e.t.Fatalf("%s: not within %s; last seen:\n%s\nlog:\n%s", what, patience, seen, e.log)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// becomes waits until a query gives these rows.
func (e *engine) becomes(sql string, want ...string) {
	e.t.Helper()
	e.eventually(sql+" gives "+strings.Join(want, ", "), func() (string, bool) {
		got, err := e.try(sql)
		if err != nil {
			return err.Error(), false
		}
		return strings.Join(got, "\n"), strings.Join(got, "\n") == strings.Join(want, "\n")
	})
}

// is requires that a query gives these rows now.
func (e *engine) is(sql string, want ...string) {
	e.t.Helper()
	if got := e.rows(sql); strings.Join(got, "\n") != strings.Join(want, "\n") {
		e.t.Errorf("%s\n got %q\nwant %q", sql, got, want)
	}
}

// try runs a statement on a connection of its own.
func (e *engine) try(sql string) ([]string, error) {
	c, err := e.connect()
	if err != nil {
		return nil, err
	}
	defer c.Close(context.Background())
	return textRows(c, sql)
}

// open gives a connection that lasts as long as the test.
func (e *engine) open() *pgx.Conn {
	e.t.Helper()
	c, err := e.connect()
	if err != nil {
		e.t.Fatalf("%v\n%s", err, e.log)
	}
	e.t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// sqlState is the SQLSTATE of an error; empty: it has none.
func sqlState(err error) string {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Code
	}
	return ""
}

// fails requires a statement to fail with a SQLSTATE, and gives the message.
func (e *engine) fails(sql, code string) string {
	e.t.Helper()
	_, err := e.try(sql)
	if sqlState(err) != code {
		e.t.Fatalf("%s: got error %v, want SQLSTATE %s", sql, err, code)
	}
	return err.Error()
}

// job is one row of SHOW JOBS, as "status|progress|error".
func (e *engine) job(name string) string {
	rows, err := e.try("SHOW JOBS LIKE '" + name + "'")
	if err != nil {
		return err.Error()
	}
	if len(rows) != 1 {
		return fmt.Sprintf("%d jobs are called %s", len(rows), name)
	}
	f := strings.Split(rows[0], "|")
	return strings.Join(f[2:5], "|")
}

// jobBecomes waits until a job's status, progress and error contain each text.
func (e *engine) jobBecomes(name string, want ...string) {
	e.t.Helper()
	e.eventually(fmt.Sprintf("job %s with %q", name, want), func() (string, bool) {
		row := e.job(name)
		for _, w := range want {
			if !strings.Contains(row, w) {
				return row, false
			}
		}
		return row, true
	})
}

// scrape gives the text of /metrics.
func (e *engine) scrape() string {
	e.t.Helper()
	resp, err := http.Get("http://" + e.metrics + "/metrics")
	if err != nil {
		e.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		e.t.Fatalf("/metrics: %s %v", resp.Status, err)
	}
	return string(b)
}

// producer writes records to one topic.
type producer struct {
	t     *testing.T
	cl    *kgo.Client
	topic string
}

func newProducer(t *testing.T, broker, topic string) *producer {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(8<<20), kgo.MetadataMinAge(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return &producer{t, cl, topic}
}

// send puts a record into a partition without waiting.
func (p *producer) send(part int32, value []byte) {
	p.cl.Produce(context.Background(), &kgo.Record{Topic: p.topic, Partition: part, Value: value}, func(_ *kgo.Record, err error) {
		if err != nil {
			p.t.Errorf("produce: %v", err)
		}
	})
}

// flush waits until all is written.
func (p *producer) flush() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := p.cl.Flush(ctx); err != nil {
		p.t.Fatal(err)
	}
}

// lines writes values to partition 0.
func (p *producer) lines(values ...string) {
	p.t.Helper()
	for _, v := range values {
		p.send(0, []byte(v))
	}
	p.flush()
}

// keyed writes n records {"k":i%keys,"v":i} over the partitions.
func (p *producer) keyed(from, n, keys int64, parts int32) {
	p.t.Helper()
	for i := from; i < from+n; i++ {
		p.send(int32(i%int64(parts)), fmt.Appendf(nil, `{"k":%d,"v":%d}`, i%keys, i))
	}
	p.flush()
}

// uniqueNumber tells names of this process apart.
var uniqueNumber atomic.Int64

// need finds a command, or skips the test with a line.
func need(t *testing.T, command string) string {
	t.Helper()
	p, err := exec.LookPath(command)
	if err != nil {
		testkafka.Missing(t, "there is no "+command)
	}
	return p
}

// launched is a process whose whole output is kept.
type launched struct {
	cmd    *exec.Cmd
	out    *tail
	lines  chan string
	exited chan struct{}
	err    error
}

// launch starts the program with any arguments.
func launch(t *testing.T, dir string, env []string, args ...string) *launched {
	t.Helper()
	bin, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	l := &launched{cmd: exec.Command(bin, args...), out: &tail{}, lines: make(chan string, 1000), exited: make(chan struct{})}
	l.cmd.Dir = dir
	l.cmd.Env = append(os.Environ(), env...)
	l.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	l.cmd.Stderr = l.out
	stdout, err := l.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.kill)
	go func() {
		sc := bufio.NewScanner(stdout)
		for sc.Scan() {
			_, _ = l.out.Write([]byte(sc.Text() + "\n"))
			select {
			case l.lines <- sc.Text():
			default:
			}
		}
		l.err = l.cmd.Wait()
		close(l.exited)
	}()
	return l
}

func (l *launched) kill() {
	_ = l.cmd.Process.Kill()
	<-l.exited
}

// end waits for the end and gives the exit status.
func (l *launched) end(t testing.TB) int {
	t.Helper()
	select {
	case <-l.exited:
	case <-time.After(patience):
		t.Fatalf("the process does not end\n%s", l.out)
	}
	return l.cmd.ProcessState.ExitCode()
}

// run runs the program to its end and gives what it printed and its status.
func run(t *testing.T, env []string, args ...string) (string, int) {
	t.Helper()
	l := launch(t, t.TempDir(), env, args...)
	code := l.end(t)
	return l.out.String(), code
}

// write puts a file into a directory of the test's.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
