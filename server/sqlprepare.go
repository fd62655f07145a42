package server

import (
	"context"
	"time"

	"github.com/heliosdb/heliosdb-streaming/exec"
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/pgwire"
	"github.com/heliosdb/heliosdb-streaming/planner"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
)

// prepare executes SQL's PREPARE.
func (x *session) prepare(c *call, st *ast.Prepare) error {
	if st.Name == "" {
		return pgerr.New("26000", "invalid statement name: must not be empty")
	}
	if err := x.conn.Statements().CheckNew(st.Name); err != nil {
		return err
	}
	switch st.Stmt.(type) {
	case *ast.SelectStmt, *ast.Insert, *ast.Update, *ast.Delete:
	default:
		return pgerr.New(pgerr.SyntaxError, "utility statements cannot be prepared")
	}
	given := make([]types.Type, len(st.Types))
	for i, n := range st.Types {
		t, err := planner.ResolveType(n)
		if err != nil {
			return err
		}
		given[i] = t
	}
	inner := pgwire.Statement{SQL: c.p.stmt.SQL, Offset: c.p.stmt.Offset, AST: st.Stmt}
	p, err := x.bind(c.ctx, inner, given)
	if err != nil {
		return err
	}
	ps := &pgwire.PreparedStatement{Name: st.Name, Query: c.p.stmt.SQL, Stmt: inner, Plan: p, Prepared: time.Now(), FromSQL: true}
	ps.Stmt.Offset = 0 // Query is the statement alone
	for _, t := range p.params {
		ps.Params = append(ps.Params, t.OID)
	}
	return x.conn.Statements().Put(ps)
}

// bindExecute binds SQL's EXECUTE: the rows are those of the statement it names.
func (x *session) bindExecute(_ context.Context, p *prepared, st *ast.Execute) error {
	ps, err := x.conn.Statements().Get(st.Name)
	if err != nil {
		return err
	}
	target, ok := ps.Plan.(*prepared)
	if !ok {
		return pgerr.New(pgerr.InvalidSQLStatementName, "prepared statement \"%s\" is empty", st.Name)
	}
	if len(st.Args) != len(target.params) {
		return pgerr.New(pgerr.SyntaxError, "wrong number of parameters for prepared statement \"%s\"", st.Name).
			WithDetail("Expected %d parameters but got %d.", len(target.params), len(st.Args))
	}
	var q *query
	if len(st.Args) > 0 {
		sel := &ast.Select{Pos: st.Pos}
		for i, a := range st.Args {
			t := target.params[i]
			name := ast.TypeName{Pos: ast.Pos(a.Position()), Names: []string{"pg_catalog", t.Info().Name}}
			sel.Items = append(sel.Items, ast.SelectItem{X: &ast.Cast{Pos: ast.Pos(a.Position()), X: a, Type: name}})
		}
		r, err := planner.Query(x.planOptionsAdHoc(p.given), &ast.Query{Pos: st.Pos, Body: sel}, x.s.catalog())
		if err != nil {
			return err
		}
		p.params, p.rights = r.Params, toRead(x.s.catalog(), r.Reads)
		q = newQuery(r.Root, len(r.Params) > 0)
	}
	p.cols = target.cols
	p.cmd = utility(func(c *call) (pgwire.Result, error) {
		args, err := x.arguments(c, q)
		if err != nil {
			return nil, err
		}
		r, err := x.execute(c.ctx, target, args)
		if err != nil {
			e := *pgerr.From(err)
			e.Pos = 0 // it counts in the text of PREPARE
			return nil, &e
		}
		return r, nil
	})
	return nil
}

// arguments evaluates the arguments of EXECUTE; q nil: there are none.
func (x *session) arguments(c *call, q *query) ([]delta.Datum, error) {
	if q == nil {
		return nil, nil
	}
	n, err := withArgs(q.plan, c.args)
	if err != nil {
		return nil, err
	}
	rd, err := x.reader(q.stored)
	if err != nil {
		return nil, err
	}
	if rd.reads != nil {
		defer rd.reads.release()
	}
	mem := x.s.budget.Reserve()
	defer mem.Release()
	var args []delta.Datum
	env := &exec.QueryEnv{Relations: rd, Session: x.exprSession(), Now: x.tx.began, Memory: mem}
	for b, err := range exec.Query(c.ctx, n, env) {
		if err != nil {
			return nil, err
		}
		for _, v := range b.Cols {
			args = append(args, v.At(0))
		}
	}
	return args, nil
}

// deallocate executes DEALLOCATE.
func (x *session) deallocate(st *ast.Deallocate) (string, error) {
	if st.All {
		x.conn.Statements().DropAll()
		return "DEALLOCATE ALL", nil
	}
	if !x.conn.Statements().Drop(st.Name) {
		return "", pgerr.New(pgerr.InvalidSQLStatementName, "prepared statement \"%s\" does not exist", st.Name)
	}
	return "DEALLOCATE", nil
}
