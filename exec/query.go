package exec

import (
	"context"
	"errors"
	"iter"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/memory"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
	"github.com/heliosdb/heliosdb-streaming/storage/state"
)

// QueryEnv is what an ad-hoc query runs with.
type QueryEnv struct {
	Relations Relations
	Session   expr.Session
	Now       int64 // µs since 2000-01-01 UTC
	Memory    *memory.Reservation
	// Pool holds the operators' state; nil: a pool is made when one is needed.
	Pool *state.Pool
}

// errEnough is returned by an operator that wants no more input; the driver
// goes on with that operator's end.
type errEnough struct{ u *unit }

func (errEnough) Error() string { return "enough rows" }

// Query runs an ad-hoc plan: one step of its operators over the relations'
// contents. It gives the result in batches that are valid until the next one is
// asked for. The work happens while the sequence is read, so a slow reader
// holds nothing but the operators' own state.
func Query(ctx context.Context, n plan.Node, env *QueryEnv) iter.Seq2[*delta.Batch, error] {
	return func(yield func(*delta.Batch, error) bool) {
		stopped := errors.New("reader stopped")
		err := run(ctx, n, env, nil, func(b *delta.Batch) error {
			if !yield(b, nil) {
				return stopped
			}
			return nil
		})
		if err != nil && !errors.Is(err, stopped) {
			yield(nil, err)
		}
	}
}

// run drives one ad-hoc plan; outer are the rows of the Apply operators around.
func run(ctx context.Context, n plan.Node, env *QueryEnv, outer []expr.OuterRow, out Emit) error {
	c := &Ctx{Context: ctx, Rows: env.Relations, Memory: env.Memory, Pool: env.Pool, env: env}
	c.Eval.Now, c.Eval.Session, c.Eval.Outer = env.Now, env.Session, outer
	if c.Pool == nil && keepsState(n) {
		c.Pool, c.ownPool = state.NewPool(state.PoolOptions{}), true
		inner := *env
		inner.Pool = c.Pool // for subplans
		c.env = &inner
		defer c.Pool.Close()
		defer func() { c.Memory.Shrink(c.reserved) }()
	}
	b := &builder{ctx: c, pool: c.Pool, workers: 1, adhoc: true}
	defer b.close()
	if _, err := b.build(n, out); err != nil {
		return err
	}
	for i := 0; i < len(b.actions); {
		if err := c.Check(); err != nil {
			return err
		}
		err := b.actions[i]()
		var enough errEnough
		switch {
		case err == nil:
			i++
		case errors.As(err, &enough) && enough.u.ctx == c && enough.u.at > i:
			i = enough.u.at
		default:
			return err
		}
	}
	return nil
}

// close frees what the operators hold.
func (b *builder) close() {
	for _, u := range b.units {
		if c, ok := u.op.(Closer); ok {
			c.Close()
		}
	}
}

// keepsState reports whether any operator of the plan needs a pool.
func keepsState(n plan.Node) bool {
	switch n.(type) {
	case *plan.Aggregate, *plan.Join, *plan.TopN, *plan.CloseBuffer, *plan.TemporalFilter:
		return true
	}
	for _, in := range n.Inputs() {
		if keepsState(in) {
			return true
		}
	}
	return false
}

// scanRelation reads a relation in an ad-hoc query, its key equalities
// evaluated first. An equality with NULL gives no row.
func scanRelation(c *Ctx, n *plan.Scan, out Emit) error {
	var eq []delta.Datum
	for _, e := range n.Eq {
		d, err := expr.EvalConst(&c.Eval, e)
		if err != nil {
			return err
		}
		if d.Null {
			return nil
		}
		eq = append(eq, d)
	}
	return c.Rows.Scan(c.Context, n, eq, out)
}
