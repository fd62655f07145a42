package server

import (
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/server/auth"
)

// clientControl stops clients of the PostgreSQL protocol, by their PID.
type clientControl interface {
	Cancel(pid int32) bool
	Terminate(pid int32) bool
}

// endSessions ends the connections of a user who was changed, but for the one
// that does the changing.
func (s *Server) endSessions(user string) {
	for _, x := range s.sessions.all() {
		if x.id.Name == user && !x.altering.Load() {
			x.signal(true)
		}
	}
}

// endTokens ends the connections that were opened with tokens that have ended.
func (s *Server) endTokens() {
	for _, x := range s.sessions.all() {
		if s.auth.TokenEnded(x.id) {
			x.signal(true)
		}
	}
}

// signal cancels what a session executes or ends the session; from any
// goroutine. A session of the API is one statement: both are the same.
func (x *session) signal(terminate bool) bool {
	switch {
	case x.end != nil:
		x.end()
		return true
	case x.s.clients == nil:
		return false
	case terminate:
		return x.s.clients.Terminate(x.pid)
	}
	return x.s.clients.Cancel(x.pid)
}

// SignalBackend implements expr.Session: everybody may stop his own sessions, and
// with permission Cancel those of others.
func (e exprSession) SignalBackend(pid int32, terminate bool) (bool, error) {
	for _, y := range e.x.s.sessions.all() {
		if y.pid != pid {
			continue
		}
		if y.id.Name != e.x.id.Name {
			if err := e.x.s.auth.Authorize(e.x.who(), auth.Cancel); err != nil {
				return false, err
			}
		}
		if terminate && y != e.x {
			e.x.s.auth.RecordAdmin(e.x.who(), "terminate the session of "+y.id.Name, nil)
		}
		return y.signal(terminate), nil
	}
	e.x.warn(warning(pgerr.Warning, "PID %d is not a PostgreSQL backend process", pid))
	return false, nil
}
