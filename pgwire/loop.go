package pgwire

import (
	"context"
	"errors"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/tracing"
	"github.com/jackc/pgproto3/v2"
	"go.opentelemetry.io/otel/attribute"
)

// loop serves messages until the client or the server ends the connection. A
// *pgerr.Error among its results is to be sent as the last message.
func (c *conn) loop() error {
	for {
		if err := c.ending(); err != nil {
			return err
		}
		t, body, err := c.in.message()
		if err != nil {
			return c.readError(err)
		}
		// A read that had begun may still give a message after its deadline was
		// moved into the past to end it.
		if err := c.ending(); err != nil {
			return err
		}
		c.atReady = false
		if err := c.dispatch(t, body); err != nil {
			return err
		}
		if c.out.full() {
			if err := c.out.flush(); err != nil {
				return err
			}
		}
	}
}

// dispatch handles one message. Which of them an error makes the server skip,
// and which answer with ReadyForQuery, is as in PostgreSQL's SocketBackend.
func (c *conn) dispatch(t byte, body []byte) error {
	switch {
	case t == 'X':
		return errEnd
	case t == 'S':
		c.skipping = false
	case c.skipping, t == 'd', t == 'c', t == 'f':
		// COPY data without a COPY is what a client sent before it knew that
		// its COPY had failed.
		return nil
	}
	ctx := c.startRequest()
	defer c.endRequest()
	err := c.handle(ctx, t, body)
	if err != nil {
		if err = c.failed(ctx, err); err != nil {
			return err
		}
		switch t {
		case 'P', 'B', 'D', 'E', 'C', 'H':
			c.skipping = true
		}
	}
	switch t {
	case 'Q', 'F', 'S':
		c.readyForQuery()
	}
	return nil
}

// handle executes one message; its errors are the client's.
func (c *conn) handle(ctx context.Context, t byte, body []byte) error {
	c.src = errSource{}
	if t == 'F' {
		return pgerr.Unsupported(0, "function call by protocol message")
	}
	if err := checkBody(t, body, 0); err != nil {
		return err
	}
	msg, err := c.be.Receive()
	if err != nil {
		return protocolViolation("invalid message format")
	}
	switch m := msg.(type) {
	case *pgproto3.Query:
		return c.simpleQuery(ctx, m.String)
	case *pgproto3.Sync:
		return c.sync(ctx)
	case *pgproto3.Flush:
		return c.out.flush()
	}
	return c.extended(ctx, msg)
}

// failed sends an error and aborts what was under way. It returns an error
// when the connection cannot go on.
func (c *conn) failed(ctx context.Context, err error) error {
	if errors.Is(err, errGone) {
		return err
	}
	e := blame(ctx, err)
	if isFatal(e) {
		c.abort()
		return e
	}
	c.srv.m.errors.WithLabelValues(class(e.Code)).Inc()
	switch {
	case class(e.Code) == "XX":
		c.srv.cfg.Logger.Error("pgwire: internal error", "pid", c.pid, "code", e.Code, "error", e.Message, "detail", e.Detail)
	case class(e.Code) == "58", e.Code == pgerr.DiskFull:
		c.srv.cfg.Logger.Error("pgwire: the disk failed a statement", "pid", c.pid, "code", e.Code, "error", e.Message, "detail", e.Detail)
	}
	c.abort()
	c.out.errorResponse(e, c.src)
	return nil
}

// abort ends the transaction as after an error.
func (c *conn) abort() {
	c.failPortals()
	c.sess.Abort()
	if c.sess.TxStatus() == 'I' {
		c.dropPortals()
	}
}

// withTimeout bounds ctx by the session's statement_timeout, counted from
// since.
func (c *conn) withTimeout(ctx context.Context, since time.Time) (context.Context, context.CancelFunc) {
	d := c.sess.Settings().StatementTimeout
	if d <= 0 {
		return ctx, func() {}
	}
	return context.WithDeadlineCause(ctx, since.Add(d), errStatementTimeout)
}

// sync ends a pipeline.
func (c *conn) sync(ctx context.Context) error { return c.sess.Commit(ctx) }

// simpleQuery executes the statements of a Query message, all in one implicit
// transaction unless they say otherwise.
func (c *conn) simpleQuery(ctx context.Context, sql string) (err error) {
	start := time.Now()
	if tracing.On() {
		defer func() { tracing.Record("query", start, err, attribute.String("protocol", "simple")) }()
	}
	// As in PostgreSQL, a simple query replaces the unnamed objects.
	c.stmts.Drop("")
	c.dropPortal("")
	stmts, err := c.parse(ctx, sql)
	if err != nil {
		return err
	}
	if len(stmts) == 0 {
		c.out.empty('I')
		return c.sess.Commit(ctx)
	}
	for i, st := range stmts {
		if err := c.simpleStatement(ctx, sql, st, len(stmts) > 1, i == len(stmts)-1); err != nil {
			return err
		}
	}
	c.srv.m.simple.seconds.Observe(time.Since(start).Seconds())
	return nil
}

// parse has the session split sql, after checking that it is text.
func (c *conn) parse(ctx context.Context, sql string) ([]Statement, error) {
	c.src = errSource{query: sql}
	if e := invalidUTF8String(sql); e != nil {
		return nil, e
	}
	ctx, stop := c.withTimeout(ctx, time.Now())
	defer stop()
	stmts, err := c.sess.Parse(ctx, sql)
	if err != nil {
		return nil, c.blamed(ctx, err)
	}
	return stmts, nil
}

// blamed resolves err while the context that explains it is at hand.
func (c *conn) blamed(ctx context.Context, err error) error {
	if errors.Is(err, errGone) {
		return err
	}
	return blame(ctx, err)
}

func (c *conn) simpleStatement(ctx context.Context, sql string, st Statement, block, last bool) (err error) {
	ctx, stop := c.withTimeout(ctx, time.Now())
	defer stop()
	defer func() {
		if err != nil {
			err = c.blamed(ctx, err)
		}
	}()
	c.src = errSource{query: sql, offset: st.Offset}
	before := c.sess.TxStatus()
	if before == 'E' && !st.EndsTx {
		return errAborted
	}
	if err := c.sess.Begin(ctx, block); err != nil {
		return err
	}
	plan, err := c.sess.Prepare(ctx, st, nil)
	if err != nil {
		return err
	}
	if n := len(plan.Params()); n > 0 {
		return pgerr.New(pgerr.UndefinedParameter, "there is no parameter $%d", n)
	}
	c.srv.m.simple.queries.Inc()
	p := portal{plan: plan}
	defer p.close()
	if err := c.start(ctx, &p, ExecOptions{}); err != nil {
		return err
	}
	if p.shape.Copy == nil && p.shape.Columns != nil {
		c.out.rowDescription(p.shape.Columns, nil)
	}
	rows, _, err := c.send(ctx, &p, 0)
	if err != nil {
		return err
	}
	tag := p.res.CommandTag(rows)
	p.close()
	if last {
		if err := c.sess.Commit(ctx); err != nil {
			return err
		}
	}
	c.endOfBlock(before)
	c.out.commandComplete(tag)
	return nil
}

// endOfBlock drops the portals when the statement just executed ended the
// transaction block they lived in.
func (c *conn) endOfBlock(before byte) {
	if before != 'I' && c.sess.TxStatus() == 'I' {
		c.dropPortals()
	}
}

// start executes p's statement and checks that the result is the one that was
// described.
func (c *conn) start(ctx context.Context, p *portal, opts ExecOptions) error {
	res, err := c.sess.Execute(ctx, p.plan, p.args, opts)
	if err != nil {
		return err
	}
	p.res, p.shape = res, res.Shape()
	if p.shape.Live {
		c.setLive()
	}
	if p.shape.Copy != nil {
		return nil
	}
	want := p.plan.Columns()
	same := len(want) == len(p.shape.Columns) && (want == nil) == (p.shape.Columns == nil)
	for i := 0; same && i < len(want); i++ {
		same = want[i].Type.OID == p.shape.Columns[i].Type.OID
	}
	if !same {
		return pgerr.New(pgerr.FeatureNotSupported, "cached plan must not change result type")
	}
	return nil
}
