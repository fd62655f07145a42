package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/testkafka"
	"github.com/heliosdb/heliosdb-streaming/server/auth"
)

const (
	operationsFile = repo + "/docs/operations.md"
	blockTimeout   = 3 * time.Minute
)

// block is one fenced block of the document.
type block struct {
	line     int
	kind     string // sh, sql, toml, promql, text
	info     string // what stands behind the kind
	text     string
	expected *block // the text block behind it
}

// readBlocks takes the fenced blocks out of a document; every text block belongs to
// the block before it.
func readBlocks(t *testing.T, doc string) []*block {
	t.Helper()
	var blocks []*block
	var open *block
	for i, line := range strings.Split(doc, "\n") {
		switch {
		case open == nil && strings.HasPrefix(line, "```"):
			kind, info, _ := strings.Cut(strings.TrimPrefix(line, "```"), " ")
			open = &block{line: i + 1, kind: kind, info: info}
		case open == nil:
		case line != "```":
			open.text += line + "\n"
		case open.kind == "text":
			if len(blocks) == 0 || blocks[len(blocks)-1].expected != nil {
				t.Fatalf("line %d: a text block follows no block", open.line)
			}
			blocks[len(blocks)-1].expected = open
			open = nil
		default:
			blocks = append(blocks, open)
			open = nil
		}
	}
	if open != nil {
		t.Fatalf("line %d: the block does not end", open.line)
	}
	return blocks
}

// TestOperations does what docs/operations.md says, in its order, on a machine that
// is a directory: paths and ports of the document are replaced, and sudo and
// systemctl have stand-ins (operationsbox_test.go).
func TestOperations(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(operationsFile)
	if err != nil {
		t.Fatal(err)
	}
	blocks := readBlocks(t, string(raw))
	for _, tool := range []string{"bash", "curl", "jq", "openssl", "psql"} {
		need(t, tool)
	}
	m := newMachine(t, testkafka.Start(t))
	for _, b := range blocks {
		m.do(b)
	}
	m.knowsMetrics(string(raw))
	for name := range m.metrics {
		if strings.HasPrefix(name, "heliosdb_") && !strings.Contains(string(raw), "`"+name+"`") {
			t.Errorf("the server has %s, which the document does not name", name)
		}
	}
}

// do runs or checks one block, as its marker says.
func (m *machine) do(b *block) {
	m.t.Helper()
	mark, rest, _ := strings.Cut(b.info, " ")
	switch {
	case mark == "skip:" && rest != "":
		m.t.Logf("line %d is not run: %s", b.line, rest)
	case b.kind == "toml" && strings.HasPrefix(mark, "file="):
		path := m.here(strings.TrimPrefix(mark, "file="))
		if err := os.WriteFile(path, []byte(m.here(b.text)), 0o600); err != nil {
			m.t.Fatal(err)
		}
		m.checkConfig(b, path)
	case b.kind == "toml" && mark == "":
		m.checkConfig(b, write(m.t, m.t.TempDir(), "part.toml", m.here(b.text)))
	case b.kind == "promql" && mark == "":
		m.knowsMetrics(b.text)
	case b.kind == "sql" && mark == "run":
		m.run(b, "psql -v ON_ERROR_STOP=1 -f "+write(m.t, m.t.TempDir(), "block.sql", m.here(b.text)))
	case b.kind == "sh" && mark == "run":
		for _, tool := range strings.Fields(rest) {
			if err := available(tool); err != nil {
				if os.Getenv(testkafka.EnvRequireAll) == "1" {
					m.t.Fatalf("line %d cannot be run: %v", b.line, err)
				}
				m.t.Logf("line %d is not run: %v", b.line, err)
				return
			}
		}
		m.run(b, m.here(b.text))
	default:
		m.t.Errorf("line %d: nothing says what to do with the block ```%s %s", b.line, b.kind, b.info)
	}
}

// available looks for what a block needs: a command, or with "free:" a port.
func available(what string) error {
	port, ok := strings.CutPrefix(what, "free:")
	if !ok {
		_, err := exec.LookPath(what)
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	return l.Close()
}

func (m *machine) checkConfig(b *block, path string) {
	m.t.Helper()
	if out, code := run(m.t, nil, "--check-config", "--config", path); code != 0 {
		m.t.Errorf("line %d: --check-config says %d\n%s", b.line, code, out)
	}
}

// run executes a script with what earlier blocks exported.
func (m *machine) run(b *block, script string) {
	m.t.Helper()
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), blockTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c",
		`. "$BOX/env"`+"\n"+script+"\n"+`export -p >"$BOX/env"`)
	cmd.Dir = filepath.Join(m.root, "src")
	cmd.Env = m.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = 5 * time.Second
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.CombinedOutput()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what the block left in the background
	m.t.Logf("line %d, %s, printed\n%s", b.line, time.Since(start).Round(time.Millisecond), out)
	if err != nil {
		m.t.Fatalf("line %d: %v\n%s\nprinted:\n%s\nlog of the server:\n%s", b.line, err, script, out, m.log)
	}
	m.scrape()
	if e := b.expected; e != nil && !matches(m.here(e.text), string(out)) {
		m.t.Errorf("line %d: printed\n%s\nbut the document has\n%s", e.line, out, e.text)
	}
}

// matches compares line by line; "…" is anything within a line, and alone any lines.
func matches(want, got string) bool {
	var re strings.Builder
	re.WriteString(`^`)
	for line := range strings.Lines(want) {
		line = strings.TrimRight(line, " \n")
		if line == "…" {
			re.WriteString(`(?:.*\n)*?`)
			continue
		}
		parts := strings.Split(line, "…")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		re.WriteString(strings.Join(parts, `.*`) + ` *\n`)
	}
	re.WriteString(`$`)
	return regexp.MustCompile(re.String()).MatchString(got)
}

var metricName = regexp.MustCompile(`\b(?:heliosdb_[a-z_]+(?:_seconds|_bytes|_total|_records|_ratio|_rows|_epoch|_active|_connections|_duration|_second)|` +
	`events_[a-z_]+_total|event_processing_duration|checkpoint_duration|checkpoint_failures_total|job_status|backpressure_ratio|process_[a-z_]+|go_goroutines)`)

// appearLater are metrics that come with the first of what they count, with a
// bucket, or when there is a watermark: silent partitions hold it back at first.
var appearLater = regexp.MustCompile(`^heliosdb_(?:remote_|object_|(?:job_)?watermark_lag_seconds|dead_rows_total|pgwire_errors_total|pgwire_cancel_requests_total)`)

// scrape notes the metrics that the server has now: some come and go with it.
func (m *machine) scrape() {
	resp, err := http.Get("http://" + m.here("localhost:9090") + "/metrics")
	if err != nil {
		return // it is stopped
	}
	defer resp.Body.Close()
	sc := bufio.NewScanner(resp.Body)
	for sc.Scan() {
		if name, ok := strings.CutPrefix(sc.Text(), "# TYPE "); ok {
			name, _, _ = strings.Cut(name, " ")
			m.metrics[name] = true
		}
	}
}

// knowsMetrics requires that the server has, or had, every metric that a text names.
func (m *machine) knowsMetrics(text string) {
	m.t.Helper()
	m.scrape()
	for _, name := range metricName.FindAllString(text, -1) {
		if !appearLater.MatchString(name) && !m.metrics[name] {
			m.t.Errorf("the document names %s, which the server does not have", name)
		}
	}
}

// TestOperationsMarks checks what TestOperations goes by: links lead somewhere, and
// expected output is compared as the document says.
func TestOperationsMarks(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(operationsFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range regexp.MustCompile(`\]\(([^)#]+)\)`).FindAllStringSubmatch(string(raw), -1) {
		if _, err := os.Stat(filepath.Join(filepath.Dir(operationsFile), link[1])); err != nil {
			t.Error(err)
		}
	}
	b := readBlocks(t, "a\n```sh run\nx\n```\nb\n```text\ny\n```\n```toml\nz\n```\n")
	if len(b) != 2 || b[0].kind != "sh" || b[0].info != "run" || b[0].line != 2 || b[0].expected.text != "y\n" || b[1].info != "" || b[1].expected != nil {
		t.Errorf("blocks are read as %+v", b)
	}
	for _, c := range []struct {
		want, got string
		ok        bool
	}{
		{"a\n", "a  \n", true}, {"a\n", "a\nb\n", false}, {"a\n", "", false},
		{"…\nb\n", "b\n", true}, {"…\nb\n", "x\ny\nb\n", true}, {"…\nb\n", "x\nbc\n", false},
		{"a…c\n", "a.b.c\n", true}, {"a…c\n", "a\nc\n", false}, {"a.c\n", "abc\n", false},
	} {
		if matches(c.want, c.got) != c.ok {
			t.Errorf("%q is printed where %q is expected: not %v", c.got, c.want, c.ok)
		}
	}
}

// TestOperationsPermissions compares the table of section 6.4 with the one that the
// server goes by.
func TestOperationsPermissions(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(operationsFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range auth.Actions {
		var row string
		for line := range strings.Lines(string(raw)) {
			if strings.HasPrefix(line, fmt.Sprintf("| %s |", a.Permission)) {
				row = line
			}
		}
		for _, what := range append(append([]string{}, a.SQL...), a.HTTP...) {
			what = strings.Replace(what, " /api/v1/", " /", 1)
			if what != "POST /sql" && !strings.Contains(row, "`"+what+"`") {
				t.Errorf("the row of %s does not have %s", a.Permission, what)
			}
		}
	}
}
