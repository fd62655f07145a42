package exec

import (
	"encoding/binary"
	"math"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
	"github.com/heliosdb/heliosdb-streaming/storage/state"
)

// temporal is a filter by the clock: a row is there from the moment that the
// greatest of its lower bounds gives to the one that the least of its upper
// bounds gives. The clock is that of the cuts, and advances only there, so that
// what is there is a function of the log.
//
// State: the rows that are yet to come or to go, in the order in which they do.
//
//	key    the moment (8 bytes), what happens then, the row (appendRowID)
//	value  varint weight; of a row that is yet to come the moment at which it
//	       goes, varint; the row where the key does not hold it
//
// A row that is there for ever, or not any more, takes no state. Before the
// first cut all rows are yet to come.
type temporal struct {
	bounds []clockBound
	tree   *state.Tree
	vnode  func([]byte) uint8
	dist   []int
	clock  int64

	from, until []int64 // of the rows of a batch
	keep        []int32
	part        delta.Batch
	sel         []int32
	key, val    []byte
	out         *delta.Batch
	came        []int64 // of the rows of out: when they go
}

// clockBound is a compiled plan.ClockBound.
type clockBound struct {
	x     *expr.Program
	shift int64
	until bool
}

// What happens to a row at the moment of its key.
const (
	comes = 0
	goes  = 1
)

// temporalHead is how many bytes of a key are before the row.
const temporalHead = 9

var (
	_ Timed    = (*temporal)(nil)
	_ Stateful = (*temporal)(nil)
	_ clocked  = (*temporal)(nil)
)

// clocked is an operator whose output depends on the clock.
type clocked interface {
	// due is the next moment at which the output changes by itself; MaxInt64:
	// nothing will change. NoClock: it has yet to be told the time.
	due() int64
}

func newTemporal(pool *state.Pool, n *plan.TemporalFilter) (*temporal, error) {
	t := &temporal{clock: NoClock, out: delta.NewBatch(n.Types(), 0), keep: []int32{}}
	for _, b := range n.Bounds {
		p, err := expr.Compile(b.X)
		if err != nil {
			return nil, err
		}
		t.bounds = append(t.bounds, clockBound{p, b.Shift, b.Until})
	}
	t.tree = state.NewTree(pool, state.TreeOptions{})
	dist, ok := distribution(n.In)
	if !ok {
		dist = identity(len(n.Cols))
	}
	t.dist = dist
	route := vnodeOfRow(dist)
	t.vnode = func(key []byte) uint8 { return route(key[temporalHead:]) }
	return t, nil
}

func (t *temporal) Push(c *Ctx, _ int, b *delta.Batch, out Emit) error {
	if t.clock == NoClock {
		t.clock = c.Clock
	}
	t.moments(c, b)
	rows, err := t.computed(c, b)
	if err != nil {
		return err
	}
	t.sel = t.sel[:0]
	for i := range b.N {
		if rows != nil {
			if len(rows) == 0 || int(rows[0]) != i {
				continue // its moments could not be computed
			}
			rows = rows[1:]
		}
		from, until := t.from[i], t.until[i]
		switch {
		case from >= until || until <= t.clock:
			continue
		case from > t.clock:
			err = t.add(b, i, from, comes, until)
		default:
			t.sel = append(t.sel, int32(i))
			if until != math.MaxInt64 {
				err = t.add(b, i, until, goes, 0)
			}
		}
		if err != nil {
			return err
		}
	}
	switch len(t.sel) {
	case 0:
		return nil
	case b.N:
		return out(b)
	}
	b.Gather(&t.part, t.sel)
	return out(&t.part)
}

// moments computes when the rows of b come and go. Nothing is there before the
// first cut.
func (t *temporal) moments(c *Ctx, b *delta.Batch) {
	t.from, t.until = t.from[:0], t.until[:0]
	for range b.N {
		t.from, t.until = append(t.from, NoClock+1), append(t.until, math.MaxInt64)
	}
	for _, bd := range t.bounds {
		v := bd.x.Eval(&c.Eval, b)
		nulls := v.HasNulls()
		for i := range b.N {
			switch at := saturated(v.I[i], bd.shift); {
			case nulls && v.IsNull(i):
				t.until[i] = NoClock
			case bd.until:
				t.until[i] = min(t.until[i], at)
			default:
				t.from[i] = max(t.from[i], at)
			}
		}
	}
}

// saturated is x + shift; infinities stay.
func saturated(x, shift int64) int64 {
	switch s := x + shift; {
	case x == math.MaxInt64 || x == math.MinInt64:
		return x
	case shift > 0 && s < x:
		return math.MaxInt64
	case shift < 0 && s > x:
		return math.MinInt64
	default:
		return s
	}
}

// computed are the rows whose moments could be computed; nil: all.
func (t *temporal) computed(c *Ctx, b *delta.Batch) ([]int32, error) {
	if !c.Eval.Failed() {
		return nil, nil
	}
	ok, err := c.Failures(b, t.keep)
	if err == nil && ok != nil {
		t.keep = ok
	}
	return ok, err
}

// add adds row i of b to what happens at a moment.
func (t *temporal) add(b *delta.Batch, i int, at int64, what byte, until int64) error {
	t.key = append(appendWindow(t.key[:0], at), what)
	t.key = appendRowID(t.key, b.Cols, t.dist, i)
	w := b.Weight(i)
	if old, ok := t.tree.Get(t.key); ok {
		n, _ := binary.Varint(old)
		w += n
	}
	if w == 0 {
		t.tree.Delete(t.key)
		return nil
	}
	t.val = binary.AppendVarint(t.val[:0], w)
	if what == comes {
		t.val = binary.AppendVarint(t.val, until)
	}
	if rowInValue(t.key[temporalHead:]) {
		t.val = values.AppendRow(t.val, b.Cols, i)
	}
	return sizeError(t.tree.Put(t.key, t.val))
}

func (t *temporal) End(*Ctx, Emit) error { return nil }

// Advance lets rows come and go up to the clock, some at a time.
func (t *temporal) Advance(c *Ctx, out Emit) error {
	if c.Clock <= t.clock {
		return nil
	}
	t.clock = c.Clock
	for {
		last, err := t.gather()
		if err != nil {
			return err
		}
		if last == nil {
			return nil
		}
		t.tree.DeleteRange(nil, append(last, 0))
		// A row that comes goes later.
		for i, until := range t.came {
			if until == math.MaxInt64 || until == noMoment {
				continue
			}
			if err := t.add(t.out, i, until, goes, 0); err != nil {
				return err
			}
		}
		if t.out.N > 0 {
			if err := out(t.out); err != nil {
				return err
			}
		}
	}
}

// noMoment marks a row that goes.
const noMoment = NoClock

// temporalRows is how many rows come or go at once.
const temporalRows = 4096

// gather takes what happens first, up to the clock, into out; last is its last
// key, nil when nothing does.
func (t *temporal) gather() (last []byte, err error) {
	reuse(t.out)
	t.came = t.came[:0]
	cur := t.tree.Cursor()
	for ok, n := cur.Seek(nil), 0; ok && n < temporalRows && windowOf(cur.Key()) <= t.clock; ok, n = cur.Next(), n+1 {
		last = append(last[:0], cur.Key()...)
		w, k := binary.Varint(cur.Value())
		until, rest := int64(noMoment), cur.Value()[k:]
		if last[temporalHead-1] == goes {
			w = -w
		} else {
			until, k = binary.Varint(rest)
			rest = rest[k:]
			if until <= t.clock {
				continue // it has come and gone between two cuts
			}
		}
		if err := decodeRowID(last[temporalHead:], rest, t.out.Cols); err != nil {
			return nil, err
		}
		t.out.AppendWeight(w)
		t.came = append(t.came, until)
	}
	return last, nil
}

func (t *temporal) due() int64 {
	if t.clock == NoClock {
		return NoClock
	}
	cur := t.tree.Cursor()
	if !cur.Seek(nil) {
		return math.MaxInt64
	}
	return windowOf(cur.Key())
}

func (t *temporal) Tables() []StateTable {
	return []StateTable{{Suffix: 0, Table: t.tree, VNode: t.vnode}}
}

func (t *temporal) Restored(c *Ctx) error {
	t.clock = c.Clock
	return nil
}

func (t *temporal) Close() { t.tree.Close() }
