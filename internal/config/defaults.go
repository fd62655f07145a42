package config

import "time"

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
		State: State{
			Backend: BackendFile, Path: defaultLocalPath, CacheSizeMB: 64, Compression: "snappy",
			IncrementalCheckpoints: true, RetainedCheckpoints: 10, RequestTimeout: 30 * time.Second, MaxRetries: 8, Lease: 15 * time.Second,
		},
		Kafka: Kafka{
			BootstrapServers: "localhost:9092", GroupID: "heliosdb-streaming", AutoOffsetReset: OffsetEarliest,
			FetchMinBytes: 1, FetchMaxBytes: 16 << 20, FetchMaxPartitionBytes: 1 << 20,
			FetchMaxWait: 500 * time.Millisecond,
		},
		Security: Security{
			AuthenticationEnabled: true, JWTExpiration: 24 * time.Hour, JWTIssuer: "heliosdb-streaming",
			JWTAudience: "heliosdb-streaming", OIDCRolesClaim: "roles", RateLimitEnabled: true,
			RateLimitRequestsPerMinute: 100, TLSMinVersion: TLS12,
		},
		KMS:     KMS{Provider: KMSLocal},
		Logging: Logging{Level: "info", Format: "json", MaxSizeMB: 100, MaxFiles: 5},
		Tracing: Tracing{OTLPProtocol: OTLPGRPC, SampleRatio: 0.1},
		Dev:     Dev{Broker: "127.0.0.1:9092", EventsPerSecond: 10_000, Partitions: 4, RetentionMB: 256},
	}
}

// DevDefault returns the defaults of --dev: state beside the user, frequent
// checkpoints so that progress is seen, a log for people, and no passwords,
// since nothing listens beyond loopback.
func DevDefault() *Config {
	c := Default()
	c.State.Path = "heliosdb-data"
	c.Streaming.CheckpointInterval = 5 * time.Second
	c.Logging.Format = "pretty"
	c.Security.AuthenticationEnabled = false
	c.Security.RateLimitEnabled = false
	return c
}
