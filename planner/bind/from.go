package bind

import (
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// source is a bound table expression: a plan and the names over its row.
type source struct {
	node  plan.Node
	items []*item
}

// cteScope is the WITH items that can be seen.
type cteScope struct {
	outer *cteScope
	name  string
	cte   *ast.CTE
	home  *scope // the scope around the query that has the WITH
}

func (c *cteScope) find(name string) *cteScope {
	for ; c != nil; c = c.outer {
		if c.name == name {
			return c
		}
	}
	return nil
}

// from binds a comma list. at is an empty scope: its surroundings are what a
// LATERAL item may read.
func (b *binder) from(at *scope, ctes *cteScope, list []ast.TableExpr) (*source, error) {
	var acc *source
	for _, te := range list {
		if acc == nil {
			src, err := b.table(at, ctes, te)
			if err != nil {
				return nil, err
			}
			acc = src
			continue
		}
		next, _, err := b.beside(at, ctes, acc, te)
		if err != nil {
			return nil, err
		}
		if err := distinctNames(acc.items, next.right); err != nil {
			return nil, err
		}
		acc = next.join(plan.InnerJoin, nil)
	}
	return acc, nil
}

// pair is two sides of a join before it is made.
type pair struct {
	l      *source
	r      plan.Node
	right  []*item // over the concatenated row
	apply  bool    // r reads rows of l
	usedAt int     // where it first does
}

// beside binds te to the right of l.
func (b *binder) beside(at *scope, ctes *cteScope, l *source, te ast.TableExpr) (*pair, bool, error) {
	left := b.inner(at, ctes, l.items)
	left.lateral = true
	r, err := b.table(&scope{outer: left}, ctes, te)
	if err != nil {
		return nil, false, err
	}
	p := &pair{l: l, r: r.node, apply: left.used, usedAt: left.usedAt, right: shiftItems(r.items, len(l.node.Base().Cols))}
	if left.used {
		return p, true, b.adHocOnly(te.Position(), "LATERAL")
	}
	detach(r.node)
	return p, false, nil
}

// detach takes away the Apply level that nothing in n refers to.
func detach(n plan.Node) {
	plan.MapOuter(n, func(o *expr.Outer, depth int) expr.Expr {
		if o.Level > depth {
			return &expr.Outer{Level: o.Level - 1, Index: o.Index, T: o.T, Name: o.Name}
		}
		return o
	})
}

func shiftItems(items []*item, by int) []*item {
	out := make([]*item, len(items))
	for i, it := range items {
		c := *it
		c.cols = make([]itemCol, len(it.cols))
		for k, col := range it.cols {
			c.cols[k] = itemCol{col.name, plan.ShiftColumns(col.x, func(at int) int { return at + by })}
		}
		out[i] = &c
	}
	return out
}

// join makes the node; on is over the concatenated row.
func (p *pair) join(kind plan.JoinKind, on expr.Expr) *source {
	items := append(append([]*item(nil), p.l.items...), p.right...)
	if p.apply {
		a := plan.NewApply(p.l.node, p.r, plan.ApplyLateral)
		a.On, a.LeftOuter = on, kind == plan.LeftJoin
		plan.SetCols(a)
		return &source{a, items}
	}
	return &source{plan.NewJoin(kind, p.l.node, p.r, on), items}
}

func distinctNames(l, r []*item) error {
	for _, a := range r {
		for _, c := range l {
			if a.name != "" && a.name == c.name && (a.schema == c.schema || a.relName == "" || c.relName == "") {
				return pgerr.New(pgerr.DuplicateAlias, "table name %q specified more than once", a.name)
			}
		}
	}
	return nil
}

// table binds one table expression; its names are over its own row.
func (b *binder) table(at *scope, ctes *cteScope, te ast.TableExpr) (*source, error) {
	if err := b.enter(te.Position()); err != nil {
		return nil, err
	}
	defer func() { b.depth-- }()
	if b.rels++; b.rels > maxRelations {
		return nil, pgerr.New(pgerr.StatementTooComplex, "a statement reads more than %d tables", maxRelations)
	}
	switch te := te.(type) {
	case *ast.TableName:
		return b.tableName(at, ctes, te)
	case *ast.Derived:
		return b.derived(at, ctes, te)
	case *ast.Join:
		return b.joinExpr(at, ctes, te)
	case *ast.TableFunc:
		return b.tableFunc(at, ctes, te)
	}
	return nil, pgerr.Unsupported(te.Position(), "this item of FROM")
}

func (b *binder) tableName(at *scope, ctes *cteScope, te *ast.TableName) (*source, error) {
	if te.Schema == "" {
		if c := ctes.find(te.Name); c != nil {
			return b.cteRef(at, c, te)
		}
	}
	rel, err := b.relation(te.Schema, te.Name, te.Position())
	if err != nil {
		return nil, err
	}
	if b.inView == 0 {
		b.reads[rel.OID] = true
	}
	node, err := b.scan(rel, te.Position())
	if err != nil {
		return nil, err
	}
	it := &item{schema: rel.Schema, name: rel.Name, relName: rel.Name, colsVisible: true, pk: rel.PrimaryKey, rel: rel}
	it.setCols(node)
	if err := it.alias(te.Alias); err != nil {
		return nil, err
	}
	return &source{node, []*item{it}}, nil
}

// relation looks a relation up, or says 42P01.
func (b *binder) relation(schema, name string, pos int) (*catalog.Relation, error) {
	if rel := b.cat.Lookup(schema, name, b.opts.SearchPath); rel != nil {
		b.deps[rel.OID] = true
		return rel, nil
	}
	full := name
	if schema != "" {
		full = schema + "." + name
	}
	return nil, pgerr.New(pgerr.UndefinedTable, "relation %q does not exist", full).At(pos)
}

// setCols names the columns of a whole node.
func (it *item) setCols(n plan.Node) {
	it.cols = nil
	for i, c := range n.Base().Cols {
		it.cols = append(it.cols, itemCol{c.Name, plan.ColumnAt(n, i)})
	}
}

// alias applies AS name (columns).
func (it *item) alias(a *ast.Alias) error {
	if a == nil {
		return nil
	}
	it.name, it.schema = a.Name, ""
	if len(a.Columns) > len(it.cols) {
		return pgerr.New(pgerr.InvalidColumnReference, "table %q has %d columns available but %d columns specified",
			a.Name, len(it.cols), len(a.Columns))
	}
	for i, name := range a.Columns {
		it.cols[i].name = name
		if c, ok := it.cols[i].x.(*expr.Column); ok {
			it.cols[i].x = &expr.Column{Index: c.Index, T: c.T, Name: name}
		}
	}
	return nil
}

// scan reads a relation; a view becomes its query.
func (b *binder) scan(rel *catalog.Relation, pos int) (plan.Node, error) {
	switch rel.Kind {
	case catalog.Sink:
		return nil, pgerr.New(pgerr.WrongObjectType, "%q is a sink", rel.Name).At(pos)
	case catalog.View:
		return b.view(rel, pos)
	case catalog.Virtual:
		if err := b.adHocOnly(pos, "reading the system relation "+rel.Name); err != nil {
			return nil, err
		}
	}
	return b.scanColumns(rel)
}

// scanColumns reads the stored columns; a source's generated ones are computed.
func (b *binder) scanColumns(rel *catalog.Relation) (plan.Node, error) {
	n := &plan.Scan{Rel: rel.OID, Name: rel.Name, Kind: uint8(rel.Kind)}
	at := make([]int, len(rel.Columns)) // column → output, -1: generated
	generated := false
	for i, c := range rel.Columns {
		if c.Generated != "" && rel.Kind == catalog.Source {
			at[i], generated = -1, true
			continue
		}
		at[i] = len(n.Take)
		n.Take = append(n.Take, i)
		n.Cols = append(n.Cols, plan.Col{Name: c.Name, Type: c.Type, NotNull: c.NotNull})
	}
	if !generated {
		return n, nil
	}
	p, err := b.withGenerated(n, rel.Columns, at)
	if err != nil {
		return nil, err
	}
	for _, w := range rel.Watermarks {
		if at[w.Column] < 0 {
			x := plan.ShiftColumns(p.Exprs[w.Column], func(i int) int { return n.Take[i] })
			n.Computed = append(n.Computed, plan.Computed{Col: w.Column, X: x})
		}
	}
	return p, nil
}

// withGenerated computes the generated columns over the stored ones.
func (b *binder) withGenerated(n plan.Node, cols []catalog.Column, at []int) (*plan.Project, error) {
	it := &item{colsVisible: true}
	for i, c := range cols {
		if at[i] >= 0 {
			it.cols = append(it.cols, itemCol{c.Name, plan.ColumnAt(n, at[i])})
		}
	}
	s := &scope{items: []*item{it}, where: inColumn}
	exprs, names := make([]expr.Expr, len(cols)), make([]string, len(cols))
	for i, c := range cols {
		names[i] = c.Name
		if at[i] >= 0 {
			exprs[i] = plan.ColumnAt(n, at[i])
			continue
		}
		e, err := b.storedExpr(s, c.Generated, c.Type)
		if err != nil {
			return nil, err
		}
		exprs[i] = e
	}
	return plan.NewProject(n, exprs, names), nil
}

// storedExpr binds an expression kept in the catalog as text.
func (b *binder) storedExpr(s *scope, text string, t types.Type) (expr.Expr, error) {
	x, err := b.opts.ParseExpr(text)
	if err != nil {
		return nil, err
	}
	e, err := b.expr(s, x)
	if err != nil {
		return nil, err
	}
	return b.coerceTo(e, t, expr.AssignmentCast, 0)
}

// view expands a view: its text is bound again, seeing no names of this query.
func (b *binder) view(rel *catalog.Relation, pos int) (plan.Node, error) {
	q, err := b.opts.ParseQuery(rel.Query)
	if err != nil {
		return nil, err
	}
	path := b.opts.SearchPath
	opts := *b.opts
	opts.SearchPath = append([]string{rel.Schema}, path...)
	saved := b.opts
	b.opts = &opts
	b.inView++
	defer func() { b.opts = saved; b.inView-- }()
	n, err := b.query(&scope{sealed: true}, nil, q, false)
	if err != nil {
		e := *pgerr.From(err)
		e.Pos = 0 // positions are those of the view's text
		e.Where = "view " + rel.Name
		return nil, &e
	}
	if len(n.Base().Cols) != len(rel.Columns) {
		return nil, pgerr.Internal("view %s has %d columns, its query %d", rel.Name, len(rel.Columns), len(n.Base().Cols)).At(pos)
	}
	for i := range rel.Columns {
		n.Base().Cols[i].Name = rel.Columns[i].Name
	}
	return n, nil
}

func (b *binder) cteRef(at *scope, c *cteScope, te *ast.TableName) (*source, error) {
	s := &scope{outer: at.outer, sealed: true, skipTo: c.home}
	n, err := b.query(s, c.outer, c.cte.Query, false)
	if err != nil {
		return nil, err
	}
	it := &item{name: c.name, colsVisible: true}
	it.setCols(n)
	if len(c.cte.Columns) > 0 {
		if len(c.cte.Columns) > len(it.cols) {
			return nil, pgerr.New(pgerr.InvalidColumnReference, "WITH query %q has %d columns available but %d columns specified",
				c.name, len(it.cols), len(c.cte.Columns)).At(c.cte.Position())
		}
		if err := it.alias(&ast.Alias{Name: c.name, Columns: c.cte.Columns}); err != nil {
			return nil, err
		}
	}
	if err := it.alias(te.Alias); err != nil {
		return nil, err
	}
	return &source{n, []*item{it}}, nil
}

func (b *binder) derived(at *scope, ctes *cteScope, te *ast.Derived) (*source, error) {
	s := b.inner(at, nil, nil)
	if !te.Lateral {
		s.sealed, s.skipTo = true, unlateral(at)
	}
	n, err := b.query(s, ctes, te.Query, false)
	if err != nil {
		return nil, err
	}
	if te.Alias == nil {
		return nil, pgerr.New(pgerr.SyntaxError, "subquery in FROM must have an alias").
			WithHint("For example, FROM (SELECT ...) [AS] foo.").At(te.Position())
	}
	it := &item{colsVisible: true}
	it.setCols(n)
	if err := it.alias(te.Alias); err != nil {
		return nil, err
	}
	return &source{n, []*item{it}}, nil
}
