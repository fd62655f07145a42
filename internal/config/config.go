// Package config reads the server's configuration: built-in defaults, then a
// TOML file, then the environment (HELIOSDB_<SECTION>_<KEY>), then command-line
// overrides; the later one wins. Unknown names, wrong types and values out of
// range are errors that say where the value was written and what was probably
// meant. So are combinations that would be unsafe: open ports without TLS, no
// passwords beyond loopback, a secret that stands in a manual.
package config

import "time"

// Config is the whole configuration, one field a section of the file.
type Config struct {
	Server    Server    `section:"server"`
	Streaming Streaming `section:"streaming"`
	State     State     `section:"state"`
	Kafka     Kafka     `section:"kafka"`
	Security  Security  `section:"security"`
	KMS       KMS       `section:"kms"`
	Logging   Logging   `section:"logging"`
	Tracing   Tracing   `section:"tracing"`
	Dev       Dev       `section:"dev"`
	Startup   Startup   `section:"startup"`

	// RestoreFrom is the savepoint to begin with, "" for none. No key: a file
	// that every start reads must not take the state back.
	RestoreFrom string

	// Warnings are settings that were accepted but have no effect or are unsafe;
	// the server prints them once at startup.
	Warnings []string

	origins map[string]string // "section.key" -> where its value came from
}

// Server is where the process listens and what it grants to one client.
// In every port 0 means "a free one", printed at startup.
type Server struct {
	// Host is the address all ports listen on: "0.0.0.0" is every address of the
	// machine. Beyond loopback it needs TLS ([security] tls_cert_file), or
	// [security] allow_plaintext. Default "127.0.0.1".
	Host string `key:"host"`
	// Port is the HTTP API (/api/v1). Default 8080.
	Port int `key:"port" range:"0,65535"`
	// HealthCheckPort serves /health and /ready. Default 8081.
	HealthCheckPort int `key:"health_check_port" range:"0,65535"`
	// MetricsPort serves /metrics for Prometheus. Default 9090.
	MetricsPort int `key:"metrics_port" range:"0,65535"`
	// PgwirePort is the PostgreSQL protocol. Default 5433, beside a PostgreSQL
	// on its usual 5432.
	PgwirePort int `key:"pgwire_port" range:"0,65535"`
	// MaxConnections bounds PostgreSQL connections; one more is refused with
	// SQLSTATE 53300. Default 100, as PostgreSQL's.
	MaxConnections int `key:"max_connections" range:"1,100000"`
	// AuthenticationTimeout bounds startup and authentication of a connection,
	// so that silent clients cannot hold slots. Seconds, default 10.
	AuthenticationTimeout time.Duration `key:"authentication_timeout_secs" range:"0.1,3600"`
	// StatementTimeout is the sessions' initial statement_timeout. Seconds,
	// default 0: no limit.
	StatementTimeout time.Duration `key:"statement_timeout_secs" range:"0,2147483"`
	// IdleSessionTimeout closes a session that waits for its client this long
	// outside a transaction. Seconds, default 0: never.
	IdleSessionTimeout time.Duration `key:"idle_session_timeout_secs" range:"0,2147483"`
	// IdleInTransactionTimeout does the same inside a transaction, which pins
	// a snapshot. Seconds, default 600; 0: never.
	IdleInTransactionTimeout time.Duration `key:"idle_in_transaction_timeout_secs" range:"0,2147483"`
	// ShutdownTimeout is the time SIGTERM grants to the last checkpoint and to
	// running statements. Seconds, default 30, as Kubernetes' grace period.
	ShutdownTimeout time.Duration `key:"shutdown_timeout_secs" range:"0.1,86400"`
}

// Streaming is the behaviour of dataflow graphs.
type Streaming struct {
	// CheckpointInterval is the time between the starts of two checkpoints: how
	// much of Kafka a recovery reads again. Seconds (fractions allowed),
	// default 60; dev mode 5.
	CheckpointInterval time.Duration `key:"checkpoint_interval_secs" range:"0.01,86400"`
	// WatermarkInterval is the time between two cuts, where watermarks advance
	// and windows close. Seconds (fractions allowed), default 1.
	WatermarkInterval time.Duration `key:"watermark_interval_secs" range:"0.001,3600"`
	// AllowedLateness keeps a window open this long behind the watermark.
	// Seconds, default 0: the WATERMARK clause of a source already states how
	// late its rows may be.
	AllowedLateness time.Duration `key:"allowed_lateness_secs" range:"0,31536000"`
	// MaxParallelism is the number of workers of a graph. Default 0: one per
	// processor the process may use. At most 256, the number of virtual
	// partitions of keys.
	MaxParallelism int `key:"max_parallelism" range:"0,256"`
	// IdleTimeout is how long a partition that has been read to its end must
	// stay silent before it stops holding the watermark back. Seconds,
	// default 10; 0: never idle.
	IdleTimeout time.Duration `key:"idle_timeout_secs" range:"0,86400"`
}

// Dev is what --dev adds: an embedded broker and a load generator.
type Dev struct {
	// Broker is the host:port of the embedded Kafka-compatible broker; port 0
	// means a free one. Loopback only. Default "127.0.0.1:9092".
	Broker string `key:"broker"`
	// EventsPerSecond is the rate of generated Nexmark events over all three
	// topics. Default 10,000; 0 turns the generator off.
	EventsPerSecond int `key:"events_per_second" range:"0,10000000"`
	// Partitions of a topic the embedded broker creates. Default 4.
	Partitions int `key:"partitions" range:"1,256"`
	// RetentionMB bounds each topic of the embedded broker, in MiB over its
	// partitions; the oldest records go. Default 256.
	RetentionMB int `key:"retention_mb" range:"1,1048576"`
}

// Startup is what is done before the server says it is ready.
type Startup struct {
	// SQLFiles are applied in this order; applying one twice changes nothing.
	// A relative name is relative to the configuration file's directory. In the
	// environment, separated by commas. Default none.
	SQLFiles []string `key:"sql_files"`
}

// Origin says where the value of "section.key" came from: "FILE:LINE",
// "environment NAME", an override's origin, or "default".
func (c *Config) Origin(key string) string {
	if o, ok := c.origins[key]; ok {
		return o
	}
	return "default"
}
