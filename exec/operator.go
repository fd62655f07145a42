// Package exec runs plans: each plan node becomes an operator, the incremental
// form of a relational operator over deltas (Budiu et al., "DBSP", VLDB 2023).
// The same operators serve continuous views, step after step, and an ad-hoc
// query, which is one step over a snapshot.
package exec

import (
	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/storage/state"
)

// Emit takes one batch of an operator's output. The batch belongs to the caller
// again when Emit returns: a receiver copies what it keeps.
type Emit func(b *delta.Batch) error

// Operator is one plan node on one worker. In every step it is given its
// inputs' deltas and emits the delta of its output.
//
// The driver calls Push any number of times (also none) for each input port, in
// any interleaving of ports, then End once if the operator was pushed to in
// this step; downstream operators' End comes after. An operator may emit in
// Push (stateless ones, and joins, do) or keep what it has until End (grouping
// operators do, so that a group changes once a step). Over a step the sum of
// what it emits must be the delta of its output; between Push and End it may
// pass through states that the output never has.
//
// A row whose computation fails is not an error of the operator: it goes to
// Ctx.RowFailed. A returned error fails the whole job or query.
type Operator interface {
	Push(c *Ctx, port int, b *delta.Batch, out Emit) error
	End(c *Ctx, out Emit) error
}

// Timed is an operator that does something when watermarks advance: closes
// windows, frees state. Advance is called at cuts only, after all upstream
// operators' Advance and End, and before its own End.
type Timed interface {
	Operator
	Advance(c *Ctx, out Emit) error
}

// Stateful is an operator with state to checkpoint.
type Stateful interface {
	Operator
	Tables() []StateTable
	// Restored is called once after the tables were loaded, before the first step.
	Restored(c *Ctx) error
	// Close frees the tables' memory.
	Close()
}

// StateTable is one table of an operator on one worker.
type StateTable struct {
	// Suffix tells the operator's tables apart; with the operator's id it makes
	// the permanent table id.
	Suffix uint8
	Table  state.Table
	// VNode gives the virtual partition of a key of the table, so that state
	// finds its worker when it is restored with another parallelism.
	VNode func(key []byte) uint8
}

// Closer is an operator without checkpointed state that holds memory.
type Closer interface{ Close() }
