package grammar

import (
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/lex"
)

// Every join is given to the grammar as "l JOIN r ON k(condition)": the entry
// holds the ast.Join, so its kind, NATURAL and USING need no syntax there, and a
// join without ON is a comma.

// table is an entry for an item of FROM.
type table struct{ t ast.TableExpr }

// tableFunc is the item of the SELECT that carries a function in FROM.
type tableFunc struct{}

// fromList parses the comma list after FROM.
func (r *Reader) fromList() (h int) {
	for n := 0; n == 0 || r.Accept(","); n++ {
		r.comma(n)
		one, _ := r.tableRef(false)
		h = r.taller(h, one)
	}
	return h
}

// tableRef parses a table and the joins behind it, left-associative. nested: it
// is the right operand of a join whose condition is still to come, so its own
// joins need parentheses. It returns the outermost join, nil if there is none.
func (r *Reader) tableRef(nested bool) (height int, join *ast.Join) {
	if !r.enter() {
		return 0, nil
	}
	defer r.leave()
	at := len(r.out)
	height, join = r.tablePrimary()
	joins := 0
	for r.err == nil {
		j := &ast.Join{Pos: r.Pos()}
		if !r.joinWords(j) {
			break
		}
		joins++
		r.emit("JOIN")
		var right int
		if j.Natural || j.Kind == ast.CrossJoin {
			right, _ = r.tablePrimary()
		} else {
			right, _ = r.tableRef(true)
		}
		height = r.taller(height, max(right, r.joinCondition(j)))
		join = j
	}
	if nested && joins > 0 {
		r.group(at)
	}
	return height, join
}

// joinWords passes [NATURAL] [INNER|LEFT|…] JOIN.
func (r *Reader) joinWords(j *ast.Join) bool {
	n := 0
	if r.At("natural") {
		j.Natural = true
		n++
	}
	outer := true
	switch w := r.PeekN(n); {
	case w.Is("join"):
		outer = false
		n--
	case w.Is("inner"):
		outer = false
	case w.Is("cross") && !j.Natural:
		j.Kind, outer = ast.CrossJoin, false
	case w.Is("left"):
		j.Kind = ast.LeftJoin
	case w.Is("right"):
		j.Kind = ast.RightJoin
	case w.Is("full"):
		j.Kind = ast.FullJoin
	default:
		for range n {
			r.Advance()
		}
		if n > 0 {
			r.Unexpected()
		}
		return false
	}
	for range n + 1 {
		r.Advance()
	}
	if outer {
		r.Accept("outer")
	}
	r.Expect("join")
	return r.err == nil
}

// joinCondition parses ON or USING and emits the join's entry.
func (r *Reader) joinCondition(j *ast.Join) int {
	r.emit("ON")
	switch {
	case j.Natural || j.Kind == ast.CrossJoin:
		r.leaf(j)
		return 0
	case r.At("using"):
		r.Advance()
		j.Using = r.NameList()
		if r.Accept("as") {
			r.Unsupported("an alias of USING")
		}
		r.leaf(j)
		return 0
	}
	r.Expect("on")
	id := r.open(j)
	r.side[id].slots = []*ast.Expr{&j.On}
	h := r.expr(0, false).height
	r.emit(")")
	return h
}

// tablePrimary parses a table, subquery, function or parenthesized join, which
// it returns unless an alias hides it.
func (r *Reader) tablePrimary() (height int, join *ast.Join) {
	lateral := r.Accept("lateral")
	switch {
	case r.atQuery():
		return r.derived(lateral), nil
	case r.At("(") && !lateral:
		return r.joinInParens()
	case r.At("rows", "from", "("):
		r.Unsupported("ROWS FROM")
		return 0, nil
	case r.At("xmltable", "("):
		r.Unsupported("XMLTABLE")
		return 0, nil
	case lateral || r.atFunction():
		return r.functionInFrom(lateral), nil
	case IsTypeFuncName(r.Tok()) && !IsColID(r.Tok()):
		r.Advance() // a function's name, so a parenthesis is missing
		r.Unexpected()
		return 0, nil
	}
	r.tableName(true)
	if r.At("tablesample") {
		r.Unsupported("TABLESAMPLE")
	}
	return 1, nil
}

// derived parses ( query ) alias.
func (r *Reader) derived(lateral bool) int {
	d := &ast.Derived{Pos: r.Pos(), Lateral: lateral}
	what := "subquery"
	if r.PeekN(1).Is("values") {
		what = "VALUES"
	}
	h := r.subquery()
	d.Alias = r.alias()
	if d.Alias == nil && r.err == nil {
		e := pgerr.New(pgerr.SyntaxError, "%s in FROM must have an alias", what).At(d.Position())
		if what == "VALUES" {
			r.Fail(e.WithHint("For example, FROM (VALUES ...) [AS] foo."))
		} else {
			r.Fail(e.WithHint("For example, FROM (SELECT ...) [AS] foo."))
		}
	}
	r.emit("AS")
	r.leaf(table{d})
	return h
}

// joinInParens parses ( join ) [alias].
func (r *Reader) joinInParens() (int, *ast.Join) {
	r.Expect("(")
	r.emit("(")
	h, join := r.tableRef(false)
	if join == nil {
		r.Unexpected()
	}
	r.Expect(")")
	r.emit(")")
	if alias := r.alias(); alias != nil && join != nil {
		join.Alias = alias
		return h, nil
	}
	return h, join
}

// atFunction reports whether a call and not a table name is next.
func (r *Reader) atFunction() bool {
	t := r.Tok()
	if !IsColLabel(t) {
		return false
	}
	if t.Kind == lex.Ident && t.Cat == lex.Reserved {
		return isSQLValue(t.Val)
	}
	j := r.i + 1
	for r.ts.T[j].Is(".") && IsColLabel(&r.ts.T[j+1]) {
		j += 2
	}
	return r.ts.T[j].Is("(") || t.Is("collation") && r.PeekN(1).Is("for")
}

// functionInFrom parses f(…) [WITH ORDINALITY] alias: a SELECT of the function.
func (r *Reader) functionInFrom(lateral bool) int {
	tf := &ast.TableFunc{Pos: r.Pos(), Lateral: lateral}
	r.emit("( SELECT")
	r.leaf(tableFunc{})
	r.emit(",")
	h := 0
	if r.windowing() {
		h = r.windowFunction(tf)
	} else {
		h = r.functionWithoutWindow()
	}
	r.emit(")")
	if r.Accept("with", "ordinality") {
		tf.Ordinality = true
	}
	r.functionAlias(tf)
	r.emit("AS")
	r.leaf(table{tf})
	return h
}

// functionWithoutWindow parses gram.y's func_expr_windowless.
func (r *Reader) functionWithoutWindow() int {
	if r.Tok().Cat != lex.None && r.Tok().Cat != lex.Unreserved {
		if n, ok := r.specialCall(); ok {
			return n.height
		}
	}
	t, pos := r.Tok(), r.Pos()
	if !IsColID(t) && !IsTypeFuncName(t) {
		r.Unexpected()
		return 0
	}
	names := []string{t.Val}
	r.Advance()
	for r.Accept(".") {
		names = append(names, r.ColLabel())
	}
	if !r.At("(") || len(names) == 1 && !IsTypeFuncName(t) || len(names) > 1 && !IsColID(t) {
		r.Unexpected()
		return 0
	}
	return r.call(&ast.Func{Pos: pos, Name: names}, false).height
}

// windowing reports whether TUMBLE( or HOP( is next, whose first argument is a
// relation.
func (r *Reader) windowing() bool {
	return (r.At("tumble") || r.At("hop")) && r.PeekN(1).Is("(")
}

// windowFunction parses TUMBLE(relation, args …): the relation goes to Table,
// the others to Func.Args.
func (r *Reader) windowFunction(tf *ast.TableFunc) int {
	f := &ast.Func{Pos: r.Pos(), Name: []string{r.Tok().Val}}
	tf.Func = f
	r.Advance()
	r.Expect("(")
	a := &args{r: r}
	id := r.open(f)
	var slots []*ast.Expr
	if r.atQuery() {
		d := &ast.Derived{Pos: r.Pos()}
		tf.Table = d
		qid := r.open(carrier{})
		r.side[qid].query = &d.Query
		a.height = r.subquery()
		r.emit(")")
		a.count = 1
		slots = append(slots, new(ast.Expr))
	} else {
		n := r.QualifiedName()
		tf.Table = &ast.TableName{Pos: n.Pos, Catalog: n.Catalog, Schema: n.Schema, Name: n.Name}
	}
	for r.Accept(",") {
		a.expr()
	}
	r.Expect(")")
	r.emit(")")
	f.Args = make([]ast.Expr, a.count-len(slots))
	r.side[id].slots = slotsOf(slots, f.Args)
	return a.height
}

// tableName parses [ONLY] name [*] and, if it may have one, an alias.
func (r *Reader) tableName(alias bool) {
	t := &ast.TableName{Pos: r.Pos()}
	parens := false
	if r.Accept("only") {
		t.Only = true
		parens = r.Accept("(")
	}
	n := r.QualifiedName()
	t.Pos, t.Catalog, t.Schema, t.Name = n.Pos, n.Catalog, n.Schema, n.Name
	if parens {
		r.Expect(")")
	} else if !t.Only {
		r.Accept("*")
	}
	if alias {
		t.Alias = r.alias()
	}
	r.leaf(table{t})
}

// alias parses [AS] name [(columns)]; nil: there is none.
func (r *Reader) alias() *ast.Alias {
	if !r.Accept("as") && (!IsColID(r.Tok()) || r.atEmit() || r.err != nil) {
		return nil
	}
	a := &ast.Alias{Name: r.ColID()}
	if r.At("(") {
		a.Columns = r.NameList()
	}
	return a
}

// functionAlias parses an alias that may define columns: AS t(a int, b text).
func (r *Reader) functionAlias(tf *ast.TableFunc) {
	as := r.Accept("as")
	if as && r.At("(") {
		tf.ColumnDefs = r.columnDefs()
		return
	}
	if !as && (!IsColID(r.Tok()) || r.atEmit() || r.err != nil) {
		return
	}
	tf.Alias = &ast.Alias{Name: r.ColID()}
	if !r.At("(") {
		return
	}
	// A second word before the comma or the parenthesis is a type.
	if next := r.PeekN(2); !next.Is(",") && !next.Is(")") {
		tf.ColumnDefs = r.columnDefs()
		return
	}
	tf.Alias.Columns = r.NameList()
}

func (r *Reader) columnDefs() []ast.ColumnDef {
	var defs []ast.ColumnDef
	r.Expect("(")
	for ok := true; ok; ok = r.Accept(",") {
		d := ast.ColumnDef{Pos: r.Pos(), Name: r.ColID()}
		d.Type = r.TypeName()
		defs = append(defs, d)
	}
	r.Expect(")")
	return defs
}
