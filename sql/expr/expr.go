// Package expr holds typed scalar expressions and their vectorized evaluation.
//
// A tree of nodes is what the binder makes, what plans store, and what rules
// rewrite; Compile turns it into a Program that an operator runs on batches.
// PostgreSQL 15 is the meaning of every function here.
package expr

import (
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// Expr is a typed expression: one of the node types of this file.
type Expr interface {
	// Type is the type of the value.
	Type() types.Type
}

type (
	// Column is column Index of the input row.
	Column struct {
		Index int        `json:"i"`
		T     types.Type `json:"t"`
		Name  string     `json:"n,omitempty"` // for EXPLAIN only
	}
	// Const is a constant.
	Const struct {
		Value delta.Datum `json:"v"`
	}
	// Param is parameter N (1-based) of the statement; replaced by a Const
	// before a plan runs (see Substitute).
	Param struct {
		N int        `json:"p"`
		T types.Type `json:"t"`
	}
	// Outer is column Index of the row that an Apply operator Levels above is
	// working on; 0 is the innermost Apply. Only in ad-hoc plans.
	Outer struct {
		Level int        `json:"l"`
		Index int        `json:"i"`
		T     types.Type `json:"t"`
		Name  string     `json:"n,omitempty"`
	}
	// Call applies a function, operator or cast of the registry. Pos is the
	// 1-based byte offset in the statement.
	Call struct {
		Fn   *Func
		Args []Expr
		T    types.Type // result, modifier included
		Pos  int
	}
	// And, Or are n-ary and short-circuit per row, from left to right; an error
	// of an operand that is not needed does not count.
	And struct{ Args []Expr }
	Or  struct{ Args []Expr }
	Not struct{ X Expr }
	// IsNull is X IS NULL.
	IsNull struct{ X Expr }
	// Case is the searched form; arms are evaluated only for the rows that
	// reach them. A nil Else is NULL.
	Case struct {
		Whens []When
		Else  Expr
		T     types.Type
	}
	// Coalesce is the first non-null argument, evaluated lazily.
	Coalesce struct {
		Args []Expr
		T    types.Type
	}
	// Array is ARRAY[…]; T is the array type.
	Array struct {
		Elems []Expr
		T     types.Type
	}
	// AnyAll is X op ANY|ALL (Array), Fn being the boolean operator.
	AnyAll struct {
		Fn       *Func
		X, Array Expr
		All      bool
	}
)

// When is one arm of Case.
type When struct{ Cond, Then Expr }

func (e *Column) Type() types.Type   { return e.T }
func (e *Const) Type() types.Type    { return e.Value.T }
func (e *Param) Type() types.Type    { return e.T }
func (e *Outer) Type() types.Type    { return e.T }
func (e *Call) Type() types.Type     { return e.T }
func (e *And) Type() types.Type      { return types.Boolean }
func (e *Or) Type() types.Type       { return types.Boolean }
func (e *Not) Type() types.Type      { return types.Boolean }
func (e *IsNull) Type() types.Type   { return types.Boolean }
func (e *Case) Type() types.Type     { return e.T }
func (e *Coalesce) Type() types.Type { return e.T }
func (e *Array) Type() types.Type    { return e.T }
func (e *AnyAll) Type() types.Type   { return types.Boolean }
