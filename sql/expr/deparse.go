package expr

import (
	"math"
	"strconv"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// String writes e the way EXPLAIN of PostgreSQL does: operators in
// parentheses, constants other than plain numbers and booleans with a cast.
func String(e Expr) string {
	var b strings.Builder
	deparse(&b, e)
	return b.String()
}

func deparse(b *strings.Builder, e Expr) {
	switch e := e.(type) {
	case nil:
		b.WriteString("NULL")
	case *Column:
		writeName(b, e.Name, "$col", e.Index)
	case *Outer:
		writeName(b, e.Name, "$outer", e.Index)
	case *Param:
		b.WriteString("$" + strconv.Itoa(e.N))
	case *Const:
		b.WriteString(constText(e.Value))
	case *Call:
		deparseCall(b, e)
	case *And:
		deparseList(b, "(", e.Args, " AND ", ")")
	case *Or:
		deparseList(b, "(", e.Args, " OR ", ")")
	case *Not:
		b.WriteString("(NOT ")
		deparse(b, e.X)
		b.WriteString(")")
	case *IsNull:
		b.WriteString("(")
		deparse(b, e.X)
		b.WriteString(" IS NULL)")
	case *Case:
		deparseCase(b, e)
	case *Coalesce:
		deparseList(b, "COALESCE(", e.Args, ", ", ")")
	case *Array:
		deparseList(b, "ARRAY[", e.Elems, ", ", "]")
	case *AnyAll:
		b.WriteString("(")
		deparse(b, e.X)
		b.WriteString(" " + nameOf(e.Fn) + " " + map[bool]string{false: "ANY", true: "ALL"}[e.All] + " (")
		deparse(b, e.Array)
		b.WriteString("))")
	}
}

func writeName(b *strings.Builder, name, prefix string, index int) {
	if name == "" {
		name = prefix + strconv.Itoa(index)
	}
	b.WriteString(name)
}

func deparseList(b *strings.Builder, open string, es []Expr, sep, end string) {
	b.WriteString(open)
	for i, e := range es {
		if i > 0 {
			b.WriteString(sep)
		}
		deparse(b, e)
	}
	b.WriteString(end)
}

func deparseCase(b *strings.Builder, e *Case) {
	b.WriteString("CASE")
	for _, w := range e.Whens {
		b.WriteString(" WHEN ")
		deparse(b, w.Cond)
		b.WriteString(" THEN ")
		deparse(b, w.Then)
	}
	if e.Else != nil {
		b.WriteString(" ELSE ")
		deparse(b, e.Else)
	}
	b.WriteString(" END")
}

func deparseCall(b *strings.Builder, e *Call) {
	n := names[e.Fn]
	switch {
	case e.Fn == relabelFunc || n.kind == castName && len(e.Args) >= 1:
		b.WriteString("(")
		deparse(b, e.Args[0])
		b.WriteString(")::" + e.T.String())
	case n.kind == operatorName && len(e.Args) == 2:
		deparseList(b, "(", e.Args, " "+n.name+" ", ")")
	case n.kind == operatorName && len(e.Args) == 1:
		deparseList(b, "("+n.name+" ", e.Args, "", ")")
	default:
		deparseList(b, nameOf(e.Fn)+"(", e.Args, ", ", ")")
	}
}

// nameOf is the SQL name of a function or operator, its ID when it has none.
func nameOf(f *Func) string {
	if n, ok := names[f]; ok && n.name != "" {
		return n.name
	}
	return f.ID
}

// constText is a constant as PostgreSQL deparses it.
func constText(d delta.Datum) string {
	if d.Null {
		return "NULL::" + d.T.String()
	}
	text := datumText(d)
	switch d.T.OID {
	case types.OIDBool:
		if d.B {
			return "true"
		}
		return "false"
	case types.OIDInt4:
		if d.I >= 0 {
			return text
		}
	case types.OIDNumeric:
		if strings.ContainsRune(text, '.') && text[0] != '-' {
			return text
		}
	case types.OIDFloat8:
		if math.IsNaN(d.F) || math.IsInf(d.F, 0) {
			break
		}
	}
	return quoteLiteral(text) + "::" + d.T.String()
}

// quoteLiteral is quote_literal: single quotes doubled, E” when there is a
// backslash.
func quoteLiteral(s string) string {
	q := strings.ReplaceAll(s, "'", "''")
	if strings.ContainsRune(q, '\\') {
		return " E'" + strings.ReplaceAll(q, `\`, `\\`) + "'"
	}
	return "'" + q + "'"
}
