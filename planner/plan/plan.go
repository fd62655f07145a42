// Package plan holds the physical plan: a tree of nodes, each the description
// of one operator. The planner makes it, EXPLAIN prints it, the catalog stores
// it (Encode, Decode), exec builds operators from it. The same nodes serve
// continuous views and ad-hoc queries.
package plan

import (
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/sql/expr"
)

// Node is one operator of a plan.
type Node interface {
	Base() *Props
	Inputs() []Node
}

// Props is what every node has.
type Props struct {
	// ID is the operator's permanent id, the root of its state tables' ids.
	// 0 in ad-hoc plans.
	ID   uint64 `json:"id"`
	Cols []Col  `json:"cols"`
	// Key is a set of output columns that identifies a row, sorted; nil: rows
	// form a bag. An empty, non-nil Key means at most one row.
	Key []int `json:"key"`
	// AppendOnly: no negative weight ever leaves this operator.
	AppendOnly bool `json:"appendOnly,omitempty"`
	// Times are the output columns that a watermark reaches.
	Times []TimeCol `json:"times,omitempty"`
	// Bounded says why the state is (not) bounded, for EXPLAIN.
	State StateBound `json:"state"`
}

// Base makes every node that embeds Props a carrier of them.
func (p *Props) Base() *Props { return p }

// Types are the output column types.
func (p *Props) Types() []types.Type {
	ts := make([]types.Type, len(p.Cols))
	for i, c := range p.Cols {
		ts[i] = c.Type
	}
	return ts
}

// Col is one output column.
type Col struct {
	Name string     `json:"name"`
	Type types.Type `json:"type"`
	// NotNull is set when no row can hold NULL here.
	NotNull bool `json:"notNull,omitempty"`
}

// TimeCol says: once the watermark of every listed source s stands at W(s), no
// later row has Col < T, with T = min over s of W(s) − Delay(s). A Window
// column is the start or the end of a TUMBLE or HOP window (possibly shifted);
// for it the promise is the stronger "no later row has Col <= T".
//
// A cut moves T at the end of a step: an operator judges the rows of the step
// by the T before, then closes what the new T closes; what its input emits upon
// closing in the same step is therefore not late.
//
// An operator that frees state by time compares its column with the T of its
// input's TimeCol for that column: a value v is closed, and later rows with it
// are late, as soon as v + Size + Late <= T. The planner sets Size to 0 for a
// Window column and to 1 µs for any other.
type TimeCol struct {
	Col     int           `json:"col"`
	Sources []SourceDelay `json:"sources"`
	Window  bool          `json:"window,omitempty"`
}

// SourceDelay is one source's part in a TimeCol. Delay is in microseconds.
type SourceDelay struct {
	Source uint32 `json:"source"` // relation OID
	Delay  int64  `json:"delay"`
}

// StateBound is how an operator's state is bounded.
type StateBound struct {
	Kind   string `json:"kind"`             // "none", "window", "key", "limit", "input" (grows with its input)
	Reason string `json:"reason,omitempty"` // words for EXPLAIN
}

// SortKey is one ORDER BY key over a column.
type SortKey struct {
	Col        int  `json:"col"`
	Desc       bool `json:"desc,omitempty"`
	NullsFirst bool `json:"nullsFirst,omitempty"`
}

type (
	// Scan reads a relation: in a continuous plan its deltas, in an ad-hoc plan
	// its contents (of a source: the topic up to the offsets of now).
	Scan struct {
		Props
		Rel  uint32 `json:"rel"`  // OID
		Name string `json:"name"` // for EXPLAIN
		Kind uint8  `json:"kind"` // catalog.Kind
		Take []int  `json:"take"` // columns of the relation, in output order
		// Eq are equalities on a prefix of the relation's key (ad hoc only):
		// Eq[i] is the constant or Outer expression for key column i.
		Eq []expr.Expr `json:"-"`
		// Computed are the generated columns of a source that have a watermark;
		// a projection above computes them. Known while planning only.
		Computed []Computed `json:"-"`
	}
	// Values are constant rows.
	Values struct {
		Props
		Rows [][]expr.Expr `json:"-"`
	}
	// Filter keeps the rows for which Cond is true.
	Filter struct {
		Props
		In   Node
		Cond expr.Expr
	}
	// TemporalFilter keeps the rows for which all Bounds hold at the clock of the
	// last cut: rows come and go as it advances. Continuous plans only.
	TemporalFilter struct {
		Props
		In     Node
		Bounds []ClockBound
	}
	// Project computes Exprs.
	Project struct {
		Props
		In    Node
		Exprs []expr.Expr
	}
	// Union is UNION ALL of its inputs.
	Union struct {
		Props
		In []Node
	}
	// Exchange moves rows so that equal Keys meet on one worker; no Keys: all
	// rows on the worker of the empty key.
	Exchange struct {
		Props
		In   Node
		Keys []int
	}
	// Join matches rows whose key columns are equal (pairwise, same type) and
	// for which On holds. Output: left columns then right columns. For outer
	// joins On is part of the match, not a filter. With no keys every pair is a
	// candidate (cross join).
	Join struct {
		Props
		L, R         Node
		Kind         JoinKind
		LKeys, RKeys []int
		NullSafe     []bool    // per key pair: IS NOT DISTINCT FROM
		On           expr.Expr // over the concatenated row; nil: true
		// TimeKey is the key pair (index into LKeys) whose values are closed by
		// time: v + Size + Late <= T of both sides' TimeCol (see TimeCol). State of
		// closed rows is dropped and later rows are late. -1: none.
		TimeKey    int
		Size, Late int64 // microseconds
		// Extreme tells which rows match nothing any more, besides those that time
		// closes; nil: none do.
		Extreme *Extreme
	}
	// Extreme: one side of an inner join has at most one row for equal values of
	// all key pairs but one, and its value in that pair only ever rises (falls): a
	// max (min) over rows that only arrive. Rows of the other side, which only
	// arrive too, match nothing, now or later, once they lie below (above) it: they
	// are not kept. All rows that are equal in the other pairs are on one worker.
	Extreme struct {
		Right bool `json:"right,omitempty"` // the extreme is on the right side
		Pair  int  `json:"pair"`            // index into LKeys
		Falls bool `json:"falls,omitempty"`
	}
	// Aggregate groups by columns. Output: the group columns, then one column an
	// aggregate. No Group and no Aggs with an empty input gives no row; no Group
	// with Aggs (a scalar aggregate) always gives exactly one row (Scalar).
	Aggregate struct {
		Props
		In     Node
		Group  []int
		Aggs   []Agg
		Scalar bool
		// Window: position in Group of the column that time closes; -1: none.
		// Once value + Size + Late <= T (see TimeCol; T from the input's TimeCol of
		// that column) the group is closed: its state is freed, later rows for it
		// are late (dropped and counted), and with OnClose its result is emitted
		// then, once, instead of at every step. A NULL value is never closed.
		Window  int
		Size    int64
		Late    int64 // allowed lateness in microseconds
		OnClose bool
	}
	// HopExpand copies each row to the windows that cover [t, t+Pane), t being
	// column Time: the pane's start, or the event time itself (Pane 0: the window
	// covers t). It appends window_start and window_end, of the type of Time.
	// Windows start where (window_start − Offset) is a multiple of Slide, in
	// microseconds since 2000-01-01; Offset lies in [0, Slide). A row whose Time is
	// NULL or infinite is in no window. TUMBLE is Slide = Size.
	HopExpand struct {
		Props
		In                Node
		Time              int
		Size, Slide, Pane int64 // microseconds
		Offset            int64
	}
	// TopN keeps, in each partition, the rows ranked Offset+1 … Offset+Limit by
	// Order (ties broken by the row's identity). RowNumber appends the rank
	// (bigint) as a column.
	TopN struct {
		Props
		In            Node
		Partition     []int
		Order         []SortKey
		Offset, Limit int64 // Limit < 0: no limit
		RowNumber     bool
		Pos           int `json:"-"` // of row_number() in the statement, for errors
		// Window as in Aggregate, over Partition.
		Window  int
		Size    int64
		Late    int64
		OnClose bool
	}
	// CloseBuffer holds rows back until their column Time is closed (Time + Size +
	// Late <= T, see TimeCol), then emits them once: EMIT ON WINDOW CLOSE of what
	// has no window aggregate on top. Rows that arrive later are late.
	CloseBuffer struct {
		Props
		In   Node
		Time int
		Size int64
		Late int64
	}
	// Materialize keeps its input as the contents of relation Rel, ordered by
	// its key (Props.Key; nil: whole rows with their counts).
	Materialize struct {
		Props
		In   Node
		Rel  uint32
		Name string
	}
	// Sink delivers its input. Connector "blackhole" counts and forgets.
	Sink struct {
		Props
		In        Node
		Rel       uint32
		Name      string
		Connector string
		Options   map[string]string
	}
)

// Ad-hoc only.
type (
	// Sort orders the result, then cuts it. Limit < 0: none. Limit and Offset
	// may be expressions (parameters), evaluated once.
	Sort struct {
		Props
		In            Node
		Keys          []SortKey
		Offset, Limit expr.Expr // nil: none
	}
	// Apply runs Sub for every row of In (expr.Outer reads that row) and appends
	// its outcome: one column for Scalar, Exists, Array, Any, All; for Lateral
	// the columns of Sub (inner, or left with NULLs when LeftOuter and no row).
	Apply struct {
		Props
		In, Sub   Node
		Kind      ApplyKind
		Fn        *expr.Func // Any, All: Test fn subquery column
		Test      expr.Expr
		On        expr.Expr // Lateral joins: over the concatenated row
		LeftOuter bool
		// Once: Sub reads no column of this Apply's row; running it once will do.
		Once bool
	}
	// TableFunc gives the rows of set-returning functions side by side (ROWS
	// FROM), padded with NULLs. Args may hold Outer expressions.
	TableFunc struct {
		Props
		Fns        []SetFunc
		Ordinality bool
	}
	// ProjectSet is Project with set-returning functions among its outputs:
	// output i is Sets[i] where that is non-nil, else Exprs[i].
	ProjectSet struct {
		Props
		In    Node
		Exprs []expr.Expr
		Sets  []*SetFunc
	}
)

// Computed is a generated column: X over the columns of the relation.
type Computed struct {
	Col int
	X   expr.Expr
}

// SetFunc is a call of a set-returning function.
type SetFunc struct {
	Name string // "generate_series", "unnest", "generate_subscripts", "regexp_matches", …
	Args []expr.Expr
	Cols []Col // what it returns
	// Field is the column of the result that an output of ProjectSet shows.
	Field int
}

// JoinKind is the kind of a Join.
type JoinKind uint8

const (
	InnerJoin JoinKind = iota
	LeftJoin
	RightJoin
	FullJoin
	SemiJoin // left rows with a match, once; ad hoc rewrites
	AntiJoin // left rows without a match
)

// ApplyKind is the use an Apply makes of its subplan.
type ApplyKind uint8

const (
	ApplyScalar ApplyKind = iota
	ApplyExists
	ApplyArray
	ApplyAny
	ApplyAll
	ApplyLateral
)

// Agg is one aggregate call over columns of the input.
type Agg struct {
	Fn       *expr.Aggregate
	Args     []int
	Filter   int // boolean column; -1: none
	Distinct bool
	OrderBy  []SortKey // string_agg, array_agg
	// Merge: Args[0] is a bigint partial result of the same Fn (count, or a sum
	// of small integers); the partials are added up, as a bigint.
	Merge bool
}

func (n *Scan) Inputs() []Node           { return nil }
func (n *Values) Inputs() []Node         { return nil }
func (n *TableFunc) Inputs() []Node      { return nil }
func (n *Filter) Inputs() []Node         { return []Node{n.In} }
func (n *TemporalFilter) Inputs() []Node { return []Node{n.In} }
func (n *Project) Inputs() []Node        { return []Node{n.In} }
func (n *Union) Inputs() []Node          { return n.In }
func (n *Exchange) Inputs() []Node       { return []Node{n.In} }
func (n *Join) Inputs() []Node           { return []Node{n.L, n.R} }
func (n *Aggregate) Inputs() []Node      { return []Node{n.In} }
func (n *HopExpand) Inputs() []Node      { return []Node{n.In} }
func (n *TopN) Inputs() []Node           { return []Node{n.In} }
func (n *CloseBuffer) Inputs() []Node    { return []Node{n.In} }
func (n *Materialize) Inputs() []Node    { return []Node{n.In} }
func (n *Sink) Inputs() []Node           { return []Node{n.In} }
func (n *Sort) Inputs() []Node           { return []Node{n.In} }
func (n *Apply) Inputs() []Node          { return []Node{n.In, n.Sub} }
func (n *ProjectSet) Inputs() []Node     { return []Node{n.In} }
