package exec

import (
	"math"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
)

// hopExpand is linear: each row is copied to the windows [s, s+Size) that cover
// its pane (or its time), s being Offset plus a multiple of Slide. No state.
// Columns window_start and window_end come last.
type hopExpand struct {
	n   *plan.HopExpand
	idx []int32
	out delta.Batch
	lo  delta.Vec
	hi  delta.Vec
}

var _ Operator = (*hopExpand)(nil)

func newHopExpand(n *plan.HopExpand) *hopExpand { return &hopExpand{n: n} }

func (h *hopExpand) Push(c *Ctx, _ int, b *delta.Batch, out Emit) error {
	t := b.Cols[h.n.Time]
	h.idx = h.idx[:0]
	h.lo.Reset(h.n.Cols[len(b.Cols)].Type)
	h.hi.Reset(h.n.Cols[len(b.Cols)+1].Type)
	for i := range b.N {
		if t.IsNull(i) || t.I[i] == math.MaxInt64 || t.I[i] == math.MinInt64 {
			continue
		}
		if t.I[i] > math.MaxInt64-h.n.Size {
			if err := c.rowFailed(b, i, errWindow); err != nil {
				return err
			}
			continue
		}
		for s := floorTo(t.I[i]-h.n.Offset, h.n.Slide) + h.n.Offset; s+h.n.Size > t.I[i]; s -= h.n.Slide {
			h.idx = append(h.idx, int32(i))
			h.lo.AppendInt(s)
			h.hi.AppendInt(s + h.n.Size)
		}
	}
	if len(h.idx) == 0 {
		return nil
	}
	h.out.Cols = h.out.Cols[:min(len(h.out.Cols), len(b.Cols))]
	b.Gather(&h.out, h.idx)
	h.out.Cols = append(h.out.Cols, &h.lo, &h.hi)
	return out(&h.out)
}

func (h *hopExpand) End(*Ctx, Emit) error { return nil }

// errWindow is the error of a row whose windows end past the last timestamp.
var errWindow = pgerr.New(pgerr.DatetimeFieldOverflow, "timestamp out of range")

// floorTo is the greatest multiple of m that is ≤ x.
func floorTo(x, m int64) int64 {
	r := x % m
	if r < 0 {
		r += m
	}
	return x - r
}
