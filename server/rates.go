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
}

type rate struct {
	rows   int64
	second float64
}

// rateEvery is how often the rates are sampled.
const rateEvery = time.Second

// sampleRates keeps the rates up to date.
func (s *Server) sampleRates() {
	t := time.NewTicker(rateEvery)
	defer t.Stop()
	last := time.Now()
	for {
		select {
		case <-s.closing.Done():
			return
		case now := <-t.C:
			s.rates.sample(s.engine.Jobs(), now.Sub(last))
			last = now
		}
	}
}

func (r *rates) sample(jobs []exec.JobStatus, d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	by := make(map[uint32]*rate, len(jobs))
	for _, j := range jobs {
		at := &rate{rows: j.RowsIn}
		if old := r.by[j.Rel]; old != nil && d > 0 {
			at.second = (old.second + 2*float64(max(0, j.RowsIn-old.rows))/d.Seconds()) / 3
		}
		if at.second < .01 || j.State == "paused" || j.State == "failed" {
			at.second = 0
		}
		by[j.Rel] = at
	}
	r.by = by
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
