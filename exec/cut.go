package exec

import (
	"encoding/json"
	"maps"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/source"
)

// Cut is a place at which watermarks advance: recorded in the log before it is
// applied, so that recovery advances them at the same offsets and lateness is a
// function of the input, whatever the batches and crashes were.
type Cut struct {
	Graph   uint64                    `json:"graph"`
	Offsets map[uint32]source.Offsets `json:"offsets"` // of every source of the graph
	Times   map[uint32]int64          `json:"times"`   // the watermarks from here on
	Now     int64                     `json:"now"`     // the clock, µs since 2000-01-01 UTC
	pos     uint64
}

// ParseCut reads a cut's record at its position in the log.
func ParseCut(pos uint64, record []byte) (*Cut, error) {
	c := &Cut{pos: pos}
	if err := json.Unmarshal(record, c); err != nil {
		return nil, pgerr.New(pgerr.DataCorrupted, "cut at log position %d cannot be read: %v", pos, err)
	}
	return c, nil
}

// CutLog records cuts durably.
type CutLog interface {
	// AppendCut returns when the record is on disk.
	AppendCut(record []byte) (pos uint64, err error)
}

// pgEpoch is 2000-01-01 00:00 UTC in Unix microseconds.
const pgEpoch = 946684800 * 1e6

// Micros is t in microseconds since 2000-01-01 UTC.
func Micros(t time.Time) int64 { return t.UnixMicro() - pgEpoch }

// tickInterval is how often the clock may advance between two cuts.
const tickInterval = 20 * time.Millisecond

// moveTime cuts when it is time to, and between two cuts lets rows come and go
// by the clock, so that those of a whole interval do not hold up the input at
// once. Such a tick is not recorded: an operator that reads the clock holds the
// same after two ticks as after the later one alone, so whatever the next cut
// decides does not depend on them.
func (g *Graph) moveTime(now time.Time) error {
	due := g.due()
	switch {
	case due == NoClock || !now.Before(g.nextCut):
		g.nextCut = now.Add(g.opts.CutInterval)
		g.nextTick = now.Add(tickInterval)
		return g.cut()
	case due <= Micros(now) && !now.Before(g.nextTick):
		g.nextTick = now.Add(tickInterval)
		g.tick(Micros(now))
		g.runStep(&input{}, false)
	}
	return nil
}

// tick moves the clock for the next step, and the watermarks not.
func (g *Graph) tick(now int64) {
	g.setNow(now)
	g.setClock(now)
	for _, j := range g.jobs {
		for _, b := range j.pipes {
			for _, c := range b.clocked {
				c.unit.ticked = true
			}
		}
	}
}

// untilTime is how long the loop may wait for input before moveTime has
// something to do.
func (g *Graph) untilTime() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.paused != nil || g.parked || len(g.replay) > 0 {
		return g.opts.CutInterval
	}
	now := g.opts.Now()
	wait := min(g.nextCut.Sub(now), g.opts.CutInterval)
	if due := g.due(); due != NoClock && due < Micros(now)+wait.Microseconds() {
		byClock := time.Duration(max(due-Micros(now), 0)) * time.Microsecond
		wait = min(wait, max(byClock, g.nextTick.Sub(now)))
	}
	return max(wait, time.Millisecond)
}

// cut advances the watermarks if any source's has moved, and the clock if
// something waits for it.
func (g *Graph) cut() error {
	now := g.opts.Now()
	moved := false
	times := maps.Clone(g.times)
	for rel, s := range g.sources {
		if s.spec.Watermark == nil || s.err != nil {
			continue
		}
		if wm, ok := s.current(now); ok && wm > times[rel] {
			times[rel], moved = wm, true
		}
	}
	if !moved && g.due() > Micros(now) {
		return nil
	}
	return g.cutAt(times)
}

// cutAt records a cut with the given watermarks here and applies it.
func (g *Graph) cutAt(times Times) error {
	c := &Cut{Graph: g.id, Times: times, Now: Micros(g.opts.Now()), Offsets: g.offsets()}
	rec, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if c.pos, err = g.opts.Cuts.AppendCut(rec); err != nil {
		return err
	}
	g.applyCut(c)
	return nil
}

// offsets are where the graph's sources stand.
func (g *Graph) offsets() map[uint32]source.Offsets {
	o := map[uint32]source.Offsets{}
	for rel, s := range g.sources {
		o[rel] = s.offsets.Clone()
	}
	return o
}

// applyCut runs the step in which time moves.
func (g *Graph) applyCut(c *Cut) {
	for rel, t := range c.Times {
		if s := g.sources[rel]; s != nil {
			g.times[rel] = max(t, g.times[rel])
		}
	}
	g.setNow(c.Now)
	g.setClock(c.Now)
	g.runStep(&input{}, true)
	g.cutPos = c.pos
}

// reached reports whether the graph stands at the offsets of c.
func (g *Graph) reached(c *Cut) bool {
	for rel, want := range c.Offsets {
		s := g.sources[rel]
		if s == nil || s.err != nil {
			continue
		}
		for part, n := range want {
			if s.offsets[part] < n {
				return false
			}
		}
	}
	return true
}

// replayCuts applies the recorded cuts that the graph has come to.
func (g *Graph) replayCuts() {
	for len(g.replay) > 0 && g.reached(g.replay[0]) {
		c := g.replay[0]
		g.replay = g.replay[1:]
		g.applyCut(c)
	}
}
