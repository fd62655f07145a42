package state

import (
	"sync"
	"sync/atomic"
)

const (
	// maxCompactions is how many compactions may wait for each other before the writer
	// waits for the last one.
	maxCompactions = 4
	// maxOlder is how many segments failed epochs may leave before they are merged.
	maxOlder = 8
)

// chain is a table's recorded changes that are older than the segment in the writer's
// hands: of failed epochs and compactions, oldest first. At most one Frozen is out.
type chain struct {
	pool *Pool

	mu      sync.Mutex
	older   []*segment
	pending bool // a Frozen is out
	closed  bool

	running atomic.Int32 // compactions not finished
}

// take hands over all segments, cur last unless it is empty, for a Frozen.
func (c *chain) take(cur *segment) ([]*segment, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	if c.pending {
		return nil, ErrFreezePending
	}
	c.pending = true
	if len(c.older) >= maxOlder {
		c.mergeOlder(nil)
	}
	segs := c.older
	c.older = nil
	if !cur.empty() {
		segs = append(segs, cur)
	}
	return segs, nil
}

// giveBack takes a discarded Frozen's segments back with putBack, or frees them.
func (c *chain) giveBack(segs []*segment, putBack bool) {
	c.mu.Lock()
	c.pending = false
	if putBack && !c.closed {
		c.older = append(segs, c.older...)
		segs = nil
	}
	c.mu.Unlock()
	for _, s := range segs {
		s.free()
	}
}

// forget drops the older changes.
func (c *chain) forget() {
	c.mu.Lock()
	old := c.older
	c.older = nil
	c.mu.Unlock()
	for _, s := range old {
		s.free()
	}
}

func (c *chain) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.forget()
}

func (c *chain) bytes() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	var n int64
	for _, s := range c.older {
		n += s.size.Load()
	}
	return n
}

// mergeOlder replaces the older segments, and last if there is one, by one that a
// background goroutine fills. Called under mu.
func (c *chain) mergeOlder(last *segment) *segment {
	out := newSegment(c.pool)
	out.ready = make(chan struct{})
	in := c.older
	if last != nil {
		in = append(in, last)
	}
	c.older = []*segment{out}
	c.running.Add(1)
	c.pool.background(func() {
		mergeSegments(out, in)
		for _, s := range in {
			s.reset()
		}
		close(out.ready)
		c.running.Add(-1)
	})
	return out
}

// mergeSegments writes the net effect of in to out.
func mergeSegments(out *segment, in []*segment) {
	// The callbacks return no errors, so neither does the merge.
	_ = emitSegments(out.pool, in,
		func(key, val []byte) error { out.add(key, val, false); return nil },
		func(key []byte) error { out.add(key, nil, true); return nil },
		func(lo, hi []byte) error { out.ranges = append(out.ranges, rangeDelete{lo: lo, hi: hi}); return nil })
}
