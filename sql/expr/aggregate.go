package expr

import "github.com/heliosdb/heliosdb-streaming/internal/types"

// Aggregate is one overload of an aggregate function. ID is permanent: stored
// plans name aggregates by it. exec holds the accumulators.
type Aggregate struct {
	ID   string // "count", "sum(int4)", …
	Name string
	Args []types.Type
	Ret  types.Type
	// RetFor gives the result type of a polymorphic aggregate (min, max,
	// array_agg) from its argument types; nil: Ret.
	RetFor func(args []types.Type) types.Type
}
