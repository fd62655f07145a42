package pgwire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/jackc/pgproto3/v2"
)

// output gathers messages and writes them in few system calls. Its owner
// flushes before each read that may block; append* flushes by size.
type output struct {
	nc      net.Conn
	timeout time.Duration
	buf     []byte
	err     error // sticky: once a write failed, nothing is sent any more
	sent    int64 // bytes, for metrics
}

// begin starts a message of type t; end completes it.
func (o *output) begin(t byte) int {
	o.buf = append(o.buf, t, 0, 0, 0, 0)
	return len(o.buf) - 4
}

func (o *output) end(at int) {
	binary.BigEndian.PutUint32(o.buf[at:], uint32(len(o.buf)-at))
}

// empty appends a message without a body.
func (o *output) empty(t byte) { o.buf = append(o.buf, t, 0, 0, 0, 4) }

// message appends a message with a body of bytes.
func (o *output) message(t byte, body ...byte) {
	at := o.begin(t)
	o.buf = append(o.buf, body...)
	o.end(at)
}

// encoder is what pgproto3's messages have.
type encoder interface {
	Encode(dst []byte) ([]byte, error)
}

// encode appends one of pgproto3's messages.
func (o *output) encode(m encoder) {
	b, err := m.Encode(o.buf)
	if err != nil {
		// Only a message whose counts exceed 16 bits fails; the callers bound
		// those, so the stream would be out of step from here.
		o.fail(err)
		return
	}
	o.buf = b
}

func (o *output) fail(err error) {
	if o.err == nil {
		o.err = err
	}
	o.buf = o.buf[:0]
}

// full reports whether it is time to flush.
func (o *output) full() bool { return len(o.buf) >= flushBytes }

// flush writes what was gathered.
func (o *output) flush() error {
	if o.err != nil {
		o.buf = o.buf[:0]
		return fmt.Errorf("%w: %w", errGone, o.err)
	}
	for b := o.buf; len(b) > 0; {
		// A deadline for each piece: progress counts, not the total.
		n := min(len(b), 1<<20)
		_ = o.nc.SetWriteDeadline(time.Now().Add(o.timeout))
		w, err := o.nc.Write(b[:n])
		o.sent += int64(w)
		if err != nil {
			o.fail(err)
			return fmt.Errorf("%w: %w", errGone, err)
		}
		b = b[w:]
	}
	if cap(o.buf) > keepBytes {
		o.buf = nil
	}
	o.buf = o.buf[:0]
	return nil
}

func (o *output) errorResponse(e *pgerr.Error, src errSource) {
	m := response(e, src, sevError)
	o.encode(&m)
}

func (o *output) notice(e *pgerr.Error, src errSource) {
	m := pgproto3.NoticeResponse(response(e, src, sevNotice))
	o.encode(&m)
}

func (o *output) commandComplete(tag string) {
	at := o.begin('C')
	o.buf = append(append(o.buf, tag...), 0)
	o.end(at)
}

var errTooWide = errors.New("pgwire: more than 65535 columns")

// maxColumns is what the protocol's 16-bit counts can carry; PostgreSQL's own
// limit for a result is 1664, which is the planner's to enforce.
const maxColumns = 1<<16 - 1

func (o *output) rowDescription(cols []Column, formats []int16) {
	if len(cols) > maxColumns {
		o.fail(errTooWide)
		return
	}
	at := o.begin('T')
	b := binary.BigEndian.AppendUint16(o.buf, uint16(len(cols)))
	for i := range cols {
		c := &cols[i]
		typlen := int16(-1)
		if in := c.Type.Info(); in != nil {
			typlen = in.Len
		}
		b = append(append(b, cstr(c.Name)...), 0)
		b = binary.BigEndian.AppendUint32(b, c.TableOID)
		b = binary.BigEndian.AppendUint16(b, uint16(c.AttNum))
		b = binary.BigEndian.AppendUint32(b, c.Type.OID)
		b = binary.BigEndian.AppendUint16(b, uint16(typlen))
		b = binary.BigEndian.AppendUint32(b, uint32(c.Type.Mod))
		b = binary.BigEndian.AppendUint16(b, uint16(formatOf(formats, i)))
	}
	o.buf = b
	o.end(at)
}

// formatOf is the format code of item i: codes are none (all text), one for
// all, or one each.
func formatOf(codes []int16, i int) int16 {
	switch len(codes) {
	case 0:
		return pgproto3.TextFormat
	case 1:
		return codes[0]
	}
	return codes[i]
}
