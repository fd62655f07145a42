package ast

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/sql/lex"
)

// Format writes a node as SQL that parses to the same tree. Every operand that
// is not atomic stands in parentheses, so precedence plays no part. It takes
// expressions, queries, tables and the statements that create, and is what SHOW
// CREATE and pg_get_viewdef show. An unknown node is written as a comment, which
// cannot parse.
func Format(node any) string {
	f := &formatter{}
	switch n := node.(type) {
	case *Query:
		f.query(n)
	case TypeName:
		f.typeName(n)
	case *TableName, *Derived, *TableFunc, *Join:
		f.table(node.(TableExpr))
	case Expr:
		if !f.statement(n) {
			f.expr(n)
		}
	}
	return f.String()
}

// formatter builds the text.
type formatter struct{ strings.Builder }

func (f *formatter) put(parts ...string) {
	for _, p := range parts {
		f.WriteString(p)
	}
}

// each writes n things with commas between them.
func (f *formatter) each(n int, one func(i int)) {
	for i := range n {
		if i > 0 {
			f.put(", ")
		}
		one(i)
	}
}

// QuoteIdent writes a name so that it reads back as a column, table or alias.
func QuoteIdent(name string) string {
	if plain(name) {
		if c := lex.Keyword(name); c == lex.None || c == lex.Unreserved {
			return name
		}
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// plain reports whether a name needs no quotes for its characters.
func plain(name string) bool {
	for i := range len(name) {
		c := name[i]
		if !(c >= 'a' && c <= 'z' || c == '_' || i > 0 && (c >= '0' && c <= '9' || c == '$')) {
			return false
		}
	}
	return name != ""
}

// QuoteString writes a string literal.
func QuoteString(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func (f *formatter) names(names []string) {
	for i, n := range names {
		if i > 0 {
			f.put(".")
		}
		f.put(QuoteIdent(n))
	}
}

func (f *formatter) columns(names []string) {
	f.put("(")
	f.each(len(names), func(i int) { f.put(QuoteIdent(names[i])) })
	f.put(")")
}

func (f *formatter) list(xs []Expr) { f.each(len(xs), func(i int) { f.expr(xs[i]) }) }

// operand writes x in parentheses unless it is atomic.
func (f *formatter) operand(x Expr) {
	switch n := x.(type) {
	case *ColumnRef, *Param, *Func, *Array, *Case, *TypedLiteral:
		f.expr(x)
		return
	case *Literal:
		if !strings.HasPrefix(n.Text, "-") || n.Kind == String {
			f.expr(x)
			return
		}
	case *Row:
		f.expr(x)
		return
	case *Subquery:
		if n.Kind == ScalarSubquery || n.Kind == ExistsSubquery || n.Kind == ArraySubquery {
			f.expr(x)
			return
		}
	}
	f.put("(")
	f.expr(x)
	f.put(")")
}

func (f *formatter) expr(x Expr) {
	switch n := x.(type) {
	case *ColumnRef:
		f.names(n.Names)
		switch {
		case n.Star && len(n.Names) > 0:
			f.put(".*")
		case n.Star:
			f.put("*")
		}
	case *Literal:
		f.literal(n)
	case *Param:
		f.put("$", strconv.Itoa(n.N))
	case *TypedLiteral:
		f.typedLiteral(n)
	case *Cast:
		f.operand(n.X)
		f.put("::")
		f.typeName(n.Type)
	case *Unary:
		f.operator(n.Op)
		f.put(" ")
		f.operand(n.X)
	case *Binary:
		l, ok := n.L.(*Binary)
		f.left(n.L, ok && l.Op == n.Op && !comparison[n.Op.Name])
		f.put(" ")
		f.operator(n.Op)
		f.put(" ")
		f.operand(n.R)
	case *And:
		_, chain := n.L.(*And)
		f.left(n.L, chain)
		f.put(" AND ")
		f.operand(n.R)
	case *Or:
		_, chain := n.L.(*Or)
		f.left(n.L, chain)
		f.put(" OR ")
		f.operand(n.R)
	case *Not:
		f.put("NOT ")
		f.operand(n.X)
	case *IsTest, *IsDistinct, *Between, *InList, *Like:
		f.predicate(n)
	case *Case:
		f.caseExpr(n)
	case *Func:
		f.call(n)
	case *Array:
		f.array(n)
	case *Row:
		if n.Explicit || len(n.Elems) == 1 {
			f.put("ROW")
		}
		f.put("(")
		f.list(n.Elems)
		f.put(")")
	case *Subscript, *Field:
		f.part(n)
	case *Collate:
		f.operand(n.X)
		f.put(" COLLATE ")
		f.names(n.Name)
	case *Subquery:
		f.subquery(n)
	case *AnyArray:
		f.operand(n.X)
		f.put(" ")
		f.operator(n.Op)
		f.put(map[bool]string{true: " ALL (", false: " ANY ("}[n.All])
		f.expr(n.Array)
		f.put(")")
	default:
		fmt.Fprintf(f, "/* %T */", x)
	}
}

func (f *formatter) between2(l Expr, word string, r Expr) {
	f.operand(l)
	f.put(word)
	f.operand(r)
}

// left writes a left operand. In a chain of one left-associative operator it
// needs no parentheses; with them a long chain would nest too deep to be read.
func (f *formatter) left(x Expr, chain bool) {
	if chain {
		f.expr(x)
		return
	}
	f.operand(x)
}

// comparison are the operators that do not associate.
var comparison = map[string]bool{"=": true, "<>": true, "<": true, ">": true, "<=": true, ">=": true}

func (f *formatter) operator(op Operator) {
	if op.Schema == "" {
		f.put(op.Name)
		return
	}
	f.put("OPERATOR(", QuoteIdent(op.Schema), ".", op.Name, ")")
}

func (f *formatter) literal(n *Literal) {
	switch n.Kind {
	case String:
		f.put(QuoteString(n.Text))
	case Integer, Decimal:
		f.put(n.Text)
	default:
		f.put(strings.ToUpper(n.Kind.String()))
	}
}

func (f *formatter) typedLiteral(n *TypedLiteral) {
	if len(n.Type.Names) == 1 && n.Type.Names[0] == "bit" && n.Type.Mods == nil && n.Text != "" {
		// The text of B'…' and X'…' begins with its letter.
		f.put(n.Text[:1], QuoteString(n.Text[1:]))
		return
	}
	f.typeName(n.Type)
	f.put(" ", QuoteString(n.Text))
	if n.Fields != "" {
		f.put(" ", n.Fields)
	}
}

// grammarTypes are the types that the grammar knows by words that cannot be
// quoted; the value is what follows the modifiers.
var grammarTypes = map[string]string{
	"int": "", "integer": "", "smallint": "", "bigint": "", "real": "", "boolean": "", "double precision": "",
	"numeric": "", "bit": "", "bit varying": "", "varchar": "", "character": "", "interval": "",
	"timestamp": "", "time": "", "timestamp with time zone": " with time zone", "time with time zone": " with time zone",
}

func (f *formatter) typeName(t TypeName) {
	after := ""
	if len(t.Names) == 1 {
		if a, ok := grammarTypes[t.Names[0]]; ok {
			after = a
			f.put(strings.TrimSuffix(t.Names[0], a))
		} else if plain(t.Names[0]) && lex.Keyword(t.Names[0]) == lex.TypeFunc {
			f.put(t.Names[0])
		} else {
			f.names(t.Names)
		}
	} else {
		f.names(t.Names)
	}
	if t.Fields != "" {
		f.put(" ", t.Fields)
	}
	if len(t.Mods) > 0 {
		f.put("(")
		f.each(len(t.Mods), func(i int) { f.put(strconv.FormatInt(t.Mods[i], 10)) })
		f.put(")")
	}
	f.put(after, strings.Repeat("[]", t.Array))
}

func not(n bool) string {
	if n {
		return "NOT "
	}
	return ""
}

func (f *formatter) predicate(x Expr) {
	switch n := x.(type) {
	case *IsTest:
		f.operand(n.X)
		f.put(" IS ", not(n.Not), strings.ToUpper(n.What.String()))
	case *IsDistinct:
		f.between2(n.L, " IS "+not(n.Not)+"DISTINCT FROM ", n.R)
	case *Between:
		f.operand(n.X)
		f.put(" ", not(n.Not), "BETWEEN ")
		if n.Sym {
			f.put("SYMMETRIC ")
		}
		f.between2(n.Lo, " AND ", n.Hi)
	case *InList:
		f.operand(n.X)
		f.put(" ", not(n.Not), "IN (")
		f.list(n.List)
		f.put(")")
	case *Like:
		word := map[LikeKind]string{LikeCase: "LIKE ", ILike: "ILIKE ", SimilarTo: "SIMILAR TO "}[n.Kind]
		f.between2(n.X, " "+not(n.Not)+word, n.Pattern)
		if n.Escape != nil {
			f.put(" ESCAPE ")
			f.operand(n.Escape)
		}
	}
}

func (f *formatter) caseExpr(n *Case) {
	f.put("CASE ")
	if n.Operand != nil {
		f.expr(n.Operand)
		f.put(" ")
	}
	for _, w := range n.Whens {
		f.put("WHEN ")
		f.expr(w.Cond)
		f.put(" THEN ")
		f.expr(w.Then)
		f.put(" ")
	}
	if n.Else != nil {
		f.put("ELSE ")
		f.expr(n.Else)
		f.put(" ")
	}
	f.put("END")
}

// array writes ARRAY[…]; arrays inside are ARRAY[…] too.
func (f *formatter) array(n *Array) {
	f.put("ARRAY[")
	f.list(n.Elems)
	f.put("]")
}

// part writes a subscript or field.
func (f *formatter) part(x Expr) {
	switch n := x.(type) {
	case *Subscript:
		switch n.X.(type) {
		case *ColumnRef, *Param:
			f.expr(n.X)
		default:
			f.put("(")
			f.expr(n.X)
			f.put(")")
		}
		f.put("[")
		if n.Lo != nil {
			f.expr(n.Lo)
		}
		if n.Slice {
			f.put(":")
			if n.Hi != nil {
				f.expr(n.Hi)
			}
		}
		f.put("]")
	case *Field:
		f.put("(")
		f.expr(n.X)
		f.put(").")
		if n.Star {
			f.put("*")
			return
		}
		f.put(QuoteIdent(n.Name))
	}
}

func (f *formatter) subquery(n *Subquery) {
	switch n.Kind {
	case ExistsSubquery:
		f.put("EXISTS ")
	case ArraySubquery:
		f.put("ARRAY")
	case AnySubquery, AllSubquery:
		f.operand(n.X)
		f.put(" ")
		switch {
		case n.Kind == AnySubquery && n.Op == Operator{Name: "="}:
			f.put("IN ")
		case n.Kind == AllSubquery && n.Op == Operator{Name: "<>"}:
			f.put("NOT IN ")
		default:
			f.operator(n.Op)
			f.put(map[bool]string{true: " ALL ", false: " ANY "}[n.Kind == AllSubquery])
		}
	}
	f.put("(")
	f.query(n.Query)
	f.put(")")
}
