package bind

import "github.com/heliosdb/heliosdb-streaming/sql/ast"

// start is where PostgreSQL says that an expression is (exprLocation): where its
// leftmost part begins for operators, calls and tests, its own token for the
// rest.
func start(x ast.Expr) int {
	pos := x.Position()
	low := func(es ...ast.Expr) int {
		for _, e := range es {
			if e == nil {
				continue
			}
			if p := start(e); p > 0 && (pos == 0 || p < pos) {
				pos = p
			}
		}
		return pos
	}
	switch x := x.(type) {
	case *ast.Binary:
		return low(x.L, x.R)
	case *ast.Unary:
		return low(x.X)
	case *ast.And:
		return low(x.L, x.R)
	case *ast.Or:
		return low(x.L, x.R)
	case *ast.Cast:
		return low(x.X)
	case *ast.IsTest:
		return low(x.X)
	case *ast.IsDistinct:
		return low(x.L, x.R)
	case *ast.Between:
		return low(x.X)
	case *ast.InList:
		return low(x.X)
	case *ast.Like:
		return low(x.X)
	case *ast.AnyArray:
		return low(x.X)
	case *ast.Subscript:
		return low(x.X)
	case *ast.Field:
		return low(x.X)
	case *ast.Collate:
		return low(x.X)
	case *ast.Subquery:
		return low(x.X)
	}
	return pos
}
