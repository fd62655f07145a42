package capacity

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The guide's own example, by hand: 50,000 events of 512 bytes a second, one hour.
func TestGuideExample(t *testing.T) {
	t.Parallel()
	r, err := Estimate(Workload{EventsPerSecond: 50_000, EventBytes: 512, WindowSecs: 3600, Keys: 1e6})
	if err != nil {
		t.Fatal(err)
	}
	if r.ThroughputMbps != 204.8 || r.CPUCores != 2 || r.MemoryGB != 2 || r.Nodes != 1 {
		t.Errorf("%+v", r)
	}
	all, err := Estimate(Workload{EventsPerSecond: 50_000, EventBytes: 512, WindowSecs: 3600})
	// 180 million events of 512 bytes, 2.6 times: 223.2 GB.
	if err != nil || all.MemoryGB != 299 || all.Nodes != 5 {
		t.Errorf("%+v %v", all, err)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for _, w := range []Workload{
		{}, {EventsPerSecond: 1}, {EventsPerSecond: -1, EventBytes: 1}, {EventsPerSecond: math.NaN(), EventBytes: 1},
		{EventsPerSecond: math.Inf(1), EventBytes: 1}, {EventsPerSecond: 1, EventBytes: 1, Keys: -1},
		{EventsPerSecond: 1e15, EventBytes: 1e15, WindowSecs: 1e15},
	} {
		if r, err := Estimate(w); err == nil {
			t.Errorf("%+v: %+v", w, r)
		}
	}
}

// More of anything never needs less of anything.
func TestMonotone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		gen := func(name string, max float64) float64 { return rapid.Float64Range(1, max).Draw(t, name) }
		w := Workload{gen("events", 1e6), gen("bytes", 1e4), gen("window", 1e5), rapid.SampledFrom([]float64{0, 10, 1e6, 1e9}).Draw(t, "keys")}
		more := w
		switch rapid.IntRange(0, 2).Draw(t, "what") {
		case 0:
			more.EventsPerSecond *= 2
		case 1:
			more.EventBytes *= 2
		case 2:
			more.WindowSecs *= 2
		}
		a, errA := Estimate(w)
		b, errB := Estimate(more)
		if errA != nil || errB != nil {
			t.Skip("beyond what is estimated")
		}
		if b.CPUCores < a.CPUCores || b.MemoryGB < a.MemoryGB || b.StorageGB < a.StorageGB || b.Nodes < a.Nodes || b.CostPerMonthUSD < a.CostPerMonthUSD {
			t.Fatalf("%+v needs %+v, %+v needs %+v", w, a, more, b)
		}
	})
}

// Every figure in docs/capacity.md's tables is what Estimate says.
func TestDocument(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/capacity.md")
	if err != nil {
		t.Fatal(err)
	}
	month := (30 * 24 * time.Hour).Seconds()
	const million, billion = 1e6, 1e9
	for _, c := range []struct {
		name string
		w    Workload
	}{
		{"10,000 events/s", Workload{10_000, 512, 3600, million}},
		{"100,000 events/s", Workload{100_000, 512, 3600, 10 * million}},
		{"1,000,000 events/s", Workload{1_000_000, 512, 3600, 100 * million}},
		{"10,000 events/s, every event kept", Workload{10_000, 512, 3600, 0}},
		{"1B", Workload{billion / month, 512, 3600, million}},
		{"10B", Workload{10 * billion / month, 512, 3600, 10 * million}},
		{"100B", Workload{100 * billion / month, 512, 3600, 50 * million}},
		{"1T", Workload{1000 * billion / month, 512, 3600, 100 * million}},
	} {
		r, err := Estimate(c.w)
		if err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprintf("| %s | %.1f | %d | %d | %d | %d | %d |", c.name, r.ThroughputMbps, r.CPUCores, r.MemoryGB, r.StorageGB, r.Nodes, r.CostPerMonthUSD)
		if !strings.Contains(string(raw), line) {
			t.Errorf("docs/capacity.md does not have the line\n%s", line)
		}
	}
	for _, constant := range []any{CPUMicros, KeyBytes, KeptFactor} {
		if !strings.Contains(string(raw), fmt.Sprintf("| %v |", constant)) {
			t.Errorf("docs/capacity.md does not name the constant %v", constant)
		}
	}
}
