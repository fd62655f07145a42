package server

import (
	"log/slog"
	"time"

	"github.com/heliosdb/heliosdb-streaming/exec"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// jobWatch writes into the log when a job begins to wait for its source, fails,
// or works again: SHOW JOBS says it only while it is so, and to those who ask.
type jobWatch struct {
	log *slog.Logger
	by  map[uint32]watchedJob // a job that is gone goes with the next look
}

type watchedJob struct {
	waiting int // looks in a row that found it waiting
	failed  bool
	since   time.Time
}

// waitsToTell is how many looks in a row must find a job waiting before it is
// told of: brokers that change leaders are away for a moment.
const waitsToTell = 3

// look compares the jobs with how they were at the last look.
func (w *jobWatch) look(jobs []exec.JobStatus, now time.Time) {
	by := make(map[uint32]watchedJob, len(jobs))
	for _, j := range jobs {
		was := w.by[j.Rel]
		is := watchedJob{failed: j.State == "failed", since: was.since}
		if j.State == "waiting" {
			is.waiting = was.waiting + 1
		}
		switch {
		case is.failed && !was.failed:
			is.since = now
			w.log.Error("job has failed", "job", j.Name, "error", failure(j.Err))
		case is.waiting == 1:
			is.since = now
		case is.waiting == waitsToTell:
			w.log.Warn("job waits for its source", "job", j.Name, "reason", j.Waiting)
		case !is.failed && was.failed, is.waiting == 0 && was.waiting >= waitsToTell:
			w.log.Info("job goes on", "job", j.Name, "state", j.State, "after", now.Sub(was.since).Round(time.Millisecond))
		}
		by[j.Rel] = is
	}
	w.by = by
}

// failure is why a job failed, without what a row holds: that is for those who
// may read it.
func failure(err error) string {
	if err == nil {
		return ""
	}
	e := pgerr.From(err)
	if len(e.Code) == 5 && e.Code[:2] == "22" { // data: the message quotes it
		return "SQLSTATE " + e.Code + ": SHOW JOBS has the message"
	}
	return e.Message + " (SQLSTATE " + e.Code + ")"
}
