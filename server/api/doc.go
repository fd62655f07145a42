// Package api is the HTTP API under /api/v1: users and tokens, jobs,
// administration, and SQL. It knows the protocol only; what the requests mean
// is the Backend's, which the server implements.
//
// openapi.yaml describes every route and is served as /api/v1/openapi.json;
// routes.go is the table of what is served, and a test compares the two. Errors
// are problem+json of RFC 9457, see problem.go. Every request is bounded in
// size, time, rate and concurrency, see limits.go.
package api
