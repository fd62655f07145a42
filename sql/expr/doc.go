package expr

// Where things are:
//
//	expr.go, func.go, registry.go   the nodes, functions and their catalog
//	compile.go, lazy.go, array_node.go   programs: nodes with scratch vectors
//	ctx.go, errors.go, kernel.go    what a kernel sees; how kernels are written
//	fold.go, rewrite.go, codec.go, deparse.go   working on trees
//	ops_*, compare.go, math_func.go, numeric_math.go, bigmath.go   numbers
//	text_*, like/, regex/           strings
//	time_*, to_char_*, numfmt/      dates and formatting
//	json_func.go, array_func.go, generic.go
//	cast_*, textio.go               casts; text forms of values
//	session_*                       what reads the session or the catalog
//	aggregates.go                   the names and types of aggregates
//
// Adding a function: one def or op call in an init of its file, with
// PostgreSQL's internal name as ID. The comparison with PostgreSQL in
// diff_test.go picks it up by itself.
