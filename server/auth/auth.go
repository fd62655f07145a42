package auth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// Options of New. Only Persist is needed; zero values are the defaults.
type Options struct {
	// Disabled makes everybody Admin who comes, under any name.
	Disabled bool
	// Dir gets the file "setup-token" while there is no user.
	Dir string
	// RBACFile is the file of users and roles; empty: none.
	RBACFile string
	Tokens   TokenOptions
	OIDC     OIDCOptions
	Limits   RateLimit
	// Persist makes a record durable before it returns.
	Persist func(record []byte) error
	// Confirm, if set, is called after the record was applied; its error says that
	// the outcome of the change is not known.
	Confirm func() error
	// Audit gets what happens; nil: nothing is kept.
	Audit  *Audit
	Logger *slog.Logger
	Now    func() time.Time

	// BcryptCost of new hashes, default DefaultBcryptCost.
	BcryptCost int
	// ScramIterations of new verifiers, default DefaultScramIterations.
	ScramIterations int
}

// Auth is the users, roles, grants and tokens of one server. All methods may be
// called from any goroutine.
type Auth struct {
	opts   Options
	log    *slog.Logger
	now    func() time.Time
	hash   *hasher
	logins *throttle
	limits *limiter
	setup  *setupToken
	oidc   *oidc
	proofs *tokenProofs

	loginsOK, loginsFailed, loginsThrottled atomic.Int64

	// change is held while something is changed, from the first look until it
	// is durable and seen by all.
	change sync.Mutex
	// mu guards what follows; it is never held while something waits.
	mu      sync.RWMutex
	st      *state
	file    *rbacFile // nil: none
	keys    tokenKeys
	revoked []func(user string)
}

// New makes the state of a server without users. Restore and Apply bring back
// what was; then Start.
func New(opts Options) (*Auth, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.BcryptCost == 0 {
		opts.BcryptCost = DefaultBcryptCost
	}
	if opts.ScramIterations == 0 {
		opts.ScramIterations = DefaultScramIterations
	}
	opts.Tokens.fill()
	a := &Auth{opts: opts, log: opts.Logger, now: opts.Now, st: newState(), setup: newSetupToken(opts.Dir), proofs: newTokenProofs()}
	a.st.mock = randomBytes(32)
	a.logins, a.limits = newThrottle(opts.Now), newLimiter(opts.Now)
	var err error
	if a.hash, err = newHasher(opts.BcryptCost); err != nil {
		return nil, err
	}
	if err := a.SetSecrets(opts.Tokens.Secret, opts.Tokens.Previous); err != nil {
		return nil, err
	}
	a.limits.set(opts.Limits)
	if opts.OIDC.URL != "" {
		if a.oidc, err = newOIDC(opts.OIDC, a.log, a.now); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// Start reads the RBAC file and, when there is no user then, makes the setup
// token. Call it after recovery, when Persist works.
func (a *Auth) Start(context.Context) error {
	if err := a.LoadRBAC(a.opts.RBACFile); err != nil {
		return err
	}
	if a.opts.Disabled {
		return nil
	}
	a.change.Lock()
	defer a.change.Unlock()
	if a.hasUsers() {
		if !a.administered() {
			a.log.Warn("no user may administer the server: give one the role Admin in the RBAC file", "file", a.opts.RBACFile)
		}
		return a.setup.remove()
	}
	path, err := a.setup.create()
	if err != nil {
		return err
	}
	a.log.Warn("there is no user yet: register the first with the setup token in this file", "path", path)
	return nil
}

// Close ends what runs in the background.
func (a *Auth) Close() {
	if a.oidc != nil {
		a.oidc.close()
	}
}

// Disabled reports whether nobody is asked who he is.
func (a *Auth) Disabled() bool { return a.opts.Disabled }

// Anybody is the identity of a client while authentication is disabled.
func (a *Auth) Anybody(name, addr string) Identity {
	return Identity{Name: name, Address: addr, Roles: []string{RoleAdmin}, Permissions: AllPermissions}
}

// OnRevoke has fn called with the name of each user who was dropped, disabled,
// got other roles or another password: his connections end. It is called
// without locks, after the change is durable.
func (a *Auth) OnRevoke(fn func(user string)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.revoked = append(a.revoked, fn)
}

// Apply repeats a logged change.
func (a *Auth) Apply(p []byte) error {
	r, err := decodeRecord(p)
	if err != nil {
		return err
	}
	a.mu.Lock()
	a.st.apply(r)
	a.watchCosts()
	a.mu.Unlock()
	if a.opts.Confirm != nil {
		return a.opts.Confirm()
	}
	return nil
}

// Snapshot is the state for an epoch: it holds every change whose record was
// durable when it was called.
func (a *Auth) Snapshot() ([]byte, error) {
	a.change.Lock()
	defer a.change.Unlock()
	b, err := json.Marshal(a.st.record())
	if err != nil {
		return nil, pgerr.Internal("encoding users and roles: %v", err)
	}
	return b, nil
}

// Restore replaces the state by a snapshot; an empty one is the state without
// users.
func (a *Auth) Restore(snapshot []byte) error {
	st := newState()
	st.mock = a.st.mock
	if len(snapshot) > 0 {
		r, err := decodeRecord(snapshot)
		if err != nil {
			return err
		}
		st.apply(r)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.st = st
	a.watchCosts()
	return nil
}

// ForgetRelations ends the grants on relations that were dropped. It is not
// logged: the statement that drops them is, and repeats it.
func (a *Auth) ForgetRelations(oids ...uint32) {
	if len(oids) == 0 {
		return
	}
	a.change.Lock()
	defer a.change.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.st.forgetRelations(oids)
}

// commit makes a change durable, then visible. The caller holds change.
func (a *Auth) commit(r *record) error {
	if r.empty() {
		return nil
	}
	r.Mock = a.st.mock
	b, err := json.Marshal(r)
	if err != nil {
		return pgerr.Internal("encoding a change of users or roles: %v", err)
	}
	if err := a.opts.Persist(b); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.st.apply(r)
	a.watchCosts()
	return nil
}

// tell calls those who end connections.
func (a *Auth) tell(users ...string) {
	a.mu.RLock()
	fns := slices.Clone(a.revoked)
	a.mu.RUnlock()
	for _, u := range users {
		for _, fn := range fns {
			fn(u)
		}
	}
}

// watchCosts has failed logins take as long as the dearest hash; mu is held.
func (a *Auth) watchCosts() {
	for _, u := range a.st.users {
		a.hash.seen(u.Bcrypt)
	}
	if a.file != nil {
		for _, u := range a.file.users {
			a.hash.seen(u.Hash)
		}
	}
}

// account is a user as it counts: the file's entry, or the stored one.
type account struct {
	name, bcrypt, scram string
	roles               []string
	enabled, file       bool
	version             string
	created             time.Time
}

// account finds a user; mu or change is held.
func (a *Auth) account(name string) *account {
	if a.file != nil {
		if f := a.file.users[name]; f != nil {
			acc := &account{name: name, bcrypt: f.Hash, roles: f.Roles, enabled: f.Enabled, file: true}
			if kept := a.st.files[name]; kept != nil {
				acc.version = kept.Version
				if kept.Hash == digest(f.Hash) {
					acc.scram = kept.Scram
				}
			}
			return acc
		}
	}
	u := a.st.users[name]
	if u == nil {
		return nil
	}
	return &account{name: name, bcrypt: u.Bcrypt, scram: u.Scram, roles: u.Roles, enabled: !u.Disabled, version: u.Version, created: u.Created}
}

// find is account for readers.
func (a *Auth) find(name string) *account {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.account(name)
}

// userNames lists all users; mu or change is held.
func (a *Auth) userNames() []string {
	var names []string
	for n := range a.st.users {
		names = append(names, n)
	}
	if a.file != nil {
		for n := range a.file.users {
			if a.st.users[n] == nil {
				names = append(names, n)
			}
		}
	}
	slices.Sort(names)
	return names
}

func (a *Auth) hasUsers() bool { return len(a.st.users) > 0 || a.file != nil && len(a.file.users) > 0 }

// role finds a role by its name in any case; mu or change is held.
func (a *Auth) role(name string) (RoleInfo, bool) {
	low := strings.ToLower(name)
	if a.file != nil {
		if r, ok := a.file.roles[low]; ok {
			return r, true
		}
	}
	for _, r := range builtIn {
		if strings.ToLower(r.Name) == low {
			return r, true
		}
	}
	if r := a.st.roles[low]; r != nil {
		p, _ := ParsePermissions(r.Permissions)
		return RoleInfo{Name: r.Name, Permissions: p}, true
	}
	return RoleInfo{}, false
}

// permissions are what roles allow together; mu or change is held.
func (a *Auth) permissions(roles []string) Permissions {
	var p Permissions
	for _, name := range roles {
		if r, ok := a.role(name); ok {
			p |= r.Permissions
		}
	}
	return p
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

// randomID is a name that nobody guesses, of 128 bits.
func randomID() string { return base64.RawURLEncoding.EncodeToString(randomBytes(16)) }
