package server

import (
	"slices"

	"github.com/heliosdb/heliosdb-streaming/pgwire"
	"github.com/heliosdb/heliosdb-streaming/planner/bind"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// Clients ask of which relation's column a result column is a plain copy: to
// edit rows, to find keys and names. It is read off the plan, in which views are
// expanded already.

// resultColumns describes the rows of a plan.
func resultColumns(n plan.Node) []pgwire.Column {
	cols := make([]pgwire.Column, len(n.Base().Cols))
	for i, c := range n.Base().Cols {
		cols[i] = pgwire.Column{Name: c.Name, Type: c.Type}
		if rel, k := origin(n, i); rel != 0 {
			cols[i].TableOID, cols[i].AttNum = rel, int16(k+1)
		}
	}
	return cols
}

// origin is the relation and its column that output column i shows unchanged; 0:
// it is computed.
func origin(n plan.Node, i int) (rel uint32, col int) {
	switch n := n.(type) {
	case *plan.Scan:
		return n.Rel, n.Take[i]
	case *plan.Filter:
		return origin(n.In, i)
	case *plan.Sort:
		return origin(n.In, i)
	case *plan.Exchange:
		return origin(n.In, i)
	case *plan.TopN:
		if i < len(n.In.Base().Cols) {
			return origin(n.In, i)
		}
	case *plan.Apply:
		k := i - len(n.In.Base().Cols)
		if k < 0 {
			return origin(n.In, i)
		}
		if n.Kind == plan.ApplyLateral {
			return origin(n.Sub, k)
		}
	case *plan.Join:
		if k := i - len(n.L.Base().Cols); k >= 0 {
			return origin(n.R, k)
		}
		return origin(n.L, i)
	case *plan.Project:
		if c, ok := n.Exprs[i].(*expr.Column); ok {
			return origin(n.In, c.Index)
		}
	case *plan.Aggregate:
		if i < len(n.Group) {
			return origin(n.In, n.Group[i])
		}
	}
	return 0, 0
}

// returningColumns describes the rows of RETURNING. The rows of w.Plan hold the
// table's columns (for an UPDATE twice, the new ones last), then others.
func returningColumns(verb string, w *bind.Write) []pgwire.Column {
	width := len(w.Rel.Columns)
	from := 0
	if verb == "UPDATE" {
		from = width
	}
	cols := make([]pgwire.Column, len(w.Columns))
	for i, c := range w.Columns {
		cols[i] = pgwire.Column{Name: c.Name, Type: c.Type}
		col, ok := w.Returning[i].(*expr.Column)
		if !ok {
			continue
		}
		rel, k := w.Rel.OID, col.Index-from
		if k < 0 || k >= width {
			rel, k = origin(w.Plan, col.Index)
		}
		if rel != 0 {
			cols[i].TableOID, cols[i].AttNum = rel, int16(k+1)
		}
	}
	return cols
}

// settleOrigins corrects what the plan cannot tell: the columns of a set
// operation have no origin, and those of a view are the view's.
func (x *session) settleOrigins(cat *catalogView, cols []pgwire.Column, q *ast.Query, deps []uint32) {
	body := q.Body
	for {
		inner, ok := body.(*ast.Query)
		if !ok {
			break
		}
		body = inner.Body
	}
	_, set := body.(*ast.SetOp)
	views := slices.ContainsFunc(deps, func(oid uint32) bool {
		r := cat.ByOID(oid)
		return r != nil && r.Kind == catalog.View
	})
	if !set && !views {
		return
	}
	for i := range cols {
		cols[i].TableOID, cols[i].AttNum = 0, 0
	}
	if sel, ok := body.(*ast.Select); ok && len(q.With) == 0 {
		x.viewOrigins(cat, cols, sel)
	}
}

// viewOrigins finds the columns of a view that is all a SELECT reads.
func (x *session) viewOrigins(cat *catalogView, cols []pgwire.Column, sel *ast.Select) {
	if len(sel.From) != 1 {
		return
	}
	name, ok := sel.From[0].(*ast.TableName)
	if !ok || name.Alias != nil && name.Alias.Columns != nil {
		return
	}
	view := cat.Lookup(name.Schema, name.Name, x.path())
	if view == nil {
		return
	}
	at := 0
	mark := func(k int) {
		if k >= 0 && at < len(cols) {
			cols[at].TableOID, cols[at].AttNum = view.OID, int16(k+1)
		}
		at++
	}
	for _, item := range sel.Items {
		ref, ok := item.X.(*ast.ColumnRef)
		switch {
		case ok && ref.Star:
			for k := range view.Columns {
				mark(k)
			}
		case ok:
			mark(view.ColumnIndex(ref.Names[len(ref.Names)-1]))
		default:
			mark(-1)
		}
	}
}
