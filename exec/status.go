package exec

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/source"
)

// JobStatus is what SHOW JOBS tells of one job.
type JobStatus struct {
	Rel      uint32
	Name     string
	Graph    uint64
	Step     uint64
	State    string // "running", "catching up", "backfilling", "recovering", "waiting", "paused", "failed"
	Err      error
	Parked   bool   // it stands still, or has yet to wait for what it reads to come back
	Waiting  string // what a source waits for
	Sources  []SourceStatus
	Progress float64 // of catching up, 0…1
	Rows     int     // in the relation
	Bytes    int64   // of all state
	RowsIn   int64   // rows of its inputs since the process started
	Notices  []string
}

// SourceStatus is one source as a job sees it.
type SourceStatus struct {
	Rel       uint32
	Offsets   source.Offsets
	End       source.Offsets
	Lag       int64 // records; of partitions whose end is known
	Watermark int64 // NoWatermark: none
	Idle      []int32
	Rows      int64 // decoded since the process started
}

// OperatorStatus is one operator of a job, summed over the workers.
type OperatorStatus struct {
	Job     uint32
	ID      uint64
	Kind    string
	RowsIn  int64
	RowsOut int64
	Late    int64
	Rows    int
	Bytes   int64
}

// notYet is why a relation cannot be read yet; nil: it can.
func (g *Graph) notYet(j *Job) error {
	if j.table || j.whole || g.follow == nil && !j.filling() && !g.parked {
		return nil
	}
	return pgerr.New(pgerr.ObjectNotInPrerequisiteState, "materialized view %q is still catching up", j.name).
		WithDetail("It has read %.1f %% of what its inputs held.", 100*g.progress(j)).
		WithHint("SHOW JOBS shows the progress; FLUSH waits.")
}

// failure is why a job's contents follow its inputs no more: its own error or
// that of a job it reads; nil: they do.
func (g *Graph) failure(j *Job) error {
	if err := j.Err(); err != nil {
		return err
	}
	for _, rel := range j.reads {
		if up := g.relations[rel]; up != nil {
			if err := g.failure(up); err != nil {
				return fmt.Errorf("%q, which it reads, has failed: %w", up.name, err)
			}
		}
	}
	return nil
}

// progress of a job that catches up, 0…1.
func (g *Graph) progress(j *Job) float64 {
	var done, all float64
	if g.follow != nil {
		target := g.follow()
		for rel, s := range g.sources {
			for part, want := range target[rel] {
				done += float64(min(s.offsets[part], want))
				all += float64(want)
			}
		}
	}
	for _, b := range j.pipes {
		for _, f := range b.backfills {
			all++
			if f.done {
				done++
			}
		}
	}
	if all == 0 {
		return 1
	}
	return done / all
}

// Jobs gives the status of every job, by relation OID.
func (e *Engine) Jobs() []JobStatus {
	var out []JobStatus
	_ = e.each(func(g *Graph) error {
		for _, j := range g.jobs {
			out = append(out, g.status(j))
		}
		return nil
	})
	slices.SortFunc(out, func(a, b JobStatus) int { return int(a.Rel) - int(b.Rel) })
	measureParked(out)
	return out
}

// measureParked tells the jobs that stand still, which read nothing, where their
// sources end, as those know that read them.
func measureParked(jobs []JobStatus) {
	ends := map[uint32]source.Offsets{}
	for _, j := range jobs {
		for _, s := range j.Sources {
			if !j.Parked {
				ends[s.Rel] = s.End
			}
		}
	}
	for _, j := range jobs {
		for i := range j.Sources {
			if s := &j.Sources[i]; j.Parked {
				s.End = ends[s.Rel].Clone()
				s.measure()
			}
		}
	}
}

// measure sets the lag.
func (s *SourceStatus) measure() {
	s.Lag = 0
	for part, end := range s.End {
		if end >= 0 {
			s.Lag += max(0, end-s.Offsets[part])
		}
	}
}

func (g *Graph) status(j *Job) JobStatus {
	st := JobStatus{Rel: j.rel, Name: j.name, Graph: g.id, Step: g.step, Err: g.failure(j), Progress: g.progress(j), State: "running"}
	for _, rel := range slices.Sorted(maps.Keys(g.sourcesOf(j))) {
		s := g.sources[rel]
		ss, rs := s.status(g)
		st.Sources = append(st.Sources, ss)
		st.Notices = append(append(st.Notices, s.spec.Notices...), rs.Notices...)
		if st.Waiting == "" {
			st.Waiting = rs.Waiting
		}
	}
	_ = j.tables(func(_ int, _ uint64, t StateTable) error {
		st.Bytes += t.Table.Bytes()
		return nil
	})
	for _, m := range j.contents() {
		st.Rows += m.tree.Len()
	}
	for _, h := range j.held {
		st.Bytes += h.tree.Bytes()
	}
	st.RowsIn = j.rowsIn.Load()
	switch {
	case st.Err != nil:
		st.State = "failed"
	case g.parked:
		st.State, st.Parked = "paused", true
	case g.paused != nil:
		st.State, st.Err = "paused", g.paused
	case st.Waiting != "":
		st.State = "waiting"
	case len(g.replay) > 0:
		st.State = "recovering"
	case g.follow != nil:
		st.State = "catching up"
	case j.filling():
		st.State = "backfilling"
	}
	return st
}

// sourcesOf are the sources that a job reads, through other jobs too.
func (g *Graph) sourcesOf(j *Job) map[uint32]bool {
	set := map[uint32]bool{}
	for _, rel := range j.reads {
		if g.sources[rel] != nil {
			set[rel] = true
		} else if up := g.relations[rel]; up != nil {
			maps.Copy(set, g.sourcesOf(up))
		}
	}
	return set
}

func (s *graphSource) status(g *Graph) (SourceStatus, source.Status) {
	rs := s.reader.Status()
	ss := SourceStatus{Rel: s.spec.Rel, Offsets: s.offsets.Clone(), End: rs.End, Watermark: NoWatermark, Rows: s.rows}
	if wm, ok := g.times[s.spec.Rel]; ok {
		ss.Watermark = wm
	}
	ss.measure()
	for part, p := range s.parts {
		if p.idle {
			ss.Idle = append(ss.Idle, part)
		}
	}
	slices.Sort(ss.Idle)
	return ss, rs
}

// Operators gives every operator's counts and state.
func (e *Engine) Operators() []OperatorStatus {
	var out []OperatorStatus
	_ = e.each(func(g *Graph) error {
		for _, j := range g.jobs {
			out = append(out, j.operators()...)
		}
		return nil
	})
	return out
}

func (j *Job) operators() []OperatorStatus {
	at := map[uint64]int{}
	var out []OperatorStatus
	for _, b := range j.pipes {
		for _, u := range b.units {
			if u.id == 0 {
				continue
			}
			i, ok := at[u.id]
			if !ok {
				i = len(out)
				at[u.id] = i
				out = append(out, OperatorStatus{Job: j.rel, ID: u.id, Kind: fmt.Sprintf("%T", u.node)[len("*plan."):]})
			}
			o := &out[i]
			o.RowsIn += u.stats.rowsIn.Load()
			o.RowsOut += u.stats.rowsOut.Load()
			o.Late += u.stats.late.Load()
			if s, ok := u.op.(Stateful); ok {
				for _, t := range s.Tables() {
					o.Rows += t.Table.Len()
					o.Bytes += t.Table.Bytes()
				}
			}
		}
	}
	return out
}

// DeadLetters lists the dead letters of all relations.
func (e *Engine) DeadLetters() []DeadLetter {
	var out []DeadLetter
	_ = e.each(func(g *Graph) error {
		for _, s := range g.sources {
			out = s.dead.list(out)
		}
		for _, j := range g.jobs {
			out = j.dead.list(out)
		}
		return nil
	})
	return out
}

// Flush waits until every graph has published the given offsets of its sources
// and nothing catches up any more, or until stop.
func (e *Engine) Flush(ends map[uint32]source.Offsets, stop <-chan struct{}) error {
	for {
		behind := false
		err := e.each(func(g *Graph) error {
			b, err := g.behind(ends)
			behind = behind || b
			return err
		})
		if err != nil || !behind {
			return err
		}
		select {
		case <-stop:
			return pgerr.New(pgerr.QueryCanceled, "canceling statement due to user request")
		case <-time.After(flushPoll):
		}
	}
}

// flushPoll is how often Flush looks again.
const flushPoll = 2 * time.Millisecond

// behind reports whether the graph has yet to come to the offsets; a source that
// has failed never will and is not waited for.
func (g *Graph) behind(ends map[uint32]source.Offsets) (bool, error) {
	if g.parked {
		return false, nil
	}
	if g.paused != nil {
		return false, g.paused
	}
	late := g.follow != nil || len(g.replay) > 0 || g.backfilling()
	for rel, s := range g.sources {
		if s.err != nil {
			if g.follow != nil {
				return false, nil // it will never join
			}
			continue
		}
		for part, want := range ends[rel] {
			late = late || s.offsets[part] < want
		}
	}
	return late, nil
}
