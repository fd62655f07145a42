package ast

import "fmt"

func (f *formatter) query(q *Query) {
	if len(q.With) > 0 {
		f.put("WITH ")
		if q.Recursive {
			f.put("RECURSIVE ")
		}
		f.each(len(q.With), func(i int) { f.cte(&q.With[i]) })
		f.put(" ")
	}
	f.setExpr(q.Body, false)
	if len(q.OrderBy) > 0 {
		f.put(" ORDER BY ")
		f.orderItems(q.OrderBy)
	}
	if q.Limit != nil {
		f.put(" LIMIT ")
		f.expr(q.Limit)
	}
	if q.Offset != nil {
		f.put(" OFFSET ")
		f.expr(q.Offset)
	}
	if q.EmitOnWindowClose {
		f.put(" EMIT ON WINDOW CLOSE")
	}
}

func (f *formatter) cte(c *CTE) {
	f.put(QuoteIdent(c.Name))
	if len(c.Columns) > 0 {
		f.columns(c.Columns)
	}
	f.put(" AS ")
	if c.Materialized != nil {
		f.put(not(!*c.Materialized), "MATERIALIZED ")
	}
	f.put("(")
	f.query(c.Query)
	f.put(")")
}

// setExpr writes a body; inside: it is an operand of a set operation.
func (f *formatter) setExpr(s SetExpr, inside bool) {
	switch n := s.(type) {
	case *Select:
		f.sel(n)
	case *Values:
		f.put("VALUES ")
		f.each(len(n.Rows), func(i int) {
			f.put("(")
			f.list(n.Rows[i])
			f.put(")")
		})
	case *SetOp:
		if inside {
			f.put("(")
		}
		l, ok := n.L.(*SetOp)
		f.setExpr(n.L, !(ok && (l.Op == Intersect) == (n.Op == Intersect)))
		f.put(map[SetOpKind]string{Union: " UNION ", Intersect: " INTERSECT ", Except: " EXCEPT "}[n.Op])
		if n.All {
			f.put("ALL ")
		}
		f.setExpr(n.R, true)
		if inside {
			f.put(")")
		}
	case *Query:
		f.put("(")
		f.query(n)
		f.put(")")
	default:
		fmt.Fprintf(f, "/* %T */", s)
	}
}

func (f *formatter) sel(s *Select) {
	f.put("SELECT")
	if s.Distinct {
		f.put(" DISTINCT")
		if len(s.DistinctOn) > 0 {
			f.put(" ON (")
			f.list(s.DistinctOn)
			f.put(")")
		}
	}
	if len(s.Items) > 0 {
		f.put(" ")
		f.items(s.Items)
	}
	if len(s.From) > 0 {
		f.put(" FROM ")
		f.tables(s.From)
	}
	if s.Where != nil {
		f.put(" WHERE ")
		f.expr(s.Where)
	}
	if len(s.GroupBy) > 0 {
		f.put(" GROUP BY ")
		f.list(s.GroupBy)
	}
	if s.Having != nil {
		f.put(" HAVING ")
		f.expr(s.Having)
	}
	if len(s.Windows) > 0 {
		f.put(" WINDOW ")
		f.each(len(s.Windows), func(i int) {
			f.put(QuoteIdent(s.Windows[i].Name), " AS ")
			f.window(s.Windows[i].Spec)
		})
	}
}

func (f *formatter) items(items []SelectItem) {
	f.each(len(items), func(i int) {
		f.expr(items[i].X)
		if items[i].Alias != "" {
			f.put(" AS ", QuoteIdent(items[i].Alias))
		}
	})
}

func (f *formatter) tables(list []TableExpr) {
	f.each(len(list), func(i int) {
		if j, ok := list[i].(*Join); ok && j.Alias == nil {
			f.join(j)
			return
		}
		f.table(list[i])
	})
}

func (f *formatter) alias(a *Alias) {
	if a == nil {
		return
	}
	f.put(" AS ", QuoteIdent(a.Name))
	if len(a.Columns) > 0 {
		f.columns(a.Columns)
	}
}

func (f *formatter) table(t TableExpr) {
	switch n := t.(type) {
	case *TableName:
		if n.Only {
			f.put("ONLY ")
		}
		f.object(ObjectName{Catalog: n.Catalog, Schema: n.Schema, Name: n.Name})
		f.alias(n.Alias)
	case *Derived:
		if n.Lateral {
			f.put("LATERAL ")
		}
		f.put("(")
		f.query(n.Query)
		f.put(")")
		f.alias(n.Alias)
	case *TableFunc:
		f.tableFunc(n)
	case *Join:
		f.put("(")
		f.join(n)
		f.put(")")
		f.alias(n.Alias)
	default:
		fmt.Fprintf(f, "/* %T */", t)
	}
}

func (f *formatter) join(n *Join) {
	if l, ok := n.L.(*Join); ok && l.Alias == nil {
		f.join(l) // joins associate to the left
	} else {
		f.table(n.L)
	}
	if n.Natural {
		f.put(" NATURAL")
	}
	f.put(map[JoinKind]string{InnerJoin: " JOIN ", LeftJoin: " LEFT JOIN ", RightJoin: " RIGHT JOIN ", FullJoin: " FULL JOIN ", CrossJoin: " CROSS JOIN "}[n.Kind])
	f.table(n.R)
	switch {
	case len(n.Using) > 0:
		f.put(" USING ")
		f.columns(n.Using)
	case n.On != nil:
		f.put(" ON ")
		f.expr(n.On)
	}
}

func (f *formatter) tableFunc(n *TableFunc) {
	if n.Lateral {
		f.put("LATERAL ")
	}
	if n.Table != nil {
		f.put(n.Func.Name[0], "(")
		f.table(n.Table)
		for _, a := range n.Func.Args {
			f.put(", ")
			f.expr(a)
		}
		f.put(")")
	} else {
		f.call(n.Func)
	}
	if n.Ordinality {
		f.put(" WITH ORDINALITY")
	}
	if n.ColumnDefs == nil {
		f.alias(n.Alias)
		return
	}
	f.put(" AS ")
	if n.Alias != nil {
		f.put(QuoteIdent(n.Alias.Name))
	}
	f.put("(")
	f.each(len(n.ColumnDefs), func(i int) {
		f.put(QuoteIdent(n.ColumnDefs[i].Name), " ")
		f.typeName(n.ColumnDefs[i].Type)
	})
	f.put(")")
}

// object writes [[catalog.]schema.]name.
func (f *formatter) object(n ObjectName) {
	for _, part := range []string{n.Catalog, n.Schema} {
		if part != "" {
			f.put(QuoteIdent(part), ".")
		}
	}
	f.put(QuoteIdent(n.Name))
}
