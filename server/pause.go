package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/heliosdb/heliosdb-streaming/exec"
	"github.com/heliosdb/heliosdb-streaming/internal/crashpoint"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// A job is paused by name, or with all others, until it is resumed: both are in
// the catalog, logged like any change of it. What reads a paused job stands still
// with it. Tables are not jobs: they can be written all the time.

var crashPaused = crashpoint.Register("pause.applied")

// settle carries over what a record says of the catalog as a whole.
func (rec *ddlRecord) settle(cat *catalogView) {
	cat.nextOID, cat.nextOp = rec.NextOID, rec.NextOp
	if rec.PausedAt != nil {
		cat.pausedAt = *rec.PausedAt
	}
}

// stopped is why the job of a relation stands still: it, or what it reads, was
// paused, or all jobs were; since is 0 when it does not.
func (c *catalogView) stopped(r *catalog.Relation) (by *catalog.Relation, since int64) {
	switch {
	case r.Kind == catalog.Table || len(r.Plan) == 0:
		return nil, 0
	case r.PausedAt != 0:
		return r, r.PausedAt
	}
	for _, oid := range r.DependsOn {
		if dep := c.byOID[oid]; dep != nil {
			if by, since := c.stopped(dep); by != nil {
				return by, since
			}
		}
	}
	return nil, c.pausedAt
}

// stoppedReason is stopped in words; "": the job does not stand still.
func (c *catalogView) stoppedReason(r *catalog.Relation) string {
	by, since := c.stopped(r)
	switch {
	case since == 0:
		return ""
	case by == nil:
		return fmt.Sprintf("all jobs are paused since %s UTC", timestampText(since))
	case by == r:
		return fmt.Sprintf("paused since %s UTC", timestampText(since))
	}
	return fmt.Sprintf("stands still with %q, which is paused since %s UTC", by.Name, timestampText(since))
}

// park stops the jobs that stand still in next and did not in was, and lets the
// others go on. Under s.ddl, or in recovery.
func (s *Server) park(was, next *catalogView, pos uint64) {
	var stop []uint32
	goOn := false
	for _, r := range next.user() {
		if len(r.Plan) == 0 || r.Kind == catalog.Table {
			continue
		}
		old := was.byOID[r.OID]
		switch {
		case r.PausedAt != 0 && (old == nil || old.PausedAt == 0), next.pausedAt != 0 && was.pausedAt == 0:
			stop = append(stop, r.OID)
		case old != nil && old.PausedAt != 0 && r.PausedAt == 0, next.pausedAt == 0 && was.pausedAt != 0:
			goOn = true
		}
	}
	// One by one: a job that is paused by name is to come back by itself.
	for _, rel := range stop {
		if r := next.byOID[rel]; r.PausedAt != 0 {
			s.engine.Park([]uint32{rel}, pos)
		}
	}
	s.engine.Park(stop, pos)
	if goOn {
		s.unpark()
	}
}

// unpark lets come back what is not to stand still; more: some have to wait for
// others.
func (s *Server) unpark() (more bool) {
	cat := s.catalog()
	return s.engine.Unpark(func(rel uint32) bool {
		r := cat.ByOID(rel)
		if r == nil {
			return true
		}
		_, since := cat.stopped(r)
		return since != 0
	})
}

// alterJob carries out ALTER MATERIALIZED VIEW | SINK … PAUSE | RESUME.
func (s *Server) alterJob(ctx context.Context, env *ddlEnv, st *ast.AlterJob) error {
	r := s.catalog().Lookup(st.Name.Schema, st.Name.Name, env.Path)
	word := kindWords[st.Kind]
	switch {
	case r == nil && st.IfExists:
		env.Notice(notice("%s %q does not exist, skipping", word, st.Name.Name))
		return nil
	case r == nil:
		return pgerr.New(pgerr.UndefinedTable, "%s %q does not exist", word, st.Name.Name).At(st.Name.Position())
	case r.Kind != dropKinds[st.Kind]:
		return pgerr.New(pgerr.WrongObjectType, "%q is not a %s", r.Name, word).At(st.Name.Position()).
			WithHint("Materialized views and sinks are jobs.")
	case st.Pause:
		return s.pauseJob(ctx, env, r.OID)
	}
	return s.resumeJob(ctx, env, r.OID)
}

// pauseJob detaches the job of a relation.
func (s *Server) pauseJob(ctx context.Context, env *ddlEnv, oid uint32) error {
	return s.pausing(ctx, func(c *change) error {
		r := c.cat.ByOID(oid)
		if r == nil {
			return pgerr.New(pgerr.UndefinedTable, "the job was dropped")
		}
		if r.PausedAt != 0 {
			env.Notice(notice("%s is paused already", describe(r)))
			return errNothing
		}
		if err := s.failureOf(oid); err != nil {
			return pgerr.New(pgerr.ObjectNotInPrerequisiteState, "job %q has failed and cannot be paused", r.Name).
				WithDetail("%s", pgerr.From(err).Message).
				WithHint("ALTER %s %s RESUME starts it anew.", relationWord(r.Kind), r.Name)
		}
		c.replacePaused(r, env.Now)
		return nil
	})
}

// errNothing: a change has nothing to do.
var errNothing = errors.New("nothing to do")

// pausing makes a change that stops jobs, then a checkpoint, so that they stand
// where they stopped after a crash too; without it they would stand where the
// last checkpoint was.
func (s *Server) pausing(ctx context.Context, change func(c *change) error) error {
	s.ddl.Lock()
	c := s.begin()
	err := change(c)
	if err == nil {
		err = s.commit(c)
	}
	s.ddl.Unlock()
	switch {
	case errors.Is(err, errNothing):
		return nil
	case err != nil:
		return err
	}
	crashpoint.Hit(crashPaused)
	if err := s.Checkpoint(ctx); err != nil {
		s.logger("jobs").Warn("no checkpoint after a pause; after a crash the jobs stand where the last one was", "error", err)
	}
	return nil
}

func (c *change) replacePaused(r *catalog.Relation, at int64) {
	next := *r
	next.PausedAt = at
	c.cat.add(&next)
	c.rec.Replace = append(c.rec.Replace, &next)
}

// failureOf is why a job has failed; nil: it has not.
func (s *Server) failureOf(oid uint32) error {
	for _, j := range s.jobs() {
		if j.Rel == oid && j.State == "failed" {
			return j.Err
		}
	}
	return nil
}

// resumeJob lets a paused job come back and starts a failed one anew. A job over
// tables alone is back on return; others catch up.
func (s *Server) resumeJob(ctx context.Context, env *ddlEnv, oid uint32) error {
	if err := s.tryResume(env, oid); err != nil {
		return err
	}
	return s.waitReturned(ctx, []uint32{oid})
}

func (s *Server) tryResume(env *ddlEnv, oid uint32) error {
	s.ddl.Lock()
	defer s.ddl.Unlock()
	c := s.begin()
	r := c.cat.ByOID(oid)
	switch {
	case r == nil:
		return pgerr.New(pgerr.UndefinedTable, "the job was dropped")
	case r.PausedAt != 0:
		c.replacePaused(r, 0)
		if err := s.commit(c); err != nil {
			return err
		}
		if reason := s.catalog().stoppedReason(s.catalog().ByOID(oid)); reason != "" {
			env.Notice(notice("%s still stands: %s", describe(r), reason))
		}
		return nil
	case s.failureOf(oid) != nil:
		return s.restartFailed(oid)
	}
	if reason := c.cat.stoppedReason(r); reason != "" {
		return pgerr.New(pgerr.ObjectNotInPrerequisiteState, "job %q is not paused by itself: %s", r.Name, reason)
	}
	env.Notice(notice("%s is not paused", describe(r)))
	return nil
}

// restartFailed throws away the state of a failed job, of those that failed with
// it, and of what reads them; they start anew as after a restart.
func (s *Server) restartFailed(oid uint32) error {
	graph := map[uint64]bool{}
	list := s.engine.Jobs()
	for _, j := range list {
		graph[j.Graph] = graph[j.Graph] || j.Rel == oid
	}
	var gone []*catalog.Relation
	cat := s.catalog()
	for _, j := range list {
		r := cat.ByOID(j.Rel)
		if r == nil || r.Kind == catalog.Table || j.State != "failed" || !graph[j.Graph] || slices.Contains(gone, r) {
			continue
		}
		gone, _ = withDependents(cat, r, append(gone, r), nil)
	}
	if len(gone) == 0 {
		return pgerr.New(pgerr.ObjectNotInPrerequisiteState, "the job waits for one that has failed").
			WithHint("Resume that one: SHOW JOBS names it. A table that has failed recovers with a restart.")
	}
	slices.SortFunc(gone, func(a, b *catalog.Relation) int { return int(b.OID) - int(a.OID) })
	for _, r := range gone {
		if err := s.engine.Drop(r.OID); err != nil {
			return err
		}
	}
	s.lookForMissing()
	return nil
}

// waitReturned waits until jobs that read no source have joined their graphs.
func (s *Server) waitReturned(ctx context.Context, rels []uint32) error {
	var wait []uint32
	for _, j := range s.engine.Jobs() {
		if slices.Contains(rels, j.Rel) && len(j.Sources) == 0 {
			wait = append(wait, j.Rel)
		}
	}
	for !s.engine.Returned(wait) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(startAgain):
		}
	}
	return nil
}

// pauseAll stops all jobs, or lets them go on.
func (s *Server) pauseAll(ctx context.Context, env *ddlEnv) error {
	return s.pausing(ctx, func(c *change) error {
		if c.cat.pausedAt != 0 {
			env.Notice(notice("all jobs are paused already, since %s UTC", timestampText(c.cat.pausedAt)))
			return errNothing
		}
		c.rec.PausedAt = &env.Now
		return nil
	})
}

// resumeAll lets all jobs come back but those that are paused by name.
func (s *Server) resumeAll(ctx context.Context, env *ddlEnv) error {
	rels, err := s.tryResumeAll(env)
	if err != nil {
		return err
	}
	return s.waitReturned(ctx, rels)
}

func (s *Server) tryResumeAll(env *ddlEnv) (rels []uint32, err error) {
	s.ddl.Lock()
	defer s.ddl.Unlock()
	c := s.begin()
	if c.cat.pausedAt == 0 {
		env.Notice(notice("the jobs are not paused"))
		return nil, nil
	}
	c.rec.PausedAt = new(int64)
	if err := s.commit(c); err != nil {
		return nil, err
	}
	for _, r := range s.catalog().user() {
		rels = append(rels, r.OID)
	}
	return rels, nil
}

// mayStart refuses new jobs while all are paused.
func (c *change) mayStart() error {
	if c.cat.pausedAt == 0 {
		return nil
	}
	return pgerr.New(pgerr.ObjectNotInPrerequisiteState, "all jobs are paused since %s UTC: no new one can start", timestampText(c.cat.pausedAt)).
		WithHint("RESUME JOBS lets them go on.")
}

// nowMicros is the present in the catalog's unit.
func nowMicros() int64 { return exec.Micros(time.Now()) }
