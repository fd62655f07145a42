package pgwire

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/tracing"
	"github.com/jackc/pgproto3/v2"
	"go.opentelemetry.io/otel/attribute"
)

// extended handles the messages of the extended protocol. The statement
// time-out runs from the first of them to the end of an Execute, or to Sync.
func (c *conn) extended(ctx context.Context, msg pgproto3.FrontendMessage) error {
	if c.deadline.IsZero() {
		c.deadline = time.Now()
	}
	ctx, stop := c.withTimeout(ctx, c.deadline)
	defer stop()
	var err error
	switch m := msg.(type) {
	case *pgproto3.Parse:
		err = c.parseMessage(ctx, m)
	case *pgproto3.Bind:
		err = c.bind(ctx, m)
	case *pgproto3.Describe:
		err = c.describe(m)
	case *pgproto3.Execute:
		err = c.execute(ctx, m)
	case *pgproto3.Close:
		c.closeObject(m)
	default:
		err = protocolViolation("unexpected message")
	}
	if err != nil {
		return c.blamed(ctx, err)
	}
	return nil
}

func (c *conn) parseMessage(ctx context.Context, m *pgproto3.Parse) error {
	if m.Name == "" {
		c.stmts.Drop("")
	}
	if e := invalidUTF8String(m.Name); e != nil {
		return e
	}
	list, err := c.parse(ctx, m.Query)
	if err != nil {
		return err
	}
	if len(list) > 1 {
		return pgerr.New(pgerr.SyntaxError, "cannot insert multiple commands into a prepared statement")
	}
	ps := &PreparedStatement{Name: m.Name, Query: m.Query, Params: m.ParameterOIDs, Prepared: time.Now()}
	if len(list) == 1 {
		ps.Stmt = list[0]
		c.src.offset = ps.Stmt.Offset
		if c.sess.TxStatus() == 'E' && !ps.Stmt.EndsTx {
			return errAborted
		}
		if err := c.sess.Begin(ctx, false); err != nil {
			return err
		}
		if ps.Plan, err = c.sess.Prepare(ctx, ps.Stmt, m.ParameterOIDs); err != nil {
			return err
		}
		ps.Params = nil
		for _, t := range ps.Plan.Params() {
			ps.Params = append(ps.Params, t.OID)
		}
	}
	if err := c.stmts.Put(ps); err != nil {
		return err
	}
	c.out.empty('1')
	return nil
}

func (c *conn) bind(ctx context.Context, m *pgproto3.Bind) error {
	ps, err := c.stmts.Get(m.PreparedStatement)
	if err != nil {
		return err
	}
	c.src = errSource{query: ps.Query, offset: ps.Stmt.Offset}
	if e := invalidUTF8String(m.DestinationPortal); e != nil {
		return e
	}
	if err := checkBindCounts(m, ps); err != nil {
		return err
	}
	if c.sess.TxStatus() == 'E' && (!ps.Stmt.EndsTx || len(ps.Params) > 0) {
		return errAborted
	}
	if m.DestinationPortal == "" {
		c.dropPortal("")
	} else if c.portals[m.DestinationPortal] != nil {
		return pgerr.New(pgerr.DuplicateCursor, "cursor \"%s\" already exists", m.DestinationPortal)
	}
	if len(c.portals) >= c.srv.cfg.MaxPortals {
		return pgerr.New(pgerr.ProgramLimitExceeded, "too many open portals").
			WithDetail("A connection keeps at most %d.", c.srv.cfg.MaxPortals).WithHint("Close portals or end the transaction.")
	}
	if err := c.sess.Begin(ctx, false); err != nil {
		return err
	}
	p := &portal{name: m.DestinationPortal, stmt: ps, plan: ps.Plan}
	if p.args, err = c.decodeParams(m, ps); err != nil {
		return err
	}
	if ps.Plan != nil {
		p.formats, err = resultFormats(m.ResultFormatCodes, len(ps.Plan.Columns()))
		if err != nil {
			return err
		}
	}
	for i := range p.args {
		p.bytes += len(p.args[i].S)
	}
	if err := c.srv.mem.take(p.bytes); err != nil {
		return err
	}
	c.portals[p.name] = p
	c.out.empty('2')
	return nil
}

func (c *conn) describe(m *pgproto3.Describe) error {
	var plan Prepared
	var formats []int16
	var ps *PreparedStatement
	if m.ObjectType == 'S' {
		var err error
		if ps, err = c.stmts.Get(m.Name); err != nil {
			return err
		}
		plan = ps.Plan
	} else if cols, ok := c.cursorColumns(m.Name); ok {
		c.out.rowDescription(cols, nil)
		return nil
	} else {
		p, err := c.portal(m.Name)
		if err != nil {
			return err
		}
		ps, plan, formats = p.stmt, p.plan, p.formats
	}
	returnsRows := plan != nil && plan.Columns() != nil
	if c.sess.TxStatus() == 'E' && returnsRows {
		return errAborted
	}
	if m.ObjectType == 'S' {
		at := c.out.begin('t')
		b := binary.BigEndian.AppendUint16(c.out.buf, uint16(len(ps.Params)))
		for _, oid := range ps.Params {
			b = binary.BigEndian.AppendUint32(b, oid)
		}
		c.out.buf = b
		c.out.end(at)
	}
	if returnsRows {
		c.out.rowDescription(plan.Columns(), formats)
	} else {
		c.out.empty('n')
	}
	return nil
}

// cursorColumns are the columns of a cursor that SQL declared: to a client it is
// a portal like any other, and psycopg describes it before it fetches.
func (c *conn) cursorColumns(name string) ([]Column, bool) {
	d, can := c.sess.(CursorDescriber)
	if !can || name == "" || c.portals[name] != nil || c.sess.TxStatus() == 'E' {
		return nil, false
	}
	return d.CursorColumns(name)
}

func (c *conn) portal(name string) (*portal, error) {
	p := c.portals[name]
	if p == nil {
		return nil, pgerr.New(pgerr.InvalidCursorName, "portal \"%s\" does not exist", name)
	}
	return p, nil
}

// execute runs a portal, or goes on with it.
func (c *conn) execute(ctx context.Context, m *pgproto3.Execute) (err error) {
	if tracing.On() {
		began := time.Now()
		defer func() { tracing.Record("query", began, err, attribute.String("protocol", "extended")) }()
	}
	p, err := c.portal(m.Portal)
	if err != nil {
		return err
	}
	if p.plan == nil {
		c.out.empty('I')
		return nil
	}
	c.src = errSource{query: p.stmt.Query, offset: p.stmt.Stmt.Offset}
	before := c.sess.TxStatus()
	switch {
	case before == 'E' && !p.stmt.Stmt.EndsTx:
		return errAborted
	case p.failed, p.done && p.endTag == "":
		return pgerr.New(pgerr.ObjectNotInPrerequisiteState, "portal \"%s\" cannot be run", p.name)
	case p.done:
		c.out.commandComplete(p.endTag)
		return nil
	}
	limit := max(0, int(int32(m.MaxRows)))
	if err := c.sess.Begin(ctx, false); err != nil {
		return err
	}
	start := time.Now()
	if p.res == nil {
		c.srv.m.extended.queries.Inc()
		if err := c.start(ctx, p, ExecOptions{RowLimit: limit}); err != nil {
			return err
		}
	}
	if p.shape.Columns == nil || p.shape.Copy != nil {
		limit = 0 // what returns no rows runs to its end, as in PostgreSQL
	}
	rows, suspended, err := c.send(ctx, p, limit)
	if err != nil {
		return err
	}
	c.srv.m.extended.seconds.Observe(time.Since(start).Seconds())
	c.deadline = time.Time{}
	if suspended {
		c.out.empty('s')
		return nil
	}
	tag := p.res.CommandTag(rows)
	p.done = true
	if p.shape.Columns != nil && p.shape.Copy == nil {
		p.endTag = p.res.CommandTag(0)
	}
	p.close()
	c.endOfBlock(before)
	c.out.commandComplete(tag)
	return nil
}

// closeObject forgets a statement or portal; one that does not exist is no error.
func (c *conn) closeObject(m *pgproto3.Close) {
	if m.ObjectType == 'S' {
		c.stmts.Drop(m.Name)
	} else {
		c.dropPortal(m.Name)
	}
	c.out.empty('3')
}
