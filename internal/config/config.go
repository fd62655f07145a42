// Package config reads the server's configuration: built-in defaults, then a
// TOML file, then the environment (HELIOSDB_<SECTION>_<KEY>), then command-line
// overrides; the later one wins. Unknown names, wrong types and values out of
// range are errors that say where the value was written and what was probably
// meant. A setting that promises safety which this version cannot give
// (encryption, TLS, a remote state store) is refused, never ignored.
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
	Dev       Dev       `section:"dev"`
	Startup   Startup   `section:"startup"`

	// Warnings are settings that were accepted but have no effect in this
	// version; the server prints them once at startup.
	Warnings []string

	origins map[string]string // "section.key" -> where its value came from
}

// Server is where the process listens and what it grants to one client.
// In every port 0 means "a free one", printed at startup.
type Server struct {
	// Host is the address all ports listen on. Default "127.0.0.1": there are
	// no passwords yet, so listening further away must be asked for.
	Host string `key:"host"`
	// Port is the HTTP API and console. Default 8080.
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

// Backends of operator state.
const (
	BackendMemory = "memory"
	BackendFile   = "file"
)

// State is where and how operator state is kept.
type State struct {
	// Backend is "file" (durable, the default) or "memory" (lost on exit).
	// "s3", "gcs" and "azure" are refused: not yet.
	Backend string `key:"backend" oneof:"file,memory" notyet:"s3,gcs,azure"`
	// Path is the data directory of backend "file".
	// Default "/var/lib/heliosdb/state"; dev mode "heliosdb-data".
	Path string `key:"path"`
	// EncryptionEnabled is refused when true: not yet. Default false.
	EncryptionEnabled bool `key:"encryption_enabled" notyet:"true"`
	// MemoryLimitMB bounds the resident size of the process, in MiB. Default 0:
	// three quarters of what the control group allows, or of the machine's
	// memory. See MemoryLimitBytes.
	MemoryLimitMB int `key:"memory_limit_mb" range:"0,16777216"`
	// CacheSizeMB is the store's block cache, in MiB, a part of the memory
	// limit. Default 64.
	CacheSizeMB int `key:"cache_size_mb" range:"0,1048576"`
}

// Offset reset policies.
const (
	OffsetEarliest = "earliest"
	OffsetLatest   = "latest"
)

// Kafka holds the defaults of sources and sinks whose WITH options leave them
// out. Kafka's own names, with underscores.
type Kafka struct {
	// BootstrapServers are host:port addresses separated by commas.
	// Default "localhost:9092"; in dev mode the embedded broker.
	BootstrapServers string `key:"bootstrap_servers"`
	// GroupID is the consumer group that offsets are committed to for people's
	// tools; they are never read back. Default "heliosdb-streaming".
	GroupID string `key:"group_id"`
	// AutoOffsetReset is where a new source starts: "earliest" (default) or
	// "latest".
	AutoOffsetReset string `key:"auto_offset_reset" oneof:"earliest,latest"`
	// EnableSSL is refused when true: not yet. Default false.
	EnableSSL bool `key:"enable_ssl" notyet:"true"`
	// FetchMinBytes is what a broker waits for before it answers a fetch.
	// Bytes, default 1: freshness before throughput.
	FetchMinBytes int `key:"fetch_min_bytes" range:"1,1073741824"`
	// FetchMaxBytes bounds one fetch response. Bytes, default 16 MiB.
	FetchMaxBytes int `key:"fetch_max_bytes" range:"1024,1073741824"`
	// FetchMaxPartitionBytes bounds one partition's part of a response.
	// Bytes, default 1 MiB, as Kafka's max.partition.fetch.bytes.
	FetchMaxPartitionBytes int `key:"fetch_max_partition_bytes" range:"1024,1073741824"`
	// FetchMaxWait bounds the wait for FetchMinBytes. Milliseconds, default 500,
	// as Kafka's.
	FetchMaxWait time.Duration `key:"fetch_max_wait_ms" range:"1,300000"`
	// NumConsumerThreads is how many goroutines decode a source's partitions.
	// Default 0: as many as max_parallelism.
	NumConsumerThreads int `key:"num_consumer_threads" range:"0,256"`
}

// Security is the HTTP API's authentication and TLS.
type Security struct {
	// JWTSecret signs API tokens: at least 32 bytes. Default empty: no tokens.
	JWTSecret Secret `key:"jwt_secret"`
	// JWTExpiration is a token's lifetime. Hours, default 24.
	JWTExpiration time.Duration `key:"jwt_expiration_hours" range:"0.01,8760"`
	// RateLimitEnabled limits API requests per client. Default false.
	RateLimitEnabled bool `key:"rate_limit_enabled"`
	// RateLimitRequestsPerMinute is that limit. Default 100.
	RateLimitRequestsPerMinute int `key:"rate_limit_requests_per_minute" range:"1,10000000"`
	// TLSCertFile, TLSKeyFile and TLSClientCAFile are refused: not yet.
	TLSCertFile     string `key:"tls_cert_file" notyet:"*"`
	TLSKeyFile      string `key:"tls_key_file" notyet:"*"`
	TLSClientCAFile string `key:"tls_client_ca_file" notyet:"*"`
}

// KMS is the service that wraps the data key of encrypted state. Only "local"
// is accepted: without encryption the others have nothing to do.
type KMS struct {
	// Provider is "local" (default); "aws", "azure" and "gcp" are refused: not yet.
	Provider      string `key:"provider" oneof:"local" notyet:"aws,azure,gcp"`
	AWSRegion     string `key:"aws_region"`
	AWSKeyID      string `key:"aws_key_id"`
	AzureVaultURL string `key:"azure_vault_url"`
	AzureKeyName  string `key:"azure_key_name"`
	GCPProjectID  string `key:"gcp_project_id"`
	GCPLocation   string `key:"gcp_location"`
	GCPKeyring    string `key:"gcp_keyring"`
	GCPKeyName    string `key:"gcp_key_name"`
}

// Logging is what the process says on standard error.
type Logging struct {
	// Level is the least severe level shown: "error", "warn", "info" (default),
	// "debug" or "trace".
	Level string `key:"level" oneof:"error,warn,info,debug,trace"`
	// Format is "json" (default, one object a line) or "pretty" (for people;
	// the default of dev mode).
	Format string `key:"format" oneof:"json,pretty"`
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

// Default returns the configuration of an empty file.
func Default() *Config {
	return &Config{
		Server: Server{
			Host: "127.0.0.1", Port: 8080, HealthCheckPort: 8081, MetricsPort: 9090, PgwirePort: 5433,
			MaxConnections: 100, AuthenticationTimeout: 10 * time.Second,
			IdleInTransactionTimeout: 600 * time.Second, ShutdownTimeout: 30 * time.Second,
		},
		Streaming: Streaming{
			CheckpointInterval: 60 * time.Second, WatermarkInterval: time.Second, IdleTimeout: 10 * time.Second,
		},
		State: State{Backend: BackendFile, Path: "/var/lib/heliosdb/state", CacheSizeMB: 64},
		Kafka: Kafka{
			BootstrapServers: "localhost:9092", GroupID: "heliosdb-streaming", AutoOffsetReset: OffsetEarliest,
			FetchMinBytes: 1, FetchMaxBytes: 16 << 20, FetchMaxPartitionBytes: 1 << 20,
			FetchMaxWait: 500 * time.Millisecond,
		},
		Security: Security{JWTExpiration: 24 * time.Hour, RateLimitRequestsPerMinute: 100},
		KMS:      KMS{Provider: "local"},
		Logging:  Logging{Level: "info", Format: "json"},
		Dev:      Dev{Broker: "127.0.0.1:9092", EventsPerSecond: 10_000, Partitions: 4, RetentionMB: 256},
	}
}

// DevDefault returns the defaults of --dev: state beside the user, frequent
// checkpoints so that progress is seen, and a log for people.
func DevDefault() *Config {
	c := Default()
	c.State.Path = "heliosdb-data"
	c.Streaming.CheckpointInterval = 5 * time.Second
	c.Logging.Format = "pretty"
	return c
}

// Origin says where the value of "section.key" came from: "FILE:LINE",
// "environment NAME", an override's origin, or "default".
func (c *Config) Origin(key string) string {
	if o, ok := c.origins[key]; ok {
		return o
	}
	return "default"
}
