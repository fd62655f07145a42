package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/heliosdb/heliosdb-streaming/exec"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// A job on a relation that is still catching up cannot start: it is in the
// catalog, durable, and not yet in the engine. startMissing starts it as soon as
// what it reads has joined its graph; until then it is shown as waiting for it,
// and reads of it fail with 55000.

// missing are the relations whose jobs the engine does not run yet.
func (s *Server) missing() []*catalog.Relation {
	return slices.DeleteFunc(s.catalog().user(), func(r *catalog.Relation) bool {
		return len(r.Plan) == 0 || s.engine.Has(r.OID)
	})
}

// lookForMissing makes startMissing look.
func (s *Server) lookForMissing() {
	select {
	case s.look <- struct{}{}:
	default:
	}
}

// startMissing starts the jobs that the catalog has and the engine has not.
func (s *Server) startMissing() {
	for {
		if s.tryMissing() {
			s.lookForMissing()
		}
		select {
		case <-s.closing.Done():
			return
		case <-s.look:
		}
		select {
		case <-s.closing.Done():
			return
		case <-time.After(startAgain):
		}
	}
}

// startAgain is how often startMissing looks whether a job can be started.
const startAgain = 20 * time.Millisecond

// tryMissing starts what can be started, in order of creation, and reports
// whether there is more.
func (s *Server) tryMissing() (more bool) {
	s.ddl.Lock()
	defer s.ddl.Unlock()
	more = s.unpark()
	for _, r := range s.missing() {
		if _, since := s.catalog().stopped(r); since != 0 {
			continue
		}
		switch err := s.startJobs(s.catalog(), []*catalog.Relation{r}); {
		case errors.Is(err, exec.ErrNotYet):
			more = true
		case err != nil:
			s.logger("jobs").Error("a job cannot be started", "relation", r.Name, "error", err)
		}
	}
	return more
}

// jobs are all jobs, those that are yet to start included.
func (s *Server) jobs() []exec.JobStatus {
	list := s.engine.Jobs()
	failed := map[uint32]error{}
	names := map[uint32]string{}
	cat := s.catalog()
	for i := range list {
		if r := cat.ByOID(list[i].Rel); r != nil && list[i].Parked && list[i].State == "paused" {
			if list[i].Waiting = cat.stoppedReason(r); list[i].Waiting == "" {
				list[i].State, list[i].Waiting = "catching up", "comes back when what it reads has"
			}
		}
		names[list[i].Rel] = list[i].Name
		if list[i].State == "failed" {
			failed[list[i].Rel] = list[i].Err
		}
	}
	for _, r := range s.missing() { // what a relation reads is older
		j := exec.JobStatus{Rel: r.OID, Name: r.Name, State: "catching up", Waiting: "begins when what it reads has caught up"}
		names[r.OID] = r.Name
		if reason := cat.stoppedReason(r); reason != "" {
			j.State, j.Waiting = "paused", reason
		}
		for _, dep := range r.DependsOn {
			if err := failed[dep]; err != nil {
				j.State, j.Waiting = "failed", ""
				j.Err = fmt.Errorf("%q, which it reads, has failed: %w", names[dep], err)
				failed[r.OID] = j.Err
				break
			}
		}
		list = append(list, j)
	}
	return list
}

// unstarted are the jobs that will start, or come back from a pause, in time:
// what they read has not failed and does not stand still.
func (s *Server) unstarted() []exec.JobStatus {
	return slices.DeleteFunc(s.jobs(), func(j exec.JobStatus) bool {
		return j.State == "failed" || j.State == "paused" || s.engine.Has(j.Rel) && !j.Parked
	})
}

// unread is why a relation of the catalog has no contents to read.
func (s *Server) unread(oid uint32) error {
	r := s.catalog().ByOID(oid)
	if r == nil {
		return pgerr.New(pgerr.UndefinedTable, "a relation of this query was dropped")
	}
	if reason := s.catalog().stoppedReason(r); reason != "" {
		return pgerr.New(pgerr.ObjectNotInPrerequisiteState, "materialized view %q has no rows yet", r.Name).
			WithDetail("%s", "Its job "+reason+".").WithHint("SHOW JOBS shows the jobs; RESUME lets them go on.")
	}
	return pgerr.New(pgerr.ObjectNotInPrerequisiteState, "materialized view %q is still catching up", r.Name).
		WithDetail("It begins when what it reads has caught up.").
		WithHint("SHOW JOBS shows the progress; FLUSH waits.")
}

// waitStarted waits until every job that can has started.
func (s *Server) waitStarted(ctx context.Context) error {
	for len(s.unstarted()) > 0 {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(startAgain):
		}
	}
	return nil
}
