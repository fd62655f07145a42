package server

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/heliosdb/heliosdb-streaming/exec"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// TestJobWatch: a job that waits for more than a moment, fails or works again is
// in the log once each, and what a row held is not.
func TestJobWatch(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w := &jobWatch{log: slog.New(slog.NewTextHandler(&out, nil))}
	now := time.Unix(0, 0)
	look := func(state, waiting string, err error) string {
		out.Reset()
		now = now.Add(time.Second)
		w.look([]exec.JobStatus{{Rel: 1, Name: "v", State: state, Waiting: waiting, Err: err}}, now)
		_, text, _ := strings.Cut(strings.TrimSpace(out.String()), "level=")
		return text
	}
	lost := pgerr.New(pgerr.ObjectNotInPrerequisiteState, "offsets are gone")
	row := pgerr.New(pgerr.InvalidTextRepresentation, "invalid input syntax: %q", "private")
	for i, c := range []struct {
		state, waiting string
		err            error
		want           string
	}{
		{"running", "", nil, ""},
		{"waiting", "refused", nil, ""},
		{"running", "", nil, ""}, // a moment is nothing to tell of
		{"waiting", "refused", nil, ""},
		{"waiting", "refused", nil, ""},
		{"waiting", "refused", nil, `WARN msg="job waits for its source" job=v reason=refused`},
		{"waiting", "refused", nil, ""},
		{"catching up", "", nil, `INFO msg="job goes on" job=v state="catching up" after=4s`},
		{"failed", "", lost, `ERROR msg="job has failed" job=v error="offsets are gone (SQLSTATE 55000)"`},
		{"failed", "", lost, ""},
		{"running", "", nil, `INFO msg="job goes on" job=v state=running after=2s`},
		{"failed", "", row, `ERROR msg="job has failed" job=v error="SQLSTATE 22P02: SHOW JOBS has the message"`},
	} {
		if got := look(c.state, c.waiting, c.err); got != c.want {
			t.Errorf("look %d, %s: %q, want %q", i, c.state, got, c.want)
		}
	}
	w.look(nil, now)
	if len(w.by) != 0 {
		t.Errorf("jobs that are gone are kept: %v", w.by)
	}
}
