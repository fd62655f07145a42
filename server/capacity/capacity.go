// Package capacity estimates what a workload needs, from constants that were
// measured (docs/benchmarks.md says where and how). docs/capacity.md derives the
// formulas.
package capacity

import (
	"errors"
	"fmt"
	"math"
)

// Workload is what is known before anything runs.
type Workload struct {
	EventsPerSecond float64
	EventBytes      float64 // of a record's value, as JSON
	WindowSecs      float64 // how long state must remember
	// Keys is the number of groups that are open at a time, for state that keeps
	// one row a key. 0: every event of the window is kept (joins, pass-through
	// views).
	Keys float64
}

// Resources is the estimate; the names are those of the deployment guide.
type Resources struct {
	ThroughputMbps  float64 `json:"throughput_mbps"` // megabits a second from Kafka
	CPUCores        int     `json:"cpu_cores"`
	MemoryGB        int     `json:"memory_gb"`
	StorageGB       int     `json:"storage_gb"`
	Nodes           int     `json:"nodes"`
	CostPerMonthUSD int     `json:"cost_per_month_usd"`
}

// What was measured. make bench repeats it; docs/benchmarks.md has the tables.
const (
	// CPUMicros is the processor time of an event, Kafka to view, in
	// microseconds: q5, a hopping-window aggregate with checkpoints. q0 needs
	// 0.35, a join that keeps every row (q20) 3.7.
	CPUMicros = 1.5
	// CPUShare is the part of the processors that the average load may use, so
	// that peaks, catching up after a stop, and queries have the rest.
	CPUShare = 0.5
	// KeyBytes is the memory of a group and of its row in the view: 67 + 57.
	KeyBytes = 124
	// KeptFactor is the memory of an event that is kept, as a multiple of its
	// JSON: 611 bytes for a bid of 235 (q18, its index and its view).
	KeptFactor = 2.6
	// ProcessGB is what the program uses without state: buffers, cache, stacks.
	ProcessGB = 0.5
	// MemoryShare is the engine's default limit as a part of the machine.
	MemoryShare = 0.75
	// LocalFactor bounds the local store: runs are merged when what is new is as
	// large as what is old.
	LocalFactor = 2
	// RetainedCheckpoints is the default of [state] retained_checkpoints; each one
	// holds at most what has changed since the one before.
	RetainedCheckpoints = 10
	// CheckpointSecs is the default of [streaming] checkpoint_interval_secs.
	CheckpointSecs = 60

	minCores, minMemoryGB, minStorageGB = 2, 2, 20
	// A node of the guide's large workload.
	nodeCores, nodeMemoryGB = 16, 64
)

// Prices of on-demand machines in US regions, in dollars a month, rounded:
// a processor with 2 GB, a further GB of memory, a GB of SSD.
const (
	coreUSD    = 31
	memoryUSD  = 2.5
	storageUSD = 0.08
)

// bounds keep the arithmetic within what an int holds.
const maxInput = 1e15

// Estimate returns what the workload needs on average, with the headroom that
// the constants name. The error says which input makes no sense.
func Estimate(w Workload) (Resources, error) {
	for _, in := range []struct {
		name         string
		value, least float64
	}{
		{"events per second", w.EventsPerSecond, 0.001}, {"event bytes", w.EventBytes, 1},
		{"window seconds", w.WindowSecs, 0}, {"keys", w.Keys, 0},
	} {
		if !(in.value >= in.least && in.value <= maxInput) { // also refuses NaN
			return Resources{}, fmt.Errorf("%s must be from %v to %v, not %v", in.name, in.least, maxInput, in.value)
		}
	}
	state := w.stateBytes() / gb
	changed := math.Min(state, w.changedBytes()/gb)
	local := LocalFactor * state
	r := Resources{
		ThroughputMbps: w.EventsPerSecond * w.EventBytes * 8 / 1e6,
		CPUCores:       atLeast(minCores, w.EventsPerSecond*CPUMicros/1e6/CPUShare),
		MemoryGB:       atLeast(minMemoryGB, (ProcessGB+state)/MemoryShare),
		StorageGB:      atLeast(minStorageGB, local+RetainedCheckpoints*changed),
	}
	if r.MemoryGB > maxGB || r.StorageGB > maxGB {
		return Resources{}, errors.New("the state of this workload is larger than a petabyte")
	}
	r.Nodes = max(1, ceilDiv(r.CPUCores, nodeCores), ceilDiv(r.MemoryGB, nodeMemoryGB))
	extra := math.Max(0, float64(r.MemoryGB-2*r.CPUCores))
	r.CostPerMonthUSD = int(math.Round(float64(r.CPUCores)*coreUSD + extra*memoryUSD + float64(r.StorageGB)*storageUSD))
	return r, nil
}

const (
	gb    = 1 << 30
	maxGB = 1 << 20
)

// stateBytes is what is in memory.
func (w Workload) stateBytes() float64 {
	if w.Keys > 0 {
		return w.Keys * KeyBytes
	}
	return w.EventsPerSecond * w.WindowSecs * w.EventBytes * KeptFactor
}

// changedBytes is what a checkpoint writes.
func (w Workload) changedBytes() float64 {
	events := w.EventsPerSecond * CheckpointSecs
	if w.Keys > 0 {
		return math.Min(events, w.Keys) * KeyBytes
	}
	return events * w.EventBytes * KeptFactor
}

func atLeast(least int, need float64) int {
	return max(least, int(math.Ceil(math.Min(need, math.MaxInt32))))
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
