package exec

import (
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// project is linear: Δπ(A) = π(ΔA). No state. A row for which any output fails
// to compute goes to the error output.
type project struct {
	progs []*expr.Program
	row   delta.Batch
	good  delta.Batch
	sel   []int32
}

var _ Operator = (*project)(nil)

func newProject(n *plan.Project) (*project, error) {
	p := &project{progs: make([]*expr.Program, len(n.Exprs))}
	for i, e := range n.Exprs {
		prog, err := expr.Compile(e)
		if err != nil {
			return nil, err
		}
		p.progs[i] = prog
	}
	p.row.Cols = make([]*delta.Vec, len(p.progs))
	return p, nil
}

func (p *project) Push(c *Ctx, _ int, b *delta.Batch, out Emit) error {
	for i, prog := range p.progs {
		p.row.Cols[i] = prog.Eval(&c.Eval, b)
	}
	p.row.W, p.row.N = b.W, b.N
	if !c.Eval.Failed() {
		return out(&p.row)
	}
	sel, err := c.Failures(b, p.sel)
	if err != nil {
		return err
	}
	p.sel = sel
	if len(sel) == 0 {
		return nil
	}
	p.row.Gather(&p.good, sel)
	return out(&p.good)
}

func (p *project) End(*Ctx, Emit) error { return nil }
