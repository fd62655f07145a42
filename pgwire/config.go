package pgwire

import (
	"crypto/tls"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config bounds a Server. A zero field takes its default.
type Config struct {
	// MaxConnections is how many authenticated or authenticating clients are
	// served at once; one more is refused with 53300. Default 100, as
	// PostgreSQL's max_connections. None is held back for superusers.
	MaxConnections int
	// MaxHandshakes bounds connections that have not finished their startup
	// packet (cancel requests pass here too); for one more, one of them is closed
	// without an answer. Default 256.
	MaxHandshakes int
	// AuthTimeout is the time from accept to ReadyForQuery, PostgreSQL's
	// authentication_timeout. Default 1 minute.
	AuthTimeout time.Duration
	// IOTimeout ends a connection whose write, or whose rest of a message
	// once begun, makes no progress for so long. Default 5 minutes: a reader
	// may pause between pages of a result.
	IOTimeout time.Duration
	// CancelGrace is what a cancelled statement gets to stop in a shutdown
	// whose context has ended, before its socket is closed. Default 2 s.
	CancelGrace time.Duration
	// ClientCheckInterval is how often clients with a statement running are
	// checked for having hung up, PostgreSQL's
	// client_connection_check_interval. Default 1 s.
	ClientCheckInterval time.Duration
	// MaxMessageBytes bounds one message of an authenticated client; a longer
	// one ends the connection. Default 64 MiB.
	MaxMessageBytes int
	// MaxStatements and MaxStatementBytes bound a connection's prepared
	// statements and the sum of their texts; past it 54000. Defaults 8192
	// and 64 MiB.
	MaxStatements     int
	MaxStatementBytes int
	// MaxPortals bounds a connection's open portals; past it 54000.
	// Default 256.
	MaxPortals int
	// MaxClientBytes bounds what messages, prepared statements and portal
	// parameters of all clients take together; past it 53200. Default 256 MiB.
	MaxClientBytes int
	// TLS gives the configuration for a handshake that begins now, with one
	// certificate; nil: clients that ask for encryption are told that there is
	// none.
	TLS func() *tls.Config
	// Logger gets connection ends at debug level, internal errors at error
	// level. Default slog.Default().
	Logger *slog.Logger
	// Registerer gets the metrics heliosdb_pgwire_…; nil: not exported.
	Registerer prometheus.Registerer
}

func (c Config) withDefaults() Config {
	def(&c.MaxConnections, 100)
	def(&c.MaxHandshakes, 256)
	def(&c.AuthTimeout, time.Minute)
	def(&c.IOTimeout, 5*time.Minute)
	def(&c.CancelGrace, 2*time.Second)
	def(&c.ClientCheckInterval, time.Second)
	def(&c.MaxMessageBytes, 64<<20)
	def(&c.MaxStatements, 8192)
	def(&c.MaxStatementBytes, 64<<20)
	def(&c.MaxPortals, 256)
	def(&c.MaxClientBytes, 256<<20)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

func def[T int | time.Duration](p *T, v T) {
	if *p == 0 {
		*p = v
	}
}

// Bounds that are not worth an option.
const (
	// maxStartupBytes is PostgreSQL's MAX_STARTUP_PACKET_LENGTH.
	maxStartupBytes = 10000
	// maxAuthBytes is PostgreSQL's PG_MAX_AUTH_TOKEN_LENGTH.
	maxAuthBytes = 65535
	// maxSmallBytes bounds messages that only carry a name or nothing,
	// PostgreSQL's PQ_SMALL_MESSAGE_LIMIT.
	maxSmallBytes = 10000
	// readChunk is the read buffer, and the step in which it grows while the
	// bytes of a large message arrive.
	readChunk = 16 << 10
	// flushBytes is the size past which output is written.
	flushBytes = 32 << 10
	// keepBytes is the largest buffer kept for the next message.
	keepBytes = 256 << 10
)
