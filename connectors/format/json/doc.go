// Package json turns JSON objects into typed columns: one object is one row.
//
// The scanner is directed by the schema. It goes over the bytes once, knows from
// the last record which key to expect next, and writes each value straight into
// its column vector: no tree, no tokens, no allocation per record. docs/json.md
// says how JSON values become SQL values.
package json

// Limits of one record.
const (
	// MaxDepth bounds the nesting of a record's values, as package jsonb does.
	MaxDepth = 5000
	// MaxColumns bounds the declared columns.
	MaxColumns = 1600
	// maxExpansion bounds the bytes that values may grow by when read: a short
	// 1e100000 is a long number.
	maxExpansion = 4 << 20
	// maxFields and maxKeyText bound which keys are remembered; longer keys also
	// never match a column but for the case.
	maxFields  = 4096
	maxKeyText = 256
)
