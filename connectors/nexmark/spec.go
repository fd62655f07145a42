package nexmark

import (
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/nexmark"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/source"
)

// Spec is a nexmark source relation. Its methods are safe for concurrent use.
type Spec struct {
	opts  Options
	gen   *nexmark.Generator
	total uint64 // events of the table's kind
	now   func() time.Time

	// The pace is one for all readers, or a view that catches up could not.
	mu    sync.Mutex
	since time.Time // the pace counts from here
	base  int64     // offset of the fastest split then
}

var _ source.Spec = (*Spec)(nil)

// New checks the options: 22023 for the generator's, 42703 and 42804 for columns.
func New(o Options) (*Spec, error) {
	if o.Splits == 0 {
		o.Splits = 1
	}
	if o.Splits < 0 || o.Splits > MaxSplits {
		return nil, pgerr.New(pgerr.InvalidParameterValue, "a nexmark source has 1 to %d splits, not %d", MaxSplits, o.Splits)
	}
	o.Generator.Gap = o.Gap
	gen, err := nexmark.New(o.Generator)
	if err != nil {
		return nil, pgerr.New(pgerr.InvalidParameterValue, "%s", strings.TrimPrefix(err.Error(), "nexmark: "))
	}
	o.Gap = gen.Config().Gap
	s := &Spec{opts: o, gen: gen, now: time.Now}
	events := gen.MaxEvents()
	if o.Events > 0 {
		events = min(events, o.Events)
	}
	s.total = countOf(o.Kind, events)
	if _, err := s.newDecoder(nil); err != nil {
		return nil, err
	}
	return s, nil
}

// first and perEpoch place the events of a kind within an epoch.
var first = [...]uint64{0, nexmark.PersonsPerEpoch, nexmark.PersonsPerEpoch + nexmark.AuctionsPerEpoch}
var perEpoch = [...]uint64{nexmark.PersonsPerEpoch, nexmark.AuctionsPerEpoch, nexmark.BidsPerEpoch}

// countOf is how many of the first n events are of a kind.
func countOf(k nexmark.Kind, n uint64) uint64 {
	rest := n % nexmark.EpochEvents
	return n/nexmark.EpochEvents*perEpoch[k] + min(max(rest, first[k])-first[k], perEpoch[k])
}

// numberOf is the number of the i-th event of a kind.
func numberOf(k nexmark.Kind, i uint64) uint64 {
	return i/perEpoch[k]*nexmark.EpochEvents + first[k] + i%perEpoch[k]
}

// rowsOf is how many of the first n events of the kind are in a split.
func (s *Spec) rowsOf(split int32, n uint64) int64 {
	splits := uint64(s.opts.Splits)
	return int64((n + splits - 1 - uint64(split)) / splits)
}

// number is the number of the event at an offset.
func (s *Spec) number(split int32, offset int64) uint64 {
	return numberOf(s.opts.Kind, uint64(offset)*uint64(s.opts.Splits)+uint64(split))
}

// Resolve implements source.Spec: the beginning.
func (s *Spec) Resolve(<-chan struct{}) (source.Offsets, error) {
	o := source.Offsets{}
	for p := range s.opts.Splits {
		o[int32(p)] = 0
	}
	return o, nil
}

// available is how far each split may be read now.
func (s *Spec) available() source.Offsets {
	n := s.total
	if !s.opts.Unpaced {
		s.mu.Lock()
		events := uint64(0)
		if !s.since.IsZero() {
			events = uint64(max(s.now().Sub(s.since), 0) / s.opts.Gap)
		}
		come := uint64(s.base) * uint64(s.opts.Splits)
		s.mu.Unlock()
		if come < n {
			n = min(n, come+countOf(s.opts.Kind, min(events, math.MaxInt64)))
		}
	}
	o := source.Offsets{}
	for p := range int32(s.opts.Splits) {
		o[p] = s.rowsOf(p, n)
	}
	return o
}

// pace starts the clock, or moves it to where a restarted graph stands.
func (s *Spec) pace(from source.Offsets) {
	furthest := int64(0)
	for _, n := range from {
		furthest = max(furthest, n)
	}
	ahead := false
	for p, n := range s.available() {
		ahead = ahead || from[p] > n
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.since.IsZero() || ahead {
		s.since, s.base = s.now(), furthest
	}
}

// End implements source.Spec: what has come by now. An unpaced source without a
// number of events has no end: 0A000.
func (s *Spec) End(<-chan struct{}) (source.Offsets, error) {
	if s.opts.Unpaced && s.opts.Events == 0 {
		return nil, pgerr.Unsupported(0, "reading an endless nexmark source to its end").
			WithHint("Set nexmark.event.num, or a pace with nexmark.min.event.gap.in.ns.")
	}
	return s.available(), nil
}

// Commit implements source.Spec: nobody is interested.
func (s *Spec) Commit(source.Offsets) {}

// Close implements source.Spec.
func (s *Spec) Close() {}

// reader hands out ranges of offsets.
type reader struct {
	s    *Spec
	mu   sync.Mutex
	at   source.Offsets
	turn int
	stop chan struct{}
	once sync.Once
	done chan struct{}
}

var _ source.Reader = (*reader)(nil)

// tick is how often a paced source wakes its graph.
const tick = time.Millisecond

// Open implements source.Spec.
func (s *Spec) Open(from source.Offsets, ready func()) (source.Reader, error) {
	r := &reader{s: s, at: source.Offsets{}, stop: make(chan struct{}), done: make(chan struct{})}
	for p := range int32(s.opts.Splits) {
		r.at[p] = max(from[p], 0)
	}
	if s.opts.Unpaced {
		close(r.done)
	} else {
		s.pace(from)
		go r.ticks(ready)
	}
	ready()
	return r, nil
}

func (r *reader) ticks(ready func()) {
	defer close(r.done)
	t := time.NewTicker(max(tick, min(r.s.opts.Gap, time.Second)))
	defer t.Stop()
	for {
		select {
		case <-t.C:
			if r.Buffered() > 0 {
				ready()
			}
		case <-r.stop:
			return
		}
	}
}

// rowBytes is what a row counts for against a budget of bytes.
const rowBytes = 240

// Take implements source.Reader.
func (r *reader) Take(b source.Budget, until source.Offsets) ([]source.Chunk, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, end := time.Now(), r.s.available()
	left := min(int64(b.Rows), max(int64(b.Bytes/rowBytes), 1))
	var out []source.Chunk
	r.turn++
	n := r.s.opts.Splits
	for i := range n {
		p := int32((r.turn + i) % n)
		last := end[p]
		if until != nil {
			bound, ok := until[p]
			if !ok {
				continue
			}
			last = min(last, bound)
		}
		// An equal share of what is left for each split that is to come.
		rows := min(last-r.at[p], (left+int64(n-i)-1)/int64(n-i))
		if rows <= 0 {
			continue
		}
		c := source.Chunk{
			Partition: p, First: r.at[p], Next: r.at[p] + rows,
			Rows: int(rows), Bytes: int(rows) * rowBytes, Fetched: now,
		}
		r.at[p] = c.Next
		left -= rows
		out = append(out, c)
	}
	return out, nil
}

// Buffered implements source.Reader.
func (r *reader) Buffered() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	rows := int64(0)
	for p, n := range r.s.available() {
		rows += min(max(n-r.at[p], 0), math.MaxInt32)
	}
	return int(min(rows, math.MaxInt32))
}

// Status implements source.Reader. An endless source ends where it has come to.
func (r *reader) Status() source.Status { return source.Status{End: r.s.available()} }

// Close implements source.Reader.
func (r *reader) Close() {
	r.once.Do(func() { close(r.stop) })
	<-r.done
}

// NewDecoder implements source.Spec.
func (s *Spec) NewDecoder(cols []int) (source.Decoder, error) {
	for _, c := range cols {
		if c < 0 || c >= len(s.opts.Columns) {
			return nil, pgerr.Internal("nexmark: no column %d", c)
		}
	}
	return s.newDecoder(slices.Clone(cols))
}
