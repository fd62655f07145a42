package bind

import (
	"slices"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

var joinKinds = map[ast.JoinKind]plan.JoinKind{
	ast.InnerJoin: plan.InnerJoin, ast.LeftJoin: plan.LeftJoin, ast.RightJoin: plan.RightJoin,
	ast.FullJoin: plan.FullJoin, ast.CrossJoin: plan.InnerJoin,
}

func (b *binder) joinExpr(at *scope, ctes *cteScope, j *ast.Join) (*source, error) {
	l, err := b.table(at, ctes, j.L)
	if err != nil {
		return nil, err
	}
	p, lateral, err := b.beside(at, ctes, l, j.R)
	if err != nil {
		return nil, err
	}
	if lateral && (j.Kind == ast.RightJoin || j.Kind == ast.FullJoin) {
		return nil, pgerr.New(pgerr.InvalidColumnReference, "invalid reference to FROM-clause entry for table %q", l.items[0].name).
			WithDetail("The combining JOIN type must be INNER or LEFT for a LATERAL reference.").At(p.usedAt)
	}
	if err := distinctNames(l.items, p.right); err != nil {
		return nil, err
	}
	using := j.Using
	if j.Natural {
		using = commonNames(l.items, p.right)
	}
	var src *source
	if len(using) > 0 {
		src, err = b.usingJoin(p, j, using)
	} else {
		src, err = b.onJoin(at, p, j)
	}
	if err != nil || j.Alias == nil {
		return src, err
	}
	return aliasJoin(src, j)
}

func (b *binder) onJoin(at *scope, p *pair, j *ast.Join) (*source, error) {
	kind := joinKinds[j.Kind]
	if j.On == nil {
		return p.join(kind, nil), nil
	}
	items := append(append([]*item(nil), p.l.items...), p.right...)
	s := &scope{outer: at.outer, items: items, where: inOn, sealed: true, skipTo: unlateral(at)}
	on, err := b.condition(s, j.On, "JOIN/ON")
	if err != nil {
		return nil, err
	}
	// ON of an inner join is a filter of the pairs: what stands in it as a
	// subquery is looked up there.
	if !contains(on, isSub) {
		return p.join(kind, on), nil
	}
	if kind != plan.InnerJoin {
		return nil, pgerr.Unsupported(j.On.Position(), "a subquery in the condition of an outer join")
	}
	src := p.join(kind, nil)
	n, err := filterBy(src.node, on)
	return &source{n, src.items}, err
}

// visibleCols are the columns that unqualified names find, in order.
func visibleCols(items []*item) []itemCol {
	var out []itemCol
	for _, it := range items {
		if it.colsVisible {
			out = append(out, it.cols...)
		}
	}
	return out
}

func commonNames(l, r []*item) []string {
	var out []string
	rc := visibleCols(r)
	for _, c := range visibleCols(l) {
		if slices.ContainsFunc(rc, func(x itemCol) bool { return x.name == c.name }) {
			out = append(out, c.name)
		}
	}
	return out
}

// usingJoin joins on equal names and merges those columns.
func (b *binder) usingJoin(p *pair, j *ast.Join, using []string) (*source, error) {
	merged := &item{colsVisible: true}
	var conds []expr.Expr
	for i, name := range using {
		if slices.Contains(using[:i], name) {
			return nil, pgerr.New(pgerr.DuplicateColumn, "column name %q appears more than once in USING clause", name)
		}
		l, err := usingCol(p.l.items, name, "left")
		if err != nil {
			return nil, err
		}
		r, err := usingCol(p.right, name, "right")
		if err != nil {
			return nil, err
		}
		eq, err := b.operate("=", l.x, r.x, j.Position())
		if err != nil {
			return nil, err
		}
		conds = append(conds, eq)
		x, err := b.mergedColumn(j.Kind, l.x, r.x, j.Position())
		if err != nil {
			return nil, err
		}
		merged.cols = append(merged.cols, itemCol{name, x})
	}
	src := p.join(joinKinds[j.Kind], plan.AndOf(conds))
	for _, c := range visibleCols(src.items) {
		if !slices.Contains(using, c.name) {
			merged.cols = append(merged.cols, c)
		}
	}
	items := []*item{merged}
	for _, it := range src.items {
		c := *it
		c.colsVisible = false
		items = append(items, &c)
	}
	return &source{src.node, items}, nil
}

// mergedColumn is the one column that USING shows: of the side that is never
// padded with NULLs, of both for FULL.
func (b *binder) mergedColumn(kind ast.JoinKind, l, r expr.Expr, pos int) (expr.Expr, error) {
	es := []expr.Expr{l, r}
	t, err := b.unify(es, "JOIN/USING", func(int) int { return pos })
	if err != nil {
		return nil, err
	}
	switch kind {
	case ast.RightJoin:
		return es[1], nil
	case ast.FullJoin:
		return &expr.Coalesce{Args: es, T: t}, nil
	case ast.LeftJoin:
		return es[0], nil
	}
	if l.Type().Base() == t.Base() || t.OID == types.OIDUnknown {
		return es[0], nil
	}
	return es[1], nil
}

func usingCol(items []*item, name, side string) (*itemCol, error) {
	var found *itemCol
	for _, c := range visibleCols(items) {
		if c.name == name {
			if found != nil {
				return nil, pgerr.New(pgerr.AmbiguousColumn, "common column name %q appears more than once in %s table", name, side)
			}
			found = &c
		}
	}
	if found == nil {
		return nil, pgerr.New(pgerr.UndefinedColumn, "column %q specified in USING clause does not exist in %s table", name, side)
	}
	return found, nil
}

// aliasJoin is (a JOIN b …) AS j: only j's name is seen afterwards.
func aliasJoin(src *source, j *ast.Join) (*source, error) {
	it := &item{colsVisible: true, cols: append([]itemCol(nil), visibleCols(src.items)...)}
	if err := it.alias(j.Alias); err != nil {
		return nil, err
	}
	return &source{src.node, []*item{it}}, nil
}
