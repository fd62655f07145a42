package e2e

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var (
	traceSync = regexp.MustCompile(`(?:fsync|fdatasync|msync)(?:\(| resumed)`)
	traceOK   = regexp.MustCompile(`(?:fsync|fdatasync|msync)(?:\(.*| resumed.*)= 0`)
	traceTag  = regexp.MustCompile(`(?:write|sendto|writev)\(.*(INSERT 0 1|UPDATE 1|DELETE 1|CREATE TABLE|CREATE MATERIALIZED VIEW|CREATE VIEW|DROP VIEW)\\0`)
)

// TestAcknowledgedIsSynced traces the system calls of the engine: between a
// statement's arrival and its CommandComplete there is a successful sync.
func TestAcknowledgedIsSynced(t *testing.T) {
	t.Parallel()
	strace := need(t, "strace")
	// No checkpoint comes in between: every sync is of the log.
	e := start(t, settings{dir: t.TempDir(), broker: "127.0.0.1:1", workers: 1, checkpoint: "3600"})
	c := e.open()
	file := filepath.Join(t.TempDir(), "trace")
	tracer := exec.Command(strace, "-f", "-tt", "-s", "400", "-e", "trace=fsync,fdatasync,msync,write,sendto,writev,read", "-o", file,
		"-p", fmt.Sprint(e.cmd.Process.Pid))
	if err := tracer.Start(); err != nil {
		t.Fatal(err)
	}
	stop := func() {
		_ = tracer.Process.Signal(os.Interrupt)
		_ = tracer.Wait()
	}
	trace := func() string {
		b, _ := os.ReadFile(file)
		return string(b)
	}
	deadline := time.Now().Add(patience)
	for {
		if _, err := textRows(c, "SELECT 'is it traced yet'"); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(trace(), "is it traced yet") {
			break
		}
		if time.Now().After(deadline) {
			stop()
			if os.Getenv("REQUIRE_ALL") == "1" {
				t.Fatal("strace does not attach")
			}
			t.Skip("strace may not attach to processes here")
		}
		time.Sleep(20 * time.Millisecond)
	}
	statements := []string{
		"CREATE TABLE t (k bigint PRIMARY KEY, v text)", "INSERT INTO t VALUES (1, 'one')", "UPDATE t SET v = 'uno'",
		"CREATE VIEW p AS SELECT v FROM t", "CREATE MATERIALIZED VIEW m AS SELECT v, count(*) FROM t GROUP BY v",
		"INSERT INTO t VALUES (2, 'two')", "DELETE FROM t WHERE k = 1", "DROP VIEW p",
	}
	for _, s := range statements {
		if _, err := textRows(c, s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	stop()
	synced, tags := false, 0
	sc := bufio.NewScanner(strings.NewReader(trace()))
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		line := sc.Text()
		switch {
		case traceOK.MatchString(line):
			synced = true
		case traceSync.MatchString(line):
		default:
			m := traceTag.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			tags++
			if !synced {
				t.Errorf("%s was acknowledged without a sync before:\n%s", m[1], line)
			}
			synced = false
		}
	}
	if tags != len(statements) {
		t.Errorf("%d acknowledgements in the trace, want %d\n%.4000s", tags, len(statements), trace())
	}
	e.kill()
}
