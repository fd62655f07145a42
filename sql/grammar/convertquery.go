package grammar

import (
	tidb "github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
)

// subquery converts ( query ).
func (c *converter) subquery(n tidb.ExprNode) *ast.Query {
	if x, ok := n.(*tidb.SubqueryExpr); ok {
		return c.query(x.Query)
	}
	c.fail(n)
	return &ast.Query{}
}

// query converts a SELECT or a chain of set operations.
func (c *converter) query(n tidb.Node) *ast.Query {
	var members []*tidb.SelectStmt
	var with *tidb.WithClause
	var order *tidb.OrderByClause
	switch x := n.(type) {
	case *tidb.SelectStmt:
		members, with, order = []*tidb.SelectStmt{x}, x.With, x.OrderBy
	case *tidb.SetOprStmt:
		with, order = x.With, x.OrderBy
		for _, m := range x.SelectList.Selects {
			s, ok := m.(*tidb.SelectStmt)
			if !ok {
				c.fail(m)
				return &ast.Query{}
			}
			members = append(members, s)
		}
	default:
		c.fail(n)
		return &ast.Query{}
	}
	first := c.selectInfo(members[0])
	if first == nil || first.query == nil {
		c.fail(n)
		return &ast.Query{}
	}
	q := first.query.q
	c.with(q, with)
	q.Body = c.body(members)
	c.order(first.query, order)
	return c.merge(q)
}

func (c *converter) with(q *ast.Query, with *tidb.WithClause) {
	if with == nil && len(q.With) == 0 {
		return
	}
	if with == nil || len(with.CTEs) != len(q.With) {
		c.fail(with)
		return
	}
	for i, cte := range with.CTEs {
		q.With[i].Query = c.subquery(cte.Query)
	}
}

// order fills ORDER BY, LIMIT and OFFSET.
func (c *converter) order(info *queryInfo, order *tidb.OrderByClause) {
	slots := append(orderSlots(nil, info.q.OrderBy), info.after...)
	n := 0
	if order != nil {
		n = len(order.Items)
	}
	if n != len(slots) {
		c.fail(order)
		return
	}
	for i, s := range slots {
		*s = c.expr(order.Items[i].Expr)
	}
}

// merge gives a parenthesized query the clauses written behind it, as
// PostgreSQL's insertSelectOptions does: (SELECT …) LIMIT 1 is one query.
func (c *converter) merge(q *ast.Query) *ast.Query {
	in, ok := q.Body.(*ast.Query)
	if !ok || c.err != nil {
		return q
	}
	twice := func(pos ast.Pos, what string) {
		if c.err == nil {
			c.err = pgerr.New(pgerr.SyntaxError, "multiple %s clauses not allowed", what).At(int(pos))
		}
	}
	if len(q.OrderBy) > 0 {
		if len(in.OrderBy) > 0 {
			twice(q.OrderBy[0].Pos, "ORDER BY")
		}
		in.OrderBy = q.OrderBy
	}
	if q.Offset != nil {
		if in.Offset != nil {
			twice(ast.Pos(q.Offset.Position()), "OFFSET")
		}
		in.Offset = q.Offset
	}
	if q.Limit != nil {
		if in.Limit != nil {
			twice(ast.Pos(q.Limit.Position()), "LIMIT")
		}
		in.Limit = q.Limit
	}
	if len(q.With) > 0 {
		if len(in.With) > 0 {
			twice(q.With[0].Pos, "WITH")
		}
		in.With, in.Recursive = q.With, q.Recursive
	}
	if q.EmitOnWindowClose {
		in.EmitOnWindowClose, in.EmitPos = true, q.EmitPos
	}
	return in
}

// selectInfo is what the first item of a SELECT says.
func (c *converter) selectInfo(s *tidb.SelectStmt) *selectInfo {
	switch x := s.Fields.Fields[0].Expr.(type) {
	case *tidb.ColumnNameExpr:
		si, _ := c.entry(x.Name.Name.O).node.(*selectInfo)
		return si
	case *tidb.FuncCallExpr:
		si, _ := c.entry(x.FnName.O).node.(*selectInfo)
		return si
	}
	return nil
}

// body rebuilds the precedence of a flat chain: INTERSECT binds tighter than
// UNION and EXCEPT, which associate to the left.
func (c *converter) body(members []*tidb.SelectStmt) ast.SetExpr {
	var sum ast.SetExpr // finished operands of UNION and EXCEPT
	var sumOp *ast.SetOp
	var product ast.SetExpr // the operand being built by INTERSECT
	for _, m := range members {
		x := c.member(m)
		if product == nil {
			product = x
			continue
		}
		op := c.setOp(m)
		if op.Op == ast.Intersect {
			op.L, op.R = product, x
			product = op
			continue
		}
		if sumOp != nil {
			sumOp.L, sumOp.R = sum, product
			sum = sumOp
		} else {
			sum = product
		}
		sumOp, product = op, x
	}
	if sumOp == nil {
		return product
	}
	sumOp.L, sumOp.R = sum, product
	return sumOp
}

func (c *converter) setOp(m *tidb.SelectStmt) *ast.SetOp {
	op := &ast.SetOp{}
	if si := c.selectInfo(m); si != nil {
		op.Pos = si.setOp
	}
	if m.AfterSetOperator == nil {
		c.fail(m)
		return op
	}
	switch *m.AfterSetOperator {
	case tidb.Union:
		op.Op = ast.Union
	case tidb.UnionAll:
		op.Op, op.All = ast.Union, true
	case tidb.Intersect:
		op.Op = ast.Intersect
	case tidb.IntersectAll:
		op.Op, op.All = ast.Intersect, true
	case tidb.Except:
		op.Op = ast.Except
	case tidb.ExceptAll:
		op.Op, op.All = ast.Except, true
	default:
		c.fail(m)
	}
	return op
}

// member converts one SELECT, VALUES or parenthesized query.
func (c *converter) member(m *tidb.SelectStmt) ast.SetExpr {
	si := c.selectInfo(m)
	if si == nil {
		c.fail(m)
		return &ast.Select{}
	}
	head := m.Fields.Fields[0].Expr
	switch {
	case si.values != nil:
		c.lookup(head)
		return si.values
	case si.paren:
		if call, ok := head.(*tidb.FuncCallExpr); ok && len(call.Args) == 1 {
			q := c.subquery(call.Args[0])
			if q.With == nil && q.OrderBy == nil && q.Limit == nil && q.Offset == nil && !q.EmitOnWindowClose {
				return q.Body // the parentheses did nothing but group
			}
			return q
		}
	case si.sel != nil:
		c.lookup(head)
		c.selectClause(si.sel, m)
		return si.sel
	}
	c.fail(m)
	return &ast.Select{}
}

func (c *converter) selectClause(s *ast.Select, m *tidb.SelectStmt) {
	c.items(s.Items, m.Fields.Fields[1:])
	if m.From != nil {
		s.From = c.fromList(m.From)
	}
	if m.Where != nil {
		s.Where = c.expr(m.Where)
	}
	if m.GroupBy != nil {
		for _, it := range m.GroupBy.Items {
			s.GroupBy = append(s.GroupBy, c.expr(it.Expr))
		}
	}
	if m.Having == nil {
		return
	}
	// With windows HAVING is a carrier that fills s.Having itself.
	x := c.expr(m.Having.Expr)
	if x != pending {
		s.Having = x
	}
}

func (c *converter) items(items []ast.SelectItem, fields []*tidb.SelectField) {
	if len(items) != len(fields) {
		c.fail(fields)
		return
	}
	for i, f := range fields {
		items[i].X = c.expr(f.Expr)
	}
}

func (c *converter) fromList(from *tidb.TableRefsClause) []ast.TableExpr {
	if from == nil {
		c.fail(from)
		return nil
	}
	var list []ast.TableExpr
	var n tidb.ResultSetNode = from.TableRefs
	for {
		// A join without ON is a comma, and commas associate to the left.
		j, ok := n.(*tidb.Join)
		if !ok || j.Right == nil || j.On != nil {
			break
		}
		if t := c.table(j.Right); t != nil {
			list = append(list, t)
		}
		n = j.Left
	}
	if t := c.table(n); t != nil {
		list = append(list, t)
	}
	for i, k := 0, len(list)-1; i < k; i, k = i+1, k-1 {
		list[i], list[k] = list[k], list[i]
	}
	return list
}

// table converts one item of FROM; nil for the FROM of a query without tables.
func (c *converter) table(n tidb.ResultSetNode) ast.TableExpr {
	switch x := n.(type) {
	case *tidb.Join:
		if x.Right == nil {
			return c.table(x.Left)
		}
		if x.On == nil {
			break
		}
		j, ok := c.lookup(x.On.Expr).node.(*ast.Join)
		if !ok {
			break
		}
		j.L, j.R = c.table(x.Left), c.table(x.Right)
		return j
	case *tidb.TableSource:
		return c.source(x)
	}
	c.fail(n)
	return nil
}

func (c *converter) source(x *tidb.TableSource) ast.TableExpr {
	if name, ok := x.Source.(*tidb.TableName); ok {
		switch n := c.entry(name.Name.O).node.(type) {
		case table:
			return n.t
		case carrier:
			return nil
		}
		c.fail(x)
		return nil
	}
	t, ok := c.entry(x.AsName.O).node.(table)
	if !ok {
		c.fail(x)
		return nil
	}
	switch d := t.t.(type) {
	case *ast.Derived:
		d.Query = c.query(x.Source)
	case *ast.TableFunc:
		s, ok := x.Source.(*tidb.SelectStmt)
		if !ok || len(s.Fields.Fields) != 2 {
			c.fail(x)
			return nil
		}
		f, ok := c.expr(s.Fields.Fields[1].Expr).(*ast.Func)
		if !ok {
			c.fail(s)
		}
		d.Func = f
	}
	return t.t
}
