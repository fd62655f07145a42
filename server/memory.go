package server

import (
	"math"
	"os"
	"runtime/debug"
	rtmetrics "runtime/metrics"
	"strconv"
	"strings"
	"time"

	"github.com/heliosdb/heliosdb-streaming/exec"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

const (
	// memorySample is how often the resident size is looked at.
	memorySample = 20 * time.Millisecond
	// reclaimEvery is the least time between two collections that give memory
	// back to the system.
	reclaimEvery = 500 * time.Millisecond
	// minGoHeap is what the collector is left with at least.
	minGoHeap = 24 << 20
)

// memoryMarks are the resident sizes at which something is done, in bytes.
type memoryMarks struct {
	collect int64 // what the collector keeps the heap within
	reclaim int64 // above, unused memory is given back to the system
	pause   int64 // jobs pause
	resume  int64 // jobs go on below
}

// maxRoom bounds the room between the mark at which jobs pause and the limit: it
// takes what is still under way, a step, a checkpoint, full buffers.
const maxRoom = 256 << 20

func marks(limit int64) memoryMarks {
	room := min(limit/5, maxRoom)
	pause := limit - room
	return memoryMarks{collect: pause - room/4, reclaim: pause - room/2, pause: pause, resume: pause - room/2}
}

// watchMemory pauses all jobs while the process is at its memory limit, and
// lets them go on when there is room again. Reads and DROP work all the time.
//
// The limit is on the resident size: state outside the Go heap, the heap, and the
// store's mapped files. The collector's own limit is what the others leave.
func (s *Server) watchMemory() {
	limit := s.budget.Limit()
	if limit <= 0 {
		return
	}
	at := marks(limit)
	t := time.NewTicker(memorySample)
	defer t.Stop()
	paused := false
	var reclaimed, pausedAt time.Time
	last := int64(math.MaxInt64)
	for {
		select {
		case <-s.closing.Done():
			return
		case <-t.C:
		}
		used := residentBytes()
		if used > at.reclaim && time.Since(reclaimed) >= reclaimEvery {
			s.pool.Trim()
			debug.FreeOSMemory()
			reclaimed = time.Now()
			used = residentBytes()
		}
		held, live := goBytes()
		outside := used - held // what no collection gives back
		growth := max(0, outside-last)
		last = outside
		debug.SetMemoryLimit(max(minGoHeap, at.collect-outside))
		s.unreserved.Store(outside + live - s.budget.Used())
		switch {
		case !paused && used+2*growth >= at.pause:
			paused, pausedAt = true, time.Now()
			s.logger("jobs").Error("jobs are paused: memory limit reached", "resident_bytes", used, "limit_bytes", limit)
			s.engine.Pause(memoryPause(used, limit))
		case paused && used < at.resume && time.Since(pausedAt) >= reclaimEvery:
			paused = false
			s.logger("jobs").Info("jobs go on: below the memory limit", "resident_bytes", used, "limit_bytes", limit)
			s.engine.Pause(nil)
		}
	}
}

// goBytes is what the Go runtime holds of the process's memory, and what of it
// was in use at the last collection.
func goBytes() (held, live int64) {
	m := []rtmetrics.Sample{
		{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}, {Name: "/gc/heap/live:bytes"},
	}
	rtmetrics.Read(m)
	return int64(m[0].Value.Uint64() - m[1].Value.Uint64()), int64(m[2].Value.Uint64())
}

// notQueries is what the limit leaves no query: state, what else is in use, and
// some room.
func (s *Server) notQueries() int64 {
	limit := s.cfg.MemoryLimitBytes()
	return max(s.pool.Bytes(), s.unreserved.Load()) + limit - marks(limit).collect
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
