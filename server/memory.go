package server

import (
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/heliosdb/heliosdb-streaming/exec"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// memorySample is how often the resident size is looked at.
const memorySample = 100 * time.Millisecond

// watchMemory pauses all jobs while the process is at its memory limit, and
// lets them go on when it is 5 % below. Reads and DROP work all the time.
func (s *Server) watchMemory() {
	limit := s.budget.Limit()
	if limit <= 0 {
		return
	}
	t := time.NewTicker(memorySample)
	defer t.Stop()
	paused := false
	for {
		select {
		case <-s.closing.Done():
			return
		case <-t.C:
		}
		used := residentBytes()
		switch {
		case !paused && used >= limit*97/100:
			paused = true
			err := memoryPause(used, limit)
			s.log.Error("jobs are paused: memory limit reached", "resident_bytes", used, "limit_bytes", limit)
			s.engine.Pause(err)
		case paused && used < limit*92/100:
			paused = false
			s.log.Info("jobs go on: below the memory limit", "resident_bytes", used, "limit_bytes", limit)
			s.engine.Pause(nil)
		}
	}
}

func memoryPause(used, limit int64) error {
	return pgerr.New(pgerr.OutOfMemory, "paused: the process uses %d MB of its limit of %d MB", used>>20, limit>>20).
		WithHint("Drop views that are not needed, or raise [state] memory_limit_mb.")
}

// residentBytes is the resident size of the process; 0 where it is not known.
func residentBytes() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b))
	if len(f) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(f[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// operatorName names an operator in metrics: its kind and its id.
func operatorName(o exec.OperatorStatus) string {
	return o.Kind + " #" + strconv.FormatUint(o.ID, 10)
}
