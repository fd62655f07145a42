package pgwire

import (
	"context"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// portal is a statement with its parameters, and where its result stands.
type portal struct {
	name    string
	stmt    *PreparedStatement // nil in a simple query
	plan    Prepared           // nil: empty query
	args    []delta.Datum
	bytes   int     // of args, charged to the server's budget
	formats []int16 // of the result's columns, as Bind gave them

	res   Result // nil before the first Execute and after the end
	shape Shape
	batch *delta.Batch // the rows being sent
	row   int          // next row of batch
	rep   int64        // how often row has been sent, of its weight

	headed bool   // COPY's first messages are sent
	done   bool   // ran to the end
	failed bool   // its transaction failed
	endTag string // tag of an Execute after the end
}

func (p *portal) close() {
	if p.res != nil {
		p.res.Close()
		p.res = nil
	}
	p.batch = nil
}

// dropPortal closes and forgets a portal.
func (c *conn) dropPortal(name string) {
	if p := c.portals[name]; p != nil {
		delete(c.portals, name)
		c.srv.mem.give(p.bytes)
		p.close()
	}
}

func (c *conn) dropPortals() {
	for name := range c.portals {
		c.dropPortal(name)
	}
}

// failPortals ends all portals but keeps their names until the failed block
// ends, as PostgreSQL does.
func (c *conn) failPortals() {
	for _, p := range c.portals {
		p.failed = true
		p.close()
	}
}

// rowSink is one form in which rows go out: DataRow or CopyData.
type rowSink interface {
	// append appends row i of b, as one message, to dst.
	append(dst []byte, b *delta.Batch, i int) []byte
}

// maxRowBytes bounds one row's message; lengths have 31 bits, and a row is
// built in memory.
const maxRowBytes = 1 << 30

// send sends up to limit rows (0: all) of p's result and reports how many, and
// whether the limit stopped it. As in PostgreSQL it does not look whether a
// further row exists.
func (c *conn) send(ctx context.Context, p *portal, limit int) (rows int64, suspended bool, err error) {
	defer func() { c.srv.m.rows.Add(float64(rows)) }()
	sink, err := c.sink(p)
	if err != nil {
		return 0, false, err
	}
	for {
		if p.batch == nil || p.row >= p.batch.N {
			more, err := c.fetch(ctx, p)
			if err != nil {
				return rows, false, err
			}
			if !more {
				break
			}
		}
		n, err := c.sendBatch(ctx, p, sink, limit-int(rows), limit > 0)
		rows += n
		if err != nil {
			return rows, false, err
		}
		if limit > 0 && rows >= int64(limit) {
			return rows, true, nil
		}
		if p.shape.Live {
			if err := c.out.flush(); err != nil {
				return rows, false, err
			}
		}
	}
	if p.shape.Copy != nil {
		c.out.empty('c')
	}
	return rows, false, nil
}

// fetch makes the next batch current.
func (c *conn) fetch(ctx context.Context, p *portal) (more bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	p.batch, p.row, p.rep = nil, 0, 0
	b, err := p.res.Next(ctx)
	if err != nil || b == nil {
		return false, err
	}
	p.batch = b
	return true, p.check(b)
}

// check compares a batch with the shape that was promised, since the encoders
// rely on it.
func (p *portal) check(b *delta.Batch) error {
	if len(b.Cols) != len(p.shape.Columns) || p.shape.Columns == nil && b.N > 0 {
		return pgerr.Internal("result has %d columns instead of %d", len(b.Cols), len(p.shape.Columns))
	}
	for i, v := range b.Cols {
		if want := p.shape.Columns[i].Type; v.T.Phys() != want.Phys() || v.Len() < b.N {
			return pgerr.Internal("result column %d is not of type %s", i+1, want)
		}
	}
	return nil
}

// sendBatch sends rows of the current batch, at most limit when limited.
func (c *conn) sendBatch(ctx context.Context, p *portal, sink rowSink, limit int, limited bool) (sent int64, err error) {
	b := p.batch
	for p.row < b.N {
		w := int64(1)
		if !p.shape.Live {
			w = b.Weight(p.row)
		}
		if w < 1 {
			return sent, pgerr.Internal("result row has weight %d", w)
		}
		for p.rep < w {
			if limited && sent >= int64(limit) {
				return sent, nil
			}
			at := len(c.out.buf)
			c.out.buf = sink.append(c.out.buf, b, p.row)
			if len(c.out.buf)-at > maxRowBytes {
				c.out.buf = c.out.buf[:at]
				return sent, pgerr.New(pgerr.ProgramLimitExceeded, "row is too large to be sent")
			}
			p.rep++
			sent++
			if c.out.full() {
				if err := c.out.flush(); err != nil {
					return sent, err
				}
				if err := ctx.Err(); err != nil {
					return sent, err
				}
			}
		}
		p.row, p.rep = p.row+1, 0
	}
	return sent, nil
}

// sink is how p's rows are written; COPY's opening is sent on first use.
func (c *conn) sink(p *portal) (rowSink, error) {
	opts := &c.sess.Settings().Text
	if p.shape.Copy == nil {
		return newDataRows(p.shape.Columns, p.formats, opts)
	}
	if !p.headed {
		p.headed = true
		at := c.out.begin('H')
		n := len(p.shape.Columns)
		c.out.buf = append(c.out.buf, 0, byte(n>>8), byte(n))
		c.out.buf = append(c.out.buf, make([]byte, 2*n)...)
		c.out.end(at)
		if p.shape.Copy.Header {
			c.out.buf = appendCopyHeader(c.out.buf, p.shape.Copy, p.shape.Columns)
		}
	}
	return &copyRows{o: p.shape.Copy, text: opts}, nil
}
