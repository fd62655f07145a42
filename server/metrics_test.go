package server

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// series are the lines of one metric that a scrape gives.
func series(t *testing.T, s *Server, name string) []string {
	t.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(s.reg, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	var out []string
	for l := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(l, name+"{") || strings.HasPrefix(l, name+" ") {
			out = append(out, strings.TrimSpace(l))
		}
	}
	return out
}

// TestMetricsOfDroppedSources: sources that had bad records and are gone leave
// no series, and above all not two of the same labels, which end every scrape.
func TestMetricsOfDroppedSources(t *testing.T) {
	t.Parallel()
	s, _ := startTest(t)
	s.metrics.Dead(4_000_000_001, 3)
	s.metrics.Dead(4_000_000_002, 4)
	if got := series(t, s, "heliosdb_dead_rows_total"); got != nil {
		t.Errorf("series of dropped sources: %q", got)
	}
}

// TestMetricsWithoutJobs: sum(job_status{status="running"}) is 0 where there is
// no job, not nothing. A table is no job: pausing all jobs leaves none that runs.
func TestMetricsWithoutJobs(t *testing.T) {
	t.Parallel()
	s, addr := startTest(t)
	if got := series(t, s, "job_status"); len(got) != len(jobStates) || !slices.Contains(got, `job_status{job_name="",status="running"} 0`) {
		t.Errorf("without jobs: %q", got)
	}
	dialClient(t, dsnOf(addr)).must(t, "CREATE TABLE x (a int)", "CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM x")
	if got := series(t, s, "job_status"); len(got) != len(jobStates) || !slices.Contains(got, `job_status{job_name="v",status="running"} 1`) {
		t.Errorf("with a job: %q", got)
	}
	if got := series(t, s, "heliosdb_relation_rows"); len(got) != 2 {
		t.Errorf("rows of a table and a job: %q", got)
	}
}
