package exec

import (
	"bytes"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
)

// VNodes is the number of virtual partitions that keys belong to. Worker w of W
// owns the vnodes v with v*W/VNodes == w.
const VNodes = 256

// owner is the worker of a vnode.
func owner(vnode uint8, workers int) int { return int(vnode) * workers / VNodes }

// exchange moves rows so that equal keys meet on one worker. The workers of one
// stage fill boxes[from][to]; in the next stage worker `to` empties the column
// of boxes that is its own. Between the two stands the barrier of the stage, so
// there is no lock. With one worker a plan has no exchange.
type exchange struct {
	keys  []int
	types []types.Type
	boxes [][]*delta.Batch
	stage int // at which receivers deliver
}

func newExchange(keys []int, ts []types.Type, workers int) *exchange {
	x := &exchange{keys: keys, types: ts, boxes: make([][]*delta.Batch, workers)}
	for f := range x.boxes {
		x.boxes[f] = make([]*delta.Batch, workers)
		for t := range x.boxes[f] {
			x.boxes[f][t] = delta.NewBatch(ts, 0)
		}
	}
	return x
}

// sender is an exchange's operator on the producing worker.
type sender struct {
	x      *exchange
	worker int
	keys   values.KeyBuf
	cols   []*delta.Vec
	rows   [][]int32 // of the batch, by worker
	best   *bestSent // nil: every row goes
}

var _ Operator = (*sender)(nil)

func (s *sender) Push(c *Ctx, _ int, b *delta.Batch, _ Emit) error {
	if s.best != nil {
		s.best.begin(c, b)
	}
	s.cols = s.cols[:0]
	for _, k := range s.x.keys {
		s.cols = append(s.cols, b.Cols[k])
	}
	values.EncodeKeys(&s.keys, s.cols, b.N)
	boxes := s.x.boxes[s.worker]
	if s.rows == nil {
		s.rows = make([][]int32, len(boxes))
	}
	to, last, any := 0, []byte(nil), false
	for i := range b.N {
		if s.best != nil && !s.best.pass(b, i) {
			continue
		}
		if key := s.keys.Key(i); !any || !bytes.Equal(key, last) {
			to, last, any = owner(values.VNode(values.Hash(key)), len(boxes)), key, true
		}
		s.rows[to] = append(s.rows[to], int32(i))
	}
	for to, rows := range s.rows {
		if len(rows) > 0 {
			boxes[to].AppendRows(b, rows)
			s.rows[to] = rows[:0]
		}
	}
	return nil
}

func (s *sender) End(*Ctx, Emit) error { return nil }

// deliver hands worker to what the others sent it.
func (x *exchange) deliver(to int, out Emit) error {
	for f := range x.boxes {
		b := x.boxes[f][to]
		for lo := 0; lo < b.N; lo += delta.MaxBatchRows {
			part := b
			if b.N > delta.MaxBatchRows {
				part = b.Slice(lo, min(lo+delta.MaxBatchRows, b.N))
			}
			if err := out(part); err != nil {
				return err
			}
		}
		reuse(b)
	}
	return nil
}

// waiting is the number of rows in all boxes.
func (x *exchange) waiting() int {
	n := 0
	for _, row := range x.boxes {
		for _, b := range row {
			n += b.N
		}
	}
	return n
}
