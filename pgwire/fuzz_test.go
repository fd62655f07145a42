package pgwire

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"
)

// FuzzConnection sends a stranger's bytes, before and after authentication.
// Whatever they are: no panic, nothing left open, and every byte of the answer
// is part of a well-formed message.
func FuzzConnection(f *testing.F) {
	add := func(mode uint8, lines ...string) {
		var all []byte
		for _, l := range lines {
			b, err := clientMessage(l)
			if err != nil {
				f.Fatal(err)
			}
			all = append(all, b...)
		}
		f.Add(all, mode)
	}
	add(strange, "SSLRequest", "GSSEncRequest", "Startup user=a")
	add(strange, "Startup version=3.9 user=a _pq_.x=1 options=-ca=b", `Query "SELECT"`)
	add(strange, "Startup user=a", "Password password=x")
	add(trusted, `Query "SELECT; SELECT 1/0"`, "FunctionCall", `CopyFail "x"`, "CopyDone")
	add(trusted, `Parse query="SELECT $1::int4, $2::text"`, "Bind params=x:00000001,y formats=1,0 results=1", "Describe portal=", "Execute rows=1", "Flush", "Sync")
	add(trusted, `Parse name=s query="SELECT g::int4 AS i, 'r'||g AS s FROM generate_series(1, 5) g"`, "Describe name=s", "Bind portal=p name=s", "Execute portal=p rows=2", "Execute portal=p", "Close portal=p", "Close name=s", "Sync", "Terminate")
	add(trusted, `Query "COPY (SELECT g::int4 AS i, 'r'||g AS s FROM generate_series(1, 2) g) TO STDOUT"`, `Query "SUBSCRIBE"`)
	f.Add([]byte("B\x00\x00\x00\x0e\x00\x00\x00\x00\x00\x01\xff\xff\xff\xfe"), trusted) // a length of −2
	f.Add([]byte("Q\x00\x00\x00\x04F\x00\x00\x00\x04f\x00\x00\x00\x04"), trusted)
	f.Add([]byte("p\x00\x00\x00\x04"), sasl)
	add(password, "Password password=x", `Query "SELECT"`)
	add(sasl, "SASLInitial mechanism=A data=b", "SASLResponse data=c", `Query "SELECT"`)
	f.Fuzz(func(t *testing.T, data []byte, mode uint8) {
		if bytes.Contains(data, []byte("PANIC")) {
			return // the fake panics on purpose
		}
		converse(t, data, mode%4)
	})
}

// What the fuzzed bytes follow: nothing, a startup without or with questions.
const (
	strange uint8 = iota
	trusted
	password
	sasl
)

func converse(t *testing.T, data []byte, mode uint8) {
	h := newFake()
	h.connect = func(_ context.Context, _ Conn, p StartupParams) (err error) {
		switch mode {
		case password:
			_, err = p.Auth.CleartextPassword()
		case sasl:
			err = p.Auth.SASL([]string{"A"}, func(_ string, msg []byte) ([]byte, bool, error) { return msg, len(msg) == 1, nil })
		}
		return err
	}
	s, err := NewServer(h, Config{
		MaxMessageBytes: 1 << 16, MaxPortals: 4, MaxStatements: 4, CancelGrace: 10 * time.Second,
		Logger: slog.New(panicWatch{slog.NewTextHandler(io.Discard, nil), t}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if mode != strange {
		data = append(startupMessage(map[string]string{"user": "a"}), data...)
	}
	nc := &memConn{in: bytes.NewReader(data)}
	s.accept(nc)
	done := make(chan struct{})
	go func() { s.wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-h.waiting: // a statement that only a cancel ends
		ctx, stop := context.WithCancel(context.Background())
		stop()
		_ = s.Shutdown(ctx)
		<-done
	}
	if n := s.mem.used.Load(); n != 0 {
		t.Errorf("%d bytes of the budget were not given back", n)
	}
	readAnswers(t, nc.out.Bytes())
	if h.open != 0 || len(s.conns) != 0 || len(s.handshakes) != 0 {
		t.Errorf("left open: %d results or sessions, %d connections, %d handshakes", h.open, len(s.conns), len(s.handshakes))
	}
}

// readAnswers checks all that was sent; serverText panics on a malformed
// message.
func readAnswers(t *testing.T, all []byte) {
	for len(all) > 0 {
		if all[0] == 'N' && (len(all) == 1 || all[1] != 0) {
			all = all[1:] // the answer to an SSLRequest
			continue
		}
		rd := bytes.NewReader(all)
		typ, body, err := readMessage(rd)
		if err != nil || serverNames[typ] == "" {
			t.Errorf("bad answer %q: %v", all, err)
			return
		}
		serverText(typ, body)
		all = all[len(all)-rd.Len():]
	}
}

// memConn is a client that sends fixed bytes and hangs up.
type memConn struct {
	in  *bytes.Reader
	out bytes.Buffer
}

func (c *memConn) Read(b []byte) (int, error)       { return c.in.Read(b) }
func (c *memConn) Write(b []byte) (int, error)      { return c.out.Write(b) }
func (c *memConn) Close() error                     { return nil }
func (c *memConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *memConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *memConn) SetDeadline(time.Time) error      { return nil }
func (c *memConn) SetReadDeadline(time.Time) error  { return nil }
func (c *memConn) SetWriteDeadline(time.Time) error { return nil }

// panicWatch fails the test when the server logs a panic.
type panicWatch struct {
	slog.Handler
	t *testing.T
}

func (p panicWatch) Enabled(context.Context, slog.Level) bool { return true }

func (p panicWatch) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "pgwire: panic" {
		r.Attrs(func(a slog.Attr) bool { p.t.Error(a); return true })
	}
	return nil
}
