package server

import (
	"context"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// TestJobs: the calls behind the HTTP API.
func TestJobs(t *testing.T) {
	t.Parallel()
	s, addr := startTest(t)
	ctx := context.Background()
	c := dialClient(t, dsnOf(addr))
	c.must(t, "CREATE TABLE t (n int)", "CREATE MATERIALIZED VIEW a AS SELECT sum(n) AS s FROM t", "CREATE MATERIALIZED VIEW b AS SELECT s FROM a",
		"CREATE SOURCE made (auction bigint) WITH (connector = 'nexmark', nexmark.table.type = 'Bid', nexmark.event.num = 100)", "CREATE MATERIALIZED VIEW c AS SELECT count(*) AS n FROM made",
		"CREATE SINK d FROM a WITH (connector = 'blackhole')")
	state := func(want map[string]string, active int) {
		t.Helper()
		jobs := s.Jobs()
		if len(jobs) != len(want) {
			t.Fatalf("%d jobs: %+v", len(jobs), jobs)
		}
		for _, j := range jobs {
			if j.State != want[j.Name] || (j.Reason == "") != (j.State == "running") || j.ID == 0 || j.SQL == "" || j.Created.IsZero() {
				t.Errorf("%+v, want %s", j, want[j.Name])
			}
		}
		if n := s.ActiveJobs(); n != active {
			t.Errorf("%d jobs are active, want %d", n, active)
		}
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	c.must(t, "FLUSH")
	state(map[string]string{"a": "running", "b": "running", "c": "running", "d": "running"}, 4)
	do(s.PauseJob(ctx, "a"))
	do(s.PauseJob(ctx, "a"))
	state(map[string]string{"a": "paused", "b": "paused", "c": "running", "d": "paused"}, 1)
	do(s.PauseAll(ctx))
	state(map[string]string{"a": "paused", "b": "paused", "c": "paused", "d": "paused"}, 0)
	if s.PausedSince().IsZero() {
		t.Error("nobody knows since when all jobs are paused")
	}
	do(s.ResumeJob(ctx, "a")) // by name only: all still stand
	state(map[string]string{"a": "paused", "b": "paused", "c": "paused", "d": "paused"}, 0)
	do(s.ResumeAll(ctx))
	c.must(t, "FLUSH")
	state(map[string]string{"a": "running", "b": "running", "c": "running", "d": "running"}, 4)
	if !s.PausedSince().IsZero() {
		t.Error("all jobs run and are paused")
	}

	do(s.SetMadeFor(ctx, "made", "c"))
	do(s.CancelJob(ctx, "c"))
	if s.catalog().Lookup("public", "made", nil) != nil {
		t.Error("the source of a job that was cancelled is still there")
	}
	if err := s.CancelJob(ctx, "a"); !pgerr.Is(err, pgerr.DependentObjectsStillExist) {
		t.Errorf("cancelling what others read: %v", err)
	}
	for _, name := range []string{"c", "t", "nothing"} {
		for _, err := range []error{s.CancelJob(ctx, name), s.PauseJob(ctx, name), s.ResumeJob(ctx, name)} {
			if !pgerr.Is(err, pgerr.UndefinedTable) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	do(s.CancelJob(ctx, "d"))
	do(s.CancelJob(ctx, "b"))
	state(map[string]string{"a": "running"}, 1)
}
