package grammar

import (
	"strconv"

	tidb "github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/opcode"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
)

// converter folds the grammar's tree into ours.
type converter struct {
	side  []entry
	marks []mark
	err   *pgerr.Error
}

// fail records that the grammar's tree is not what the desugared text meant.
func (c *converter) fail(n any) ast.Expr {
	if c.err == nil {
		c.err = pgerr.Internal("the grammar returned an unexpected %T", n)
	}
	return &ast.Literal{}
}

// entry is the side table's entry of a name.
func (c *converter) entry(name string) *entry {
	if len(name) > 1 && name[0] == 'k' {
		if i, err := strconv.Atoi(name[1:]); err == nil && i >= 0 && i < len(c.side) {
			return &c.side[i]
		}
	}
	c.fail(name)
	return &entry{}
}

// lookup is the entry that n, a name or a call, stands for. A call's arguments
// are converted into their places.
func (c *converter) lookup(n tidb.ExprNode) *entry {
	switch x := n.(type) {
	case *tidb.ColumnNameExpr:
		if x.Name.Table.O == "" {
			return c.entry(x.Name.Name.O)
		}
	case *tidb.FuncCallExpr:
		e := c.entry(x.FnName.O)
		if e.query != nil {
			if len(x.Args) == 1 {
				*e.query = c.subquery(x.Args[0])
				return e
			}
		} else if len(x.Args) == len(e.slots) {
			for i, a := range x.Args {
				*e.slots[i] = c.expr(a)
			}
			return e
		}
	}
	c.fail(n)
	return &entry{}
}

func (c *converter) expr(n tidb.ExprNode) ast.Expr {
	switch x := n.(type) {
	case *tidb.ColumnNameExpr, *tidb.FuncCallExpr:
		e := c.lookup(x)
		switch node := e.node.(type) {
		case carrier:
			return pending
		case operator, anyOf, *selectInfo, table, *ast.Join:
			return c.fail(node)
		case ast.Expr:
			return node
		}
	case *tidb.ParenthesesExpr:
		return c.expr(x.Expr)
	case *tidb.BinaryOperationExpr:
		return c.binary(x)
	case *tidb.UnaryOperationExpr:
		return c.unary(x)
	case *tidb.PatternInExpr:
		return c.in(x)
	case *tidb.PatternLikeOrIlikeExpr:
		e := c.lookup(x.Pattern)
		switch l := e.node.(type) {
		case *ast.Like:
			l.X = c.expr(x.Expr)
			return l
		case anyOf:
			return c.setAny(l, x.Expr)
		}
	case *tidb.BetweenExpr:
		if b, ok := c.lookup(x.Left).node.(*ast.Between); ok {
			b.X, b.Hi = c.expr(x.Expr), c.expr(x.Right)
			return b
		}
	case *tidb.CaseExpr:
		return c.caseExpr(x)
	case *tidb.SubqueryExpr:
		pos := markAt(c.marks, x.OriginTextPosition())
		return &ast.Subquery{Pos: pos, Kind: ast.ScalarSubquery, Query: c.subquery(x)}
	}
	return c.fail(n)
}

var arithmetic = map[opcode.Op]string{
	opcode.Plus: "+", opcode.Minus: "-", opcode.Mul: "*", opcode.Div: "/", opcode.Mod: "%", opcode.Xor: "^",
	opcode.EQ: "=", opcode.NE: "<>", opcode.LT: "<", opcode.GT: ">", opcode.LE: "<=", opcode.GE: ">=",
}

func (c *converter) binary(x *tidb.BinaryOperationExpr) ast.Expr {
	pos := markBefore(c.marks, x.R.OriginTextPosition())
	switch x.Op {
	case opcode.LogicAnd:
		return &ast.And{Pos: pos, L: c.expr(x.L), R: c.expr(x.R)}
	case opcode.LogicOr:
		return &ast.Or{Pos: pos, L: c.expr(x.L), R: c.expr(x.R)}
	case opcode.NullEQ:
		return c.is(x)
	case opcode.Or:
		// l | op | r is (l | op) | r.
		left, ok := x.L.(*tidb.BinaryOperationExpr)
		if !ok || left.Op != opcode.Or {
			return c.fail(x)
		}
		op, ok := c.lookup(left.R).node.(operator)
		if !ok {
			return c.fail(x)
		}
		return c.operation(op.Pos, op.op, left.L, x.R)
	}
	name, ok := arithmetic[x.Op]
	if !ok {
		return c.fail(x)
	}
	return c.operation(pos, ast.Operator{Name: name}, x.L, x.R)
}

// operation makes l op r, where r may be ANY (…).
func (c *converter) operation(pos ast.Pos, op ast.Operator, l, r tidb.ExprNode) ast.Expr {
	if call, ok := r.(*tidb.FuncCallExpr); ok {
		if a, ok := c.entry(call.FnName.O).node.(anyOf); ok {
			c.lookup(r)
			return c.setAny(a, l)
		}
	}
	return &ast.Binary{Pos: pos, Op: op, L: c.expr(l), R: c.expr(r)}
}

func (c *converter) setAny(a anyOf, l tidb.ExprNode) ast.Expr {
	switch n := a.node.(type) {
	case *ast.AnyArray:
		n.X = c.expr(l)
	case *ast.Subquery:
		n.X = c.expr(l)
	}
	return a.node
}

func (c *converter) is(x *tidb.BinaryOperationExpr) ast.Expr {
	e := c.lookup(x.R)
	switch n := e.node.(type) {
	case *ast.IsTest:
		n.X = c.expr(x.L)
		return n
	case *ast.IsDistinct:
		n.L = c.expr(x.L)
		return n
	}
	return c.fail(x)
}

func (c *converter) unary(x *tidb.UnaryOperationExpr) ast.Expr {
	pos := markAt(c.marks, x.OriginTextPosition())
	v := c.expr(x.V)
	switch x.Op {
	case opcode.Not:
		return &ast.Not{Pos: pos, X: v}
	case opcode.Minus:
		// As PostgreSQL's doNegate: the sign is part of a constant.
		if l, ok := v.(*ast.Literal); ok && (l.Kind == ast.Integer || l.Kind == ast.Decimal) {
			neg := "-" + l.Text
			if l.Text[0] == '-' {
				neg = l.Text[1:]
			}
			return &ast.Literal{Pos: pos, Kind: numberKind(neg), Text: neg}
		}
		return &ast.Unary{Pos: pos, Op: ast.Operator{Name: "-"}, X: v}
	case opcode.Plus:
		return &ast.Unary{Pos: pos, Op: ast.Operator{Name: "+"}, X: v}
	}
	return c.fail(x)
}

func (c *converter) in(x *tidb.PatternInExpr) ast.Expr {
	if len(x.List) < 2 {
		return c.fail(x)
	}
	switch n := c.lookup(x.List[0]).node.(type) {
	case *ast.InList:
		n.X = c.expr(x.Expr)
		n.List = make([]ast.Expr, len(x.List)-1)
		for i, e := range x.List[1:] {
			n.List[i] = c.expr(e)
		}
		return n
	case *ast.Subquery:
		n.X = c.expr(x.Expr)
		n.Query = c.subquery(x.List[1])
		return n
	}
	return c.fail(x)
}

func (c *converter) caseExpr(x *tidb.CaseExpr) ast.Expr {
	n := &ast.Case{Pos: markAt(c.marks, x.OriginTextPosition())}
	if x.Value != nil {
		n.Operand = c.expr(x.Value)
	}
	for _, w := range x.WhenClauses {
		n.Whens = append(n.Whens, ast.When{Cond: c.expr(w.Expr), Then: c.expr(w.Result)})
	}
	if x.ElseClause != nil {
		n.Else = c.expr(x.ElseClause)
	}
	return n
}
