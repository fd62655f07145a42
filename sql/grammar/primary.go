package grammar

import (
	"strconv"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/lex"
)

// primary parses gram.y's c_expr.
func (r *Reader) primary() node {
	t, pos, at := r.Tok(), r.Pos(), len(r.out)
	switch t.Kind {
	case lex.String:
		return r.literal(ast.String)
	case lex.Integer, lex.Decimal:
		return r.literal(numberKind(t.Val))
	case lex.BitString, lex.HexString:
		r.Advance()
		r.leaf(&ast.TypedLiteral{Pos: pos, Type: ast.TypeName{Pos: pos, Names: []string{"bit"}}, Text: t.Val})
		return r.simple(at, 1)
	case lex.Param:
		r.Advance()
		n, err := strconv.ParseInt(t.Val, 10, 32)
		if err != nil {
			r.Fail(pgerr.New(pgerr.UndefinedParameter, "there is no parameter $%s", t.Val).At(int(pos)))
		}
		r.leaf(&ast.Param{Pos: pos, N: int(n)})
		return r.indirection(r.simple(at, 1))
	case lex.Punct:
		if t.Val == "(" {
			return r.paren()
		}
	case lex.Quoted:
		return r.named()
	case lex.Ident:
		if n, ok := r.special(); ok {
			return n
		}
		if t.Cat != lex.Reserved {
			return r.named()
		}
	}
	r.Unexpected()
	return node{at: at}
}

// numberKind tells whether the digits fit int8.
func numberKind(text string) ast.LiteralKind {
	if _, err := strconv.ParseInt(text, 10, 64); err == nil {
		return ast.Integer
	}
	return ast.Decimal
}

func (r *Reader) literal(kind ast.LiteralKind) node {
	at := len(r.out)
	r.leaf(&ast.Literal{Pos: r.Pos(), Kind: kind, Text: r.Tok().Val})
	r.Advance()
	return r.simple(at, 1)
}

// paren parses ( query ), ( expression ) or the row ( a, b, … ).
func (r *Reader) paren() node {
	pos, at := r.Pos(), len(r.out)
	if r.atQuery() {
		h := r.subquery()
		return r.indirection(r.simple(at, h))
	}
	r.Expect("(")
	r.emit("(")
	n := r.expr(0, false)
	if !r.At(",") {
		r.Expect(")")
		r.emit(")")
		return r.indirection(r.simple(at, r.taller(n.height, 0)))
	}
	row := &ast.Row{Pos: pos}
	id := r.entry(entry{node: row})
	r.out[at] = outToken{id: id, call: true}
	h, count := n.height, 1
	for r.Accept(",") {
		r.emit(",")
		h = max(h, r.expr(0, false).height)
		count++
	}
	r.Expect(")")
	r.emit(")")
	row.Elems = make([]ast.Expr, count)
	r.side[id].slots = slotsOf(nil, row.Elems)
	res := r.simple(at, r.taller(h, 0))
	res.row = row
	return res
}

// slotsOf appends the places of list.
func slotsOf(slots []*ast.Expr, list []ast.Expr) []*ast.Expr {
	for i := range list {
		slots = append(slots, &list[i])
	}
	return slots
}

// indirection parses .name, .* and [subscript] behind a primary.
func (r *Reader) indirection(n node) node {
	for r.err == nil {
		pos := r.Pos()
		switch {
		case r.At("."):
			r.Advance()
			f := &ast.Field{Pos: pos}
			if r.Accept("*") {
				f.Star = true
			} else {
				f.Name = r.ColLabel()
			}
			r.wrapCall(n.at, f, &f.X)
			r.emit(")")
		case r.At("["):
			n.height = max(n.height, r.subscript(n, pos))
		default:
			return n
		}
		n = r.simple(n.at, r.taller(n.height, 0))
	}
	return n
}

// subscript parses [i], [lo:hi], each bound optional in a slice.
func (r *Reader) subscript(n node, pos ast.Pos) (height int) {
	r.Expect("[")
	s := &ast.Subscript{Pos: pos}
	r.wrapCall(n.at, s, &s.X)
	id := len(r.side) - 1
	slots := r.side[id].slots
	bound := func(to *ast.Expr) {
		r.emit(",")
		height = max(height, r.expr(0, false).height)
		slots = append(slots, to)
	}
	if !r.At(":") {
		bound(&s.Lo)
	}
	if r.Accept(":") {
		s.Slice = true
		if !r.At("]") {
			bound(&s.Hi)
		}
	}
	r.Expect("]")
	r.emit(")")
	r.side[id].slots = slots
	return height
}

// named parses what begins with a name: a column, a function call or a literal
// with a type before it.
func (r *Reader) named() node {
	t, pos, at := r.Tok(), r.Pos(), len(r.out)
	if n, ok := r.typedLiteral(); ok {
		return n
	}
	names := []string{t.Val}
	j := r.i + 1
	for r.ts.T[j].Is(".") && IsColLabel(&r.ts.T[j+1]) {
		names = append(names, r.ts.T[j+1].Val)
		j += 2
	}
	if r.ts.T[j].Is("(") {
		if len(names) > 1 && IsColID(t) || len(names) == 1 && IsTypeFuncName(t) {
			r.i = j
			if len(names) > 3 {
				r.Fail(pgerr.New(pgerr.SyntaxError, "improper qualified name (too many dotted names): %s", joinDots(names)).At(int(pos)))
			}
			return r.call(&ast.Func{Pos: pos, Name: names}, true)
		}
	}
	if !IsColID(t) {
		// A function name: only a parenthesis or a literal may follow.
		r.Advance()
		r.Unexpected()
		return node{at: at}
	}
	r.i = j
	ref := &ast.ColumnRef{Pos: pos, Names: names}
	if r.At(".", "*") {
		r.Advance()
		r.Advance()
		ref.Star = true
	}
	r.leaf(ref)
	return r.indirection(r.simple(at, 1))
}

// typedLiteral tries TYPE 'text' and INTERVAL 'text' fields.
func (r *Reader) typedLiteral() (node, bool) {
	s := typeScan{r: r, i: r.i}
	pos, at := r.Pos(), len(r.out)
	interval := r.At("interval")
	if interval && r.PeekN(1).Kind == lex.String {
		s.next()
		lit := &ast.TypedLiteral{Pos: pos, Type: ast.TypeName{Pos: pos, Names: []string{"interval"}}, Text: s.tok().Val}
		s.next()
		if !s.fields(&lit.Type) {
			r.unexpectedAt(s.i)
			return node{at: at}, true
		}
		lit.Fields, lit.Type.Fields = lit.Type.Fields, ""
		r.i = s.i
		r.leaf(lit)
		return r.simple(at, 1), true
	}
	if interval && !r.PeekN(1).Is("(") {
		return node{}, false
	}
	t, ok := s.simple()
	if !ok || s.tok().Kind != lex.String {
		// One word may be a column and a plain name a function, but numeric( and
		// TIMESTAMP WITH TIME ZONE can only be a type.
		if r.Tok().Cat == lex.ColName && s.i > r.i+1 {
			r.unexpectedAt(s.i)
			return node{at: at}, true
		}
		return node{}, false
	}
	r.leaf(&ast.TypedLiteral{Pos: pos, Type: t, Text: s.tok().Val})
	s.next()
	r.i = s.i
	return r.simple(at, 1), true
}

// special parses the constructs that keywords begin; false if the keyword
// begins none here.
func (r *Reader) special() (node, bool) {
	t, pos, at := r.Tok(), r.Pos(), len(r.out)
	if t.Cat == lex.None || t.Cat == lex.Unreserved {
		return node{}, false
	}
	switch t.Val {
	case "null":
		return r.literal(ast.Null), true
	case "true":
		return r.literal(ast.True), true
	case "false":
		return r.literal(ast.False), true
	case "default":
		r.Advance()
		r.leaf(&ast.Func{Pos: pos, Name: []string{"default"}, SQLForm: true})
		return r.simple(at, 1), true
	case "case":
		return r.caseExpr(), true
	case "array":
		return r.array(), true
	case "exists":
		if r.PeekN(1).Is("(") {
			r.Advance()
			q := &ast.Subquery{Pos: pos, Kind: ast.ExistsSubquery}
			id := r.open(q)
			r.side[id].query = &q.Query
			h := r.subquery()
			r.emit(")")
			return r.simple(at, r.taller(h, 0)), true
		}
	case "row":
		if r.PeekN(1).Is("(") {
			return r.rowCall(), true
		}
	case "cast":
		c := &ast.Cast{Pos: pos}
		r.Expect("cast", "(")
		id := r.open(c)
		r.side[id].slots = []*ast.Expr{&c.X}
		n := r.expr(0, false)
		r.Expect("as")
		c.Type = r.TypeName()
		r.Expect(")")
		r.emit(")")
		return r.simple(at, r.taller(n.height, 0)), true
	}
	return r.specialCall()
}

// rowCall parses ROW( … ).
func (r *Reader) rowCall() node {
	row, at := &ast.Row{Pos: r.Pos(), Explicit: true}, len(r.out)
	r.Expect("row", "(")
	id := r.open(row)
	h := 0
	if !r.At(")") {
		count := 0
		for ok := true; ok; ok = r.Accept(",") {
			r.comma(count)
			h = max(h, r.expr(0, false).height)
			count++
		}
		row.Elems = make([]ast.Expr, count)
	}
	r.Expect(")")
	r.emit(")")
	r.side[id].slots = slotsOf(nil, row.Elems)
	n := r.simple(at, r.taller(h, 0))
	n.row = row
	return n
}

// comma emits the separator before argument number n.
func (r *Reader) comma(n int) {
	if n > 0 {
		r.emit(",")
	}
}

// caseExpr parses CASE, which the grammar has too.
func (r *Reader) caseExpr() node {
	at, h := len(r.out), 0
	r.emitAt("CASE", r.Pos())
	r.Advance()
	sub := func() { h = max(h, r.expr(0, false).height) }
	if !r.At("when") {
		sub()
	}
	if !r.At("when") {
		r.Unexpected()
	}
	for r.Accept("when") {
		r.emit("WHEN")
		sub()
		r.Expect("then")
		r.emit("THEN")
		sub()
	}
	if r.Accept("else") {
		r.emit("ELSE")
		sub()
	}
	r.Expect("end")
	r.emit("END")
	return r.simple(at, r.taller(h, 0))
}

// array parses ARRAY( query ) and ARRAY[ … ].
func (r *Reader) array() node {
	pos, at := r.Pos(), len(r.out)
	r.Advance()
	if r.At("(") {
		q := &ast.Subquery{Pos: pos, Kind: ast.ArraySubquery}
		id := r.open(q)
		r.side[id].query = &q.Query
		h := r.subquery()
		r.emit(")")
		return r.simple(at, r.taller(h, 0))
	}
	return r.arrayElems(pos)
}

// arrayElems parses [a, b, …] or [[a], [b], …].
func (r *Reader) arrayElems(pos ast.Pos) node {
	at := len(r.out)
	if !r.enter() {
		return node{at: at}
	}
	defer r.leave()
	a := &ast.Array{Pos: pos}
	id := r.open(a)
	r.Expect("[")
	h, count := 0, 0
	nested := r.At("[")
	if !r.At("]") {
		for ok := true; ok; ok = r.Accept(",") {
			r.comma(count)
			if nested {
				h = max(h, r.arrayElems(r.Pos()).height)
			} else {
				h = max(h, r.expr(0, false).height)
			}
			count++
		}
	}
	r.Expect("]")
	r.emit(")")
	a.Elems = make([]ast.Expr, count)
	r.side[id].slots = slotsOf(nil, a.Elems)
	return r.simple(at, r.taller(h, 0))
}
