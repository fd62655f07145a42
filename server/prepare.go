package server

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/pgwire"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
)

// prepared is a statement bound against one version of the catalog.
type prepared struct {
	stmt   pgwire.Statement
	given  []types.Type // parameter types that the client gave
	params []types.Type
	cols   []pgwire.Column
	cmd    command
	rights []right // what is checked each time it is executed

	version uint64 // of the catalog; a plan is bound anew when it has changed
	path    string // search_path likewise
}

var _ pgwire.Prepared = (*prepared)(nil)

// Params implements pgwire.Prepared.
func (p *prepared) Params() []types.Type { return p.params }

// Columns implements pgwire.Prepared.
func (p *prepared) Columns() []pgwire.Column { return p.cols }

// command is a bound statement of one kind.
type command interface {
	run(c *call) (pgwire.Result, error)
}

// call is one execution of a command.
type call struct {
	ctx  context.Context
	x    *session
	p    *prepared
	args []delta.Datum
}

// utility is a command that has no plan. Its work is done when it returns.
type utility func(c *call) (pgwire.Result, error)

func (u utility) run(c *call) (pgwire.Result, error) { return u(c) }

// done makes a utility that answers with a tag only.
func done(f func(c *call) (tag string, err error)) utility {
	return func(c *call) (pgwire.Result, error) {
		tag, err := f(c)
		if err != nil {
			return nil, err
		}
		return &doneResult{tag: tag}, nil
	}
}

// doneResult is the result of a statement that returns no rows.
type doneResult struct{ tag string }

func (r *doneResult) Shape() pgwire.Shape                        { return pgwire.Shape{} }
func (r *doneResult) Next(context.Context) (*delta.Batch, error) { return nil, nil }
func (r *doneResult) CommandTag(int64) string                    { return r.tag }
func (r *doneResult) Close()                                     {}

// listResult is rows that were computed at once.
type listResult struct {
	shape   pgwire.Shape
	batches []*delta.Batch
	tag     func(rows int64) string
	close   func()
}

func (r *listResult) Shape() pgwire.Shape { return r.shape }

func (r *listResult) Next(context.Context) (*delta.Batch, error) {
	if len(r.batches) == 0 {
		return nil, nil
	}
	b := r.batches[0]
	r.batches = r.batches[1:]
	return b, nil
}

func (r *listResult) CommandTag(rows int64) string { return r.tag(rows) }

func (r *listResult) Close() {
	if r.close != nil {
		r.close()
	}
}

// countTag is "SELECT n" and the like.
func countTag(word string) func(int64) string {
	return func(n int64) string { return word + " " + strconv.FormatInt(n, 10) }
}

func integerText(n int64) string { return strconv.FormatInt(n, 10) }

// textColumns are columns of text, as SHOW gives them.
func textColumns(names ...string) []pgwire.Column {
	cols := make([]pgwire.Column, len(names))
	for i, n := range names {
		cols[i] = pgwire.Column{Name: n, Type: types.Text}
	}
	return cols
}

// textRows makes a result of text rows; a nil cell is NULL.
func textRows(cols []pgwire.Column, rows [][]*string, tag func(int64) string) pgwire.Result {
	ts := make([]types.Type, len(cols))
	for i, c := range cols {
		ts[i] = c.Type
	}
	r := &listResult{shape: pgwire.Shape{Columns: cols}, tag: tag}
	for chunk := range slices.Chunk(rows, 1024) {
		b := delta.NewBatch(ts, len(chunk))
		for _, row := range chunk {
			for i, cell := range row {
				if cell == nil {
					b.Cols[i].AppendNull()
				} else {
					b.Cols[i].AppendBytes([]byte(*cell))
				}
			}
			b.AppendWeight(1)
		}
		r.batches = append(r.batches, b)
	}
	return r
}

// bind resolves a statement.
func (x *session) bind(ctx context.Context, st pgwire.Statement, given []types.Type) (*prepared, error) {
	p := &prepared{stmt: st, given: given, version: x.s.catalog().version, path: x.rawPath()}
	if err := x.bindStatement(ctx, p, st.AST.(ast.Statement)); err != nil {
		return nil, err
	}
	for len(p.params) < len(given) {
		p.params = append(p.params, given[len(p.params)])
	}
	return p, nil
}

func (x *session) bindStatement(ctx context.Context, p *prepared, st ast.Statement) error {
	p.rights = toRun(st)
	switch st := st.(type) {
	case *ast.SelectStmt:
		return x.bindQuery(p, st.Query)
	case *ast.Insert, *ast.Update, *ast.Delete:
		return x.bindWrite(p, st)
	case *ast.Explain:
		return x.bindExplain(p, st)
	case *ast.Copy:
		return x.bindCopy(p, st)
	case *ast.Show:
		return x.bindShow(p, st)
	case *ast.Declare:
		return x.bindDeclare(p, st)
	case *ast.Fetch:
		return x.bindFetch(p, st)
	case *ast.Execute:
		return x.bindExecute(ctx, p, st)
	case *ast.StateSavepoint:
		return x.bindStateSavepoint(p, st)
	}
	p.cmd = done(func(c *call) (string, error) { return x.utility(c, st) })
	return nil
}

// utility executes a statement that needs no binding and returns no rows.
func (x *session) utility(c *call, st ast.Statement) (string, error) {
	switch st := st.(type) {
	case *ast.CreateSource, *ast.CreateTable, *ast.CreateView, *ast.CreateSink, *ast.Drop, *ast.Comment,
		*ast.AlterJob, *ast.PauseJobs:
		return x.ddl(c, st)
	case *ast.CreateRole, *ast.AlterRole, *ast.DropRole, *ast.GrantRole, *ast.Grant:
		return x.roleStatement(c, st)
	case *ast.Transaction:
		return x.transaction(c, st)
	case *ast.SetTransaction:
		return "SET", x.setTransaction(st)
	case *ast.Set:
		return x.set(st)
	case *ast.Flush:
		return "FLUSH", x.s.flush(c.ctx)
	case *ast.Checkpoint:
		return x.administer("CHECKPOINT", x.s.Checkpoint(c.ctx))
	case *ast.RotateKey:
		return x.administer("ALTER SYSTEM", x.s.RotateEncryptionKey(c.ctx))
	case *ast.CloseCursor:
		return x.closeCursors(st)
	case *ast.Prepare:
		return "PREPARE", x.prepare(c, st)
	case *ast.Deallocate:
		return x.deallocate(st)
	case *ast.Discard:
		return x.discard(st)
	}
	return "", pgerr.Unsupported(st.Position(), "this statement")
}

// administer notes an administrative statement that was carried out, or not.
func (x *session) administer(tag string, err error) (string, error) {
	x.s.auth.RecordAdmin(x.who(), tag, err)
	return tag, err
}

// ddl executes a statement that changes the catalog.
func (x *session) ddl(c *call, st ast.Statement) (string, error) {
	tag := ddlTag(st)
	if err := x.schemaChange(c.ctx, tag); err != nil {
		return "", err
	}
	env := &ddlEnv{
		Path: x.path(), Notice: x.warn, Session: x.exprSession(), Now: x.tx.began,
		IdempotentFile: x.file, Text: c.p.stmt.SQL, MayRead: x.mayRead,
	}
	var err error
	switch st := st.(type) {
	case *ast.CreateSource:
		err = x.s.createSource(c.ctx, env, st)
	case *ast.CreateTable:
		err = x.s.createTable(c.ctx, env, st)
	case *ast.CreateView:
		err = x.s.createView(c.ctx, env, st)
	case *ast.CreateSink:
		err = x.s.createSink(c.ctx, env, st)
	case *ast.Drop:
		err = x.s.drop(c.ctx, env, st)
	case *ast.Comment:
		err = x.s.comment(c.ctx, env, st)
	case *ast.AlterJob:
		err = x.s.alterJob(c.ctx, env, st)
	case *ast.PauseJobs:
		if st.Resume {
			err = x.s.resumeAll(c.ctx, env)
		} else {
			err = x.s.pauseAll(c.ctx, env)
		}
	}
	x.s.auth.RecordDDL(x.who(), c.p.stmt.SQL, err)
	return tag, err
}

// ddlTag is the command tag, which PostgreSQL also uses in messages.
func ddlTag(st ast.Statement) string {
	switch st := st.(type) {
	case *ast.CreateSource:
		return "CREATE SOURCE"
	case *ast.CreateTable:
		return "CREATE TABLE"
	case *ast.CreateView:
		if st.Materialized {
			return "CREATE MATERIALIZED VIEW"
		}
		return "CREATE VIEW"
	case *ast.CreateSink:
		return "CREATE SINK"
	case *ast.Drop:
		return "DROP " + strings.ToUpper(st.Kind.String())
	case *ast.AlterJob:
		return "ALTER " + strings.ToUpper(st.Kind.String())
	case *ast.PauseJobs:
		if st.Resume {
			return "RESUME JOBS"
		}
		return "PAUSE JOBS"
	}
	return "COMMENT"
}

// current is p, or p bound anew when what it was bound against has changed.
func (x *session) current(ctx context.Context, p *prepared) (*prepared, error) {
	if p.version == x.s.catalog().version && p.path == x.rawPath() {
		return p, nil
	}
	given := p.given
	if len(p.params) > 0 {
		given = p.params // the arguments are of these types already
	}
	return x.bind(ctx, p.stmt, given)
}

// Execute implements pgwire.Session.
func (x *session) Execute(ctx context.Context, pp pgwire.Prepared, args []delta.Datum, _ pgwire.ExecOptions) (pgwire.Result, error) {
	p := pp.(*prepared)
	x.running(shown(p.stmt.AST.(ast.Statement), p.stmt.SQL))
	r, err := x.execute(ctx, p, args)
	if err != nil {
		return nil, relocate(err, p.stmt.Offset)
	}
	return r, nil
}

func (x *session) execute(ctx context.Context, p *prepared, args []delta.Datum) (pgwire.Result, error) {
	p, err := x.current(ctx, p)
	if err != nil {
		return nil, err
	}
	if err := x.permit(p.rights, p.stmt.SQL); err != nil {
		return nil, err
	}
	r, err := p.cmd.run(&call{ctx: ctx, x: x, p: p, args: args})
	if err != nil && p.version != x.s.catalog().version {
		// The catalog changed between the look at it and the snapshot.
		if p, err2 := x.current(ctx, p); err2 == nil {
			if err := x.permit(p.rights, p.stmt.SQL); err != nil {
				return nil, err
			}
			return p.cmd.run(&call{ctx: ctx, x: x, p: p, args: args})
		}
	}
	if x.tx != nil {
		x.tx.queried = true
	}
	return r, err
}
