package server

import (
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// withArgs is a copy of a plan with the parameters' values in it; what holds no
// expressions is shared with n, which stays as it is.
func withArgs(n plan.Node, args []delta.Datum) (plan.Node, error) {
	c, err := copyNode(n)
	if err != nil {
		return nil, err
	}
	ins := n.Inputs()
	if len(ins) > 0 {
		out := make([]plan.Node, len(ins))
		for i, in := range ins {
			if out[i], err = withArgs(in, args); err != nil {
				return nil, err
			}
		}
		plan.SetInputs(c, out)
	}
	plan.MapExprs(c, func(e expr.Expr) expr.Expr {
		r, fail := expr.Substitute(e, args)
		if fail != nil && err == nil {
			err = fail
		}
		return r
	})
	return c, err
}

// copyNode copies a node and the slices of expressions that it holds.
func copyNode(n plan.Node) (plan.Node, error) {
	switch n := n.(type) {
	case *plan.Scan:
		c := *n
		c.Eq = copyExprs(n.Eq)
		return &c, nil
	case *plan.Values:
		c := *n
		c.Rows = make([][]expr.Expr, len(n.Rows))
		for i, r := range n.Rows {
			c.Rows[i] = copyExprs(r)
		}
		return &c, nil
	case *plan.Filter:
		c := *n
		return &c, nil
	case *plan.Project:
		c := *n
		c.Exprs = copyExprs(n.Exprs)
		return &c, nil
	case *plan.Union:
		c := *n
		return &c, nil
	case *plan.Exchange:
		c := *n
		return &c, nil
	case *plan.Join:
		c := *n
		return &c, nil
	case *plan.Aggregate:
		c := *n
		return &c, nil
	case *plan.HopExpand:
		c := *n
		return &c, nil
	case *plan.TopN:
		c := *n
		return &c, nil
	case *plan.Sort:
		c := *n
		return &c, nil
	case *plan.Apply:
		c := *n
		return &c, nil
	case *plan.TableFunc:
		c := *n
		c.Fns = make([]plan.SetFunc, len(n.Fns))
		for i, f := range n.Fns {
			f.Args = copyExprs(f.Args)
			c.Fns[i] = f
		}
		return &c, nil
	case *plan.ProjectSet:
		c := *n
		c.Exprs = copyExprs(n.Exprs)
		c.Sets = make([]*plan.SetFunc, len(n.Sets))
		for i, f := range n.Sets {
			if f != nil {
				g := *f
				g.Args = copyExprs(f.Args)
				c.Sets[i] = &g
			}
		}
		return &c, nil
	}
	return nil, pgerr.Internal("a query's plan has a %T", n)
}

func copyExprs(es []expr.Expr) []expr.Expr { return append([]expr.Expr(nil), es...) }
