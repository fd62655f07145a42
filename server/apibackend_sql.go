package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/tracing"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
	"github.com/heliosdb/heliosdb-streaming/pgwire"
	"github.com/heliosdb/heliosdb-streaming/server/api"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
)

// Bounds of a session of the API.
const (
	maxAPINotices    = 1000
	apiApplication   = "http-api"
	apiStatements    = 16
	apiStatementSize = api.MaxBody
)

// apiPID numbers the sessions of the API, apart from those of the protocol,
// which count from 1.
var apiPID atomic.Int32

const firstAPIPID = 1 << 30

func nextAPIPID() int32 { return firstAPIPID + apiPID.Add(1)&(firstAPIPID-1) }

// apiRows is one statement that runs for the API, in a session of its own.
type apiRows struct {
	x     *session
	conn  *apiConn
	res   pgwire.Result // nil: closed
	tag   func(rows int64) string
	cols  []api.Column
	ctx   context.Context // of the session, with the time limit
	stop  func()          // ends ctx
	ended bool

	began time.Time // zero: its trace is made
	err   error     // that it failed with
}

var _ api.Rows = (*apiRows)(nil)

// Query implements api.SQLBackend.
func (b *apiBackend) Query(ctx context.Context, by *api.Identity, q api.Query) (api.Rows, error) {
	conn := &apiConn{statements: pgwire.NewStatements(apiStatements, apiStatementSize)}
	x := newSession(b.s, conn, callerOf(by).id)
	x.pid, x.remote = nextAPIPID(), q.Remote
	x.settings.boot["application_name"] = apiApplication
	x.settings.derive()
	ctx, cancel := context.WithCancelCause(ctx)
	x.end = func() { cancel(errAPIEnded) }
	r := &apiRows{x: x, conn: conn, ctx: ctx, stop: func() { cancel(nil) }, began: time.Now()}
	d := q.Timeout
	if d == 0 {
		d = x.Settings().StatementTimeout
	}
	if d > 0 {
		timed, stop := context.WithTimeoutCause(ctx, d, errAPITimeout)
		r.ctx, r.stop = timed, func() { stop(); cancel(nil) }
	}
	b.s.sessions.add(x)
	if err := r.start(q); err != nil {
		err = r.failed(err)
		r.Close()
		return nil, err
	}
	return r, nil
}

var (
	errAPITimeout = pgerr.New(pgerr.QueryCanceled, "canceling statement due to statement timeout")
	errAPIEnded   = pgerr.New(pgerr.AdminShutdown, "terminating connection due to administrator command")
)

func (r *apiRows) start(q api.Query) error {
	x := r.x
	list, err := x.Parse(r.ctx, q.SQL)
	if err != nil {
		return err
	}
	if len(list) != 1 {
		return pgerr.New(pgerr.SyntaxError, "sql has %d statements; it must be one", len(list)).
			WithHint("Send one request for each.")
	}
	st := list[0]
	if err := singleStatement(st.AST.(ast.Statement)); err != nil {
		return relocateForward(err, st.Offset)
	}
	err = r.execute(st, q.Params)
	return relocateForward(err, st.Offset)
}

// singleStatement refuses what makes sense only with more statements after it,
// and what needs another direction of data.
func singleStatement(st ast.Statement) error {
	switch st.(type) {
	case *ast.Transaction:
		return pgerr.New(pgerr.FeatureNotSupported, "a request is one statement in a transaction of its own").At(st.Position()).
			WithHint("Transactions of several statements need the PostgreSQL protocol.")
	case *ast.Copy:
		return pgerr.New(pgerr.FeatureNotSupported, "COPY is not supported over HTTP").At(st.Position()).
			WithHint("Send INSERT or SELECT, or use the PostgreSQL protocol.")
	}
	return nil
}

// relocateForward turns a position in a statement into one in the text that it
// begins at offset of.
func relocateForward(err error, offset int) error {
	if err == nil || offset == 0 {
		return err
	}
	e := pgerr.From(err)
	if e.Pos == 0 {
		return err
	}
	d := *e
	d.Pos = e.Pos + offset
	return &d
}

func (r *apiRows) execute(st pgwire.Statement, params []json.RawMessage) error {
	x := r.x
	if err := x.Begin(r.ctx, false); err != nil {
		return err
	}
	p, err := x.Prepare(r.ctx, st, nil)
	if err != nil {
		return err
	}
	want := p.Params()
	if len(params) != len(want) {
		return pgerr.New(pgerr.ProtocolViolation, "the statement needs %d parameters, but params has %d", len(want), len(params))
	}
	args := make([]delta.Datum, len(want))
	for i := range args {
		if args[i], err = paramDatum(want[i], params[i], &x.Settings().Text); err != nil {
			e := *pgerr.From(err)
			e.Message, e.Pos = fmt.Sprintf("$%d: %s", i+1, e.Message), 0
			return &e
		}
	}
	if r.res, err = x.Execute(r.ctx, p, args, pgwire.ExecOptions{}); err != nil {
		return err
	}
	r.tag = r.res.CommandTag
	shape := r.res.Shape()
	if shape.Copy != nil || shape.Live {
		return pgerr.Unsupported(0, "this statement over HTTP")
	}
	if shape.Columns != nil {
		r.cols = make([]api.Column, len(shape.Columns))
	}
	for i, c := range shape.Columns {
		r.cols[i] = api.Column{Name: c.Name, Type: c.Type}
	}
	return nil
}

// paramDatum reads a JSON value as a parameter of type t.
func paramDatum(t types.Type, raw json.RawMessage, opts *values.TextOpts) (delta.Datum, error) {
	text := bytes.TrimSpace(raw)
	if bytes.Equal(text, []byte("null")) {
		return delta.NullOf(t), nil
	}
	if t.OID == types.OIDUnknown {
		t = types.Text
	}
	isJSON := t.OID == types.OIDJSON || t.OID == types.OIDJSONB
	switch {
	case isJSON && text[0] != '"': // a string is the text of a json, as over the protocol
	case text[0] == '"':
		var s string
		if err := json.Unmarshal(text, &s); err != nil {
			return delta.Datum{}, pgerr.New(pgerr.InvalidTextRepresentation, "bad JSON string")
		}
		text = []byte(s)
	case text[0] == '[' && t.IsArray():
		lit, err := arrayLiteral(text)
		if err != nil {
			return delta.Datum{}, err
		}
		text = lit
	case text[0] == '[' || text[0] == '{':
		return delta.Datum{}, pgerr.New(pgerr.DatatypeMismatch, "a JSON array or object is no %s", t)
	}
	if bytes.IndexByte(text, 0) >= 0 {
		return delta.Datum{}, pgerr.New(pgerr.CharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\": 0x00")
	}
	return values.ParseDatum(t, text, opts)
}

// arrayLiteral writes a JSON array as PostgreSQL's array literal.
func arrayLiteral(raw []byte) ([]byte, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, pgerr.New(pgerr.InvalidTextRepresentation, "bad JSON array")
	}
	out := []byte{'{'}
	for i, el := range list {
		if i > 0 {
			out = append(out, ',')
		}
		el = bytes.TrimSpace(el)
		text := string(el)
		switch {
		case text == "null":
			out = append(out, "NULL"...)
			continue
		case el[0] == '[':
			return nil, pgerr.Unsupported(0, "an array of arrays")
		case el[0] == '"':
			if err := json.Unmarshal(el, &text); err != nil {
				return nil, pgerr.New(pgerr.InvalidTextRepresentation, "bad JSON string")
			}
		}
		out = append(out, '"')
		out = append(out, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text)...)
		out = append(out, '"')
	}
	return append(out, '}'), nil
}

// Columns implements api.Rows.
func (r *apiRows) Columns() []api.Column { return r.cols }

// Text implements api.Rows.
func (r *apiRows) Text() *values.TextOpts { return &r.x.Settings().Text }

// Next implements api.Rows.
func (r *apiRows) Next(context.Context) (*delta.Batch, error) {
	if r.ended {
		return nil, nil
	}
	b, err := r.res.Next(r.ctx)
	switch {
	case err != nil:
		return nil, r.failed(err)
	case b != nil:
		return b, nil
	}
	return nil, r.commit()
}

// Stop implements api.Rows.
func (r *apiRows) Stop(context.Context) error { return r.commit() }

func (r *apiRows) commit() error {
	r.ended = true
	r.closeResult()
	if err := r.x.Commit(r.ctx); err != nil {
		return r.failed(err)
	}
	return nil
}

// failed ends the transaction and says why: what ended the context, if it did.
func (r *apiRows) failed(err error) error {
	if r.ctx.Err() != nil {
		err = context.Cause(r.ctx)
	}
	r.ended, r.err = true, err
	r.closeResult()
	r.x.Abort()
	return err
}

// Command implements api.Rows.
func (r *apiRows) Command(rows int64) string { return r.tag(rows) }

// Notices implements api.Rows.
func (r *apiRows) Notices() []*pgerr.Error { return r.conn.notices }

// Close implements api.Rows.
func (r *apiRows) Close() {
	r.closeResult()
	r.x.Close()
	r.stop()
	if !r.began.IsZero() {
		tracing.Record("query", r.began, r.err, attribute.String("protocol", "http"))
		r.began = time.Time{}
	}
}

func (r *apiRows) closeResult() {
	if r.res != nil {
		r.res.Close()
		r.res = nil
	}
}

// apiConn is the client of a session of the API: it keeps the notices.
type apiConn struct {
	statements *pgwire.Statements
	notices    []*pgerr.Error
}

var _ pgwire.Conn = (*apiConn)(nil)

// Notice implements pgwire.Conn.
func (c *apiConn) Notice(n *pgerr.Error) {
	if len(c.notices) < maxAPINotices {
		c.notices = append(c.notices, n)
	}
}

// ReportParameter implements pgwire.Conn.
func (c *apiConn) ReportParameter(string, string) {}

// Statements implements pgwire.Conn.
func (c *apiConn) Statements() *pgwire.Statements { return c.statements }
