package exec

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// JobSpec describes one relation that a graph keeps up to date: a materialized
// view, a table (its plan materializes a Scan of itself) or a sink.
type JobSpec struct {
	Rel  uint32
	Name string
	Plan plan.Node // root: *plan.Materialize or *plan.Sink
	// Table is set for tables: their Scan of themselves takes written deltas.
	Table bool
}

// Job is a JobSpec at work in a graph, with a pipeline of operators per worker.
type Job struct {
	rel     uint32
	name    string
	table   bool
	plan    plan.Node
	reads   []uint32 // relations read, itself (a table) not counted
	pipes   []*builder
	fans    []*fan // per worker: who takes the output
	dead    *deadLetters
	started bool
	whole   bool    // parked or on its way back: its contents were complete
	held    []*held // what its readers that stand still have yet to read
	rowsIn  atomic.Int64
	failed  atomic.Bool

	mu  sync.Mutex
	err error
}

// reads lists the relations that a plan scans, ascending.
func scansOf(n plan.Node) []uint32 {
	var rels []uint32
	var walk func(plan.Node)
	walk = func(n plan.Node) {
		if s, ok := n.(*plan.Scan); ok {
			rels = append(rels, s.Rel)
		}
		for _, in := range n.Inputs() {
			walk(in)
		}
	}
	walk(n)
	slices.Sort(rels)
	return slices.Compact(rels)
}

// newJob builds the operators of spec for every worker of g. Nothing is
// attached yet.
func newJob(g *Graph, spec JobSpec) (*Job, error) {
	j := &Job{rel: spec.Rel, name: spec.Name, table: spec.Table, plan: spec.Plan}
	for _, r := range scansOf(spec.Plan) {
		if r != spec.Rel {
			j.reads = append(j.reads, r)
		}
	}
	j.dead = newDeadLetters(g.pool, spec.Rel, g.opts.MaxDeadLetters)
	exchanges := map[*plan.Exchange]*exchange{}
	for w := range g.workers {
		ctx := &Ctx{Pool: g.pool, Worker: w, Times: g.times, Clock: NoClock, errs: jobErrors{j}, Eval: expr.Ctx{Now: g.now}}
		b := &builder{ctx: ctx, pool: g.pool, worker: w, workers: g.workers, exchanges: exchanges}
		f := &fan{}
		if _, err := b.build(spec.Plan, f.push); err != nil {
			j.close()
			return nil, err
		}
		j.pipes, j.fans = append(j.pipes, b), append(j.fans, f)
	}
	return j, nil
}

// start brings what depends on no input; with the job's first step.
func (j *Job) start() error {
	j.started = true
	for _, b := range j.pipes {
		for _, a := range b.scalars {
			if err := a.ensureScalar(); err != nil {
				return err
			}
		}
		for _, u := range b.units {
			if a, ok := u.op.(*aggregate); ok && a.n.Scalar {
				u.touched = true
			}
		}
		for _, emit := range b.constants {
			if err := emit(); err != nil {
				return err
			}
		}
	}
	return nil
}

// fail stops the job: it takes nothing more, its contents stay readable at
// their last whole step only if that step was whole, so readers are told.
func (j *Job) fail(err error) {
	j.mu.Lock()
	if j.err == nil {
		j.err = err
	}
	j.mu.Unlock()
	j.failed.Store(true)
}

// Err is why the job failed; nil while it runs.
func (j *Job) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err
}

// tables calls fn for every state table of the job.
func (j *Job) tables(fn func(worker int, op uint64, t StateTable) error) error {
	for w, b := range j.pipes {
		for _, u := range b.units {
			s, ok := u.op.(Stateful)
			if !ok {
				continue
			}
			for _, t := range s.Tables() {
				if err := fn(w, u.id, t); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (j *Job) close() {
	for _, b := range j.pipes {
		b.close()
	}
	for _, h := range j.held {
		h.tree.Close()
	}
	j.dead.close()
}

// contents are the job's materialized trees, one a worker; nil for a sink.
func (j *Job) contents() []*materialize {
	var ms []*materialize
	for _, b := range j.pipes {
		if m, ok := b.root.(*materialize); ok {
			ms = append(ms, m)
		}
	}
	return ms
}

// fan passes one relation's delta, on one worker, to the leaves that read it.
type fan struct{ subs []*subscription }

// subscription is one leaf of one job on one worker.
type subscription struct {
	job  *Job
	pick []int // the columns of the incoming batch that the leaf takes
	leaf *leaf
	held *held // the leaf is one's; nil: it is the job's own
	view delta.Batch
}

func (f *fan) push(b *delta.Batch) error {
	for _, s := range f.subs {
		if s.held == nil {
			s.job.rowsIn.Add(int64(b.N))
		}
		s.job.guard(func() error { return s.leaf.push(s.picked(b)) })
	}
	return nil
}

// picked is b seen through the leaf's columns, without copying.
func (s *subscription) picked(b *delta.Batch) *delta.Batch {
	s.view.Cols = s.view.Cols[:0]
	for _, c := range s.pick {
		s.view.Cols = append(s.view.Cols, b.Cols[c])
	}
	s.view.W, s.view.N = b.W, b.N
	return &s.view
}

// drop takes the leaves of a job away.
func (f *fan) drop(j *Job) {
	f.subs = slices.DeleteFunc(f.subs, func(s *subscription) bool { return s.job == j })
}

// jobErrors is the error output of a job's operators.
type jobErrors struct{ j *Job }

func (e jobErrors) RowFailed(op uint64, b *delta.Batch, row int, weight int64, err error) {
	if derr := e.j.dead.row(op, b, row, weight, pgerr.From(err)); derr != nil {
		e.j.fail(derr)
	}
}
