package exec

import (
	"slices"

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
//	8  touched  int64: the step in which the group was touched last
//	16 …        the fixed parts of the accumulators
//
// Cost: one look-up a row; two results a touched group a step. NULLs: a group
// key NULL is a group of its own; aggregates skip NULL arguments, but count(*).
type aggregate struct {
	n      *plan.Aggregate
	accs   []accumulator
	offs   []int
	others []int // the group columns in the hash key: all, less the window
	inex   bool  // group columns must be kept as they were written

	groups  *state.Hash         // without window
	windows *state.WindowedHash // with
	side    *sideTable          // nil: not needed
	size    int
	vnode   func([]byte) uint8
	closed  int64 // windows below are closed: T of the last cut, see windowBound

	step    int64 // changes with every End, so that slots know their first touch
	touched []touch
	arena   []byte
	keys    values.KeyBuf
	hashes  []uint64
	cols    []*delta.Vec
	old     *delta.Batch
	out     *delta.Batch
	full    []byte
	g       group
}

// touch is a group touched in this step.
type touch struct {
	window   int64
	hash     uint64
	off, len int // its key in the arena
	old      int // row in the batch of old results; −1: there was none
}

const slotHead = 16

// nullWindow stands for NULL among the windows; no timestamp has this value.
const nullWindow = 1<<63 - 2

var (
	_ Timed    = (*aggregate)(nil)
	_ Stateful = (*aggregate)(nil)
)

func newAggregate(pool *state.Pool, n *plan.Aggregate, once bool) (*aggregate, error) {
	in := n.In.Base()
	a := &aggregate{n: n, size: slotHead, step: 1, closed: NoWatermark, out: delta.NewBatch(n.Types(), 0), old: delta.NewBatch(n.Types(), 0)}
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
			acc = distinct(acc, &n.Aggs[i], len(n.Aggs)+i)
		}
		switch acc.(type) {
		case *orderedAcc, *distinctAcc, *listAcc, *numericAcc:
			needSide = true
		}
		a.offs = append(a.offs, a.size)
		a.accs = append(a.accs, acc)
		a.size += acc.size()
	}
	if len(n.Aggs) > 100 {
		return nil, pgerr.New(pgerr.ProgramLimitExceeded, "more than 100 aggregates in one query level")
	}
	opts := state.HashOptions{ValueSize: a.size, HashFn: values.Hash}
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

// distinct wraps an accumulator; min and max are the same without.
func distinct(acc accumulator, a *plan.Agg, at int) accumulator {
	if a.Fn.Name == "min" || a.Fn.Name == "max" {
		return acc
	}
	return &distinctAcc{accumulator: acc, cols: a.Args, at: byte(at)}
}

func (a *aggregate) Push(c *Ctx, _ int, b *delta.Batch, _ Emit) error {
	a.cols = a.cols[:0]
	for _, g := range a.others {
		a.cols = append(a.cols, b.Cols[g])
	}
	values.EncodeKeys(&a.keys, a.cols, b.N)
	a.hashes = a.keys.HashAll(a.hashes)
	var win *delta.Vec
	if a.windows != nil {
		win = b.Cols[a.n.Group[a.n.Window]]
	}
	table, window := a.groups, int64(0)
	late := int64(0)
	for i := range b.N {
		if win != nil {
			w := int64(nullWindow)
			if !win.IsNull(i) {
				w = win.I[i]
			}
			if w < a.closed {
				late++
				continue
			}
			if table == nil || w != window {
				window = w
				table = a.windows.Window(w, true)
			}
		}
		if err := a.row(table, window, b, i); err != nil {
			return err
		}
	}
	if late > 0 {
		c.Late(late)
	}
	return nil
}

// row accounts for one row of the input.
func (a *aggregate) row(table *state.Hash, window int64, b *delta.Batch, i int) error {
	key := a.keys.Key(i)
	slot, created := table.Upsert(a.hashes[i], key)
	if a.side != nil {
		a.setGroup(window, key)
	}
	if getInt(slot[8:]) != a.step {
		putInt(slot[8:], a.step)
		if err := a.touch(slot, created, window, a.hashes[i], key); err != nil {
			return err
		}
		if created && a.inex {
			if err := a.keepGroup(b, i); err != nil {
				return err
			}
		}
	}
	w := b.Weight(i)
	a.g.rows = addInt(slot, w)
	for n, acc := range a.accs {
		if f := a.n.Aggs[n].Filter; f >= 0 && (b.Cols[f].IsNull(i) || !b.Cols[f].B[i]) {
			continue
		}
		if err := acc.add(&a.g, slot[a.offs[n]:], b, i, w); err != nil {
			return err
		}
	}
	return nil
}

// touch remembers a group at its first touch in a step, with its old result.
func (a *aggregate) touch(slot []byte, created bool, window int64, hash uint64, key []byte) error {
	t := touch{window: window, hash: hash, off: len(a.arena), len: len(key), old: -1}
	a.arena = append(a.arena, key...)
	if !created && !a.n.OnClose {
		t.old = a.old.N
		if err := a.result(slot, window, key, a.old); err != nil {
			return err
		}
	}
	a.touched = append(a.touched, t)
	return nil
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

// result appends the group's output row to out.
func (a *aggregate) result(slot []byte, window int64, key []byte, out *delta.Batch) error {
	if a.side != nil {
		a.setGroup(window, key)
	}
	a.g.rows = getInt(slot)
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
	if err := a.groupColumns(key); err != nil {
		return err
	}
	for n, acc := range a.accs {
		if err := acc.result(&a.g, slot[a.offs[n]:], out.Cols[len(a.n.Group)+n]); err != nil {
			return err
		}
	}
	out.AppendWeight(1)
	return nil
}

// groupColumns appends the group's columns, less the window, to a.cols.
func (a *aggregate) groupColumns(key []byte) error {
	if !a.inex {
		_, err := values.DecodeKey(key, a.cols)
		return err
	}
	row, ok := a.side.get(a.g.key, reprEntry)
	if !ok {
		return pgerr.New(pgerr.DataCorrupted, "group without its columns")
	}
	_, err := values.DecodeRow(row, a.cols)
	return err
}

func (a *aggregate) End(_ *Ctx, out Emit) error {
	a.out.Reset()
	for _, t := range a.touched {
		if err := a.settle(t, out); err != nil {
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
	a.step++
	return a.flush(out)
}

func (a *aggregate) flush(out Emit) error {
	if a.out.N == 0 {
		return nil
	}
	err := out(a.out)
	a.out.Reset()
	return err
}

// settle emits new − old of one touched group.
func (a *aggregate) settle(t touch, out Emit) error {
	key := a.arena[t.off : t.off+t.len]
	table := a.groups
	if a.windows != nil {
		table = a.windows.Window(t.window, false)
	}
	slot, ok := table.Lookup(t.hash, key)
	if !ok {
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
			a.out.AppendRow(a.old, t.old, -1)
		}
		return nil
	}
	if a.n.OnClose {
		return nil
	}
	if err := a.result(slot, t.window, key, a.out); err != nil {
		return err
	}
	if t.old < 0 {
		return nil
	}
	last := a.out.N - 1
	if sameRow(a.out, last, a.old, t.old) {
		a.out.Truncate(last)
		return nil
	}
	a.out.AppendRow(a.old, t.old, -1)
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
			same = v.F[i] == o.F[j]
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
		if err := a.emitClosed(out); err != nil {
			return err
		}
	}
	a.windows.DropBefore(bound)
	if a.side != nil {
		a.side.tree.DeleteRange(nil, appendWindow(nil, bound))
	}
	return nil
}

func (a *aggregate) emitClosed(out Emit) error {
	var err error
	a.windows.Windows(func(w int64, h *state.Hash) bool {
		if w >= a.closed {
			return false
		}
		h.Range(func(key, slot []byte) bool {
			if err = a.result(slot, w, key, a.out); err == nil && a.out.N >= delta.MaxBatchRows/2 {
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
	a.keys = values.KeyBuf{}
	values.EncodeKeys(&a.keys, nil, 1)
	key := a.keys.Key(0)
	hash := values.Hash(key)
	slot, created := a.groups.Upsert(hash, key)
	if getInt(slot[8:]) == a.step {
		return nil
	}
	putInt(slot[8:], a.step)
	return a.touch(slot, created, 0, hash, key)
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

// Restored makes sure that no slot seems to be touched in the step to come, and
// that what was closed stays closed.
func (a *aggregate) Restored(c *Ctx) error {
	if a.windows != nil {
		a.closed = windowBound(c.Times, a.n.In.Base(), a.n.Group[a.n.Window], a.n.Size, a.n.Late)
	}
	last := int64(0)
	look := func(_, slot []byte) bool { last = max(last, getInt(slot[8:])); return true }
	if a.groups != nil {
		a.groups.Range(look)
	} else {
		a.windows.Windows(func(_ int64, h *state.Hash) bool { h.Range(look); return true })
	}
	a.step = last + 1
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

// route gives the vnode of a state key: 8 bytes of window where there is one,
// then the encoded group columns, then (side table) the owner's part.
func (a *aggregate) route() func([]byte) uint8 {
	dist, ok := distribution(a.n.In)
	places, ok := through(dist, ok, func(c int) int { return slices.Index(a.n.Group, c) })
	if !ok {
		places = places[:0]
		for i := range a.n.Group {
			places = append(places, i)
		}
	}
	return func(key []byte) uint8 {
		var win []byte
		if a.windows != nil {
			v := delta.NewVec(types.Timestamp, 1)
			if w := windowOf(key); w == nullWindow {
				v.AppendNull()
			} else {
				v.AppendInt(w)
			}
			win = values.AppendKey(nil, v, 0)
			key = key[8:]
		}
		ends := make([]int, len(a.others))
		for i := range ends {
			ends[i] = values.KeyPrefixLen(key, i+1)
		}
		var buf []byte
		for _, p := range places {
			if p == a.n.Window && a.windows != nil {
				buf = append(buf, win...)
				continue
			}
			at := slices.Index(a.others, a.n.Group[p])
			lo := 0
			if at > 0 {
				lo = ends[at-1]
			}
			buf = append(buf, key[lo:ends[at]]...)
		}
		return values.VNode(values.Hash(buf))
	}
}
