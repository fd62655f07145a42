package server

import (
	"runtime/debug"
	"time"
)

// The Go heap holds little, because state lies outside it, and changes fast:
// every fetch brings megabytes. So it may grow to a multiple of what is live
// between two collections, but by no more than collectRoom.
const (
	maxCollectPercent = 400
	minCollectPercent = 25
	collectRoom       = 256 << 20
	// collectSample is how often the room is fitted to what is live.
	collectSample = time.Second
)

// collectPercent is by how much of what is live the heap may grow.
func collectPercent(live int64) int {
	return int(min(max(100*collectRoom/max(live, 1), minCollectPercent), maxCollectPercent))
}

// fitCollector keeps the collector's pace fitted to what is live. The memory
// limit holds beside it.
func (s *Server) fitCollector() {
	t := time.NewTicker(collectSample)
	defer t.Stop()
	for now := maxCollectPercent; ; {
		select {
		case <-s.closing.Done():
			return
		case <-t.C:
		}
		_, live := goBytes()
		// Setting it stops the world for a moment: not for trifles.
		if want := collectPercent(live); 5*max(want-now, now-want) > now {
			now = want
			debug.SetGCPercent(want)
		}
	}
}
