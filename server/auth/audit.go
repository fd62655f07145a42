package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	lumberjack "gopkg.in/natefinch/lumberjack.v2"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// Kinds of events in the audit log.
const (
	EventLogin       = "login"
	EventLogout      = "logout"
	EventRefresh     = "token_refresh"
	EventRegister    = "register"
	EventUserCreate  = "user_create"
	EventUserAlter   = "user_alter"
	EventUserDrop    = "user_drop"
	EventRoleCreate  = "role_create"
	EventRoleAlter   = "role_alter"
	EventRoleDrop    = "role_drop"
	EventGrant       = "grant"
	EventRevoke      = "revoke"
	EventRBACReload  = "rbac_reload"
	EventDDL         = "ddl"   // detail: the statement, from RedactSQL
	EventAdmin       = "admin" // an administrative call, over HTTP or SQL
	EventDenied      = "permission_denied"
	EventThrottled   = "login_throttled"
	EventRateLimited = "rate_limited"
)

// Outcomes of events.
const (
	OutcomeOK      = "ok"
	OutcomeFailed  = "failed"
	OutcomeRefused = "refused"
)

// maxDetail bounds an event's detail, in bytes.
const maxDetail = 8 << 10

// Event is one line of the audit log.
type Event struct {
	Time    time.Time `json:"time"`
	Event   string    `json:"event"`
	User    string    `json:"user"`
	Address string    `json:"address"`
	Outcome string    `json:"outcome"`
	Detail  string    `json:"detail,omitempty"`
}

// AuditOptions of OpenAudit.
type AuditOptions struct {
	Path string
	// MaxSizeMB is the size at which the file is put aside; MaxFiles of those
	// are kept. Defaults 100 and 10.
	MaxSizeMB, MaxFiles int
	Logger              *slog.Logger
	Now                 func() time.Time
}

// Audit is the audit log: JSON lines in a file that only its owner reads. A
// line is handed to the operating system before Record returns, so that a crash
// of the process loses none; there is no queue that could overflow. If the file
// cannot be written, the event goes to the program's log, and is counted.
type Audit struct {
	mu     sync.Mutex
	w      io.WriteCloser
	opts   AuditOptions
	log    *slog.Logger
	now    func() time.Time
	failed atomic.Int64
}

// OpenAudit opens the log for appending and checks that it can be written.
func OpenAudit(o AuditOptions) (*Audit, error) {
	if o.MaxSizeMB <= 0 {
		o.MaxSizeMB = 100
	}
	if o.MaxFiles <= 0 {
		o.MaxFiles = 10
	}
	w, err := openAuditFile(o)
	if err != nil {
		return nil, err
	}
	l := newAudit(w, o.Logger, o.Now)
	l.opts = o
	return l, nil
}

func openAuditFile(o AuditOptions) (io.WriteCloser, error) {
	err := os.MkdirAll(filepath.Dir(o.Path), 0o700)
	if err == nil {
		err = onlyOwner(o.Path)
	}
	if err != nil {
		return nil, pgerr.New(pgerr.ConfigFileError, "the audit log cannot be written: %v", err).
			WithHint("Set [security] audit_log_file to a file in a directory that the server may write to.")
	}
	return &lumberjack.Logger{Filename: o.Path, MaxSize: o.MaxSizeMB, MaxBackups: o.MaxFiles}, nil
}

// Reopen goes on in another file, or anew in the same, which may have been put
// aside. If that cannot be written, the log stays where it is.
func (l *Audit) Reopen(path string) error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.opts
	o.Path = path
	w, err := openAuditFile(o)
	if err != nil {
		return err
	}
	old := l.w
	l.opts, l.w = o, w
	return old.Close()
}

func newAudit(w io.WriteCloser, log *slog.Logger, now func() time.Time) *Audit {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if now == nil {
		now = time.Now
	}
	return &Audit{w: w, log: log, now: now}
}

// onlyOwner makes a file with mode 0600, or gives it that.
func onlyOwner(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&^fs.FileMode(0o600) != 0 {
		err = f.Chmod(0o600)
	}
	return errors.Join(err, f.Close())
}

// Record writes an event; its time is set if it has none. A nil log keeps
// nothing.
func (l *Audit) Record(e Event) {
	if l == nil {
		return
	}
	if e.Time.IsZero() {
		e.Time = l.now()
	}
	e.Time = e.Time.UTC()
	if len(e.Detail) > maxDetail {
		e.Detail = e.Detail[:maxDetail] + fmt.Sprintf("… (%d bytes)", len(e.Detail))
	}
	line, err := json.Marshal(e)
	if err == nil {
		l.mu.Lock()
		_, err = l.w.Write(append(line, '\n'))
		l.mu.Unlock()
	}
	if err != nil {
		l.failed.Add(1)
		l.log.Error("the audit log cannot be written", "error", err, "event", e.Event, "user", e.User, "address", e.Address, "outcome", e.Outcome, "detail", e.Detail)
	}
}

// Failures is how many events could not be written to the file.
func (l *Audit) Failures() int64 {
	if l == nil {
		return 0
	}
	return l.failed.Load()
}

// Close closes the file.
func (l *Audit) Close() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Close()
}

// Audit is the log that was given to New.
func (a *Auth) Audit() *Audit { return a.opts.Audit }

// RecordDDL notes a statement that changes the catalog, without its secrets.
func (a *Auth) RecordDDL(by Identity, sql string, err error) {
	a.recordOutcome(by, EventDDL, RedactSQL(sql), err)
}

// RecordAdmin notes an administrative call.
func (a *Auth) RecordAdmin(by Identity, what string, err error) {
	a.recordOutcome(by, EventAdmin, what, err)
}

func (a *Auth) record(by Identity, event, outcome, detail string) {
	a.opts.Audit.Record(Event{Time: a.now(), Event: event, User: by.Name, Address: by.Address, Outcome: outcome, Detail: detail})
}

// recordOutcome notes how something went: refused if for want of a permission.
func (a *Auth) recordOutcome(by Identity, event, detail string, err error) {
	outcome := OutcomeOK
	if err != nil {
		e := pgerr.From(err)
		outcome = OutcomeFailed
		if e.Code == pgerr.InsufficientPrivilege || e.Code == pgerr.InvalidAuthorization {
			outcome = OutcomeRefused
		}
		detail += "; SQLSTATE " + e.Code
	}
	a.record(by, event, outcome, detail)
}

// audited does something and notes it.
func (a *Auth) audited(by Identity, event, detail string, do func() error) error {
	err := do()
	a.recordOutcome(by, event, detail, err)
	return err
}
