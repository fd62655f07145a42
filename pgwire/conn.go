package pgwire

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/jackc/pgproto3/v2"
)

var (
	errUserCancel       = pgerr.New(pgerr.QueryCanceled, "canceling statement due to user request")
	errStatementTimeout = pgerr.New(pgerr.QueryCanceled, "canceling statement due to statement timeout")
	errAuthTimeout      = fatal(pgerr.QueryCanceled, "canceling authentication due to timeout")
	errAdminShutdown    = fatal(pgerr.AdminShutdown, "terminating connection due to administrator command")
	errIdleSession      = fatal(pgerr.IdleSessionTimeout, "terminating connection due to idle-session timeout")
	errIdleInTx         = fatal(idleInTransactionTimeout, "terminating connection due to idle-in-transaction timeout")
	errStalled          = fatal(pgerr.ConnectionFailure, "terminating connection because a message did not arrive in time")
	errPanic            = fatal(pgerr.InternalError, "internal error; the connection is closed")
	errAborted          = pgerr.New(pgerr.InFailedSQLTransaction, "current transaction is aborted, commands ignored until end of transaction block")
)

// idleInTransactionTimeout is PostgreSQL's idle_in_transaction_session_timeout.
const idleInTransactionTimeout = "25P03"

// errEnd ends a connection whose last words have been said.
var errEnd = errors.New("pgwire: connection ended")

// conn is one client's connection. Everything but the fields under mu belongs
// to its goroutine.
type conn struct {
	srv    *Server
	nc     net.Conn // encrypted, if the client asked for it
	sock   net.Conn // what nc stands on
	tls    *TLS     // nil: nc is not encrypted
	pid    int32
	secret uint32

	in    guard
	out   output
	be    *pgproto3.Backend
	sess  Session
	stmts *Statements

	portals  map[string]*portal
	src      errSource // of errors and notices
	status   paramStatus
	early    []*pgerr.Error // notices from before AuthenticationOk
	skipping bool           // after an error in the extended protocol, until Sync
	atReady  bool           // ReadyForQuery was the last message sent
	deadline time.Time      // of the extended protocol's statement; zero: not begun
	scratch  *delta.Vec     // of parameter decoding

	base context.Context // ends with the connection
	kill context.CancelFunc

	mu          sync.Mutex
	dying       *pgerr.Error            // why the connection is to end
	cancelQuery context.CancelCauseFunc // set while a message is executed
	live        bool                    // a shutdown cancels it at once
	requests    int64                   // how many messages were executed
	watched     int64                   // requests when the watch came by last
	hasDeadline bool                    // of reads
}

func newConn(s *Server, nc net.Conn, pid int32, secret uint32) *conn {
	c := &conn{
		srv: s, nc: nc, pid: pid, secret: secret,
		out:     output{nc: nc, timeout: s.cfg.IOTimeout},
		stmts:   NewStatements(s.cfg.MaxStatements, s.cfg.MaxStatementBytes),
		portals: map[string]*portal{},
		scratch: &delta.Vec{},
	}
	c.in = guard{src: nc, max: s.cfg.MaxMessageBytes, mem: s.mem, wait: c.beforeRead}
	c.stmts.mem = s.mem
	c.be = pgproto3.NewBackend(&c.in, nil)
	c.base, c.kill = context.WithCancel(context.Background())
	return c
}

// Notice implements Conn.
func (c *conn) Notice(n *pgerr.Error) {
	if c.sess == nil {
		c.early = append(c.early, n)
		return
	}
	c.out.notice(n, c.src)
	if c.out.full() {
		_ = c.out.flush() // the error stays with the output
	}
}

// ReportParameter implements Conn.
func (c *conn) ReportParameter(name, value string) { c.status.set(name, value) }

// Statements implements Conn.
func (c *conn) Statements() *Statements { return c.stmts }

// run serves the connection from the startup message to its end.
func (c *conn) run(st *startup, deadline time.Time) {
	defer c.account()
	defer c.panicked()
	err := c.authenticate(st, deadline)
	if err != nil {
		c.srv.m.accepted.WithLabelValues(resultRefused).Inc()
	} else {
		c.srv.m.accepted.WithLabelValues(resultOK).Inc()
		err = c.loop()
	}
	c.lastWords(err)
}

// lastWords sends the error that ends the connection, if there is one to send.
func (c *conn) lastWords(err error) {
	var e *pgerr.Error
	if errors.As(err, &e) {
		c.srv.m.errors.WithLabelValues(class(e.Code)).Inc()
		c.out.errorResponse(e, errSource{})
	}
	_ = c.out.flush()
	c.srv.cfg.Logger.Debug("pgwire: connection closed", "pid", c.pid, "remote", c.nc.RemoteAddr(), "reason", err)
}

func (c *conn) panicked() {
	if r := recover(); r != nil {
		func() {
			defer c.srv.recovered("connection")
			panic(r)
		}()
		c.out.errorResponse(errPanic, errSource{})
		_ = c.out.flush()
	}
}

// close frees what the connection holds, also after a panic.
func (c *conn) close() {
	c.kill()
	c.in.release()
	c.stmts.DropAll()
	if c.sess == nil {
		return
	}
	defer c.srv.recovered("close")
	defer c.sess.Close()
	c.dropPortals()
}

func (c *conn) authenticate(st *startup, deadline time.Time) error {
	if st.negotiate {
		c.negotiate(st.unknown)
	}
	ctx, stop := context.WithDeadlineCause(c.base, deadline, errAuthTimeout)
	defer stop()
	p := st.params
	p.PID = c.pid
	p.RemoteAddr = c.nc.RemoteAddr().String()
	p.TLS = c.tls
	p.Auth = &authExchange{c: c}
	c.mu.Lock()
	ctx, c.cancelQuery = context.WithCancelCause(ctx)
	c.mu.Unlock()
	c.setLive() // a shutdown does not wait for it
	sess, err := c.srv.h.Connect(ctx, c, p)
	c.endRequest()
	if err != nil {
		if errors.Is(err, errGone) || errors.Is(err, errEnd) {
			return err
		}
		e := *blame(ctx, err)
		e.Severity = sevFatal
		return &e
	}
	c.sess = sess
	c.in.authed = true
	c.out.message('R', 0, 0, 0, 0)
	for _, n := range c.early {
		c.out.notice(n, errSource{})
	}
	c.early = nil
	c.status.report(&c.out)
	at := c.out.begin('K')
	c.out.buf = binary.BigEndian.AppendUint32(c.out.buf, uint32(c.pid))
	c.out.buf = binary.BigEndian.AppendUint32(c.out.buf, c.secret)
	c.out.end(at)
	_ = c.nc.SetDeadline(time.Time{})
	c.readyForQuery()
	return nil
}

// negotiate says that 3.0 is spoken, and which options are not known.
func (c *conn) negotiate(unknown []string) {
	at := c.out.begin('v')
	b := binary.BigEndian.AppendUint32(c.out.buf, version30)
	b = binary.BigEndian.AppendUint32(b, uint32(len(unknown)))
	for _, u := range unknown {
		b = append(append(b, u...), 0)
	}
	c.out.buf = b
	c.out.end(at)
}

// readyForQuery ends a request cycle.
func (c *conn) readyForQuery() {
	tx := c.sess.TxStatus()
	if tx == 'I' {
		c.dropPortals()
	}
	c.status.report(&c.out)
	c.out.message('Z', tx)
	c.atReady = true
	c.deadline = time.Time{}
	c.src = errSource{}
}

// beforeRead is the guard's wait: nothing blocks with output unsent, and each
// wait has the deadline of what is waited for.
func (c *conn) beforeRead(started bool) error {
	if err := c.out.flush(); err != nil {
		return err
	}
	c.account()
	if !c.in.authed {
		return nil // the startup's own deadline stands
	}
	var d time.Duration
	if started {
		d = c.srv.cfg.IOTimeout
	} else if c.atReady {
		d, _ = c.idleLimit()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dying != nil {
		return c.dying
	}
	switch {
	case d > 0:
		c.hasDeadline = true
		return c.nc.SetReadDeadline(time.Now().Add(d))
	case c.hasDeadline:
		c.hasDeadline = false
		return c.nc.SetReadDeadline(time.Time{})
	}
	return nil
}

// account moves the byte counts to the metrics.
func (c *conn) account() {
	c.srv.m.bytesIn.Add(float64(c.in.got))
	c.srv.m.bytesOut.Add(float64(c.out.sent))
	c.in.got, c.out.sent = 0, 0
}

// idleLimit is how long the client may now be silent, and the error after it.
func (c *conn) idleLimit() (time.Duration, *pgerr.Error) {
	set := c.sess.Settings()
	if c.sess.TxStatus() == 'I' {
		return set.IdleSessionTimeout, errIdleSession
	}
	return set.IdleInTransactionTimeout, errIdleInTx
}

// readError is what to tell a client whose next message could not be read.
func (c *conn) readError(err error) error {
	c.mu.Lock()
	dying := c.dying
	c.mu.Unlock()
	if dying != nil {
		return dying
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		if !c.in.authed {
			return errAuthTimeout
		}
		if limit, e := c.idleLimit(); c.atReady && !c.in.partial() && limit > 0 {
			return e
		}
		return errStalled
	}
	return err
}

// startRequest makes the current message's context, which Cancel ends.
func (c *conn) startRequest() context.Context {
	ctx, cancel := context.WithCancelCause(c.base)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancelQuery = cancel
	c.requests++
	return ctx
}

func (c *conn) endRequest() {
	c.mu.Lock()
	cancel := c.cancelQuery
	c.cancelQuery, c.live = nil, false
	c.mu.Unlock()
	if cancel != nil {
		cancel(nil)
	}
}

// setLive marks what is running as not worth waiting for in a shutdown.
func (c *conn) setLive() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live = true
	if c.dying != nil {
		c.cancelQuery(c.dying)
	}
}

// cancel ends what is being executed, if anything.
func (c *conn) cancel(why *pgerr.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancelQuery != nil {
		c.cancelQuery(why)
	}
}

// terminate ends the connection: at once when it is idle or live, after the
// current message when it is not, and in the middle of it when force is set.
func (c *conn) terminate(why *pgerr.Error, force bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dying == nil {
		c.dying = why
	}
	if c.cancelQuery != nil && (force || c.live) {
		c.cancelQuery(why)
	}
	_ = c.nc.SetReadDeadline(time.Unix(1, 0))
}

// ending is the reason to end before the next message, or nil.
func (c *conn) ending() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dying != nil {
		return c.dying
	}
	return nil
}
