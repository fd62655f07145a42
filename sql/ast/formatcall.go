package ast

import (
	"strings"

	"github.com/heliosdb/heliosdb-streaming/sql/lex"
)

// call writes a function call in the syntax its name needs.
func (f *formatter) call(n *Func) {
	if n.SQLForm {
		f.put(strings.ToUpper(n.Name[0]))
		if len(n.Args) > 0 {
			f.put("(")
			f.list(n.Args)
			f.put(")")
		}
		return
	}
	if len(n.Name) == 1 && f.specialCall(n) {
		return
	}
	f.funcName(n.Name)
	f.put("(")
	f.arguments(n)
	f.put(")")
	if len(n.WithinGroup) > 0 {
		f.put(" WITHIN GROUP (ORDER BY ")
		f.orderItems(n.WithinGroup)
		f.put(")")
	}
	if n.Filter != nil {
		f.put(" FILTER (WHERE ")
		f.expr(n.Filter)
		f.put(")")
	}
	if n.Over != nil {
		f.put(" OVER ")
		if n.Over.Bare {
			f.put(QuoteIdent(n.Over.Name))
			return
		}
		f.window(n.Over)
	}
}

// specialCall writes the functions whose plain call is no syntax.
func (f *formatter) specialCall(n *Func) bool {
	switch {
	case n.Name[0] == "extract" && len(n.Args) == 2:
		f.put("EXTRACT(")
		f.expr(n.Args[0])
		f.put(" FROM ")
		f.expr(n.Args[1])
	case n.Name[0] == "position" && len(n.Args) == 2:
		f.put("POSITION(")
		f.operand(n.Args[1])
		f.put(" IN ")
		f.operand(n.Args[0])
	case n.Name[0] == "normalize" && len(n.Args) == 2:
		form, ok := n.Args[1].(*Literal)
		if !ok {
			return false
		}
		f.put("NORMALIZE(")
		f.expr(n.Args[0])
		f.put(", ", form.Text)
	case n.Name[0] == "grouping sets":
		f.put("GROUPING SETS (")
		f.list(n.Args)
	default:
		return false
	}
	f.put(")")
	return true
}

// spoken are the calls of names that the grammar reserves for them.
var spoken = map[string]bool{"coalesce": true, "greatest": true, "least": true, "nullif": true, "grouping": true,
	"substring": true, "overlay": true, "normalize": true, "rollup": true, "cube": true}

func (f *formatter) funcName(names []string) {
	if len(names) == 1 && plain(names[0]) && (spoken[names[0]] || lex.Keyword(names[0]) == lex.TypeFunc) {
		f.put(names[0])
		return
	}
	f.names(names)
}

func (f *formatter) arguments(n *Func) {
	switch {
	case n.Star:
		f.put("*")
	case n.Distinct:
		f.put("DISTINCT ")
	}
	f.each(len(n.Args), func(i int) {
		if n.Variadic && i == len(n.Args)-1 {
			f.put("VARIADIC ")
		}
		if i < len(n.ArgNames) && n.ArgNames[i] != "" {
			f.put(QuoteIdent(n.ArgNames[i]), " => ")
		}
		f.expr(n.Args[i])
	})
	if len(n.OrderBy) > 0 {
		f.put(" ORDER BY ")
		f.orderItems(n.OrderBy)
	}
}

func (f *formatter) orderItems(items []OrderItem) {
	f.each(len(items), func(i int) {
		it := items[i]
		f.expr(it.X)
		switch {
		case it.Using != "":
			f.put(" USING ", it.Using)
		case it.Desc:
			f.put(" DESC")
		}
		if it.NullsFirst != nil {
			f.put(map[bool]string{true: " NULLS FIRST", false: " NULLS LAST"}[*it.NullsFirst])
		}
	})
}

func (f *formatter) window(w *WindowSpec) {
	sep := ""
	part := func(s string) {
		f.put(sep, s)
		sep = " "
	}
	f.put("(")
	if w.Name != "" {
		part(QuoteIdent(w.Name))
	}
	if len(w.PartitionBy) > 0 {
		part("PARTITION BY ")
		f.list(w.PartitionBy)
	}
	if len(w.OrderBy) > 0 {
		part("ORDER BY ")
		f.orderItems(w.OrderBy)
	}
	if w.Frame != nil {
		part(strings.ToUpper(w.Frame.Unit) + " BETWEEN ")
		f.bound(w.Frame.Start)
		f.put(" AND ")
		f.bound(w.Frame.End)
		if w.Frame.Exclude != "" {
			f.put(" EXCLUDE ", strings.ToUpper(w.Frame.Exclude))
		}
	}
	f.put(")")
}

func (f *formatter) bound(b FrameBound) {
	if b.Offset != nil {
		f.operand(b.Offset)
		f.put(" ")
	}
	f.put(strings.ToUpper(b.Kind))
}
