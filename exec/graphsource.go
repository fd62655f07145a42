package exec

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/source"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// SourceSpec describes one source relation to a graph.
type SourceSpec struct {
	Rel  uint32
	Name string
	Spec source.Spec
	// Columns is the number of the relation's columns.
	Columns int
	// Watermark is over the relation's columns and gives a timestamp; nil: none.
	Watermark expr.Expr
	// Idle is how long a partition that was read to its end may be silent before
	// it no longer holds the watermark back; 0: for ever.
	Idle time.Duration
	// Notices are words for people about where the source starts.
	Notices []string
	// FailOnError: a record that cannot be decoded fails the source.
	FailOnError bool
	// Decoders is how many workers decode the source's partitions; 0: all.
	Decoders int
}

// graphSource is one source in one graph: it is read and decoded once, however
// many jobs read it.
type graphSource struct {
	spec   SourceSpec
	reader source.Reader
	owner  atomic.Pointer[Graph] // whom the reader wakes
	// cols are the relation's columns that any job or the watermark needs,
	// ascending; decoders give batches of exactly these.
	cols     []int
	decoders []source.Decoder // by worker; nil: to be made
	marks    []*expr.Program  // by worker: the watermark over cols
	evals    []expr.Ctx
	subs     []*fan // by worker
	offsets  source.Offsets
	parts    map[int32]*partition
	dead     *deadLetters
	err      error // final
	rows     int64 // decoded since the start
}

// partition is what the watermark needs to know of one partition.
type partition struct {
	max  int64     // greatest watermark expression seen; NoWatermark
	last time.Time // when its last record was taken (or reading began)
	idle bool
}

// newGraphSource opens the reader at from.
func newGraphSource(g *Graph, spec SourceSpec, from source.Offsets) (*graphSource, error) {
	s := newClosedSource(g, spec, from)
	r, err := spec.Spec.Open(from, func() { s.owner.Load().wake() })
	if err != nil {
		return nil, err
	}
	s.reader = r
	return s, nil
}

// newClosedSource is a source that stands at from and is not read.
func newClosedSource(g *Graph, spec SourceSpec, from source.Offsets) *graphSource {
	s := &graphSource{spec: spec, offsets: from.Clone(), parts: map[int32]*partition{}}
	s.dead = newDeadLetters(g.pool, spec.Rel, g.opts.MaxDeadLetters)
	s.evals = make([]expr.Ctx, g.workers)
	for range g.workers {
		s.subs = append(s.subs, &fan{})
	}
	s.reader = closedReader{}
	s.owner.Store(g)
	return s
}

// open reads a closed source from where it stands, for all its subscribers.
func (s *graphSource) open(g *Graph) error {
	for _, p := range s.parts {
		p.last = g.opts.Now()
	}
	if err := s.prepare(g.workers); err != nil {
		return err
	}
	r, err := s.spec.Spec.Open(s.offsets.Clone(), func() { s.owner.Load().wake() })
	if err != nil {
		return err
	}
	s.reader = r
	return nil
}

// subscribe adds a job's leaves and widens what is decoded.
func (s *graphSource) subscribe(j *Job) error {
	s.attach(j)
	return s.prepare(len(j.pipes))
}

func (s *graphSource) attach(j *Job) {
	for w, b := range j.pipes {
		for _, l := range b.leaves {
			if l.scan.Rel == s.spec.Rel {
				s.subs[w].subs = append(s.subs[w].subs, &subscription{job: j, leaf: l})
			}
		}
	}
}

// prepare makes decoders for the columns that are needed now.
func (s *graphSource) prepare(workers int) error {
	need := map[int]bool{}
	for _, sub := range s.subs[0].subs {
		for _, c := range sub.leaf.scan.Take {
			need[c] = true
		}
	}
	if s.spec.Watermark != nil {
		for _, c := range expr.Columns(s.spec.Watermark) {
			need[c] = true
		}
	}
	s.cols = s.cols[:0]
	for c := range need {
		s.cols = append(s.cols, c)
	}
	slices.Sort(s.cols)
	s.decoders, s.marks = nil, nil
	for w := range workers {
		d, err := s.spec.Spec.NewDecoder(s.cols)
		if err != nil {
			return err
		}
		s.decoders = append(s.decoders, d)
		for _, sub := range s.subs[w].subs {
			sub.pick = sub.pick[:0]
			for _, c := range sub.leaf.scan.Take {
				sub.pick = append(sub.pick, slices.Index(s.cols, c))
			}
		}
		if s.spec.Watermark == nil {
			continue
		}
		moved, err := moveColumns(s.spec.Watermark, s.cols)
		if err != nil {
			return err
		}
		p, err := expr.Compile(moved)
		if err != nil {
			return err
		}
		s.marks = append(s.marks, p)
	}
	return nil
}

// worker is the one that decodes a partition.
func (s *graphSource) worker(part int32, workers int) int {
	if n := s.spec.Decoders; n > 0 {
		workers = min(workers, n)
	}
	return int(part) % workers
}

// decode turns one chunk into deltas for all subscribers on worker w. Only this
// worker sees the chunk's partition in this step.
func (s *graphSource) decode(g *Graph, w int, c *source.Chunk) {
	err := s.decoders[w].Decode(c, func(b *delta.Batch) error {
		s.watermark(w, c.Partition, b)
		return s.subs[w].push(b)
	}, func(d source.DeadRow) {
		if err := s.dead.record(d); err != nil {
			s.fail(g, err)
		}
		g.opts.Metrics.Dead(s.spec.Rel, 1)
		if s.spec.FailOnError {
			s.fail(g, deadError(s.spec.Name, d))
		}
	})
	if err != nil {
		s.fail(g, err)
	}
}

// watermark takes the greatest value of the watermark expression in b.
func (s *graphSource) watermark(w int, part int32, b *delta.Batch) {
	if s.spec.Watermark == nil {
		return
	}
	v := s.marks[w].Eval(&s.evals[w], b)
	s.evals[w].TakeErrors() // a row without a time has no say
	p := s.parts[part]
	nulls := v.HasNulls()
	for i, t := range v.I {
		if t > p.max && !(nulls && v.IsNull(i)) && t != maxTimestamp {
			p.max = t
		}
	}
}

// maxTimestamp is 'infinity', which is no time that a stream can reach.
const maxTimestamp = 1<<63 - 1

// take moves what may be read now into in.
func (s *graphSource) take(g *Graph, in *input, b source.Budget, until source.Offsets) {
	if s.err != nil {
		return
	}
	chunks, err := s.reader.Take(b, until)
	for _, c := range chunks {
		p := s.parts[c.Partition]
		if p == nil {
			p = &partition{max: NoWatermark}
			s.parts[c.Partition] = p
		}
		p.last, p.idle = g.opts.Now(), false
		s.offsets[c.Partition] = c.Next
		in.rows += c.Rows
		in.chunks = append(in.chunks, taken{s, c})
	}
	if err != nil {
		s.fail(g, err)
	}
}

// fail is final for the source and every job that reads it in this graph.
func (s *graphSource) fail(g *Graph, err error) {
	g.failMu.Lock()
	defer g.failMu.Unlock()
	if s.err == nil {
		s.err = err
	}
	for _, f := range s.subs {
		for _, sub := range f.subs {
			sub.job.fail(err)
		}
	}
}

// current is the watermark that the partitions give now, and whether any has
// one: the minimum over those that are not idle.
func (s *graphSource) current(now time.Time) (int64, bool) {
	st := s.reader.Status()
	wm, any := int64(maxTimestamp), false
	for part, end := range st.End {
		p := s.parts[part]
		if p == nil {
			p = &partition{max: NoWatermark, last: now}
			s.parts[part] = p
		}
		atEnd := end >= 0 && s.offsets[part] >= end && !st.Unreachable[part]
		p.idle = atEnd && s.spec.Idle > 0 && now.Sub(p.last) >= s.spec.Idle
	}
	for _, p := range s.parts {
		if p.idle {
			continue
		}
		if p.max == NoWatermark {
			return 0, false
		}
		wm, any = min(wm, p.max), true
	}
	return wm, any
}

// moveColumns is e over a batch that holds the relation's columns cols.
func moveColumns(e expr.Expr, cols []int) (expr.Expr, error) {
	return expr.Rewrite(e, func(x expr.Expr) (expr.Expr, error) {
		c, ok := x.(*expr.Column)
		if !ok {
			return x, nil
		}
		moved := *c
		moved.Index = slices.Index(cols, c.Index)
		return &moved, nil
	})
}
