package config

// Logging is what the process says on standard output (in dev mode on standard
// error), and in a file.
type Logging struct {
	// Level is the least severe level shown: "error", "warn", "info" (default),
	// "debug" or "trace". RUST_LOG of older manifests is understood too.
	Level string `key:"level" oneof:"error,warn,info,debug,trace" reload:"yes"`
	// Format is "json" (default, one object a line) or "pretty" (for people;
	// the default of dev mode).
	Format string `key:"format" oneof:"json,pretty"`
	// Components are other levels for parts of the program, for example
	// "pgwire=debug,kafka=warn". Parts are api, auth, checkpoint, config, jobs,
	// kafka, pgwire, storage, tls and tracing. Default "": none.
	Components string `key:"components" reload:"yes"`
	// File gets the log too, as JSON lines whatever format says, and is replaced
	// by a new one when it is full. SIGHUP opens it again, for logrotate.
	// Default "": no file.
	File string `key:"file"`
	// MaxSizeMB is when that file is full, in MiB. Default 100.
	MaxSizeMB int `key:"max_size_mb" range:"1,1048576"`
	// MaxFiles is how many full files are kept. Default 5.
	MaxFiles int `key:"max_files" range:"0,10000"`
}

// Protocols of OTLP.
const (
	OTLPGRPC = "grpc"
	OTLPHTTP = "http"
)

// Tracing sends OpenTelemetry traces by OTLP, for example to Jaeger.
type Tracing struct {
	// Enabled sends traces. Default false.
	Enabled bool `key:"enabled"`
	// OTLPEndpoint is the collector's host:port. Default "": localhost:4317 for
	// grpc, localhost:4318 for http.
	OTLPEndpoint string `key:"otlp_endpoint"`
	// OTLPProtocol is "grpc" (default) or "http".
	OTLPProtocol string `key:"otlp_protocol" oneof:"grpc,http"`
	// SampleRatio is the part of traces kept, from 0 to 1. Default 0.1.
	SampleRatio float64 `key:"sample_ratio" range:"0,1"`
	// Insecure speaks to the collector without TLS. Default false.
	Insecure bool `key:"insecure"`
	// Headers go with every export, as "name=value,name=value": usually the
	// collector's token. Default "": none.
	Headers Secret `key:"headers"`
	// HeadersFile is a file that holds headers.
	HeadersFile string `key:"headers_file"`
}

// Endpoint is the collector's host:port, with the protocol's default.
func (t *Tracing) Endpoint() string {
	switch {
	case t.OTLPEndpoint != "":
		return t.OTLPEndpoint
	case t.OTLPProtocol == OTLPHTTP:
		return "localhost:4318"
	}
	return "localhost:4317"
}
