package epoch

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// requireAllVar turns "cannot run here" into a failure, for CI.
const requireAllVar = "REQUIRE_ALL"

// TestSyncBeforeAcknowledgement traces the system calls of the crash scenario, which a SIGKILL says nothing about:
// when "log N" is said, no byte written to the log and no new name in its directory is unsynced; when "epoch N" is
// said, the store's files were synced at least twice since the last one, and its directory too.
func TestSyncBeforeAcknowledgement(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	trace := filepath.Join(t.TempDir(), "trace")
	dir := t.TempDir()
	if err == nil {
		cmd := exec.Command(strace, "-f", "-y", "-qq", "-o", trace, "-e",
			"trace=write,pwrite64,fsync,fdatasync,msync,rename,renameat,renameat2,unlink,unlinkat,ftruncate", os.Args[0])
		cmd.Env = append(os.Environ(), crashDirVar+"="+dir)
		out, runErr := cmd.CombinedOutput()
		if runErr != nil && !strings.Contains(string(out), "error") {
			err = fmt.Errorf("strace does not work here: %w: %s", runErr, out)
		} else if runErr != nil {
			t.Fatalf("%v: %s", runErr, out)
		}
	}
	if err != nil {
		if os.Getenv(requireAllVar) == "1" {
			t.Fatal(err)
		}
		t.Skipf("system calls cannot be traced: %v", err)
	}
	file, err := os.Open(trace)
	must(t, err)
	defer file.Close()
	c := &syncChecker{t: t, dirty: map[string]bool{}, started: map[string]string{}}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		c.line(lines.Text())
	}
	if c.logs < crashEpochs*2 || c.epochs != crashEpochs || c.walWrites < c.logs {
		t.Fatalf("the trace shows %d log and %d epoch acknowledgements and %d writes to the log", c.logs, c.epochs, c.walWrites)
	}
}

// syncChecker follows a trace. dirty holds what was written to the log and not synced.
type syncChecker struct {
	t         *testing.T
	dirty     map[string]bool
	started   map[string]string // by thread: a call that has not returned
	logs      int
	epochs    int
	walWrites int
	memSyncs  int // of the store's write-ahead files since the last epoch
	dirSyncs  int // of the store's directory
}

var (
	callLine    = regexp.MustCompile(`^(\d+) +(\w+)\((.*)$`)
	resumedLine = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>(.*)$`)
	fdPath      = regexp.MustCompile(`^\d+<([^>]*)>`)
)

func (c *syncChecker) line(line string) {
	if m := callLine.FindStringSubmatch(line); m != nil {
		pid, call, rest := m[1], m[2], m[3]
		c.begin(call, rest)
		if strings.Contains(rest, "<unfinished ...>") {
			c.started[pid] = rest
		} else {
			c.end(call, rest, rest)
		}
	} else if m := resumedLine.FindStringSubmatch(line); m != nil {
		c.end(m[2], c.started[m[1]], m[3])
		delete(c.started, m[1])
	}
}

// begin handles the start of a call: from then on a write may have an effect, and an acknowledgement is out.
func (c *syncChecker) begin(call, args string) {
	path := ""
	if m := fdPath.FindStringSubmatch(args); m != nil {
		path = m[1]
	}
	switch {
	case call == "write" && strings.HasPrefix(args, "1<"):
		c.acknowledged(args)
	case (call == "pwrite64" || call == "write" || call == "ftruncate") && strings.Contains(path, ".wal"):
		// A new segment is synced under its first name and then renamed.
		c.dirty[strings.TrimSuffix(path, ".tmp")] = true
		c.walWrites++
	case strings.HasPrefix(call, "rename") || strings.HasPrefix(call, "unlink"):
		if strings.Contains(args, ".wal") {
			c.dirty["directory"] = true
		}
	}
}

// end handles the return of a call.
func (c *syncChecker) end(call, args, result string) {
	if !strings.HasSuffix(strings.TrimSpace(result), "= 0") {
		return
	}
	m := fdPath.FindStringSubmatch(args)
	switch {
	case call == "msync":
		c.memSyncs++
	case call != "fsync" && call != "fdatasync" || m == nil:
	case strings.HasSuffix(m[1], "/log"):
		delete(c.dirty, "directory")
	case strings.HasSuffix(m[1], "/"+storeFolder):
		c.dirSyncs++
	default:
		delete(c.dirty, strings.TrimSuffix(m[1], ".tmp"))
	}
}

func (c *syncChecker) acknowledged(args string) {
	switch {
	case strings.Contains(args, `"log `):
		c.logs++
		for what := range c.dirty {
			c.t.Fatalf("%s is not synced when %s is acknowledged", what, args)
		}
	case strings.Contains(args, `"epoch `):
		c.epochs++
		if c.memSyncs < 2 || c.dirSyncs < 2 {
			c.t.Fatalf("%d syncs of files and %d of the directory before %s", c.memSyncs, c.dirSyncs, args)
		}
		c.memSyncs, c.dirSyncs = 0, 0
	}
}
