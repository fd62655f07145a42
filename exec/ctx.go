package exec

import (
	"context"
	"math"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/memory"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
	"github.com/heliosdb/heliosdb-streaming/storage/state"
)

// NoWatermark is the watermark before any row was seen.
const NoWatermark = math.MinInt64

// NoClock is the clock of a job before its first cut.
const NoClock = math.MinInt64

// Times are the watermarks of the sources at the last cut, in microseconds
// since 2000-01-01, by relation OID.
type Times map[uint32]int64

// Of is the watermark of a column: no later row lies below it. NoWatermark when
// any of its sources has none.
func (t Times) Of(tc plan.TimeCol) int64 {
	w := int64(math.MaxInt64)
	for _, s := range tc.Sources {
		v, ok := t[s.Source]
		if !ok || v == NoWatermark {
			return NoWatermark
		}
		w = min(w, v-s.Delay)
	}
	return w
}

// Ctx is what an operator may use besides its input and its state. One per
// worker; an operator keeps no reference to it.
type Ctx struct {
	// Context ends when the query is cancelled; nil in continuous jobs.
	Context context.Context
	Eval    expr.Ctx
	Pool    *state.Pool
	Worker  int
	Times   Times
	// Clock is the time of the job's last cut or tick, in microseconds since 2000-01-01 UTC;
	// it never goes back. NoClock: there was none. Continuous jobs only.
	Clock int64
	// Rows finds the contents of relations; ad hoc only.
	Rows Relations
	// Memory is the query's reservation; nil in continuous jobs.
	Memory *memory.Reservation
	env    *QueryEnv // ad hoc only: what subplans run with
	// ownPool: the pool is the query's, and reserved bytes of it are in Memory.
	ownPool  bool
	reserved int64
	errs     ErrorOutput
	late     LateCounter
	unit     *unit // whose Push, Advance or End is running
}

// Relations gives the contents of relations to ad-hoc plans.
type Relations interface {
	// Scan pushes the rows of a relation: the columns n.Take, restricted to the
	// rows whose leading key columns equal eq (nil: all).
	Scan(ctx context.Context, n *plan.Scan, eq []delta.Datum, push Emit) error
}

// ErrorOutput is the second output of every operator: the Z-set of rows that
// could not be computed. Retractions carry negative weights, as in any delta.
type ErrorOutput interface {
	RowFailed(op uint64, b *delta.Batch, row int, weight int64, err error)
}

// LateCounter counts the rows that came after their state was freed.
type LateCounter interface{ CountLate(op uint64, rows int64) }

// Late counts rows that the running operator dropped for being late.
func (c *Ctx) Late(rows int64) {
	if c.unit != nil {
		c.unit.stats.late.Add(rows)
	}
	if c.late != nil {
		c.late.CountLate(c.opID(), rows)
	}
}

func (c *Ctx) opID() uint64 {
	if c.unit == nil {
		return 0
	}
	return c.unit.id
}

// Check returns the error of a query that was cancelled or has taken all memory.
func (c *Ctx) Check() error {
	if c.Context == nil {
		return nil
	}
	if err := context.Cause(c.Context); err != nil {
		return err
	}
	return c.reservePool()
}

// reservePool reserves what a query's own pool has grown to; it is used by
// then, but by one batch only.
func (c *Ctx) reservePool() error {
	if !c.ownPool {
		return nil
	}
	n := c.Pool.MappedBytes()
	if n <= c.reserved {
		return nil
	}
	if err := c.Memory.Grow(n - c.reserved); err != nil {
		return err
	}
	c.reserved = n
	return nil
}

// Failures takes the evaluation errors since the last call. In an ad-hoc query
// the first one, by row, is returned as an error. In a continuous job every
// failed row of b goes to the error output and the rows to keep are returned in
// sel (len b.N less the failed ones); nothing failed: nil, nil.
func (c *Ctx) Failures(b *delta.Batch, sel []int32) ([]int32, error) {
	if !c.Eval.Failed() {
		return nil, nil
	}
	failed := c.Eval.TakeErrors()
	if c.errs == nil {
		first := failed[0]
		for _, f := range failed[1:] {
			if f.Row < first.Row {
				first = f
			}
		}
		return nil, first.Err
	}
	var bad delta.Bitmap
	for _, f := range failed {
		bad.Set(f.Row)
		c.errs.RowFailed(c.opID(), b, f.Row, b.Weight(f.Row), f.Err)
	}
	sel = sel[:0]
	for i := range b.N {
		if !bad.Get(i) {
			sel = append(sel, int32(i))
		}
	}
	return sel, nil
}
