// Package pgerr is the one error that a client sees: a PostgreSQL SQLSTATE,
// a message in PostgreSQL's words, and where in the client's text it happened.
package pgerr

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// Error is a user-visible error or notice.
//
// Position is 1-based and counts characters (not bytes) of the statement text
// the client sent, as the protocol wants it; 0 means unknown. Code that knows
// only a byte offset sets Pos0 (1-based byte offset) and the session converts.
type Error struct {
	Code     string // five-character SQLSTATE
	Message  string
	Detail   string
	Hint     string
	Severity string // "ERROR" when empty; "NOTICE", "WARNING", "FATAL"
	Pos      int    // 1-based byte offset in the statement text, 0 = unknown
	Where    string
	// Names of the objects concerned, for clients that read the fields.
	Schema, Table, Column, Constraint string
}

// Error gives the message with its SQLSTATE.
func (e *Error) Error() string { return e.Message + " (SQLSTATE " + e.Code + ")" }

// New makes an error with a formatted message.
func New(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// At sets the 1-based byte position and returns e.
func (e *Error) At(pos int) *Error { e.Pos = pos; return e }

// WithHint sets the hint and returns e.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// WithDetail sets the detail and returns e.
func (e *Error) WithDetail(format string, args ...any) *Error {
	e.Detail = fmt.Sprintf(format, args...)
	return e
}

// Unsupported is SQLSTATE 0A000 naming a feature, at a 1-based byte position.
func Unsupported(pos int, format string, args ...any) *Error {
	return &Error{Code: FeatureNotSupported, Message: fmt.Sprintf(format, args...) + " is not supported", Pos: pos}
}

// Internal is SQLSTATE XX000: a broken promise of our own code.
func Internal(format string, args ...any) *Error { return New(InternalError, format, args...) }

// From returns err as *Error. Of other kinds a full disk becomes 53100 and what a
// file refused 58030, which operators see to; everything else becomes XX000.
func From(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	e = &Error{Code: InternalError, Message: err.Error()}
	var file *fs.PathError
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		e.Code = DiskFull
	case errors.Is(err, syscall.EIO), errors.Is(err, syscall.EROFS), errors.As(err, &file):
		e.Code = IOError
	}
	return e
}

// Storage is 53100 where err says that a disk is full and 58030 of any other
// trouble with what keeps data, with a message of its own.
func Storage(err error, format string, args ...any) *Error {
	e := New(IOError, format, args...)
	if From(err).Code == DiskFull {
		e.Code = DiskFull
	}
	return e
}

// Is reports whether err carries the SQLSTATE code.
func Is(err error, code string) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}
