package pgwire

import (
	"context"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
)

// Handler makes sessions. The server package implements it.
type Handler interface {
	// Connect admits or refuses a client. It may ask for proof with p.Auth;
	// when it does not, the client is trusted. c stays valid until the
	// session's Close has returned. ctx ends with the connection, and with
	// Config.AuthTimeout while Connect runs. An error is sent as FATAL.
	// Parameters that clients expect at startup (server_version, …) are given
	// with c.ReportParameter from inside Connect.
	Connect(ctx context.Context, c Conn, p StartupParams) (Session, error)
}

// Conn is what a session may ask of the front end it talks through. Its
// methods are called only from inside a call to the Handler, the Session or
// one of its Results, on the goroutine of that call.
type Conn interface {
	// Notice sends n (severity NOTICE when empty), in order with the rows and
	// tags around it. client_min_messages is the session's matter. n.Pos
	// counts as in an error of the same call.
	Notice(n *pgerr.Error)
	// ReportParameter tells the client the value of a parameter that the
	// protocol reports; changes go out once, before ReadyForQuery.
	ReportParameter(name, value string)
	// Statements are the connection's prepared statements, one namespace for
	// SQL's PREPARE and the protocol's Parse.
	Statements() *Statements
}

// Setting is a parameter that a client gave at startup.
type Setting struct{ Name, Value string }

// StartupParams is what a client said of itself before authentication.
type StartupParams struct {
	User     string // never empty
	Database string // User when the client named none
	// Settings in the order to apply them: those of "options" (-c name=value)
	// first, then the packet's own, as PostgreSQL does. Names are as sent.
	Settings   []Setting
	RemoteAddr string // host:port, or a socket's path
	PID        int32  // what pg_backend_pid() answers; unique among live connections
	TLS        *TLS   // nil: the connection is not encrypted
	Auth       Auth   // nil when the front end has authenticated the user itself
}

// Auth asks the client for proof. At most one exchange a connection; each
// method returns FATAL errors to be handed back from Connect.
type Auth interface {
	// CleartextPassword asks for a password and returns it.
	CleartextPassword() (string, error)
	// SASL offers mechanisms; step is called with the chosen mechanism and
	// each message of the client, and returns the server's next message. The
	// exchange ends when done is true (reply is then the final message).
	SASL(mechanisms []string, step func(mechanism string, msg []byte) (reply []byte, done bool, err error)) error
}

// Session executes statements for one client. All methods are called from one
// goroutine, one at a time. Errors are *pgerr.Error; another kind is shown as
// XX000, and one of severity FATAL ends the connection. When ctx was
// cancelled, a method may return any error: the client sees ctx's cause
// (57014, 57P01, …).
type Session interface {
	// Parse splits sql (valid UTF-8, no NUL) into its statements; none means
	// an empty query. All of sql is checked for syntax before any of it runs.
	// An error's Pos is a 1-based byte offset in sql.
	Parse(ctx context.Context, sql string) ([]Statement, error)

	// Prepare resolves names and types, so that the statement can be
	// described before it runs. paramOIDs are the client's parameter types,
	// 0 or missing: to be inferred. An error's Pos is a 1-based byte offset
	// in st.SQL.
	Prepare(ctx context.Context, st Statement, paramOIDs []uint32) (Prepared, error)

	// Execute starts p with args, one for each of p.Params() and of its type.
	// ctx governs the call only; the Result may outlive it. An error's Pos
	// counts as Prepare's. The Results of one session may be open at the same
	// time and read in turns (portals).
	Execute(ctx context.Context, p Prepared, args []delta.Datum, opts ExecOptions) (Result, error)

	// Begin is called before each statement is prepared, bound or executed.
	// When no transaction is open it opens an implicit one; block tells that
	// the statement is one of several in a simple query, so that the implicit
	// transaction behaves like a block (TxStatus 'T').
	Begin(ctx context.Context, block bool) error
	// Commit ends an implicit transaction: after a simple query's last
	// statement, before its command tag, and at Sync. What it acknowledges is
	// durable. Without an implicit transaction it does nothing.
	Commit(ctx context.Context) error
	// Abort is called once after every error (also Commit's): an implicit
	// transaction is rolled back, an explicit block becomes failed ('E').
	// Every Result has been closed before.
	Abort()
	// TxStatus is 'I' outside a block, 'T' in one, 'E' in a failed one.
	TxStatus() byte

	// Settings are read before each statement; they stay unchanged while the
	// call of another method is not running.
	Settings() *Settings
	// Close ends the session, an open transaction rolled back. Last call.
	Close()
}

// CursorDescriber is a Session with SQL cursors, which Describe finds as portals.
type CursorDescriber interface {
	// CursorColumns are the columns of an open cursor; false: there is none.
	CursorColumns(name string) ([]Column, bool)
}

// Settings are the session's parameters that the front end acts on.
type Settings struct {
	Text                     values.TextOpts // text output and input of values
	StatementTimeout         time.Duration   // 0: none
	IdleSessionTimeout       time.Duration   // 0: none
	IdleInTransactionTimeout time.Duration   // 0: none
}

// Statement is one statement of a query string.
type Statement struct {
	SQL    string // its text, a substring of the string given to Parse
	Offset int    // byte offset of SQL in that string
	EndsTx bool   // COMMIT, ROLLBACK [TO] and the like: allowed in a failed block
	AST    any    // the session's own
}

// Prepared is a statement whose types are known. It is immutable.
type Prepared interface {
	// Params are the parameters' types, $1 first.
	Params() []types.Type
	// Columns describe the result; nil when the statement returns no rows
	// (COPY included), empty for rows without columns.
	Columns() []Column
}

// Column describes a result column.
type Column struct {
	Name     string
	Type     types.Type
	TableOID uint32 // 0: not a plain column of a relation
	AttNum   int16  // 0 with TableOID 0
}

// ExecOptions are hints to Execute.
type ExecOptions struct {
	// RowLimit is how many rows the client asked for first; 0: all. It may
	// ask for more of the same Result later.
	RowLimit int
}

// Result is a running statement.
type Result interface {
	// Shape may be called any time and does not change.
	Shape() Shape
	// Next gives the next rows, nil at the end. A batch stays valid and
	// unchanged until the next call of Next or Close. A row of weight n is n
	// rows; a weight below 1 is an internal error unless Shape().Live, whose
	// columns carry the weight themselves. Also called (to the end) for
	// statements without rows, which may do their work here.
	Next(ctx context.Context) (*delta.Batch, error)
	// CommandTag is the tag after the end, given the rows that were sent for
	// this request ("SELECT 5"; with COPY, too).
	CommandTag(rows int64) string
	// Close releases what the result holds. It may be called before the end,
	// and is called exactly once.
	Close()
}

// Shape tells how a Result is sent.
type Shape struct {
	Columns []Column     // as Prepared.Columns; with Copy, the columns to copy
	Copy    *CopyOptions // set: COPY TO STDOUT
	// Live marks a result without a natural end (SUBSCRIBE): every batch is
	// flushed at once, and a shutdown cancels it without waiting.
	Live bool
}

// CopyFormat is the format of COPY data.
type CopyFormat uint8

// The formats of COPY TO STDOUT.
const (
	CopyText CopyFormat = iota
	CopyCSV
)

// CopyOptions are the options of COPY TO STDOUT, resolved and checked by the
// session (see DefaultCopyOptions). Quote, Escape and ForceQuote are CSV's.
type CopyOptions struct {
	Format     CopyFormat
	Delimiter  byte
	Null       string
	Header     bool
	Quote      byte
	Escape     byte
	ForceQuote []bool // one a column; nil: none
}

// DefaultCopyOptions are PostgreSQL's defaults for a format.
func DefaultCopyOptions(f CopyFormat) CopyOptions {
	if f == CopyCSV {
		return CopyOptions{Format: f, Delimiter: ',', Quote: '"', Escape: '"'}
	}
	return CopyOptions{Format: f, Delimiter: '\t', Null: `\N`}
}
