package pgcatalog

import (
	"time"

	"github.com/heliosdb/heliosdb-streaming/exec"
	"github.com/heliosdb/heliosdb-streaming/server/auth"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
	"github.com/heliosdb/heliosdb-streaming/storage/remote"
)

// Env is what the rows of system relations are computed from, for one session.
// A nil function stands for nothing to show.
type Env struct {
	Catalog  catalog.Reader
	User     string // who is connected
	Database string // the one database there is
	Started  time.Time

	// Users and Roles are those of package auth; with Users nil there is one
	// role, User, who may do everything.
	Users  func() []auth.UserInfo
	Roles  func() []auth.RoleInfo
	Grants func() []auth.GrantInfo
	// SeesAll: the statements of others are shown.
	SeesAll bool

	Settings   func() []Setting
	Sessions   func() []Session
	Cursors    func() []Cursor    // of the session
	Statements func() []Statement // of the session

	Jobs        func() []exec.JobStatus
	Operators   func() []exec.OperatorStatus
	DeadLetters func() []exec.DeadLetter
	Checkpoint  func() Checkpoint
	Memory      func() []MemoryArea
	// BucketCheckpoints are nil when the state is in no bucket.
	BucketCheckpoints func() []remote.CheckpointInfo
}

// Setting is a row of pg_settings.
type Setting struct {
	Name, Value, Description string
	Boot, Reset              string
	Type                     string // "bool", "enum", "integer", "real", "string"
	Unit                     string // "": none
	Context                  string // "internal": cannot be changed, or "user"
	Values                   []string
}

// Session is a client's connection, as pg_stat_activity shows it.
type Session struct {
	PID                                       int32
	User, Application, Remote, State, Query   string
	Began, XactStart, QueryStart, StateChange time.Time // zero: NULL
	TLS                                       *TLS      // nil: not encrypted
}

// TLS describes an encrypted connection.
type TLS struct {
	Version, Cipher string
	Bits            int
	ClientDN        string
}

// Cursor is a row of pg_cursors.
type Cursor struct {
	Name, Statement          string
	Hold, Binary, Scrollable bool
	Created                  time.Time
}

// Statement is a row of pg_prepared_statements.
type Statement struct {
	Name, Query string
	Prepared    time.Time
	Params      []uint32 // type OIDs
	FromSQL     bool
}

// Checkpoint describes the last complete checkpoint.
type Checkpoint struct {
	Epoch           uint64 // 0: none yet
	At              time.Time
	Duration, Stall time.Duration
	Failures        int
	LastError       string
}

// MemoryArea is a row of heliosdb.memory. Limit 0: none of its own.
type MemoryArea struct {
	Area         string
	Bytes, Limit int64
}

// user lists the relations that people made and that can be read, by OID; with
// only ≠ nil at most that one. Sinks hold no rows and are left out.
func (e *Env) user(only *int64) []*catalog.Relation {
	keep := func(r *catalog.Relation) bool {
		return r != nil && r.Kind != catalog.Virtual && r.Kind != catalog.Sink
	}
	if only != nil {
		if r := e.Catalog.ByOID(uint32(*only)); keep(r) {
			return []*catalog.Relation{r}
		}
		return nil
	}
	var out []*catalog.Relation
	for _, r := range e.Catalog.Relations() {
		if keep(r) {
			out = append(out, r)
		}
	}
	return out
}

func call[T any](f func() []T) []T {
	if f == nil {
		return nil
	}
	return f()
}
