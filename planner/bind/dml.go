package bind

import (
	"slices"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// Write is a bound INSERT, UPDATE or DELETE.
type Write struct {
	Rel *catalog.Relation
	// Plan gives one row for every row to write. INSERT: the new row. UPDATE: the
	// old row, then the new row, then columns only RETURNING reads. DELETE: the
	// old row, then columns only RETURNING reads. Row means all columns of Rel.
	Plan plan.Node
	// NotNull are the columns of Rel that a new row must not leave NULL.
	NotNull []int
	// Returning is over the row of Plan; nil: no RETURNING. With a conflict
	// handled by Conflict.Set it is over the row that was stored.
	Returning []expr.Expr
	Columns   []plan.Col
	Conflict  *Conflict
	// Looks: an assignment of UPDATE reads columns, so that its values, and its
	// errors, tell of the rows that are there.
	Looks bool
}

// Conflict is ON CONFLICT. Set gives the new row over the stored row followed
// by the row that was to be inserted (excluded); nil: DO NOTHING.
type Conflict struct {
	Set   []expr.Expr
	Where expr.Expr
}

// target looks up the table to write.
func (b *binder) target(name ast.ObjectName, verb string) (*catalog.Relation, error) {
	rel, err := b.relation(name.Schema, name.Name, name.Position())
	if err != nil {
		return nil, err
	}
	switch rel.Kind {
	case catalog.Table:
		return rel, nil
	case catalog.MaterializedView:
		return nil, pgerr.New(pgerr.WrongObjectType, "cannot change materialized view %q", rel.Name)
	case catalog.View:
		word := map[string]string{"INSERT": "insert into", "UPDATE": "update", "DELETE": "delete from"}[verb]
		return nil, pgerr.New(pgerr.ObjectNotInPrerequisiteState, "cannot %s view %q", word, rel.Name).
			WithDetail("Views are not updatable.")
	case catalog.Source:
		return nil, pgerr.New(pgerr.WrongObjectType, "cannot change source %q", rel.Name).
			WithHint("Rows come from the source's topic: write there.").At(name.Position())
	case catalog.Virtual:
		return nil, pgerr.New(pgerr.InsufficientPrivilege, "permission denied: %q is a system catalog", rel.Name)
	}
	return nil, pgerr.New(pgerr.WrongObjectType, "cannot change %q", rel.Name).At(name.Position())
}

func notNullColumns(rel *catalog.Relation) []int {
	var out []int
	for i, c := range rel.Columns {
		if c.NotNull || slices.Contains(rel.PrimaryKey, i) {
			out = append(out, i)
		}
	}
	return out
}

// targetItem is the table's row as names, over columns that begin at base.
func targetItem(rel *catalog.Relation, alias string, base int) *item {
	it := &item{schema: rel.Schema, name: rel.Name, relName: rel.Name, colsVisible: true, pk: rel.PrimaryKey}
	if alias != "" {
		it.name, it.schema = alias, ""
	}
	for i, c := range rel.Columns {
		it.cols = append(it.cols, itemCol{c.Name, &expr.Column{Index: base + i, T: c.Type, Name: c.Name}})
	}
	return it
}

// assign coerces a value to a column's type as INSERT and UPDATE do.
func (b *binder) assign(e expr.Expr, c *catalog.Column, pos int) (expr.Expr, error) {
	r, ok, err := b.coerce(e, c.Type, expr.AssignmentCast, pos)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, wrongType(c, e.Type(), pos)
	}
	return applyMod(r, c.Type, false, pos), nil
}

func wrongType(c *catalog.Column, from types.Type, pos int) error {
	return pgerr.New(pgerr.DatatypeMismatch, "column %q is of type %s but expression is of type %s", c.Name, c.Type.Base(), from.Base()).
		WithHint("You will need to rewrite or cast the expression.").At(pos)
}

// defaultOf is the value of a column that is not given.
func (b *binder) defaultOf(c *catalog.Column) (expr.Expr, error) {
	if c.Default == "" {
		return &expr.Const{Value: delta.NullOf(c.Type)}, nil
	}
	return b.storedExpr(&scope{where: inDefault}, c.Default, c.Type)
}

func isDefault(x ast.Expr) bool {
	f, ok := x.(*ast.Func)
	return ok && f.SQLForm && len(f.Name) == 1 && f.Name[0] == "default"
}

// columnOf finds a column to write; generated ones take only DEFAULT.
func columnOf(rel *catalog.Relation, name string, pos int) (int, error) {
	i := rel.ColumnIndex(name)
	if i < 0 {
		return 0, pgerr.New(pgerr.UndefinedColumn, "column %q of relation %q does not exist", name, rel.Name).At(pos)
	}
	return i, nil
}

func generatedOnly(c *catalog.Column, verb string) error {
	if verb == "UPDATE" {
		return pgerr.New("428C9", "column %q can only be updated to DEFAULT", c.Name).WithDetail("Column %q is a generated column.", c.Name)
	}
	return pgerr.New("428C9", "cannot insert a non-DEFAULT value into column %q", c.Name).WithDetail("Column %q is a generated column.", c.Name)
}

// generate computes the generated columns of new rows: row is the columns of
// rel over n, with nil where a column is generated.
func (b *binder) generate(rel *catalog.Relation, row []expr.Expr) error {
	it := &item{colsVisible: true}
	for i, c := range rel.Columns {
		if c.Generated == "" {
			it.cols = append(it.cols, itemCol{c.Name, row[i]})
		}
	}
	for i, c := range rel.Columns {
		if c.Generated == "" {
			continue
		}
		e, err := b.storedExpr(&scope{items: []*item{it}, where: inColumn}, c.Generated, c.Type)
		if err != nil {
			return err
		}
		row[i] = e
	}
	return nil
}

// returning binds RETURNING over items.
func (b *binder) returning(w *Write, list []ast.SelectItem, items []*item) error {
	if len(list) == 0 {
		return nil
	}
	sb := &selectBinder{b: b, sel: &ast.Select{Items: list, From: []ast.TableExpr{nil}}}
	sb.s = &scope{items: items, where: inReturn}
	if err := sb.items(false); err != nil {
		return err
	}
	w.Returning = []expr.Expr{}
	for _, o := range sb.out {
		if contains(o.x, isSub) {
			return pgerr.Unsupported(o.pos, "a subquery in RETURNING")
		}
		w.Returning = append(w.Returning, o.x)
		w.Columns = append(w.Columns, plan.Col{Name: o.name, Type: o.x.Type()})
	}
	return nil
}

// update binds UPDATE.
func (b *binder) update(x *ast.Update) (*Write, error) {
	rel, err := b.target(x.Table, "UPDATE")
	if err != nil {
		return nil, err
	}
	src, s, err := b.affected(rel, x.Alias, x.From, x.Where)
	if err != nil {
		return nil, err
	}
	s.where = inUpdate
	row, looks, err := b.assignments(rel, s, x.Set)
	if err != nil {
		return nil, err
	}
	n, row, err := lowerSubs(src.node, row)
	if err != nil {
		return nil, err
	}
	if err := b.generate(rel, row); err != nil {
		return nil, err
	}
	width := len(rel.Columns)
	es, names := plan.AllColumns(n)
	all := append(append(append([]expr.Expr(nil), es[:width]...), row...), es[width:]...)
	allNames := append(append(append([]string(nil), names[:width]...), names[:width]...), names[width:]...)
	w := &Write{Rel: rel, NotNull: notNullColumns(rel), Plan: plan.NewProject(n, all, allNames), Looks: looks}
	items := []*item{targetItem(rel, x.Alias, width)}
	items = append(items, shiftItems(s.items[1:], width)...)
	return w, b.returning(w, x.Returning, items)
}

// assignments gives the new row: the assigned columns computed, the others
// kept, the generated ones nil. looks: one of them reads columns.
func (b *binder) assignments(rel *catalog.Relation, s *scope, set []ast.Assignment) (row []expr.Expr, looks bool, err error) {
	row = make([]expr.Expr, len(rel.Columns))
	for _, a := range set {
		i, err := columnOf(rel, a.Column, a.Position())
		if err != nil {
			return nil, false, err
		}
		c := &rel.Columns[i]
		if row[i] != nil {
			return nil, false, pgerr.New(pgerr.SyntaxError, "multiple assignments to same column %q", a.Column)
		}
		switch {
		case isDefault(a.X):
			if c.Generated != "" {
				continue
			}
			row[i], err = b.defaultOf(c)
		case c.Generated != "":
			return nil, false, generatedOnly(c, "UPDATE")
		default:
			var e expr.Expr
			if e, err = b.expr(s, a.X); err == nil {
				// A subquery may be correlated; whether it is shows later only.
				looks = looks || len(expr.Columns(e)) > 0 || contains(e, isSub)
				row[i], err = b.assign(e, c, start(a.X))
			}
		}
		if err != nil {
			return nil, false, err
		}
	}
	for i := range row {
		if row[i] == nil && rel.Columns[i].Generated == "" {
			row[i] = s.items[0].cols[i].x
		}
	}
	return row, looks, nil
}

// affected is the table's rows that UPDATE or DELETE touch, beside the rows of
// the other tables; each row of the table at most once.
func (b *binder) affected(rel *catalog.Relation, alias string, from []ast.TableExpr, where ast.Expr) (*source, *scope, error) {
	node, err := b.scanColumns(rel)
	if err != nil {
		return nil, nil, err
	}
	src := &source{node, []*item{targetItem(rel, alias, 0)}}
	at := &scope{}
	for _, te := range from {
		p, _, err := b.beside(at, nil, src, te)
		if err != nil {
			return nil, nil, err
		}
		if err := distinctNames(src.items, p.right); err != nil {
			return nil, nil, err
		}
		src = p.join(plan.InnerJoin, nil)
	}
	s := &scope{items: src.items, where: inWhere}
	if where != nil {
		cond, err := b.condition(s, where, "WHERE")
		if err != nil {
			return nil, nil, err
		}
		width := len(src.node.Base().Cols)
		n, err := filterBy(src.node, cond)
		if err != nil {
			return nil, nil, err
		}
		src = &source{cutTo(n, width), src.items}
	}
	if len(from) > 0 {
		if len(rel.PrimaryKey) == 0 {
			return nil, nil, pgerr.Unsupported(from[0].Position(), "joining other tables to a table without primary key here")
		}
		src = &source{plan.NewTopN(src.node, rel.PrimaryKey, nil, 0, 1), src.items}
	}
	return src, s, nil
}

// cutTo drops columns that were appended to n past width.
func cutTo(n plan.Node, width int) plan.Node {
	es, names := plan.AllColumns(n)
	if len(es) == width {
		return n
	}
	return plan.NewProject(n, es[:width], names[:width])
}

// del binds DELETE.
func (b *binder) del(x *ast.Delete) (*Write, error) {
	rel, err := b.target(x.Table, "DELETE")
	if err != nil {
		return nil, err
	}
	src, s, err := b.affected(rel, x.Alias, x.Using, x.Where)
	if err != nil {
		return nil, err
	}
	w := &Write{Rel: rel, Plan: src.node}
	return w, b.returning(w, x.Returning, s.items)
}
