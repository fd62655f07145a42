// Package pgwire is the server side of PostgreSQL's frontend/backend protocol,
// version 3.0: startup and negotiation, authentication exchange, simple and
// extended query, COPY TO STDOUT, cancel, time-outs and shutdown. It knows
// bytes and order; what a statement means is the Session's (session.go), the
// contract that the server implements.
//
// One goroutine serves a connection. Messages are read whole into a guard that
// bounds and validates them before pgproto3 decodes them (guard.go,
// validate.go); answers are appended to one buffer that is flushed by size and
// before every read that may block (output.go).
//
// Source for the behaviour: PostgreSQL 15, chapter 55 of its manual, and
// src/backend/tcop/postgres.c where the manual is silent.
package pgwire
