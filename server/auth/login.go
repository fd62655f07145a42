package auth

import (
	"context"
	"strings"
)

// Attempt is one login that has begun. It ends with one of Password, Token,
// Succeed and Fail, which note it in the audit log; a failure says nothing about
// why.
type Attempt struct {
	a                  *Auth
	user, addr, method string
	acc                *account // nil: no such user
}

// Begin begins a login of a user from an address (host:port or host); method is
// for the audit log: "http", "scram", "password", "certificate", "token". After
// too many failures it is a *TooMany.
func (a *Auth) Begin(user, addr, method string) (*Attempt, error) {
	if err := a.throttled(user, addr, method); err != nil {
		return nil, err
	}
	t := &Attempt{a: a, user: user, addr: addr, method: method}
	if len(user) <= MaxName {
		t.acc = a.find(user)
	}
	return t, nil
}

// NeedsCleartext reports whether the user has a bcrypt hash only: without the
// password in clear, under TLS, nothing can be checked.
func (t *Attempt) NeedsCleartext() bool {
	return t.acc != nil && t.acc.scram == "" && t.acc.bcrypt != ""
}

// Verifier is what SCRAM-SHA-256 is checked with. For a user without one it is
// made up, always the same, and no password belongs to it.
func (t *Attempt) Verifier() Verifier {
	if t.acc != nil && t.acc.scram != "" {
		if v, err := ParseVerifier(t.acc.scram); err == nil {
			return v
		}
	}
	t.a.mu.RLock()
	defer t.a.mu.RUnlock()
	return mockVerifier(t.a.st.mock, t.user, t.a.opts.ScramIterations)
}

// Password checks a password in clear. Of a user who had only one kind of hash
// the other is made and kept.
func (t *Attempt) Password(ctx context.Context, password string) (Identity, error) {
	var hash, scram string
	enabled := false
	if t.acc != nil {
		hash, scram, enabled = t.acc.bcrypt, t.acc.scram, t.acc.enabled
	}
	ok, err := t.a.hash.check(ctx, password, hash, scram, enabled)
	if err != nil {
		return Identity{}, err
	}
	if !ok || t.acc == nil {
		return Identity{}, t.Fail("wrong password, unknown or disabled user")
	}
	id, err := t.Succeed()
	if err == nil && (hash == "" || scram == "") {
		if err := t.a.complete(ctx, t.acc, password); err != nil {
			t.a.log.Warn("the other hash of a user's password cannot be kept; it is made again at the next login", "user", t.user, "error", err)
		}
	}
	return id, err
}

// Token checks an API token, or one of the OIDC provider, in place of a
// password: its subject must be the user.
func (t *Attempt) Token(ctx context.Context, token string) (Identity, error) {
	t.method = "token"
	id, err := t.a.VerifyToken(ctx, token, t.addr)
	if err != nil {
		return Identity{}, t.Fail("invalid token")
	}
	if id.Name != t.user && (!id.External || strings.TrimPrefix(id.Name, externalNamePrefix) != t.user) {
		return Identity{}, t.Fail("token of another user")
	}
	t.ok(id)
	return id, nil
}

// Succeed ends an attempt whose proof the caller has checked: a SCRAM exchange
// with Verifier, or a client certificate. It fails if the user does not exist,
// may not log in, or was changed meanwhile.
func (t *Attempt) Succeed() (Identity, error) {
	a := t.a
	a.mu.RLock()
	now := a.account(t.user)
	var id Identity
	good := t.acc != nil && now != nil && now.enabled && now.version == t.acc.version
	if good {
		id = Identity{Name: now.name, Address: t.addr, Roles: now.roles, Permissions: a.permissions(now.roles)}
	}
	a.mu.RUnlock()
	if !good {
		return Identity{}, t.Fail("unknown, disabled or changed user")
	}
	t.ok(id)
	return id, nil
}

func (t *Attempt) ok(id Identity) {
	t.a.loginsOK.Add(1)
	t.a.logins.succeeded(clip(t.user), addressKey(t.addr))
	t.a.record(id, EventLogin, OutcomeOK, t.method)
}

// Fail ends a failed attempt; the reason is for the audit log only. The error is
// what the client gets.
func (t *Attempt) Fail(reason string) error {
	t.a.loginsFailed.Add(1)
	t.a.logins.failed(clip(t.user), addressKey(t.addr))
	t.a.record(Identity{Name: clip(t.user), Address: t.addr}, EventLogin, OutcomeFailed, t.method+": "+reason)
	return wrongPassword(t.user)
}

// Logins counts logins since the start, by how they ended: throttled ones were
// refused unread.
func (a *Auth) Logins() (ok, failed, throttled int64) {
	return a.loginsOK.Load(), a.loginsFailed.Load(), a.loginsThrottled.Load()
}

// complete keeps the hash that a user lacked.
func (a *Auth) complete(ctx context.Context, acc *account, password string) error {
	hash, scram := acc.bcrypt, acc.scram
	var err error
	if scram == "" {
		if e := a.hash.run(ctx, func() { scram = NewVerifier(password, a.opts.ScramIterations).String() }); e != nil {
			return e
		}
	} else if len(password) >= MinPassword {
		if e := a.hash.run(ctx, func() { hash, err = bcryptHash(password, a.hash.cost) }); e != nil || err != nil {
			return firstError(e, err)
		}
	}
	a.change.Lock()
	defer a.change.Unlock()
	now := a.account(acc.name)
	if now == nil || now.version != acc.version || now.bcrypt != acc.bcrypt || now.scram != acc.scram {
		return nil // changed meanwhile: it is for the next login
	}
	if now.file {
		f := *a.st.files[acc.name]
		f.Scram, f.Hash = scram, digest(now.bcrypt)
		return a.commit(&record{FileUsers: []*fileUserRec{&f}})
	}
	u := *a.st.users[acc.name]
	u.Bcrypt, u.Scram = hash, scram
	return a.commit(&record{Users: []*userRec{&u}})
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Login checks a name and a password and gives a token, for the HTTP API.
func (a *Auth) Login(ctx context.Context, user, password, addr string) (Token, error) {
	t, err := a.Begin(user, addr, "http")
	if err != nil {
		return Token{}, err
	}
	id, err := t.Password(ctx, password)
	if err != nil {
		return Token{}, err
	}
	tok, err := a.issue(id)
	if err == nil {
		a.made(ctx, id.Name, tok)
	}
	return tok, err
}
