package expr

import (
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// Volatility is PostgreSQL's provolatile.
type Volatility byte

const (
	Immutable Volatility = 'i'
	Stable    Volatility = 's' // one value a statement: now(), current_setting()
	Volatile  Volatility = 'v'
)

// Func is one overload of a function, an operator or a cast. ID is unique and
// permanent: stored plans name functions by it (PostgreSQL's internal name
// where there is one, as "int4pl").
type Func struct {
	ID         string
	Args       []types.Type // declared argument types; polymorphic ones are resolved by the binder through Resolve
	Variadic   bool         // the last argument repeats
	Ret        types.Type
	Volatility Volatility
	// Strict: any NULL argument gives NULL and the kernel is not run for it
	// (it may be run, its value is ignored).
	Strict bool
	// Eval computes n rows into out (out is Reset to the result type; the
	// kernel resizes it and sets nulls). args[i].Len() is n. A row that fails
	// is reported by ctx.Fail(row, err); its value is unspecified. Rows in
	// skip (nil: none) are NULL by strictness already.
	Eval func(ctx *Ctx, args []*delta.Vec, n int, skip delta.Bitmap, out *delta.Vec)
	// RetFor gives the result type of a polymorphic function from the actual
	// argument types; nil: Ret.
	RetFor func(args []types.Type) types.Type
	// cheap: cannot fail and costs less than gathering rows, so that AND, OR and
	// CASE run it on all rows.
	cheap bool
}

// Ctx is what evaluation may depend on besides its input. One per operator
// instance and step; not for concurrent use.
type Ctx struct {
	// Now is the statement's (or step's) time in microseconds since 2000-01-01
	// UTC: what now() gives.
	Now int64
	// Session is what session functions read; nil inside a materialized view.
	Session Session
	// Outer are the rows of the Apply operators around, innermost first.
	Outer []OuterRow
	errs  rowErrors
	cur   frame     // of the kernel that runs
	sels  [][]int32 // rows of the sub-batches around it, outermost first
	env   env       // what follows from Session
}

// OuterRow is one row that an Apply operator works on.
type OuterRow struct {
	Batch *delta.Batch
	Row   int
}

// Session answers what current_user, current_setting and the catalog-reading
// functions (format_type, pg_get_expr, regclass input, …) ask.
type Session interface {
	Setting(name string) (string, bool)
	SetSetting(name, value string, local bool) error
	// User is current_user, SessionUser who logged in.
	User() string
	SessionUser() string
	Database() string
	SearchPath() []string
	TimeZone() string
	BackendPID() int32
	// SignalBackend cancels what a session executes, or ends it; false: there is
	// no such session.
	SignalBackend(pid int32, terminate bool) (bool, error)
	// RelationOID resolves a possibly qualified relation name; 0: none.
	RelationOID(schema, name string) uint32
	// RelationName is the reverse, qualified when not visible.
	RelationName(oid uint32) (schema, name string, ok bool)
	// ViewDefinition is the query text of a view; ok false when oid is none.
	ViewDefinition(oid uint32) (string, bool)
	// IndexDefinition is CREATE INDEX … of an index, or with column > 0 that
	// column's expression; ConstraintDefinition is PRIMARY KEY (…) and the like.
	IndexDefinition(oid uint32, column int) (string, bool)
	ConstraintDefinition(oid uint32) (string, bool)
	// Visible reports whether an unqualified name finds the relation.
	Visible(oid uint32) bool
	// RoleName and NamespaceName give names of their OIDs.
	RoleName(oid uint32) (string, bool)
	NamespaceName(oid uint32) (string, bool)
	// NamespaceOID is the reverse of NamespaceName; 0: none.
	NamespaceOID(name string) uint32
	// ObjectText is the result of a function that describes a catalog object:
	// "obj_description", "col_description" (sub is the column) and
	// "pg_get_function_arguments", "…_identity_arguments", "…_result"; ok false:
	// NULL.
	ObjectText(fn string, oid uint32, sub int) (text string, ok bool)
	// FunctionOID finds a function by name for regproc; 0: none, or several.
	FunctionOID(name string) uint32
	// FunctionName is the reverse.
	FunctionName(oid uint32) (name string, ok bool)
	// RoleOID finds a user or role by name; 0: none.
	RoleOID(name string) uint32
	// HasRole reports whether a user (0: the current one) has a role, or is it.
	HasRole(member, role uint32) bool
	// RelationPrivilege reports whether a user or role (0: the current user) has a
	// privilege on a relation: PostgreSQL's word for it, or "GRANT" for what needs
	// the grant option; ok false: there is no such relation.
	RelationPrivilege(role, rel uint32, privilege string) (has, ok bool)
	// RelationBytes is the size of a relation's state; of all for oid 0.
	RelationBytes(oid uint32) (int64, bool)
}
