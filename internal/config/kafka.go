package config

import "time"

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
	// EnableSSL speaks TLS (1.2 or later) to the brokers. Default false.
	EnableSSL bool `key:"enable_ssl"`
	// SSLCAFile holds the certificates (PEM) that brokers' certificates must lead
	// to. Default "": those of the system.
	SSLCAFile string `key:"ssl_ca_file" exists:"yes" reload:"yes"`
	// SSLCertFile is the certificate (PEM) shown to brokers that ask for one
	// (mutual TLS); it needs ssl_key_file. Default "": none.
	SSLCertFile string `key:"ssl_cert_file" exists:"yes" reload:"yes"`
	// SSLKeyFile is the private key (PEM, not encrypted) of ssl_cert_file.
	SSLKeyFile string `key:"ssl_key_file" exists:"yes" reload:"yes"`
	// SSLServerName is the name that brokers' certificates must carry.
	// Default "": the host name of each broker.
	SSLServerName string `key:"ssl_server_name"`
	// SASLMechanism is how to log in at the brokers: "" (default: not at all),
	// "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512" or "OAUTHBEARER". PLAIN and
	// OAUTHBEARER show the secret to whoever listens: use enable_ssl.
	SASLMechanism string `key:"sasl_mechanism" oneof:",PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER"`
	// SASLUsername is the user of PLAIN and SCRAM.
	SASLUsername string `key:"sasl_username" reload:"yes"`
	// SASLPassword is that user's password.
	SASLPassword Secret `key:"sasl_password" alias:"KAFKA_PASSWORD" reload:"yes"`
	// SASLPasswordFile is a file that holds sasl_password.
	SASLPasswordFile string `key:"sasl_password_file" alias:"KAFKA_PASSWORD_FILE" reload:"yes"`
	// SASLOAuthTokenFile is a file with a token for OAUTHBEARER, which somebody
	// else keeps fresh: it is read again for every login.
	SASLOAuthTokenFile string `key:"sasl_oauth_token_file" exists:"yes" reload:"yes"`
	// SASLOAuthTokenURL is where to fetch tokens for OAUTHBEARER instead, by the
	// client credentials grant (RFC 6749, 4.4); https outside loopback.
	SASLOAuthTokenURL string `key:"sasl_oauth_token_url" reload:"yes"`
	// SASLOAuthClientID names this program at sasl_oauth_token_url.
	SASLOAuthClientID string `key:"sasl_oauth_client_id" reload:"yes"`
	// SASLOAuthClientSecret is its secret there.
	SASLOAuthClientSecret Secret `key:"sasl_oauth_client_secret" reload:"yes"`
	// SASLOAuthClientSecretFile is a file that holds sasl_oauth_client_secret.
	SASLOAuthClientSecretFile string `key:"sasl_oauth_client_secret_file" reload:"yes"`
	// SASLOAuthScope is what the token shall allow. Default "": not asked for.
	SASLOAuthScope string `key:"sasl_oauth_scope" reload:"yes"`
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
