package server

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/heliosdb/heliosdb-streaming/exec"
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/memory"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/pgwire"
	"github.com/heliosdb/heliosdb-streaming/planner"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// query is a bound SELECT.
type query struct {
	plan   plan.Node
	stored []uint32 // tables and materialized views that it reads
	params bool     // the plan has parameters
}

func newQuery(n plan.Node, params bool) *query {
	q := &query{plan: n, params: params}
	plan.Walk(n, func(n plan.Node) {
		if s, ok := n.(*plan.Scan); ok {
			switch catalog.Kind(s.Kind) {
			case catalog.Table, catalog.MaterializedView:
				if !slices.Contains(q.stored, s.Rel) {
					q.stored = append(q.stored, s.Rel)
				}
			}
		}
	})
	return q
}

func (q *query) run(c *call) (pgwire.Result, error) {
	return c.x.open(q, c.args, c.p.cols, countTag("SELECT"))
}

// open starts a query; its rows are computed as they are asked for.
func (x *session) open(q *query, args []delta.Datum, cols []pgwire.Column, tag func(int64) string) (*stream, error) {
	n := q.plan
	if q.params {
		var err error
		if n, err = withArgs(n, args); err != nil {
			return nil, err
		}
	}
	rd, err := x.reader(q.stored)
	if err != nil {
		return nil, err
	}
	st := &stream{shape: pgwire.Shape{Columns: cols}, tag: tag, reads: rd.reads, mem: x.s.budget.Reserve()}
	st.next, st.stop = iter.Pull2(exec.Query(&st.ctx, n, &exec.QueryEnv{
		Relations: rd, Session: x.exprSession(), Now: x.tx.began, Memory: st.mem,
	}))
	return st, nil
}

// stream is the result of a query.
type stream struct {
	shape pgwire.Shape
	tag   func(int64) string
	ctx   callContext
	next  func() (*delta.Batch, error, bool)
	stop  func()
	reads *reads // nil: reads nothing that is stored
	mem   *memory.Reservation
}

var _ pgwire.Result = (*stream)(nil)

func (s *stream) Shape() pgwire.Shape          { return s.shape }
func (s *stream) CommandTag(rows int64) string { return s.tag(rows) }

// Next implements pgwire.Result.
func (s *stream) Next(ctx context.Context) (*delta.Batch, error) {
	s.ctx.Context = ctx
	for {
		b, err, ok := s.next()
		switch {
		case !ok:
			return nil, nil
		case err != nil:
			return nil, atRunTime(err)
		case b.N > 0:
			return b, nil
		}
	}
}

// atRunTime takes away the position of an error that a row caused: PostgreSQL
// gives positions only for what it finds before a statement runs, and clients
// show them as faults in the text.
func atRunTime(err error) error {
	e := pgerr.From(err)
	if e.Pos == 0 {
		return err
	}
	d := *e
	d.Pos = 0
	return &d
}

// Close implements pgwire.Result.
func (s *stream) Close() {
	if s.ctx.Context == nil {
		s.ctx.Context = context.Background()
	}
	s.stop()
	s.mem.Release()
	if s.reads != nil {
		s.reads.release()
	}
}

// callContext is the context of the call that is running: a query outlives the
// request that started it.
type callContext struct{ context.Context }

func (c *callContext) Deadline() (time.Time, bool) { return c.Context.Deadline() }
func (c *callContext) Done() <-chan struct{}       { return c.Context.Done() }
func (c *callContext) Err() error                  { return c.Context.Err() }
func (c *callContext) Value(key any) any           { return c.Context.Value(key) }

// planOptionsAdHoc are the planner's options for a statement of the session.
func (x *session) planOptionsAdHoc(given []types.Type) *planner.Options {
	o := &planner.Options{Mode: planner.AdHoc, SearchPath: x.path(), ParamTypes: given, Session: x.exprSession()}
	if x.tx != nil {
		o.Now = x.tx.began
	}
	return o
}

// bindQuery binds a SELECT.
func (x *session) bindQuery(p *prepared, q *ast.Query) error {
	cat := x.s.catalog()
	r, err := planner.Query(x.planOptionsAdHoc(p.given), q, cat)
	if err != nil {
		return err
	}
	p.params, p.cols = r.Params, resultColumns(r.Root)
	x.settleOrigins(cat, p.cols, q, r.DependsOn)
	p.rights = toRead(cat, r.Reads)
	p.cmd = newQuery(r.Root, len(r.Params) > 0)
	return nil
}
