package exec

import (
	"bytes"
	"math"
	"slices"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// sortRows orders and cuts the result of an ad-hoc query. Rows of weight n
// count, and come out, n times. With a limit it keeps no more than a few times
// the rows that can still be in the result; without keys it passes rows on as
// they come and stops its input when there are enough. Memory is reserved
// before it is used. Ties come out in the order of arrival.
type sortRows struct {
	n      *plan.Sort
	ready  bool
	offset int64
	limit  int64 // −1: none
	until  int64 // rows of the input's order that are wanted: offset + limit
	rows   *delta.Batch
	keys   [][]byte
	order  []int32
	arena  []byte
	bytes  int64 // of the rows and keys held
	// reserved is what the query's reservation holds for them
	reserved int64
	passed   int64
	part     delta.Batch
	idx      []int32
}

var _ Operator = (*sortRows)(nil)

func newSort(n *plan.Sort) (*sortRows, error) {
	return &sortRows{n: n, rows: delta.NewBatch(n.Types(), 0)}, nil
}

// prepare evaluates LIMIT and OFFSET.
func (s *sortRows) prepare(c *Ctx) error {
	if s.ready {
		return nil
	}
	s.ready = true
	var err error
	if s.offset, err = bound(c, s.n.Offset, 0, pgerr.InvalidRowCountInOffset, "OFFSET"); err != nil {
		return err
	}
	if s.limit, err = bound(c, s.n.Limit, -1, pgerr.InvalidRowCountInLimit, "LIMIT"); err != nil {
		return err
	}
	s.until = math.MaxInt64
	if s.limit >= 0 && s.offset <= math.MaxInt64-s.limit {
		s.until = s.offset + s.limit
	}
	return nil
}

func bound(c *Ctx, e expr.Expr, none int64, code, what string) (int64, error) {
	if e == nil {
		return none, nil
	}
	d, err := expr.EvalConst(&c.Eval, e)
	if err != nil {
		return 0, err
	}
	if d.Null {
		return none, nil
	}
	if d.I < 0 {
		return 0, pgerr.New(code, "%s must not be negative", what)
	}
	return d.I, nil
}

func (s *sortRows) Push(c *Ctx, _ int, b *delta.Batch, out Emit) error {
	if err := s.prepare(c); err != nil {
		return err
	}
	if len(s.n.Keys) == 0 {
		return s.pass(c, b, out)
	}
	for i := range b.N {
		for range b.Weight(i) {
			if err := s.keep(c, b, i); err != nil {
				return err
			}
		}
	}
	if n := int64(s.rows.N); n > 16384 && s.until < n/4 {
		return s.shrink(c, int(s.until))
	}
	return nil
}

// pass hands on the rows between offset and limit.
func (s *sortRows) pass(c *Ctx, b *delta.Batch, out Emit) error {
	s.idx = s.idx[:0]
	full := false
	for i := range b.N {
		for range b.Weight(i) {
			if full = s.passed >= s.until; full {
				break
			}
			if s.passed >= s.offset {
				s.idx = append(s.idx, int32(i))
			}
			s.passed++
		}
	}
	if err := s.emit(b, s.idx, out); err != nil {
		return err
	}
	if s.passed >= s.until {
		return errEnough{c.unit}
	}
	return nil
}

// emit sends rows of b, each once.
func (s *sortRows) emit(b *delta.Batch, idx []int32, out Emit) error {
	for len(idx) > 0 {
		n := min(len(idx), 1024)
		b.Gather(&s.part, idx[:n])
		s.part.W = nil
		if err := out(&s.part); err != nil {
			return err
		}
		idx = idx[n:]
	}
	return nil
}

// keep copies row i and its sort key.
func (s *sortRows) keep(c *Ctx, b *delta.Batch, i int) error {
	lo := len(s.arena)
	for _, k := range s.n.Keys {
		s.arena = values.AppendKeyOrder(s.arena, b.Cols[k.Col], i, k.Desc, k.NullsFirst)
	}
	size := int64(len(s.arena)-lo) + 48
	for _, v := range b.Cols {
		size += 9
		if v.T.Phys() == types.Bytes && !v.IsNull(i) {
			size += int64(v.S[i].Len)
		}
	}
	if err := s.reserve(c, s.bytes+size); err != nil {
		return err
	}
	s.keys = append(s.keys, s.arena[lo:len(s.arena):len(s.arena)])
	for k, v := range s.rows.Cols {
		if v.T.Phys() == types.Bytes && !b.Cols[k].IsNull(i) && len(v.Data)+int(b.Cols[k].S[i].Len) > delta.MaxBatchBytes {
			return pgerr.New(pgerr.ProgramLimitExceeded, "a sorted column holds more than %d bytes", delta.MaxBatchBytes)
		}
		v.AppendFrom(b.Cols[k], i)
	}
	s.rows.AppendWeight(1)
	s.bytes += size
	return nil
}

// reserve makes the query's reservation cover n bytes of sorted rows, in pieces
// so that the budget is not asked for every row.
func (s *sortRows) reserve(c *Ctx, n int64) error {
	if n <= s.reserved {
		return nil
	}
	more := max(n-s.reserved, 1<<16)
	if err := c.Memory.Grow(more); err != nil {
		return err
	}
	s.reserved += more
	return nil
}

// sorted gives the rows' places in order.
func (s *sortRows) sorted() []int32 {
	s.order = s.order[:0]
	for i := range s.rows.N {
		s.order = append(s.order, int32(i))
	}
	slices.SortStableFunc(s.order, func(a, b int32) int { return bytes.Compare(s.keys[a], s.keys[b]) })
	return s.order
}

// shrink keeps the first n rows. Both copies are there for a moment.
func (s *sortRows) shrink(c *Ctx, n int) error {
	order := s.sorted()[:n]
	share := s.bytes / int64(s.rows.N) * int64(n)
	if err := s.reserve(c, s.bytes+share); err != nil {
		return err
	}
	rows := delta.NewBatch(s.rows.Types(), n)
	keys := make([][]byte, 0, n)
	var arena []byte
	for _, i := range order {
		rows.AppendRow(s.rows, int(i), 1)
		arena = append(arena, s.keys[i]...)
	}
	at := 0
	for _, i := range order {
		k := len(s.keys[i])
		keys = append(keys, arena[at:at+k:at+k])
		at += k
	}
	s.rows, s.keys, s.arena, s.bytes = rows, keys, arena, share
	return nil
}

func (s *sortRows) End(c *Ctx, out Emit) error {
	if err := s.prepare(c); err != nil {
		return err
	}
	if len(s.n.Keys) == 0 {
		return nil
	}
	order := s.sorted()
	lo := min(s.offset, int64(len(order)))
	hi := min(int64(len(order)), s.until)
	return s.emit(s.rows, order[lo:hi], out)
}
