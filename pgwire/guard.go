package pgwire

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// guard stands between the socket and pgproto3, which trusts what it reads. It
// reads one message whole, refuses one whose header is not acceptable before
// any memory is spent on it, and lets memory grow only as bytes arrive. The
// owner then checks the body (checkBody) and either has pgproto3 decode it,
// through Next, or skips it.
//
// Slices handed out by Next stay valid until the next call of message: the
// decoded message may alias them, so its owner copies what it keeps.
type guard struct {
	src io.Reader
	// wait is called before each read of src; started tells whether part of a
	// message has arrived. It sets deadlines and flushes output.
	wait   func(started bool) error
	authed bool
	max    int
	mem    *budget // charged with len(buf)

	buf  []byte // buf[r:w] is unread
	r, w int
	end  int // end of the current message in buf
	got  int64
}

// errClosed is a clean end of the stream between two messages.
var errClosed = errors.New("pgwire: connection closed by the client")

// message makes the next message current and returns its type and body. Errors
// are *pgerr.Error (fatal), errClosed, io.ErrUnexpectedEOF, or src's.
func (g *guard) message() (byte, []byte, error) {
	g.r = g.end
	if g.r == g.w {
		g.r, g.w = 0, 0
	}
	if len(g.buf) > keepBytes && g.w-g.r <= readChunk {
		if err := g.move(readChunk); err != nil {
			return 0, nil, err
		}
	}
	if err := g.fill(5); err != nil {
		return 0, nil, err
	}
	t := g.buf[g.r]
	n := int(int32(binary.BigEndian.Uint32(g.buf[g.r+1:]))) - 4
	if err := checkHeader(t, n, g.authed, g.max); err != nil {
		g.end = g.r
		return 0, nil, err
	}
	if err := g.fill(5 + n); err != nil {
		return 0, nil, err
	}
	g.end = g.r + 5 + n
	return t, g.buf[g.r+5 : g.end], nil
}

// fill reads until n bytes from r on are buffered.
func (g *guard) fill(n int) error {
	for g.w-g.r < n {
		if g.w == len(g.buf) {
			// Full: the room grows with what has arrived, not with what the
			// header claims.
			size := max(readChunk, min(n, 2*(g.w-g.r)))
			if g.r > 0 && size <= len(g.buf) {
				size = len(g.buf)
			}
			if err := g.move(size); err != nil {
				return err
			}
		}
		if err := g.wait(g.w > g.r); err != nil {
			return err
		}
		m, err := g.src.Read(g.buf[g.w:])
		g.w += m
		g.got += int64(m)
		if m > 0 {
			continue
		}
		switch {
		case err == io.EOF && g.w == g.r:
			return errClosed
		case err == io.EOF:
			return io.ErrUnexpectedEOF
		case err == nil:
			err = io.ErrNoProgress
		}
		return err
	}
	return nil
}

// move puts the unread bytes at the start of a buffer of at least size bytes;
// one that grew large is given up for a small one.
func (g *guard) move(size int) error {
	to := g.buf
	if size > len(to) || len(to) > keepBytes && size <= readChunk {
		if err := g.mem.take(size); err != nil {
			return asFatal(pgerr.From(err)) // the rest of the message cannot be skipped cheaply
		}
		g.mem.give(len(to))
		to = make([]byte, size)
	}
	g.w = copy(to, g.buf[g.r:g.w])
	g.buf, g.r, g.end = to, 0, 0
	return nil
}

// release gives the buffer up.
func (g *guard) release() {
	g.mem.give(len(g.buf))
	g.buf, g.r, g.w, g.end = nil, 0, 0, 0
}

// Next implements pgproto3.ChunkReader over the current message only.
func (g *guard) Next(n int) ([]byte, error) {
	if n < 0 || g.end-g.r < n {
		// pgproto3 asked for more than the message it was told of.
		return nil, pgerr.Internal("message decoder out of step")
	}
	b := g.buf[g.r : g.r+n : g.r+n]
	g.r += n
	return b, nil
}

// partial reports whether part of a message has arrived.
func (g *guard) partial() bool { return g.w > g.end }
