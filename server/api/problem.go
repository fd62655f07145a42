package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// Problem is an error as RFC 9457 (problem+json) shows it.
type Problem struct {
	Kind   Kind
	Detail string
	Hint   string

	SQLState string // of a statement
	Position int    // 1-based character in the statement; 0: unknown

	RetryAfter time.Duration // sent as Retry-After; 0: not sent
	ID         string        // of the object that is in the way (conflict)
}

// Error gives the detail.
func (p *Problem) Error() string {
	if p.Hint != "" {
		return p.Detail + " (" + p.Hint + ")"
	}
	return p.Detail
}

// Kind is a kind of problem; openapi.yaml says of each what to do.
type Kind string

// The kinds of problems.
const (
	BadRequest       Kind = "bad-request"
	Unauthorized     Kind = "unauthorized"
	Forbidden        Kind = "forbidden"
	NotFound         Kind = "not-found"
	MethodNotAllowed Kind = "method-not-allowed"
	NotAcceptable    Kind = "not-acceptable"
	Conflict         Kind = "conflict"
	TooLarge         Kind = "too-large"
	TooSlow          Kind = "too-slow"
	UnsupportedMedia Kind = "unsupported-media-type"
	StatementError   Kind = "statement-error"
	RateLimited      Kind = "rate-limited"
	Canceled         Kind = "canceled"
	InternalError    Kind = "internal-error"
	NotImplemented   Kind = "not-implemented"
	Unavailable      Kind = "unavailable"
	TimedOut         Kind = "timed-out"
)

// kinds gives each kind its status and title.
var kinds = map[Kind]struct {
	Status int
	Title  string
}{
	BadRequest:       {http.StatusBadRequest, "The request is not what this route takes"},
	Unauthorized:     {http.StatusUnauthorized, "The request does not prove who sends it"},
	Forbidden:        {http.StatusForbidden, "The user may not do this"},
	NotFound:         {http.StatusNotFound, "There is no such thing"},
	MethodNotAllowed: {http.StatusMethodNotAllowed, "The route does not take this method"},
	NotAcceptable:    {http.StatusNotAcceptable, "The answer cannot be given in this media type"},
	Conflict:         {http.StatusConflict, "The state of the server is in the way"},
	TooLarge:         {http.StatusRequestEntityTooLarge, "The request is too large"},
	TooSlow:          {http.StatusRequestTimeout, "The request took too long to come"},
	UnsupportedMedia: {http.StatusUnsupportedMediaType, "The body is not JSON"},
	StatementError:   {http.StatusBadRequest, "The SQL statement failed"},
	RateLimited:      {http.StatusTooManyRequests, "Too many requests"},
	Canceled:         {499, "The statement was canceled"},
	InternalError:    {http.StatusInternalServerError, "The server made a mistake"},
	NotImplemented:   {http.StatusNotImplemented, "The server cannot do this yet"},
	Unavailable:      {http.StatusServiceUnavailable, "The server cannot do this now"},
	TimedOut:         {http.StatusGatewayTimeout, "The request took longer than it may"},
}

// Status is the HTTP status of a problem.
func (p *Problem) Status() int { return kinds[p.Kind].Status }

func problem(k Kind, detail string) *Problem { return &Problem{Kind: k, Detail: detail} }

// ErrUnauthorized is a request that proves nothing, or not enough. The answer
// shows how to send a token.
func ErrUnauthorized(detail string) *Problem { return problem(Unauthorized, detail) }

// body is a Problem on the wire.
type problemBody struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail"`
	Instance string `json:"instance"`
	SQLState string `json:"sqlstate,omitempty"`
	Position int    `json:"position,omitempty"`
	Hint     string `json:"hint,omitempty"`
	ID       string `json:"id,omitempty"`
}

// typeBase is where a kind is explained: a place in the served document.
const typeBase = basePath + "/openapi.json#/x-problems/"

func (p *Problem) body(instance string) problemBody {
	k := kinds[p.Kind]
	return problemBody{
		Type: typeBase + string(p.Kind), Title: k.Title, Status: k.Status, Detail: p.Detail, Instance: instance,
		SQLState: p.SQLState, Position: p.Position, Hint: p.Hint, ID: p.ID,
	}
}

// problemOf is any error as a problem. text is the statement that positions
// count in.
func problemOf(ctx context.Context, err error, text string) *Problem {
	var p *Problem
	var e *pgerr.Error
	if ctx.Err() != nil {
		if cause := context.Cause(ctx); errors.As(cause, &p) || errors.As(cause, &e) {
			err = cause
		}
	}
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &e):
		return ofSQLState(e, text)
	case errors.Is(err, context.DeadlineExceeded):
		return problem(TimedOut, "the request took longer than this route may")
	case errors.Is(err, context.Canceled):
		return problem(Canceled, "the client went away")
	}
	if e := pgerr.From(err); e.Code != pgerr.InternalError { // a full disk, a file that is refused
		return ofSQLState(e, text)
	}
	return problem(InternalError, "an internal error; the server's log has it with this request's id")
}

func ofSQLState(e *pgerr.Error, text string) *Problem {
	k := kindOf(e.Code)
	p := &Problem{Kind: k, Detail: e.Message, Hint: e.Hint, SQLState: e.Code, Position: charPos(text, e.Pos)}
	if e.Detail != "" {
		p.Detail += ": " + e.Detail
	}
	if k == Unavailable {
		p.RetryAfter = busyRetry
	}
	return p
}

// charPos turns a 1-based byte position into a 1-based character.
func charPos(text string, pos int) int {
	if pos <= 0 || text == "" {
		return 0
	}
	return utf8.RuneCountInString(text[:min(pos-1, len(text))]) + 1
}

// write sends the problem.
func (p *Problem) write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	if p.Kind == Unauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="heliosdb-streaming"`)
	}
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((p.RetryAfter+time.Second-1)/time.Second)))
	}
	w.WriteHeader(p.Status())
	if r.Method != http.MethodHead {
		// Nothing can be done for a client that has gone.
		_ = json.NewEncoder(w).Encode(p.body(r.URL.Path))
	}
}
