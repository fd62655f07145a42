package ast

import "strings"

// statement writes the statements that create something and queries; false: s
// is none of them.
func (f *formatter) statement(s Statement) bool {
	switch n := s.(type) {
	case *SelectStmt:
		f.query(n.Query)
	case *CreateSource:
		f.createSource(n)
	case *CreateTable:
		f.put("CREATE TABLE ", exists(n.IfNotExists))
		f.object(n.Name)
		f.elements(n.Columns, n.PrimaryKey, n.Watermarks)
		f.with(n.Options)
	case *CreateView:
		f.createView(n)
	case *CreateSink:
		f.put("CREATE SINK ", exists(n.IfNotExists))
		f.object(n.Name)
		if n.From != nil {
			f.put(" FROM ")
			f.object(*n.From)
		} else {
			f.put(" AS ")
			f.query(n.Query)
		}
		f.with(n.Options)
	default:
		return false
	}
	return true
}

func exists(not bool) string {
	if not {
		return "IF NOT EXISTS "
	}
	return ""
}

func (f *formatter) createView(n *CreateView) {
	f.put("CREATE ")
	if n.OrReplace {
		f.put("OR REPLACE ")
	}
	if n.Materialized {
		f.put("MATERIALIZED ")
	}
	f.put("VIEW ", exists(n.IfNotExists))
	f.object(n.Name)
	if len(n.Columns) > 0 {
		f.put(" ")
		f.columns(n.Columns)
	}
	f.with(n.Options)
	f.put(" AS ")
	f.query(n.Query)
}

func (f *formatter) createSource(n *CreateSource) {
	f.put("CREATE SOURCE ", exists(n.IfNotExists))
	f.object(n.Name)
	if len(n.Columns) > 0 || len(n.Watermarks) > 0 {
		f.elements(n.Columns, n.PrimaryKey, n.Watermarks)
	}
	for _, inc := range n.Includes {
		f.put(" INCLUDE ", inc.What)
		if inc.Header != "" {
			f.put(" ", QuoteString(inc.Header))
		}
		if inc.As != "" {
			f.put(" AS ", QuoteIdent(inc.As))
		}
	}
	f.with(n.Options)
	if n.Format != "" {
		f.put(" FORMAT ", strings.ToUpper(n.Format), " ENCODE ", strings.ToUpper(n.Encode))
		if len(n.EncodeOpts) > 0 {
			f.put(" (")
			f.options(n.EncodeOpts)
			f.put(")")
		}
	}
}

func (f *formatter) with(opts []Option) {
	if len(opts) == 0 {
		return
	}
	f.put(" WITH (")
	f.options(opts)
	f.put(")")
}

func (f *formatter) options(opts []Option) {
	f.each(len(opts), func(i int) {
		parts := strings.Split(opts[i].Name, ".")
		for k, p := range parts {
			if k > 0 {
				f.put(".")
			}
			f.put(QuoteIdent(p))
		}
		f.put(" = ", QuoteString(opts[i].Value))
	})
}

// elements writes the columns, the key and the watermarks. A key of one column
// that says so itself is not repeated.
func (f *formatter) elements(cols []ColumnDef, key []string, marks []Watermark) {
	var parts []func()
	for i := range cols {
		parts = append(parts, func() { f.column(&cols[i]) })
	}
	own := false
	for _, c := range cols {
		own = own || c.PrimaryKey
	}
	if len(key) > 0 && !own {
		parts = append(parts, func() {
			f.put("PRIMARY KEY ")
			f.columns(key)
		})
	}
	for _, w := range marks {
		parts = append(parts, func() {
			f.put("WATERMARK FOR ", QuoteIdent(w.Column), " AS ")
			f.expr(w.X)
		})
	}
	f.put(" (")
	f.each(len(parts), func(i int) { parts[i]() })
	f.put(")")
}

func (f *formatter) column(c *ColumnDef) {
	f.put(QuoteIdent(c.Name))
	if len(c.Type.Names) > 0 {
		f.put(" ")
		f.typeName(c.Type)
	}
	if c.NotNull {
		f.put(" NOT NULL")
	}
	if c.PrimaryKey {
		f.put(" PRIMARY KEY")
	}
	if c.Default != nil {
		f.put(" DEFAULT ")
		f.operand(c.Default)
	}
	if c.Generated != nil {
		f.put(" AS (")
		f.expr(c.Generated)
		f.put(")")
	}
}
