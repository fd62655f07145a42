package auth

import (
	"context"
	"encoding/hex"
	"errors"
	"maps"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// TokenOptions are how API tokens are made: JWTs (RFC 7519) under HMAC-SHA256.
type TokenOptions struct {
	// Secret signs, at least MinSecret bytes; empty: a random one, so that
	// tokens end with the process. Previous still verifies.
	Secret, Previous string
	Lifetime         time.Duration // default 24 h
	Issuer, Audience string        // default "heliosdb-streaming"
}

// Bounds of tokens.
const (
	MinSecret       = 32 // bytes
	maxToken        = 16 << 10
	maxSession      = 30 * 24 * time.Hour // refreshes end this long after the login
	maxRevoked      = 20_000              // revoked tokens that have not expired
	maxRevokedUser  = 1_000               // of one user
	typeAccess      = "access"
	defaultLifetime = 24 * time.Hour
	defaultIssuer   = "heliosdb-streaming"
)

func (o *TokenOptions) fill() {
	if o.Lifetime <= 0 {
		o.Lifetime = defaultLifetime
	}
	if o.Issuer == "" {
		o.Issuer = defaultIssuer
	}
	if o.Audience == "" {
		o.Audience = defaultIssuer
	}
}

// Token is what a login answers.
type Token struct {
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expires_at"`
	Roles     []string  `json:"roles"`
}

// tokenKeys are the secrets by the name that tokens have for them (kid).
type tokenKeys struct {
	current string
	by      map[string][]byte
}

func keyName(secret []byte) string {
	return hex.EncodeToString(hmacSHA256(secret, "heliosdb token key name")[:8])
}

// SetSecrets changes the secrets: the first signs, both verify. With an empty
// first one the random secret of this process goes on.
func (a *Auth) SetSecrets(current, previous string) error {
	keys := tokenKeys{by: map[string][]byte{}}
	for _, s := range []string{previous, current} {
		if s == "" {
			continue
		}
		if len(s) < MinSecret {
			return pgerr.New(pgerr.ConfigFileError, "a token secret is shorter than %d bytes", MinSecret).
				WithHint("openssl rand -base64 32 makes one; see [security] jwt_secret.")
		}
		keys.current = keyName([]byte(s))
		keys.by[keys.current] = []byte(s)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if current == "" {
		random := a.keys.by[a.keys.current]
		if random == nil || a.opts.Tokens.Secret != "" {
			random = randomBytes(MinSecret)
		}
		keys.current = keyName(random)
		keys.by[keys.current] = random
	}
	a.opts.Tokens.Secret, a.keys = current, keys
	return nil
}

// SetTokenLifetime changes how long tokens last that are made from now on.
func (a *Auth) SetTokenLifetime(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.opts.Tokens.Lifetime = d
}

// claims of our own tokens.
type claims struct {
	jwt.RegisteredClaims
	Type string `json:"typ"`
	// Version is the user's token version: another one ends all his tokens.
	Version  string           `json:"ver"`
	AuthTime *jwt.NumericDate `json:"auth_time"`
}

// issue makes a token for somebody who has just logged in.
func (a *Auth) issue(id Identity) (Token, error) {
	now := a.now()
	a.mu.RLock()
	acc := a.account(id.Name)
	a.mu.RUnlock()
	if acc == nil || !acc.enabled {
		return Token{}, wrongPassword(id.Name)
	}
	return a.sign(acc, randomID(), now, now)
}

func (a *Auth) sign(acc *account, jti string, now, authTime time.Time) (Token, error) {
	a.mu.RLock()
	o, keys := a.opts.Tokens, a.keys
	a.mu.RUnlock()
	now = now.UTC().Truncate(time.Second)
	expires := now.Add(o.Lifetime)
	if end := authTime.Add(maxSession); expires.After(end) && o.Lifetime < maxSession {
		expires = end.UTC().Truncate(time.Second)
	}
	t := jwt.NewWithClaims(jwt.SigningMethodHS256, &claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: o.Issuer, Audience: jwt.ClaimStrings{o.Audience}, Subject: acc.name, ID: jti,
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(expires),
		},
		Type: typeAccess, Version: acc.version, AuthTime: jwt.NewNumericDate(authTime),
	})
	t.Header["kid"] = keys.current
	s, err := t.SignedString(keys.by[keys.current])
	if err != nil {
		return Token{}, pgerr.Internal("signing a token: %v", err)
	}
	return Token{Token: s, ExpiresAt: expires, Roles: append([]string{}, acc.roles...)}, nil
}

// LooksLikeToken reports whether a password is in the form of a JWT.
func LooksLikeToken(s string) bool {
	return strings.HasPrefix(s, "eyJ") && strings.Count(s, ".") == 2 && len(s) <= maxToken
}

// VerifyToken says who holds a token: one of ours, or, if a provider is
// configured, one of its own. An error is 28000.
func (a *Auth) VerifyToken(ctx context.Context, raw, addr string) (Identity, error) {
	if !LooksLikeToken(raw) {
		return Identity{}, invalidToken("it has not the form of one")
	}
	var id Identity
	err := error(nil)
	if a.oidc != nil && a.oidc.claims(raw) {
		id, err = a.oidc.verify(ctx, raw)
	} else {
		id, err = a.verifyOwn(raw)
	}
	if err != nil {
		return Identity{}, err
	}
	id.Address = addr
	a.mu.RLock()
	defer a.mu.RUnlock()
	if _, gone := a.st.revoked[id.tokenID]; gone {
		return Identity{}, invalidToken("it was logged out")
	}
	if id.External {
		if id.Roles, err = a.knownRoles(id.Roles); err != nil {
			return Identity{}, err
		}
		id.Permissions = a.permissions(id.Roles)
	}
	return id, nil
}

// VerifyRequest is VerifyToken for a request of the HTTP API: a token that came
// there may also be a password of SCRAM.
func (a *Auth) VerifyRequest(ctx context.Context, raw, addr string) (Identity, error) {
	id, err := a.VerifyToken(ctx, raw, addr)
	if err == nil && !id.External {
		a.seen(id, raw)
	}
	return id, err
}

func (a *Auth) verifyOwn(raw string) (Identity, error) {
	a.mu.RLock()
	keys, o := a.keys, a.opts.Tokens
	a.mu.RUnlock()
	var c claims
	_, err := jwt.ParseWithClaims(raw, &c, func(t *jwt.Token) (any, error) {
		if err := noExtensions(t); err != nil {
			return nil, err
		}
		kid, _ := t.Header["kid"].(string)
		key := keys.by[kid]
		if key == nil {
			return nil, errors.New("signed with an unknown key")
		}
		return key, nil
	}, jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithIssuer(o.Issuer), jwt.WithAudience(o.Audience),
		jwt.WithExpirationRequired(), jwt.WithNotBeforeRequired(), jwt.WithIssuedAt(), jwt.WithStrictDecoding(), jwt.WithTimeFunc(a.now))
	switch {
	case errors.Is(err, jwt.ErrTokenExpired) && !errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return Identity{}, invalidToken("it has expired")
	case err != nil || c.Type != typeAccess || c.ID == "" || c.AuthTime == nil:
		return Identity{}, invalidToken("it is not one of this server's")
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	acc := a.account(c.Subject)
	if acc == nil || !acc.enabled || acc.version == "" || acc.version != c.Version {
		return Identity{}, invalidToken("its user was changed since, or may not log in")
	}
	return Identity{
		Name: acc.name, Roles: acc.roles, Permissions: a.permissions(acc.roles),
		Expires: c.ExpiresAt.Time, tokenID: c.ID, tokenVersion: c.Version, authTime: c.AuthTime.Time,
	}, nil
}

// noExtensions refuses a token whose meaning hangs on an extension that must be
// understood (RFC 7515, section 4.1.11): none is here.
func noExtensions(t *jwt.Token) error {
	if _, ok := t.Header["crit"]; ok {
		return errors.New("the header's crit names an extension")
	}
	return nil
}

// TokenEnded reports whether the token that somebody came with was logged out
// or ended with a change of its user, since. It says nothing of its expiry.
func (a *Auth) TokenEnded(id Identity) bool {
	if id.tokenID == "" {
		return false
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	if _, gone := a.st.revoked[id.tokenID]; gone {
		return true
	}
	acc := a.account(id.Name)
	return !id.External && (acc == nil || acc.version != id.tokenVersion)
}

// Refresh gives a new token for one that is still valid, which ends with that.
func (a *Auth) Refresh(ctx context.Context, raw, addr string) (Token, error) {
	id, err := a.VerifyToken(ctx, raw, addr)
	if err != nil {
		return Token{}, err
	}
	var tok Token
	err = a.audited(id, EventRefresh, "", func() error {
		now := a.now()
		switch {
		case id.External:
			return pgerr.New(pgerr.FeatureNotSupported, "a token of another issuer is refreshed there")
		case now.Sub(id.authTime) >= maxSession:
			return invalidToken("the login is too long ago")
		}
		if err := a.revoke(id); err != nil {
			return err
		}
		acc := a.find(id.Name)
		if acc == nil || !acc.enabled {
			return invalidToken("its user was changed since, or may not log in")
		}
		tok, err = a.sign(acc, randomID(), now, id.authTime)
		return err
	})
	if err == nil {
		a.made(ctx, id.Name, tok)
	}
	return tok, err
}

// Logout ends a token.
func (a *Auth) Logout(ctx context.Context, raw, addr string) error {
	id, err := a.VerifyToken(ctx, raw, addr)
	if err != nil {
		return err
	}
	return a.audited(id, EventLogout, "", func() error { return a.revoke(id) })
}

// revoke ends one token. If the table is full, or the user has too much of it,
// all his tokens end: his version changes, and his entries go.
func (a *Auth) revoke(id Identity) error {
	a.change.Lock()
	defer a.change.Unlock()
	a.pruneRevoked()
	if _, gone := a.st.revoked[id.tokenID]; gone {
		return invalidToken("it was logged out")
	}
	mine := 0
	for _, r := range a.st.revoked {
		if r.User == id.Name {
			mine++
		}
	}
	if mine < maxRevokedUser && len(a.st.revoked) < maxRevoked {
		return a.commit(&record{Revoked: []revokedRec{{ID: id.tokenID, User: id.Name, Until: id.Expires}}})
	}
	if id.External {
		return pgerr.New(pgerr.ConfigurationLimitExceeded, "too many tokens are logged out; this one ends at %s", id.Expires.UTC().Format(time.RFC3339))
	}
	acc := a.account(id.Name)
	if acc == nil {
		return noSuchUser(id.Name)
	}
	if acc.file {
		f := *a.st.files[acc.name]
		f.Version = randomID()
		return a.commit(&record{FileUsers: []*fileUserRec{&f}})
	}
	u := *a.st.users[acc.name]
	u.Version = randomID()
	return a.commit(&record{Users: []*userRec{&u}})
}

// pruneRevoked drops what has expired; change is held. Nothing is logged: what
// comes back from the log has expired as well.
func (a *Auth) pruneRevoked() {
	now := a.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.DeleteFunc(a.st.revoked, func(_ string, r revokedRec) bool { return now.After(r.Until.Add(clockLeeway)) })
}

// knownRoles are those of the names that are roles here, in their own spelling;
// mu is held.
func (a *Auth) knownRoles(names []string) ([]string, error) {
	var known []string
	for _, n := range names {
		if r, ok := a.role(n); ok {
			known = append(known, r.Name)
		}
	}
	return a.canonical(known)
}
