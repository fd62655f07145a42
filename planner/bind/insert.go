package bind

import (
	"slices"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// insert binds INSERT.
func (b *binder) insert(x *ast.Insert) (*Write, error) {
	rel, err := b.target(x.Table, "INSERT")
	if err != nil {
		return nil, err
	}
	cols, err := insertColumns(rel, x)
	if err != nil {
		return nil, err
	}
	var n plan.Node
	var given []int // columns of rel, in the order of n's
	switch values := insertValues(x); {
	case x.Default:
		n = oneRow()
	case values != nil:
		n, given, err = b.insertRows(rel, cols, x, values)
	default:
		n, given, err = b.insertQuery(rel, cols, x)
	}
	if err != nil {
		return nil, err
	}
	row := make([]expr.Expr, len(rel.Columns))
	names := make([]string, len(rel.Columns))
	for i := range rel.Columns {
		c := &rel.Columns[i]
		names[i] = c.Name
		if at := slices.Index(given, i); at >= 0 {
			row[i] = plan.ColumnAt(n, at)
			row[i] = applyMod(row[i], c.Type, false, 0)
		} else if c.Generated == "" {
			if row[i], err = b.defaultOf(c); err != nil {
				return nil, err
			}
		}
	}
	if err := b.generate(rel, row); err != nil {
		return nil, err
	}
	w := &Write{Rel: rel, NotNull: notNullColumns(rel), Plan: plan.NewProject(n, row, names)}
	if w.Conflict, err = b.conflict(rel, x); err != nil {
		return nil, err
	}
	return w, b.returning(w, x.Returning, []*item{targetItem(rel, x.Alias, 0)})
}

// insertColumns are the target columns, in the order of the values.
func insertColumns(rel *catalog.Relation, x *ast.Insert) ([]int, error) {
	var cols []int
	if len(x.Columns) == 0 {
		for i := range rel.Columns {
			cols = append(cols, i)
		}
		return cols, nil
	}
	for k, name := range x.Columns {
		pos := 0
		if k < len(x.ColPos) {
			pos = x.ColPos[k].Position()
		}
		i, err := columnOf(rel, name, pos)
		if err != nil {
			return nil, err
		}
		if slices.Contains(cols, i) {
			return nil, pgerr.New(pgerr.DuplicateColumn, "column %q specified more than once", name).At(pos)
		}
		cols = append(cols, i)
	}
	return cols, nil
}

// insertValues is the VALUES list that the rows come from; nil: a query.
func insertValues(x *ast.Insert) *ast.Values {
	if x.Query == nil || len(x.Query.With) > 0 || len(x.Query.OrderBy) > 0 || x.Query.Limit != nil || x.Query.Offset != nil {
		return nil
	}
	v, _ := x.Query.Body.(*ast.Values)
	return v
}

func checkWidth(x *ast.Insert, cols []int, n int, posOf func(int) int) error {
	if n > len(cols) {
		return pgerr.New(pgerr.SyntaxError, "INSERT has more expressions than target columns").At(posOf(len(cols)))
	}
	if n < len(cols) && len(x.Columns) > 0 {
		pos := 0
		if n < len(x.ColPos) {
			pos = x.ColPos[n].Position()
		}
		return pgerr.New(pgerr.SyntaxError, "INSERT has more target columns than expressions").At(pos)
	}
	return nil
}

// insertRows binds VALUES cell by cell, each to its column.
func (b *binder) insertRows(rel *catalog.Relation, cols []int, x *ast.Insert, v *ast.Values) (plan.Node, []int, error) {
	s := &scope{where: inValues, sealed: true, outer: &scope{items: []*item{targetItem(rel, x.Alias, 0)}}}
	n := &plan.Values{}
	width := len(v.Rows[0])
	for _, row := range v.Rows {
		if len(row) != width {
			return nil, nil, pgerr.New(pgerr.SyntaxError, "VALUES lists must all be the same length").At(start(row[0]))
		}
		if err := checkWidth(x, cols, width, func(i int) int { return start(row[i]) }); err != nil {
			return nil, nil, err
		}
		var es []expr.Expr
		for i, cell := range row {
			e, err := b.insertCell(s, &rel.Columns[cols[i]], cell)
			if err != nil {
				return nil, nil, err
			}
			if e != nil {
				es = append(es, e)
			}
		}
		n.Rows = append(n.Rows, es)
	}
	var given []int
	for _, i := range cols[:width] {
		if rel.Columns[i].Generated == "" {
			given = append(given, i)
			n.Cols = append(n.Cols, plan.Col{Name: rel.Columns[i].Name, Type: rel.Columns[i].Type})
		}
	}
	node, err := b.valuesSubs(n)
	return node, given, err
}

// insertCell is one value for column c; nil for DEFAULT of a generated column.
func (b *binder) insertCell(s *scope, c *catalog.Column, cell ast.Expr) (expr.Expr, error) {
	if isDefault(cell) {
		if c.Generated != "" {
			return nil, nil
		}
		return b.defaultOf(c)
	}
	if c.Generated != "" {
		return nil, generatedOnly(c, "INSERT")
	}
	e, err := b.expr(s, cell)
	if err != nil {
		return nil, err
	}
	return b.assign(e, c, start(cell))
}

// insertQuery binds INSERT … SELECT.
func (b *binder) insertQuery(rel *catalog.Relation, cols []int, x *ast.Insert) (plan.Node, []int, error) {
	n, err := b.query(&scope{}, nil, x.Query, true)
	if err != nil {
		return nil, nil, err
	}
	width := len(n.Base().Cols)
	pos := func(i int) int { return itemPos(x.Query.Body, i) }
	if err := checkWidth(x, cols, width, pos); err != nil {
		return nil, nil, err
	}
	ts := make([]types.Type, width)
	for i := range ts {
		c := &rel.Columns[cols[i]]
		if c.Generated != "" {
			return nil, nil, generatedOnly(c, "INSERT")
		}
		ts[i] = c.Type
	}
	n, err = b.coerceOutput(n, ts, expr.AssignmentCast, func(i int, from types.Type) error {
		return wrongType(&rel.Columns[cols[i]], from, pos(i))
	})
	return n, cols[:width], err
}

// conflict binds ON CONFLICT, which must be on the primary key.
func (b *binder) conflict(rel *catalog.Relation, x *ast.Insert) (*Conflict, error) {
	oc := x.Conflict
	if oc == nil {
		return nil, nil
	}
	if len(oc.Columns) == 0 && !oc.Nothing {
		return nil, pgerr.New(pgerr.SyntaxError, "ON CONFLICT DO UPDATE requires inference specification or constraint name").
			WithHint("For example, ON CONFLICT (column_name).").At(oc.Position())
	}
	var on []int
	for _, name := range oc.Columns {
		i := rel.ColumnIndex(name)
		if i < 0 {
			return nil, pgerr.New(pgerr.UndefinedColumn, "column %q does not exist", name).At(oc.Position())
		}
		on = append(on, i)
	}
	slices.Sort(on)
	pk := slices.Clone(rel.PrimaryKey)
	slices.Sort(pk)
	if len(oc.Columns) > 0 && (len(pk) == 0 || !slices.Equal(on, pk)) {
		return nil, pgerr.New(pgerr.InvalidColumnReference,
			"there is no unique or exclusion constraint matching the ON CONFLICT specification").At(0)
	}
	c := &Conflict{}
	if oc.Nothing {
		return c, nil
	}
	s := &scope{where: inUpdate, items: []*item{targetItem(rel, x.Alias, 0), targetItem(rel, "excluded", len(rel.Columns))}}
	row, _, err := b.assignments(rel, s, oc.Set)
	if err != nil {
		return nil, err
	}
	if err := b.generate(rel, row); err != nil {
		return nil, err
	}
	c.Set = row
	if oc.Where != nil {
		s.where = inWhere
		if c.Where, err = b.condition(s, oc.Where, "WHERE"); err != nil {
			return nil, err
		}
	}
	for _, e := range append(slices.Clone(row), c.Where) {
		if e != nil && contains(e, isSub) {
			return nil, pgerr.Unsupported(oc.Position(), "a subquery in ON CONFLICT")
		}
	}
	return c, nil
}
