package rules

import (
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// readByKey turns equalities on a prefix of a relation's key into a point or
// range read (ad hoc only). The filter stays: it is cheap on the few rows left.
func readByKey(c *Context, n plan.Node) (plan.Node, error) {
	if c.Continuous {
		return n, nil
	}
	return plan.Transform(n, func(n plan.Node) plan.Node {
		f, ok := n.(*plan.Filter)
		if !ok {
			return n
		}
		s, ok := f.In.(*plan.Scan)
		if !ok || len(s.Eq) > 0 {
			return n
		}
		for _, k := range scanKey(c, s) {
			e := keyValue(s, k, plan.Conjuncts(f.Cond))
			if e == nil {
				break
			}
			s.Eq = append(s.Eq, expr.Fold(e))
		}
		return n
	}), nil
}

// scanKey are the relation's columns whose order its contents are stored in; a
// relation without key is ordered by its whole rows. For a system relation any
// equality helps: its first column stands for an index.
func scanKey(c *Context, s *plan.Scan) []int {
	rel := c.Cat.ByOID(s.Rel)
	if rel == nil {
		return nil
	}
	switch rel.Kind {
	case catalog.Table:
		if len(rel.PrimaryKey) > 0 {
			return rel.PrimaryKey
		}
		return firstN(len(rel.Columns))
	case catalog.MaterializedView:
		if rel.Key != nil {
			return rel.Key
		}
		return firstN(len(rel.Columns))
	case catalog.Virtual:
		return rel.PrimaryKey
	}
	return nil
}

// keyValue is what relation column k must be equal to: a constant, a parameter
// or a value of a row outside, of the column's own type.
func keyValue(s *plan.Scan, k int, conds []expr.Expr) expr.Expr {
	for _, c := range conds {
		call, ok := c.(*expr.Call)
		if !ok || !plan.IsEquality(call.Fn) {
			continue
		}
		a, b := bare(call.Args[0]), bare(call.Args[1])
		if _, isCol := a.(*expr.Column); !isCol {
			a, b = b, a
		}
		col, ok := a.(*expr.Column)
		if !ok || s.Take[col.Index] != k || len(expr.Columns(b)) > 0 || expr.VolatilityOf(b) == expr.Volatile {
			continue
		}
		ta, tb := col.T.Base(), b.Type().Base()
		if ta == tb || alike(ta, tb) {
			return b
		}
		if x, ok := widen(b, ta); ok {
			return x
		}
	}
	return nil
}
