package auth

import (
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// TooMany refuses because of a limit: HTTP 429 with Retry-After.
type TooMany struct {
	Err        *pgerr.Error
	RetryAfter time.Duration
}

// Error implements error.
func (e *TooMany) Error() string { return e.Err.Error() }

// Unwrap gives the client's error.
func (e *TooMany) Unwrap() error { return e.Err }

func tooMany(after time.Duration, format string, args ...any) *TooMany {
	after = max(after, time.Second)
	e := pgerr.New(pgerr.ConfigurationLimitExceeded, format, args...)
	return &TooMany{Err: e.WithHint("Try again in %d s.", int((after+time.Second-1)/time.Second)), RetryAfter: after}
}

// wrongPassword is all that a failed login says, in PostgreSQL's words.
func wrongPassword(user string) error {
	return pgerr.New(pgerr.InvalidPassword, "password authentication failed for user \"%s\"", clip(user))
}

func invalidToken(why string) error {
	return pgerr.New(pgerr.InvalidAuthorization, "the token is not valid: %s", why).WithHint("Log in again.")
}

func noSuchUser(name string) error {
	return pgerr.New(pgerr.UndefinedObject, "user \"%s\" does not exist", clip(name))
}

func noSuchRole(name string) error {
	return pgerr.New(pgerr.UndefinedObject, "role \"%s\" does not exist", clip(name))
}

func inFile(what, name string) error {
	return pgerr.New(pgerr.ObjectNotInPrerequisiteState, "%s \"%s\" is defined by the RBAC file", what, name).
		WithHint("Change the file ([security] rbac_file) and send SIGHUP to the server.")
}
