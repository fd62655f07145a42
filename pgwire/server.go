package pgwire

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// Server accepts clients and serves each on a goroutine of its own.
type Server struct {
	h   Handler
	cfg Config
	m   *metrics
	mem *budget

	mu         sync.Mutex
	listeners  map[net.Listener]struct{}
	handshakes map[net.Conn]struct{} // before the startup packet is complete
	conns      map[int32]*conn       // after, by PID
	lastPID    int32
	closing    bool
	watching   bool
	stopped    chan struct{}  // closed by Shutdown
	wg         sync.WaitGroup // one a connection, and the watch
}

// NewServer makes a server; the only error is a metric that cannot be registered.
func NewServer(h Handler, cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, err
	}
	return &Server{
		h: h, cfg: cfg, m: m, mem: &budget{max: int64(cfg.MaxClientBytes)},
		listeners:  map[net.Listener]struct{}{},
		handshakes: map[net.Conn]struct{}{},
		conns:      map[int32]*conn{},
		stopped:    make(chan struct{}),
	}, nil
}

// ErrServerClosed is what Serve returns after Shutdown.
var ErrServerClosed = errors.New("pgwire: server closed")

// Serve accepts on ln until Shutdown, which closes ln, or until ln fails.
func (s *Server) Serve(ln net.Listener) error {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		_ = ln.Close()
		return ErrServerClosed
	}
	s.listeners[ln] = struct{}{}
	if !s.watching {
		s.watching = true
		s.wg.Add(1)
		go func() { defer s.wg.Done(); s.watch() }()
	}
	s.mu.Unlock()
	pause := time.Duration(0)
	for {
		nc, err := ln.Accept()
		if err == nil {
			pause = 0
			s.accept(nc)
			continue
		}
		s.mu.Lock()
		closing := s.closing
		s.mu.Unlock()
		if closing {
			return ErrServerClosed
		}
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		// Out of descriptors or the like: what is open goes on meanwhile.
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		s.cfg.Logger.Error("pgwire: accept", "error", err, "retry_in", pause)
		time.Sleep(pause)
	}
}

func (s *Server) accept(nc net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		_ = nc.Close()
		return
	}
	if len(s.handshakes) >= s.cfg.MaxHandshakes {
		s.m.accepted.WithLabelValues(resultTooMany).Inc()
		// Whoever opens connections and says nothing must not keep others out, who
		// are done with this in an instant: any one goes.
		for old := range s.handshakes {
			_ = old.Close()
			delete(s.handshakes, old)
			break
		}
	}
	s.handshakes[nc] = struct{}{}
	s.wg.Add(1)
	go s.serve(nc)
}

// serve is a connection's goroutine.
func (s *Server) serve(nc net.Conn) {
	defer s.wg.Done()
	h := &handshake{Conn: nc, conf: s.cfg.TLS}
	defer func() { _ = h.Conn.Close() }()
	defer func() {
		s.mu.Lock()
		delete(s.handshakes, nc)
		s.mu.Unlock()
	}()
	defer s.recovered("startup")
	deadline := time.Now().Add(s.cfg.AuthTimeout)
	_ = nc.SetDeadline(deadline)
	st, key, err := readStartup(h)
	if key != nil {
		s.cancelByKey(*key)
		return
	}
	if err != nil {
		s.m.accepted.WithLabelValues(resultBadStart).Inc()
		s.refuse(h.Conn, err)
		return
	}
	c, err := s.register(nc, h)
	if err != nil {
		s.m.accepted.WithLabelValues(resultTooMany).Inc()
		s.refuse(h.Conn, err)
		return
	}
	defer s.unregister(c)
	defer c.close()
	c.run(st, deadline)
}

// refuse answers a connection that has no conn yet. Errors that are none of
// ours, and packets that are not PostgreSQL's, get no answer.
func (s *Server) refuse(nc net.Conn, err error) {
	s.cfg.Logger.Debug("pgwire: connection refused", "remote", nc.RemoteAddr(), "error", err)
	var e *pgerr.Error
	if !errors.As(err, &e) || e == errNotPostgres {
		return
	}
	o := output{nc: nc, timeout: time.Second}
	o.errorResponse(e, errSource{})
	_ = o.flush()
	s.m.errors.WithLabelValues(class(e.Code)).Inc()
}

// recovered ends one connection, not the process, on a panic.
func (s *Server) recovered(where string) {
	if r := recover(); r != nil {
		s.m.panics.Inc()
		s.cfg.Logger.Error("pgwire: panic", "in", where, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
	}
}

// register turns a handshake into a connection with a PID and a cancel key.
func (s *Server) register(nc net.Conn, h *handshake) (*conn, error) {
	var key [4]byte
	_, _ = rand.Read(key[:]) // never fails
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.handshakes, nc)
	if s.closing {
		return nil, fatal(pgerr.CannotConnectNow, "the database system is shutting down")
	}
	if len(s.conns) >= s.cfg.MaxConnections {
		return nil, fatal(pgerr.TooManyConnections, "sorry, too many clients already")
	}
	for {
		s.lastPID++
		if s.lastPID <= 0 {
			s.lastPID = 1
		}
		if s.conns[s.lastPID] == nil {
			break
		}
	}
	c := newConn(s, h.Conn, s.lastPID, binary.BigEndian.Uint32(key[:]))
	c.sock, c.tls = nc, h.info
	s.conns[c.pid] = c
	s.m.connections.Set(float64(len(s.conns)))
	return c, nil
}

func (s *Server) unregister(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c.pid)
	s.m.connections.Set(float64(len(s.conns)))
}

func (s *Server) lookup(pid int32) *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns[pid]
}

func (s *Server) cancelByKey(k cancelKey) {
	c := s.lookup(int32(k.pid))
	var want uint32
	if c != nil {
		want = c.secret
	}
	var a, b [4]byte
	binary.BigEndian.PutUint32(a[:], want)
	binary.BigEndian.PutUint32(b[:], k.secret)
	if subtle.ConstantTimeCompare(a[:], b[:]) != 1 || c == nil {
		s.m.cancels.WithLabelValues(resultBadKey).Inc()
		return
	}
	s.m.cancels.WithLabelValues(resultOK).Inc()
	c.cancel(errUserCancel)
}

// Cancel cancels what the connection is executing, as pg_cancel_backend; it
// reports whether there is such a connection.
func (s *Server) Cancel(pid int32) bool {
	c := s.lookup(pid)
	if c != nil {
		c.cancel(errUserCancel)
	}
	return c != nil
}

// Terminate ends the connection, as pg_terminate_backend; it reports whether
// there is such a connection.
func (s *Server) Terminate(pid int32) bool {
	c := s.lookup(pid)
	if c != nil {
		c.terminate(errAdminShutdown, true)
	}
	return c != nil
}

// Connections is the number of clients connected.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Shutdown stops accepting and ends every connection with 57P01: idle ones at
// once, others after the message they are executing. When ctx ends first, the
// statements still running are cancelled, and after Config.CancelGrace their
// sockets closed; the error then says that it was so.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	if !s.closing {
		close(s.stopped)
	}
	s.closing = true
	for ln := range s.listeners {
		_ = ln.Close()
	}
	for nc := range s.handshakes {
		_ = nc.Close()
	}
	s.mu.Unlock()
	s.terminateAll(false)
	done := make(chan struct{})
	go func() { s.wg.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	s.terminateAll(true)
	select {
	case <-done:
	case <-time.After(s.cfg.CancelGrace):
		for _, c := range s.all() {
			_ = c.sock.Close()
		}
	}
	return fmt.Errorf("pgwire: statements were cancelled by the shutdown: %w", ctx.Err())
}

func (s *Server) all() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	cs := make([]*conn, 0, len(s.conns))
	for _, c := range s.conns {
		cs = append(cs, c)
	}
	return cs
}

func (s *Server) terminateAll(force bool) {
	for _, c := range s.all() {
		c.terminate(errAdminShutdown, force)
	}
}
