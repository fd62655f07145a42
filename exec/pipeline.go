package exec

import (
	"sync/atomic"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/storage/state"
)

// unit is one operator of a pipeline on one worker, wired to its successor.
type unit struct {
	op      Operator
	id      uint64
	node    plan.Node
	out     Emit
	ctx     *Ctx
	touched bool
	ticked  bool // its output depends on the clock, which has moved
	always  bool // ends in every step (a backfill)
	stage   int
	at      int // ad hoc: index of its end in the list of actions
	stats   unitStats
}

// unitStats are read by EXPLAIN ANALYZE and metrics while the unit runs.
type unitStats struct{ rowsIn, rowsOut, late atomic.Int64 }

// port is the Emit that pushes into the unit.
func (u *unit) port(n int) Emit {
	return func(b *delta.Batch) error {
		if b.N == 0 {
			return nil
		}
		u.touched = true
		u.stats.rowsIn.Add(int64(b.N))
		if err := u.ctx.Check(); err != nil {
			return err
		}
		prev := u.ctx.unit
		u.ctx.unit = u
		err := u.op.Push(u.ctx, n, b, u.out)
		u.ctx.unit = prev
		return err
	}
}

// end runs the end of a step, after Advance when time moved.
func (u *unit) end(cut bool) error {
	timed, isTimed := u.op.(Timed)
	advance := isTimed && (cut || u.ticked)
	if !u.touched && !u.always && !advance {
		return nil
	}
	u.touched, u.ticked = false, false
	u.ctx.unit = u
	defer func() { u.ctx.unit = nil }()
	if advance {
		if err := timed.Advance(u.ctx, u.out); err != nil {
			return err
		}
	}
	return u.op.End(u.ctx, u.out)
}

// leaf is a Scan of a continuous plan: where a relation's deltas come in.
type leaf struct {
	scan *plan.Scan
	push Emit // takes batches of exactly the scan's columns
}

// receiver is the consuming side of an exchange on one worker.
type receiver struct {
	x   *exchange
	out Emit
}

// builder makes the operators of one plan on one worker.
type builder struct {
	ctx     *Ctx
	pool    *state.Pool
	worker  int
	workers int
	adhoc   bool
	// exchanges are shared by the builders of all workers of a job.
	exchanges map[*plan.Exchange]*exchange

	bests     map[*plan.Exchange]*bestSent
	shared    map[string]*sharedUnit // continuous: operators by what they compute
	units     []*unit                // in post-order: inputs before what reads them
	leaves    []*leaf
	receivers []receiver
	constants []func() error // continuous: what the first step begins with
	scalars   []*aggregate   // whose row that step brings
	actions   []func() error // ad hoc: scans and ends in the order to run
	root      Operator
	backfills []*backfill
	clocked   []clockedUnit
}

// clockedUnit is a unit whose operator depends on the clock.
type clockedUnit struct {
	clocked
	unit *unit
}

// build makes the operators of n, which emit to out, and returns the stage at
// which n's output is complete.
func (b *builder) build(n plan.Node, out Emit) (stage int, err error) {
	switch n := n.(type) {
	case *plan.Scan:
		return 0, b.scan(n, out)
	case *plan.Values:
		b.constant(func() error { return emitValues(b.ctx, n, out) })
		return 0, nil
	case *plan.TableFunc:
		b.action(func() error { return emitTableFunc(b.ctx, n, out) })
		return 0, nil
	case *plan.Exchange:
		return b.exchange(n, out)
	}
	same := ""
	if !b.adhoc && sharable(n) {
		same = fingerprint(n)
		if have := b.shared[same]; have != nil && same != "" {
			have.tee.outs = append(have.tee.outs, out)
			return have.stage, nil
		}
		t := &tee{outs: []Emit{out}}
		out = t.push
		if b.shared == nil {
			b.shared = map[string]*sharedUnit{}
		}
		b.shared[same] = &sharedUnit{tee: t}
	}
	b.onlyBest(n)
	op, err := b.operator(n)
	if err != nil {
		return 0, err
	}
	u := &unit{op: op, id: n.Base().ID, node: n, ctx: b.ctx}
	u.out = func(o *delta.Batch) error {
		u.stats.rowsOut.Add(int64(o.N))
		return out(o)
	}
	for i, in := range b.inputs(n) {
		s, err := b.build(in, u.port(i))
		if err != nil {
			return 0, err
		}
		u.stage = max(u.stage, s)
	}
	b.units = append(b.units, u)
	if t, ok := op.(clocked); ok {
		b.clocked = append(b.clocked, clockedUnit{t, u})
	}
	b.root = op
	if have := b.shared[same]; have != nil {
		have.stage = u.stage
	}
	if b.adhoc {
		u.at = len(b.actions)
		b.action(func() error { u.touched = true; return u.end(false) })
	}
	return u.stage, nil
}

// inputs are the plan nodes that push into n's operator. The subplan of an
// Apply is run by the operator itself.
func (b *builder) inputs(n plan.Node) []plan.Node {
	if a, ok := n.(*plan.Apply); ok {
		return []plan.Node{a.In}
	}
	return n.Inputs()
}

// constant arranges for rows that depend on no input: in an ad-hoc query they
// are read like a relation, in a continuous job they enter with its first step,
// on one worker.
func (b *builder) constant(f func() error) {
	if b.adhoc {
		b.action(f)
	} else if b.worker == 0 {
		b.constants = append(b.constants, f)
	}
}

func (b *builder) action(f func() error) {
	if b.adhoc {
		b.actions = append(b.actions, f)
	}
}

// scan makes a leaf, or in an ad-hoc query the action that reads the relation.
func (b *builder) scan(n *plan.Scan, out Emit) error {
	if b.adhoc {
		b.action(func() error { return scanRelation(b.ctx, n, out) })
		return nil
	}
	b.leaves = append(b.leaves, &leaf{scan: n, push: out})
	return nil
}

func (b *builder) exchange(n *plan.Exchange, out Emit) (int, error) {
	if b.workers == 1 {
		return b.build(n.In, out)
	}
	x := b.exchanges[n]
	if x == nil {
		x = newExchange(n.Keys, n.Base().Types(), b.workers)
		b.exchanges[n] = x
	}
	b.receivers = append(b.receivers, receiver{x, out})
	u := &unit{op: &sender{x: x, worker: b.worker, best: b.bests[n]}, id: n.Base().ID, node: n, ctx: b.ctx, out: out}
	s, err := b.build(n.In, u.port(0))
	if err != nil {
		return 0, err
	}
	x.stage = s + 1
	return s + 1, nil
}

// operator makes the operator of one node.
func (b *builder) operator(n plan.Node) (Operator, error) {
	switch n := n.(type) {
	case *plan.Filter:
		return newFilter(n)
	case *plan.Project:
		return newProject(n)
	case *plan.Union:
		return union{}, nil
	case *plan.Materialize:
		return newMaterialize(b.pool, n), nil
	case *plan.Sink:
		if n.Connector != "blackhole" {
			return nil, pgerr.Unsupported(0, "sink connector %q", n.Connector)
		}
		return &blackhole{}, nil
	case *plan.Aggregate:
		return b.aggregate(n)
	case *plan.Join:
		return newJoin(b.pool, n, b.adhoc)
	case *plan.TopN:
		return newTopN(b.pool, n, b.adhoc)
	case *plan.TemporalFilter:
		return newTemporal(b.pool, n)
	case *plan.CloseBuffer:
		return newCloseBuffer(b.pool, n)
	case *plan.HopExpand:
		return newHopExpand(n), nil
	case *plan.Sort:
		return newSort(n)
	case *plan.Apply:
		return newApply(n)
	case *plan.ProjectSet:
		return newProjectSet(n)
	}
	return nil, pgerr.Internal("no operator for plan node %T", n)
}

// aggregate makes the operator of an Aggregate. A scalar one has its row before
// any input: it is made with the job's first step, on the worker that owns the
// empty key, or in every run of an ad-hoc query.
func (b *builder) aggregate(n *plan.Aggregate) (Operator, error) {
	a, err := newAggregate(b.pool, n, b.adhoc)
	if err != nil || !n.Scalar {
		return a, err
	}
	if b.adhoc {
		b.action(a.ensureScalar)
	} else if b.worker == owner(a.vnode(nil), b.workers) {
		b.scalars = append(b.scalars, a)
	}
	return a, nil
}
