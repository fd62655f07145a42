package server

import (
	"context"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/planner"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// planOptions are the planner's options for a definition.
func (s *Server) planOptions(env *ddlEnv, c *change) *planner.Options {
	return &planner.Options{
		Mode: planner.Continuous, SearchPath: env.Path, Now: env.Now, NextID: c.nextOp,
		Lateness: s.cfg.Streaming.AllowedLateness.Microseconds(),
	}
}

// createSource carries out CREATE SOURCE.
func (s *Server) createSource(_ context.Context, env *ddlEnv, st *ast.CreateSource) error {
	s.ddl.Lock()
	defer s.ddl.Unlock()
	c := s.begin()
	r, err := s.addSource(env, c, st)
	if err != nil || r == nil {
		return err
	}
	if err := s.commit(c); err != nil {
		return err
	}
	return s.renewAccess(s.Config())
}

// addSource adds a source to a change; nil when there is nothing to do.
func (s *Server) addSource(env *ddlEnv, c *change, st *ast.CreateSource) (*catalog.Relation, error) {
	r, skip, err := s.newRelation(env, c, st.Name, st.IfNotExists, catalog.Source, keptDefinition(env, st.Options))
	if skip && err == nil {
		return s.renewSecrets(env, c, st)
	}
	if err != nil {
		return nil, err
	}
	if len(st.PrimaryKey) > 0 {
		return nil, pgerr.Unsupported(0, "a primary key on a source")
	}
	if err := s.setFormat(r, st.Format, st.Encode, st.EncodeOpts); err != nil {
		return nil, err
	}
	o := s.planOptions(env, c)
	if r.Columns, _, err = planner.BindColumns(o, c.cat, st.Columns, nil, 0); err != nil {
		return nil, err
	}
	if err := addIncludes(r, st.Includes); err != nil {
		return nil, err
	}
	if err := addWatermarks(o, c, r, st.Watermarks); err != nil {
		return nil, err
	}
	if r.Options, err = optionMap(st.Options); err != nil {
		return nil, err
	}
	c.create(r)
	return r, nil
}

// newRelation begins a relation unless its name is taken.
func (s *Server) newRelation(env *ddlEnv, c *change, name ast.ObjectName, ifNot bool, kind catalog.Kind, def string) (r *catalog.Relation, skip bool, err error) {
	skip, err = s.exists(env, c.cat, name, ifNot, def)
	if err != nil || skip {
		return nil, skip, err
	}
	schema, err := targetSchema(c.cat, name)
	return &catalog.Relation{Schema: schema, Name: name.Name, Kind: kind, Definition: def, CreatedAt: env.Now}, false, err
}

// definition is the statement as it is kept: IF NOT EXISTS says nothing about
// the object.
func definition(env *ddlEnv) string {
	text := strings.TrimRight(strings.TrimSpace(env.Text), "; \t\r\n")
	const clause = "if not exists "
	if i := strings.Index(strings.ToLower(text), clause); i >= 0 && i < 64 {
		text = text[:i] + text[i+len(clause):]
	}
	return text
}

func (s *Server) setFormat(r *catalog.Relation, format, encode string, opts []ast.Option) error {
	r.Format, r.Encode = strings.ToLower(format), strings.ToLower(encode)
	switch {
	case r.Format != "" && r.Format != "plain":
		return pgerr.Unsupported(0, "FORMAT %s", strings.ToUpper(format))
	case r.Encode != "" && r.Encode != "json":
		return pgerr.Unsupported(0, "ENCODE %s", strings.ToUpper(encode))
	case len(opts) > 0:
		return pgerr.Unsupported(opts[0].Position(), "option %q of ENCODE JSON", opts[0].Name)
	}
	return nil
}

// includeTypes are the types of INCLUDE columns.
var includeTypes = map[string]types.Type{
	"key": types.Bytea, "partition": types.Int4, "offset": types.Int8, "timestamp": types.Timestamptz, "header": types.Bytea,
	"payload": types.JSONB,
}

func addIncludes(r *catalog.Relation, includes []ast.Include) error {
	for _, in := range includes {
		t, ok := includeTypes[in.What]
		if !ok {
			return pgerr.Unsupported(in.Position(), "INCLUDE %s", in.What)
		}
		col := catalog.Column{Name: in.As, Type: t, Include: in.What}
		if in.What == "header" {
			if in.Header == "" {
				return pgerr.New(pgerr.SyntaxError, "INCLUDE header needs the name of a header").At(in.Position()).
					WithHint("Write INCLUDE header 'name' AS column.")
			}
			col.Include = "header:" + in.Header
		}
		if col.Name == "" {
			col.Name = "_rw_kafka_" + in.What
		}
		if r.ColumnIndex(col.Name) >= 0 {
			return duplicateColumn(col.Name).At(in.Position())
		}
		r.Columns = append(r.Columns, col)
	}
	return nil
}

func duplicateColumn(name string) *pgerr.Error {
	return pgerr.New(pgerr.DuplicateColumn, "column %q specified more than once", name)
}

func addWatermarks(o *planner.Options, c *change, r *catalog.Relation, ws []ast.Watermark) error {
	if len(ws) > 1 {
		return pgerr.Unsupported(ws[1].Position(), "more than one watermark on a source")
	}
	for i := range ws {
		col, _, err := planner.Watermark(o, c.cat, r.Columns, &ws[i])
		if err != nil {
			return err
		}
		r.Watermarks = append(r.Watermarks, catalog.Watermark{Column: col, Expr: ws[i].Text})
	}
	return nil
}

// maxOptionBytes bounds one value of WITH (…).
const maxOptionBytes = 64 << 10

// optionMap gives WITH (…) by lower-case name.
func optionMap(opts []ast.Option) (map[string]string, error) {
	m := map[string]string{}
	for _, o := range opts {
		name := strings.ToLower(o.Name)
		if _, dup := m[name]; dup {
			return nil, pgerr.New(pgerr.SyntaxError, "option %q is given more than once", name).At(o.Position())
		}
		if len(o.Value) > maxOptionBytes {
			return nil, pgerr.New(pgerr.ProgramLimitExceeded, "option %q is longer than %d bytes", name, maxOptionBytes).At(o.Position())
		}
		m[name] = o.Value
	}
	return m, nil
}

// createTable carries out CREATE TABLE.
func (s *Server) createTable(_ context.Context, env *ddlEnv, st *ast.CreateTable) error {
	s.ddl.Lock()
	defer s.ddl.Unlock()
	c := s.begin()
	r, skip, err := s.newRelation(env, c, st.Name, st.IfNotExists, catalog.Table, definition(env))
	if err != nil || skip {
		return err
	}
	if len(st.Options) > 0 {
		return pgerr.Unsupported(st.Options[0].Position(), "option %q of a table", st.Options[0].Name)
	}
	if len(st.Watermarks) > 0 {
		return pgerr.Unsupported(st.Watermarks[0].Position(), "a watermark on a table")
	}
	o := s.planOptions(env, c)
	if r.Columns, r.PrimaryKey, err = planner.BindColumns(o, c.cat, st.Columns, st.PrimaryKey, st.PKPos.Position()); err != nil {
		return err
	}
	r.Key = r.PrimaryKey
	c.create(r)
	scan := &plan.Scan{Rel: r.OID, Name: r.Name, Kind: uint8(catalog.Table)}
	for i, col := range r.Columns {
		scan.Take = append(scan.Take, i)
		scan.Cols = append(scan.Cols, plan.Col{Name: col.Name, Type: col.Type, NotNull: col.NotNull})
	}
	scan.Key = r.PrimaryKey
	root := planner.Materialize(o, scan, r)
	if r.Plan, err = plan.Encode(root); err != nil {
		return err
	}
	return s.commit(c)
}

// createView carries out CREATE [MATERIALIZED] VIEW.
func (s *Server) createView(ctx context.Context, env *ddlEnv, st *ast.CreateView) error {
	r, err := s.createViewLocked(ctx, env, st)
	if err != nil || r == nil || r.Kind == catalog.View {
		return err
	}
	if root, err := plan.Decode(r.Plan); err != nil || len(sourcesOf(s.catalog(), root)) > 0 {
		return err // SHOW JOBS shows how it catches up
	}
	return s.waitFilled(ctx, r.OID)
}

func (s *Server) createViewLocked(ctx context.Context, env *ddlEnv, st *ast.CreateView) (*catalog.Relation, error) {
	s.ddl.Lock()
	defer s.ddl.Unlock()
	c := s.begin()
	r, err := s.addView(ctx, env, c, st)
	if err != nil || r == nil {
		return nil, err
	}
	return r, s.commit(c)
}

// addView adds a view to a change; nil when there is nothing to do.
func (s *Server) addView(ctx context.Context, env *ddlEnv, c *change, st *ast.CreateView) (*catalog.Relation, error) {
	kind := catalog.View
	if st.Materialized {
		kind = catalog.MaterializedView
	}
	if st.OrReplace {
		return nil, pgerr.Unsupported(st.Position(), "CREATE OR REPLACE VIEW")
	}
	if len(st.Options) > 0 {
		return nil, pgerr.Unsupported(st.Options[0].Position(), "option %q of a view", st.Options[0].Name)
	}
	r, skip, err := s.newRelation(env, c, st.Name, st.IfNotExists, kind, definition(env))
	if err != nil || skip {
		return nil, err
	}
	if kind == catalog.MaterializedView {
		if err := c.mayStart(); err != nil {
			return nil, err
		}
	}
	o := s.planOptions(env, c)
	if kind == catalog.View {
		o.Mode, o.Session = planner.AdHoc, env.Session
	}
	res, err := planner.Query(o, st.Query, c.cat)
	if err != nil {
		return nil, err
	}
	if len(res.Params) > 0 {
		return nil, pgerr.New(pgerr.UndefinedParameter, "there is no parameter $1")
	}
	if err := env.mayRead(res.Reads); err != nil {
		return nil, err
	}
	r.Query, r.DependsOn = st.QueryText, res.DependsOn
	if err := setViewColumns(r, res.Root.Base(), st.Columns); err != nil {
		return nil, err
	}
	if kind == catalog.View {
		c.create(r)
		return r, nil
	}
	if err := s.resolveStarts(ctx, c, res.Root); err != nil {
		return nil, err
	}
	c.create(r)
	root := planner.Materialize(o, res.Root, r)
	r.Key = root.Key
	if r.Plan, err = plan.Encode(root); err != nil {
		return nil, err
	}
	return r, nil
}

// setViewColumns names a view's columns.
func setViewColumns(r *catalog.Relation, p *plan.Props, names []string) error {
	if len(names) > len(p.Cols) {
		if r.Kind == catalog.View {
			return pgerr.New(pgerr.SyntaxError, "CREATE VIEW specifies more column names than columns")
		}
		return pgerr.New(pgerr.SyntaxError, "too many column names were specified")
	}
	for i, col := range p.Cols {
		name := col.Name
		if i < len(names) {
			name = names[i]
		}
		if r.ColumnIndex(name) >= 0 {
			return duplicateColumn(name)
		}
		r.Columns = append(r.Columns, catalog.Column{Name: name, Type: col.Type, NotNull: false})
	}
	if len(r.Columns) > maxColumns {
		return pgerr.New(pgerr.TooManyColumns, "a relation can have at most %d columns", maxColumns)
	}
	return nil
}

// maxColumns is PostgreSQL's limit.
const maxColumns = 1600

// createSink carries out CREATE SINK.
func (s *Server) createSink(ctx context.Context, env *ddlEnv, st *ast.CreateSink) error {
	s.ddl.Lock()
	defer s.ddl.Unlock()
	c := s.begin()
	r, skip, err := s.newRelation(env, c, st.Name, st.IfNotExists, catalog.Sink, keptDefinition(env, st.Options))
	if err != nil || skip {
		return err
	}
	if err := c.mayStart(); err != nil {
		return err
	}
	if r.Options, err = optionMap(st.Options); err != nil {
		return err
	}
	switch name := r.Options["connector"]; name {
	case "":
		return pgerr.New(pgerr.InvalidParameterValue, "a sink needs WITH (connector = '…')").At(st.Position())
	case "blackhole":
	default:
		return pgerr.Unsupported(st.Position(), "sink connector %q", name)
	}
	q := st.Query
	if q == nil {
		q = selectAll(*st.From)
		r.Query = "SELECT * FROM " + st.From.Name
	} else {
		r.Query = st.QueryText
	}
	o := s.planOptions(env, c)
	res, err := planner.Query(o, q, c.cat)
	if err != nil {
		return err
	}
	if err := env.mayRead(res.Reads); err != nil {
		return err
	}
	r.DependsOn = res.DependsOn
	if err := setViewColumns(r, res.Root.Base(), nil); err != nil {
		return err
	}
	if err := s.resolveStarts(ctx, c, res.Root); err != nil {
		return err
	}
	c.create(r)
	if r.Plan, err = plan.Encode(planner.SinkPlan(o, res.Root, r)); err != nil {
		return err
	}
	return s.commit(c)
}

// selectAll is SELECT * FROM name.
func selectAll(name ast.ObjectName) *ast.Query {
	return &ast.Query{Pos: name.Pos, Body: &ast.Select{
		Pos:   name.Pos,
		Items: []ast.SelectItem{{Pos: name.Pos, X: &ast.ColumnRef{Pos: name.Pos, Star: true}}},
		From:  []ast.TableExpr{&ast.TableName{Pos: name.Pos, Schema: name.Schema, Name: name.Name}},
	}}
}

// comment carries out COMMENT ON a relation.
func (s *Server) comment(_ context.Context, env *ddlEnv, st *ast.Comment) error {
	s.ddl.Lock()
	defer s.ddl.Unlock()
	if st.Column != "" {
		return pgerr.Unsupported(st.Position(), "a comment on a column")
	}
	c := s.begin()
	r := c.cat.Lookup(st.Obj.Schema, st.Obj.Name, env.Path)
	if r == nil {
		return pgerr.New(pgerr.UndefinedTable, "relation %q does not exist", st.Obj.Name)
	}
	if dropKinds[st.Kind] != r.Kind {
		return pgerr.New(pgerr.WrongObjectType, "%q is not a %s", r.Name, kindWords[st.Kind])
	}
	next := *r
	next.Comment = ""
	if st.Text != nil {
		next.Comment = *st.Text
	}
	c.rec.Replace = append(c.rec.Replace, &next)
	return s.commit(c)
}
