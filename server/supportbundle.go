package server

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"

	"github.com/heliosdb/heliosdb-streaming/internal/logging"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/server/auth"
)

const bundleReadme = `HeliosDB Streaming: support bundle

What a report needs, and no more: no rows, no records of topics, no secrets.
Names of relations and columns, and the texts of their definitions, are in it.

about.json        version, machine, memory, checkpoint
config.toml       the configuration in force and where each value comes from
catalog.sql       definitions of all relations; their secrets are starred out
jobs.json         state, lag, rates, watermarks of every job
plans.txt         the plan by which each job is kept up to date
operators.json    rows and memory of every operator
metrics.txt       all metrics, as Prometheus scrapes them
stacks.txt        stacks of all goroutines
heap.pprof        where memory is (go tool pprof)
log.jsonl         the last lines of the log, at most 1 MiB
`

// SupportBundle writes what a report needs as a gzipped tar: what cannot be had
// is replaced by the reason.
func (s *Server) SupportBundle(out io.Writer) error {
	z := gzip.NewWriter(out)
	t := tar.NewWriter(z)
	now := time.Now()
	for _, f := range []struct {
		name string
		make func(io.Writer) error
	}{
		{"README.txt", func(w io.Writer) error { _, err := io.WriteString(w, bundleReadme); return err }},
		{"about.json", s.bundleAbout},
		{"config.toml", func(w io.Writer) error { _, err := io.WriteString(w, s.Config().String()); return err }},
		{"catalog.sql", s.bundleCatalog},
		{"jobs.json", func(w io.Writer) error { return indented(w, s.bundleJobs()) }},
		{"plans.txt", s.bundlePlans},
		{"operators.json", func(w io.Writer) error { return indented(w, s.engine.Operators()) }},
		{"metrics.txt", s.bundleMetrics},
		{"stacks.txt", func(w io.Writer) error { _, err := w.Write(logging.Stacks()); return err }},
		{"heap.pprof", pprof.WriteHeapProfile},
		{"log.jsonl", s.bundleLog},
	} {
		var b bytes.Buffer
		if err := f.make(&b); err != nil {
			fmt.Fprintf(&b, "\n%s is not complete: %v\n", f.name, err)
		}
		h := &tar.Header{Name: "heliosdb-support/" + f.name, Mode: 0o600, Size: int64(b.Len()), ModTime: now}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		if _, err := t.Write(b.Bytes()); err != nil {
			return err
		}
	}
	if err := t.Close(); err != nil {
		return err
	}
	return z.Close()
}

func indented(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func (s *Server) bundleAbout(w io.Writer) error {
	c := s.LastCheckpoint()
	lastError := ""
	if c.Err != nil {
		lastError = c.Err.Error()
	}
	var modules []string
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			modules = append(modules, d.Path+" "+d.Version)
		}
	}
	return indented(w, map[string]any{
		"version": Version, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH, "cpus": runtime.NumCPU(),
		"gomaxprocs": runtime.GOMAXPROCS(0), "goroutines": runtime.NumGoroutine(), "workers": s.workers(),
		"resident_bytes": residentBytes(), "memory_limit_bytes": s.budget.Limit(), "state_memory_bytes": s.pool.Bytes(),
		"state_disk_bytes": s.store.DiskBytes(), "store": s.store.Stats(), "log": s.wal.Stats(), "active_jobs": s.ActiveJobs(),
		"checkpoint": map[string]any{"epoch": c.Epoch, "at": c.At, "seconds": c.Duration.Seconds(), "stall_seconds": c.Stall.Seconds(),
			"failures": c.Failures, "last_error": lastError},
		"modules": modules,
	})
}

func (s *Server) bundleCatalog(w io.Writer) error {
	for _, r := range s.catalog().user() {
		if _, err := fmt.Fprintf(w, "-- %s %s, oid %d\n%s;\n\n", lowerWord(r.Kind), r.Name, r.OID, auth.RedactSQL(r.Definition)); err != nil {
			return err
		}
	}
	return nil
}

// bundleJobs are the jobs without string constants in their texts.
func (s *Server) bundleJobs() []JobInfo {
	jobs := s.Jobs()
	for i := range jobs {
		jobs[i].SQL = auth.RedactSQL(jobs[i].SQL)
	}
	return jobs
}

func (s *Server) bundlePlans(w io.Writer) error {
	for _, r := range s.catalog().user() {
		if len(r.Plan) == 0 {
			continue
		}
		root, err := plan.Decode(r.Plan)
		if err != nil {
			return fmt.Errorf("%s: %w", r.Name, err)
		}
		if _, err := fmt.Fprintf(w, "%s\n  %s\n\n", r.Name, strings.Join(plan.Explain(root), "\n  ")); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) bundleMetrics(w io.Writer) error {
	families, err := s.reg.Gather()
	for _, f := range families {
		if _, werr := expfmt.MetricFamilyToText(w, f); werr != nil {
			return werr
		}
	}
	return err
}

func (s *Server) bundleLog(w io.Writer) error {
	if s.recentLog == nil {
		return nil
	}
	_, err := w.Write(s.recentLog())
	return err
}
