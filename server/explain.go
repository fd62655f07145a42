package server

import (
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/pgwire"
	"github.com/heliosdb/heliosdb-streaming/planner"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// bindExplain binds EXPLAIN: the plan is made when the statement is bound, as
// its text is all that it gives.
func (x *session) bindExplain(p *prepared, st *ast.Explain) error {
	if err := explainOptions(st); err != nil {
		return err
	}
	root, params, err := x.explained(p, st.Stmt)
	if err != nil {
		return err
	}
	p.params = params
	p.cols = textColumns("QUERY PLAN")
	p.cmd = utility(func(*call) (pgwire.Result, error) {
		var rows [][]*string
		for _, l := range plan.Explain(root) {
			rows = append(rows, cells(l))
		}
		return textRows(p.cols, rows, func(int64) string { return "EXPLAIN" }), nil
	})
	return nil
}

// explainOptions refuses what EXPLAIN cannot show.
func explainOptions(st *ast.Explain) error {
	for _, o := range st.Options {
		v, err := (boolean{}).canon(&parameter{name: o.Name}, o.Value)
		switch name := strings.ToLower(o.Name); name {
		case "verbose", "costs", "settings", "summary":
			if err != nil {
				return pgerr.New(pgerr.SyntaxError, "%s requires a Boolean value", name).At(o.Position())
			}
		case "analyze", "buffers", "wal", "timing":
			if err != nil {
				return pgerr.New(pgerr.SyntaxError, "%s requires a Boolean value", name).At(o.Position())
			}
			if v == "on" {
				return pgerr.Unsupported(o.Position(), "EXPLAIN %s", strings.ToUpper(name))
			}
		case "format":
			switch f := strings.ToLower(o.Value); f {
			case "text":
			case "xml", "json", "yaml":
				return pgerr.Unsupported(o.Position(), "EXPLAIN (FORMAT %s)", strings.ToUpper(f))
			default:
				return pgerr.New(pgerr.InvalidParameterValue, "unrecognized value for EXPLAIN option \"format\": \"%s\"", o.Value).At(o.Position())
			}
		default:
			return pgerr.New(pgerr.SyntaxError, "unrecognized EXPLAIN option \"%s\"", o.Name).At(o.Position())
		}
	}
	return nil
}

// explained plans the statement as it would run.
func (x *session) explained(p *prepared, st ast.Statement) (plan.Node, []types.Type, error) {
	cat := x.s.catalog()
	o := x.planOptionsAdHoc(p.given)
	var w *planner.Write
	var err error
	switch st := st.(type) {
	case *ast.SelectStmt:
		return queryPlan(cat, p)(planner.Query(o, st.Query, cat))
	case *ast.Declare:
		return queryPlan(cat, p)(planner.Query(o, st.Query, cat))
	case *ast.CreateView:
		return x.explainView(p, cat, st)
	case *ast.Execute:
		ps, err := x.conn.Statements().Get(st.Name)
		if err != nil {
			return nil, nil, err
		}
		inner := &prepared{given: ps.Plan.Params()}
		root, params, err := x.explained(inner, ps.Stmt.AST.(ast.Statement))
		p.rights = inner.rights
		return root, params, err
	case *ast.Insert:
		w, err = planner.Insert(o, st, cat)
	case *ast.Update:
		w, err = planner.Update(o, st, cat)
	case *ast.Delete:
		w, err = planner.Delete(o, st, cat)
	default:
		return nil, nil, pgerr.Unsupported(st.Position(), "EXPLAIN of this statement")
	}
	if err != nil {
		return nil, nil, err
	}
	p.rights = toWrite(cat, st, w)
	return w.Root, w.Params, nil
}

// queryPlan is the plan of a query; what it needs goes to p.
func queryPlan(cat *catalogView, p *prepared) func(*planner.Result, error) (plan.Node, []types.Type, error) {
	return func(r *planner.Result, err error) (plan.Node, []types.Type, error) {
		if err != nil {
			return nil, nil, err
		}
		p.rights = toRead(cat, r.Reads)
		return r.Root, r.Params, nil
	}
}

// explainView is the plan that a materialized view would be kept up to date by.
func (x *session) explainView(p *prepared, cat *catalogView, st *ast.CreateView) (plan.Node, []types.Type, error) {
	if !st.Materialized {
		return queryPlan(cat, p)(planner.Query(x.planOptionsAdHoc(nil), st.Query, cat))
	}
	o := &planner.Options{
		Mode: planner.Continuous, SearchPath: x.path(), Now: x.tx.began,
		Lateness: x.s.cfg.Streaming.AllowedLateness.Microseconds(),
	}
	r, err := planner.Query(o, st.Query, cat)
	if err != nil {
		return nil, nil, err
	}
	p.rights = toRead(cat, r.Reads)
	return planner.Materialize(o, r.Root, &catalog.Relation{Name: st.Name.Name}), nil, nil
}
