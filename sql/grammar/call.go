package grammar

import (
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
)

// args collects the operands of one emitted call.
type args struct {
	r      *Reader
	count  int
	height int
	last   int // index of the first output token of the last operand
}

// leaf emits a constant as one more argument.
func (a *args) leaf(node any) {
	a.r.comma(a.count)
	a.count++
	a.last = len(a.r.out)
	a.r.leaf(node)
}

// expr emits one more argument.
func (a *args) expr() { a.operand(false) }

// bexpr is expr for a b_expr.
func (a *args) bexpr() { a.operand(true) }

func (a *args) operand(b bool) {
	a.r.comma(a.count)
	a.count++
	a.last = len(a.r.out)
	a.height = max(a.height, a.r.expr(0, b).height)
}

// call parses ( arguments ) and, if suffix is set, WITHIN GROUP, FILTER and
// OVER. All operands become arguments of one emitted call.
func (r *Reader) call(f *ast.Func, suffix bool) node {
	at := len(r.out)
	if !r.enter() {
		return node{at: at}
	}
	defer r.leave()
	id := r.open(f)
	a := &args{r: r}
	if r.arguments(f, a) && suffix {
		r.suffixes(f, a)
	}
	r.emit(")")
	r.side[id].slots = funcSlots(f)
	return r.simple(at, r.taller(a.height, 0))
}

// funcSlots lists the places of f's operands in the order of the text.
func funcSlots(f *ast.Func) []*ast.Expr {
	slots := slotsOf(nil, f.Args)
	slots = orderSlots(slots, f.OrderBy)
	slots = orderSlots(slots, f.WithinGroup)
	if f.Filter != nil {
		slots = append(slots, &f.Filter)
	}
	if f.Over != nil {
		slots = windowSlots(slots, f.Over)
	}
	return slots
}

func orderSlots(slots []*ast.Expr, items []ast.OrderItem) []*ast.Expr {
	for i := range items {
		slots = append(slots, &items[i].X)
	}
	return slots
}

// arguments parses the parenthesized list.
func (r *Reader) arguments(f *ast.Func, a *args) bool {
	r.Expect("(")
	switch {
	case r.Accept(")"):
		return r.err == nil
	case r.Accept("*"):
		f.Star = true
		r.Expect(")")
		return r.err == nil
	case r.Accept("distinct"):
		f.Distinct = true
	case r.Accept("all"):
	}
	// VARIADIC ends the list and cannot follow ALL or DISTINCT.
	plain := !f.Distinct && !r.ts.T[r.i-1].Is("all")
	for ok := true; ok; ok = !f.Variadic && r.Accept(",") {
		if plain && r.Accept("variadic") {
			f.Variadic = true
		}
		r.argName(f, a.count)
		a.expr()
	}
	f.Args = make([]ast.Expr, a.count)
	if r.Accept("order") {
		r.Expect("by")
		f.OrderBy = r.orderItems(a)
	}
	r.Expect(")")
	return r.err == nil
}

// argName parses name => or name := before argument n.
func (r *Reader) argName(f *ast.Func, n int) {
	if op := r.PeekN(1); !(op.Is("=>") || op.Is(":=")) || !IsTypeFuncName(r.Tok()) {
		if f.ArgNames != nil {
			f.ArgNames = append(f.ArgNames, "")
		}
		return
	}
	for len(f.ArgNames) < n {
		f.ArgNames = append(f.ArgNames, "")
	}
	f.ArgNames = append(f.ArgNames, r.Tok().Val)
	r.Advance()
	r.Advance()
}

// suffixes parses WITHIN GROUP (…), FILTER (WHERE …), OVER ….
func (r *Reader) suffixes(f *ast.Func, a *args) {
	if r.At("within") {
		pos := r.Pos()
		r.Expect("within", "group", "(", "order", "by")
		f.WithinGroup = r.orderItems(a)
		r.Expect(")")
		switch {
		case len(f.OrderBy) > 0:
			r.Fail(syntaxAt(pos, "cannot use multiple ORDER BY clauses with WITHIN GROUP"))
		case f.Distinct:
			r.Fail(syntaxAt(pos, "cannot use DISTINCT with WITHIN GROUP"))
		case f.Variadic:
			r.Fail(syntaxAt(pos, "cannot use VARIADIC with WITHIN GROUP"))
		}
	}
	if r.At("filter") {
		r.Expect("filter", "(", "where")
		a.expr()
		f.Filter = pending
		r.Expect(")")
	}
	if r.At("over") {
		pos := r.Pos()
		r.Advance()
		if r.At("(") {
			f.Over = r.windowSpec(a)
		} else {
			f.Over = &ast.WindowSpec{Name: r.ColID(), Bare: true}
		}
		f.Over.Pos = pos
	}
}

// pending stands in a place that a slot will fill.
var pending ast.Expr = &ast.Literal{}
