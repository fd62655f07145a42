package kafka

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/internal/source"
	"github.com/heliosdb/heliosdb-streaming/internal/testkafka"
)

// unsecured is a token that Kafka's development validator accepts for so long.
func unsecured(valid time.Duration) string {
	part := func(v any) string {
		b, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	now := time.Now()
	return part(map[string]string{"alg": "none"}) + "." +
		part(map[string]any{"sub": "ann", "iat": now.Add(-time.Second).Unix(), "exp": now.Add(valid).Unix()}) + "."
}

func writeToken(t testing.TB, name, token string) {
	t.Helper()
	if err := os.WriteFile(name+".new", []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

// tokenEndpoint is an authorization server with one client; it counts what it
// gave.
func tokenEndpoint(t testing.TB, given *atomic.Int64) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		w.Header().Set("Content-Type", "application/json")
		if id != "helios" || secret != "client-secret" || r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "read write" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error": "invalid_client", "error_description": "client-secret"}`)
			return
		}
		given.Add(1)
		fmt.Fprintf(w, `{"access_token": %q, "token_type": "bearer", "expires_in": 12}`, unsecured(12*time.Second))
	}))
	t.Cleanup(s.Close)
	return s.URL + "/token"
}

// TestSecureKafka reads through every kind of listener, and says in words what
// is wrong with those who may not.
func TestSecureKafka(t *testing.T) {
	t.Parallel()
	k := testkafka.Secure(t)
	const rows = 20
	topic := testkafka.Topic(t, k.Addr, 2)
	produceRows(t, producer(t, k.Addr), topic, 2, 0, rows)
	want := source.Offsets{0: rows / 2, 1: rows / 2}
	tokenFile := filepath.Join(t.TempDir(), "token")
	writeToken(t, tokenFile, unsecured(time.Hour))
	var given atomic.Int64
	endpoint := tokenEndpoint(t, &given)
	oauth := func(o OAuth) Security { return Security{Mechanism: config.SASLOAuthBearer, OAuth: o} }
	byEndpoint := OAuth{TokenURL: endpoint, ClientID: "helios", ClientSecret: "client-secret", Scope: "read write"}
	login := func(m string, pw config.Secret) Security {
		return Security{Mechanism: m, Username: testkafka.User, Password: pw}
	}
	overTLS := func(s Security) Security { s.TLS, s.CAFile = true, k.CA; return s }
	byIP := func(addr string) string { return strings.Replace(addr, "localhost", "127.0.0.1", 1) }

	for name, c := range map[string]struct {
		addr string
		sec  Security
	}{
		"TLS":             {k.TLS, Security{TLS: true, CAFile: k.CA}},
		"TLS, other name": {byIP(k.TLS), Security{TLS: true, CAFile: k.CA, ServerName: "localhost"}},
		"TLS, any name":   {byIP(k.TLS), Security{TLS: true, CAFile: k.CA, AnyName: true}},
		"mutual TLS":      {k.Mutual, Security{TLS: true, CAFile: k.CA, CertFile: k.Cert, KeyFile: k.Key}},
		"PLAIN":           {k.Login, login(config.SASLPlain, testkafka.Password)},
		"SCRAM-256":       {k.Login, login(config.SASLScram256, testkafka.Password)},
		"SCRAM-512":       {k.Login, login(config.SASLScram512, testkafka.Password)},
		"PLAIN, TLS":      {k.LoginTLS, overTLS(login(config.SASLPlain, testkafka.Password))},
		"SCRAM-256, TLS":  {k.LoginTLS, overTLS(login(config.SASLScram256, testkafka.Password))},
		"SCRAM-512, TLS":  {k.LoginTLS, overTLS(login(config.SASLScram512, testkafka.Password))},
		"OAUTH, file":     {k.OAuth, oauth(OAuth{TokenFile: tokenFile})},
		"OAUTH, endpoint": {k.OAuth, oauth(byEndpoint)},
		"nothing (plain)": {k.Addr, Security{}},
	} {
		t.Run(name, func(t *testing.T) {
			o := testOptions(c.addr, topic)
			o.Security = c.sec
			consume(t, newSpec(t, o), nil).until(want)
		})
	}
	if given.Load() == 0 {
		t.Error("no token was asked for")
	}
	expired := filepath.Join(t.TempDir(), "expired")
	writeToken(t, expired, unsecured(-time.Minute))
	wrongSecret := byEndpoint
	wrongSecret.ClientSecret = "hush"

	for name, c := range map[string]struct {
		addr string
		sec  Security
		want string
	}{
		"no TLS to TLS":          {k.TLS, Security{}, "perhaps this port speaks TLS"},
		"TLS to no TLS":          {k.Addr, Security{TLS: true}, "does not speak TLS on this port"},
		"unknown authority":      {k.TLS, Security{TLS: true}, "leads to no certificate in the CA file (ssl_ca_file"},
		"other authority":        {k.TLS, Security{TLS: true, CAFile: k.OtherCA}, "leads to no certificate in the CA file"},
		"other, any name":        {k.TLS, Security{TLS: true, CAFile: k.OtherCA, AnyName: true}, "leads to no certificate in the CA file"},
		"wrong name":             {byIP(k.TLS), Security{TLS: true, CAFile: k.CA}, "the broker's certificate is for another name"},
		"no certificate":         {k.Mutual, Security{TLS: true, CAFile: k.CA}, "asks for a client certificate that it trusts"},
		"stranger's certificate": {k.Mutual, Security{TLS: true, CAFile: k.CA, CertFile: k.OtherCert, KeyFile: k.OtherKey}, "TLS: the broker"},
		"key of another":         {k.Mutual, Security{TLS: true, CAFile: k.CA, CertFile: k.Cert, KeyFile: k.OtherKey}, "private key does not match"},
		"PLAIN, wrong password":  {k.Login, login(config.SASLPlain, "hush"), `PLAIN user "ann": wrong user, password or token`},
		"SCRAM, wrong password":  {k.LoginTLS, overTLS(login(config.SASLScram512, "hush")), `SCRAM-SHA-512 user "ann": wrong user, password or token`},
		"no login":               {k.Login, Security{}, "perhaps this port speaks TLS or asks for a login"},
		"login where none is":    {k.Addr, login(config.SASLPlain, "hush"), "asks for no login (SASL) on this port"},
		"other mechanism":        {k.OAuth, login(config.SASLPlain, "hush"), "does not offer the mechanism PLAIN"},
		"expired token":          {k.OAuth, oauth(OAuth{TokenFile: expired}), "OAUTHBEARER: wrong user, password or token"},
		"no token":               {k.OAuth, oauth(OAuth{TokenFile: expired + "x"}), "no such file"},
		"wrong client":           {k.OAuth, oauth(wrongSecret), "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			o := testOptions(c.addr, topic)
			o.Security = c.sec
			s := newSpec(t, o)
			r := consume(t, s, nil)
			for r.r.Status().Waiting == "" {
				r.wait()
			}
			_, err := s.End(nil)
			for _, text := range []string{r.r.Status().Waiting, fmt.Sprint(err)} {
				if !strings.Contains(text, c.want) || strings.Contains(text, "hush") || strings.Contains(text, "client-secret") {
					t.Errorf("want %q in %q", c.want, text)
				}
			}
		})
	}
	t.Run("renewed", func(t *testing.T) { testRenewed(t, k, topic, want) })
}

// testRenewed: a password that is put right, and a token that expires while it
// is in use and is renewed in its file, need no new reader.
func testRenewed(t *testing.T, k *testkafka.SecureServer, topic string, want source.Offsets) {
	o := testOptions(k.Login, topic)
	o.Security = Security{Mechanism: config.SASLScram256, Username: testkafka.User, Password: "wrong"}
	s := newSpec(t, o)
	r := consume(t, s, nil)
	for r.r.Status().Waiting == "" {
		r.wait()
	}
	right := o.Security
	right.Password = testkafka.Password
	if !s.SetSecurity(right) {
		t.Fatal("the password was not taken")
	}
	r.until(want)

	file := filepath.Join(t.TempDir(), "token")
	writeToken(t, file, unsecured(4*time.Second))
	o = testOptions(k.OAuth, topic)
	o.Security = Security{Mechanism: config.SASLOAuthBearer, OAuth: OAuth{TokenFile: file}}
	r = consume(t, newSpec(t, o), nil)
	r.until(want)
	for r.r.Status().Waiting == "" { // the broker asks again, and the token is too old by then
		r.wait()
	}
	writeToken(t, file, unsecured(time.Hour))
	cl := producer(t, k.Addr)
	produceRows(t, cl, topic, 2, 20, 22)
	r.until(source.Offsets{0: want[0] + 1, 1: want[1] + 1})
}
