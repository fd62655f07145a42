package object

import (
	"fmt"
	"regexp"
	"strings"
)

// Classes of errors, for errors.Is.
var (
	ErrNotFound    = class("there is no such object")
	ErrNoBucket    = class("there is no such bucket")
	ErrExists      = class("the object is already there")
	ErrConflict    = class("the object was changed by somebody else")
	ErrDenied      = class("access denied")
	ErrUnavailable = class("the object store does not answer")
	ErrRange       = class("the range lies behind the end of the object")
	ErrCorrupt     = class("the object is damaged")
	ErrInvalid     = class("the request is not possible")
)

type class string

func (c class) Error() string { return string(c) }

// advice says what an operator can do; the other classes are the caller's business.
var advice = map[error]string{
	ErrDenied: "check the credentials in the environment (AWS_*, GOOGLE_APPLICATION_CREDENTIALS, AZURE_*) and that " +
		"they may get, put, list and delete in the bucket",
	ErrNoBucket:    "check [state] path and endpoint; the bucket must exist, it is not made here",
	ErrUnavailable: "check [state] endpoint, the network and the store's own health",
	ErrCorrupt:     "restore it from a savepoint or an earlier checkpoint",
}

// Error is a failed request. Its text holds no credentials: the query part of addresses, where signatures are, is cut.
type Error struct {
	Op       string // "put", "get", "head", "list", "delete", "copy", "open"
	Provider string // "s3", "gcs", "azure", "file", "memory"
	Key      string // key or prefix
	Class    error  // one of the classes above
	Attempts int    // requests made, if more than one
	Cause    error
}

func (e *Error) Error() string {
	var s strings.Builder
	s.WriteString("object store")
	if e.Provider != "" {
		s.WriteString(" " + e.Provider)
	}
	fmt.Fprintf(&s, ": %s %s: %v", e.Op, e.Key, e.Class)
	if e.Attempts > 1 {
		fmt.Fprintf(&s, " (%d attempts)", e.Attempts)
	}
	if e.Cause != nil {
		s.WriteString(": " + clean(e.Cause.Error()))
	}
	if a := advice[e.Class]; a != "" {
		s.WriteString("; " + a)
	}
	return s.String()
}

// Unwrap gives the class and the cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Class}
	}
	return []error{e.Class, e.Cause}
}

var (
	queryPart = regexp.MustCompile(`([a-zA-Z0-9]+://[^\s"?]*)\?[^\s"]*`)
	userPart  = regexp.MustCompile(`([a-zA-Z0-9]+://)[^\s"/@]*@`)
	authPart  = regexp.MustCompile(`(?i)((?:authorization|x-amz-security-token|sig|signature|accountkey)["']?\s*[:=]\s*)[^\r\n;,"]+`)
)

// maxCause bounds the text of a cause: some SDKs print the server's whole answer.
const maxCause = 600

// clean makes one line without secrets of an SDK's error text.
func clean(text string) string {
	text = queryPart.ReplaceAllString(text, "$1?…")
	text = userPart.ReplaceAllString(text, "$1…@")
	text = authPart.ReplaceAllString(text, "$1…")
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxCause {
		text = strings.ToValidUTF8(text[:maxCause], "") + "…"
	}
	return text
}
