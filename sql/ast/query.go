package ast

// Query is a SELECT with what may surround its body.
type Query struct {
	Pos
	With      []CTE
	Recursive bool
	Body      SetExpr
	OrderBy   []OrderItem
	Limit     Expr // nil: none
	Offset    Expr
	// EmitOnWindowClose is the streaming clause after the query.
	EmitOnWindowClose bool
	EmitPos           Pos
}

// CTE is one WITH item.
type CTE struct {
	Pos
	Name         string
	Columns      []string
	Query        *Query
	Materialized *bool
}

// SetExpr is *Select, *SetOp, *Values or *Query (parenthesized, with its own
// ORDER BY and LIMIT).
type SetExpr interface{ Position() int }

// SetOp combines two bodies.
type SetOp struct {
	Pos
	Op   SetOpKind
	All  bool
	L, R SetExpr
}

// SetOpKind is UNION, INTERSECT or EXCEPT.
type SetOpKind uint8

const (
	Union SetOpKind = iota
	Intersect
	Except
)

// Select is one SELECT … FROM … block.
type Select struct {
	Pos
	Distinct   bool
	DistinctOn []Expr
	Items      []SelectItem
	From       []TableExpr // comma list
	Where      Expr
	GroupBy    []Expr // GROUPING SETS etc. are *Func with such names
	Having     Expr
	Windows    []NamedWindow
}

// SelectItem is an output column; a star is ColumnRef{Star} or Field{Star}.
type SelectItem struct {
	Pos
	X     Expr
	Alias string // "" when not given
}

// Values is VALUES (…), (…).
type Values struct {
	Pos
	Rows [][]Expr
}

// TableExpr is *TableName, *Derived, *Join or *TableFunc.
type TableExpr interface{ Position() int }

// Alias names a table expression.
type Alias struct {
	Name    string
	Columns []string
}

// TableName is [[catalog.]schema.]name [alias].
type TableName struct {
	Pos
	Catalog, Schema, Name string
	Only                  bool
	Alias                 *Alias
}

// Derived is (query) alias.
type Derived struct {
	Pos
	Query   *Query
	Lateral bool
	Alias   *Alias
}

// TableFunc is f(…) in FROM. The relation that TUMBLE and HOP window, their
// first argument, is Table (*TableName or *Derived); Func.Args holds the others.
type TableFunc struct {
	Pos
	Func       *Func
	Table      TableExpr // for tumble/hop: the windowed relation; nil otherwise
	Lateral    bool
	Ordinality bool
	Alias      *Alias
	ColumnDefs []ColumnDef // AS t(a int, b text)
}

// Join is l [NATURAL] kind JOIN r [ON …|USING (…)].
type Join struct {
	Pos
	Kind    JoinKind
	L, R    TableExpr
	On      Expr
	Using   []string
	Natural bool
	Alias   *Alias // of a parenthesized join
}

// JoinKind is the kind of a Join.
type JoinKind uint8

const (
	InnerJoin JoinKind = iota
	LeftJoin
	RightJoin
	FullJoin
	CrossJoin
)

// OrderItem is one ORDER BY key.
type OrderItem struct {
	Pos
	X          Expr
	Desc       bool
	NullsFirst *bool  // nil: default (last for ASC, first for DESC)
	Using      string // USING operator
}

// WindowSpec is OVER name or OVER (…).
type WindowSpec struct {
	Pos
	Name        string // OVER w, or the base window inside parentheses
	PartitionBy []Expr
	OrderBy     []OrderItem
	Frame       *Frame
	Bare        bool // OVER w without parentheses
}

// Frame is a window frame clause.
type Frame struct {
	Pos
	Unit       string // "rows", "range", "groups"
	Start, End FrameBound
	Exclude    string
}

// FrameBound is one end of a frame.
type FrameBound struct {
	Kind   string // "unbounded preceding", "preceding", "current row", "following", "unbounded following"
	Offset Expr
}

// NamedWindow is WINDOW name AS (…).
type NamedWindow struct {
	Name string
	Spec *WindowSpec
}
