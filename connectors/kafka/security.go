package kafka

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// Security is how to reach the brokers: TLS, and who logs in. The zero value is
// neither. It prints without its secrets.
type Security struct {
	// TLS encrypts the connections; 1.2 or later.
	TLS bool
	// CAFile holds the certificates (PEM) that brokers' certificates must lead to.
	// Empty: those of the system.
	CAFile string
	// CertFile and KeyFile (PEM) are shown to brokers that ask for a certificate.
	CertFile, KeyFile string
	// ServerName is the name that brokers' certificates must carry. Empty: the
	// host name of each broker.
	ServerName string
	// AnyName accepts every name in a certificate that leads to CAFile.
	AnyName bool
	// Mechanism is one of config.SASLPlain and so on. Empty: nobody logs in.
	Mechanism string
	Username  string
	Password  config.Secret
	// OAuth is where tokens come from.
	OAuth OAuth
}

// OAuth is where the tokens of OAUTHBEARER come from: a file that somebody else
// keeps fresh, or an authorization server's token endpoint.
type OAuth struct {
	TokenFile    string
	TokenURL     string
	ClientID     string
	ClientSecret config.Secret
	Scope        string
}

// FromConfig is the security of the [kafka] section.
func FromConfig(k *config.Kafka) Security {
	return Security{
		TLS: k.EnableSSL, CAFile: k.SSLCAFile, CertFile: k.SSLCertFile, KeyFile: k.SSLKeyFile, ServerName: k.SSLServerName,
		Mechanism: k.SASLMechanism, Username: k.SASLUsername, Password: k.SASLPassword,
		OAuth: OAuth{
			TokenFile: k.SASLOAuthTokenFile, TokenURL: k.SASLOAuthTokenURL, ClientID: k.SASLOAuthClientID,
			ClientSecret: k.SASLOAuthClientSecret, Scope: k.SASLOAuthScope,
		},
	}
}

// CheckFiles reads the certificates and keys that s names.
func (s Security) CheckFiles() error {
	if !s.TLS {
		return nil
	}
	_, err := s.tlsConfig("localhost:0")
	return err
}

// anonymous is s without what proves who we are: brokers that a source names
// itself must not be given the server's own credentials.
func (s Security) anonymous() Security {
	s.CertFile, s.KeyFile = "", ""
	s.Mechanism, s.Username, s.Password, s.OAuth = "", "", "", OAuth{}
	return s
}

// loginless is s without the secrets of the login.
func (s Security) loginless() Security {
	s.Username, s.Password = "", ""
	s.OAuth = OAuth{}
	return s
}

// exposes reports whether s would show the secrets of server, the [kafka]
// section's, in another way than that says: without its TLS, to whom other
// certificates vouch for, by a mechanism that sends them, to another URL.
func (s Security) exposes(server Security) bool {
	return server.TLS && (!s.TLS || s.CAFile != server.CAFile || s.AnyName && !server.AnyName) ||
		s.Mechanism != server.Mechanism || s.OAuth.TokenURL != server.OAuth.TokenURL
}

// Names of options about security, as Kafka and RisingWave spell them.
const (
	optProtocol  = "properties.security.protocol"
	optMechanism = "properties.sasl.mechanism"
	optUsername  = "properties.sasl.username"
	optPassword  = "properties.sasl.password"
	optCA        = "properties.ssl.ca.location"
	optCert      = "properties.ssl.certificate.location"
	optKey       = "properties.ssl.key.location"
	optNameCheck = "properties.ssl.endpoint.identification.algorithm"
	optTokenURL  = "properties.sasl.oauthbearer.token.endpoint.url"
	optClientID  = "properties.sasl.oauthbearer.client.id"
	optSecret    = "properties.sasl.oauthbearer.client.secret"
	optScope     = "properties.sasl.oauthbearer.scope"
)

// Kafka's security.protocol.
const (
	protoPlaintext     = "PLAINTEXT"
	protoSSL           = "SSL"
	protoSASLPlaintext = "SASL_PLAINTEXT"
	protoSASLSSL       = "SASL_SSL"
)

// securityOptions are those of WITH (…) that set Security.
var securityOptions = []option{
	{optProtocol, setProtocol},
	{optMechanism, setMechanism},
	{optUsername, word(func(o *Options, s string) { o.Security.Username = s })},
	{optPassword, word(func(o *Options, s string) { o.Security.Password = config.Secret(s) })},
	{optCA, word(func(o *Options, s string) { o.Security.CAFile = s })},
	{optCert, word(func(o *Options, s string) { o.Security.CertFile = s })},
	{optKey, word(func(o *Options, s string) { o.Security.KeyFile = s })},
	{optNameCheck, oneOf(func(o *Options, s string) { o.Security.AnyName = s == "none" }, "https", "none")},
	{optTokenURL, setTokenURL},
	{optClientID, word(func(o *Options, s string) { o.Security.OAuth.ClientID = s })},
	{optSecret, word(func(o *Options, s string) { o.Security.OAuth.ClientSecret = config.Secret(s) })},
	{optScope, word(func(o *Options, s string) { o.Security.OAuth.Scope = s })},
}

func setProtocol(o *Options, name, s string) error {
	p := strings.ToUpper(s)
	switch p {
	case protoPlaintext, protoSSL, protoSASLPlaintext, protoSASLSSL:
	default:
		return pgerr.New(pgerr.InvalidParameterValue, "option %q must be %s, %s, %s or %s, not %q",
			name, protoPlaintext, protoSSL, protoSASLPlaintext, protoSASLSSL, s)
	}
	o.Security.TLS = p == protoSSL || p == protoSASLSSL
	if p == protoPlaintext || p == protoSSL {
		o.Security.Mechanism = ""
	}
	return nil
}

func setMechanism(o *Options, name, s string) error {
	m := strings.ToUpper(s)
	known := []string{config.SASLPlain, config.SASLScram256, config.SASLScram512, config.SASLOAuthBearer}
	if !slices.Contains(known, m) {
		return pgerr.New(pgerr.InvalidParameterValue, "option %q must be %s, not %q", name, strings.Join(known, ", "), s)
	}
	o.Security.Mechanism = m
	return nil
}

// setTokenURL takes no file, as Kafka does: whoever may create a source could
// send any file of the server to brokers of his own. [kafka]
// sasl_oauth_token_file is for those who may write the configuration.
func setTokenURL(o *Options, name, s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !config.Loopback(u.Hostname())) {
		return pgerr.New(pgerr.InvalidParameterValue, "option %q must be https://…, without a password", name).
			WithHint("A file with a token can be named in the configuration: [kafka] sasl_oauth_token_file.")
	}
	o.Security.OAuth.TokenURL, o.Security.OAuth.TokenFile = s, ""
	return nil
}

// applySecurity reads the options about security over the defaults, and checks
// that they make sense together.
func applySecurity(o *Options, with map[string]string, given map[string]string, ownBrokers bool) error {
	if ownBrokers {
		o.Security = o.Security.anonymous()
	}
	set := func() error {
		for _, p := range securityOptions {
			if n, ok := given[p.name]; ok {
				if err := p.set(o, n, with[n]); err != nil {
					return err
				}
			}
		}
		return nil
	}
	server := o.Security
	if err := set(); err != nil {
		return err
	}
	if o.Security.exposes(server) {
		o.Security = server.loginless()
		if err := set(); err != nil {
			return err
		}
	}
	protocol := strings.ToUpper(with[given[optProtocol]])
	if given[optProtocol] == "" {
		protocol = ""
	}
	return checkSecurity(&o.Security, given, protocol)
}

// checkSecurity checks what was given; given has the names as they were written,
// protocol is empty when it was not.
func checkSecurity(s *Security, given map[string]string, protocol string) error {
	invalid := func(format string, args ...any) error {
		return pgerr.New(pgerr.InvalidParameterValue, format, args...)
	}
	withLogin := strings.HasPrefix(protocol, "SASL_")
	if withLogin && s.Mechanism == "" {
		return invalid("%s = '%s' needs option %q", given[optProtocol], protocol, optMechanism)
	}
	for _, p := range securityOptions {
		n := given[p.name]
		switch {
		case n == "":
		case strings.HasPrefix(p.name, "properties.ssl.") && !s.TLS:
			return invalid("option %q needs %s = '%s' or '%s'", n, optProtocol, protoSSL, protoSASLSSL)
		case strings.HasPrefix(p.name, "properties.sasl.") && (s.Mechanism == "" || protocol != "" && !withLogin || protocol == "" && !s.TLS):
			// Without TLS the secret may be readable on the way: that must be said.
			return invalid("option %q needs %s = '%s' (or '%s'), and a mechanism", n, optProtocol, protoSASLSSL, protoSASLPlaintext)
		}
	}
	switch s.Mechanism {
	case "":
	case config.SASLOAuthBearer:
		if s.OAuth.TokenFile == "" && s.OAuth.TokenURL == "" {
			return invalid("mechanism OAUTHBEARER needs option %q", optTokenURL)
		}
		if s.OAuth.TokenURL != "" && (s.OAuth.ClientID == "" || s.OAuth.ClientSecret == "") {
			return invalid("option %q needs %q and %q", optTokenURL, optClientID, optSecret)
		}
	default:
		if s.Username == "" || s.Password == "" {
			return invalid("mechanism %s needs options %q and %q", s.Mechanism, optUsername, optPassword)
		}
	}
	if (s.CertFile == "") != (s.KeyFile == "") {
		return invalid("options %q and %q belong together", optCert, optKey)
	}
	return checkFiles(s)
}

// checkFiles tells of a missing file when a source is created, and not in its job.
func checkFiles(s *Security) error {
	for _, name := range []string{s.CAFile, s.CertFile, s.KeyFile, s.OAuth.TokenFile} {
		if name == "" {
			continue
		}
		if err := checkFile(name); err != nil {
			return pgerr.New(pgerr.InvalidParameterValue, "Kafka: %v", err)
		}
	}
	return nil
}

// maxFile bounds the files with certificates, keys and tokens.
const maxFile = 1 << 20

// checkFile sees that a file can be read as a whole: a device or a pipe need not
// end.
func checkFile(name string) error {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file", name)
	case info.Size() > maxFile:
		return fmt.Errorf("%s has more than %d bytes", name, maxFile)
	}
	return nil
}

func readFile(name string) ([]byte, error) {
	if err := checkFile(name); err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile)) // files of /proc have no size
}
