package pgwire

import (
	"context"
	"errors"
	"unicode/utf8"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/jackc/pgproto3/v2"
)

const (
	sevError  = "ERROR"
	sevFatal  = "FATAL"
	sevNotice = "NOTICE"
)

// fatal makes an error that ends the connection after it was sent.
func fatal(code, format string, args ...any) *pgerr.Error {
	e := pgerr.New(code, format, args...)
	e.Severity = sevFatal
	return e
}

func protocolViolation(format string, args ...any) *pgerr.Error {
	return pgerr.New(pgerr.ProtocolViolation, format, args...)
}

func isFatal(e *pgerr.Error) bool { return e.Severity == sevFatal || e.Severity == "PANIC" }

// errGone ends a connection that can no longer be written to.
var errGone = errors.New("pgwire: client is gone")

// blame turns an error of the session into what the client is to see: the
// cause when ctx was cancelled, since the session can only know that it was.
func blame(ctx context.Context, err error) *pgerr.Error {
	if ctx.Err() != nil {
		var cause *pgerr.Error
		if errors.As(context.Cause(ctx), &cause) {
			return cause
		}
	}
	return pgerr.From(err)
}

// errSource is the text that an error's position refers to.
type errSource struct {
	query  string // the string as the client sent it
	offset int    // byte offset of the statement in it
}

// charPos converts a 1-based byte position in the statement to a 1-based
// character position in the query; 0 stays 0 (unknown).
func (s errSource) charPos(pos int) int32 {
	if pos <= 0 || s.query == "" {
		return 0
	}
	end := min(s.offset+pos-1, len(s.query))
	return int32(utf8.RuneCountInString(s.query[:end]) + 1)
}

// response is e as the protocol's error or notice fields.
func response(e *pgerr.Error, src errSource, severity string) pgproto3.ErrorResponse {
	if e.Severity != "" {
		severity = e.Severity
	}
	return pgproto3.ErrorResponse{
		Severity: severity, SeverityUnlocalized: severity,
		Code: e.Code, Message: cstr(e.Message), Detail: cstr(e.Detail), Hint: cstr(e.Hint),
		Position: src.charPos(e.Pos), Where: cstr(e.Where),
		SchemaName: cstr(e.Schema), TableName: cstr(e.Table), ColumnName: cstr(e.Column), ConstraintName: cstr(e.Constraint),
	}
}

// cstr cuts s at a NUL, which would end the field early and corrupt the stream.
func cstr(s string) string {
	for i := range len(s) {
		if s[i] == 0 {
			return s[:i]
		}
	}
	return s
}
