package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"runtime"
	"strconv"
	"strings"
)

// check does what one key alone cannot say, and fills in the values that depend
// on the machine.
func (l *loader) check() {
	c := l.c
	l.require("server.host", c.Server.Host)
	l.checkPorts()
	if c.Streaming.MaxParallelism == 0 {
		c.Streaming.MaxParallelism = min(runtime.GOMAXPROCS(0), 256)
	}
	if c.Kafka.NumConsumerThreads == 0 {
		c.Kafka.NumConsumerThreads = c.Streaming.MaxParallelism
	}
	l.checkState()
	l.checkKafka()
	l.checkAddress("dev.broker", c.Dev.Broker, 0)
	if l.dev {
		l.checkDev()
	} else {
		l.checkExposure()
	}
	l.checkServerTLS()
	l.checkTokens()
	l.checkKMS()
	l.checkObservation()
}

// failKey adds an error about a key, at the place that set it.
func (l *loader) failKey(name, format string, args ...any) {
	l.fail(l.c.Origin(name), "%s %s", l.byName[name].display(), fmt.Sprintf(format, args...))
}

// warnKey adds a warning about a key that was set; a default warns of nothing.
func (l *loader) warnKey(name, format string, args ...any) {
	if l.isSet(name) {
		l.warn("%s: %s %s", l.c.Origin(name), l.byName[name].display(), fmt.Sprintf(format, args...))
	}
}

// isSet says whether anybody wrote the key.
func (l *loader) isSet(name string) bool { return l.ranks[name] != 0 }

func (l *loader) require(name, value string) {
	if value == "" {
		l.failKey(name, "must not be empty")
	}
}

// checkPorts refuses two listeners on one port: the second would fail to start
// with a message that names neither key.
func (l *loader) checkPorts() {
	s := l.c.Server
	seen := make(map[int]string)
	for _, p := range []struct {
		name string
		port int
	}{
		{"server.port", s.Port}, {"server.health_check_port", s.HealthCheckPort},
		{"server.metrics_port", s.MetricsPort}, {"server.pgwire_port", s.PgwirePort},
	} {
		if other, ok := seen[p.port]; ok && p.port != 0 {
			l.failKey(p.name, "is %d, as %s is", p.port, l.byName[other].display())
		}
		seen[p.port] = p.name
	}
}

// checkAddress checks host:port with a port of at least minPort.
func (l *loader) checkAddress(name, addr string, minPort int) {
	host, port, err := net.SplitHostPort(addr)
	n, perr := strconv.Atoi(port)
	if err != nil || host == "" || perr != nil || n < minPort || n > 65535 {
		l.failKey(name, "must be host:port, not %q", withoutUser(addr))
	}
}

// withoutUser is an address without what may be a password in it.
func withoutUser(addr string) string {
	if i := strings.LastIndexByte(addr, '@'); i >= 0 {
		return redacted + addr[i:]
	}
	return addr
}

// checkURL checks a URL that secrets are sent to: https, or http to this machine.
func (l *loader) checkURL(name, text string) {
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		l.failKey(name, "must be a URL like https://host/path, not %q", withoutUser(text))
	case u.User != nil:
		l.failKey(name, "must not hold a password")
	case u.Scheme == "http" && !Loopback(u.Hostname()):
		l.failKey(name, "must begin with https:// (http is for this machine alone)")
	}
}

// checkDev keeps a server without passwords off the network.
func (l *loader) checkDev() {
	c := l.c
	brokerHost, _, err := net.SplitHostPort(c.Dev.Broker)
	if err != nil {
		return // checkAddress says so
	}
	for _, h := range []struct{ name, host string }{{"server.host", c.Server.Host}, {"dev.broker", brokerHost}} {
		if !Loopback(h.host) {
			l.failKey(h.name, "must be a loopback address in dev mode, not %q", h.host)
		}
	}
}

// Loopback says whether only programs of this machine reach a listener on host.
func Loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
