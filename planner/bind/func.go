package bind

import (
	"errors"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// sqlForms are the functions written without parentheses whose name is another
// function's.
var sqlForms = map[string]string{
	"current_timestamp": "now", "current_role": "current_user", "user": "current_user", "current_catalog": "current_database",
}

// call binds everything that is written like a function.
func (b *binder) call(s *scope, x *ast.Func) (expr.Expr, error) {
	schema, name := splitFunc(x)
	if schema != "" && schema != "pg_catalog" && schema != "information_schema" {
		if !b.cat.HasSchema(schema) {
			return nil, pgerr.New(pgerr.InvalidSchemaName, "schema %q does not exist", schema).At(x.Position())
		}
		args, err := b.exprs(s, x.Args)
		if err != nil {
			return nil, err
		}
		return nil, noFunction(schema+"."+name, exprTypes(args), x.Position())
	}
	if x.ArgNames != nil {
		return nil, pgerr.Unsupported(x.Position(), "a call with named arguments")
	}
	if x.Variadic {
		return nil, pgerr.Unsupported(x.Position(), "VARIADIC in a call")
	}
	if e, done, err := b.specialForm(s, name, x); done || err != nil {
		return e, err
	}
	if x.Over != nil {
		return b.windowCall(s, name, x)
	}
	if isAggregate(name) || x.Star {
		return b.aggregate(s, name, x)
	}
	switch {
	case name == "row_number":
		return nil, pgerr.New(pgerr.WrongObjectType, "window function row_number requires an OVER clause").At(x.Position())
	case x.Distinct:
		return nil, pgerr.New(pgerr.WrongObjectType, "DISTINCT specified, but %s is not an aggregate function", name).At(x.Position())
	case len(x.OrderBy) > 0:
		return nil, pgerr.New(pgerr.WrongObjectType, "ORDER BY specified, but %s is not an aggregate function", name).At(x.Position())
	case x.Filter != nil:
		return nil, pgerr.New(pgerr.WrongObjectType, "FILTER specified, but %s is not an aggregate function", name).At(x.Position())
	case len(x.WithinGroup) > 0:
		return nil, pgerr.New(pgerr.WrongObjectType, "WITHIN GROUP specified, but %s is not an aggregate function", name).At(x.Position())
	}
	args, err := b.exprs(s, x.Args)
	if err != nil {
		return nil, err
	}
	if set := findSetFuncs(name); set != nil {
		return b.setCall(s, name, set, args, x.Position())
	}
	e, err := b.function(name, args, x.Position())
	if pe := (*pgerr.Error)(nil); errors.As(err, &pe) && schema != "" && pe.Code == pgerr.UndefinedFunction {
		pe.Message = strings.Replace(pe.Message, "function "+name+"(", "function "+schema+"."+name+"(", 1)
	}
	return e, err
}

func splitFunc(x *ast.Func) (schema, name string) {
	name = x.Name[len(x.Name)-1]
	if len(x.Name) > 1 {
		schema = strings.Join(x.Name[:len(x.Name)-1], ".")
	}
	return schema, name
}

func noFunction(name string, in []types.Type, pos int) error {
	return pgerr.New(pgerr.UndefinedFunction, "function %s(%s) does not exist", name, typeList(in)).
		WithHint("No function matches the given name and argument types. You might need to add explicit type casts.").At(pos)
}

// specialForm binds what looks like a call but is grammar.
func (b *binder) specialForm(s *scope, name string, x *ast.Func) (expr.Expr, bool, error) {
	pos := x.Position()
	switch name {
	case "default":
		if x.SQLForm {
			return nil, true, pgerr.New(pgerr.SyntaxError, "DEFAULT is not allowed in this context").At(pos)
		}
	case "coalesce":
		es, t, err := b.common(s, x, "COALESCE")
		if err != nil {
			return nil, true, err
		}
		return &expr.Coalesce{Args: es, T: t}, true, nil
	case "greatest", "least":
		es, t, err := b.common(s, x, strings.ToUpper(name))
		if err != nil {
			return nil, true, err
		}
		e, err := b.function(name, es, pos)
		if c, ok := e.(*expr.Call); ok && err == nil {
			c.T = t
		}
		return e, true, err
	case "nullif":
		e, err := b.nullIf(s, x)
		return e, true, err
	case "current_date", "localtimestamp":
		if x.SQLForm {
			e, err := b.function("now", nil, pos)
			if err != nil {
				return nil, true, err
			}
			t := types.Date
			if name == "localtimestamp" {
				t = types.Timestamp
			}
			e, err = b.castTo(e, t, pos)
			return e, true, err
		}
	case "grouping sets", "rollup", "cube", "grouping":
		return nil, true, pgerr.Unsupported(pos, "%s", strings.ToUpper(name))
	}
	if other, ok := sqlForms[name]; ok && x.SQLForm {
		e, err := b.function(other, nil, pos)
		return e, true, err
	}
	return nil, false, nil
}

// common binds the arguments of COALESCE, GREATEST and LEAST to one type.
func (b *binder) common(s *scope, x *ast.Func, what string) ([]expr.Expr, types.Type, error) {
	es, err := b.exprs(s, x.Args)
	if err != nil {
		return nil, types.Unknown, err
	}
	t, err := b.unify(es, what, func(i int) int { return start(x.Args[i]) })
	return es, t, err
}

// nullIf is CASE WHEN a = b THEN NULL ELSE a END with a as the comparison
// sees it.
func (b *binder) nullIf(s *scope, x *ast.Func) (expr.Expr, error) {
	if len(x.Args) != 2 {
		return nil, pgerr.New(pgerr.SyntaxError, "NULLIF requires two arguments").At(x.Position())
	}
	es, err := b.exprs(s, x.Args)
	if err != nil {
		return nil, err
	}
	eq, err := b.operate("=", es[0], es[1], x.Position())
	if err != nil {
		return nil, err
	}
	a := eq.(*expr.Call).Args[0]
	return &expr.Case{Whens: []expr.When{{Cond: eq, Then: &expr.Const{Value: delta.NullOf(a.Type())}}}, Else: a, T: a.Type()}, nil
}

// function binds a plain call to the best overload.
func (b *binder) function(name string, args []expr.Expr, pos int) (expr.Expr, error) {
	in := exprTypes(args)
	var cands []candidate
	for _, f := range expr.Functions(name) {
		if c, ok := expand(f, len(args)); ok {
			cands = append(cands, c)
		}
	}
	c, found := exact(cands, in)
	if !found {
		if e, ok, err := b.castCall(name, args, pos); ok || err != nil {
			return e, err
		}
		match := matching(cands, in)
		switch {
		case len(match) == 0:
			return nil, noFunction(name, in, pos)
		case len(match) == 1:
			c = match[0]
		default:
			p := choose(match, in)
			if p == nil {
				return nil, pgerr.New(pgerr.AmbiguousFunction, "function %s(%s) is not unique", name, typeList(in)).
					WithHint("Could not choose a best candidate function. You might need to add explicit type casts.").At(pos)
			}
			c = *p
		}
	}
	if err := b.allowedHere(name, c.fn, pos); err != nil {
		return nil, err
	}
	return b.callFunc(&c, args, pos)
}

// expand fits an overload to n arguments, repeating a variadic one.
func expand(f *expr.Func, n int) (candidate, bool) {
	if !f.Variadic {
		return candidate{args: f.Args, fn: f}, n == len(f.Args)
	}
	if n < len(f.Args) {
		return candidate{}, false
	}
	args := append([]types.Type(nil), f.Args...)
	for len(args) < n {
		args = append(args, f.Args[len(f.Args)-1])
	}
	return candidate{args: args, fn: f, variadic: true}, true
}

// castCall is f(x) for a type named f: a cast, when no function takes x as is.
// PostgreSQL has a function of that name for nearly every such cast.
func (b *binder) castCall(name string, args []expr.Expr, pos int) (expr.Expr, bool, error) {
	if len(args) != 1 {
		return nil, false, nil
	}
	t, ok := types.ByName(name)
	if !ok || t.Info().Name != name || t.IsArray() {
		return nil, false, nil
	}
	from := args[0].Type()
	if from.OID != types.OIDUnknown && from.OID != t.OID {
		if _, ok := findPath(from, t); !ok {
			return nil, false, nil
		}
	}
	e, err := b.castTo(args[0], t, pos)
	return e, true, err
}

// allowedHere refuses in a continuous plan what depends on the clock, on
// chance or on the session: its deltas would not be reproducible.
func (b *binder) allowedHere(name string, f *expr.Func, pos int) error {
	if !b.opts.Continuous() || f.Volatility == expr.Immutable || b.clock && f.ID == "now" {
		return nil
	}
	session := f.Volatility == expr.Volatile || len(f.Args) == 0
	for _, p := range []string{"pg_", "has_", "current_", "obj_description", "col_description", "to_reg", "format_type", "set_config"} {
		session = session || strings.HasPrefix(name, p)
	}
	if !session {
		return nil
	}
	return b.adHocOnly(pos, "function "+name+"()")
}
