package server

import (
	"slices"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/pgwire"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// bindCopy binds COPY … TO STDOUT.
func (x *session) bindCopy(p *prepared, st *ast.Copy) error {
	if st.From {
		return pgerr.Unsupported(st.Position(), "COPY FROM").WithHint("Use INSERT, or produce to a topic.")
	}
	if st.Server {
		return pgerr.Unsupported(st.Position(), "COPY to a file or program of the server").
			WithHint("Use COPY TO STDOUT, or psql's \\copy.")
	}
	q := st.Query
	if q == nil {
		var err error
		if q, err = x.copyTable(st); err != nil {
			return err
		}
	}
	inner := &prepared{stmt: p.stmt, given: p.given}
	if err := x.bindQuery(inner, q); err != nil {
		return err
	}
	if len(inner.params) > 0 {
		return pgerr.New(pgerr.UndefinedParameter, "there is no parameter $1")
	}
	opts, err := copyOptions(st.Options, inner.cols, st.Table.Name)
	if err != nil {
		return err
	}
	p.rights = inner.rights
	p.cmd = utility(func(c *call) (pgwire.Result, error) {
		s, err := x.open(inner.cmd.(*query), nil, inner.cols, countTag("COPY"))
		if err != nil {
			return nil, err
		}
		s.shape.Copy = opts
		return s, nil
	})
	return nil
}

// copyTable is the query that COPY of a table stands for.
func (x *session) copyTable(st *ast.Copy) (*ast.Query, error) {
	r, err := x.named(st.Table)
	if err != nil {
		return nil, atRunTime(err)
	}
	switch r.Kind {
	case catalog.View:
		return nil, pgerr.New(pgerr.WrongObjectType, "cannot copy from view \"%s\"", r.Name).WithHint("Try the COPY (SELECT ...) TO variant.")
	case catalog.Sink:
		return nil, pgerr.New(pgerr.WrongObjectType, "cannot copy from sink \"%s\"", r.Name)
	}
	sel := &ast.Select{From: []ast.TableExpr{&ast.TableName{Pos: st.Table.Pos, Schema: st.Table.Schema, Name: st.Table.Name}}}
	var names []string
	for _, n := range st.Columns {
		if r.ColumnIndex(n) < 0 {
			return nil, pgerr.New(pgerr.UndefinedColumn, "column \"%s\" of relation \"%s\" does not exist", n, r.Name)
		}
		if slices.Contains(names, n) {
			return nil, pgerr.New(pgerr.DuplicateColumn, "column \"%s\" specified more than once", n)
		}
		names = append(names, n)
	}
	if st.Columns == nil {
		for _, c := range r.Columns {
			if c.Generated == "" {
				names = append(names, c.Name)
			}
		}
	}
	for _, n := range names {
		sel.Items = append(sel.Items, ast.SelectItem{X: &ast.ColumnRef{Names: []string{n}}})
	}
	return &ast.Query{Body: sel}, nil
}

// copyOptions resolves the options as PostgreSQL's ProcessCopyOptions does.
func copyOptions(list []ast.Option, cols []pgwire.Column, table string) (*pgwire.CopyOptions, error) {
	given := map[string]ast.Option{}
	for _, o := range list {
		name := strings.ToLower(o.Name)
		if !copyOptionNames[name] {
			return nil, pgerr.New(pgerr.SyntaxError, "option \"%s\" not recognized", o.Name).At(o.Position())
		}
		if _, twice := given[name]; twice {
			return nil, pgerr.New(pgerr.SyntaxError, "conflicting or redundant options").At(o.Position())
		}
		given[name] = o
	}
	format := pgwire.CopyText
	if o, ok := given["format"]; ok {
		switch o.Value {
		case "text":
		case "csv":
			format = pgwire.CopyCSV
		case "binary":
			return nil, pgerr.Unsupported(o.Position(), "COPY in binary format")
		default:
			return nil, pgerr.New(pgerr.InvalidParameterValue, "COPY format \"%s\" not recognized", o.Value).At(o.Position())
		}
	}
	out := pgwire.DefaultCopyOptions(format)
	csv := format == pgwire.CopyCSV
	for _, n := range []string{"freeze", "header"} {
		o, ok := given[n]
		if !ok {
			continue
		}
		v, err := (boolean{}).canon(&parameter{name: n}, o.Value)
		if n == "header" && strings.EqualFold(o.Value, "match") {
			return nil, pgerr.New(pgerr.InvalidParameterValue, "cannot use \"match\" with HEADER in COPY TO")
		}
		if err != nil {
			if n == "header" {
				return nil, pgerr.New(pgerr.SyntaxError, "header requires a Boolean value or \"match\"")
			}
			return nil, pgerr.New(pgerr.SyntaxError, "%s requires a Boolean value", n)
		}
		out.Header = out.Header || n == "header" && v == "on"
	}
	if o, ok := given["null"]; ok {
		out.Null = o.Value
	}
	for _, n := range []string{"force_not_null", "force_null"} {
		if _, ok := given[n]; ok {
			word := strings.ReplaceAll(strings.TrimPrefix(n, "force_"), "_", " ")
			if !csv {
				return nil, pgerr.New(pgerr.FeatureNotSupported, "COPY force %s available only in CSV mode", word)
			}
			return nil, pgerr.New(pgerr.FeatureNotSupported, "COPY force %s only available using COPY FROM", word)
		}
	}
	if o, ok := given["encoding"]; ok {
		if _, err := (encoding{}).canon(&parameter{name: "encoding"}, o.Value); err != nil {
			return nil, pgerr.New(pgerr.InvalidParameterValue, "argument to option \"encoding\" must be a valid encoding name").At(o.Position())
		}
	}
	if err := copyChars(&out, given, csv); err != nil {
		return nil, err
	}
	return &out, forceQuote(&out, given, csv, cols, table)
}

var copyOptionNames = map[string]bool{
	"format": true, "freeze": true, "delimiter": true, "null": true, "header": true, "quote": true,
	"escape": true, "force_quote": true, "force_not_null": true, "force_null": true, "encoding": true,
}

// copyChars checks the delimiter, the quote, the escape and the null string
// against each other.
func copyChars(out *pgwire.CopyOptions, given map[string]ast.Option, csv bool) error {
	unsupported := func(msg string) error { return pgerr.New(pgerr.FeatureNotSupported, "%s", msg) }
	invalid := func(msg string) error { return pgerr.New(pgerr.InvalidParameterValue, "%s", msg) }
	single := func(name string, into *byte) error {
		o, ok := given[name]
		if !ok {
			return nil
		}
		if len(o.Value) != 1 {
			return unsupported("COPY " + name + " must be a single one-byte character")
		}
		*into = o.Value[0]
		return nil
	}
	if err := single("delimiter", &out.Delimiter); err != nil {
		return err
	}
	if out.Delimiter == '\r' || out.Delimiter == '\n' {
		return invalid("COPY delimiter cannot be newline or carriage return")
	}
	if strings.ContainsAny(out.Null, "\r\n") {
		return invalid("COPY null representation cannot use newline or carriage return")
	}
	if !csv && strings.IndexByte("\\.abcdefghijklmnopqrstuvwxyz0123456789", out.Delimiter) >= 0 {
		return invalid("COPY delimiter cannot be \"" + string(rune(out.Delimiter)) + "\"")
	}
	for _, n := range []string{"quote", "escape"} {
		if _, ok := given[n]; ok && !csv {
			return unsupported("COPY " + n + " available only in CSV mode")
		}
	}
	if csv {
		if err := single("quote", &out.Quote); err != nil {
			return err
		}
		if out.Delimiter == out.Quote {
			return invalid("COPY delimiter and quote must be different")
		}
		out.Escape = out.Quote
		if err := single("escape", &out.Escape); err != nil {
			return err
		}
		if strings.IndexByte(out.Null, out.Quote) >= 0 {
			return unsupported("CSV quote character must not appear in the NULL specification")
		}
	}
	if strings.IndexByte(out.Null, out.Delimiter) >= 0 {
		return unsupported("COPY delimiter must not appear in the NULL specification")
	}
	return nil
}

func forceQuote(out *pgwire.CopyOptions, given map[string]ast.Option, csv bool, cols []pgwire.Column, table string) error {
	o, ok := given["force_quote"]
	if !ok {
		return nil
	}
	if !csv {
		return pgerr.New(pgerr.FeatureNotSupported, "COPY force quote available only in CSV mode")
	}
	out.ForceQuote = make([]bool, len(cols))
	if o.Value == "*" {
		for i := range cols {
			out.ForceQuote[i] = true
		}
		return nil
	}
	for _, n := range strings.Split(o.Value, ",") {
		i := slices.IndexFunc(cols, func(c pgwire.Column) bool { return c.Name == n })
		if i < 0 {
			if table != "" {
				return pgerr.New(pgerr.UndefinedColumn, "column \"%s\" of relation \"%s\" does not exist", n, table)
			}
			return pgerr.New(pgerr.UndefinedColumn, "column \"%s\" does not exist", n)
		}
		out.ForceQuote[i] = true
	}
	return nil
}
