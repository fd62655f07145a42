// Package jsonb is PostgreSQL's jsonb. A value is its canonical text, exactly
// as PostgreSQL prints it: one space after ':' and ',', object keys ordered by
// length and then bytes with the last duplicate kept, numbers as numeric
// prints them, strings with the shortest escapes. So text output is free, and
// equal bytes mean equal values except for trailing zeros of numbers.
//
// Parse makes the canonical form; every other function requires it.
package jsonb

// Limits of what Parse accepts.
const (
	MaxDepth = 5000      // nesting; PostgreSQL's default stack allows about 6000
	MaxSize  = 1<<28 - 1 // bytes of canonical text
)
