// Package ast is the syntax tree of the dialect: what the client wrote, names
// unresolved. Every node carries Pos, the 1-based byte offset of the token
// that PostgreSQL would point at in an error.
package ast

// Expr is a scalar expression.
type Expr interface{ Position() int }

// Pos is embedded by every node.
type Pos int

// Position is the 1-based byte offset in the statement text; 0: none.
func (p Pos) Position() int { return int(p) }

type (
	// ColumnRef is a, t.a or s.t.a. Star stands for t.*, Names being the qualifier,
	// or for a bare * without Names.
	ColumnRef struct {
		Pos
		Names []string
		Star  bool
	}
	// Literal is an untyped string, a number as written, a boolean or NULL. As in
	// PostgreSQL a minus before a number is part of it: -1 is a Literal "-1".
	Literal struct {
		Pos
		Kind LiteralKind
		Text string
	}
	// Param is $N.
	Param struct {
		Pos
		N int
	}
	// TypedLiteral is TYPE 'text' (INTERVAL '1' MINUTE TO SECOND keeps Fields).
	TypedLiteral struct {
		Pos
		Type   TypeName
		Text   string
		Fields string // "", "minute", "day to second", …
	}
	// Cast is x::t and CAST(x AS t).
	Cast struct {
		Pos
		X    Expr
		Type TypeName
	}
	// Unary is op x (prefix operators: - + ~ @ |/ …).
	Unary struct {
		Pos
		Op Operator
		X  Expr
	}
	// Binary is l op r; AND, OR and NOT have nodes of their own.
	Binary struct {
		Pos
		Op   Operator
		L, R Expr
	}
	// And, Or: logical connectives.
	And struct {
		Pos
		L, R Expr
	}
	Or struct {
		Pos
		L, R Expr
	}
	Not struct {
		Pos
		X Expr
	}
	// IsTest is x IS [NOT] NULL|TRUE|FALSE|UNKNOWN.
	IsTest struct {
		Pos
		X    Expr
		What IsKind
		Not  bool
	}
	// IsDistinct is l IS [NOT] DISTINCT FROM r.
	IsDistinct struct {
		Pos
		L, R Expr
		Not  bool
	}
	// Between is x [NOT] BETWEEN [SYMMETRIC] lo AND hi.
	Between struct {
		Pos
		X, Lo, Hi Expr
		Not, Sym  bool
	}
	// InList is x [NOT] IN (a, b, …).
	InList struct {
		Pos
		X    Expr
		List []Expr
		Not  bool
	}
	// Like is x [NOT] LIKE|ILIKE|SIMILAR TO pattern [ESCAPE e].
	Like struct {
		Pos
		X, Pattern, Escape Expr // Escape nil: default
		Kind               LikeKind
		Not                bool
	}
	// Case is CASE [operand] WHEN … END.
	Case struct {
		Pos
		Operand Expr // nil for the searched form
		Whens   []When
		Else    Expr // nil: NULL
	}
	// When is one arm of Case.
	When struct{ Cond, Then Expr }
	// Func is f(args …) with everything a call can carry. Special forms of the
	// grammar arrive as calls: EXTRACT(f FROM x) as extract('f', x), SUBSTRING,
	// POSITION, TRIM, OVERLAY, x AT TIME ZONE z as timezone(z, x), COALESCE,
	// NULLIF, GREATEST, LEAST, CURRENT_TIMESTAMP and its kin by their names.
	// Arguments are in the function's order, not the syntax's: POSITION(a IN b) is
	// position(b, a), TRIM(LEADING c FROM s) is ltrim(s, c). In GROUP BY there are
	// also rollup, cube and "grouping sets". DEFAULT as a value is default (SQLForm).
	Func struct {
		Pos
		Name        []string // possibly schema-qualified
		Args        []Expr
		ArgNames    []string // named arguments (a => 1); nil when none
		Star        bool     // count(*)
		Distinct    bool
		Variadic    bool
		OrderBy     []OrderItem
		Filter      Expr
		WithinGroup []OrderItem
		Over        *WindowSpec
		SQLForm     bool // written without parentheses, as CURRENT_DATE
	}
	// Array is ARRAY[…].
	Array struct {
		Pos
		Elems []Expr
	}
	// Row is ROW(…) (Explicit) or (a, b); in GROUP BY only the latter stands for
	// its columns. () there is a Row without elements.
	Row struct {
		Pos
		Elems    []Expr
		Explicit bool
	}
	// Subscript is x[i] or x[lo:hi].
	Subscript struct {
		Pos
		X      Expr
		Lo, Hi Expr
		Slice  bool
	}
	// Field is (x).name; Star for (x).*.
	Field struct {
		Pos
		X    Expr
		Name string
		Star bool
	}
	// Collate is x COLLATE name.
	Collate struct {
		Pos
		X    Expr
		Name []string
	}
	// Subquery is (SELECT …), EXISTS (…), ARRAY(…), x op ANY|ALL (…), x [NOT] IN (…).
	Subquery struct {
		Pos
		Kind  SubqueryKind
		X     Expr     // for Any, All (IN is Any with "=", NOT IN is All with "<>")
		Op    Operator // for Any, All
		Query *Query
	}
	// AnyArray is x op ANY|ALL (array expression).
	AnyArray struct {
		Pos
		X     Expr
		Op    Operator
		Array Expr
		All   bool
	}
)

// Operator is an operator as written; Schema is set by OPERATOR(s.op).
type Operator struct {
	Schema, Name string
}

// LiteralKind tells what a Literal holds.
type LiteralKind uint8

const (
	Null    LiteralKind = iota
	True                // TRUE
	False               // FALSE
	String              // Text is the decoded string
	Integer             // digits that fit int8
	Decimal             // any other number
)

// IsKind is the predicate of IsTest.
type IsKind uint8

const (
	IsNull IsKind = iota
	IsTrue
	IsFalse
	IsUnknown
)

// LikeKind is the pattern language of Like.
type LikeKind uint8

const (
	LikeCase LikeKind = iota
	ILike
	SimilarTo
)

// SubqueryKind is the use of a Subquery.
type SubqueryKind uint8

const (
	ScalarSubquery SubqueryKind = iota
	ExistsSubquery
	ArraySubquery
	AnySubquery
	AllSubquery
)

// TypeName is a type as written: pg_catalog.int4, varchar(10), numeric(5,2),
// text[], timestamp with time zone. Names are folded; multi-word SQL names
// arrive as one element ("double precision", "timestamp with time zone"; CHAR is
// "character", NUMERIC's and VARCHAR's other spellings are "numeric", "varchar").
type TypeName struct {
	Pos
	Names  []string
	Mods   []int64
	Fields string // of interval: "", "day to second", …
	Array  int    // number of [] dimensions
}
