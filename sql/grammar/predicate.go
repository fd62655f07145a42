package grammar

import "github.com/heliosdb/heliosdb-streaming/sql/ast"

func (r *Reader) atAny() bool {
	return r.At("any") || r.At("all") || r.At("some")
}

// anyOperand parses ANY|SOME|ALL ( query or array ) and emits one call.
func (r *Reader) anyOperand(pos ast.Pos, op ast.Operator) int {
	all := r.Tok().Val == "all"
	r.Advance()
	if r.atQuery() {
		kind := ast.AnySubquery
		if all {
			kind = ast.AllSubquery
		}
		q := &ast.Subquery{Pos: pos, Kind: kind, Op: op}
		id := r.open(anyOf{q})
		r.side[id].query = &q.Query
		h := r.subquery()
		r.emit(")")
		return h
	}
	a := &ast.AnyArray{Pos: pos, Op: op, All: all}
	id := r.open(anyOf{a})
	r.side[id].slots = []*ast.Expr{&a.Array}
	r.Expect("(")
	n := r.expr(0, false)
	r.Expect(")")
	r.emit(")")
	return n.height
}

// is parses IS …, ISNULL and NOTNULL. Each is carried as left <=> k.
func (r *Reader) is(left node, b bool) (node, int) {
	r.need(left, levelBool)
	pos := r.Pos()
	word := r.Tok().Val
	r.Advance()
	r.emit("<=>")
	res := node{at: left.at, level: levelBool, height: r.taller(left.height, 0)}
	test := &ast.IsTest{Pos: pos}
	switch word {
	case "isnull":
		r.leaf(test)
		return res, 0
	case "notnull":
		test.Not = true
		r.leaf(test)
		return res, 0
	}
	test.Not = r.Accept("not")
	switch {
	case r.Accept("null"):
		test.What = ast.IsNull
	case r.Accept("true"):
		test.What = ast.IsTrue
	case r.Accept("false"):
		test.What = ast.IsFalse
	case r.Accept("unknown"):
		test.What = ast.IsUnknown
	case r.Accept("distinct"):
		r.Expect("from")
		d := &ast.IsDistinct{Pos: pos, Not: test.Not}
		id := r.open(d)
		r.side[id].slots = []*ast.Expr{&d.R}
		right := r.expr(precIs+1, b)
		r.emit(")")
		res.height = r.taller(left.height, right.height)
		return res, precIs
	case r.At("document"), r.At("normalized"), r.At("nfc"), r.At("nfd"), r.At("nfkc"), r.At("nfkd"):
		r.Unsupported("IS %s", r.Tok().Val)
	default:
		r.Unexpected()
	}
	r.leaf(test)
	return res, 0
}

// predicate parses [NOT] LIKE, ILIKE, SIMILAR TO, IN, BETWEEN.
func (r *Reader) predicate(left node, not bool) (node, int) {
	r.need(left, levelOp)
	pos := r.Pos()
	if not {
		r.Advance()
	}
	res := node{at: left.at, level: levelPred}
	word := r.Tok().Val
	r.Advance()
	switch word {
	case "in":
		res.height = r.taller(left.height, r.inList(pos, not))
		return res, 0
	case "between":
		res.height = r.taller(left.height, r.between(pos, not))
		return res, precLike
	case "overlaps":
		if left.row == nil {
			r.i--
			r.Unexpected()
		}
		r.Fail(unsupportedAt(pos, "OVERLAPS"))
		return res, 0
	case "similar":
		r.Expect("to")
	}
	h, open := r.like(pos, word, not)
	res.height = r.taller(left.height, h)
	if open {
		return res, precLike
	}
	return res, 0
}

// like parses what follows LIKE, ILIKE or SIMILAR TO; open: it ended with an
// operand.
func (r *Reader) like(pos ast.Pos, word string, not bool) (height int, open bool) {
	r.emit("LIKE")
	if word != "similar" && r.atAny() {
		name := "~~"
		if word == "ilike" {
			name = "~~*"
		}
		if not {
			name = "!" + name
		}
		return r.anyOperand(pos, ast.Operator{Name: name}), false
	}
	l := &ast.Like{Pos: pos, Not: not}
	switch word {
	case "ilike":
		l.Kind = ast.ILike
	case "similar":
		l.Kind = ast.SimilarTo
	}
	id := r.open(l)
	slots := []*ast.Expr{&l.Pattern}
	n := r.expr(precLike+1, false)
	height = n.height
	if r.Accept("escape") {
		r.emit(",")
		slots = append(slots, &l.Escape)
		e := r.expr(precLike+1, false)
		height = max(height, e.height)
	}
	r.side[id].slots = slots
	r.emit(")")
	return height, true
}

// inList parses (a, b, …) or (query) after IN. The carrier of position and NOT
// is the list's first element.
func (r *Reader) inList(pos ast.Pos, not bool) int {
	r.emit("IN (")
	h := 0
	if r.atQuery() {
		q := &ast.Subquery{Pos: pos, Kind: ast.AnySubquery, Op: ast.Operator{Name: "="}}
		if not {
			q.Kind, q.Op.Name = ast.AllSubquery, "<>"
		}
		r.leaf(q)
		r.emit(",")
		h = r.subquery()
		r.emit(")")
		return h
	}
	r.leaf(&ast.InList{Pos: pos, Not: not})
	r.Expect("(")
	for ok := true; ok; ok = r.Accept(",") {
		r.emit(",")
		n := r.expr(0, false)
		h = max(h, n.height)
	}
	r.Expect(")")
	r.emit(")")
	return h
}

// between parses [SYMMETRIC] lo AND hi; the carrier is a call around lo.
func (r *Reader) between(pos ast.Pos, not bool) int {
	r.emit("BETWEEN")
	bt := &ast.Between{Pos: pos, Not: not}
	if bt.Sym = r.Accept("symmetric"); !bt.Sym {
		r.Accept("asymmetric")
	}
	id := r.open(bt)
	r.side[id].slots = []*ast.Expr{&bt.Lo}
	lo := r.expr(0, true)
	r.emit(")")
	r.Expect("and")
	r.emit("AND")
	hi := r.operand(precLike+1, levelOp, false)
	return max(lo.height, hi.height)
}
