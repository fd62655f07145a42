package bind

import (
	"slices"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// Columns binds the column definitions of CREATE TABLE or CREATE SOURCE and its
// primary key (given by a constraint; column constraints are added).
func Columns(o *Options, cat catalog.Reader, defs []ast.ColumnDef, pk []string, pkPos int) ([]catalog.Column, []int, error) {
	b := newBinder(o, cat)
	cols := make([]catalog.Column, len(defs))
	var key []int
	for i, d := range defs {
		t := types.Unknown // a computed column may leave its type to its expression
		if len(d.Type.Names) > 0 || d.Generated == nil {
			var err error
			if t, err = ResolveType(d.Type); err != nil {
				return nil, nil, err
			}
		}
		if t.OID == types.OIDVoid || t.OID == types.OIDRecord || t.Info().Category == 'P' {
			return nil, nil, pgerr.New(pgerr.InvalidTableDefinition, "column %q has pseudo-type %s", d.Name, t)
		}
		for k := range i {
			if cols[k].Name == d.Name {
				return nil, nil, pgerr.New(pgerr.DuplicateColumn, "column %q specified more than once", d.Name)
			}
		}
		cols[i] = catalog.Column{Name: d.Name, Type: t, NotNull: d.NotNull || d.PrimaryKey}
		// The parser lists the key of a column constraint in pk as well.
		if d.PrimaryKey && !slices.Contains(pk, d.Name) {
			key = append(key, i)
		}
	}
	for _, name := range pk {
		at := -1
		for i := range cols {
			if cols[i].Name == name {
				at = i
			}
		}
		if at < 0 {
			return nil, nil, pgerr.New(pgerr.UndefinedColumn, "column %q named in key does not exist", name).At(pkPos)
		}
		for _, k := range key {
			if k == at {
				return nil, nil, pgerr.New(pgerr.DuplicateColumn, "column %q appears twice in primary key constraint", name).At(pkPos)
			}
		}
		cols[at].NotNull = true
		key = append(key, at)
	}
	return cols, key, b.columnExprs(defs, cols)
}

// columnExprs binds DEFAULT and generated expressions and keeps them as text.
func (b *binder) columnExprs(defs []ast.ColumnDef, cols []catalog.Column) error {
	it := columnsItem(cols, func(i int) bool { return defs[i].Generated == nil })
	for i, d := range defs {
		var x ast.Expr
		s := &scope{where: inDefault}
		switch {
		case d.Default != nil:
			x = d.Default
		case d.Generated != nil:
			x, s = d.Generated, &scope{where: inColumn, items: []*item{it}}
		default:
			continue
		}
		if d.Default != nil {
			if ref := firstColumn(x); ref != nil {
				return pgerr.New(pgerr.FeatureNotSupported, "cannot use column reference in DEFAULT expression").At(ref.Position())
			}
		}
		e, err := b.expr(s, x)
		if err != nil {
			return err
		}
		if cols[i].Type == types.Unknown {
			if e, err = b.settleText(e); err != nil {
				return err
			}
			cols[i].Type = e.Type()
		}
		from := e.Type()
		e, ok, err := b.coerce(e, cols[i].Type, expr.AssignmentCast, x.Position())
		if err != nil {
			return err
		}
		if !ok {
			return pgerr.New(pgerr.DatatypeMismatch, "column %q is of type %s but default expression is of type %s", d.Name, cols[i].Type.Base(), from.Base()).
				WithHint("You will need to rewrite or cast the expression.")
		}
		if contains(e, isSub) {
			return pgerr.New(pgerr.FeatureNotSupported, "cannot use subquery in %s", strings.TrimSuffix(string(s.where), "s")).At(x.Position())
		}
		if d.Default != nil {
			cols[i].Default = expr.String(e)
			continue
		}
		if expr.VolatilityOf(e) == expr.Volatile {
			return pgerr.New(pgerr.InvalidObjectDefinition, "generation expression is not immutable").At(x.Position())
		}
		cols[i].Generated = expr.String(e)
	}
	return nil
}

// firstColumn is a column reference at the top of x or right below it; deeper
// ones are found when names are resolved, as there are none.
func firstColumn(x ast.Expr) *ast.ColumnRef {
	switch x := x.(type) {
	case *ast.ColumnRef:
		return x
	case *ast.Binary:
		if r := firstColumn(x.L); r != nil {
			return r
		}
		return firstColumn(x.R)
	case *ast.Func:
		for _, a := range x.Args {
			if r := firstColumn(a); r != nil {
				return r
			}
		}
	case *ast.Cast:
		return firstColumn(x.X)
	}
	return nil
}

// columnsItem are the columns as names; their expressions carry names that can
// be parsed again.
func columnsItem(cols []catalog.Column, has func(int) bool) *item {
	it := &item{colsVisible: true}
	for i, c := range cols {
		if has(i) {
			it.cols = append(it.cols, itemCol{c.Name, &expr.Column{Index: i, T: c.Type, Name: quoteIdent(c.Name)}})
		}
	}
	return it
}

// quoteIdent writes a name so that it reads back unchanged.
func quoteIdent(s string) string {
	plain := s != ""
	for i, r := range s {
		plain = plain && (r == '_' || r >= 'a' && r <= 'z' || i > 0 && r >= '0' && r <= '9')
	}
	if plain && !reserved[s] {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

// Scalar binds x over the columns of a relation; generated ones are replaced by
// what they compute. t OID 0: any type, else the value is coerced to it as by
// assignment.
func Scalar(o *Options, cat catalog.Reader, cols []catalog.Column, x ast.Expr, t types.Type) (expr.Expr, error) {
	b := newBinder(o, cat)
	it := columnsItem(cols, func(i int) bool { return cols[i].Generated == "" })
	s := &scope{where: inColumn, items: []*item{it}}
	full := &item{colsVisible: true}
	at := 0
	for i, c := range cols {
		if c.Generated == "" {
			full.cols = append(full.cols, itemCol{c.Name, &expr.Column{Index: i, T: c.Type, Name: c.Name}})
			at++
			continue
		}
		e, err := b.storedExpr(s, c.Generated, c.Type)
		if err != nil {
			return nil, err
		}
		full.cols = append(full.cols, itemCol{c.Name, e})
	}
	e, err := b.expr(&scope{where: inColumn, items: []*item{full}}, x)
	if err != nil {
		return nil, err
	}
	if contains(e, func(x expr.Expr) bool { return isSub(x) || isAgg(x) || isWin(x) || isSet(x) }) {
		return nil, pgerr.Unsupported(x.Position(), "a subquery here")
	}
	if t.OID == 0 {
		return b.settleText(e)
	}
	from := e.Type()
	r, ok, err := b.coerce(e, t, expr.AssignmentCast, x.Position())
	if err == nil && !ok {
		err = pgerr.New(pgerr.DatatypeMismatch, "the expression is of type %s, not %s", from.Base(), t.Base()).At(x.Position())
	}
	return r, err
}

// Statement is a bound query.
type Statement struct {
	Root      plan.Node
	Params    []types.Type
	DependsOn []uint32 // OIDs, ascending
	Reads     []uint32 // those of DependsOn that the statement itself names and reads
	Emit      bool     // EMIT ON WINDOW CLOSE
	EmitPos   int
}

// Query binds a query.
func Query(o *Options, q *ast.Query, cat catalog.Reader) (*Statement, error) {
	b := newBinder(o, cat)
	b.emitClause = q
	n, err := b.query(&scope{}, nil, q, false)
	if err != nil {
		return nil, err
	}
	st := &Statement{Root: n, Reads: sortedOIDs(b.reads), Emit: q.EmitOnWindowClose, EmitPos: q.EmitPos.Position()}
	st.Params, st.DependsOn, err = b.end()
	return st, err
}

// end gives the parameter types and the relations read.
func (b *binder) end() ([]types.Type, []uint32, error) {
	if err := b.params.check(); err != nil {
		return nil, nil, err
	}
	return b.params.types, sortedOIDs(b.deps), nil
}

// Insert, Update and Delete bind a statement that writes a table.
func Insert(o *Options, x *ast.Insert, cat catalog.Reader) (*Write, *Statement, error) {
	return write(o, cat, func(b *binder) (*Write, error) { return b.insert(x) })
}

// Update binds UPDATE.
func Update(o *Options, x *ast.Update, cat catalog.Reader) (*Write, *Statement, error) {
	return write(o, cat, func(b *binder) (*Write, error) { return b.update(x) })
}

// Delete binds DELETE.
func Delete(o *Options, x *ast.Delete, cat catalog.Reader) (*Write, *Statement, error) {
	return write(o, cat, func(b *binder) (*Write, error) { return b.del(x) })
}

func write(o *Options, cat catalog.Reader, f func(*binder) (*Write, error)) (*Write, *Statement, error) {
	b := newBinder(o, cat)
	w, err := f(b)
	if err != nil {
		return nil, nil, err
	}
	st := &Statement{Root: w.Plan, Reads: sortedOIDs(b.reads)}
	st.Params, st.DependsOn, err = b.end()
	return w, st, err
}
