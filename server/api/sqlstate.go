package api

import "github.com/heliosdb/heliosdb-streaming/internal/pgerr"

// byState maps SQLSTATEs to kinds of problems where the class does not say it.
var byState = map[string]Kind{
	pgerr.InvalidAuthorization:         Unauthorized,
	pgerr.InvalidPassword:              Unauthorized,
	pgerr.InsufficientPrivilege:        Forbidden,
	pgerr.UniqueViolation:              Conflict,
	pgerr.DependentObjectsStillExist:   Conflict,
	pgerr.DuplicateTable:               Conflict,
	pgerr.DuplicateObject:              Conflict,
	pgerr.ObjectNotInPrerequisiteState: Conflict,
	pgerr.ObjectInUse:                  Conflict,
	pgerr.LockNotAvailable:             Unavailable,
	pgerr.ProtocolViolation:            StatementError, // parameters do not fit
	pgerr.QueryCanceled:                TimedOut,
	pgerr.ProgramLimitExceeded:         StatementError,
}

// byClass maps the first two characters of a SQLSTATE.
var byClass = map[string]Kind{
	"08": Unavailable,    // connection: a broker does not answer
	"0A": StatementError, // not supported
	"21": StatementError, "22": StatementError, "23": StatementError, "24": StatementError, "25": StatementError,
	"26": StatementError, "34": StatementError, "3D": StatementError, "3F": StatementError,
	"40": Conflict, // serialization: try again
	"42": StatementError,
	"53": Unavailable,    // resources
	"54": StatementError, // limits of a statement
	"55": Conflict,
	"57": Unavailable, // shutdown
	"58": Unavailable, // the system under the server
	"F0": InternalError,
	"XX": InternalError,
}

// kindOf is the kind of problem of a SQLSTATE.
func kindOf(state string) Kind {
	if k, ok := byState[state]; ok {
		return k
	}
	if len(state) == 5 {
		if k, ok := byClass[state[:2]]; ok {
			return k
		}
	}
	return InternalError
}
