package server

import (
	"sync"
	"time"

	"github.com/heliosdb/heliosdb-streaming/exec"
)

// rates are the rows that each job takes per second: an average over the last
// seconds, in which each sample counts for half of what all before it do.
type rates struct {
	mu sync.Mutex
	by map[uint32]*rate // a job that is gone goes with the next sample
	// all is the events that the process takes from its sources.
	all rate
}

type rate struct {
	rows   int64
	second float64
}

// rateEvery is how often the rates are sampled.
const rateEvery = time.Second

// sampleRates keeps the rates up to date, and the log of what becomes of jobs.
func (s *Server) sampleRates() {
	t := time.NewTicker(rateEvery)
	defer t.Stop()
	last, watch := time.Now(), jobWatch{log: s.logger("jobs")}
	for {
		select {
		case <-s.closing.Done():
			return
		case now := <-t.C:
			jobs := s.engine.Jobs()
			watch.look(jobs, now)
			s.rates.sample(jobs, s.metrics.ingested.Load(), now.Sub(last))
			last = now
		}
	}
}

// sample takes the totals at the end of a period d.
func (r *rates) sample(jobs []exec.JobStatus, ingested int64, d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	by := make(map[uint32]*rate, len(jobs))
	for _, j := range jobs {
		at := &rate{rows: j.RowsIn}
		if old := r.by[j.Rel]; old != nil {
			*at = old.next(j.RowsIn, d)
		}
		if j.State == "paused" || j.State == "failed" {
			at.second = 0
		}
		by[j.Rel] = at
	}
	r.by = by
	r.all = r.all.next(ingested, d)
}

// next is the rate after a further period d, at whose end rows is the total.
func (r rate) next(rows int64, d time.Duration) rate {
	n := rate{rows: rows, second: r.second}
	if d > 0 {
		n.second = (r.second + 2*float64(max(0, rows-r.rows))/d.Seconds()) / 3
	}
	if n.second < .01 {
		n.second = 0
	}
	return n
}

// ofAll is the process's events per second.
func (r *rates) ofAll() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all.second
}

// of is a job's rows per second.
func (r *rates) of(rel uint32) float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at := r.by[rel]; at != nil {
		return at.second
	}
	return 0
}
