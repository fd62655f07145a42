package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// provider is an OpenID Connect provider as far as a server sees it.
type provider struct {
	t    testing.TB
	keys map[string]crypto.Signer
	set  atomic.Pointer[[]byte]
	srv  *httptest.Server
}

func newProvider(t testing.TB) *provider {
	p := &provider{t: t, keys: map[string]crypto.Signer{}}
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p.keys = map[string]crypto.Signer{"rsa": r, "ec": e, "ed": ed}
	p.publish("rsa", "ec", "ed")
	p.srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(*p.set.Load()) }))
	t.Cleanup(p.srv.Close)
	return p
}

// publish sets the keys that the provider shows.
func (p *provider) publish(names ...string) {
	var out struct {
		Keys []jwkset.JWKMarshal `json:"keys"`
	}
	for _, n := range names {
		k, err := jwkset.NewJWKFromKey(p.keys[n].Public(), jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: n}})
		if err != nil {
			p.t.Fatal(err)
		}
		out.Keys = append(out.Keys, k.Marshal())
	}
	b, err := json.Marshal(out)
	if err != nil {
		p.t.Fatal(err)
	}
	p.set.Store(&b)
}

func (p *provider) token(m jwt.SigningMethod, kid string, key any, c jwt.MapClaims) string {
	t := jwt.NewWithClaims(m, c)
	t.Header["kid"] = kid
	s, err := t.SignedString(key)
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

func TestOIDC(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	p.publish("rsa", "ec")
	b := newBench(t, func(o *Options) {
		o.OIDC = OIDCOptions{URL: p.srv.URL, Issuer: "https://login.example.com", Audience: "heliosdb", RolesClaim: "realm_access.roles"}
	})
	b.user("root", adminPassword, "Admin")
	ctx, now := context.Background(), b.clock.now()
	claims := func(change jwt.MapClaims) jwt.MapClaims {
		c := jwt.MapClaims{"iss": "https://login.example.com", "aud": []string{"other", "heliosdb"}, "sub": "root", "exp": now.Add(time.Hour).Unix(),
			"realm_access": map[string]any{"roles": []any{"viewer", "Superuser", 7, "OPERATOR"}}}
		for k, v := range change {
			if v == nil {
				delete(c, k)
			} else {
				c[k] = v
			}
		}
		return c
	}
	rs := jwt.SigningMethodRS256
	for what, tok := range map[string]string{
		"RS256": p.token(rs, "rsa", p.keys["rsa"], claims(nil)),
		"ES256": p.token(jwt.SigningMethodES256, "ec", p.keys["ec"], claims(nil)),
	} {
		id, err := b.VerifyToken(ctx, tok, home)
		if err != nil || id.Name != "oidc:root" || !id.External || !slices.Equal(id.Roles, []string{"Operator", "Viewer"}) || id.Permissions.Has(Admin) {
			t.Errorf("%s: %+v %v", what, id, err)
		}
		wantCode(t, "read", b.Authorize(id, Read), "")
		wantCode(t, "drop", b.Authorize(id, Delete), pgerr.InsufficientPrivilege)
		wantCode(t, "create a user", b.CreateUser(ctx, id, UserSpec{Name: "x"}), pgerr.InsufficientPrivilege)
		pw := "another password"
		wantCode(t, "the local root's password", b.AlterUser(ctx, id, "root", UserChange{Password: &pw}), pgerr.InsufficientPrivilege)
	}
	pub, err := json.Marshal("x")
	if err != nil {
		t.Fatal(err)
	}
	other := newProvider(t)
	for what, tok := range map[string]string{
		"another key":   p.token(rs, "rsa", other.keys["rsa"], claims(nil)),
		"key unknown":   p.token(jwt.SigningMethodEdDSA, "ed2", p.keys["ed"], claims(nil)),
		"RS512":         p.token(jwt.SigningMethodRS512, "rsa", p.keys["rsa"], claims(nil)),
		"PS256":         p.token(jwt.SigningMethodPS256, "rsa", p.keys["rsa"], claims(nil)),
		"HS256":         p.token(jwt.SigningMethodHS256, "rsa", pub, claims(nil)),
		"our secret":    p.token(jwt.SigningMethodHS256, keyName([]byte(testSecret)), []byte(testSecret), claims(nil)),
		"none":          p.token(jwt.SigningMethodNone, "rsa", jwt.UnsafeAllowNoneSignatureType, claims(nil)),
		"issuer":        p.token(rs, "rsa", p.keys["rsa"], claims(jwt.MapClaims{"iss": "https://login.example.org"})),
		"our issuer":    p.token(rs, "rsa", p.keys["rsa"], claims(jwt.MapClaims{"iss": defaultIssuer})),
		"audience":      p.token(rs, "rsa", p.keys["rsa"], claims(jwt.MapClaims{"aud": "other"})),
		"no audience":   p.token(rs, "rsa", p.keys["rsa"], claims(jwt.MapClaims{"aud": nil})),
		"expired":       p.token(rs, "rsa", p.keys["rsa"], claims(jwt.MapClaims{"exp": now.Add(-time.Minute).Unix()})),
		"no expiry":     p.token(rs, "rsa", p.keys["rsa"], claims(jwt.MapClaims{"exp": nil})),
		"not yet":       p.token(rs, "rsa", p.keys["rsa"], claims(jwt.MapClaims{"nbf": now.Add(time.Minute).Unix()})),
		"no subject":    p.token(rs, "rsa", p.keys["rsa"], claims(jwt.MapClaims{"sub": nil})),
		"long subject":  p.token(rs, "rsa", p.keys["rsa"], claims(jwt.MapClaims{"sub": strings.Repeat("x", 300)})),
		"subject a bel": p.token(rs, "rsa", p.keys["rsa"], claims(jwt.MapClaims{"sub": "a\u0007"})),
	} {
		if id, err := b.VerifyToken(ctx, tok, home); !pgerr.Is(err, pgerr.InvalidAuthorization) {
			t.Errorf("%s: %+v %v", what, id, err)
		}
	}
	tok := p.token(rs, "rsa", p.keys["rsa"], claims(nil))
	_, err = b.Refresh(ctx, tok, home)
	wantCode(t, "refresh", err, pgerr.FeatureNotSupported)
	at, err := b.Begin("root", home, "token")
	wantCode(t, "begin", err, "")
	id, err := at.Token(ctx, tok)
	if err != nil || id.Name != "oidc:root" {
		t.Errorf("as a password: %+v %v", id, err)
	}
	wantCode(t, "logout", b.Logout(ctx, tok, home), "")
	b.restart()
	_, err = b.VerifyToken(ctx, tok, home)
	wantCode(t, "logged out", err, pgerr.InvalidAuthorization)
	if _, err := b.VerifyToken(ctx, b.login("root", adminPassword).Token, home); err != nil {
		t.Errorf("a token of our own: %v", err)
	}
}

// Keys that the provider adds later are found.
func TestOIDCNewKey(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	p.publish("rsa")
	b := newBench(t, func(o *Options) { o.OIDC = OIDCOptions{URL: p.srv.URL, Issuer: "i", Audience: "a"} })
	c := jwt.MapClaims{"iss": "i", "aud": "a", "sub": "s", "exp": b.clock.now().Add(time.Hour).Unix(), "roles": "Viewer unknown"}
	p.publish("rsa", "ed")
	id, err := b.VerifyToken(context.Background(), p.token(jwt.SigningMethodEdDSA, "ed", p.keys["ed"], c), home)
	if err != nil || !slices.Equal(id.Roles, []string{"Viewer"}) {
		t.Errorf("%+v %v", id, err)
	}
}

func TestOIDCOptions(t *testing.T) {
	t.Parallel()
	for _, o := range []OIDCOptions{
		{URL: "http://example.com/jwks", Issuer: "i", Audience: "a"}, {URL: "nonsense", Issuer: "i", Audience: "a"},
		{URL: "https://example.com/jwks", Issuer: "i"}, {URL: "https://example.com/jwks", Audience: "a"},
	} {
		_, err := New(Options{OIDC: o, BcryptCost: 4})
		wantCode(t, o.URL, err, pgerr.ConfigFileError)
	}
}
