package api

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"testing"
)

// limited is a server whose connections are bounded; it answers /wait when it
// is told to.
type limited struct {
	l       *connections
	reached chan struct{}
	leave   chan struct{}
}

func newLimited(t *testing.T, most, each int) *limited {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	x := &limited{l: newConnections(ln, most, each), reached: make(chan struct{}, most), leave: make(chan struct{})}
	srv := NewServer(context.Background(), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			x.reached <- struct{}{}
			<-x.leave
		}
	}), slog.New(slog.DiscardHandler))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(x.l) // until it is closed
	}()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	return x
}

// idle returns when n connections wait: a server notes it behind its answer.
func (x *limited) idle(t *testing.T, n int) {
	t.Helper()
	for t.Context().Err() == nil {
		x.l.mu.Lock()
		now := x.l.waiting.Len()
		x.l.mu.Unlock()
		if now == n {
			return
		}
		runtime.Gosched()
	}
}

// client is one connection to it.
type client struct {
	net.Conn
	r *bufio.Reader
	t *testing.T
}

func (x *limited) dial(t *testing.T) *client {
	t.Helper()
	c, err := net.Dial("tcp", x.l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &client{c, bufio.NewReader(c), t}
}

func (c *client) send(path string) { fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path) }

// answered reports whether the answer comes before the end.
func (c *client) answered() bool {
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return true
}

func (c *client) get() bool { c.send("/"); return c.answered() }

// TestIdleConnectionsMakeRoom: who holds connections and sends nothing keeps
// nobody out.
func TestIdleConnectionsMakeRoom(t *testing.T) {
	t.Parallel()
	x := newLimited(t, 3, 3)
	first, second := x.dial(t), x.dial(t)
	if !first.get() || !second.get() || !first.get() {
		t.Fatal("no answer")
	}
	silent := x.dial(t) // sends nothing at all
	for range 5 {
		x.idle(t, 3)
		if !x.dial(t).get() {
			t.Error("the idle keep others out")
		}
	}
	for name, c := range map[string]*client{"first": first, "second": second, "silent": silent} {
		if c.answered() {
			t.Errorf("%s is still there", name)
		}
	}
}

// TestBusyConnectionsStay: a request that runs is not ended for a new one.
func TestBusyConnectionsStay(t *testing.T) {
	t.Parallel()
	x := newLimited(t, 2, 2)
	a, b := x.dial(t), x.dial(t)
	a.send("/wait")
	b.send("/wait")
	<-x.reached
	<-x.reached
	if x.dial(t).get() {
		t.Error("a third was let in")
	}
	close(x.leave)
	if !a.answered() || !b.answered() {
		t.Error("no answer")
	}
	x.idle(t, 2)
	if !x.dial(t).get() {
		t.Error("the idle keep others out")
	}
}

// TestOneAddressIsNotAll: an address that has its share goes on with less, and
// others come in.
func TestOneAddressIsNotAll(t *testing.T) {
	t.Parallel()
	l := newConnections(nil, 4, 2)
	at := func(addr string) *connection {
		return &connection{l: l, from: addressOf(net.TCPAddrFromAddrPort(netip.MustParseAddrPort(addr)))}
	}
	mine := []*connection{at("[2001:db8::1]:1"), at("[2001:db8::2]:2"), at("[2001:db8::3]:3")} // one network
	other := at("[2001:db8:0:1::1]:4")
	for i, c := range []*connection{mine[0], mine[1], other} {
		if victim, ok := l.admit(c); victim != nil || !ok {
			t.Fatalf("%d: %v %v", i, victim, ok)
		}
	}
	if victim, ok := l.admit(mine[2]); victim != mine[0] || !ok {
		t.Errorf("%v %v", victim, ok)
	}
	l.still(mine[1])
	l.still(mine[2])
	if victim, ok := l.admit(at("[2001:db8::4]:5")); victim != nil || ok {
		t.Errorf("all of its own are busy, and yet %v %v", victim, ok)
	}
	if victim, ok := l.admit(at("127.0.0.1:6")); victim != nil || !ok {
		t.Errorf("%v %v", victim, ok)
	}
	if victim, ok := l.admit(at("127.0.0.2:7")); victim != other || !ok {
		t.Errorf("%v %v", victim, ok)
	}
	if l.open != 4 || l.waiting.Len() != 2 {
		t.Errorf("%d open, %d wait", l.open, l.waiting.Len())
	}
}
