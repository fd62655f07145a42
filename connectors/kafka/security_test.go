package kafka

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
)

func TestSecurityOptions(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	scram := map[string]string{optProtocol: "sasl_ssl", "properties.sasl.mechanisms": "scram-sha-512", optUsername: "u", optPassword: "p"}
	with := func(m map[string]string, more ...string) map[string]string {
		m = maps.Clone(m)
		if m == nil {
			m = map[string]string{}
		}
		for i := 0; i < len(more); i += 2 {
			if m[more[i]] = more[i+1]; more[i+1] == "" {
				delete(m, more[i])
			}
		}
		return m
	}
	login := Security{TLS: true, Mechanism: config.SASLScram512, Username: "u", Password: "p"}
	server := Security{TLS: true, CAFile: file, CertFile: file, KeyFile: file, Mechanism: config.SASLPlain, Username: "su", Password: "sp"}
	other, large := file+".other", file+".large"
	for name, size := range map[string]int{other: 1, large: maxFile + 1} {
		if err := os.WriteFile(name, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	scramServer := Security{TLS: true, Mechanism: config.SASLScram256, Username: "su", Password: "sp"}
	oauthServer := Security{TLS: true, Mechanism: config.SASLOAuthBearer, OAuth: OAuth{TokenURL: "https://id/t", ClientID: "c", ClientSecret: "cs"}}
	for _, c := range []struct {
		name     string
		defaults Security
		with     map[string]string
		want     Security
		err      string
	}{
		{"nothing", Security{}, nil, Security{}, ""},
		{"all of the server", server, nil, server, ""},
		{"SCRAM", Security{}, scram, login, ""},
		{"over the server's", server, with(scram, optUsername, "v"), Security{TLS: true, CAFile: file, CertFile: file, KeyFile: file,
			Mechanism: config.SASLScram512, Username: "v", Password: "p"}, ""},
		{"plaintext over TLS", server, with(nil, optProtocol, "PLAINTEXT"), Security{CAFile: file, CertFile: file, KeyFile: file}, ""},
		// They go there as [kafka] says, and in no weaker way.
		{"the server's password in the clear", server, with(nil, optProtocol, "SASL_PLAINTEXT"), Security{}, "needs options"},
		{"the server's password to other certificates", server, with(nil, optProtocol, "SASL_SSL", optCA, other), Security{}, "needs options"},
		{"the server's password to any name", server, with(nil, optProtocol, "SASL_SSL", optNameCheck, "none"), Security{}, "needs options"},
		{"the server's password by another mechanism", scramServer, with(nil, optProtocol, "SASL_SSL", optMechanism, "PLAIN"), Security{}, "needs options"},
		{"the server's client secret to another endpoint", oauthServer, with(nil, optProtocol, "SASL_SSL", optTokenURL, "https://evil/t"), Security{}, "needs \""},
		{"the server's client secret with another scope", oauthServer, with(nil, optScope, "x"), Security{TLS: true, Mechanism: config.SASLOAuthBearer,
			OAuth: OAuth{TokenURL: "https://id/t", ClientID: "c", ClientSecret: "cs", Scope: "x"}}, ""},
		{"another user in the clear", server, with(scram, optProtocol, "SASL_PLAINTEXT"), Security{CAFile: file, CertFile: file, KeyFile: file,
			Mechanism: config.SASLScram512, Username: "u", Password: "p"}, ""},
		{"a device", Security{}, with(nil, optProtocol, "SSL", optCA, os.DevNull), Security{}, "is not a regular file"},
		{"a large file", Security{}, with(nil, optProtocol, "SSL", optCA, large), Security{}, "more than"},
		// The server's own credentials go to its own brokers alone.
		{"other brokers", server, with(nil, optBrokers, "evil:9092"), Security{TLS: true, CAFile: file}, ""},
		{"the same brokers", server, with(nil, optBrokers, "b:2, a:1"), server, ""},
		{"any name", Security{}, with(nil, optProtocol, "SSL", optCA, file, optNameCheck, "none"), Security{TLS: true, CAFile: file, AnyName: true}, ""},
		{"token endpoint", Security{}, with(scram, "properties.sasl.mechanisms", "OAUTHBEARER", optUsername, "", optPassword, "", optTokenURL, "https://i/t",
			optClientID, "c", optSecret, "s"), Security{TLS: true, Mechanism: config.SASLOAuthBearer, OAuth: OAuth{TokenURL: "https://i/t", ClientID: "c", ClientSecret: "s"}}, ""},
		// A file of the server must not be sent to somebody's broker.
		{"token file", Security{}, with(scram, "properties.sasl.mechanisms", "OAUTHBEARER", optTokenURL, "file:///etc/passwd"), Security{}, "must be https://"},
		{"no protocol", Security{}, with(scram, optProtocol, ""), Security{}, "needs properties.security.protocol = 'SASL_SSL'"},
		{"contradiction", Security{}, with(scram, optProtocol, "SSL"), Security{}, "needs properties.security.protocol = 'SASL_SSL'"},
		{"no mechanism", Security{}, with(nil, optProtocol, "SASL_SSL"), Security{}, `needs option "properties.sasl.mechanism"`},
		{"bad protocol", Security{}, with(nil, optProtocol, "TLS"), Security{}, "must be PLAINTEXT, SSL"},
		{"bad mechanism", Security{}, with(scram, "properties.sasl.mechanisms", "GSSAPI"), Security{}, "must be PLAIN, SCRAM-SHA-256"},
		{"no password", Security{}, with(scram, optPassword, ""), Security{}, `needs options "properties.sasl.username" and "properties.sasl.password"`},
		{"CA without TLS", Security{}, with(nil, optCA, file), Security{}, "needs properties.security.protocol = 'SSL'"},
		{"no such file", Security{}, with(nil, optProtocol, "SSL", optCA, file+"x"), Security{}, "no such file"},
		{"key alone", Security{}, with(nil, optProtocol, "SSL", optKey, file), Security{}, "belong together"},
		{"token URL in the clear", Security{}, with(scram, optTokenURL, "http://id.example/token"), Security{}, "must be https://"},
		{"no client id", Security{}, with(scram, "properties.sasl.mechanisms", "OAUTHBEARER", optTokenURL, "https://id.example/t"), Security{}, optClientID},
		{"OAUTHBEARER alone", Security{}, with(scram, "properties.sasl.mechanisms", "OAUTHBEARER"), Security{}, "needs option"},
	} {
		o, _, err := ParseOptions(c.with, Options{Brokers: []string{"a:1", "b:2"}, Security: c.defaults})
		switch {
		case c.err != "":
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v", c.name, err)
			}
		case err != nil || o.Security != c.want:
			t.Errorf("%s: %v %+v", c.name, err, o.Security)
		}
	}
}

// Secrets do not print.
func TestSecurityPrints(t *testing.T) {
	t.Parallel()
	s := Security{Password: "hush", OAuth: OAuth{ClientSecret: "hush"}}
	if text := fmt.Sprintf("%v %+v %#v %s", s, s, s, []any{s}); strings.Contains(text, "hush") {
		t.Error(text)
	}
}

// SetSecurity changes who logs in, and neither TLS nor the mechanism.
func TestSetSecurity(t *testing.T) {
	t.Parallel()
	now := Security{Mechanism: config.SASLPlain, Username: "u", Password: "p"}
	s, err := New(Options{Brokers: []string{"127.0.0.1:1"}, Topic: "t", Security: now})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	next := now
	next.Password = "q"
	other := now
	other.TLS = true
	if s.SetSecurity(now) || s.SetSecurity(other) || !s.SetSecurity(next) || s.acc.current.Load().Password != "q" {
		t.Error("SetSecurity")
	}
}
