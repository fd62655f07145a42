// Package pgquery compares package parse with PostgreSQL's own grammar
// (libpg_query). It is a module apart so that nothing of it can be linked into
// the product. Run: cd testdata/pgquery && go test ./...
package pgquery
