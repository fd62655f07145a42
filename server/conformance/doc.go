// Package conformance compares the whole server with a real PostgreSQL: the
// same statements go to both over the wire, and rows, names, types and errors
// must be the same. It holds tests only.
package conformance
