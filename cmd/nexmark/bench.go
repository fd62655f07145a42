package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// result is one query into one target.
type result struct {
	Query        string  `json:"query"`
	Target       string  `json:"target"`
	Events       int64   `json:"events"`
	Seconds      float64 `json:"seconds"`
	EventsPerSec float64 `json:"events_per_sec"`
	CPUMicros    float64 `json:"cpu_us_per_event"`
	PeakMB       int64   `json:"peak_mb"`
	Checkpoint   float64 `json:"checkpoint_p95_secs"`
	Error        string  `json:"error,omitempty"`
}

// freshness is the time from the broker's acceptance of an event to the
// publication of its step, at a fixed rate.
type freshness struct {
	Query string  `json:"query"`
	Rate  int     `json:"events_per_sec"`
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
	// Processing is from the return of the fetch instead.
	ProcessingP50 float64 `json:"processing_p50_ms"`
	ProcessingP99 float64 `json:"processing_p99_ms"`
}

type report struct {
	When      time.Time   `json:"when"`
	CPUs      int         `json:"cpus"`
	CPU       string      `json:"cpu"`
	Go        string      `json:"go"`
	Workers   int         `json:"workers"`
	Events    uint64      `json:"events"`
	Results   []result    `json:"results"`
	Freshness []freshness `json:"freshness,omitempty"`
}

var createView = regexp.MustCompile(`(?is)CREATE MATERIALIZED VIEW (\S+) AS\s+(.*?);?\s*$`)

func bench(ctx context.Context, o *options) error {
	r := &report{When: time.Now().UTC(), CPUs: runtime.NumCPU(), CPU: cpuModel(), Go: runtime.Version(), Workers: o.workers, Events: o.events}
	fmt.Printf("%-5s %-5s %12s %9s %11s %9s %8s %11s\n", "query", "into", "events", "seconds", "events/s", "CPU µs/ev", "peak MB", "checkp. p95")
	for _, q := range strings.Split(o.queries, ",") {
		for _, target := range strings.Split(o.targets, ",") {
			res := measure(ctx, o, strings.TrimSpace(q), target)
			r.Results = append(r.Results, res)
			if res.Error != "" {
				fmt.Printf("%-5s %-5s failed: %s\n", res.Query, res.Target, res.Error)
				continue
			}
			fmt.Printf("%-5s %-5s %12d %9.2f %11.0f %9.3f %8d %10.3fs\n", res.Query, res.Target, res.Events, res.Seconds, res.EventsPerSec, res.CPUMicros, res.PeakMB, res.Checkpoint)
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	if o.freshRate > 0 {
		for _, q := range []string{"q0", "q5"} {
			f, err := fresh(ctx, o, q)
			if err != nil {
				return err
			}
			r.Freshness = append(r.Freshness, f)
			fmt.Printf("freshness of %s at %d events/s: p50 ≤ %.2f ms, p99 ≤ %.2f ms (processing alone: %.2f, %.2f)\n",
				q, f.Rate, f.P50, f.P99, f.ProcessingP50, f.ProcessingP99)
		}
	}
	if o.json == "" {
		return nil
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.json, append(b, '\n'), 0o644)
}

// measure runs one query over the whole topics.
func measure(ctx context.Context, o *options, query, target string) result {
	res := result{Query: query, Target: target}
	fail := func(err error) result {
		res.Error = err.Error()
		return res
	}
	e, err := startEngine(ctx, o, setup{checkpointSecs: "10"})
	if err != nil {
		return fail(err)
	}
	defer e.stop()
	create, err := prepare(ctx, e, query, target)
	if err != nil {
		return fail(err)
	}
	cpu0, err := e.cpu()
	if err != nil {
		return fail(err)
	}
	start := time.Now()
	if _, err := e.conn.Exec(ctx, create); err != nil {
		return fail(err)
	}
	if _, err := e.conn.Exec(ctx, "FLUSH"); err != nil {
		return fail(err)
	}
	res.Seconds = time.Since(start).Seconds()
	cpu1, err := e.cpu()
	if err != nil {
		return fail(err)
	}
	m, err := e.metrics()
	if err != nil {
		return fail(err)
	}
	res.Events = int64(m["events_processed_total"])
	res.EventsPerSec = float64(res.Events) / res.Seconds
	res.CPUMicros = (cpu1 - cpu0).Seconds() * 1e6 / float64(max(res.Events, 1))
	res.PeakMB = e.peakMB()
	res.Checkpoint = quantile(m, "checkpoint_duration_bucket", 0.95)
	return res
}

// prepare creates the sources and returns the statement that creates the job.
func prepare(ctx context.Context, e *engine, query, target string) (string, error) {
	sources, err := os.ReadFile(filepath.Join("testdata", "nexmark", "sources.sql"))
	if err != nil {
		return "", err
	}
	if _, err := e.conn.Exec(ctx, string(sources)); err != nil {
		return "", err
	}
	text, err := os.ReadFile(filepath.Join("testdata", "nexmark", query+".sql"))
	if err != nil {
		return "", err
	}
	if target == "view" {
		return string(text), nil
	}
	m := createView.FindStringSubmatch(string(text))
	if m == nil {
		return "", fmt.Errorf("%s.sql is not one CREATE MATERIALIZED VIEW", query)
	}
	return "CREATE SINK " + m[1] + "_sink AS " + m[2] + " WITH (connector = 'blackhole')", nil
}

// fresh measures freshness of one query at a fixed rate, with a checkpoint every
// second.
func fresh(ctx context.Context, o *options, query string) (freshness, error) {
	f := freshness{Query: query, Rate: o.freshRate}
	e, err := startEngine(ctx, o, setup{checkpointSecs: "1"})
	if err != nil {
		return f, err
	}
	defer e.stop()
	create, err := prepare(ctx, e, query, "view")
	if err != nil {
		return f, err
	}
	// Only what comes from here on.
	if _, err := e.conn.Exec(ctx, "DROP SOURCE person; DROP SOURCE auction; DROP SOURCE bid"); err != nil {
		return f, err
	}
	sources, err := os.ReadFile(filepath.Join("testdata", "nexmark", "sources.sql"))
	if err != nil {
		return f, err
	}
	if _, err := e.conn.Exec(ctx, strings.ReplaceAll(string(sources), "'earliest'", "'latest'")); err != nil {
		return f, err
	}
	if _, err := e.conn.Exec(ctx, create); err != nil {
		return f, err
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(o.broker), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))
	if err != nil {
		return f, err
	}
	defer cl.Close()
	warm := uint64(o.freshRate) * 3
	from := o.events
	if err := produce(ctx, cl, o, from, from+warm, o.freshRate); err != nil {
		return f, err
	}
	before, err := e.metrics()
	if err != nil {
		return f, err
	}
	from += warm
	if err := produce(ctx, cl, o, from, from+uint64(o.freshRate*o.freshSecs), o.freshRate); err != nil {
		return f, err
	}
	m, err := e.metrics()
	if err != nil {
		return f, err
	}
	for k := range m {
		m[k] -= before[k]
	}
	f.P50, f.P99 = 1000*quantile(m, "heliosdb_freshness_seconds_bucket", 0.5), 1000*quantile(m, "heliosdb_freshness_seconds_bucket", 0.99)
	f.ProcessingP50, f.ProcessingP99 = 1000*quantile(m, "event_processing_duration_bucket", 0.5), 1000*quantile(m, "event_processing_duration_bucket", 0.99)
	return f, nil
}

// quantile is the upper bound of the histogram bucket that holds the q-quantile.
func quantile(m map[string]float64, name string, q float64) float64 {
	type bucket struct{ le, n float64 }
	var bs []bucket
	for k, n := range m {
		if v, ok := strings.CutPrefix(k, name+`{le="`); ok {
			if le, err := strconv.ParseFloat(strings.TrimSuffix(v, `"}`), 64); err == nil {
				bs = append(bs, bucket{le, n})
			}
		}
	}
	sort.Slice(bs, func(i, j int) bool { return bs[i].le < bs[j].le })
	if len(bs) == 0 {
		return 0
	}
	total := bs[len(bs)-1].n
	for _, b := range bs {
		if b.n >= q*total {
			return b.le
		}
	}
	return 0
}

func cpuModel() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for _, line := range strings.Split(string(b), "\n") {
		if v, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(v), ":"))
		}
	}
	return runtime.GOARCH
}
