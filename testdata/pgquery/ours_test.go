package pgquery

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/sql/ast"
)

// ours writes a node of our tree in the common form.
type ours struct{}

func pos(n interface{ Position() int }) string { return fmt.Sprintf("@%d", n.Position()) }

func (w ours) list(xs []ast.Expr) string {
	var out []string
	for _, x := range xs {
		out = append(out, w.expr(x))
	}
	return "[" + join(out) + "]"
}

// flat takes apart a chain that PostgreSQL keeps as one list; its position is
// that of the innermost operator.
func (w ours) flat(x ast.Expr) (list []ast.Expr, at int) {
	switch n := x.(type) {
	case *ast.And:
		if l, ok := n.L.(*ast.And); ok {
			list, at = w.flat(l)
			return append(list, n.R), at
		}
		return []ast.Expr{n.L, n.R}, n.Position()
	case *ast.Or:
		if l, ok := n.L.(*ast.Or); ok {
			list, at = w.flat(l)
			return append(list, n.R), at
		}
		return []ast.Expr{n.L, n.R}, n.Position()
	}
	return nil, 0
}

func op(o ast.Operator) string {
	if o.Schema != "" {
		return o.Schema + "." + o.Name
	}
	return o.Name
}

func (w ours) expr(x ast.Expr) string {
	switch n := x.(type) {
	case nil:
		return "-"
	case *ast.Literal:
		return w.literal(n)
	case *ast.ColumnRef:
		names := n.Names
		if n.Star {
			names = append(names[:len(names):len(names)], "*")
		}
		return "(col" + pos(n) + " " + strings.Join(names, ".") + ")"
	case *ast.Param:
		return fmt.Sprintf("(param %d)", n.N)
	case *ast.TypedLiteral:
		t := w.typ(n.Type)
		if t == "bit" {
			return "(cast" + pos(n) + " bit " + fmt.Sprintf("%q", n.Text) + ")"
		}
		return "(cast " + t + " (const " + fmt.Sprintf("%q", n.Text) + "))"
	case *ast.Cast:
		loc := pos(n)
		switch n.X.(type) {
		case *ast.Literal:
			loc = ""
		}
		return "(cast" + loc + " " + w.typ(n.Type) + " " + w.expr(n.X) + ")"
	case *ast.Unary:
		return "(op" + pos(n) + " " + op(n.Op) + " " + w.expr(n.X) + ")"
	case *ast.Binary:
		return "(op" + pos(n) + " " + op(n.Op) + " " + w.expr(n.L) + " " + w.expr(n.R) + ")"
	case *ast.And:
		l, at := w.flat(n)
		return fmt.Sprintf("(and@%d %s)", at, w.list(l))
	case *ast.Or:
		l, at := w.flat(n)
		return fmt.Sprintf("(or@%d %s)", at, w.list(l))
	case *ast.Not:
		return "(not" + pos(n) + " [" + w.expr(n.X) + "])"
	case *ast.IsTest:
		if n.What == ast.IsNull {
			return fmt.Sprintf("(isnull%s %v %s)", pos(n), n.Not, w.expr(n.X))
		}
		return fmt.Sprintf("(is%s %s %v %s)", pos(n), n.What, n.Not, w.expr(n.X))
	case *ast.IsDistinct:
		return fmt.Sprintf("(distinct%s %v %s %s)", pos(n), n.Not, w.expr(n.L), w.expr(n.R))
	case *ast.Between:
		return fmt.Sprintf("(between%s %v %v %s %s %s)", pos(n), n.Not, n.Sym, w.expr(n.X), w.expr(n.Lo), w.expr(n.Hi))
	case *ast.InList:
		return fmt.Sprintf("(in%s %v %s %s)", pos(n), n.Not, w.expr(n.X), w.list(n.List))
	case *ast.Like:
		return fmt.Sprintf("(like%s %d %v %s %s %s)", pos(n), n.Kind, n.Not, w.expr(n.X), w.expr(n.Pattern), w.expr(n.Escape))
	case *ast.Case:
		var whens []string
		for _, a := range n.Whens {
			whens = append(whens, w.expr(a.Cond)+" "+w.expr(a.Then))
		}
		return "(case" + pos(n) + " " + w.expr(n.Operand) + " [" + join(whens) + "] " + w.expr(n.Else) + ")"
	case *ast.Func:
		return w.call(n)
	case *ast.Array:
		return "(array" + pos(n) + " " + w.list(n.Elems) + ")"
	case *ast.Row:
		return "(row" + pos(n) + " " + w.list(n.Elems) + ")"
	case *ast.Subscript:
		return fmt.Sprintf("(sub %v %s %s %s)", n.Slice, w.expr(n.X), w.expr(n.Lo), w.expr(n.Hi))
	case *ast.Field:
		if n.Star {
			return "(field * " + w.expr(n.X) + ")"
		}
		return "(field " + n.Name + " " + w.expr(n.X) + ")"
	case *ast.Collate:
		return "(collate" + pos(n) + " " + strings.Join(n.Name, ".") + " " + w.expr(n.X) + ")"
	case *ast.AnyArray:
		kind := "any"
		if n.All {
			kind = "all"
		}
		return "(" + kind + pos(n) + " " + op(n.Op) + " " + w.expr(n.X) + " " + w.expr(n.Array) + ")"
	case *ast.Subquery:
		return w.subquery(n)
	}
	return fmt.Sprintf("(unknown %T)", x)
}

func (w ours) literal(n *ast.Literal) string {
	v := "null"
	switch n.Kind {
	case ast.True:
		v = "true"
	case ast.False:
		v = "false"
	case ast.String:
		v = fmt.Sprintf("%q", n.Text)
	case ast.Integer, ast.Decimal:
		v = n.Text
		if i, err := strconv.ParseInt(v, 10, 32); err == nil {
			v = fmt.Sprint(i)
		}
	}
	return "(const" + pos(n) + " " + v + ")"
}

var typeNames = map[string]string{"int": "int4", "integer": "int4", "smallint": "int2", "bigint": "int8", "real": "float4", "double precision": "float8",
	"boolean": "bool", "character": "bpchar", "timestamp with time zone": "timestamptz", "time with time zone": "timetz", "bit varying": "varbit"}

func (w ours) typ(t ast.TypeName) string {
	s := bare(strings.Join(t.Names, "."))
	if n, ok := typeNames[s]; ok && len(t.Names) == 1 {
		s = n
	}
	if s != "interval" && s != "bpchar" && s != "bit" && len(t.Mods) > 0 {
		var mods []string
		for _, m := range t.Mods {
			mods = append(mods, fmt.Sprint(m))
		}
		s += "(" + strings.Join(mods, ",") + ")"
	}
	return s + strings.Repeat("[]", t.Array)
}

func (w ours) call(f *ast.Func) string {
	if f.SQLForm {
		return "(value" + pos(f) + " " + f.Name[0] + ")"
	}
	s := "(func" + pos(f) + " " + bare(strings.Join(f.Name, "."))
	if f.Star {
		s += " *"
	}
	if f.Distinct {
		s += " distinct"
	}
	if f.Variadic {
		s += " variadic"
	}
	var args []string
	for i, a := range f.Args {
		t := w.expr(a)
		if i < len(f.ArgNames) && f.ArgNames[i] != "" {
			t = "(named " + f.ArgNames[i] + " " + t + ")"
		}
		args = append(args, t)
	}
	s += " [" + join(args) + "]"
	if len(f.OrderBy) > 0 {
		s += " order " + w.order(f.OrderBy)
	}
	if len(f.WithinGroup) > 0 {
		s += " within " + w.order(f.WithinGroup)
	}
	if f.Filter != nil {
		s += " filter " + w.expr(f.Filter)
	}
	if f.Over != nil {
		s += " over " + w.window(f.Over)
	}
	return s + ")"
}

func (w ours) window(d *ast.WindowSpec) string {
	var start, end ast.Expr
	if d.Frame != nil {
		start, end = d.Frame.Start.Offset, d.Frame.End.Offset
	}
	return "(" + d.Name + " " + w.list(d.PartitionBy) + " " + w.order(d.OrderBy) + " " + w.expr(start) + " " + w.expr(end) + ")"
}

func (w ours) order(items []ast.OrderItem) string {
	var out []string
	for _, o := range items {
		nulls := ""
		if o.NullsFirst != nil {
			nulls = map[bool]string{true: " first", false: " last"}[*o.NullsFirst]
		}
		out = append(out, fmt.Sprintf("(by %v %s%s %s)", o.Desc, o.Using, nulls, w.expr(o.X)))
	}
	return "[" + join(out) + "]"
}

func (w ours) subquery(n *ast.Subquery) string {
	q := w.query(n.Query)
	switch n.Kind {
	case ast.ExistsSubquery:
		return "(exists" + pos(n) + " " + q + ")"
	case ast.ArraySubquery:
		return "(arrayq" + pos(n) + " " + q + ")"
	case ast.AnySubquery:
		return "(anyq" + pos(n) + " " + op(n.Op) + " " + w.expr(n.X) + " " + q + ")"
	case ast.AllSubquery:
		return "(allq" + pos(n) + " " + op(n.Op) + " " + w.expr(n.X) + " " + q + ")"
	}
	return "(scalar" + pos(n) + " " + q + ")"
}

func (w ours) query(q *ast.Query) string {
	out := "(query"
	if len(q.With) > 0 {
		out += fmt.Sprintf(" with %v", q.Recursive)
		for _, c := range q.With {
			out += " (" + c.Name + " " + strings.Join(c.Columns, ".") + " " + w.query(c.Query) + ")"
		}
	}
	out += " " + w.body(q.Body)
	if len(q.OrderBy) > 0 {
		out += " order " + w.order(q.OrderBy)
	}
	if l, ok := q.Limit.(*ast.Literal); q.Limit != nil && !(ok && l.Kind == ast.Null) {
		out += " limit " + w.expr(q.Limit)
	}
	if q.Offset != nil {
		out += " offset " + w.expr(q.Offset)
	}
	return out + ")"
}

func (w ours) setExpr(s ast.SetExpr) string {
	if q, ok := s.(*ast.Query); ok {
		return w.query(q)
	}
	return "(query " + w.body(s) + ")"
}

func (w ours) body(s ast.SetExpr) string {
	switch n := s.(type) {
	case *ast.SetOp:
		return fmt.Sprintf("(%s %v %s %s)", n.Op, n.All, w.setExpr(n.L), w.setExpr(n.R))
	case *ast.Values:
		var rows []string
		for _, r := range n.Rows {
			rows = append(rows, w.list(r))
		}
		return "(values [" + join(rows) + "])"
	case *ast.Select:
		return w.sel(n)
	}
	return fmt.Sprintf("(unknown %T)", s)
}

func (w ours) sel(s *ast.Select) string {
	out := "(select"
	if s.Distinct {
		out += " distinct"
		if len(s.DistinctOn) > 0 {
			out += w.list(s.DistinctOn)
		}
	}
	var items, from []string
	for _, it := range s.Items {
		items = append(items, "(as"+pos(it)+" "+it.Alias+" "+w.expr(it.X)+")")
	}
	for _, t := range s.From {
		from = append(from, w.table(t))
	}
	out += " [" + join(items) + "] from [" + join(from) + "] where " + w.expr(s.Where) + " group " + w.list(s.GroupBy) + " having " + w.expr(s.Having)
	for _, d := range s.Windows {
		out += " window " + d.Name + " " + w.window(d.Spec)
	}
	return out + ")"
}

func (w ours) alias(a *ast.Alias) string {
	if a == nil {
		return ""
	}
	return " as " + a.Name + "(" + strings.Join(a.Columns, ".") + ")"
}

func (w ours) table(t ast.TableExpr) string {
	switch n := t.(type) {
	case *ast.TableName:
		name := n.Name
		if n.Schema != "" {
			name = n.Schema + "." + name
		}
		return fmt.Sprintf("(table%s %s %v%s)", pos(n), name, n.Only, w.alias(n.Alias))
	case *ast.Derived:
		return fmt.Sprintf("(derived %v %s%s)", n.Lateral, w.query(n.Query), w.alias(n.Alias))
	case *ast.TableFunc:
		return fmt.Sprintf("(tablefunc %v %v %s%s)", n.Lateral, n.Ordinality, w.expr(n.Func), w.alias(n.Alias))
	case *ast.Join:
		return fmt.Sprintf("(join %s %v %s %s %s %s%s)", n.Kind, n.Natural, w.table(n.L), w.table(n.R), strings.Join(n.Using, "."), w.expr(n.On), w.alias(n.Alias))
	}
	return fmt.Sprintf("(unknown %T)", t)
}
