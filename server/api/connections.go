package api

import (
	"container/list"
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// connections is a listener that bounds what is open, in all and for one
// address, so that nobody who only holds connections keeps the others out: of
// those that wait for a request, or for its first byte, the one that has waited
// longest makes room for a new one. Where all are busy the new one is closed.
type connections struct {
	net.Listener
	most, each int

	mu      sync.Mutex
	open    int
	by      map[netip.Prefix]int
	waiting list.List // of *connection, the longest first
}

// connection is one of them.
type connection struct {
	net.Conn
	l    *connections
	from netip.Prefix
	gone bool
	at   *list.Element // in waiting; nil: a request runs
}

// Limit bounds the connections of ln, MaxConnections in all and
// maxAddressConnections of one address, for a server of NewServer.
func Limit(ln net.Listener) net.Listener {
	return newConnections(ln, MaxConnections, maxAddressConnections)
}

func newConnections(ln net.Listener, most, each int) *connections {
	return &connections{Listener: ln, most: most, each: each, by: map[netip.Prefix]int{}}
}

// Accept implements net.Listener.
func (l *connections) Accept() (net.Conn, error) {
	for {
		inner, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &connection{Conn: inner, l: l, from: addressOf(inner.RemoteAddr())}
		victim, ok := l.admit(c)
		if victim != nil {
			_ = victim.Close() // its server sees it as gone
		}
		if ok {
			return c, nil
		}
		_ = inner.Close() // all others are busy
	}
}

// admit takes a connection in; victim is the one that makes room for it.
func (l *connections) admit(c *connection) (victim *connection, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	crowded := l.by[c.from] >= l.each
	if crowded || l.open >= l.most {
		for e := l.waiting.Front(); e != nil && victim == nil; e = e.Next() {
			if w := e.Value.(*connection); !crowded || w.from == c.from {
				victim = w
			}
		}
		if victim == nil {
			return nil, false
		}
		l.remove(victim)
	}
	l.open++
	l.by[c.from]++
	c.at = l.waiting.PushBack(c)
	return victim, true
}

// remove forgets a connection; mu is held.
func (l *connections) remove(c *connection) {
	if c.gone {
		return
	}
	c.gone = true
	l.open--
	if l.by[c.from]--; l.by[c.from] == 0 {
		delete(l.by, c.from)
	}
	l.still(c)
}

// still takes a connection from those that wait; mu is held.
func (l *connections) still(c *connection) {
	if c.at != nil {
		l.waiting.Remove(c.at)
		c.at = nil
	}
}

// Close implements net.Conn.
func (c *connection) Close() error {
	c.l.mu.Lock()
	c.l.remove(c)
	c.l.mu.Unlock()
	return c.Conn.Close()
}

// connState is http.Server's ConnState: it learns which connections wait.
func connState(conn net.Conn, state http.ConnState) {
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = t.NetConn() // of TLS
	}
	c, ok := conn.(*connection)
	if !ok {
		return
	}
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	switch {
	case state == http.StateActive:
		c.l.still(c)
	case state == http.StateIdle && c.at == nil && !c.gone:
		c.at = c.l.waiting.PushBack(c)
	}
}

// addressOf is what counts as one address: of IPv6 the network that one site has.
func addressOf(a net.Addr) netip.Prefix {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip := tcp.AddrPort().Addr().Unmap()
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
