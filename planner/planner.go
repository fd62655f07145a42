// Package planner turns statements into physical plans: it binds names and
// types (planner/bind), rewrites the plan by an ordered list of rules
// (planner/rules), and gives operators their permanent ids. What it makes are
// the nodes of planner/plan, which exec runs, EXPLAIN prints and the catalog
// stores.
package planner

import (
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/planner/bind"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/planner/rules"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
	"github.com/heliosdb/heliosdb-streaming/sql/parse"
)

// Mode is what a plan is for.
type Mode = bind.Mode

const (
	AdHoc      = bind.AdHoc      // runs once over a snapshot
	Continuous = bind.Continuous // kept up to date: a materialized view or a sink
)

// Options is what planning depends on besides the statement and the catalog.
type Options struct {
	Mode Mode
	// SearchPath are the schemas that unqualified names are looked up in.
	SearchPath []string
	// ParamTypes are the parameter types that the client gave; OID 0 or a missing
	// one asks for inference.
	ParamTypes []types.Type
	// Session answers what reading a literal may ask (regclass, time zone); nil in
	// a continuous plan.
	Session expr.Session
	// Now is the statement's time, microseconds since 2000-01-01 UTC.
	Now int64
	// Lateness is allowed_lateness_secs in microseconds: how long after a window's
	// end the watermark may be before the window closes.
	Lateness int64
	// NextID gives permanent operator ids; continuous plans need it. Ids are
	// asked for in a fixed order: the inputs of a node before the node.
	NextID func() uint64
	// Trace, when not nil, sees the plan after binding and after every rule.
	Trace func(rule string, n plan.Node)
}

func (o *Options) bind() *bind.Options {
	return &bind.Options{
		Mode: o.Mode, SearchPath: o.SearchPath, ParamTypes: o.ParamTypes, Session: o.Session, Now: o.Now,
		ParseQuery: parse.ParseQuery, ParseExpr: parse.ParseExpr,
	}
}

// Result is a planned query.
type Result struct {
	// Root is the plan; its Props.Cols are the result's columns. A continuous plan
	// still lacks its top: see Materialize and SinkPlan.
	Root plan.Node
	// Params are the types of the parameters $1, $2, …, given or inferred.
	Params []types.Type
	// DependsOn are the OIDs of the relations read, views in between included,
	// ascending.
	DependsOn []uint32
	// Reads are those of them that the statement itself names, not those that are
	// read through a view, and without the table that it writes, ascending: what
	// somebody must be allowed to read.
	Reads []uint32
}

// Query plans a query. Errors are *pgerr.Error with PostgreSQL's SQLSTATE,
// message and position; what a continuous plan cannot do yet is 0A000.
func Query(o *Options, q *ast.Query, cat catalog.Reader) (*Result, error) {
	st, err := bind.Query(o.bind(), q, cat)
	if err != nil {
		return nil, err
	}
	root, err := optimize(o, st, cat)
	if err != nil {
		return nil, err
	}
	return &Result{Root: root, Params: st.Params, DependsOn: st.DependsOn, Reads: st.Reads}, nil
}

// optimize runs the rules and keeps the names of the result's columns.
func optimize(o *Options, st *bind.Statement, cat catalog.Reader) (plan.Node, error) {
	names := make([]string, len(st.Root.Base().Cols))
	for i, c := range st.Root.Base().Cols {
		names[i] = c.Name
	}
	ctx := &rules.Context{
		Cat: cat, Continuous: o.Mode == Continuous, Emit: st.Emit, EmitPos: st.EmitPos, Lateness: o.Lateness,
		Stored: storedPlan,
	}
	root, err := rules.Run(ctx, st.Root, o.Trace)
	if err != nil {
		return nil, err
	}
	for i, name := range names {
		root.Base().Cols[i].Name = name
	}
	return root, nil
}

// storedPlan is the plan that a materialized view's definition was stored with;
// nil when it cannot be read: then nothing is assumed about the view's rows.
func storedPlan(rel *catalog.Relation) plan.Node {
	if len(rel.Plan) == 0 {
		return nil
	}
	n, err := plan.Decode(rel.Plan)
	if err != nil {
		return nil
	}
	return n
}

// Materialize completes a continuous plan: the contents of rel, placed and
// ordered by the derived key, and gives all operators their ids. rel needs OID
// and Name.
func Materialize(o *Options, root plan.Node, rel *catalog.Relation) *plan.Materialize {
	n := &plan.Materialize{In: rules.ExchangeFor(root), Rel: rel.OID, Name: rel.Name}
	n.Props = *copyProps(root)
	rules.SetState(n)
	assignIDs(o, n)
	return n
}

// SinkPlan completes a continuous plan that is delivered to a sink. rel needs
// OID, Name and Options with "connector".
func SinkPlan(o *Options, root plan.Node, rel *catalog.Relation) *plan.Sink {
	n := &plan.Sink{In: root, Rel: rel.OID, Name: rel.Name, Connector: rel.Options["connector"], Options: rel.Options}
	n.Props = *copyProps(root)
	rules.SetState(n)
	assignIDs(o, n)
	return n
}

func copyProps(n plan.Node) *plan.Props {
	p := *n.Base()
	p.ID = 0
	p.Cols = append([]plan.Col(nil), p.Cols...)
	return &p
}

func assignIDs(o *Options, n plan.Node) {
	if o.NextID != nil {
		plan.Walk(n, func(n plan.Node) { n.Base().ID = o.NextID() })
	}
}

// ResolveType finds the type that a type name means; unknown names are 42704.
func ResolveType(n ast.TypeName) (types.Type, error) { return bind.ResolveType(n) }

// ColumnName is the name that PostgreSQL gives an output column without alias.
func ColumnName(x ast.Expr) string { return bind.ColumnName(x) }

// BindColumns binds the columns and the primary key (names of a table
// constraint, and its position) of CREATE TABLE or CREATE SOURCE. The key is
// given as column indexes. Defaults and generated columns come back as text
// that parses to the same expression.
func BindColumns(o *Options, cat catalog.Reader, defs []ast.ColumnDef, pk []string, pkPos int) ([]catalog.Column, []int, error) {
	return bind.Columns(o.bind(), cat, defs, pk, pkPos)
}

// ScalarOver binds an expression over the columns of a relation, without a
// parameter and without a subquery: column i of the result's input is column i
// of cols; a generated column is replaced by what it computes. want with OID 0
// takes any type, another one coerces as assignment does.
func ScalarOver(o *Options, cat catalog.Reader, cols []catalog.Column, x ast.Expr, want types.Type) (expr.Expr, error) {
	return bind.Scalar(o.bind(), cat, cols, x, want)
}

// Watermark binds WATERMARK FOR column AS x: the column must be a timestamp,
// and x of its type. The expression is over the relation's columns.
func Watermark(o *Options, cat catalog.Reader, cols []catalog.Column, w *ast.Watermark) (col int, e expr.Expr, err error) {
	col = -1
	for i := range cols {
		if cols[i].Name == w.Column {
			col = i
		}
	}
	if col < 0 {
		return -1, nil, pgerr.New(pgerr.UndefinedColumn, "column %q does not exist", w.Column).At(w.Position())
	}
	t := cols[col].Type
	if t.OID != types.OIDTimestamp && t.OID != types.OIDTimestamptz {
		return -1, nil, pgerr.New(pgerr.DatatypeMismatch, "a watermark needs a column of type timestamp or timestamp with time zone, not %s", t).At(w.Position())
	}
	e, err = bind.Scalar(o.bind(), cat, cols, w.X, t.Base())
	if err == nil && expr.VolatilityOf(e) == expr.Volatile {
		err = pgerr.New(pgerr.FeatureNotSupported, "a watermark must not depend on chance or on the clock").At(w.X.Position())
	}
	return col, e, err
}
