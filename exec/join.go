package exec

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
	"github.com/heliosdb/heliosdb-streaming/storage/state"
)

// join is bilinear: Δ(A⋈B) = ΔA⋈B + A⋈ΔB + ΔA⋈ΔB. Each pushed batch is matched
// with what the other side holds by then and added to its own side, so every
// pair meets exactly once, when its later row comes.
//
// Outer, semi and anti joins count, for each row of a preserved side, the
// weight m of its matches: pad(l) = w(l)·[m = 0]. A change of m from or to 0
// emits the difference at once; sums over the step are right however often m
// crosses. In an ad-hoc query, where nothing downstream would cancel that, the
// unmatched rows are emitted at the end, from the side that was read first, and
// the second side is not kept at all.
//
// State: one ordered tree a side.
//
//	key    the encoded join columns (the one that time closes first, that of
//	       plan.Join.Extreme last), then the row (appendRowID)
//	value  varint weight; varint m (preserved sides); the row where the key
//	       does not hold it
//
// Cost: one look-up, one write, and one decode a match. NULLs: a row with a
// NULL in a join column (unless null-safe) matches nothing and is not kept.
type join struct {
	n     *plan.Join
	sides [2]*joinSide
	on    *expr.Program
	once  bool // ad hoc: left is complete before right begins
	best  *extreme

	closed  int64
	cand    *delta.Batch // candidates: left columns, right columns
	meta    []candidate
	sel     []int32
	keep    []int32
	matched delta.Batch
	pads    *delta.Batch
	matches []int64 // of the rows of the batch being pushed
	fate    []fate  // likewise
	order   keyOrder
	arena   []byte // keys of candidates
	last    []byte
	val     []byte
}

// fate is what becomes of a pushed row.
type fate uint8

const (
	joins  fate = iota
	alone       // a NULL in its key: it matches nothing and is not kept
	ignore      // late, behind an extreme, or in the error output
)

// joinSide is one input of a join.
// candidate is one pair that On has yet to judge.
type candidate struct {
	row    int   // of the pushed batch
	weight int64 // of the other side's row
	lo, hi int   // its key in the arena, when its matches are counted
}

// candRows is how many pairs are judged at a time.
const candRows = 2048

var (
	_ Timed    = (*join)(nil)
	_ Stateful = (*join)(nil)
)

func newJoin(pool *state.Pool, n *plan.Join, once bool) (*join, error) {
	j := &join{n: n, once: once, closed: NoWatermark, best: newExtreme(n)}
	l, r := n.L.Base(), n.R.Base()
	ts := append(l.Types(), r.Types()...)
	j.cand, j.pads = delta.NewBatch(ts, 0), delta.NewBatch(n.Types(), 0)
	if n.On != nil {
		p, err := expr.Compile(n.On)
		if err != nil {
			return nil, err
		}
		j.on = p
	}
	j.sides[0] = newJoinSide(pool, l, n.LKeys, n, once)
	j.sides[1] = newJoinSide(pool, r, n.RKeys, n, once)
	j.sides[1].first = len(l.Cols)
	j.sides[0].preserve = n.Kind != plan.InnerJoin && n.Kind != plan.RightJoin
	j.sides[1].preserve = n.Kind == plan.RightJoin || n.Kind == plan.FullJoin
	j.sides[0].route(n.L, n.LKeys)
	j.sides[1].route(n.R, n.RKeys)
	return j, nil
}

// route finds the vnode of a tree key from the columns of the exchange.
// encode encodes the join columns of all rows of b.
// hopeless reports whether row i has a NULL that matches nothing.
// treeKey is the key of row i in the side's tree.
func (j *join) Push(c *Ctx, port int, b *delta.Batch, out Emit) error {
	me, other := j.sides[port], j.sides[1-port]
	me.encode(b)
	if cap(j.matches) < b.N {
		j.matches = make([]int64, b.N)
	}
	j.matches = j.matches[:b.N]
	clear(j.matches)
	if err := j.decide(c, port, b); err != nil {
		return err
	}
	if j.best != nil && j.best.port == port {
		j.best.note(me, b, j.fate)
	}
	j.forget()
	rows := j.order.of(&me.buf, b.N)
	if !(j.once && port == 0) { // the right side has yet to come
		for _, it := range rows {
			if j.fate[it.row] != joins {
				continue
			}
			if err := j.probe(c, port, other, b, int(it.row), out); err != nil {
				return err
			}
		}
		if err := j.judge(c, port, b, out); err != nil {
			return err
		}
	}
	return j.settle(port, b, rows, out)
}

// forget drops the candidates.
func (j *join) forget() {
	reuse(j.cand)
	j.meta, j.arena = j.meta[:0], j.arena[:0]
}

// decide sets the fate of the rows of b. A NULL time is never late.
func (j *join) decide(c *Ctx, port int, b *delta.Batch) error {
	me, other := j.sides[port], j.sides[1-port]
	led := j.best != nil && j.best.port != port
	if led {
		j.best.known = false
	}
	late := int64(0)
	j.fate = slices.Grow(j.fate[:0], b.N)[:b.N]
	for i := range b.N {
		j.fate[i] = joins
		switch {
		case me.hopeless(b, i):
			j.fate[i] = alone
		case j.n.TimeKey >= 0 && j.closed != NoWatermark && !b.Cols[me.keys[0]].IsNull(i) && b.Cols[me.keys[0]].I[i] < j.closed:
			j.fate[i] = ignore
			late++
		case len(me.buf.Key(i)) > maxKey:
			j.fate[i] = ignore
			if err := c.rowFailed(b, i, errLongKey(len(me.buf.Key(i)))); err != nil {
				return err
			}
		case led && j.best.behind(&other.cur, me.buf.Key(i)):
			j.fate[i] = ignore
		}
	}
	if late > 0 {
		c.Late(late)
	}
	return nil
}

// probe collects the rows of the other side that row i may match, and judges
// them as they become many.
func (j *join) probe(c *Ctx, port int, other *joinSide, b *delta.Batch, i int, out Emit) error {
	prefix := j.sides[port].buf.Key(i)
	cur := &other.cur
	for ok := cur.Seek(prefix); ok && bytes.HasPrefix(cur.Key(), prefix); {
		weight, _, row := other.split(cur.Value())
		m := candidate{row: i, weight: weight, lo: len(j.arena)}
		if err := j.pair(port, other, b, i, weight, cur.Key()[len(prefix):], row); err != nil {
			return err
		}
		if other.preserve {
			j.arena = append(j.arena, cur.Key()...)
		}
		m.hi = len(j.arena)
		j.meta = append(j.meta, m)
		if j.cand.N < candRows {
			ok = cur.Next()
			continue
		}
		// judge writes to the tree when matches are counted there: seek again.
		j.last = append(j.last[:0], cur.Key()...)
		if err := j.judge(c, port, b, out); err != nil {
			return err
		}
		if ok = cur.Seek(j.last); ok && bytes.Equal(cur.Key(), j.last) {
			ok = cur.Next()
		}
	}
	return nil
}

// pair appends row i of b and a row of the other side as a candidate.
func (j *join) pair(port int, other *joinSide, b *delta.Batch, i int, weight int64, id, row []byte) error {
	mine := j.sides[port].first
	for k, v := range b.Cols {
		j.cand.Cols[mine+k].AppendFrom(v, i)
	}
	if err := decodeRowID(id, row, other.columns(j.cand)); err != nil {
		return err
	}
	j.cand.AppendWeight(b.Weight(i) * weight)
	return nil
}

// split reads a tree value.
// judge evaluates On over the candidates, emits the pairs that hold and counts
// matches.
func (j *join) judge(c *Ctx, port int, b *delta.Batch, out Emit) error {
	if j.cand.N == 0 {
		return nil
	}
	sel := j.sel[:0]
	if j.on == nil {
		for i := range j.cand.N {
			sel = append(sel, int32(i))
		}
	} else {
		sel = j.on.Filter(&c.Eval, j.cand, sel)
		if c.Eval.Failed() {
			ok, err := c.Failures(j.cand, j.keep)
			if err != nil {
				return err
			}
			j.keep, sel = ok, intersect(sel, ok)
		}
	}
	j.sel = sel
	other := j.sides[1-port]
	for _, s := range sel {
		m := &j.meta[s]
		j.matches[m.row] += m.weight
		if other.preserve {
			if err := j.recount(1-port, j.arena[m.lo:m.hi], b.Weight(m.row)); err != nil {
				return err
			}
		}
	}
	if err := j.emitPairs(sel, out); err != nil {
		return err
	}
	j.forget()
	return j.flushPads(out)
}

// emitPairs emits the candidates that hold; semi and anti joins have none.
func (j *join) emitPairs(sel []int32, out Emit) error {
	switch {
	case len(sel) == 0 || j.n.Kind == plan.SemiJoin || j.n.Kind == plan.AntiJoin:
		return nil
	case len(sel) == j.cand.N:
		return out(j.cand)
	}
	j.cand.Gather(&j.matched, sel)
	return out(&j.matched)
}

// recount adds w to the matches of one kept row, and emits what that changes.
func (j *join) recount(port int, key []byte, w int64) error {
	s := j.sides[port]
	val, ok := s.tree.Get(key)
	if !ok {
		return nil
	}
	weight, m, row := s.split(val)
	if !j.once && (m == 0) != (m+w == 0) {
		if err := j.unmatched(s, key, row, weight, m+w == 0); err != nil {
			return err
		}
	}
	j.val = binary.AppendVarint(binary.AppendVarint(j.val[:0], weight), m+w)
	j.val = append(j.val, row...)
	return s.tree.Put(key, j.val)
}

// unmatched appends the output of a preserved row whose matches became none, or
// were none until now.
func (j *join) unmatched(s *joinSide, key, row []byte, weight int64, none bool) error {
	if none == (j.n.Kind == plan.SemiJoin) {
		weight = -weight
	}
	if err := decodeRowID(key[values.KeyPrefixLen(key, len(s.keys)):], row, s.columns(j.pads)); err != nil {
		return err
	}
	j.padRest(s)
	j.pads.AppendWeight(weight)
	return nil
}

// columns are the side's columns of a batch of candidates or output.
// padRest appends NULL to the columns of the other side.
func (j *join) padRest(s *joinSide) {
	for c, v := range j.pads.Cols {
		if c < s.first || c >= s.first+len(s.props.Cols) {
			v.AppendNull()
		}
	}
}

func (j *join) flushPads(out Emit) error {
	if j.pads.N == 0 {
		return nil
	}
	err := out(j.pads)
	reuse(j.pads)
	return err
}

// settle adds the pushed rows to their side and emits those without a match.
func (j *join) settle(port int, b *delta.Batch, rows []keyItem, out Emit) error {
	me := j.sides[port]
	for _, it := range rows {
		i := int(it.row)
		if j.fate[i] == ignore {
			continue
		}
		lone := j.matches[i] == 0
		later := j.once && port == 0 && j.fate[i] == joins // decided at the end
		if me.preserve && !later && lone != (j.n.Kind == plan.SemiJoin) {
			if err := j.padRow(me, b, i); err != nil {
				return err
			}
		}
		if j.fate[i] == joins && !(j.once && port == 1) {
			if err := j.store(me, b, i); err != nil {
				return err
			}
		}
		if j.pads.N >= candRows {
			if err := j.flushPads(out); err != nil {
				return err
			}
		}
	}
	return j.flushPads(out)
}

func (j *join) padRow(s *joinSide, b *delta.Batch, i int) error {
	for k, v := range s.columns(j.pads) {
		v.AppendFrom(b.Cols[k], i)
	}
	j.padRest(s)
	j.pads.AppendWeight(b.Weight(i))
	return nil
}

// store adds the weight of row i to its side.
func (j *join) store(s *joinSide, b *delta.Batch, i int) error {
	key := s.treeKey(b, i)
	weight := b.Weight(i)
	if old, ok := s.tree.Get(key); ok {
		w, _, _ := s.split(old)
		weight += w
	}
	if weight == 0 {
		s.tree.Delete(key)
		return nil
	}
	j.val = binary.AppendVarint(j.val[:0], weight)
	if s.preserve {
		j.val = binary.AppendVarint(j.val, j.matches[i])
	}
	if rowInValue(key[s.keyLen(key):]) {
		j.val = values.AppendRow(j.val, b.Cols, i)
	}
	return sizeError(s.tree.Put(key, j.val))
}

// keyLen is the length of the join columns in a tree key.
// End emits, in an ad-hoc query, the unmatched rows of the side that was read
// first (for a semi join the matched ones).
func (j *join) End(_ *Ctx, out Emit) error {
	if j.best != nil {
		j.best.drop(j.sides[1-j.best.port].tree)
	}
	s := j.sides[0]
	if !j.once || !s.preserve {
		return nil
	}
	c := s.tree.Cursor()
	for ok := c.Seek(nil); ok; ok = c.Next() {
		weight, m, row := s.split(c.Value())
		if (m == 0) == (j.n.Kind == plan.SemiJoin) {
			continue
		}
		if err := decodeRowID(c.Key()[s.keyLen(c.Key()):], row, s.columns(j.pads)); err != nil {
			return err
		}
		j.padRest(s)
		j.pads.AppendWeight(weight)
		if j.pads.N >= candRows {
			if err := j.flushPads(out); err != nil {
				return err
			}
		}
	}
	return j.flushPads(out)
}

// Advance frees the rows whose time key is closed on both sides.
func (j *join) Advance(c *Ctx, _ Emit) error {
	bound := j.bound(c)
	if bound == NoWatermark || bound <= j.closed {
		return nil
	}
	j.closed = bound
	for _, s := range j.sides {
		t := s.props.Cols[s.keys[0]].Type
		s.tree.DeleteRange(nil, values.AppendKeyDatum(nil, delta.IntOf(t, bound)))
	}
	return nil
}

// bound is the least value of the time key that is not closed.
func (j *join) bound(c *Ctx) int64 {
	if j.n.TimeKey < 0 {
		return NoWatermark
	}
	return min(windowBound(c.Times, j.sides[0].props, j.sides[0].keys[0], j.n.Size, j.n.Late),
		windowBound(c.Times, j.sides[1].props, j.sides[1].keys[0], j.n.Size, j.n.Late))
}

func (j *join) Tables() []StateTable {
	return []StateTable{
		{Suffix: 0, Table: j.sides[0].tree, VNode: j.sides[0].vnode},
		{Suffix: 1, Table: j.sides[1].tree, VNode: j.sides[1].vnode},
	}
}

func (j *join) Restored(c *Ctx) error {
	j.closed = j.bound(c)
	return nil
}

func (j *join) Close() {
	for _, s := range j.sides {
		s.tree.Close()
	}
}
