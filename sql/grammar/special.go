package grammar

import (
	"strings"

	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/lex"
)

// specialCall parses the functions with a syntax of their own.
func (r *Reader) specialCall() (node, bool) {
	t, at := r.Tok(), len(r.out)
	if n, ok := r.sqlValue(); ok {
		return n, true
	}
	if r.At("collation", "for", "(") {
		return r.specialForm(func(f *ast.Func, a *args) []int {
			f.Name = []string{"pg_collation_for"}
			r.Expect("collation", "for", "(")
			a.expr()
			return nil
		}), true
	}
	if !r.PeekN(1).Is("(") {
		return node{}, false
	}
	switch t.Val {
	case "coalesce", "greatest", "least", "grouping", "nullif":
		return r.specialForm(func(f *ast.Func, a *args) []int {
			r.Advance()
			r.Expect("(")
			a.expr()
			if t.Val == "nullif" {
				r.Expect(",")
				a.expr()
				return nil
			}
			for r.Accept(",") {
				a.expr()
			}
			return nil
		}), true
	case "extract":
		return r.specialForm(r.extract), true
	case "position":
		// position(a IN b) is position(b, a).
		return r.specialForm(func(f *ast.Func, a *args) []int {
			r.Expect("position", "(")
			a.bexpr()
			r.Expect("in")
			a.bexpr()
			return []int{1, 0}
		}), true
	case "substring":
		if r.plainCall("from", "for", "similar") {
			return r.callByName(), true
		}
		return r.specialForm(r.substring), true
	case "overlay":
		if r.plainCall("placing") {
			return r.callByName(), true
		}
		return r.specialForm(r.overlay), true
	case "trim":
		return r.specialForm(r.trim), true
	case "normalize":
		return r.specialForm(r.normalize), true
	case "treat", "xmlconcat", "xmlelement", "xmlexists", "xmlforest", "xmlparse", "xmlpi", "xmlroot", "xmlserialize":
		r.Unsupported("%s", t.Val)
		return node{at: at}, true
	}
	return node{}, false
}

// specialForm parses a call whose body reads everything up to the closing
// parenthesis. The body returns which operand becomes argument i; nil: operand
// i does.
func (r *Reader) specialForm(body func(*ast.Func, *args) []int) node {
	at := len(r.out)
	if !r.enter() {
		return node{at: at}
	}
	defer r.leave()
	f := &ast.Func{Pos: r.Pos(), Name: []string{r.Tok().Val}}
	id := r.open(f)
	a := &args{r: r}
	order := body(f, a)
	r.Expect(")")
	r.emit(")")
	f.Args = make([]ast.Expr, a.count)
	slots := slotsOf(nil, f.Args)
	if len(order) == len(slots) {
		for i, from := range order {
			slots[from] = &f.Args[i]
		}
	}
	r.side[id].slots = slots
	return r.simple(at, r.taller(a.height, 0))
}

// callByName parses the current keyword as the name of an ordinary function.
func (r *Reader) callByName() node {
	f := &ast.Func{Pos: r.Pos(), Name: []string{r.Tok().Val}}
	r.Advance()
	return r.call(f, false)
}

// plainCall reports whether the call at the current name holds none of the
// words at its own level.
func (r *Reader) plainCall(words ...string) bool {
	end := int(r.ts.Match[r.i+1])
	for i := r.i + 2; i < end; i++ {
		t := &r.ts.T[i]
		if t.Is("(") || t.Is("[") {
			i = int(r.ts.Match[i])
			continue
		}
		for _, w := range words {
			if t.Kind == lex.Ident && t.Val == w && !(w == "from" && r.ts.T[i-1].Is("distinct")) {
				return false
			}
		}
	}
	return true
}

var extractField = map[string]bool{"year": true, "month": true, "day": true, "hour": true, "minute": true, "second": true}

// extract parses EXTRACT(field FROM x): extract('field', x).
func (r *Reader) extract(f *ast.Func, a *args) []int {
	r.Expect("extract", "(")
	t := r.Tok()
	if !(t.Kind == lex.String || t.Kind == lex.Quoted || t.Kind == lex.Ident && (t.Cat == lex.None || extractField[t.Val])) {
		r.Unexpected()
		return nil
	}
	a.leaf(&ast.Literal{Pos: r.Pos(), Kind: ast.String, Text: t.Val})
	r.Advance()
	r.Expect("from")
	a.expr()
	return nil
}

// substring parses the forms with FROM, FOR and SIMILAR.
func (r *Reader) substring(f *ast.Func, a *args) []int {
	r.Expect("substring", "(")
	a.expr()
	switch {
	case r.Accept("from"):
		a.expr()
		if r.Accept("for") {
			a.expr()
		}
		return nil
	case r.Accept("similar"):
		a.expr()
		r.Expect("escape")
		a.expr()
		return nil
	}
	r.Expect("for")
	a.expr()
	if r.Accept("from") {
		a.expr()
		return []int{0, 2, 1}
	}
	// substring(x FOR n) is substring(x, 1, n::int4).
	c := &ast.Cast{Pos: f.Pos, Type: ast.TypeName{Pos: f.Pos, Names: []string{"pg_catalog", "int4"}}}
	r.wrapCall(a.last, c, &c.X)
	r.emit(")")
	a.leaf(&ast.Literal{Pos: f.Pos, Kind: ast.Integer, Text: "1"})
	return []int{0, 2, 1}
}

// overlay parses OVERLAY(a PLACING b FROM c [FOR d]).
func (r *Reader) overlay(f *ast.Func, a *args) []int {
	r.Expect("overlay", "(")
	a.expr()
	r.Expect("placing")
	a.expr()
	r.Expect("from")
	a.expr()
	if r.Accept("for") {
		a.expr()
	}
	return nil
}

// trim parses TRIM([BOTH|LEADING|TRAILING] [[chars] FROM] s, …): the characters
// become the last argument.
func (r *Reader) trim(f *ast.Func, a *args) []int {
	r.Expect("trim", "(")
	f.Name = []string{"btrim"}
	switch {
	case r.Accept("both"):
	case r.Accept("leading"):
		f.Name = []string{"ltrim"}
	case r.Accept("trailing"):
		f.Name = []string{"rtrim"}
	}
	first := !r.Accept("from")
	a.expr()
	if first && r.Accept("from") {
		a.expr()
		for r.Accept(",") {
			a.expr()
		}
		order := make([]int, a.count)
		for i := range order {
			order[i] = (i + 1) % a.count
		}
		return order
	}
	for r.Accept(",") {
		a.expr()
	}
	return nil
}

func (r *Reader) normalize(f *ast.Func, a *args) []int {
	r.Expect("normalize", "(")
	a.expr()
	if !r.Accept(",") {
		return nil
	}
	switch t := r.Tok(); {
	case t.Is("nfc"), t.Is("nfd"), t.Is("nfkc"), t.Is("nfkd"):
		a.leaf(&ast.Literal{Pos: r.Pos(), Kind: ast.String, Text: strings.ToUpper(t.Val)})
		r.Advance()
	default:
		r.Unexpected()
	}
	return nil
}

// isSQLValue: the words that are a function without parentheses.
func isSQLValue(w string) bool {
	switch w {
	case "current_time", "current_timestamp", "localtime", "localtimestamp", "current_date",
		"current_user", "current_role", "session_user", "user", "current_catalog", "current_schema":
		return true
	}
	return false
}

// sqlValue parses CURRENT_DATE and its kin; some take a precision.
func (r *Reader) sqlValue() (node, bool) {
	t, pos, at := r.Tok(), r.Pos(), len(r.out)
	if !isSQLValue(t.Val) || t.Val == "current_schema" && r.PeekN(1).Is("(") {
		return node{}, false
	}
	r.Advance()
	f := &ast.Func{Pos: pos, Name: []string{t.Val}, SQLForm: true}
	switch t.Val {
	case "current_time", "current_timestamp", "localtime", "localtimestamp":
		if r.Accept("(") {
			if r.Tok().Kind != lex.Integer {
				r.Unexpected()
				return node{at: at}, true
			}
			f.Args = []ast.Expr{&ast.Literal{Pos: r.Pos(), Kind: ast.Integer, Text: r.Tok().Val}}
			r.Advance()
			r.Expect(")")
		}
	}
	r.leaf(f)
	return r.simple(at, 1), true
}
