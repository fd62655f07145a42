package grammar

import (
	"sync"

	"github.com/pingcap/tidb/pkg/parser"
	tidb "github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
)

// The grammar wants a driver for its literals. The text it is given has none, so
// a driver that makes nothing is enough.
func init() {
	tidb.NewValueExpr = func(any, string, string) tidb.ValueExpr { return nil }
	tidb.NewParamMarkerExpr = func(int) tidb.ParamMarkerExpr { return nil }
	tidb.NewDecimal = func(string) (any, error) { return nil, nil }
	tidb.NewHexLiteral = func(string) (any, error) { return nil, nil }
	tidb.NewBitLiteral = func(string) (any, error) { return nil, nil }
}

// parsers holds idle parsers: making one costs as much as a small statement.
var parsers = sync.Pool{New: func() any { return parser.New() }}

// maxPooledText bounds the text after which a parser goes back to the pool, lest
// a huge statement's stacks stay for ever.
const maxPooledText = 1 << 20

// parseText runs the grammar over one statement and gives the tree to convert.
// A parser keeps pointers into the tree it made last and, when it begins
// another, writes positions through them: so it goes back to the pool only after
// convert has read the tree.
func parseText(text string, convert func(tidb.StmtNode)) (err *pgerr.Error) {
	p := parsers.Get().(*parser.Parser)
	defer func() {
		// A panic of the grammar is a defect, not a reason to stop the engine;
		// the parser that panicked is dropped.
		if e := recover(); e != nil {
			err = pgerr.Internal("the grammar failed: %v", e)
		}
	}()
	stmts, _, perr := p.ParseSQL(text)
	if perr != nil || len(stmts) != 1 {
		parsers.Put(p)
		return pgerr.Internal("the grammar refused a desugared text")
	}
	convert(stmts[0])
	if len(text) <= maxPooledText {
		parsers.Put(p)
	}
	return nil
}

// Expr parses an expression.
func (r *Reader) Expr() ast.Expr { return r.oneExpr(false) }

// BExpr parses gram.y's b_expr, as after DEFAULT of a column.
func (r *Reader) BExpr() ast.Expr { return r.oneExpr(true) }

func (r *Reader) oneExpr(b bool) ast.Expr {
	var x ast.Expr
	r.run(func() {
		id := r.open(carrier{})
		r.side[id].slots = []*ast.Expr{&x}
		r.expr(0, b)
		r.emit(")")
	}, func(c *converter, s *tidb.SelectStmt) {
		c.expr(s.Fields.Fields[0].Expr)
	})
	return x
}

// Exprs parses a comma list of expressions.
func (r *Reader) Exprs() []ast.Expr {
	var list []ast.Expr
	r.run(func() {
		id := r.open(carrier{})
		a := &args{r: r}
		for ok := true; ok; ok = r.Accept(",") {
			a.expr()
		}
		r.emit(")")
		list = make([]ast.Expr, a.count)
		r.side[id].slots = slotsOf(nil, list)
	}, func(c *converter, s *tidb.SelectStmt) {
		c.expr(s.Fields.Fields[0].Expr)
	})
	return list
}

// Items parses a select list, as after RETURNING.
func (r *Reader) Items() []ast.SelectItem {
	var items []ast.SelectItem
	r.run(func() {
		r.leaf(carrier{})
		items, _ = r.items(true, 0)
	}, func(c *converter, s *tidb.SelectStmt) {
		c.items(items, s.Fields.Fields[1:])
	})
	return items
}

// FromList parses the comma list after FROM or USING.
func (r *Reader) FromList() []ast.TableExpr {
	var list []ast.TableExpr
	r.run(func() {
		r.leaf(carrier{})
		r.emit("FROM")
		r.fromList()
	}, func(c *converter, s *tidb.SelectStmt) {
		list = c.fromList(s.From)
	})
	return list
}

// Query parses a query.
func (r *Reader) Query() *ast.Query {
	var q *ast.Query
	r.run(func() {
		r.open(carrier{})
		r.emit("(")
		r.query()
		r.emit(")")
		r.emit(")")
	}, func(c *converter, s *tidb.SelectStmt) {
		call, ok := s.Fields.Fields[0].Expr.(*tidb.FuncCallExpr)
		if !ok {
			c.fail(s)
			return
		}
		q = c.subquery(call.Args[0])
	})
	return q
}

// run builds one piece with emit, gives it to the grammar and hands the result
// to convert. After an error neither the grammar nor convert runs.
func (r *Reader) run(emit func(), convert func(*converter, *tidb.SelectStmt)) {
	r.reset()
	r.emit("SELECT")
	emit()
	if r.err != nil {
		return
	}
	text, marks := r.render()
	c := &converter{side: r.side, marks: marks}
	err := parseText(text, func(stmt tidb.StmtNode) {
		if s, ok := stmt.(*tidb.SelectStmt); ok {
			convert(c, s)
		} else {
			c.fail(stmt)
		}
	})
	if err != nil {
		r.Fail(err)
		return
	}
	if c.err != nil {
		r.Fail(c.err)
	}
	if cap(r.out) > maxKept {
		r.piece = piece{}
	}
}

// maxKept bounds the tokens whose memory a Reader keeps for its next piece.
const maxKept = 1 << 16
