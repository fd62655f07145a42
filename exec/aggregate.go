package exec

import (
	"math"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/storage/state"
)

// aggregate is γ: per touched group Δout = new result − old result, once a
// step. DISTINCT is an aggregate without aggregate calls.
//
// State: a slot a group, in a hash table (one a window where time closes the
// groups, so that a closed window is dropped as a whole), and a side table for
// what has no fixed size. A slot:
//
//	0  weight   int64: the sum of the weights of the group's rows; 0 only inside
//	            a step, or for a scalar aggregate of no rows
//	8  touched  uint32: where in a.touched the group is, if it is there, which
//	            that entry's key tells
//	12 …        the fixed parts of the accumulators
//
// Cost: one look-up a row, many overlapping; two results a touched group a
// step. For two int64 keys and count(*), sum(integer): 46 to 54 bytes of slot,
// measured with the table's slack in BenchmarkAggregateState. NULLs: a group key
// NULL is a group of its own; aggregates skip NULL arguments, but count(*). A
// group whose result cannot be computed (an overflow) is in the error output
// instead of the result.
type aggregate struct {
	n      *plan.Aggregate
	accs   []accumulator
	offs   []int
	others []int // the group columns in the hash key: all, less the window
	inex   bool  // group columns must be kept as they were written
	long   []int // columns of varying width that go into keys of the side table

	groups  *state.Hash         // without window
	windows *state.WindowedHash // with
	side    *sideTable          // nil: not needed
	keys    groupKeys
	size    int
	vnode   func([]byte) uint8
	closed  int64 // windows below are closed: T of the last cut, see windowBound

	touched []touch
	arena   []byte
	cols    []*delta.Vec
	old     *delta.Batch
	out     *delta.Batch
	bad     *delta.Batch // a group in the error output
	full    []byte
	g       group
	run     groupRun
	each    func(i int, slot []byte, created bool)
}

// groupRun is the stretch of a batch that goes into one hash table.
type groupRun struct {
	c      *Ctx
	b      *delta.Batch
	window int64
	lo     int
	err    error
}

// touch is a group touched in this step.
type touch struct {
	window   int64
	hash     uint64
	off, len uint32 // its key in the arena
	old      int32  // row in the batch of old results; −1: there was none
}

const slotHead = 12

// nullWindow stands for NULL among the windows; no timestamp has this value.
const nullWindow = 1<<63 - 2

var (
	_ Timed    = (*aggregate)(nil)
	_ Stateful = (*aggregate)(nil)
)

func newAggregate(pool *state.Pool, n *plan.Aggregate, once bool) (*aggregate, error) {
	in := n.In.Base()
	a := &aggregate{n: n, size: slotHead, closed: NoWatermark,
		out: delta.NewBatch(n.Types(), 0), old: delta.NewBatch(n.Types(), 0), bad: delta.NewBatch(n.Types(), 0)}
	a.each = a.row
	if len(n.Aggs) > 100 {
		return nil, pgerr.New(pgerr.ProgramLimitExceeded, "more than 100 aggregates in one query level")
	}
	needSide := false
	for i, c := range n.Group {
		if i != n.Window {
			a.others = append(a.others, c)
		}
		if values.Inexact(in.Cols[c].Type) {
			a.inex, needSide = true, true
		}
	}
	for i := range n.Aggs {
		acc, err := newAccumulator(&n.Aggs[i], i, in)
		if err != nil {
			return nil, err
		}
		if n.Aggs[i].Distinct {
			acc = distinct(acc, &n.Aggs[i], len(n.Aggs)+i, in)
		}
		switch acc.(type) {
		case *orderedAcc, *distinctAcc, *listAcc:
			needSide = true
			a.long = append(a.long, longColumns(&n.Aggs[i], in)...)
		case *numericAcc, *numericVarAcc:
			needSide = true
		}
		a.offs = append(a.offs, a.size)
		a.accs = append(a.accs, acc)
		a.size += acc.size()
	}
	if a.size > state.MaxHashValueBytes {
		return nil, pgerr.New(pgerr.ProgramLimitExceeded, "the aggregates of one query level need %d bytes a group, limit %d", a.size, state.MaxHashValueBytes)
	}
	for _, g := range a.others {
		a.keys.types = append(a.keys.types, in.Cols[g].Type)
	}
	a.keys.init()
	opts := state.HashOptions{KeySize: a.keys.width, ValueSize: a.size, HashFn: values.Hash}
	if n.Window >= 0 {
		a.windows = state.NewWindowedHash(pool, opts)
	} else {
		a.groups = state.NewHash(pool, opts)
	}
	if needSide {
		a.side = &sideTable{tree: state.NewTree(pool, state.TreeOptions{NoLog: once})}
	}
	a.g.side = a.side
	a.vnode = a.route()
	return a, nil
}

// setGroup makes a.g the group of a key.
func (a *aggregate) setGroup(window int64, key []byte) {
	a.full = a.full[:0]
	if a.windows != nil {
		a.full = appendWindow(a.full, window)
	}
	a.full = append(a.full, key...)
	a.g.key = a.full
}

// keepGroup stores the group columns as row i has them.
func (a *aggregate) keepGroup(b *delta.Batch, i int) error {
	var cols []*delta.Vec
	for _, g := range a.others {
		cols = append(cols, b.Cols[g])
	}
	return a.side.put(a.g.key, reprEntry, values.AppendRow(nil, cols, i))
}

// result appends the group's output row to out. One that cannot be computed
// goes to the error output with the given weight instead: false.
func (a *aggregate) result(c *Ctx, slot []byte, window int64, key []byte, out *delta.Batch, weight int64) (bool, error) {
	if a.side != nil {
		a.setGroup(window, key)
	}
	a.g.rows = getInt(slot)
	if err := a.groupRow(window, key, out); err != nil {
		return false, err
	}
	for n, acc := range a.accs {
		err := acc.result(&a.g, slot[a.offs[n]:], out.Cols[len(a.n.Group)+n])
		if err == nil {
			continue
		}
		for _, v := range out.Cols {
			v.Truncate(min(out.N, v.Len()))
		}
		if e := pgerr.From(err); e.Code[:2] == "XX" {
			return false, err
		}
		return false, a.fail(c, window, key, weight, err)
	}
	out.AppendWeight(1)
	return true, nil
}

// fail puts a group whose result cannot be computed into the error output.
func (a *aggregate) fail(c *Ctx, window int64, key []byte, weight int64, err error) error {
	a.bad.Reset()
	if e := a.groupRow(window, key, a.bad); e != nil {
		return e
	}
	for _, v := range a.bad.Cols[len(a.n.Group):] {
		v.AppendNull()
	}
	a.bad.AppendWeight(weight)
	return c.rowFailed(a.bad, 0, err)
}

// groupRow appends the group's columns to out.
func (a *aggregate) groupRow(window int64, key []byte, out *delta.Batch) error {
	a.cols = a.cols[:0]
	for i := range a.n.Group {
		if i != a.n.Window {
			a.cols = append(a.cols, out.Cols[i])
			continue
		}
		if window == nullWindow {
			out.Cols[i].AppendNull()
		} else {
			out.Cols[i].AppendInt(window)
		}
	}
	return a.groupColumns(key)
}

// groupColumns appends the group's columns, less the window, to a.cols.
func (a *aggregate) groupColumns(key []byte) error {
	if !a.inex {
		return a.keys.decode(key, a.cols)
	}
	row, ok := a.side.get(a.g.key, reprEntry)
	if !ok {
		return pgerr.New(pgerr.DataCorrupted, "group without its columns")
	}
	_, err := values.DecodeRow(row, a.cols)
	return err
}

func (a *aggregate) End(c *Ctx, out Emit) error {
	reuse(a.out)
	for i := range a.touched {
		if err := a.settle(c, &a.touched[i]); err != nil {
			return err
		}
		if a.out.N >= delta.MaxBatchRows/2 {
			if err := a.flush(out); err != nil {
				return err
			}
		}
	}
	a.touched, a.arena = a.touched[:0], a.arena[:0]
	a.old.Reset()
	return a.flush(out)
}

func (a *aggregate) flush(out Emit) error {
	if a.out.N == 0 {
		return nil
	}
	err := out(a.out)
	reuse(a.out)
	return err
}

// settle emits new − old of one touched group.
func (a *aggregate) settle(c *Ctx, t *touch) error {
	key := a.arena[t.off : t.off+t.len]
	table := a.groups
	if a.windows != nil {
		table = a.windows.Window(t.window, false)
	}
	slot, found := table.Lookup(t.hash, key)
	if !found {
		return pgerr.Internal("a touched group is gone")
	}
	rows := getInt(slot)
	if rows < 0 {
		return pgerr.Internal("a group has %d rows", rows)
	}
	if rows == 0 && !a.n.Scalar {
		table.Delete(t.hash, key)
		if a.side != nil {
			a.setGroup(t.window, key)
			a.side.clear(a.g.key)
		}
		if t.old >= 0 {
			a.out.AppendRow(a.old, int(t.old), -1)
		}
		return nil
	}
	if a.n.OnClose {
		return nil
	}
	ok, err := a.result(c, slot, t.window, key, a.out, 1)
	if err != nil || t.old < 0 {
		return err
	}
	last := a.out.N - 1
	if ok && sameRow(a.out, last, a.old, int(t.old)) {
		a.out.Truncate(last)
		return nil
	}
	a.out.AppendRow(a.old, int(t.old), -1)
	return nil
}

// sameRow reports whether two rows are the same to the last bit.
func sameRow(a *delta.Batch, i int, b *delta.Batch, j int) bool {
	for c, v := range a.Cols {
		o := b.Cols[c]
		if v.IsNull(i) != o.IsNull(j) {
			return false
		}
		if v.IsNull(i) {
			continue
		}
		same := false
		switch v.T.Phys() {
		case types.Bool:
			same = v.B[i] == o.B[j]
		case types.Int64:
			same = v.I[i] == o.I[j]
		case types.Float64:
			same = math.Float64bits(v.F[i]) == math.Float64bits(o.F[j])
		default:
			same = string(v.Bytes(i)) == string(o.Bytes(j))
		}
		if !same {
			return false
		}
	}
	return true
}

// Advance closes windows: emits their groups if they were held back, then drops
// them whole.
func (a *aggregate) Advance(c *Ctx, out Emit) error {
	if a.windows == nil {
		return nil
	}
	bound := windowBound(c.Times, a.n.In.Base(), a.n.Group[a.n.Window], a.n.Size, a.n.Late)
	if bound <= a.closed {
		return nil
	}
	a.closed = bound
	// Rows of windows that close now may have come in this very step.
	if err := a.End(c, out); err != nil {
		return err
	}
	if a.n.OnClose {
		if err := a.emitClosed(c, out); err != nil {
			return err
		}
	}
	a.windows.DropBefore(bound)
	if a.side != nil {
		a.side.tree.DeleteRange(nil, appendWindow(nil, bound))
	}
	return nil
}

func (a *aggregate) emitClosed(c *Ctx, out Emit) error {
	var err error
	a.windows.Windows(func(w int64, h *state.Hash) bool {
		if w >= a.closed {
			return false
		}
		h.Range(func(key, slot []byte) bool {
			if _, err = a.result(c, slot, w, key, a.out, 1); err == nil && a.out.N >= delta.MaxBatchRows/2 {
				err = a.flush(out)
			}
			return err == nil
		})
		return err == nil
	})
	if err != nil {
		return err
	}
	return a.flush(out)
}

// ensureScalar makes the one group of a scalar aggregate and arranges for its
// row to be emitted; for the first step of a job and for every ad-hoc query.
func (a *aggregate) ensureScalar() error {
	key := []byte{}
	hash := values.Hash(key)
	slot, created := a.groups.Upsert(hash, key)
	if a.isTouched(slot, 0, hash, key) {
		return nil
	}
	return a.touch(nil, slot, created, 0, hash, key)
}

func (a *aggregate) Tables() []StateTable {
	var main state.Table = a.groups
	if a.windows != nil {
		main = a.windows
	}
	ts := []StateTable{{Suffix: 0, Table: main, VNode: a.vnode}}
	if a.side != nil {
		ts = append(ts, StateTable{Suffix: 1, Table: a.side.tree, VNode: a.vnode})
	}
	return ts
}

// Restored makes sure that what was closed stays closed.
func (a *aggregate) Restored(c *Ctx) error {
	if a.windows != nil {
		a.closed = windowBound(c.Times, a.n.In.Base(), a.n.Group[a.n.Window], a.n.Size, a.n.Late)
	}
	return nil
}

func (a *aggregate) Close() {
	if a.groups != nil {
		a.groups.Close()
	} else {
		a.windows.Close()
	}
	if a.side != nil {
		a.side.tree.Close()
	}
}
