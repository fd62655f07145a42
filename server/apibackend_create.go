package server

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/pgtime"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/server/api"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
	"github.com/heliosdb/heliosdb-streaming/sql/parse"
)

// Options that a job's view keeps of what the job was asked for.
const (
	viewParallelism = "parallelism"
	viewRetention   = "retention"
)

// sourceSuffix makes the name of a job's source.
const sourceSuffix = "_source"

// CreateJob implements api.JobBackend.
func (b *apiBackend) CreateJob(ctx context.Context, by *api.Identity, j api.NewJob) (api.Job, error) {
	var name string
	var notices []string
	var err error
	if j.SQL != "" {
		name, err = b.createFromSQL(ctx, by, j)
	} else {
		name = j.Name
		notices, err = b.createFromTopic(ctx, j)
	}
	if err != nil {
		return api.Job{}, err
	}
	made, err := b.Job(ctx, by, name)
	made.Notices = append(notices, made.Notices...)
	return made.Job, err
}

// createFromTopic makes a source and a view over it, both or none.
func (b *apiBackend) createFromTopic(ctx context.Context, j api.NewJob) (notices []string, err error) {
	s, c := b.s, *j.Config
	// A call that works on a large machine works on a small one too.
	if n := api.Whole(s.workers()); c.Parallelism > n {
		fewer := fmt.Sprintf("config.parallelism %d is more than this server's workers ([streaming] max_parallelism): the job has %d", c.Parallelism, n)
		c.Parallelism = n
		defer func() { notices = append(notices, fewer) }()
	}
	if len(j.Name)+len(sourceSuffix) > maxIdentifier {
		return nil, &api.Problem{Kind: api.BadRequest, Detail: fmt.Sprintf("name is longer than %d bytes, which leaves no room for the name of its source", maxIdentifier-len(sourceSuffix))}
	}
	if c.Retention == "" {
		c.Retention = api.DefaultRetention
	}
	if err := checkRetention(c.Retention); err != nil {
		return nil, err
	}
	if err := s.nameFree(j.Name); err != nil {
		return nil, err // before the look at the topic, which takes time
	}
	if c.Columns == nil {
		n, err := s.inferColumns(ctx, c.Topic)
		if err != nil {
			return nil, err
		}
		c.Columns, notices = n.columns()
		if err := c.CheckEventTime(); err != nil {
			return nil, err
		}
	}
	sources, view, err := jobStatements(j.Name, &c)
	if err != nil {
		return nil, err
	}
	return notices, s.createJob(ctx, j.Name, &c, sources, view)
}

// nameFree is 42P07 when a relation of this name exists.
func (s *Server) nameFree(name string) error {
	if s.catalog().Lookup(catalog.PublicSchema, name, nil) != nil {
		return pgerr.New(pgerr.DuplicateTable, "relation %q already exists", name)
	}
	return nil
}

// checkRetention refuses what is no span of time that passes.
func checkRetention(text string) error {
	d, err := values.ParseDatum(types.Interval, []byte(text), &values.DefaultOpts)
	if err != nil {
		return &api.Problem{Kind: api.BadRequest, Detail: "config.retention: " + pgerr.From(err).Message, SQLState: pgerr.From(err).Code}
	}
	zero, _ := values.ParseDatum(types.Interval, []byte("0"), &values.DefaultOpts)
	if values.CompareDatum(d, zero) <= 0 {
		return &api.Problem{Kind: api.BadRequest, Detail: "config.retention is not longer than no time: " + pgtimeInterval(d.S)}
	}
	return nil
}

func pgtimeInterval(b []byte) string {
	return string(pgtime.AppendInterval(nil, pgtime.DecodeInterval(b)))
}

// jobStatements are the two statements of a job on a topic.
func jobStatements(name string, c *api.JobConfig) (source, view string, err error) {
	with := []string{"connector = 'kafka'", "topic = " + literal(c.Topic)}
	if c.Start != "" {
		with = append(with, "scan.startup.mode = "+literal(c.Start))
	}
	var cols, take []string
	includes := [][2]string{{"partition", metaPartition}, {"offset", metaOffset}, {"timestamp", metaTimestamp}}
	if c.Columns == nil {
		includes = [][2]string{{"payload", "payload"}, {"key", "key"}, {"partition", "partition"}, {"offset", "offset"}, {"timestamp", "timestamp"}}
	}
	for _, col := range c.Columns {
		if isMetaColumn(col.Name) {
			return "", "", &api.Problem{Kind: api.BadRequest, Detail: fmt.Sprintf("config.columns: %q is a column that every job on a topic has", col.Name)}
		}
		if err := checkTypeName(col); err != nil {
			return "", "", err
		}
		cols = append(cols, ident(col.Name)+" "+col.Type)
		take = append(take, ident(col.Name))
	}
	source = "CREATE SOURCE " + ident(name+sourceSuffix)
	if len(cols) > 0 {
		source += " (" + strings.Join(cols, ", ") + ")"
	}
	for _, in := range includes {
		source += " INCLUDE " + in[0] + " AS " + ident(in[1])
		take = append(take, ident(in[1]))
	}
	source += " WITH (" + strings.Join(with, ", ") + ") FORMAT PLAIN ENCODE JSON"
	at := c.EventTime
	if at == "" {
		at = includes[len(includes)-1][1]
	}
	view = "CREATE MATERIALIZED VIEW " + ident(name) + " AS SELECT " + strings.Join(take, ", ") + " FROM " + ident(name+sourceSuffix) +
		" WHERE " + ident(at) + " > now() - INTERVAL " + literal(c.Retention)
	return source, view, nil
}

// checkTypeName sees that a column's type is one and nothing more: the text
// becomes part of a statement.
func checkTypeName(col api.JobColumn) error {
	list, err := parse.Parse("CREATE SOURCE s (c " + col.Type + ")")
	if err == nil && len(list) == 1 {
		st, ok := list[0].AST.(*ast.CreateSource)
		if ok && len(st.Columns) == 1 && len(st.Watermarks)+len(st.Includes)+len(st.Options)+len(st.PrimaryKey) == 0 && plainColumn(&st.Columns[0]) {
			return nil
		}
	}
	return &api.Problem{Kind: api.BadRequest, Detail: fmt.Sprintf("config.columns: %.80q is no type of a column", col.Type),
		Hint: "bigint, double precision, numeric, boolean, text, timestamptz, jsonb and the like."}
}

func plainColumn(c *ast.ColumnDef) bool {
	return !c.NotNull && !c.PrimaryKey && c.Default == nil && c.Generated == nil
}

// ident and literal write a name and a text as SQL.
func ident(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func literal(text string) string {
	quoted := "'" + strings.ReplaceAll(text, "'", "''") + "'"
	if strings.Contains(text, `\`) {
		return "E" + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}

// createJob makes the source and the view of a job in one change of the
// catalog. Positions of errors are in statements that the client has not seen.
func (s *Server) createJob(ctx context.Context, name string, c *api.JobConfig, source, view string) (err error) {
	defer func() {
		if err != nil {
			err = atRunTime(err)
		}
	}()
	srcAST, err := parseOne(source)
	if err != nil {
		return err
	}
	viewAST, err := parseOne(view)
	if err != nil {
		return err
	}
	s.ddl.Lock()
	defer s.ddl.Unlock()
	ch := s.begin()
	src, err := s.addSource(apiEnv(source), ch, srcAST.(*ast.CreateSource))
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			s.forgetSource(src.OID)
		}
	}()
	src.MadeFor = name
	v, err := s.addView(ctx, apiEnv(view), ch, viewAST.(*ast.CreateView))
	if err != nil {
		return err
	}
	v.Options = map[string]string{viewRetention: c.Retention}
	if c.Parallelism > 0 {
		v.Options[viewParallelism] = strconv.FormatInt(int64(c.Parallelism), 10)
	}
	ch.settleCreated()
	return s.commit(ch)
}

// settleCreated puts what a change replaces of a relation that it creates into
// the creation: where a source starts is found when its first view is planned.
func (c *change) settleCreated() {
	for i, r := range c.rec.Create {
		k := slices.IndexFunc(c.rec.Replace, func(x *catalog.Relation) bool { return x.OID == r.OID })
		if k >= 0 {
			c.rec.Create[i] = c.rec.Replace[k]
			c.rec.Replace = slices.Delete(c.rec.Replace, k, k+1)
		}
	}
}

// parseOne parses one statement.
func parseOne(text string) (ast.Statement, error) {
	list, err := parse.Parse(text)
	if err != nil {
		return nil, err
	}
	if len(list) != 1 {
		return nil, pgerr.New(pgerr.SyntaxError, "%d statements where one belongs", len(list))
	}
	return list[0].AST, nil
}

// createFromSQL makes a materialized view in a session of the caller, with the
// caller's permissions.
func (b *apiBackend) createFromSQL(ctx context.Context, by *api.Identity, j api.NewJob) (name string, err error) {
	text, name, shift, err := viewStatement(j)
	if err != nil {
		return "", err
	}
	rows, err := b.Query(ctx, by, api.Query{SQL: text})
	if err != nil {
		return "", moved(err, shift)
	}
	defer rows.Close()
	for {
		batch, err := rows.Next(ctx)
		if err != nil {
			return "", moved(err, shift)
		}
		if batch == nil {
			return name, nil
		}
	}
}

// viewStatement is the CREATE MATERIALIZED VIEW of a job; shift is what its
// text has before the client's.
func viewStatement(j api.NewJob) (text, name string, shift int, err error) {
	list, err := parse.Parse(j.SQL)
	if err != nil {
		return "", "", 0, err
	}
	if len(list) != 1 {
		return "", "", 0, pgerr.New(pgerr.SyntaxError, "sql has %d statements; a job is made of one", len(list))
	}
	switch st := list[0].AST.(type) {
	case *ast.SelectStmt:
		if j.Name == "" {
			return "", "", 0, &api.Problem{Kind: api.BadRequest, Detail: "name is missing"}
		}
		head := "CREATE MATERIALIZED VIEW " + ident(j.Name) + " AS "
		return head + list[0].Text, j.Name, len(head) - list[0].Offset, nil
	case *ast.CreateView:
		switch {
		case !st.Materialized:
		case st.IfNotExists:
			return "", "", 0, pgerr.Unsupported(st.Position(), "IF NOT EXISTS in a job").WithHint("A name that is taken is answered with 409.")
		case j.Name != "" && j.Name != st.Name.Name:
			return "", "", 0, &api.Problem{Kind: api.BadRequest, Detail: fmt.Sprintf("name is %q, but sql makes %q", j.Name, st.Name.Name)}
		default:
			return j.SQL, st.Name.Name, 0, nil
		}
	}
	return "", "", 0, pgerr.Unsupported(list[0].AST.Position(), "a job of another statement than SELECT or CREATE MATERIALIZED VIEW")
}

// moved is an error whose position is counted in the client's text.
func moved(err error, shift int) error {
	e := pgerr.From(err)
	if e.Pos == 0 || shift == 0 {
		return err
	}
	d := *e
	d.Pos = max(0, e.Pos-shift)
	return &d
}
