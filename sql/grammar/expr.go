package grammar

import (
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/lex"
)

// Precedences of PostgreSQL's gram.y, loosest first.
const (
	precOr = iota + 1
	precAnd
	precNot
	precIs
	precCompare
	precLike // BETWEEN IN LIKE ILIKE SIMILAR
	precOp   // any operator without a line of its own
	precAdd
	precMul
	precPow
	precAt
	precCollate
	precUnary
	precCast
)

// Levels of the MySQL grammar's productions: what may stand where without
// parentheses.
const (
	levelOr = iota + 1
	levelAnd
	levelNot
	levelBool // BoolPri: comparisons
	levelPred // PredicateExpr: IN, LIKE, BETWEEN
	levelOp   // BitExpr: | and what binds tighter
	levelAdd
	levelMul
	levelPow
	levelSimple // SimpleExpr
)

// node is what one of the expression functions emitted.
type node struct {
	at     int // index of its first output token
	level  int // production of the MySQL grammar
	height int
	row    *ast.Row // it is a row constructor
}

func (r *Reader) simple(at, height int) node {
	return node{at: at, level: levelSimple, height: height}
}

// need encloses n in parentheses if the grammar would not take it at level.
func (r *Reader) need(n node, level int) {
	if n.level < level {
		r.group(n.at)
	}
}

// operand parses a right operand of precedence min and encloses it if needed.
func (r *Reader) operand(min, level int, b bool) node {
	n := r.expr(min, b)
	r.need(n, level)
	return n
}

// expr desugars an a_expr (b_expr when b is set: no AND, OR, NOT, IN, LIKE,
// BETWEEN, COLLATE, AT or IS but DISTINCT FROM) of operators that bind at least
// as tightly as min.
//
// The loop does what yacc does with %left and %nonassoc: a construct that ends
// with a token of its own (IS NULL, IN (…), ::type) is complete whatever comes
// next, so any operator may follow; one that ends with an operand forbids
// another of the same non-associative precedence.
func (r *Reader) expr(min int, b bool) node {
	if !r.enter() {
		return node{at: len(r.out)}
	}
	defer r.leave()
	left := r.prefix(b)
	nonassoc := 0
	for r.err == nil {
		prec, not := r.infix(b)
		if prec == 0 || prec < min || r.depth == r.itemDepth && prec != nonassoc && r.wordIsLabel() {
			break
		}
		if prec == nonassoc {
			r.Unexpected()
			break
		}
		nonassoc = 0
		switch prec {
		case precOr, precAnd:
			left = r.logical(left, prec)
		case precIs:
			left, nonassoc = r.is(left, b)
		case precCompare, precOp, precAdd, precMul, precPow:
			left, nonassoc = r.binary(left, prec, b)
		case precLike:
			left, nonassoc = r.predicate(left, not)
		case precAt:
			left = r.atTimeZone(left)
		case precCollate:
			left = r.collate(left)
		case precCast:
			left = r.castSuffix(left)
		}
	}
	return left
}

// infix is the precedence of the current token as an operator after an
// operand, 0 if it is none; not: it is NOT before LIKE, IN or BETWEEN.
func (r *Reader) infix(b bool) (prec int, not bool) {
	t := r.Tok()
	switch t.Kind {
	case lex.Op:
		return precOp, false
	case lex.Punct:
		switch t.Val {
		case "<", ">", "=", "<=", ">=", "<>":
			return precCompare, false
		case "+", "-":
			return precAdd, false
		case "*", "/", "%":
			return precMul, false
		case "^":
			return precPow, false
		case "::":
			return precCast, false
		}
	case lex.Ident:
		switch t.Val {
		case "operator":
			// Only a select item may have it as a label.
			if r.PeekN(1).Is("(") || r.depth != r.itemDepth {
				return precOp, false
			}
		case "is":
			return precIs, false
		}
		if b {
			return 0, false
		}
		switch t.Val {
		case "and":
			return precAnd, false
		case "or":
			return precOr, false
		case "isnull", "notnull":
			return precIs, false
		case "like", "ilike", "in", "between":
			return precLike, false
		case "similar":
			if r.PeekN(1).Is("to") { // else of SUBSTRING(… SIMILAR …)
				return precLike, false
			}
		case "overlaps":
			return precLike, false
		case "not":
			if r.notLookahead() {
				return precLike, true
			}
		case "collate":
			return precCollate, false
		case "at":
			return precAt, false
		}
	}
	return 0, false
}

// wordIsLabel reports whether the current word, although an operator, labels the
// select item that ends here: SELECT a IS, b LIKE FROM t.
func (r *Reader) wordIsLabel() bool {
	t, next := r.Tok(), r.PeekN(1)
	return t.Kind == lex.Ident && t.BareLabel() &&
		(next.Kind == lex.EOF || next.Is(",") || next.Is(")") || next.Is(";") || next.Is("from") || next.Is("where"))
}

// notLookahead: NOT that belongs to the predicate behind it (gram.y's NOT_LA).
func (r *Reader) notLookahead() bool {
	t := r.PeekN(1)
	if t.Kind != lex.Ident {
		return false
	}
	switch t.Val {
	case "between", "in", "like", "ilike", "similar":
		return true
	}
	return false
}

// prefix parses a prefix operator and its operand, or a primary.
func (r *Reader) prefix(b bool) node {
	t, pos, at := r.Tok(), r.Pos(), len(r.out)
	switch {
	case t.Kind == lex.Ident && t.Val == "not" && !b:
		r.Advance()
		r.emitAt("NOT", pos)
		n := r.operand(precNot, levelNot, false)
		return node{at: at, level: levelNot, height: r.taller(n.height, 0)}
	case t.Is("+"), t.Is("-"):
		r.Advance()
		r.emitAt(t.Val, pos)
		n := r.expr(precUnary, b)
		r.need(n, levelSimple)
		return r.simple(at, r.taller(n.height, 0))
	case t.Kind == lex.Op, t.Is("operator") && r.PeekN(1).Is("("):
		u := &ast.Unary{Pos: pos, Op: r.operatorName()}
		id := r.open(u)
		r.side[id].slots = []*ast.Expr{&u.X}
		n := r.expr(precOp+1, b)
		r.emit(")")
		return r.simple(at, r.taller(n.height, 0))
	}
	return r.primary()
}

// operatorName reads an operator: its text or OPERATOR(schema.op).
func (r *Reader) operatorName() ast.Operator {
	if t := r.Tok(); !t.Is("operator") {
		r.Advance()
		return ast.Operator{Name: t.Val}
	}
	r.Expect("operator", "(")
	var op ast.Operator
	for IsColID(r.Tok()) && r.err == nil {
		op.Schema = r.ColID()
		r.Expect(".")
	}
	t := r.Tok()
	if !isAnyOp(t) {
		r.Unexpected()
		return op
	}
	op.Name = t.Val
	r.Advance()
	r.Expect(")")
	return op
}

func isAnyOp(t *lex.Token) bool {
	if t.Kind == lex.Op {
		return true
	}
	if t.Kind != lex.Punct {
		return false
	}
	switch t.Val {
	case "+", "-", "*", "/", "%", "^", "<", ">", "=", "<=", ">=", "<>":
		return true
	}
	return false
}

func (r *Reader) logical(left node, prec int) node {
	text, level := "AND", levelAnd
	if prec == precOr {
		text, level = "OR", levelOr
	}
	r.need(left, level)
	r.emitAt(text, r.Pos())
	r.Advance()
	right := r.operand(prec+1, level+1, false)
	return node{at: left.at, level: level, height: r.taller(left.height, right.height)}
}

// binaryLevel is the MySQL grammar's level of the binary operators.
var binaryLevel = [...]int{precCompare: levelBool, precOp: levelOp, precAdd: levelAdd, precMul: levelMul, precPow: levelPow}

// binary parses the rest of left OP right and left OP ANY (…).
func (r *Reader) binary(left node, prec int, b bool) (node, int) {
	level := binaryLevel[prec]
	r.need(left, level)
	pos := r.Pos()
	op := r.operatorName()
	if prec == precOp {
		r.emit("|")
		r.leaf(operator{pos, op})
		r.emitAt("|", pos)
	} else {
		r.emitAt(op.Name, pos)
	}
	res := node{at: left.at, level: level}
	if r.atAny() {
		h := r.anyOperand(pos, op)
		res.height = r.taller(left.height, h)
		return res, 0
	}
	right := r.operand(prec+1, level+1, b)
	res.height = r.taller(left.height, right.height)
	if prec == precCompare {
		return res, precCompare
	}
	return res, 0
}

// atTimeZone parses left AT TIME ZONE zone: timezone(zone, left).
func (r *Reader) atTimeZone(left node) node {
	f := &ast.Func{Pos: r.Pos(), Name: []string{"timezone"}, Args: make([]ast.Expr, 2)}
	r.Expect("at", "time", "zone")
	r.wrapCall(left.at, f, &f.Args[1], &f.Args[0])
	r.emit(",")
	right := r.expr(precAt+1, false)
	r.emit(")")
	return r.simple(left.at, r.taller(left.height, right.height))
}

func (r *Reader) collate(left node) node {
	c := &ast.Collate{Pos: r.Pos()}
	r.Expect("collate")
	c.Name = []string{r.ColID()}
	for r.Accept(".") {
		c.Name = append(c.Name, r.ColLabel())
	}
	r.wrapCall(left.at, c, &c.X)
	r.emit(")")
	return r.simple(left.at, r.taller(left.height, 0))
}

func (r *Reader) castSuffix(left node) node {
	c := &ast.Cast{Pos: r.Pos()}
	r.Advance()
	c.Type = r.TypeName()
	r.wrapCall(left.at, c, &c.X)
	r.emit(")")
	return r.simple(left.at, r.taller(left.height, 0))
}
