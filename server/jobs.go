package server

import (
	"context"
	"errors"
	"time"

	"github.com/heliosdb/heliosdb-streaming/exec"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// JobInfo describes one job: a materialized view or a sink.
type JobInfo struct {
	ID       uint32      `json:"id"` // of its relation
	Name     string      `json:"name"`
	Kind     string      `json:"kind"`             // "materialized view", "sink"
	SQL      string      `json:"sql"`              // the CREATE statement
	State    string      `json:"state"`            // see jobStates
	Reason   string      `json:"reason,omitempty"` // of a state that is not "running"
	Active   bool        `json:"active"`           // it works, or waits for something outside: neither paused nor failed
	Created  time.Time   `json:"created"`          // zero: before this was kept
	Progress float64     `json:"progress"`         // of catching up, 0…1
	Rows     int64       `json:"rows"`             // in the view
	Bytes    int64       `json:"state_bytes"`      // of all its state
	RowsIn   int64       `json:"rows_in"`          // of its inputs, since the process started
	Rate     float64     `json:"rate"`             // rows of its inputs per second, over the last seconds
	Lag      *int64      `json:"lag,omitempty"`    // records of its sources that are yet to be read; nil: it reads none
	Sources  []JobSource `json:"sources"`
	// Watermark is the least of its sources'; nil: one of them has none.
	Watermark *time.Time `json:"watermark,omitempty"`
	Notices   []string   `json:"notices,omitempty"`
}

// JobSource is a source as a job sees it.
type JobSource struct {
	Name      string          `json:"name"`
	Offsets   map[int32]int64 `json:"offsets"` // next to be read, by partition
	End       map[int32]int64 `json:"end"`     // at the broker; -1: not known
	Lag       int64           `json:"lag"`
	Watermark *time.Time      `json:"watermark,omitempty"`
}

// Jobs lists all jobs, by id. Tables are none.
func (s *Server) Jobs() []JobInfo {
	cat := s.catalog()
	out := []JobInfo{}
	for _, j := range s.jobs() {
		if r := cat.ByOID(j.Rel); r != nil && r.Kind != catalog.Table {
			out = append(out, s.jobInfo(cat, r, &j))
		}
	}
	return out
}

// Job describes one job by its name; 42P01 when there is none.
func (s *Server) Job(name string) (JobInfo, error) {
	for _, j := range s.Jobs() {
		if j.Name == name {
			return j, nil
		}
	}
	return JobInfo{}, noJob(name)
}

func noJob(name string) error { return pgerr.New(pgerr.UndefinedTable, "job %q does not exist", name) }

// ActiveJobs counts the jobs that work or would if their sources had something:
// all but those that are paused or have failed.
func (s *Server) ActiveJobs() int {
	n := 0
	for _, j := range s.Jobs() {
		if j.Active {
			n++
		}
	}
	return n
}

// PausedSince is since when all jobs are paused; zero: they are not.
func (s *Server) PausedSince() time.Time { return timeOf(s.catalog().pausedAt) }

// timeOf is a time of the catalog; 0 is the zero time.
func timeOf(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us - exec.Micros(time.UnixMicro(0))).UTC()
}

func (s *Server) jobInfo(cat *catalogView, r *catalog.Relation, j *exec.JobStatus) JobInfo {
	info := JobInfo{
		ID: r.OID, Name: r.Name, Kind: lowerWord(r.Kind), SQL: r.Definition, State: j.State, Reason: j.Waiting,
		Created: timeOf(r.CreatedAt), Progress: j.Progress, Rows: int64(j.Rows), Bytes: j.Bytes, RowsIn: j.RowsIn,
		Rate: s.rates.of(j.Rel), Sources: []JobSource{}, Notices: j.Notices,
	}
	info.Active = info.State != "paused" && info.State != "failed"
	if j.Err != nil {
		info.Reason = pgerr.From(j.Err).Message
	}
	lag, least := int64(0), int64(0)
	for i, src := range j.Sources {
		js := JobSource{Offsets: src.Offsets, End: src.End, Lag: src.Lag}
		if sr := cat.ByOID(src.Rel); sr != nil {
			js.Name = sr.Name
		}
		if src.Watermark != exec.NoWatermark {
			t := timeOf(src.Watermark)
			js.Watermark = &t
		}
		lag += src.Lag
		if i == 0 || src.Watermark < least {
			least = src.Watermark
		}
		info.Sources = append(info.Sources, js)
	}
	if len(j.Sources) > 0 {
		info.Lag = &lag
		if least != exec.NoWatermark {
			t := timeOf(least)
			info.Watermark = &t
		}
	}
	return info
}

// jobNamed finds a job of the public schema.
func (s *Server) jobNamed(name string) (*catalog.Relation, error) {
	r := s.catalog().Lookup(catalog.PublicSchema, name, nil)
	if r == nil || r.Kind != catalog.MaterializedView && r.Kind != catalog.Sink {
		return nil, noJob(name)
	}
	return r, nil
}

// apiEnv is the environment of a call that is no statement of a session.
func apiEnv(text string) *ddlEnv {
	return &ddlEnv{Path: []string{catalog.PublicSchema}, Notice: func(*pgerr.Error) {}, Now: nowMicros(), Text: text}
}

// PauseJob detaches a job, with what reads it, at a step boundary. It is durable
// on return. Pausing what is paused does nothing.
func (s *Server) PauseJob(ctx context.Context, name string) error {
	r, err := s.jobNamed(name)
	if err != nil {
		return err
	}
	return s.pauseJob(ctx, apiEnv(""), r.OID)
}

// ResumeJob lets a paused job come back, or starts a failed one anew. It catches
// up after the return. Resuming what runs does nothing.
func (s *Server) ResumeJob(ctx context.Context, name string) error {
	r, err := s.jobNamed(name)
	if err != nil {
		return err
	}
	return s.resumeJob(ctx, apiEnv(""), r.OID)
}

// PauseAll stops all jobs at a step boundary and refuses new ones, until
// ResumeAll; on return ActiveJobs is 0 and it is durable. Reads, writes of tables
// and checkpoints go on.
func (s *Server) PauseAll(ctx context.Context) error { return s.pauseAll(ctx, apiEnv("")) }

// ResumeAll lets all jobs come back but those that were paused by name.
func (s *Server) ResumeAll(ctx context.Context) error { return s.resumeAll(ctx, apiEnv("")) }

// CancelJob drops a job's relation, and the sources that were made for it and
// that nothing else reads. 2BP01 when others read the relation.
func (s *Server) CancelJob(ctx context.Context, name string) error {
	r, err := s.jobNamed(name)
	if err != nil {
		return err
	}
	kind := ast.KindMaterializedView
	if r.Kind == catalog.Sink {
		kind = ast.KindSink
	}
	if err := s.drop(ctx, apiEnv(""), dropOf(kind, r.Name)); err != nil {
		return err
	}
	for _, src := range s.catalog().user() {
		if src.Kind != catalog.Source || src.MadeFor != name {
			continue
		}
		err := s.drop(ctx, apiEnv(""), dropOf(ast.KindSource, src.Name))
		if err != nil && !pgerr.Is(err, pgerr.DependentObjectsStillExist) && !pgerr.Is(err, pgerr.UndefinedTable) {
			return errors.Join(err)
		}
	}
	return nil
}

func dropOf(kind ast.ObjectKind, name string) *ast.Drop {
	return &ast.Drop{Kind: kind, Names: []ast.ObjectName{{Schema: catalog.PublicSchema, Name: name}}}
}

// SetMadeFor says that a source goes when the job of that name is cancelled.
func (s *Server) SetMadeFor(_ context.Context, source, job string) error {
	s.ddl.Lock()
	defer s.ddl.Unlock()
	c := s.begin()
	r := c.cat.Lookup(catalog.PublicSchema, source, nil)
	if r == nil || r.Kind != catalog.Source {
		return pgerr.New(pgerr.UndefinedTable, "source %q does not exist", source)
	}
	next := *r
	next.MadeFor = job
	c.rec.Replace = append(c.rec.Replace, &next)
	return s.commit(c)
}
