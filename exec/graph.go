package exec

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/heliosdb/heliosdb-streaming/internal/source"
	"github.com/heliosdb/heliosdb-streaming/internal/tracing"
	"github.com/heliosdb/heliosdb-streaming/storage/state"
)

// Options are what all graphs of an engine share.
type Options struct {
	Workers int
	Pool    *state.Pool
	Cuts    CutLog
	Metrics Metrics
	Now     func() time.Time
	// CutInterval is how often watermarks may advance.
	CutInterval time.Duration
	// MaxStepRows bounds a step (default 32,768) and StepTime (default 5 ms) is
	// what the engine aims at by choosing fewer.
	MaxStepRows  int
	MaxStepBytes int
	StepTime     time.Duration
	// MaxDeadLetters bounds the dead letters kept of one relation.
	MaxDeadLetters int
}

// Metrics is what the graphs report, from the coordinators' goroutines.
type Metrics interface {
	// Ingested: rows fetched and taken into a step.
	Ingested(rel uint32, rows int)
	// Processed: rows whose step was published d after their fetch returned.
	Processed(rows int, d time.Duration)
	// Fresh: rows whose step was published d after the first of them was written
	// to the source, by the source's clock.
	Fresh(rows int, d time.Duration)
	// Step: one step of a graph took d.
	Step(rows int, d time.Duration)
	// Busy: for d, sources had (waiting) or had not data that could not be taken.
	Busy(waiting bool, d time.Duration)
	Dead(rel uint32, rows int)
}

// Graph is a set of jobs that step together: jobs that read each other or
// share a source. Everything but its own loop happens between steps, under mu:
// a reader's snapshot, a checkpoint's freeze, a job that comes or goes.
type Graph struct {
	id      uint64
	opts    *Options
	pool    *state.Pool
	workers int

	mu        sync.Mutex
	sources   map[uint32]*graphSource
	relations map[uint32]*Job // by relation OID: all jobs
	jobs      []*Job          // in topological order
	sched     schedule
	times     Times
	now       int64
	step      uint64
	cutPos    uint64 // log position of the last cut applied
	applied   uint64 // log position of the last table write applied
	replay    []*Cut
	nextCut   time.Time
	nextTick  time.Time
	paused    error // why nothing is taken; nil: running
	parked    bool  // stands still until Unpark; no loop runs
	stepRows  int
	aliases   []uint64 // ids of graphs that were merged into this one

	// A graph that catches up follows its home: it never passes home's offsets
	// and joins it at equal ones.
	home      *Graph
	follow    func() map[uint32]source.Offsets
	onNear    func() bool
	joined    bool
	followers int
	standing  atomic.Pointer[map[uint32]source.Offsets]

	published *sync.Cond // on mu: a step was published

	beginning, halting sync.Once
	failMu             sync.Mutex
	wakeup             chan struct{}
	stop               chan struct{}
	done               chan struct{}
}

func newGraph(id uint64, o *Options) *Graph {
	g := &Graph{
		id: id, opts: o, pool: o.Pool, workers: o.Workers,
		sources: map[uint32]*graphSource{}, relations: map[uint32]*Job{},
		times: Times{}, now: Micros(o.Now()), stepRows: minStepRows,
		wakeup: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	g.published = sync.NewCond(&g.mu)
	return g
}

// wake makes the loop look for work.
func (g *Graph) wake() {
	select {
	case g.wakeup <- struct{}{}:
	default:
	}
}

// begin starts the graph's loop.
func (g *Graph) begin() {
	g.beginning.Do(func() { go g.loop() })
	g.wake()
}

// loop is the graph's coordinator.
func (g *Graph) loop() {
	defer close(g.done)
	timer := time.NewTimer(g.opts.CutInterval)
	defer timer.Stop()
	for {
		idle := g.opts.Now()
		select {
		case <-g.stop: // before anything that is to do
			return
		default:
		}
		select {
		case <-g.stop:
			return
		case <-g.wakeup:
		case <-timer.C:
		}
		g.opts.Metrics.Busy(false, g.opts.Now().Sub(idle))
		for more := true; more; {
			more = g.advance()
			if join := g.near(); join != nil && join() {
				return
			}
			select {
			case <-g.stop:
				return
			default:
			}
		}
		timer.Reset(g.untilTime())
	}
}

// near gives a follower that is close enough to its home the call to join it.
func (g *Graph) near() func() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.follow == nil || g.paused != nil || len(g.replay) > 0 || !g.withinReach() {
		return nil
	}
	return g.onNear
}

// halt ends the loop and waits for it; one that recovery has not started yet
// ends without a step.
func (g *Graph) halt() {
	g.halting.Do(func() { close(g.stop) })
	g.begin()
	<-g.done
}

// advance runs one step if there is anything to do; it reports whether there
// may be more.
func (g *Graph) advance() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.paused != nil || g.parked {
		return false
	}
	start := g.opts.Now()
	g.replayCuts()
	if len(g.replay) == 0 {
		if err := g.moveTime(start); err != nil {
			g.failAll(err)
			return false
		}
	}
	in := g.gather()
	if len(in.chunks) == 0 && !g.backfilling() {
		g.published.Broadcast()
		return false
	}
	waiting := g.buffered() > 0
	g.runStep(in, false)
	g.report(in, start, waiting)
	if g.followers > 0 {
		g.publishOffsets()
	}
	g.published.Broadcast()
	return true
}

// gather takes what the sources have, within the budget of a step.
func (g *Graph) gather() *input {
	in := &input{}
	var bound map[uint32]source.Offsets
	if len(g.replay) > 0 {
		bound = g.replay[0].Offsets
	} else if g.follow != nil {
		bound = g.follow()
	}
	for rel, s := range g.sources {
		until := bound[rel]
		if until == nil && len(g.replay) > 0 {
			until = source.Offsets{}
		}
		left := source.Budget{Rows: g.stepRows - in.rows, Bytes: g.opts.MaxStepBytes}
		if left.Rows <= 0 {
			break
		}
		s.take(g, in, left, until)
	}
	return in
}

func (g *Graph) buffered() int {
	n := 0
	for _, s := range g.sources {
		n += s.reader.Buffered()
	}
	return n
}

// report tells the metrics and adapts the size of the next step.
func (g *Graph) report(in *input, start time.Time, waiting bool) {
	end := g.opts.Now()
	d := end.Sub(start)
	m := g.opts.Metrics
	for _, t := range in.chunks {
		t.src.rows += int64(t.chunk.Rows)
		m.Ingested(t.src.spec.Rel, t.chunk.Rows)
		m.Processed(t.chunk.Rows, end.Sub(t.chunk.Fetched))
		if !t.chunk.Appended.IsZero() {
			m.Fresh(t.chunk.Rows, end.Sub(t.chunk.Appended))
		}
	}
	m.Step(in.rows, d)
	m.Busy(waiting, d)
	if tracing.On() {
		tracing.Record("step", start, nil, attribute.Int64("graph", int64(g.id)), attribute.Int64("step", int64(g.step)), attribute.Int("rows", in.rows))
	}
	g.adapt(in.rows, d)
}

// minStepRows is the step below which rows are no longer traded for time: a
// step has costs of its own, and smaller steps would only add to them.
const minStepRows = 8 << 10

// adapt chooses the size of the next step.
func (g *Graph) adapt(rows int, d time.Duration) {
	switch {
	case rows < g.stepRows: // the sources had no more
	case d > g.opts.StepTime:
		g.stepRows = max(g.stepRows/2, minStepRows)
	case d < g.opts.StepTime/2:
		g.stepRows = min(g.stepRows*2, g.opts.MaxStepRows)
	}
}

func (g *Graph) setNow(now int64) {
	g.now = now
	for _, j := range g.jobs {
		for _, b := range j.pipes {
			b.ctx.Eval.Now = now
		}
	}
}

// setClock tells the operators the time of a cut or a tick.
func (g *Graph) setClock(now int64) {
	for _, j := range g.jobs {
		for _, b := range j.pipes {
			b.ctx.Clock = max(b.ctx.Clock, now)
		}
	}
}

// due is the next moment at which a job's output changes by the clock alone;
// MaxInt64: none does.
func (g *Graph) due() int64 {
	next := int64(math.MaxInt64)
	for _, j := range g.jobs {
		if j.failed.Load() {
			continue
		}
		for _, b := range j.pipes {
			for _, t := range b.clocked {
				next = min(next, t.due())
			}
		}
	}
	return next
}

// failAll fails every job: nothing can be promised any more.
func (g *Graph) failAll(err error) {
	for _, j := range g.jobs {
		j.fail(err)
	}
	g.paused = err
}

// attach adds a job whose inputs stand in the graph, at a step boundary.
// Leaves that read a relation's contents begin with a backfill.
func (g *Graph) attach(j *Job, backfill bool) error {
	for _, rel := range j.reads {
		if s := g.sources[rel]; s != nil {
			if err := s.subscribe(j); err != nil {
				return err
			}
			continue
		}
		up := g.relations[rel]
		if up == nil {
			continue // it lives in the graph that g will join, see join
		}
		if err := g.connect(j, up, backfill); err != nil {
			return err
		}
	}
	g.adopt(j)
	g.reschedule()
	return nil
}

// adopt makes the job one of the graph's, last in order.
func (g *Graph) adopt(j *Job) {
	for _, b := range j.pipes {
		b.ctx.Times, b.ctx.Eval.Now = g.times, g.now
	}
	g.relations[j.rel] = j
	g.jobs = append(g.jobs, j)
}

// connect subscribes j's leaves to the output of up.
func (g *Graph) connect(j, up *Job, backfill bool) error {
	for w, b := range j.pipes {
		for _, l := range b.leaves {
			if l.scan.Rel != up.rel {
				continue
			}
			m := up.contents()[w]
			m.passOn = true
			sub := &subscription{job: j, leaf: l, pick: l.scan.Take}
			if backfill {
				bf := newBackfill(b, m, l)
				sub.leaf, sub.pick = bf.leaf, bf.all
			}
			up.fans[w].subs = append(up.fans[w].subs, sub)
		}
	}
	return nil
}

// detach takes a job out, to be closed by the caller. Nothing reads it any more.
func (g *Graph) detach(j *Job) {
	for _, rel := range j.reads {
		if s := g.sources[rel]; s != nil {
			for _, f := range s.subs {
				f.drop(j)
			}
			if len(s.subs[0].subs) == 0 {
				g.closeSource(s)
			}
		} else if up := g.relations[rel]; up != nil {
			for w, f := range up.fans {
				f.drop(j)
				if ms := up.contents(); w < len(ms) {
					ms[w].passOn = len(f.subs) > 0
				}
			}
		}
	}
	delete(g.relations, j.rel)
	g.jobs = slices.DeleteFunc(g.jobs, func(o *Job) bool { return o == j })
	g.reschedule()
}

func (g *Graph) closeSource(s *graphSource) {
	s.reader.Close()
	s.dead.close()
	delete(g.sources, s.spec.Rel)
	delete(g.times, s.spec.Rel)
}

// backfilling reports whether any job still reads the past of a relation.
func (g *Graph) backfilling() bool {
	for _, j := range g.jobs {
		if !j.failed.Load() && (j.filling() || !j.started) {
			return true
		}
	}
	return false
}

// close stops the loop and frees everything.
func (g *Graph) close() {
	g.halt()
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.sources {
		g.closeSource(s)
	}
	for _, j := range g.jobs {
		j.close()
	}
	g.jobs = nil
}
