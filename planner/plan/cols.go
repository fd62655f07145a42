package plan

import (
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// SetCols recomputes the output columns of one node from its inputs. Nodes that
// name their columns themselves (Scan, Values, Project, ProjectSet, TableFunc)
// keep the names and get types and nullability from their expressions.
func SetCols(n Node) {
	p := n.Base()
	switch n := n.(type) {
	case *Filter:
		p.Cols = colsOf(n.In)
	case *Exchange:
		p.Cols = colsOf(n.In)
	case *Sort:
		p.Cols = colsOf(n.In)
	case *CloseBuffer:
		p.Cols = colsOf(n.In)
	case *TemporalFilter:
		p.Cols = colsOf(n.In)
	case *Sink:
		p.Cols = colsOf(n.In)
	case *Project:
		for i, e := range n.Exprs {
			p.Cols[i].Type, p.Cols[i].NotNull = e.Type(), notNull(e, n.In)
		}
	case *Union:
		p.Cols = unionCols(n)
	case *Join:
		p.Cols = joinCols(n)
	case *Aggregate:
		p.Cols = aggregateCols(n)
	case *HopExpand:
		t := n.In.Base().Cols[n.Time].Type.Base()
		p.Cols = append(colsOf(n.In), Col{"window_start", t, true}, Col{"window_end", t, true})
	case *TopN:
		p.Cols = colsOf(n.In)
		if n.RowNumber {
			p.Cols = append(p.Cols, Col{"row_number", types.Int8, true})
		}
	case *Apply:
		p.Cols = applyCols(n)
	}
}

// colsOf is a copy of n's columns.
func colsOf(n Node) []Col { return append([]Col(nil), n.Base().Cols...) }

func nullable(cs []Col) []Col {
	for i := range cs {
		cs[i].NotNull = false
	}
	return cs
}

func notNull(e expr.Expr, in Node) bool {
	switch e := e.(type) {
	case *expr.Column:
		return in.Base().Cols[e.Index].NotNull
	case *expr.Const:
		return !e.Value.Null
	case *expr.IsNull:
		return true
	case *expr.Call:
		return expr.IsRelabel(e) && notNull(e.Args[0], in)
	case *expr.Coalesce:
		for _, a := range e.Args {
			if notNull(a, in) {
				return true
			}
		}
	}
	return false
}

func unionCols(n *Union) []Col {
	cs := colsOf(n.In[0])
	for _, in := range n.In[1:] {
		for i, c := range in.Base().Cols {
			cs[i].NotNull = cs[i].NotNull && c.NotNull
			if cs[i].Type != c.Type {
				cs[i].Type = cs[i].Type.Base()
			}
		}
	}
	return cs
}

func joinCols(n *Join) []Col {
	l, r := colsOf(n.L), colsOf(n.R)
	switch n.Kind {
	case SemiJoin, AntiJoin:
		return l
	case LeftJoin:
		r = nullable(r)
	case RightJoin:
		l = nullable(l)
	case FullJoin:
		l, r = nullable(l), nullable(r)
	}
	return append(l, r...)
}

func aggregateCols(n *Aggregate) []Col {
	in := n.In.Base().Cols
	cs := make([]Col, 0, len(n.Group)+len(n.Aggs))
	for _, g := range n.Group {
		cs = append(cs, in[g])
	}
	for _, a := range n.Aggs {
		cs = append(cs, Col{a.Fn.Name, a.Type(in), a.Fn.Name == "count"})
	}
	return cs
}

// Type is the result type of the call over the given input columns.
func (a *Agg) Type(in []Col) types.Type {
	ts := make([]types.Type, len(a.Args))
	for i, c := range a.Args {
		ts[i] = in[c].Type
	}
	if a.Fn.RetFor != nil {
		return a.Fn.RetFor(ts)
	}
	for i, declared := range a.Fn.Args {
		if declared == a.Fn.Ret && (declared.OID == types.OIDAnyArray || declared.OID == types.OIDAnyElement) {
			return ts[i].Base()
		}
	}
	return a.Fn.Ret
}

func applyCols(n *Apply) []Col {
	cs := colsOf(n.In)
	sub := colsOf(n.Sub)
	switch n.Kind {
	case ApplyLateral:
		if n.LeftOuter {
			sub = nullable(sub)
		}
		return append(cs, sub...)
	case ApplyScalar:
		return append(cs, nullable(sub[:1])...)
	case ApplyArray:
		t, _ := sub[0].Type.Base().ArrayOf()
		return append(cs, Col{"array", t, true})
	case ApplyExists:
		return append(cs, Col{"exists", types.Boolean, true})
	}
	return append(cs, Col{"any", types.Boolean, false})
}
