package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
)

// minJWTSecretBytes is what an HMAC-SHA256 key needs at least (RFC 7518, 3.2).
const minJWTSecretBytes = 32

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
	l.require("kafka.group_id", c.Kafka.GroupID)
	for addr := range strings.SplitSeq(c.Kafka.BootstrapServers, ",") {
		l.checkAddress("kafka.bootstrap_servers", strings.TrimSpace(addr), 1)
	}
	if c.Kafka.FetchMinBytes > c.Kafka.FetchMaxBytes {
		l.fail(c.Origin("kafka.fetch_min_bytes"), "[kafka] fetch_min_bytes (%d) is more than fetch_max_bytes (%d)",
			c.Kafka.FetchMinBytes, c.Kafka.FetchMaxBytes)
	}
	l.checkAddress("dev.broker", c.Dev.Broker, 0)
	l.checkSecurity()
}

func (l *loader) require(name, value string) {
	if value == "" {
		l.fail(l.c.Origin(name), "%s must not be empty", l.byName[name].display())
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
			l.fail(l.c.Origin(p.name), "%s is %d, as %s is", l.byName[p.name].display(), p.port, l.byName[other].display())
		}
		seen[p.port] = p.name
	}
}

func (l *loader) checkState() {
	c := l.c
	if c.State.Backend == BackendFile {
		l.require("state.path", c.State.Path)
	}
	if n := c.MemoryLimitBytes(); int64(c.State.CacheSizeMB)<<20 > n/2 {
		l.fail(c.Origin("state.cache_size_mb"), "[state] cache_size_mb (%d) is more than half of the memory limit (%d MiB)",
			c.State.CacheSizeMB, n>>20)
	}
}

// checkAddress checks host:port with a port of at least minPort.
func (l *loader) checkAddress(name, addr string, minPort int) {
	host, port, err := net.SplitHostPort(addr)
	n, perr := strconv.Atoi(port)
	if err != nil || host == "" || perr != nil || n < minPort || n > 65535 {
		l.fail(l.c.Origin(name), "%s must be host:port, not %q", l.byName[name].display(), addr)
	}
}

func (l *loader) checkSecurity() {
	c := l.c
	if n := len(c.Security.JWTSecret); n > 0 && n < minJWTSecretBytes {
		l.fail(c.Origin("security.jwt_secret"), "[security] jwt_secret must have at least %d bytes, not %d", minJWTSecretBytes, n)
	}
}

func (l *loader) warnIfSet(name, why string) {
	if origin := l.c.Origin(name); origin != "default" {
		l.c.Warnings = append(l.c.Warnings, fmt.Sprintf("%s: %s has no effect: %s", origin, l.byName[name].display(), why))
	}
}

// checkDev keeps a server without passwords off the network.
func (c *Config) checkDev() error {
	brokerHost, _, err := net.SplitHostPort(c.Dev.Broker)
	if err != nil {
		return err
	}
	var errs []error
	for _, h := range []struct{ name, key, host string }{
		{"server.host", "[server] host", c.Server.Host}, {"dev.broker", "[dev] broker", brokerHost},
	} {
		if !loopback(h.host) {
			errs = append(errs, fmt.Errorf("%s: %s must be a loopback address in dev mode, not %q", c.Origin(h.name), h.key, h.host))
		}
	}
	return errors.Join(errs...)
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
