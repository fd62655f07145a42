package plan

import "github.com/heliosdb/heliosdb-streaming/sql/expr"

// SetInputs replaces the inputs of n, in the order of Inputs.
func SetInputs(n Node, in []Node) {
	switch n := n.(type) {
	case *Filter:
		n.In = in[0]
	case *Project:
		n.In = in[0]
	case *Union:
		n.In = in
	case *Exchange:
		n.In = in[0]
	case *Join:
		n.L, n.R = in[0], in[1]
	case *Aggregate:
		n.In = in[0]
	case *HopExpand:
		n.In = in[0]
	case *TopN:
		n.In = in[0]
	case *CloseBuffer:
		n.In = in[0]
	case *TemporalFilter:
		n.In = in[0]
	case *Materialize:
		n.In = in[0]
	case *Sink:
		n.In = in[0]
	case *Sort:
		n.In = in[0]
	case *Apply:
		n.In, n.Sub = in[0], in[1]
	case *ProjectSet:
		n.In = in[0]
	}
}

// Transform rebuilds a tree bottom-up: f sees every node after its inputs and
// gives what stands in its place. Nodes are changed in place.
func Transform(n Node, f func(Node) Node) Node {
	ins := n.Inputs()
	if len(ins) > 0 {
		out := make([]Node, len(ins))
		for i, in := range ins {
			out[i] = Transform(in, f)
		}
		SetInputs(n, out)
	}
	return f(n)
}

// Walk calls f for n and every node below it, inputs first.
func Walk(n Node, f func(Node)) {
	for _, in := range n.Inputs() {
		Walk(in, f)
	}
	f(n)
}

// MapExprs replaces every expression that n itself holds by f of it.
func MapExprs(n Node, f func(expr.Expr) expr.Expr) {
	all := func(es []expr.Expr) {
		for i, e := range es {
			if e != nil {
				es[i] = f(e)
			}
		}
	}
	one := func(e *expr.Expr) {
		if *e != nil {
			*e = f(*e)
		}
	}
	switch n := n.(type) {
	case *Scan:
		all(n.Eq)
	case *Values:
		for _, r := range n.Rows {
			all(r)
		}
	case *Filter:
		one(&n.Cond)
	case *TemporalFilter:
		for i := range n.Bounds {
			one(&n.Bounds[i].X)
		}
	case *Project:
		all(n.Exprs)
	case *Join:
		one(&n.On)
	case *Sort:
		one(&n.Offset)
		one(&n.Limit)
	case *Apply:
		one(&n.Test)
		one(&n.On)
	case *TableFunc:
		for i := range n.Fns {
			all(n.Fns[i].Args)
		}
	case *ProjectSet:
		all(n.Exprs)
		for _, s := range n.Sets {
			if s != nil {
				all(s.Args)
			}
		}
	}
}

// MapOuter replaces every Outer expression below n by f of it and the number of
// Apply operators between that expression and n: an Outer with Level == depth
// reads the row of the Apply whose Sub n is.
func MapOuter(n Node, f func(o *expr.Outer, depth int) expr.Expr) { mapOuter(n, 0, f) }

func mapOuter(n Node, depth int, f func(*expr.Outer, int) expr.Expr) {
	MapExprs(n, func(e expr.Expr) expr.Expr {
		return RewriteExpr(e, func(x expr.Expr) (expr.Expr, bool) {
			if o, ok := x.(*expr.Outer); ok {
				return f(o, depth), true
			}
			return nil, false
		})
	})
	if a, ok := n.(*Apply); ok {
		mapOuter(a.In, depth, f)
		mapOuter(a.Sub, depth+1, f)
		return
	}
	for _, in := range n.Inputs() {
		mapOuter(in, depth, f)
	}
}

// Correlated reports whether n, as the Sub of an Apply, reads that Apply's row.
func Correlated(n Node) bool {
	yes := false
	MapOuter(n, func(o *expr.Outer, depth int) expr.Expr {
		yes = yes || o.Level == depth
		return o
	})
	return yes
}
