package exec

import (
	"errors"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// apply runs a subplan for every row of its input and appends the outcome; ad
// hoc only. A subplan that does not read the row is run once and its rows kept.
type apply struct {
	n       *plan.Apply
	types   []types.Type // of the subplan
	once    bool
	ran     bool
	kept    []*delta.Batch // rows of a subplan that is run once
	out     *delta.Batch
	test    *expr.Program
	compare *expr.Program
	on      *expr.Program
}

var _ Operator = (*apply)(nil)

func newApply(n *plan.Apply) (*apply, error) {
	a := &apply{n: n, types: n.Sub.Base().Types(), once: !plan.Correlated(n.Sub), out: delta.NewBatch(n.Types(), 0)}
	var err error
	if n.Test != nil {
		if a.test, err = expr.Compile(n.Test); err != nil {
			return nil, err
		}
		call := &expr.Call{Fn: n.Fn, T: types.Boolean, Args: []expr.Expr{
			&expr.Column{Index: 0, T: n.Test.Type()}, &expr.Column{Index: 1, T: a.types[0]}}}
		if a.compare, err = expr.Compile(call); err != nil {
			return nil, err
		}
	}
	if n.On != nil {
		a.on, err = expr.Compile(n.On)
	}
	return a, err
}

// errStop ends the subplan of one apply, whose outcome is known. An apply inside
// that subplan passes it on.
type errStop struct{ a *apply }

func (errStop) Error() string { return "outcome known" }

// stopped reports whether err is a's own errStop.
func (a *apply) stopped(err error) bool {
	var stop errStop
	return errors.As(err, &stop) && stop.a == a
}

func (a *apply) Push(c *Ctx, _ int, b *delta.Batch, out Emit) error {
	var tests *delta.Vec
	if a.test != nil {
		tests = a.test.Eval(&c.Eval, b)
		if _, err := c.Failures(b, nil); err != nil {
			return err
		}
	}
	for i := range b.N {
		if err := a.row(c, b, i, tests, out); err != nil {
			return err
		}
		if a.out.N >= 1024 {
			if err := out(a.out); err != nil {
				return err
			}
			a.out.Reset()
		}
	}
	if a.out.N == 0 {
		return nil
	}
	err := out(a.out)
	a.out.Reset()
	return err
}

func (a *apply) End(*Ctx, Emit) error { return nil }

// sub runs the subplan for row i.
func (a *apply) sub(c *Ctx, b *delta.Batch, i int, each Emit) error {
	if err := c.Check(); err != nil {
		return err
	}
	if a.once {
		return a.replay(c, each)
	}
	env := *c.env
	env.Pool = c.Pool
	outer := append([]expr.OuterRow{{Batch: b, Row: i}}, c.Eval.Outer...)
	err := run(c.Context, a.n.Sub, &env, outer, each)
	if a.stopped(err) {
		return nil
	}
	return err
}

// replay gives the rows of a subplan that does not depend on the row.
func (a *apply) replay(c *Ctx, each Emit) error {
	if !a.ran {
		if err := a.runOnce(c); err != nil {
			return err
		}
	}
	for _, b := range a.kept {
		if err := each(b); err != nil {
			if a.stopped(err) {
				return nil
			}
			return err
		}
	}
	return nil
}

// runOnce keeps the rows of the subplan, of EXISTS only the first few.
func (a *apply) runOnce(c *Ctx) error {
	env := *c.env
	env.Pool = c.Pool
	outer := append([]expr.OuterRow{{}}, c.Eval.Outer...)
	err := run(c.Context, a.n.Sub, &env, outer, func(b *delta.Batch) error {
		size := int64(b.N) * int64(16*len(b.Cols)+8)
		for _, v := range b.Cols {
			for _, r := range v.S {
				size += int64(r.Len)
			}
		}
		if err := c.Memory.Grow(size); err != nil {
			return err
		}
		kept := delta.NewBatch(a.types, b.N)
		for i := range b.N {
			kept.AppendRow(b, i, b.Weight(i))
		}
		a.kept = append(a.kept, kept)
		if a.n.Kind == plan.ApplyExists && b.N > 0 {
			return errStop{a}
		}
		return nil
	})
	if err != nil && !a.stopped(err) {
		return err
	}
	a.ran = true
	return nil
}

// row appends the output of one input row.
func (a *apply) row(c *Ctx, b *delta.Batch, i int, tests *delta.Vec, out Emit) error {
	if a.n.Kind == plan.ApplyLateral {
		return a.lateral(c, b, i, out)
	}
	n := len(b.Cols)
	for k, v := range b.Cols {
		a.out.Cols[k].AppendFrom(v, i)
	}
	dst := a.out.Cols[n]
	var err error
	switch a.n.Kind {
	case plan.ApplyScalar:
		err = a.scalar(c, b, i, dst)
	case plan.ApplyExists:
		found := false
		err = a.sub(c, b, i, func(s *delta.Batch) error {
			if s.N == 0 {
				return nil
			}
			found = true
			return errStop{a}
		})
		dst.AppendBool(found)
	case plan.ApplyArray:
		elems := delta.NewVec(a.types[0], 0)
		err = a.sub(c, b, i, func(s *delta.Batch) error {
			for r := range s.N {
				for range s.Weight(r) {
					elems.AppendFrom(s.Cols[0], r)
				}
			}
			return nil
		})
		dst.AppendBytes(delta.AppendArray(nil, elems, 0, elems.Len()))
	default:
		err = a.quantified(c, b, i, tests, dst)
	}
	a.out.AppendWeight(b.Weight(i))
	return err
}

func (a *apply) scalar(c *Ctx, b *delta.Batch, i int, dst *delta.Vec) error {
	rows := int64(0)
	err := a.sub(c, b, i, func(s *delta.Batch) error {
		for r := range s.N {
			if rows += s.Weight(r); rows > 1 {
				return pgerr.New(pgerr.CardinalityViolation, "more than one row returned by a subquery used as an expression")
			}
			dst.AppendFrom(s.Cols[0], r)
		}
		return nil
	})
	if rows == 0 {
		dst.AppendNull()
	}
	return err
}

// quantified is x op ANY|ALL (subquery) in three-valued logic: ANY is true on
// the first true, else NULL if any comparison was, else false; ALL likewise.
func (a *apply) quantified(c *Ctx, b *delta.Batch, i int, tests *delta.Vec, dst *delta.Vec) error {
	all := a.n.Kind == plan.ApplyAll
	decided, unknown := false, false
	err := a.sub(c, b, i, func(s *delta.Batch) error {
		pair := delta.Batch{Cols: []*delta.Vec{delta.Const(tests.At(i), s.N), s.Cols[0]}, N: s.N}
		v := a.compare.Eval(&c.Eval, &pair)
		if _, err := c.Failures(&pair, nil); err != nil {
			return err
		}
		for r := range s.N {
			switch {
			case v.IsNull(r):
				unknown = true
			case v.B[r] != all:
				decided = true
				return errStop{a}
			}
		}
		return nil
	})
	switch {
	case decided:
		dst.AppendBool(!all)
	case unknown:
		dst.AppendNull()
	default:
		dst.AppendBool(all)
	}
	return err
}

// lateral joins the row with its subplan's rows.
func (a *apply) lateral(c *Ctx, b *delta.Batch, i int, out Emit) error {
	matched := false
	pair := delta.NewBatch(a.n.Types(), 0)
	err := a.sub(c, b, i, func(s *delta.Batch) error {
		pair.Reset()
		for r := range s.N {
			for k, v := range b.Cols {
				pair.Cols[k].AppendFrom(v, i)
			}
			for k, v := range s.Cols {
				pair.Cols[len(b.Cols)+k].AppendFrom(v, r)
			}
			pair.AppendWeight(s.Weight(r) * b.Weight(i))
		}
		sel := identity32(pair.N)
		if a.on != nil {
			sel = a.on.Filter(&c.Eval, pair, sel[:0])
			if _, err := c.Failures(pair, nil); err != nil {
				return err
			}
		}
		matched = matched || len(sel) > 0
		for _, r := range sel {
			a.out.AppendRow(pair, int(r), pair.Weight(int(r)))
		}
		if a.out.N < 1024 {
			return nil
		}
		err := out(a.out)
		a.out.Reset()
		return err
	})
	if err == nil && !matched && a.n.LeftOuter {
		for k, v := range a.out.Cols {
			if k < len(b.Cols) {
				v.AppendFrom(b.Cols[k], i)
			} else {
				v.AppendNull()
			}
		}
		a.out.AppendWeight(b.Weight(i))
	}
	return err
}

func identity32(n int) []int32 {
	s := make([]int32, n)
	for i := range s {
		s[i] = int32(i)
	}
	return s
}
