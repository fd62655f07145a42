package bind

import (
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// scope is what names mean at one query level: the items of FROM, over the rows
// of one plan node. outer is the level around; the row of outer is read by an
// expr.Outer, since every scope is the Sub of an Apply on outer's row (a scope
// that no such expression was made for needs no Apply, see detach).
type scope struct {
	outer *scope
	items []*item
	ctes  *cteScope
	// lateral: the row is the left side of a join, for what stands right of it.
	lateral bool
	// sealed: names are not looked up in the scopes between this one and skipTo
	// (nil: none at all), as for a subquery in FROM without LATERAL, a common
	// table expression or a view.
	sealed bool
	skipTo *scope
	// used: an inner scope reads a column of this one.
	used   bool
	usedAt int // where it first does
	// where names the clause that is being bound, for PostgreSQL's messages.
	where clause
	sel   *selectBinder // where aggregates and window functions go; nil: not allowed
	inAgg bool
	// wantField: a composite result is about to be taken apart by (f(x)).name.
	wantField bool
}

// up is the next scope whose names can be seen, and how many levels out it is.
func (s *scope) up() (next *scope, hops int) {
	next, hops = s.outer, 1
	for s.sealed && next != nil && next != s.skipTo {
		next, hops = next.outer, hops+1
	}
	return next, hops
}

// unlateral is the first scope around s that is not the left side of a join.
func unlateral(s *scope) *scope {
	n, _ := s.up()
	for n != nil && n.lateral {
		n, _ = n.up()
	}
	return n
}

// item is one table of FROM (or one JOIN … USING, whose merged columns it has).
type item struct {
	schema, name string // as qualifier; name "" cannot be used as one
	relName      string // of the catalog, when an alias hides it
	cols         []itemCol
	colsVisible  bool // unqualified names find its columns
	pk           []int
	rel          *catalog.Relation // nil: not a relation
}

type itemCol struct {
	name string
	x    expr.Expr // over the row of the scope
}

// column is a resolved column reference.
type column struct {
	it   *item
	c    *itemCol
	s    *scope
	deep int // scopes between the reference and s
}

// find resolves name in the items; two matches are 42702.
func (s *scope) find(name string, pos int) (*item, *itemCol, error) {
	var fi *item
	var fc *itemCol
	for _, it := range s.items {
		if !it.colsVisible {
			continue
		}
		for i := range it.cols {
			if it.cols[i].name != name {
				continue
			}
			if fc != nil {
				return nil, nil, pgerr.New(pgerr.AmbiguousColumn, "column reference %q is ambiguous", name).At(pos)
			}
			fi, fc = it, &it.cols[i]
		}
	}
	if fc == nil && len(s.items) == 1 && s.items[0].colsVisible {
		if c := s.items[0].systemColumn(name); c != nil {
			return s.items[0], c, nil
		}
	}
	return fi, fc, nil
}

// findItem finds the table that schema.name refers to.
func findItem(items []*item, schema, name string) (*item, bool) {
	var found *item
	for _, it := range items {
		if it.name != name || name == "" || schema != "" && it.schema != schema {
			continue
		}
		if found != nil {
			return nil, true
		}
		found = it
	}
	return found, false
}

// resolve finds a column reference in s and the scopes around it.
func (b *binder) resolve(s *scope, ref *ast.ColumnRef) (*column, error) {
	switch len(ref.Names) {
	case 1:
		return b.resolveName(s, ref.Names[0], ref.Position())
	case 2:
		return b.resolveQualified(s, "", ref.Names[0], ref.Names[1], ref.Position())
	case 3:
		return b.resolveQualified(s, ref.Names[0], ref.Names[1], ref.Names[2], ref.Position())
	case 4:
		if ref.Names[0] != b.database() {
			return nil, pgerr.New(pgerr.FeatureNotSupported, "cross-database references are not implemented: %s.%s.%s.%s",
				ref.Names[0], ref.Names[1], ref.Names[2], ref.Names[3]).At(ref.Position())
		}
		return b.resolveQualified(s, ref.Names[1], ref.Names[2], ref.Names[3], ref.Position())
	}
	return nil, pgerr.New(pgerr.SyntaxError, "improper qualified name (too many dotted names)").At(ref.Position())
}

func (b *binder) resolveName(s *scope, name string, pos int) (*column, error) {
	for at, deep := s, 0; at != nil; {
		it, c, err := at.find(name, pos)
		if err != nil {
			return nil, err
		}
		if c != nil {
			return &column{it, c, at, deep}, nil
		}
		next, hops := at.up()
		at, deep = next, deep+hops
	}
	for at := s; at != nil; at, _ = at.up() {
		if it, _ := findItem(at.items, "", name); it != nil {
			return nil, pgerr.Unsupported(pos, "a reference to the whole row of %q", name)
		}
	}
	return nil, missingColumn(s, "", name, pos)
}

func (b *binder) resolveQualified(s *scope, schema, table, name string, pos int) (*column, error) {
	var next *scope
	var hops int
	for at, deep := s, 0; at != nil; at, deep = next, deep+hops {
		next, hops = at.up()
		it, twice := findItem(at.items, schema, table)
		if twice {
			return nil, pgerr.New(pgerr.AmbiguousAlias, "table reference %q is ambiguous", table).At(pos)
		}
		if it == nil {
			continue
		}
		var found *itemCol
		for i := range it.cols {
			if it.cols[i].name == name {
				if found != nil {
					return nil, pgerr.New(pgerr.AmbiguousColumn, "column reference %q is ambiguous", name).At(pos)
				}
				found = &it.cols[i]
			}
		}
		if found == nil {
			found = it.systemColumn(name)
		}
		if found == nil {
			return nil, missingColumn(s, table, name, pos)
		}
		return &column{it, found, at, deep}, nil
	}
	return nil, missingTable(s, schema, table, pos)
}

// expr is the reference as an expression of the scope that made it.
func (c *column) expr() expr.Expr {
	if c.deep == 0 {
		return c.c.x
	}
	c.s.used = true
	return plan.RewriteExpr(c.c.x, func(x expr.Expr) (expr.Expr, bool) {
		switch x := x.(type) {
		case *expr.Column:
			return &expr.Outer{Level: c.deep - 1, Index: x.Index, T: x.T, Name: x.Name}, true
		case *expr.Outer:
			return &expr.Outer{Level: x.Level + c.deep, Index: x.Index, T: x.T, Name: x.Name}, true
		}
		return nil, false
	})
}

// missingTable is PostgreSQL's errorMissingRTE.
func missingTable(s *scope, schema, table string, pos int) error {
	full := table
	if schema != "" {
		full = schema + "." + table
	}
	for at := s; at != nil; at = at.outer {
		it, _ := findItem(at.items, schema, table)
		if it != nil {
			return pgerr.New(pgerr.UndefinedTable, "invalid reference to FROM-clause entry for table %q", full).
				WithHint("There is an entry for table %q, but it cannot be referenced from this part of the query.", table).At(pos)
		}
		for _, it := range at.items {
			if it.relName == table && it.name != table && it.name != "" {
				return pgerr.New(pgerr.UndefinedTable, "invalid reference to FROM-clause entry for table %q", full).
					WithHint("Perhaps you meant to reference the table alias %q.", it.name).At(pos)
			}
		}
	}
	return pgerr.New(pgerr.UndefinedTable, "missing FROM-clause entry for table %q", full).At(pos)
}

// missingColumn is PostgreSQL's errorMissingColumn, with its fuzzy hints.
func missingColumn(s *scope, table, name string, pos int) error {
	e := pgerr.New(pgerr.UndefinedColumn, "column %q does not exist", name).At(pos)
	if table != "" {
		e = pgerr.New(pgerr.UndefinedColumn, "column %s.%s does not exist", table, name).At(pos)
	}
	var f fuzzy
	f.distance = maxFuzzyDistance + 1
	for at := s; at != nil; at, _ = at.up() {
		for _, it := range at.items {
			f.look(it, table, name)
		}
	}
	if f.firstItem == nil {
		return hiddenColumn(s, name, e)
	}
	if f.secondItem == nil {
		return e.WithHint("Perhaps you meant to reference the column \"%s.%s\".", f.firstItem.name, f.first)
	}
	return e.WithHint("Perhaps you meant to reference the column \"%s.%s\" or the column \"%s.%s\".",
		f.firstItem.name, f.first, f.secondItem.name, f.second)
}

func hiddenColumn(s *scope, name string, e *pgerr.Error) error {
	for at := s; at != nil; at = at.outer {
		for _, it := range at.items {
			for i := range it.cols {
				if it.cols[i].name == name && it.name != "" {
					return e.WithHint("There is a column named %q in table %q, but it cannot be referenced from this part of the query.", name, it.name)
				}
			}
		}
	}
	return e
}

// maxFuzzyDistance is PostgreSQL's MAX_FUZZY_DISTANCE.
const maxFuzzyDistance = 3

type fuzzy struct {
	distance              int
	firstItem, secondItem *item
	first, second         string
	full                  bool // a third match: no hint from this distance
}

func (f *fuzzy) look(it *item, table, name string) {
	if it.name == "" {
		return
	}
	penalty := 0
	if table != "" {
		penalty = levenshtein(table, it.name)
	}
	if penalty > f.distance {
		return
	}
	for i := range it.cols {
		col := it.cols[i].name
		d := levenshtein(name, col)
		if d > len(name)/2 {
			continue
		}
		d += penalty
		switch {
		case d > maxFuzzyDistance:
		case d < f.distance:
			f.distance, f.firstItem, f.first, f.secondItem, f.full = d, it, col, nil, false
		case d == f.distance && f.full:
		case d == f.distance && f.secondItem != nil:
			f.firstItem, f.secondItem, f.full = nil, nil, true
		case d == f.distance && f.firstItem != nil:
			f.secondItem, f.second = it, col
		}
	}
}

// levenshtein is the edit distance of two short strings, in bytes.
func levenshtein(a, b string) int {
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diag := prev[0]
		prev[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diag
			if a[i-1] != b[j-1] {
				cost++
			}
			diag = prev[j]
			prev[j] = min(cost, prev[j]+1, prev[j-1]+1)
		}
	}
	return prev[len(b)]
}
