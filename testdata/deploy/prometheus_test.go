package deploy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	alerts      = repository + "/deploy/prometheus/alerts.yml"
	dashboard   = repository + "/deploy/grafana/heliosdb-streaming.json"
	guideAlerts = "guide/alerts.yml"
	guideBoard  = "guide/dashboard.json"
)

// demo is a server in dev mode: real jobs over real events.
type demo struct {
	pg, metrics string
}

var demoReady = regexp.MustCompile(`pgwire ([0-9.:]+), health \S+, metrics (http://\S+?/metrics)`)

func startDemo(t *testing.T) *demo {
	t.Helper()
	var log safeBuffer
	cmd := exec.Command(binary(t), "--dev", "--data-dir", filepath.Join(t.TempDir(), "data"), "--sql", "testdata/demo/quickstart.sql")
	cmd.Dir = repository
	cmd.Env = append(os.Environ(), "HELIOSDB_SERVER_PORT=0", "HELIOSDB_SERVER_HEALTH_CHECK_PORT=0", "HELIOSDB_SERVER_METRICS_PORT=0",
		"HELIOSDB_SERVER_PGWIRE_PORT=0", "HELIOSDB_DEV_BROKER=127.0.0.1:0", "HELIOSDB_STREAMING_CHECKPOINT_INTERVAL_SECS=1")
	cmd.Stdout, cmd.Stderr = io.Discard, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-exited
	})
	var d *demo
	waitFor(t, time.Minute, "the demo", func() bool {
		if m := demoReady.FindStringSubmatch(log.String()); m != nil {
			d = &demo{m[1], m[2]}
		}
		return d != nil
	})
	return d
}

// waitFor polls until something is so.
func waitFor(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// prometheus is a real one that scrapes a demo every second.
type prometheus struct {
	t   *testing.T
	url string
}

func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// startPrometheus gives Prometheus the configuration of the compose stack, with
// the target, the interval and the rules of the test.
func startPrometheus(t *testing.T, target string, rules ...string) *prometheus {
	t.Helper()
	raw, err := os.ReadFile(compose + "/config/prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(raw), "heliosdb-streaming:9090", strings.TrimSuffix(strings.TrimPrefix(target, "http://"), "/metrics"))
	text = strings.ReplaceAll(text, "15s", "1s")
	list := ""
	for _, r := range rules {
		abs, err := filepath.Abs(r)
		if err != nil {
			t.Fatal(err)
		}
		list += "  - " + abs + "\n"
	}
	text = strings.ReplaceAll(text, "  - /etc/prometheus/alerts.yml\n", list)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	addr := freePort(t)
	var log safeBuffer
	cmd := exec.Command("prometheus", "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+addr)
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	p := &prometheus{t, "http://" + addr}
	waitFor(t, time.Minute, "Prometheus", func() bool {
		resp, err := http.Get(p.url + "/-/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return p
}

type sample struct {
	Metric map[string]string `json:"metric"`
	Value  [2]any            `json:"value"`
}

// get reads a page of Prometheus's API.
func (p *prometheus) get(path string, into any) {
	p.t.Helper()
	resp, err := http.Get(p.url + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Status != "success" {
		p.t.Fatalf("%s: %v %s", path, err, body)
	}
	if err := json.Unmarshal(answer.Data, into); err != nil {
		p.t.Fatal(err)
	}
}

func (p *prometheus) query(expr string) []sample {
	p.t.Helper()
	var data struct{ Result []sample }
	p.get("/api/v1/query?query="+url.QueryEscape(expr), &data)
	return data.Result
}

// expressions are the queries of a dashboard, with its variables filled in.
func expressions(t *testing.T, file string) []string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	var out []string
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if e, ok := v["expr"].(string); ok {
				out = append(out, strings.NewReplacer("$instance", ".*", "$job_name", ".*").Replace(e))
			}
			for _, x := range v {
				walk(x)
			}
		case []any:
			for _, x := range v {
				walk(x)
			}
		}
	}
	walk(doc)
	if len(out) == 0 {
		t.Fatalf("%s has no queries", file)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// mayBeEmpty are queries that have no series in a healthy run without what they
// tell of.
var mayBeEmpty = []string{"heliosdb_object_", "heliosdb_dead_rows", "heliosdb_pgwire_errors", "heliosdb_job_progress_ratio"}

// Every query of our dashboard and of the guide's answers, and with data; no
// alert of either fires on a healthy server.
func TestDashboardsAndAlerts(t *testing.T) {
	if _, err := exec.LookPath("prometheus"); err != nil {
		required(t, "prometheus is missing (Debian's package prometheus)")
	}
	d := startDemo(t)
	p := startPrometheus(t, d.metrics, alerts, guideAlerts)
	waitFor(t, time.Minute, "a rate of events", func() bool {
		r := p.query(`rate(events_processed_total[30s]) > 0 and heliosdb_checkpoint_age_seconds < 30`)
		return len(r) == 1 && len(p.query(`heliosdb_job_watermark_lag_seconds`)) > 0
	})
	for _, file := range []string{dashboard, guideBoard} {
		for _, e := range expressions(t, file) {
			empty := slices.ContainsFunc(mayBeEmpty, func(s string) bool { return strings.Contains(e, s) })
			if r := p.query(e); len(r) == 0 && !empty {
				t.Errorf("%s: no data for %s", filepath.Base(file), e)
			}
		}
	}
	// Section 5.1 of the guide, as printed.
	for _, e := range []string{
		`rate(events_processed_total[1m])`, `rate(events_ingested_total[1m])`, `backpressure_ratio`, `events_per_second`,
		`histogram_quantile(0.50, rate(event_processing_duration_bucket[5m]))`, `histogram_quantile(0.95, rate(event_processing_duration_bucket[5m]))`,
		`histogram_quantile(0.99, rate(event_processing_duration_bucket[5m]))`, `process_cpu_seconds_total`, `process_resident_memory_bytes`,
		`process_open_fds`, `sum(job_status{status="running"})`, `sum(job_status{status="failed"})`,
		`histogram_quantile(0.95, rate(checkpoint_duration_bucket[5m]))`,
	} {
		if r := p.query(e); len(r) != 1 {
			t.Errorf("%d series for %s", len(r), e)
		}
	}
	var firing struct {
		Alerts []struct {
			Labels map[string]string
			State  string
		}
	}
	p.get("/api/v1/alerts", &firing)
	for _, a := range firing.Alerts {
		if a.State == "firing" {
			t.Errorf("alert %v fires on a healthy server", a.Labels)
		}
	}
	var groups struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError string }
		}
	}
	p.get("/api/v1/rules", &groups)
	rules := 0
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			rules++
			if r.Health == "err" {
				t.Errorf("rule %s: %s", r.Name, r.LastError)
			}
		}
	}
	if rules < 20 {
		t.Errorf("only %d rules", rules)
	}
	unitTests(t, scrape(t, d.metrics))
}

// scrape reads the series of a metrics endpoint: name{labels} → value.
func scrape(t *testing.T, at string) map[string]string {
	t.Helper()
	resp, err := http.Get(at)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	out := map[string]string{}
	sc := bufio.NewScanner(resp.Body)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		if line := sc.Text(); !strings.HasPrefix(line, "#") {
			i := strings.LastIndexByte(line, ' ')
			out[line[:i]] = line[i+1:]
		}
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// fault is a run in which one thing goes wrong, told by changing the scraped
// series of a healthy one.
type fault struct {
	alert  string // that must fire; "" for none
	change map[string]string
}

// unitTests has promtool run the rules on series scraped from a real run: as they
// are nothing fires, and each fault has its alert.
func unitTests(t *testing.T, series map[string]string) {
	faults := []fault{
		{"", nil},
		{"HighLatency", slow(series)},
		{"LowThroughput", map[string]string{"events_processed_total": "0+1000x60", "heliosdb_kafka_lag_records": "200000x60"}},
		{"HighBackpressure", map[string]string{"backpressure_ratio": "0.9x60"}},
		{"JobFailed", map[string]string{`status="failed"`: "0 0 1x58"}},
		{"HighMemoryUsage", map[string]string{"heliosdb_memory_limit_bytes": "1000x60", "process_resident_memory_bytes": "950x60"}},
		{"CheckpointFailed", map[string]string{"checkpoint_failures_total": "0+1x60"}},
		{"InstanceDown", map[string]string{"up": "0x60"}},
		{"CheckpointOld", map[string]string{"heliosdb_checkpoint_age_seconds": "0+60x60"}},
		{"JobBehind", map[string]string{"heliosdb_job_lag_records": "200000+1000x60"}},
		{"JobWaits", map[string]string{`status="waiting"`: "0 0 1x58"}},
		{"WatermarkStuck", map[string]string{"heliosdb_watermark_lag_seconds": "1000+60x60"}},
		{"BadRecords", map[string]string{"heliosdb_dead_rows_total": "0+100x60"}},
		{"LateRows", map[string]string{"heliosdb_late_rows_total": "0+1000x60"}},
		{"InternalErrors", map[string]string{"heliosdb_pgwire_panics_total": "0+1x60"}},
		{"AuditFailed", map[string]string{"heliosdb_audit_failures_total": "0+1x60"}},
		{"CertificateEnds", map[string]string{"heliosdb_tls_certificate_not_after_seconds": "100x60"}},
		{"TooManyOpenFiles", map[string]string{"process_max_fds": "100x60", "process_open_fds": "90x60"}},
	}
	for _, f := range faults {
		name := f.alert
		if name == "" {
			name = "healthy"
		}
		t.Run(name, func(t *testing.T) {
			if out, err := promtool(t, series, f); err != nil {
				t.Errorf("promtool: %v\n%s", err, out)
			}
			if f.alert == "" {
				return
			}
			// The test of the test: without the fault its alert must not be there.
			if out, err := promtool(t, series, fault{alert: f.alert}); err == nil {
				t.Errorf("%s fires on a healthy run\n%s", f.alert, out)
			}
		})
	}
}

// slow is a run in which every event takes between 0.1 and 0.25 s.
func slow(series map[string]string) map[string]string {
	change := map[string]string{}
	for k := range series {
		if b, ok := strings.CutPrefix(k, `event_processing_duration_bucket{le="`); ok {
			change[k] = "0+100x60"
			if bound, err := strconv.ParseFloat(strings.TrimSuffix(b, `"}`), 64); err == nil && bound <= 0.1 {
				change[k] = "0x60"
			}
		}
	}
	return change
}

// promtool runs the rules over the series of a run: counters grow, at their present rate or not at all, gauges stay.
func promtool(t *testing.T, series map[string]string, f fault) ([]byte, error) {
	abs, err := filepath.Abs(alerts)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "rule_files: [%q]\nevaluation_interval: 30s\ntests:\n  - interval: 1m\n    input_series:\n", abs)
	all := map[string]string{"up": "1"}
	for k, v := range series {
		all[k] = v
	}
	used := map[string]bool{}
	for k, v := range all {
		values := v + "x60"
		if strings.Contains(k, "_bucket") || k == "events_processed_total" || k == "events_ingested_total" {
			values = "0+" + v + "x60"
		}
		for match, with := range f.change {
			if strings.HasPrefix(k, match) || strings.HasPrefix(match, "status=") && strings.HasPrefix(k, "job_status{") && strings.Contains(k, match) {
				values = with
				used[match] = true
			}
		}
		fmt.Fprintf(&b, "      - series: '%s'\n        values: '%s'\n", labelled(k), values)
	}
	for match, with := range f.change { // what a healthy run has no series of yet
		if !used[match] {
			fmt.Fprintf(&b, "      - series: '%s'\n        values: '%s'\n", labelled(match+`{source="bid",job_name="x",operator="y"}`), with)
		}
	}
	fmt.Fprintf(&b, "    promql_expr_test:\n      - expr: count(ALERTS{alertstate=\"firing\"%s}) or vector(0)\n        eval_time: 45m\n        exp_samples: [{value: %s}]\n",
		map[bool]string{true: "", false: fmt.Sprintf(",alertname=%q", f.alert)}[f.alert == ""], "0")
	text := b.String()
	if f.alert != "" {
		// At least one: the number of series decides how many.
		text = strings.Replace(text, "count(ALERTS", "sgn(count(ALERTS", 1)
		text = strings.Replace(text, ") or vector(0)", ")) or vector(0)", 1)
		text = strings.Replace(text, "exp_samples: [{value: 0}]", "exp_samples: [{value: 1}]", 1)
	}
	name := filepath.Join(t.TempDir(), "test.yml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return exec.Command("promtool", "test", "rules", name).CombinedOutput()
}

// labelled adds what scraping adds.
func labelled(series string) string {
	const target = `instance="heliosdb-streaming",job="heliosdb-streaming"`
	if head, ok := strings.CutSuffix(series, "}"); ok {
		return head + "," + target + "}"
	}
	return series + "{" + target + "}"
}
