package exec

import (
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// filter is linear: Δσ(A) = σ(ΔA). No state. NULL is not true: such rows go. A
// row whose condition fails to compute goes to the error output.
type filter struct {
	cond *expr.Program
	sel  []int32
	keep []int32
	out  delta.Batch
}

var _ Operator = (*filter)(nil)

func newFilter(n *plan.Filter) (*filter, error) {
	p, err := expr.Compile(n.Cond)
	return &filter{cond: p}, err
}

func (f *filter) Push(c *Ctx, _ int, b *delta.Batch, out Emit) error {
	f.sel = f.cond.Filter(&c.Eval, b, f.sel[:0])
	sel := f.sel
	if c.Eval.Failed() {
		ok, err := c.Failures(b, f.keep)
		if err != nil {
			return err
		}
		f.keep = ok
		sel = intersect(sel, ok)
	}
	switch len(sel) {
	case 0:
		return nil
	case b.N:
		return out(b)
	}
	b.Gather(&f.out, sel)
	return out(&f.out)
}

func (f *filter) End(*Ctx, Emit) error { return nil }

// intersect keeps the elements of a that are in b; both ascend. It writes over a.
func intersect(a, b []int32) []int32 {
	n, j := 0, 0
	for _, x := range a {
		for j < len(b) && b[j] < x {
			j++
		}
		if j < len(b) && b[j] == x {
			a[n] = x
			n++
		}
	}
	return a[:n]
}
