package config

import "strings"

// Ways to log in at Kafka's brokers.
const (
	SASLPlain       = "PLAIN"
	SASLScram256    = "SCRAM-SHA-256"
	SASLScram512    = "SCRAM-SHA-512"
	SASLOAuthBearer = "OAUTHBEARER"
)

// Brokers are the addresses of BootstrapServers, without the blanks beside the
// commas.
func (k *Kafka) Brokers() []string {
	list := strings.Split(k.BootstrapServers, ",")
	for i, addr := range list {
		list[i] = strings.TrimSpace(addr)
	}
	return list
}

func (l *loader) checkKafka() {
	k := &l.c.Kafka
	l.require("kafka.group_id", k.GroupID)
	for _, addr := range k.Brokers() {
		l.checkAddress("kafka.bootstrap_servers", addr, 1)
	}
	if k.FetchMinBytes > k.FetchMaxBytes {
		l.failKey("kafka.fetch_min_bytes", "(%d) is more than fetch_max_bytes (%d)", k.FetchMinBytes, k.FetchMaxBytes)
	}
	l.checkURL("kafka.sasl_oauth_token_url", k.SASLOAuthTokenURL) // also where nothing uses it: it is shown
	l.checkKafkaTLS()
	switch k.SASLMechanism {
	case "":
		for _, key := range []string{"sasl_username", "sasl_password", "sasl_password_file", "sasl_oauth_token_file", "sasl_oauth_token_url",
			"sasl_oauth_client_id", "sasl_oauth_client_secret", "sasl_oauth_client_secret_file", "sasl_oauth_scope"} {
			l.warnKey("kafka."+key, `has no effect without sasl_mechanism: write sasl_mechanism = "SCRAM-SHA-512" (or "SCRAM-SHA-256", "PLAIN", "OAUTHBEARER") and sasl_username`)
		}
	case SASLOAuthBearer:
		l.checkOAuth()
	default:
		if k.SASLUsername == "" {
			l.failKey("kafka.sasl_mechanism", `= %q needs sasl_username = "…"`, k.SASLMechanism)
		}
		if k.SASLPassword == "" {
			l.failKey("kafka.sasl_mechanism", `= %q needs a password: set KAFKA_PASSWORD, or write sasl_password_file = "/etc/heliosdb/kafka_password"`, k.SASLMechanism)
		}
	}
	if (k.SASLMechanism == SASLPlain || k.SASLMechanism == SASLOAuthBearer) && !k.EnableSSL {
		l.warnKey("kafka.sasl_mechanism", "= %q without enable_ssl = true shows the secret to everybody on the way to the brokers", k.SASLMechanism)
	}
}

func (l *loader) checkKafkaTLS() {
	k := &l.c.Kafka
	if !k.EnableSSL {
		for _, key := range []string{"ssl_ca_file", "ssl_cert_file", "ssl_key_file", "ssl_server_name"} {
			if f := l.byName["kafka."+key]; f.value.String() != "" {
				l.failKey(f.name(), "needs enable_ssl = true: without it nothing is encrypted")
			}
		}
	}
	l.checkPair("kafka.ssl_cert_file", k.SSLCertFile, "kafka.ssl_key_file", k.SSLKeyFile)
}

// checkPair asks for a certificate and its key together.
func (l *loader) checkPair(certName, cert, keyName, key string) {
	switch {
	case cert != "" && key == "":
		l.failKey(certName, "needs its private key: %s", l.byName[keyName].key)
	case cert == "" && key != "":
		l.failKey(keyName, "needs its certificate: %s", l.byName[certName].key)
	}
}

func (l *loader) checkOAuth() {
	k := &l.c.Kafka
	const name = "kafka.sasl_mechanism"
	switch {
	case k.SASLOAuthTokenFile != "" && k.SASLOAuthTokenURL != "":
		l.failKey("kafka.sasl_oauth_token_url", "and sasl_oauth_token_file are both set: keep one")
	case k.SASLOAuthTokenFile == "" && k.SASLOAuthTokenURL == "":
		l.failKey(name, `= "OAUTHBEARER" needs sasl_oauth_token_file, or sasl_oauth_token_url with sasl_oauth_client_id and sasl_oauth_client_secret`)
	case k.SASLOAuthTokenURL != "" && (k.SASLOAuthClientID == "" || k.SASLOAuthClientSecret == ""):
		l.failKey("kafka.sasl_oauth_token_url", "needs sasl_oauth_client_id and sasl_oauth_client_secret (or sasl_oauth_client_secret_file)")
	}
}
