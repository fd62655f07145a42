package e2e

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/heliosdb/heliosdb-streaming/internal/testkafka"
)

// otlp is a collector that counts spans by what they are, and keeps all bytes.
type otlp struct {
	mu    sync.Mutex
	spans map[string]int
	bytes strings.Builder
}

func (o *otlp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var req collector.ExportTraceServiceRequest
	if err != nil || proto.Unmarshal(body, &req) != nil {
		http.Error(w, "bad", http.StatusBadRequest)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.bytes.Write(body)
	for _, rs := range req.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				what := s.Name
				for _, a := range s.Attributes {
					if a.Key == "protocol" {
						what += " " + a.Value.GetStringValue()
					}
				}
				o.spans[what]++
				o.spans[what+" "+s.Status.GetMessage()]++
			}
		}
	}
}

// TestTraces: queries over either protocol, steps, checkpoints and fetches reach
// a collector, without what was asked or stored.
func TestTraces(t *testing.T) {
	t.Parallel()
	o := &otlp{spans: map[string]int{}}
	srv := httptest.NewServer(o)
	defer srv.Close()
	addr := testkafka.Start(t)
	topic := testkafka.Topic(t, addr, 1)
	newProducer(t, addr, topic).lines(`{"a":"stored private"}`)
	e := start(t, settings{dir: t.TempDir(), broker: addr, workers: 1, env: []string{
		"HELIOSDB_TRACING_ENABLED=true", "HELIOSDB_TRACING_OTLP_ENDPOINT=" + strings.TrimPrefix(srv.URL, "http://"),
		"HELIOSDB_TRACING_OTLP_PROTOCOL=http", "HELIOSDB_TRACING_SAMPLE_RATIO=1", "HELIOSDB_TRACING_INSECURE=true",
	}})
	e.exec("CREATE SOURCE s (a text) WITH (connector = 'kafka', topic = '" + topic + "') FORMAT PLAIN ENCODE JSON")
	e.exec("CREATE MATERIALIZED VIEW v AS SELECT a FROM s")
	e.exec("FLUSH")
	e.is("SELECT * FROM v", "stored private")
	e.fails("SELECT 'asked private'::int", "22P02")
	e.exec("CHECKPOINT")
	resp, err := http.Post("http://"+e.api+"/api/v1/sql", "application/json", strings.NewReader(`{"sql":"SELECT 'asked private'::int"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	e.stop() // sends the last ones
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, what := range []string{"fetch", "step", "checkpoint", "query simple", "query simple 22P02", "query http 22P02"} {
		if o.spans[what] == 0 {
			t.Errorf("no span %q in %v", what, o.spans)
		}
	}
	if strings.Contains(o.bytes.String(), "private") {
		t.Error("the collector is told what was asked or stored")
	}
}

// TestLogFile: without a collector, renamed by logrotate, with stacks asked for:
// every line of the log is JSON, the file's as well as the others, and a new file
// is begun at SIGHUP.
func TestLogFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "log", "streaming.log")
	e := start(t, settings{dir: dir, broker: "127.0.0.1:1", workers: 1, env: []string{
		"HELIOSDB_LOGGING_FILE=" + file, "HELIOSDB_LOGGING_FORMAT=json", "HELIOSDB_TRACING_ENABLED=true",
		"HELIOSDB_TRACING_OTLP_ENDPOINT=127.0.0.1:1", "HELIOSDB_TRACING_OTLP_PROTOCOL=http", "HELIOSDB_TRACING_SAMPLE_RATIO=1",
		"HELIOSDB_TRACING_INSECURE=true",
	}})
	e.exec("SELECT 1")
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	signalled := func(sig syscall.Signal, says string) {
		t.Helper()
		if err := e.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		e.eventually("the new file has "+says, func() (string, bool) {
			raw, _ := os.ReadFile(file) //nolint:errcheck // it is not there yet
			return string(raw), strings.Contains(string(raw), says)
		})
	}
	signalled(syscall.SIGHUP, "configuration reloaded")
	signalled(syscall.SIGUSR1, "goroutine ")
	e.stop()
	both := ""
	for _, f := range []string{file + ".1", file} {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		both += string(raw)
	}
	for _, says := range []string{`"component":"tracing"`, `"msg":"stopped"`} {
		if !strings.Contains(both, says) {
			t.Errorf("the log has no %s", says)
		}
	}
	for line := range strings.Lines(both + e.log.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("no line of JSON: %q", line)
		}
	}
}

// TestFailureInLog: why a server ended is in its log, not on standard error alone.
func TestFailureInLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	out, code := run(t, []string{
		"HELIOSDB_SERVER_METRICS_PORT=" + port, "HELIOSDB_SERVER_PORT=0", "HELIOSDB_SERVER_HEALTH_CHECK_PORT=0", "HELIOSDB_SERVER_PGWIRE_PORT=0",
		"HELIOSDB_STATE_PATH=" + filepath.Join(dir, "state"), "HELIOSDB_LOGGING_FILE=" + filepath.Join(dir, "streaming.log"),
		"JWT_SECRET=a secret of the test that is long enough",
	}, "--config", write(t, dir, "streaming.toml", ""))
	raw, err := os.ReadFile(filepath.Join(dir, "streaming.log"))
	if err != nil || code != 1 {
		t.Fatalf("%v, exit code %d\n%s", err, code, out)
	}
	for _, log := range []string{out, string(raw)} {
		if !strings.Contains(log, "metrics port: listen tcp 127.0.0.1:"+port+": bind: address already in use") {
			t.Errorf("not why it failed: %s", log)
		}
	}
}
