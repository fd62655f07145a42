// Package bind turns the syntax tree into a plan: it resolves names against the
// catalog and types by PostgreSQL's rules (documentation of PostgreSQL 15,
// chapter 10), and lays the query out as plan nodes, not yet optimized.
package bind

import (
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// Mode is what a plan is for.
type Mode uint8

const (
	AdHoc      Mode = iota // runs once over a snapshot
	Continuous             // kept up to date: a materialized view or a sink
)

// maxRelations bounds the table references of one statement once views and
// common table expressions are expanded.
const maxRelations = 4096

// maxDepth bounds how deep queries, views and expressions nest.
const maxDepth = 1000

// Options is what binding depends on besides the statement and the catalog.
type Options struct {
	Mode       Mode
	SearchPath []string
	// ParamTypes are the types the client gave; OID 0 asks for inference.
	ParamTypes []types.Type
	// Session answers what reading a literal may ask (regclass, time zone); nil
	// in a continuous plan.
	Session expr.Session
	// Now is the statement's time for literals such as 'now', microseconds since
	// 2000-01-01 UTC.
	Now int64
	// ParseQuery reads the stored text of a view.
	ParseQuery func(text string) (*ast.Query, error)
	// ParseExpr reads a stored scalar expression (DEFAULT, generated columns).
	ParseExpr func(text string) (ast.Expr, error)
}

// Continuous reports whether the plan is kept up to date.
func (o *Options) Continuous() bool { return o.Mode == Continuous }

type binder struct {
	opts   *Options
	cat    catalog.Reader
	params *params
	deps   map[uint32]bool
	reads  map[uint32]bool // those of deps that the statement itself names
	inView int             // views that are being replaced by their queries
	rels   int             // table references so far
	depth  int
	// colPos is where each column reference stands, for errors found later.
	colPos map[expr.Expr]int
	// emitClause is the query that may have EMIT ON WINDOW CLOSE.
	emitClause *ast.Query
	// clock: now() may stand here in a continuous query, see whereCondition.
	clock bool
}

func newBinder(o *Options, cat catalog.Reader) *binder {
	return &binder{opts: o, cat: cat, params: newParams(o.ParamTypes), deps: map[uint32]bool{}, reads: map[uint32]bool{}, colPos: map[expr.Expr]int{}}
}

// enter guards one level of nesting; leave with b.depth--.
func (b *binder) enter(pos int) error {
	if b.depth++; b.depth > maxDepth {
		return pgerr.New(pgerr.StatementTooComplex, "stack depth limit exceeded").At(pos)
	}
	return nil
}

func (b *binder) database() string {
	if b.opts.Session != nil {
		return b.opts.Session.Database()
	}
	return "heliosdb"
}

// adHocOnly is 0A000 in a continuous query for what only ad-hoc ones have.
func (b *binder) adHocOnly(pos int, what string) error {
	if !b.opts.Continuous() {
		return nil
	}
	return pgerr.New(pgerr.FeatureNotSupported, "%s is not supported in a materialized view", what).At(pos)
}
