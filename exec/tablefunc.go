package exec

import (
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// setIter gives the rows of one call of a set-returning function: it appends
// one row to cols and reports true, or reports false at the end.
type setIter func(cols []*delta.Vec) (bool, error)

// emitTableFunc pushes the rows of set-returning functions side by side, those
// that end first padded with NULLs (ROWS FROM).
func emitTableFunc(c *Ctx, n *plan.TableFunc, out Emit) error {
	iters := make([]setIter, len(n.Fns))
	for k := range n.Fns {
		args := make([]delta.Datum, len(n.Fns[k].Args))
		for i, e := range n.Fns[k].Args {
			d, err := expr.EvalConst(&c.Eval, e)
			if err != nil {
				return err
			}
			args[i] = d
		}
		it, err := newSetIter(c, &n.Fns[k], args)
		if err != nil {
			return err
		}
		iters[k] = it
	}
	b := delta.NewBatch(n.Types(), 0)
	for row := int64(1); ; row++ {
		more, err := zip(iters, n.Fns, b.Cols)
		if err != nil {
			return err
		}
		if more {
			if n.Ordinality {
				b.Cols[len(b.Cols)-1].AppendInt(row)
			}
			b.AppendWeight(1)
		}
		if b.N > 0 && (!more || b.N == 1024) {
			if err := c.Check(); err != nil {
				return err
			}
			if err := out(b); err != nil {
				return err
			}
			b.Reset()
		}
		if !more {
			return nil
		}
	}
}

// zip appends one row of all functions to cols; none left: false, and nothing
// is appended.
func zip(iters []setIter, fns []plan.SetFunc, cols []*delta.Vec) (bool, error) {
	any := false
	at := 0
	var empty []*delta.Vec
	for k, it := range iters {
		mine := cols[at : at+len(fns[k].Cols)]
		at += len(fns[k].Cols)
		ok := false
		if it != nil {
			var err error
			if ok, err = it(mine); err != nil {
				return false, err
			}
		}
		if !ok {
			iters[k] = nil
			empty = append(empty, mine...)
		}
		any = any || ok
	}
	if any {
		for _, v := range empty {
			v.AppendNull()
		}
	}
	return any, nil
}

// projectSet is project with set-returning functions among its outputs: for
// each input row as many rows as the longest of them gives, scalars repeated.
type projectSet struct {
	n     *plan.ProjectSet
	progs []*expr.Program   // scalar outputs
	args  [][]*expr.Program // of the set-returning ones
	out   *delta.Batch
}

var _ Operator = (*projectSet)(nil)

func newProjectSet(n *plan.ProjectSet) (*projectSet, error) {
	p := &projectSet{n: n, progs: make([]*expr.Program, len(n.Sets)), args: make([][]*expr.Program, len(n.Sets)), out: delta.NewBatch(n.Types(), 0)}
	for i, s := range n.Sets {
		if s == nil {
			prog, err := expr.Compile(n.Exprs[i])
			if err != nil {
				return nil, err
			}
			p.progs[i] = prog
			continue
		}
		for _, e := range s.Args {
			prog, err := expr.Compile(e)
			if err != nil {
				return nil, err
			}
			p.args[i] = append(p.args[i], prog)
		}
	}
	return p, nil
}

func (p *projectSet) Push(c *Ctx, _ int, b *delta.Batch, out Emit) error {
	scalars := make([]*delta.Vec, len(p.progs))
	args := make([][]*delta.Vec, len(p.progs))
	for i, prog := range p.progs {
		if prog != nil {
			scalars[i] = prog.Eval(&c.Eval, b)
		}
		for _, a := range p.args[i] {
			args[i] = append(args[i], a.Eval(&c.Eval, b))
		}
	}
	if _, err := c.Failures(b, nil); err != nil {
		return err
	}
	for i := range b.N {
		if err := p.row(c, b, i, scalars, args, out); err != nil {
			return err
		}
	}
	return p.flush(out)
}

func (p *projectSet) flush(out Emit) error {
	if p.out.N == 0 {
		return nil
	}
	err := out(p.out)
	p.out.Reset()
	return err
}

func (p *projectSet) row(c *Ctx, b *delta.Batch, i int, scalars []*delta.Vec, args [][]*delta.Vec, out Emit) error {
	var iters []setIter
	var fns []plan.SetFunc
	var cols []*delta.Vec
	var composites []composite
	for k, s := range p.n.Sets {
		if s == nil {
			continue
		}
		var ds []delta.Datum
		for _, v := range args[k] {
			ds = append(ds, v.At(i))
		}
		it, err := newSetIter(c, s, ds)
		if err != nil {
			return err
		}
		iters, fns = append(iters, it), append(fns, *s)
		if len(s.Cols) == 1 {
			cols = append(cols, p.out.Cols[k])
			continue
		}
		x := composite{out: p.out.Cols[k], field: s.Field}
		for _, c := range s.Cols {
			x.row = append(x.row, delta.NewVec(c.Type, 1))
		}
		cols, composites = append(cols, x.row...), append(composites, x)
	}
	for {
		more, err := zip(iters, fns, cols)
		if err != nil || !more {
			return err
		}
		for _, x := range composites {
			x.take()
		}
		for k, v := range scalars {
			if v != nil {
				p.out.Cols[k].AppendFrom(v, i)
			}
		}
		p.out.AppendWeight(b.Weight(i))
		if p.out.N >= 1024 {
			if err := c.Check(); err != nil {
				return err
			}
			if err := p.flush(out); err != nil {
				return err
			}
		}
	}
}

// composite is a call whose rows have several columns, of which one is shown.
type composite struct {
	row   []*delta.Vec // of the last row
	out   *delta.Vec
	field int
}

func (x *composite) take() {
	x.out.AppendFrom(x.row[x.field], 0)
	for _, v := range x.row {
		v.Reset(v.T)
	}
}

func (p *projectSet) End(*Ctx, Emit) error { return nil }
