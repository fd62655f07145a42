package server

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/server/api"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// Jobs implements api.JobBackend.
func (b *apiBackend) Jobs(context.Context, *api.Identity) ([]api.Job, error) {
	cat := b.s.catalog()
	made := sourcesMadeFor(cat)
	out := []api.Job{}
	for _, j := range b.s.Jobs() {
		out = append(out, apiJob(cat, made, &j))
	}
	return out, nil
}

// sourcesMadeFor are the sources that belong to jobs, by the job's name.
func sourcesMadeFor(cat *catalogView) map[string]*catalog.Relation {
	m := map[string]*catalog.Relation{}
	for _, r := range cat.user() {
		if r.MadeFor != "" {
			m[r.MadeFor] = r
		}
	}
	return m
}

func apiJob(cat *catalogView, made map[string]*catalog.Relation, j *JobInfo) api.Job {
	out := api.Job{
		ID: strconv.FormatUint(uint64(j.ID), 10), Name: j.Name, Kind: j.Kind, Status: j.State, Error: j.Reason, Progress: j.Progress,
		Rows: j.Rows, StateBytes: j.Bytes, Notices: j.Notices,
	}
	if j.Lag != nil {
		out.Lag = *j.Lag
	}
	if src := made[j.Name]; src != nil {
		out.Source, out.Topic = src.Name, src.Options["topic"]
	}
	if r := cat.ByOID(j.ID); r != nil && r.Kind == catalog.MaterializedView {
		out.Parallelism, _ = strconv.Atoi(r.Options[viewParallelism])
		out.Retention = r.Options[viewRetention]
	}
	return out
}

// findJob finds a job by its name, or else by its id.
func (b *apiBackend) findJob(ref string) (*JobInfo, error) {
	var byID *JobInfo
	for _, j := range b.s.Jobs() {
		switch {
		case j.Name == ref:
			return &j, nil
		case strconv.FormatUint(uint64(j.ID), 10) == ref:
			byID = &j
		}
	}
	if byID == nil {
		return nil, noSuchJob(ref)
	}
	return byID, nil
}

func noSuchJob(ref string) error {
	return &api.Problem{Kind: api.NotFound, Detail: "there is no job " + strconv.Quote(ref), SQLState: pgerr.UndefinedTable}
}

// orGone is err, or that there is no such job when somebody else was faster to
// cancel it.
func orGone(err error, ref string) error {
	if err != nil && pgerr.From(err).Code == pgerr.UndefinedTable {
		return noSuchJob(ref)
	}
	return err
}

// Job implements api.JobBackend.
func (b *apiBackend) Job(_ context.Context, _ *api.Identity, ref string) (api.JobDetail, error) {
	j, err := b.findJob(ref)
	if err != nil {
		return api.JobDetail{}, err
	}
	cat := b.s.catalog()
	d := api.JobDetail{
		Job: apiJob(cat, sourcesMadeFor(cat), j), Definition: j.SQL, RecordsPerSecond: j.Rate,
		Columns: []api.JobColumn{}, Sources: []api.JobSource{}, Plan: []string{},
	}
	for _, src := range j.Sources {
		d.Sources = append(d.Sources, apiSource(&src))
	}
	r := cat.ByOID(j.ID)
	if r == nil {
		return d, nil // dropped just now
	}
	for _, c := range r.Columns {
		d.Columns = append(d.Columns, api.JobColumn{Name: c.Name, Type: c.Type.String()})
	}
	root, err := plan.Decode(r.Plan)
	if err != nil {
		return d, err
	}
	d.Plan = plan.Explain(root)
	return d, nil
}

func apiSource(src *JobSource) api.JobSource {
	out := api.JobSource{Name: src.Name, Lag: src.Lag, Watermark: src.Watermark, Offsets: []api.JobOffset{}}
	for _, p := range slices.Sorted(maps.Keys(src.Offsets)) {
		o := api.JobOffset{Partition: p, Offset: src.Offsets[p]}
		if end, ok := src.End[p]; ok && end >= 0 {
			o.End = &end
		}
		out.Offsets = append(out.Offsets, o)
	}
	return out
}

// PauseJob implements api.JobBackend.
func (b *apiBackend) PauseJob(ctx context.Context, by *api.Identity, ref string) (api.Job, error) {
	return b.onJob(ctx, by, ref, b.s.PauseJob)
}

// ResumeJob implements api.JobBackend.
func (b *apiBackend) ResumeJob(ctx context.Context, by *api.Identity, ref string) (api.Job, error) {
	return b.onJob(ctx, by, ref, b.s.ResumeJob)
}

// onJob does something to a job and shows how it stands then.
func (b *apiBackend) onJob(ctx context.Context, by *api.Identity, ref string, do func(context.Context, string) error) (api.Job, error) {
	j, err := b.findJob(ref)
	if err != nil {
		return api.Job{}, err
	}
	if err := orGone(do(ctx, j.Name), ref); err != nil {
		return api.Job{}, err
	}
	d, err := b.Job(ctx, by, j.Name)
	return d.Job, err
}

// CancelJob implements api.JobBackend.
func (b *apiBackend) CancelJob(ctx context.Context, _ *api.Identity, ref string) (api.Job, error) {
	j, err := b.findJob(ref)
	if err != nil {
		return api.Job{}, err
	}
	cat := b.s.catalog()
	was := apiJob(cat, sourcesMadeFor(cat), j)
	return was, orGone(b.s.CancelJob(ctx, j.Name), ref)
}
