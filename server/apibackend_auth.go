package server

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/server/api"
	"github.com/heliosdb/heliosdb-streaming/server/auth"
)

// caller is what the backend keeps of who sent a request.
type caller struct {
	id    auth.Identity
	token string
}

// callerOf is the caller behind an identity; the zero caller for nil.
func callerOf(id *api.Identity) caller {
	if id == nil {
		return caller{}
	}
	c, _ := id.Handle.(caller)
	return c
}

// anybody is the name of callers while authentication is off.
const anybody = "anybody"

// permissions pairs the API's words with package auth's.
var permissions = []struct {
	word api.Permission
	bit  auth.Permission
}{
	{api.Read, auth.Read}, {api.Write, auth.Write}, {api.Execute, auth.Execute}, {api.Delete, auth.Delete},
	{api.Admin, auth.Admin}, {api.Cancel, auth.Cancel}, {api.Manage, auth.Manage},
}

// Authenticate implements api.Backend.
func (b *apiBackend) Authenticate(ctx context.Context, token, remote string) (*api.Identity, error) {
	a := b.s.auth
	if a.Disabled() {
		return apiIdentity(a.Anybody(anybody, remote), ""), nil
	}
	if token == "" {
		return nil, api.ErrUnauthorized("this needs a token")
	}
	id, err := a.VerifyRequest(ctx, token, remote)
	if err != nil {
		return nil, api.ErrUnauthorized(pgerr.From(err).Message)
	}
	return apiIdentity(id, token), nil
}

func apiIdentity(id auth.Identity, token string) *api.Identity {
	out := &api.Identity{Name: id.Name, Roles: append([]string{}, id.Roles...), Expires: id.Expires, Handle: caller{id: id, token: token}}
	for _, p := range permissions {
		if id.Permissions.Has(p.bit) {
			out.Permissions = append(out.Permissions, p.word)
		}
	}
	return out
}

// Allow implements api.Backend.
func (b *apiBackend) Allow(user, remote string) error { return limited(b.s.auth.Allow(user, remote)) }

// limited tells a refusal by a limit from others, with the time to wait.
func limited(err error) error {
	var many *auth.TooMany
	if errors.As(err, &many) {
		return &api.Problem{Kind: api.RateLimited, Detail: many.Err.Message, Hint: many.Err.Hint, RetryAfter: many.RetryAfter}
	}
	return err
}

// Audit implements api.Backend.
func (b *apiBackend) Audit(e api.AuditEvent) {
	b.s.audit.Record(auth.Event{
		Time: time.Now(), Event: auth.EventAdmin, User: e.User, Address: e.Remote, Outcome: e.Outcome,
		Detail: fmt.Sprintf("%s %s; HTTP status %d; request %s", e.Action, e.Object, e.Status, e.Request),
	})
}

// Register implements api.AuthBackend.
func (b *apiBackend) Register(ctx context.Context, by *api.Identity, u api.NewUser, remote string) (api.User, error) {
	disabled := u.Enabled != nil && !*u.Enabled
	if by != nil {
		err := b.s.auth.CreateUser(ctx, callerOf(by).id, auth.UserSpec{Name: u.Username, Password: u.Password, Roles: u.Roles, Disabled: disabled})
		if err != nil {
			return api.User{}, limited(err)
		}
		return b.User(ctx, u.Username)
	}
	if disabled {
		return api.User{}, &api.Problem{Kind: api.BadRequest, Detail: "the first user cannot be disabled"}
	}
	info, err := b.s.auth.Register(ctx, nil, remote, auth.Registration{Username: u.Username, Password: u.Password, Roles: u.Roles, SetupToken: u.SetupToken})
	if err != nil {
		return api.User{}, limited(err)
	}
	return apiUser(info), nil
}

func apiUser(info auth.UserInfo) api.User {
	u := api.User{
		Username: info.Name, Roles: append([]string{}, info.Roles...), Permissions: info.Permissions.Names(), Enabled: info.Enabled, CreatedAt: info.Created,
	}
	if info.FromFile {
		u.Source = "rbac_file"
	}
	return u
}

// Login implements api.AuthBackend.
func (b *apiBackend) Login(ctx context.Context, username, password, remote string) (api.Token, error) {
	if b.s.auth.Disabled() {
		return api.Token{}, &api.Problem{Kind: api.Conflict, Detail: "authentication is off: everybody may do everything, without a token",
			Hint: "[security] authentication_enabled turns it on."}
	}
	t, err := b.s.auth.Login(ctx, username, password, remote)
	return apiToken(t), limited(err)
}

func apiToken(t auth.Token) api.Token {
	return api.Token{Token: t.Token, ExpiresAt: t.ExpiresAt, Roles: append([]string{}, t.Roles...)}
}

// Refresh implements api.AuthBackend.
func (b *apiBackend) Refresh(ctx context.Context, id *api.Identity) (api.Token, error) {
	c := callerOf(id)
	if c.token == "" {
		return api.Token{}, noToken()
	}
	t, err := b.s.auth.Refresh(ctx, c.token, c.id.Address)
	b.s.endTokens()
	return apiToken(t), err
}

// Logout implements api.AuthBackend.
func (b *apiBackend) Logout(ctx context.Context, id *api.Identity) error {
	c := callerOf(id)
	if c.token == "" {
		return noToken()
	}
	err := b.s.auth.Logout(ctx, c.token, c.id.Address)
	b.s.endTokens()
	return err
}

func noToken() error {
	return &api.Problem{Kind: api.Conflict, Detail: "authentication is off: there are no tokens"}
}

// Users implements api.AuthBackend.
func (b *apiBackend) Users(context.Context) ([]api.User, error) {
	out := []api.User{}
	for _, u := range b.s.auth.Users() {
		out = append(out, apiUser(u))
	}
	return out, nil
}

// User implements api.AuthBackend.
func (b *apiBackend) User(_ context.Context, name string) (api.User, error) {
	info, ok := b.s.auth.User(name)
	if !ok {
		return api.User{}, &api.Problem{Kind: api.NotFound, Detail: "there is no user " + strconv.Quote(name), SQLState: pgerr.UndefinedObject}
	}
	return apiUser(info), nil
}

// UpdateUser implements api.AuthBackend.
func (b *apiBackend) UpdateUser(ctx context.Context, by *api.Identity, name string, p api.UserPatch) (api.User, error) {
	if _, err := b.User(ctx, name); err != nil {
		return api.User{}, err
	}
	c := auth.UserChange{Password: p.Password, Enabled: p.Enabled}
	if p.Roles != nil {
		c.Roles = &p.Roles
	}
	if err := b.s.auth.AlterUser(ctx, callerOf(by).id, name, c); err != nil {
		return api.User{}, limited(err)
	}
	return b.User(ctx, name)
}

// DeleteUser implements api.AuthBackend.
func (b *apiBackend) DeleteUser(ctx context.Context, by *api.Identity, name string) error {
	if _, err := b.User(ctx, name); err != nil {
		return err
	}
	return b.s.auth.DropUser(ctx, callerOf(by).id, name)
}

// Reload implements api.AdminBackend.
func (b *apiBackend) Reload(context.Context, *api.Identity) (api.Reloaded, error) {
	load := b.s.reloads.load
	if load == nil {
		return api.Reloaded{}, &api.Problem{Kind: api.Conflict, Detail: "the server was started without a configuration that can be read again"}
	}
	next, err := load()
	if err != nil {
		return api.Reloaded{}, &api.Problem{Kind: api.Conflict, Detail: "the configuration was not reloaded; all that was in force stays: " + err.Error()}
	}
	r := config.Reload(b.s.reloads.started, b.s.Config(), next)
	out := api.Reloaded{Changed: r.Changed, Warnings: append([]string{}, next.Warnings...)}
	for _, key := range r.Restart {
		out.Warnings = append(out.Warnings, key+" needs a restart and keeps its old value until then")
	}
	if err := b.s.Reload(next); err != nil {
		out.Warnings = append(out.Warnings, err.Error())
	}
	return out, nil
}
