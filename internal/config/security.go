package config

import "time"

// Versions of TLS.
const (
	TLS12 = "1.2"
	TLS13 = "1.3"
)

// Security is who may do what, and TLS of the listening ports.
type Security struct {
	// AuthenticationEnabled asks everybody for a password, a certificate or a
	// token. Default true; false (everybody is Admin) only while [server] host
	// is a loopback address. Dev mode: false.
	AuthenticationEnabled bool `key:"authentication_enabled"`
	// JWTSecret signs the API's tokens (HMAC-SHA256): at least 32 bytes, for
	// example from "openssl rand -base64 32". Default "": a random one, so that
	// tokens end with the process.
	JWTSecret Secret `key:"jwt_secret" alias:"JWT_SECRET" reload:"yes"`
	// JWTSecretFile is a file that holds jwt_secret.
	JWTSecretFile string `key:"jwt_secret_file" reload:"yes" alias:"JWT_SECRET_FILE"`
	// JWTSecretPrevious is the secret before the last change: tokens that it
	// signed are still accepted until they expire. Default "": none.
	JWTSecretPrevious Secret `key:"jwt_secret_previous" alias:"JWT_SECRET_PREVIOUS" reload:"yes"`
	// JWTSecretPreviousFile is a file that holds jwt_secret_previous.
	JWTSecretPreviousFile string `key:"jwt_secret_previous_file" reload:"yes" alias:"JWT_SECRET_PREVIOUS_FILE"`
	// JWTExpiration is a token's lifetime. Hours, default 24.
	JWTExpiration time.Duration `key:"jwt_expiration_hours" range:"0.01,8760" reload:"yes"`
	// JWTIssuer is who tokens say they are from ("iss"). Default
	// "heliosdb-streaming".
	JWTIssuer string `key:"jwt_issuer"`
	// JWTAudience is whom tokens say they are for ("aud"). Default
	// "heliosdb-streaming".
	JWTAudience string `key:"jwt_audience"`
	// OIDCJWKSURL is where the keys of an OpenID Connect provider are found,
	// whose tokens are then accepted too; https outside loopback.
	// Default "": none.
	OIDCJWKSURL string `key:"oidc_jwks_url"`
	// OIDCIssuer is the "iss" of that provider's tokens; needed with
	// oidc_jwks_url.
	OIDCIssuer string `key:"oidc_issuer"`
	// OIDCAudience is the "aud" of tokens meant for this server; needed with
	// oidc_jwks_url.
	OIDCAudience string `key:"oidc_audience"`
	// OIDCRolesClaim is the claim that lists the user's roles. Default "roles".
	OIDCRolesClaim string `key:"oidc_roles_claim"`
	// RateLimitEnabled limits API requests per user and per address; beyond it
	// the answer is 429 with Retry-After. Default true; dev mode false.
	RateLimitEnabled bool `key:"rate_limit_enabled" reload:"yes"`
	// RateLimitRequestsPerMinute is that limit. Default 100.
	RateLimitRequestsPerMinute int `key:"rate_limit_requests_per_minute" range:"1,10000000" reload:"yes"`
	// RBACFile lists users and roles (YAML), beside those made by SQL and over
	// the API. Default "": none.
	RBACFile string `key:"rbac_file" reload:"yes" exists:"yes"`
	// AuditLogFile gets a JSON line for every login, change of the catalog,
	// grant, administrative call and refusal. Default "": audit.log in the data
	// directory.
	AuditLogFile string `key:"audit_log_file" reload:"yes"`
	// TLSCertFile is the certificate chain (PEM) of all ports; it needs
	// tls_key_file. These files are read again when they change, and on SIGHUP.
	// Default "": no TLS.
	TLSCertFile string `key:"tls_cert_file" exists:"yes"`
	// TLSKeyFile is the private key (PEM, not encrypted) of tls_cert_file.
	TLSKeyFile string `key:"tls_key_file" exists:"yes"`
	// TLSClientCAFile holds the certificates (PEM) that sign clients'
	// certificates; with it a client may log in by certificate, whose common
	// name is the user. Default "": no client certificates.
	TLSClientCAFile string `key:"tls_client_ca_file" exists:"yes"`
	// TLSMinVersion is the oldest TLS accepted: "1.2" (default) or "1.3".
	TLSMinVersion string `key:"tls_min_version" oneof:"1.2,1.3"`
	// AllowPlaintext lets the ports listen beyond loopback without TLS: for
	// networks that encrypt themselves, or behind a proxy that ends TLS.
	// Default false.
	AllowPlaintext bool `key:"allow_plaintext"`
	// MetricsPublic serves health and metrics to everybody, without TLS and
	// without a token. Default false: beyond loopback, metrics need a token
	// whose user may read.
	MetricsPublic bool `key:"metrics_public"`
}

// Providers of key management.
const (
	KMSLocal = "local"
	KMSAWS   = "aws"
	KMSAzure = "azure"
	KMSGCP   = "gcp"
)

// KMS is the service that wraps the data key of encrypted state.
type KMS struct {
	// Provider is "local" (a key file, the default), "aws" (AWS KMS), "azure"
	// (Azure Key Vault) or "gcp" (Google Cloud KMS). Their credentials come from
	// the environment, as the vendors' own programs read them.
	Provider string `key:"provider" oneof:"local,aws,azure,gcp"`
	// LocalKeyFile is the key of provider "local": made on first use, readable
	// by the owner alone. Without it what is encrypted is lost. Default "":
	// kms.key beside the data directory.
	LocalKeyFile string `key:"local_key_file"`
	// AWSRegion of the key. Default "": as AWS_REGION says.
	AWSRegion string `key:"aws_region"`
	// AWSKeyID is the key's ARN, id or alias/name. Default "":
	// alias/heliosdb-streaming.
	AWSKeyID string `key:"aws_key_id"`
	// AWSEndpoint is another URL of the service, for emulators and private
	// links. Default "": Amazon's.
	AWSEndpoint string `key:"aws_endpoint"`
	// AzureVaultURL is the vault, for example
	// "https://your-vault.vault.azure.net".
	AzureVaultURL string `key:"azure_vault_url"`
	// AzureKeyName is the key in that vault. Default "": heliosdb-encryption-key.
	AzureKeyName string `key:"azure_key_name"`
	// GCPProjectID is the project of the key; with the three below it makes the
	// key's resource name.
	GCPProjectID string `key:"gcp_project_id"`
	// GCPLocation is the location of the key ring, for example "us-central1".
	GCPLocation string `key:"gcp_location"`
	// GCPKeyring is the key ring. Default "": heliosdb.
	GCPKeyring string `key:"gcp_keyring"`
	// GCPKeyName is the key in that ring. Default "": streaming-encryption-key.
	GCPKeyName string `key:"gcp_key_name"`
	// GCPEndpoint is another host:port of the service, for emulators and private
	// links. Default "": Google's.
	GCPEndpoint string `key:"gcp_endpoint"`
}
