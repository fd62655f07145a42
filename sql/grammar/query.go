package grammar

import (
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/lex"
)

func syntaxAt(pos ast.Pos, format string, args ...any) *pgerr.Error {
	return pgerr.New(pgerr.SyntaxError, format, args...).At(int(pos))
}

// selectInfo is the first item of every SELECT given to the grammar: it tells
// what the SELECT stands for.
type selectInfo struct {
	// query is the query whose body begins here; nil for later members of a
	// chain of set operations.
	query *queryInfo
	setOp ast.Pos // of the UNION, INTERSECT or EXCEPT before it
	// Exactly one is set.
	sel    *ast.Select
	values *ast.Values
	paren  bool // the call's argument is the parenthesized query
}

// queryInfo is a query whose clauses wait for their expressions: ORDER BY of
// the text holds q's keys, then what belongs to after.
type queryInfo struct {
	q     *ast.Query
	after []*ast.Expr // LIMIT and OFFSET as written
}

// atQuery reports whether the parenthesis at the current token encloses a query
// and not an expression: it does if the innermost one starts a query and
// between the closing ones there is only what can continue a query.
func (r *Reader) atQuery() bool {
	j := r.i
	for r.ts.T[j].Is("(") {
		if j-r.i > MaxDepth {
			return false
		}
		j++
	}
	if j == r.i || !startsQuery(&r.ts.T[j], &r.ts.T[min(j+1, len(r.ts.T)-1)]) {
		return false
	}
	for k := j - 2; k >= r.i; k-- {
		after := &r.ts.T[min(int(r.ts.Match[k+1])+1, len(r.ts.T)-1)]
		if !after.Is(")") && !continuesQuery(after) {
			return false
		}
	}
	return true
}

func startsQuery(t, next *lex.Token) bool {
	return t.Is("select") || t.Is("with") || t.Is("table") || t.Is("values") && next.Is("(")
}

func continuesQuery(t *lex.Token) bool {
	if t.Kind != lex.Ident {
		return false
	}
	switch t.Val {
	case "union", "intersect", "except", "order", "limit", "offset", "fetch", "for":
		return true
	}
	return false
}

// AtQuery reports whether a query begins at the current token.
func (r *Reader) AtQuery() bool {
	return r.At("values") || startsQuery(r.Tok(), r.PeekN(1)) || r.atQuery()
}

// subquery parses ( query ) and emits it.
func (r *Reader) subquery() int {
	r.emitAt("(", r.Pos())
	r.Expect("(")
	h := r.query()
	r.Expect(")")
	r.emit(")")
	return r.taller(h, 0)
}

// query parses [WITH] body [ORDER BY] [LIMIT] [OFFSET] and returns its height.
func (r *Reader) query() int {
	if !r.enter() {
		return 0
	}
	defer r.leave()
	q := &ast.Query{Pos: r.Pos()}
	info := &queryInfo{q: q}
	h := 0
	if r.At("with") {
		h = r.with(q)
	}
	members := 0
	var setOp ast.Pos
	for {
		h = max(h, r.member(info, members == 0, setOp))
		members++
		setOp = r.Pos()
		if !r.setOperator() {
			break
		}
		if members > MaxHeight {
			r.tooDeep()
		}
	}
	return r.taller(max(h, r.tail(info)), members)
}

// setOperator passes UNION, INTERSECT or EXCEPT with ALL or DISTINCT.
func (r *Reader) setOperator() bool {
	var op string
	switch {
	case r.Accept("union"):
		op = "UNION"
	case r.Accept("intersect"):
		op = "INTERSECT"
	case r.Accept("except"):
		op = "EXCEPT"
	default:
		return false
	}
	if r.Accept("all") {
		op += " ALL"
	} else {
		r.Accept("distinct")
	}
	r.emit(op)
	return true
}

// with parses the common table expressions.
func (r *Reader) with(q *ast.Query) (h int) {
	r.Expect("with")
	q.Recursive = r.Accept("recursive")
	r.emit("WITH")
	for n := 0; n == 0 || r.Accept(","); n++ {
		r.comma(n)
		cte := ast.CTE{Pos: r.Pos(), Name: r.ColID()}
		if r.At("(") {
			cte.Columns = r.NameList()
		}
		r.Expect("as")
		if not := r.Accept("not"); not || r.At("materialized") {
			r.Expect("materialized")
			m := !not
			cte.Materialized = &m
		}
		r.leaf(carrier{})
		r.emit("AS")
		switch r.PeekN(1).Val {
		case "insert", "update", "delete":
			r.Advance()
			r.Unsupported("a data-modifying statement in WITH")
		}
		h = max(h, r.subquery())
		if r.At("search") || r.At("cycle") {
			r.Unsupported("%s in WITH", r.Tok().Val)
		}
		q.With = append(q.With, cte)
	}
	return h
}

// member parses one operand of set operations.
func (r *Reader) member(info *queryInfo, first bool, setOp ast.Pos) int {
	si := &selectInfo{setOp: setOp}
	if first {
		si.query = info
	}
	switch {
	case r.At("("):
		si.paren = true
		r.emit("SELECT")
		r.open(si)
		h := r.subquery()
		r.emit(")")
		return h
	case r.At("values"):
		return r.values(si)
	case r.At("table"):
		return r.tableCommand(si)
	}
	return r.selectClause(si)
}

// tableCommand parses TABLE t: SELECT * FROM t.
func (r *Reader) tableCommand(si *selectInfo) int {
	pos := r.Pos()
	r.Expect("table")
	si.sel = &ast.Select{Pos: pos, Items: []ast.SelectItem{{Pos: pos}}}
	r.emit("SELECT")
	r.leaf(si)
	r.emit(",")
	r.leaf(&ast.ColumnRef{Pos: pos, Star: true})
	r.emit("FROM")
	r.tableName(false)
	return 1
}

// values parses VALUES (…), (…): one call with all cells.
func (r *Reader) values(si *selectInfo) int {
	v := &ast.Values{Pos: r.Pos()}
	si.values = v
	r.Expect("values")
	r.emit("SELECT")
	id := r.open(si)
	a := &args{r: r}
	for ok := true; ok; ok = r.Accept(",") {
		r.Expect("(")
		from := a.count
		for ok := true; ok; ok = r.Accept(",") {
			a.expr()
		}
		r.Expect(")")
		v.Rows = append(v.Rows, make([]ast.Expr, a.count-from))
	}
	r.emit(")")
	var slots []*ast.Expr
	for _, row := range v.Rows {
		slots = slotsOf(slots, row)
	}
	r.side[id].slots = slots
	return a.height
}

// selectClause parses SELECT … up to WINDOW.
func (r *Reader) selectClause(si *selectInfo) int {
	s := &ast.Select{Pos: r.Pos()}
	si.sel = s
	r.Expect("select")
	r.emit("SELECT")
	h := 0
	sub := func() { h = max(h, r.expr(0, false).height) }
	if r.At("distinct", "on") {
		id := r.open(si)
		r.Expect("distinct", "on", "(")
		a := &args{r: r}
		for ok := true; ok; ok = r.Accept(",") {
			a.expr()
		}
		r.Expect(")")
		r.emit(")")
		s.Distinct, s.DistinctOn = true, make([]ast.Expr, a.count)
		r.side[id].slots = slotsOf(nil, s.DistinctOn)
		h = a.height
	} else {
		if s.Distinct = r.Accept("distinct"); !s.Distinct {
			r.Accept("all")
		}
		r.leaf(si)
	}
	s.Items, h = r.items(s.Distinct, h)
	if r.At("into") {
		r.Unsupported("SELECT INTO")
	}
	if r.Accept("from") {
		r.emit("FROM")
		h = max(h, r.fromList())
	} else if r.At("where") || r.At("group") || r.At("having") || r.At("window") {
		r.emit("FROM")
		r.leaf(carrier{})
	}
	if r.Accept("where") {
		r.emit("WHERE")
		sub()
	}
	if r.Accept("group") {
		r.Expect("by")
		if r.At("distinct") || r.At("all") {
			r.Unsupported("GROUP BY %s", r.Tok().Val)
		}
		r.emit("GROUP BY")
		for n := 0; n == 0 || r.Accept(","); n++ {
			r.comma(n)
			h = max(h, r.groupItem().height)
		}
	}
	r.having(s, sub)
	return r.taller(h, 0)
}

// items parses the select list, which may be empty unless DISTINCT is given.
func (r *Reader) items(needed bool, h int) ([]ast.SelectItem, int) {
	if !needed && r.endsItems() {
		return nil, h
	}
	var items []ast.SelectItem
	for ok := true; ok; ok = r.Accept(",") {
		r.emit(",")
		it := ast.SelectItem{Pos: r.Pos()}
		if r.Accept("*") {
			r.leaf(&ast.ColumnRef{Pos: it.Pos, Star: true})
			items = append(items, it)
			continue
		}
		item := r.itemDepth
		r.itemDepth = r.depth + 1
		h = max(h, r.expr(0, false).height)
		r.itemDepth = item
		if r.Accept("as") {
			it.Alias = r.ColLabel()
		} else if r.Tok().BareLabel() && !r.atEmit() && !r.At("nulls", "first") && !r.At("nulls", "last") {
			it.Alias = r.ColLabel()
		}
		items = append(items, it)
	}
	return items, h
}

// endsItems: what may follow a SELECT without items.
func (r *Reader) endsItems() bool {
	t := r.Tok()
	if t.Kind == lex.EOF || t.Is(")") || t.Is(";") || continuesQuery(t) || r.atEmit() {
		return r.err == nil
	}
	return t.Is("from") || t.Is("where") || t.Is("group") || t.Is("having") || t.Is("window") || t.Is("into")
}

func (r *Reader) atEmit() bool { return r.At("emit", "on", "window", "close") }

// groupItem parses an expression, (), ROLLUP, CUBE or GROUPING SETS.
func (r *Reader) groupItem() node {
	pos, at := r.Pos(), len(r.out)
	name := ""
	switch {
	case r.At("(", ")"):
		r.Expect("(", ")")
		r.leaf(&ast.Row{Pos: pos})
		return r.simple(at, 1)
	case r.Accept("rollup", "("):
		name = "rollup"
	case r.Accept("cube", "("):
		name = "cube"
	case r.Accept("grouping", "sets", "("):
		name = "grouping sets"
	default:
		return r.expr(0, false)
	}
	if !r.enter() {
		return node{at: at}
	}
	defer r.leave()
	f := &ast.Func{Pos: pos, Name: []string{name}}
	id := r.open(f)
	h, count := 0, 0
	for ok := true; ok; ok = r.Accept(",") {
		r.comma(count)
		count++
		if name == "grouping sets" {
			h = max(h, r.groupItem().height)
		} else {
			h = max(h, r.expr(0, false).height)
		}
	}
	r.Expect(")")
	r.emit(")")
	f.Args = make([]ast.Expr, count)
	r.side[id].slots = slotsOf(nil, f.Args)
	return r.simple(at, r.taller(h, 0))
}

// having parses HAVING and WINDOW; with windows HAVING carries all of it in one
// call.
func (r *Reader) having(s *ast.Select, sub func()) {
	has := r.Accept("having")
	var at int
	if has {
		r.emit("HAVING")
		at = len(r.out)
		sub()
	}
	if !r.Accept("window") {
		return
	}
	a := &args{r: r}
	if !has {
		r.emit("HAVING")
		r.open(carrier{})
	} else {
		r.wrapCall(at, carrier{})
		a.count = 1
	}
	id := len(r.side) - 1
	for ok := true; ok; ok = r.Accept(",") {
		w := ast.NamedWindow{Name: r.ColID()}
		pos := r.Pos()
		r.Expect("as")
		w.Spec = r.windowSpec(a)
		w.Spec.Pos = pos
		s.Windows = append(s.Windows, w)
	}
	r.emit(")")
	var slots []*ast.Expr
	if has {
		slots = append(slots, &s.Having)
	}
	for _, w := range s.Windows {
		slots = windowSlots(slots, w.Spec)
	}
	r.side[id].slots = slots
}
