package auth

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

func TestTokensRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	ctx := context.Background()
	b.user("root", adminPassword, "Admin")
	good := b.login("root", adminPassword).Token
	if _, err := b.VerifyToken(ctx, good, home); err != nil {
		t.Fatal(err)
	}
	now := b.clock.now()
	base := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(good, base); err != nil {
		t.Fatal(err)
	}
	kid := keyName([]byte(testSecret))
	make := func(method jwt.SigningMethod, key any, header map[string]any, change jwt.MapClaims) string {
		c := maps.Clone(base)
		for k, v := range change {
			if v == nil {
				delete(c, k)
			} else {
				c[k] = v
			}
		}
		tok := jwt.NewWithClaims(method, c)
		tok.Header["kid"] = kid
		maps.Copy(tok.Header, header)
		s, err := tok.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	secret := []byte(testSecret)
	hs := jwt.SigningMethodHS256
	if _, err := b.VerifyToken(ctx, make(hs, secret, nil, nil), home); err != nil {
		t.Fatalf("the test's own token: %v", err)
	}
	part := strings.Split(good, ".")
	admin := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"root","typ":"access"}`))
	for what, tok := range map[string]string{
		"an extension": make(hs, secret, map[string]any{"crit": []string{"b64"}, "b64": true}, nil), "empty": "", "not one": "eyJ.x", "no signature": part[0] + "." + part[1] + ".", "other payload": part[0] + "." + admin + "." + part[2],
		"other secret":  make(hs, []byte("another secret of thirty-two bytes"), nil, nil),
		"alg none":      make(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, nil),
		"HS512":         make(jwt.SigningMethodHS512, secret, nil, nil),
		"HS384":         make(jwt.SigningMethodHS384, secret, nil, nil),
		"unknown key":   make(hs, secret, map[string]any{"kid": "0123456789abcdef"}, nil),
		"key no text":   make(hs, secret, map[string]any{"kid": 7}, nil),
		"issuer":        make(hs, secret, nil, jwt.MapClaims{"iss": "somebody"}),
		"no issuer":     make(hs, secret, nil, jwt.MapClaims{"iss": nil}),
		"audience":      make(hs, secret, nil, jwt.MapClaims{"aud": []string{"somebody"}}),
		"no audience":   make(hs, secret, nil, jwt.MapClaims{"aud": nil}),
		"expired":       make(hs, secret, nil, jwt.MapClaims{"exp": now.Unix()}),
		"no expiry":     make(hs, secret, nil, jwt.MapClaims{"exp": nil}),
		"expiry a text": make(hs, secret, nil, jwt.MapClaims{"exp": "soon"}),
		"not yet":       make(hs, secret, nil, jwt.MapClaims{"nbf": now.Unix() + 5}),
		"no nbf":        make(hs, secret, nil, jwt.MapClaims{"nbf": nil}),
		"issued later":  make(hs, secret, nil, jwt.MapClaims{"iat": now.Unix() + 5}),
		"type":          make(hs, secret, nil, jwt.MapClaims{"typ": "refresh"}),
		"no type":       make(hs, secret, nil, jwt.MapClaims{"typ": nil}),
		"no id":         make(hs, secret, nil, jwt.MapClaims{"jti": nil}),
		"version":       make(hs, secret, nil, jwt.MapClaims{"ver": "x"}),
		"no version":    make(hs, secret, nil, jwt.MapClaims{"ver": nil}),
		"no user":       make(hs, secret, nil, jwt.MapClaims{"sub": "nobody"}),
		"no login time": make(hs, secret, nil, jwt.MapClaims{"auth_time": nil}),
		"long":          good + strings.Repeat("A", maxToken),
	} {
		if id, err := b.VerifyToken(ctx, tok, home); !pgerr.Is(err, pgerr.InvalidAuthorization) {
			t.Errorf("%s: %+v %v", what, id, err)
		}
	}
	b.clock.add(time.Hour)
	_, err := b.VerifyToken(ctx, good, home)
	if err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("at its end: %v", err)
	}
}

func TestKeyRotation(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	ctx := context.Background()
	b.user("root", adminPassword, "Admin")
	old := b.login("root", adminPassword).Token
	next := strings.Repeat("n", MinSecret)
	works := func(tok string) bool {
		_, err := b.VerifyToken(ctx, tok, home)
		return err == nil
	}
	wantCode(t, "rotate", b.SetSecrets(next, testSecret), "")
	fresh := b.login("root", adminPassword).Token
	if !works(old) || !works(fresh) {
		t.Error("two secrets at a time")
	}
	wantCode(t, "short", b.SetSecrets("short", ""), pgerr.ConfigFileError)
	wantCode(t, "end the old one", b.SetSecrets(next, ""), "")
	if works(old) || !works(fresh) {
		t.Error("the old secret still counts")
	}
	wantCode(t, "random", b.SetSecrets("", ""), "")
	if works(fresh) {
		t.Error("a removed secret still counts")
	}
	random := b.login("root", adminPassword).Token
	wantCode(t, "random goes on", b.SetSecrets("", ""), "")
	if !works(random) {
		t.Error("a reload ended the tokens")
	}
}

func TestRefreshAndLogout(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	ctx := context.Background()
	b.user("root", adminPassword, "Admin")
	tok := b.login("root", adminPassword).Token
	next, err := b.Refresh(ctx, tok, home)
	wantCode(t, "refresh", err, "")
	_, err = b.VerifyToken(ctx, tok, home)
	wantCode(t, "the refreshed one", err, pgerr.InvalidAuthorization)
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := b.Refresh(ctx, next.Token, home); err == nil {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d refreshes of one token", won.Load())
	}
	tok, other := b.login("root", adminPassword).Token, b.login("root", adminPassword).Token
	wantCode(t, "logout", b.Logout(ctx, tok, home), "")
	wantCode(t, "logout twice", b.Logout(ctx, tok, home), pgerr.InvalidAuthorization)
	b.restart()
	_, err = b.VerifyToken(ctx, tok, home)
	wantCode(t, "after a restart", err, pgerr.InvalidAuthorization)
	if _, err = b.VerifyToken(ctx, other, home); err != nil {
		t.Errorf("another token: %v", err)
	}
	// What has expired is forgotten.
	b.clock.add(2 * time.Hour)
	wantCode(t, "logout", b.Logout(ctx, b.login("root", adminPassword).Token, home), "")
	if n := len(b.st.revoked); n != 1 {
		t.Errorf("%d revoked tokens are kept", n)
	}
	// Refreshing does not go on for ever.
	cur := b.login("root", adminPassword)
	last := b.clock.now().Add(maxSession)
	for n := 0; ; n++ {
		b.clock.add(59 * time.Minute)
		got, err := b.Refresh(ctx, cur.Token, home)
		if err != nil {
			if b.clock.now().Before(last.Add(-time.Hour)) {
				t.Errorf("refused at %v already: %v", b.clock.now(), err)
			}
			break
		}
		if cur = got; cur.ExpiresAt.After(last) || n > 1000 {
			t.Fatalf("a token until %v of a login that ends at %v", cur.ExpiresAt, last)
		}
	}
}

// Changes of a user end his tokens at once.
func TestTokensEndWithChanges(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	ctx := context.Background()
	b.user("root", adminPassword, "Admin")
	b.user("amy", "amy's password", "Viewer")
	pw, off, on := "another password", false, true
	for what, c := range map[string]UserChange{
		"password": {Password: &pw}, "roles": {AddRoles: []string{"Operator"}}, "fewer": {RemoveRoles: []string{"viewer"}}, "disable": {Enabled: &off},
	} {
		wantCode(t, "reset", b.AlterUser(ctx, System(), "amy", UserChange{Enabled: &on, Roles: &[]string{"Viewer"}}), "")
		p := "amy's password"
		wantCode(t, "reset", b.AlterUser(ctx, System(), "amy", UserChange{Password: &p}), "")
		tok := b.login("amy", p).Token
		b.takeRevoked()
		wantCode(t, what, b.AlterUser(ctx, System(), "amy", c), "")
		_, err := b.VerifyToken(ctx, tok, home)
		wantCode(t, "token after "+what, err, pgerr.InvalidAuthorization)
		if r := b.takeRevoked(); fmt.Sprint(r) != "[amy]" {
			t.Errorf("%s: revoked %v", what, r)
		}
	}
	// A new user of an old name has nothing of the old one's.
	b.user("bob", "bob's password", "Viewer")
	tok := b.login("bob", "bob's password").Token
	wantCode(t, "grant", b.GrantOn(ctx, System(), []Grantee{{GranteeUser, "bob"}}, []uint32{7}, AllPrivileges), "")
	wantCode(t, "drop", b.DropUser(ctx, System(), "bob"), "")
	b.user("bob", "bob's password")
	_, err := b.VerifyToken(ctx, tok, home)
	wantCode(t, "token of the old bob", err, pgerr.InvalidAuthorization)
	if p := b.PrivilegesOn(b.id("bob"), 7); p != 0 {
		t.Errorf("the new bob has %v", p.Names())
	}
}

// The table of revoked tokens is bounded: who fills his part of it loses all
// his tokens, and nobody else does.
func TestRevokedIsBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	ctx := context.Background()
	b.user("root", adminPassword, "Admin")
	b.user("amy", "amy's password")
	root, other := b.login("root", adminPassword).Token, b.login("amy", "amy's password").Token
	cur := b.login("amy", "amy's password")
	for range maxRevokedUser + 1 {
		next, err := b.Refresh(ctx, cur.Token, home)
		wantCode(t, "refresh", err, "")
		cur = next
	}
	if n := len(b.st.revoked); n > maxRevokedUser {
		t.Errorf("%d entries", n)
	}
	_, err := b.VerifyToken(ctx, other, home)
	wantCode(t, "another token of amy's", err, pgerr.InvalidAuthorization)
	for _, tok := range []string{cur.Token, root} {
		if _, err := b.VerifyToken(ctx, tok, home); err != nil {
			t.Error(err)
		}
	}
}

func FuzzVerifyToken(f *testing.F) {
	b := newBench(f, nil)
	b.user("root", adminPassword, "Admin")
	good := b.login("root", adminPassword).Token
	f.Add(good)
	f.Add("eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0.")
	f.Add("eyJ..")
	f.Fuzz(func(t *testing.T, tok string) {
		if id, err := b.VerifyToken(context.Background(), tok, home); err == nil && tok != good {
			t.Fatalf("%q is accepted as %+v", tok, id)
		}
	})
}
