package server

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/pgwire"
	"github.com/heliosdb/heliosdb-streaming/server/auth"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/parse"
)

// databaseName is the one database; clients may call it as they like.
const databaseName = "heliosdb"

// handler admits clients.
type handler struct{ s *Server }

var _ pgwire.Handler = handler{}

// handler is what the protocol's listener serves.
func (s *Server) handler() pgwire.Handler { return handler{s} }

// Connect implements pgwire.Handler.
func (h handler) Connect(ctx context.Context, c pgwire.Conn, p pgwire.StartupParams) (pgwire.Session, error) {
	id, err := h.s.login(ctx, &p)
	if err != nil {
		return nil, err
	}
	x := newSession(h.s, c, id)
	x.pid, x.remote, x.tls = p.PID, p.RemoteAddr, p.TLS
	for _, kv := range p.Settings {
		low := strings.ToLower(kv.Name)
		if low == "replication" {
			continue
		}
		v, err := checkSetting(kv.Name, kv.Value)
		if err != nil {
			return nil, err
		}
		if low == "role" {
			if v, err = x.checkRole(v); err != nil {
				return nil, err
			}
		}
		x.settings.boot[low] = v
	}
	x.settings.derive()
	for name, p := range parameters {
		if p.report {
			x.report(name)
		}
	}
	h.s.sessions.add(x)
	return x, nil
}

// session executes the statements of one client.
type session struct {
	s        *Server
	conn     pgwire.Conn
	id       auth.Identity // who logged in; statements run as who()
	tls      *pgwire.TLS   // nil: the connection is not encrypted
	altering atomic.Bool   // changes users: not to be ended because its own changed
	remote   string
	pid      int32
	began    time.Time
	settings *settings
	tx       *txn // nil: none is open
	cursors  map[string]*cursor
	// end ends a session of the HTTP API; nil: the protocol's connection ends.
	end func()
	// file: statements come from a startup file, see applyFile.
	file bool

	mu   sync.Mutex // what other sessions see
	seen activity
}

// activity is what pg_stat_activity shows of a session.
type activity struct {
	State       string // "active", "idle", "idle in transaction", "idle in transaction (aborted)"
	Query       string
	Application string
	QueryStart  time.Time
	XactStart   time.Time // zero: no transaction
	StateChange time.Time
}

var _ pgwire.Session = (*session)(nil)

func newSession(s *Server, c pgwire.Conn, id auth.Identity) *session {
	x := &session{s: s, conn: c, id: id, began: time.Now(), settings: newSettings(), cursors: map[string]*cursor{}}
	boot := x.settings.boot
	boot["session_authorization"] = id.Name
	if d := s.cfg.Server.StatementTimeout; d > 0 {
		boot["statement_timeout"] = millisText(d)
	}
	if d := s.cfg.Server.IdleSessionTimeout; d > 0 {
		boot["idle_session_timeout"] = millisText(d)
	}
	boot["idle_in_transaction_session_timeout"] = millisText(s.cfg.Server.IdleInTransactionTimeout)
	x.settings.changed = x.report
	x.settings.wire.Text.Objects = exprSession{x}
	x.settings.derive()
	return x
}

// report tells the client the value of a parameter that the protocol reports.
func (x *session) report(name string) {
	p := parameters[name]
	if p == nil || !p.report {
		return
	}
	v, _ := x.settings.show(name)
	x.conn.ReportParameter(p.name, v)
}

// Settings implements pgwire.Session.
func (x *session) Settings() *pgwire.Settings { return &x.settings.wire }

// Close implements pgwire.Session.
func (x *session) Close() {
	x.endTx(false)
	for name := range x.cursors {
		x.closeCursor(name)
	}
	x.s.sessions.remove(x)
}

// Parse implements pgwire.Session.
func (x *session) Parse(_ context.Context, sql string) ([]pgwire.Statement, error) {
	list, err := parse.Parse(sql)
	if err != nil {
		return nil, err
	}
	out := make([]pgwire.Statement, len(list))
	for i, st := range list {
		out[i] = pgwire.Statement{SQL: st.Text, Offset: st.Offset, AST: st.AST, EndsTx: endsTx(st.AST)}
	}
	return out, nil
}

// endsTx reports whether a statement is allowed in a failed block.
func endsTx(st ast.Statement) bool {
	t, ok := st.(*ast.Transaction)
	return ok && (t.Kind == ast.Commit || t.Kind == ast.Rollback || t.Kind == ast.RollbackTo)
}

// Prepare implements pgwire.Session.
func (x *session) Prepare(ctx context.Context, st pgwire.Statement, paramOIDs []uint32) (pgwire.Prepared, error) {
	given := make([]types.Type, len(paramOIDs))
	for i, oid := range paramOIDs {
		switch {
		case oid == 0:
			given[i] = types.Unknown
		case types.Lookup(oid) == nil:
			return nil, pgerr.New(pgerr.UndefinedObject, "type with OID %d does not exist", oid)
		default:
			given[i] = types.Type{OID: oid, Mod: -1}
		}
	}
	p, err := x.bind(ctx, st, given)
	if err != nil {
		return nil, relocate(err, st.Offset)
	}
	return p, nil
}

// relocate turns a position in the text that was parsed into one in the
// statement that begins at offset of it.
func relocate(err error, offset int) error {
	e := pgerr.From(err)
	if e.Pos == 0 || offset == 0 {
		return err
	}
	d := *e
	d.Pos = max(0, e.Pos-offset)
	return &d
}

// warn sends a notice if client_min_messages lets it through.
func (x *session) warn(n *pgerr.Error) {
	least, _ := x.settings.get("client_min_messages")
	if n.Severity == "" {
		n.Severity = "NOTICE"
	}
	switch least {
	case "error":
		return
	case "warning":
		if n.Severity != "WARNING" {
			return
		}
	}
	x.conn.Notice(n)
}

func warning(code, format string, args ...any) *pgerr.Error {
	n := pgerr.New(code, format, args...)
	n.Severity = "WARNING"
	return n
}

// rawPath is the search path as it was set.
func (x *session) rawPath() string {
	v, _ := x.settings.get("search_path")
	return v
}

// path is the search path of the session.
func (x *session) path() []string { return x.settings.searchPath(x.s.catalog().HasSchema) }

func millisText(d time.Duration) string { return integerText(d.Milliseconds()) }

// sessionList are the sessions that are open, for pg_stat_activity.
type sessionList struct {
	mu sync.Mutex
	m  map[int32]*session
}

func (l *sessionList) add(x *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.m == nil {
		l.m = map[int32]*session{}
	}
	l.m[x.pid] = x
	x.seen = activity{State: "idle", StateChange: time.Now()}
	x.seen.Application, _ = x.settings.get("application_name")
}

func (l *sessionList) remove(x *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.m[x.pid] == x {
		delete(l.m, x.pid)
	}
}

// all are the open sessions, in no set order.
func (l *sessionList) all() []*session {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]*session, 0, len(l.m))
	for _, x := range l.m {
		out = append(out, x)
	}
	return out
}

// activity is what the session is doing; from any goroutine.
func (x *session) activity() activity {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.seen
}

// running notes that the session works on a statement.
func (x *session) running(sql string) {
	now := time.Now()
	app, _ := x.settings.get("application_name")
	x.mu.Lock()
	defer x.mu.Unlock()
	x.seen.State, x.seen.Query, x.seen.Application = "active", sql, app
	x.seen.QueryStart, x.seen.StateChange = now, now
	if x.seen.XactStart.IsZero() {
		x.seen.XactStart = now
	}
}

// resting notes that the session waits for its client.
func (x *session) resting() {
	state := "idle"
	switch x.TxStatus() {
	case 'T':
		state = "idle in transaction"
	case 'E':
		state = "idle in transaction (aborted)"
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.seen.State, x.seen.StateChange = state, time.Now()
	if x.tx == nil {
		x.seen.XactStart = time.Time{}
	}
}
