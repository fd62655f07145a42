// Package values works on the values in delta's vectors: PostgreSQL's text and
// binary forms in and out, comparison, the ordered keys and the hash of
// DESIGN.md section 8.4, and exact row encodings.
package values
