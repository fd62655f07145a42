package api

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
)

// Backend is what the API needs of the server. Its errors are *Problem or
// *pgerr.Error; what each SQLSTATE becomes is the table in sqlstate.go. Methods
// may be called by many requests at once; ctx ends with the request, with its
// time limit and when the server stops.
type Backend interface {
	// Authenticate says who has sent a request with this bearer token; "" is a
	// request without one. remote is its address, host:port. A request that
	// proves nothing is ErrUnauthorized, unless authentication is off.
	Authenticate(ctx context.Context, token, remote string) (*Identity, error)
	// Allow counts a request against the rates of its user and its address, of
	// which either may be "". Beyond the rate it is a Problem with RetryAfter.
	Allow(user, remote string) error
	// Audit keeps an event for the audit log. It does not block for long.
	Audit(e AuditEvent)

	AuthBackend
	JobBackend
	AdminBackend
	SQLBackend
}

// AuthBackend keeps users and issues tokens.
type AuthBackend interface {
	// Register makes a user: by an authenticated Admin, or, while there is no
	// user, by whoever has the setup token. by is nil without a valid token.
	Register(ctx context.Context, by *Identity, u NewUser, remote string) (User, error)
	Login(ctx context.Context, username, password, remote string) (Token, error)
	// Refresh gives a new token for the caller's and revokes the old one.
	Refresh(ctx context.Context, id *Identity) (Token, error)
	// Logout revokes the caller's token.
	Logout(ctx context.Context, id *Identity) error
	Users(ctx context.Context) ([]User, error)
	User(ctx context.Context, name string) (User, error)
	UpdateUser(ctx context.Context, by *Identity, name string, p UserPatch) (User, error)
	DeleteUser(ctx context.Context, by *Identity, name string) error
}

// JobBackend makes and rules jobs. ref is a job's name or its id.
type JobBackend interface {
	CreateJob(ctx context.Context, by *Identity, j NewJob) (Job, error)
	Jobs(ctx context.Context, by *Identity) ([]Job, error)
	Job(ctx context.Context, by *Identity, ref string) (JobDetail, error)
	PauseJob(ctx context.Context, by *Identity, ref string) (Job, error)
	ResumeJob(ctx context.Context, by *Identity, ref string) (Job, error)
	// CancelJob drops the job's relation, and the source that was made for it.
	CancelJob(ctx context.Context, by *Identity, ref string) (Job, error)
}

// AdminBackend rules the server as a whole.
type AdminBackend interface {
	Pause(ctx context.Context, by *Identity) (Status, error)
	Resume(ctx context.Context, by *Identity) (Status, error)
	Status(ctx context.Context) (Status, error)
	// CreateSavepoint returns when the savepoint is complete. name may be "".
	CreateSavepoint(ctx context.Context, by *Identity, name string) (Savepoint, error)
	Savepoints(ctx context.Context) ([]Savepoint, error)
	// DropSavepoint takes the id with or without "savepoint-".
	DropSavepoint(ctx context.Context, by *Identity, id string) error
	Checkpoint(ctx context.Context, by *Identity) (Checkpoint, error)
	// EncryptionKeys lists the data keys, oldest first; none without encryption.
	EncryptionKeys(ctx context.Context) ([]EncryptionKey, error)
	RotateEncryptionKey(ctx context.Context, by *Identity) error
	// Config is the configuration without secrets, by section and key.
	Config(ctx context.Context) ([]Setting, error)
	// SupportBundle writes what a report needs, a gzipped tar.
	SupportBundle(ctx context.Context, w io.Writer) error
	// Reload reads again what can change while the server runs, as SIGHUP does.
	Reload(ctx context.Context, by *Identity) (Reloaded, error)
}

// SQLBackend runs statements in a session as the PostgreSQL protocol does.
type SQLBackend interface {
	// Query starts one statement. The rows must be closed.
	Query(ctx context.Context, by *Identity, q Query) (Rows, error)
}

// Rows is a running statement.
type Rows interface {
	// Columns are nil when the statement returns no rows.
	Columns() []Column
	// Text are the session's options of values as text.
	Text() *values.TextOpts
	// Next gives the next rows, which stay valid until the next call, and nil at
	// the end, when what the statement did is committed.
	Next(ctx context.Context) (*delta.Batch, error)
	// Stop ends the statement before its last row: what it did is committed.
	Stop(ctx context.Context) error
	// Command is the command tag, such as "SELECT 3", once rows rows were taken.
	Command(rows int64) string
	// Notices are those that came so far.
	Notices() []*pgerr.Error
	Close()
}

// Column is a column of a result.
type Column struct {
	Name string
	Type types.Type
}

// Query is one statement with its parameters.
type Query struct {
	SQL     string
	Params  []json.RawMessage // JSON null is NULL
	Timeout time.Duration     // 0: the server's statement_timeout
	Remote  string
}

// Identity is who a request comes from, and what that user may do.
type Identity struct {
	Name        string
	Roles       []string
	Permissions []Permission
	Expires     time.Time // of the token; zero: does not expire
	Handle      any       // the backend's own
}

// Can reports whether id has a permission.
func (id *Identity) Can(p Permission) bool { return id != nil && slices.Contains(id.Permissions, p) }

// NewUser is the body of a registration.
type NewUser struct {
	Username   string   `json:"username"`
	Password   string   `json:"password"`
	Roles      []string `json:"roles"`
	Enabled    *bool    `json:"enabled"`
	SetupToken string   `json:"setup_token"`
}

// User is a user as the API shows it.
type User struct {
	Username    string    `json:"username"`
	Roles       []string  `json:"roles"`
	Permissions []string  `json:"permissions,omitempty"`
	Enabled     bool      `json:"enabled"`
	Source      string    `json:"source,omitempty"`
	CreatedAt   time.Time `json:"created_at,omitzero"`
}

// UserPatch changes what is not nil.
type UserPatch struct {
	Enabled  *bool    `json:"enabled"`
	Roles    []string `json:"roles"`
	Password *string  `json:"password"`
}

// Token is the answer to a login.
type Token struct {
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expires_at"`
	Roles     []string  `json:"roles"`
}

// NewJob is the body of POST /jobs: a topic with Source and Config, or a query.
type NewJob struct {
	Name   string     `json:"name"`
	Source string     `json:"source"`
	Config *JobConfig `json:"config"`
	SQL    string     `json:"sql"`
}

// JobConfig describes a job on a topic.
type JobConfig struct {
	Topic       string  `json:"topic"`
	Parallelism Whole   `json:"parallelism"` // 0: as the server's
	Columns     Columns `json:"columns"`     // nil: to be inferred
	EventTime   string  `json:"event_time"`  // column that retention goes by; "": the record's timestamp
	Retention   string  `json:"retention"`   // an interval; "": DefaultRetention
	Start       string  `json:"start"`       // "earliest", "latest"; "": [kafka] auto_offset_reset
	Format      string  `json:"format"`      // "json"
}

// DefaultRetention is how long the view of a job on a topic keeps its rows.
const DefaultRetention = "24 hours"

// Job is one job in lists.
type Job struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Kind        string   `json:"kind"`
	Status      string   `json:"status"`
	Error       string   `json:"error,omitempty"`
	Progress    float64  `json:"progress"`
	Source      string   `json:"source,omitempty"`
	Topic       string   `json:"topic,omitempty"`
	Parallelism int      `json:"parallelism,omitempty"`
	Retention   string   `json:"retention,omitempty"`
	Rows        int64    `json:"rows"`
	StateBytes  int64    `json:"state_bytes"`
	Lag         int64    `json:"lag_records"`
	Notices     []string `json:"notices,omitempty"`
}

// Active reports whether the job is at work: neither paused nor failed.
func (j *Job) Active() bool { return j.Status != StatusPaused && j.Status != StatusFailed }

// Statuses of jobs that the API itself tells apart; SHOW JOBS lists all.
const (
	StatusPaused = "paused"
	StatusFailed = "failed"
)

// JobDetail is one job with all that is known of it.
type JobDetail struct {
	Job
	Definition       string      `json:"definition"`
	Columns          []JobColumn `json:"columns"`
	RecordsPerSecond float64     `json:"records_per_second"`
	Sources          []JobSource `json:"sources"`
	Plan             []string    `json:"plan"`
}

// JobColumn is a column of a job's relation.
type JobColumn struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// JobSource is one source as a job sees it.
type JobSource struct {
	Name      string      `json:"name"`
	Lag       int64       `json:"lag_records"`
	Records   int64       `json:"records"`
	Watermark *time.Time  `json:"watermark,omitempty"`
	Offsets   []JobOffset `json:"offsets"`
}

// JobOffset is the place in one partition.
type JobOffset struct {
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	End       *int64 `json:"end,omitempty"` // nil: not known
}

// Status is the server as a whole.
type Status struct {
	Version    string      `json:"version"`
	Paused     bool        `json:"paused"`
	StartedAt  time.Time   `json:"started_at"`
	ActiveJobs int         `json:"active_jobs"`
	TotalJobs  int         `json:"total_jobs"`
	Workers    int         `json:"workers"`
	Checkpoint *Checkpoint `json:"checkpoint,omitempty"` // the last complete one
}

// Checkpoint is a complete checkpoint.
type Checkpoint struct {
	Epoch       uint64    `json:"epoch"`
	CompletedAt time.Time `json:"completed_at"`
}

// EncryptionKey is a data key of encrypted state; the key itself is not in it.
type EncryptionKey struct {
	ID        string    `json:"id"`
	CreatedAt time.Time `json:"created_at"`
	WrappedBy string    `json:"wrapped_by"` // the master key
	Current   bool      `json:"current"`
	InUse     bool      `json:"in_use"` // something is still sealed with it
}

// Savepoint is a complete savepoint. Its folder is "savepoint-" and the ID.
type Savepoint struct {
	ID        string    `json:"id"`
	Name      string    `json:"name,omitempty"`
	Location  string    `json:"location,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	Epoch     uint64    `json:"epoch"`
	Bytes     int64     `json:"bytes"`
	Jobs      int       `json:"jobs"`
	Version   string    `json:"version,omitempty"`
}

// Setting is one key of the configuration.
type Setting struct {
	Key    string `json:"key"`    // section.key
	Value  any    `json:"value"`  // secrets: whether they are set
	Origin string `json:"origin"` // FILE:LINE, an environment variable, "default"
}

// Reloaded tells what a reload took over.
type Reloaded struct {
	Changed  []string `json:"changed"`
	Warnings []string `json:"warnings"`
}

// AuditEvent is a call that an operator may want to find again.
type AuditEvent struct {
	User    string
	Remote  string
	Action  string // the operation, as in openapi.json's operationId
	Object  string // what it was about: the path
	Outcome string // "ok", "refused", "failed"
	Status  int
	Request string // request id
}
