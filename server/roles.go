package server

import (
	"context"
	"slices"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/server/auth"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
)

// roleStatement executes a statement about users and roles. A role that may log
// in is a user of package auth, another one is a role of it, which users have
// and which holds permissions.
func (x *session) roleStatement(c *call, st ast.Statement) (tag string, err error) {
	tag = roleTag(st)
	if err := x.schemaChange(c.ctx, tag); err != nil {
		return "", err
	}
	if x.s.auth.Disabled() {
		x.warn(warning(pgerr.Warning, "authentication is off: everybody may do everything").
			WithHint("[security] authentication_enabled"))
	}
	// A session that changes its own user goes on: it has proved who it is.
	x.altering.Store(true)
	defer x.altering.Store(false)
	switch st := st.(type) {
	case *ast.CreateRole:
		err = x.createRole(c.ctx, st)
	case *ast.AlterRole:
		err = x.alterRole(c.ctx, st)
	case *ast.DropRole:
		err = x.dropRoles(c.ctx, st)
	case *ast.GrantRole:
		err = x.grantRoles(c.ctx, st)
	case *ast.Grant:
		err = x.grant(c.ctx, st)
	}
	return tag, err
}

func roleTag(st ast.Statement) string {
	switch st := st.(type) {
	case *ast.CreateRole:
		return "CREATE ROLE"
	case *ast.AlterRole:
		return "ALTER ROLE"
	case *ast.DropRole:
		return "DROP ROLE"
	case *ast.GrantRole:
		if st.Revoke {
			return "REVOKE ROLE"
		}
		return "GRANT ROLE"
	case *ast.Grant:
		if st.Revoke {
			return "REVOKE"
		}
	}
	return "GRANT"
}

// roleWish is what the options of CREATE and ALTER ROLE ask for; nil and false:
// nothing.
type roleWish struct {
	login, super *bool
	password     *string // in clear, or a verifier
	noPassword   bool
	permissions  *auth.Permissions
	in           []ast.RoleSpec // roles to have
}

// wish reads the options. Those for which PostgreSQL has a meaning that there is
// none for here are refused, unless they ask for what is so anyway.
func (x *session) wish(opts []ast.RoleOption) (*roleWish, error) {
	w := &roleWish{}
	for i := range opts {
		o := &opts[i]
		switch o.Name {
		case "login":
			w.login = &o.On
		case "superuser":
			w.super = &o.On
		case "password":
			w.password, w.noPassword = o.Text, o.Text == nil
		case "permissions":
			p, err := auth.ParsePermissions(o.Names)
			if err != nil {
				return nil, pgerr.From(err).At(o.Position())
			}
			w.permissions = &p
		case "in role":
			w.in = o.Roles
		case "inherit":
			if !o.On {
				return nil, pgerr.Unsupported(o.Position(), "NOINHERIT")
			}
		case "connection limit":
			if o.Count != -1 {
				return nil, pgerr.Unsupported(o.Position(), "CONNECTION LIMIT")
			}
		case "valid until":
			if !strings.EqualFold(*o.Text, "infinity") {
				return nil, pgerr.Unsupported(o.Position(), "VALID UNTIL")
			}
		case "role", "admin":
			return nil, pgerr.Unsupported(o.Position(), "CREATE ROLE … %s", strings.ToUpper(o.Name)).WithHint("Use GRANT.")
		default: // createdb, createrole, replication, bypassrls
			if o.On {
				return nil, pgerr.Unsupported(o.Position(), "%s", strings.ToUpper(o.Name)).
					WithHint("Give the role Admin, or PERMISSIONS (…): %s.", auth.AllPermissions)
			}
		}
	}
	return w, nil
}

func (x *session) createRole(ctx context.Context, st *ast.CreateRole) error {
	w, err := x.wish(st.Options)
	if err != nil {
		return err
	}
	a := x.s.auth
	_, isRole := a.Role(st.Name)
	_, isUser := a.User(st.Name)
	if isRole || isUser {
		if st.IfNotExists {
			n := notice("role \"%s\" already exists, skipping", st.Name)
			n.Code = pgerr.DuplicateObject
			x.warn(n)
			return nil
		}
		return pgerr.New(pgerr.DuplicateObject, "role \"%s\" already exists", st.Name)
	}
	roles, err := x.roleNames(w.in)
	if err != nil {
		return err
	}
	if login := st.User && w.login == nil || w.login != nil && *w.login; !login {
		return x.createPlainRole(ctx, st.Name, w)
	}
	if w.permissions != nil {
		return pgerr.Unsupported(st.Position(), "PERMISSIONS of a role that may log in").
			WithHint("Make a role with them (CREATE ROLE … PERMISSIONS (…)) and grant it.")
	}
	if w.super != nil && *w.super {
		roles = append(roles, auth.RoleAdmin)
	}
	spec := auth.UserSpec{Name: st.Name, Roles: roles}
	switch {
	case w.password != nil && auth.IsVerifier(*w.password):
		spec.Verifier = *w.password
	case w.password != nil:
		spec.Password, err = passwordOf(*w.password)
	}
	if err != nil {
		return err
	}
	return a.CreateUser(ctx, x.who(), spec)
}

// createPlainRole makes a role that nobody logs in as.
func (x *session) createPlainRole(ctx context.Context, name string, w *roleWish) error {
	switch {
	case w.password != nil:
		return pgerr.New(pgerr.FeatureNotSupported, "a role that may not log in has no password").WithHint("Say LOGIN, or CREATE USER.")
	case len(w.in) > 0:
		return pgerr.New(pgerr.FeatureNotSupported, "a role in a role is not supported").WithHint("Grant both to the users.")
	}
	var p auth.Permissions
	if w.permissions != nil {
		p = *w.permissions
	}
	if w.super != nil && *w.super {
		p = auth.AllPermissions
	}
	return x.s.auth.CreateRole(ctx, x.who(), name, p)
}

// passwordOf refuses hashes that are no SCRAM verifiers: stored as a password
// they would be one that everybody who saw the hash knows.
func passwordOf(s string) (string, error) {
	switch {
	case strings.HasPrefix(s, "md5") && len(s) == 35:
		return "", pgerr.New(pgerr.InvalidParameterValue, "MD5 hashes are not accepted as passwords").
			WithHint("Give the password itself, or a SCRAM-SHA-256 verifier, as psql's \\password makes it.")
	case strings.HasPrefix(s, "$2") && len(s) == 60:
		return "", pgerr.New(pgerr.InvalidParameterValue, "bcrypt hashes are accepted in the RBAC file only").
			WithHint("Give the password itself, or a SCRAM-SHA-256 verifier, as psql's \\password makes it.")
	}
	return s, nil
}

func (x *session) alterRole(ctx context.Context, st *ast.AlterRole) error {
	w, err := x.wish(st.Options)
	if err != nil {
		return err
	}
	name, err := x.roleName(st.Role)
	if err != nil {
		return err
	}
	a := x.s.auth
	if _, ok := a.User(name); !ok {
		if _, ok := a.Role(name); ok {
			return x.alterPlainRole(ctx, st, name, w)
		}
		return noRole(name)
	}
	if w.permissions != nil {
		return pgerr.Unsupported(st.Position(), "PERMISSIONS of a role that may log in").WithHint("Grant it a role that has them.")
	}
	c := auth.UserChange{Enabled: w.login, NoPassword: w.noPassword}
	switch {
	case w.password == nil:
	case auth.IsVerifier(*w.password):
		c.Verifier = *w.password
	default:
		pw, err := passwordOf(*w.password)
		if err != nil {
			return err
		}
		c.Password = &pw
	}
	switch {
	case w.super == nil:
	case *w.super:
		c.AddRoles = []string{auth.RoleAdmin}
	default:
		c.RemoveRoles = []string{auth.RoleAdmin}
	}
	return a.AlterUser(ctx, x.who(), name, c)
}

func (x *session) alterPlainRole(ctx context.Context, st *ast.AlterRole, name string, w *roleWish) error {
	switch {
	case w.login != nil && *w.login, w.password != nil:
		return pgerr.New(pgerr.FeatureNotSupported, "a role that users have cannot become a user").WithHint("CREATE USER with another name.")
	case w.super != nil && w.permissions == nil:
		p := auth.Permissions(0)
		if *w.super {
			p = auth.AllPermissions
		}
		w.permissions = &p
	}
	if w.permissions == nil {
		return x.permit([]right{{need: auth.Admin}}, "ALTER ROLE")
	}
	return x.s.auth.AlterRole(ctx, x.who(), name, *w.permissions)
}

func (x *session) dropRoles(ctx context.Context, st *ast.DropRole) error {
	a := x.s.auth
	if err := x.permit([]right{{need: auth.Admin}}, "DROP ROLE"); err != nil {
		return err
	}
	// All are looked up before the first is dropped.
	var names []string
	for _, r := range st.Roles {
		if r.Special != "" {
			return pgerr.New(pgerr.InvalidParameterValue, "cannot use special role specifier in DROP ROLE").At(r.Position())
		}
		_, isUser := a.User(r.Name)
		_, isRole := a.Role(r.Name)
		switch {
		case isUser || isRole:
			names = append(names, r.Name)
		case st.IfExists:
			x.warn(notice("role \"%s\" does not exist, skipping", r.Name))
		default:
			return noRole(r.Name)
		}
	}
	for _, n := range names {
		var err error
		if _, ok := a.User(n); ok {
			err = a.DropUser(ctx, x.who(), n)
		} else {
			err = a.DropRole(ctx, x.who(), n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// roleName resolves a role as a statement names it.
func (x *session) roleName(r ast.RoleSpec) (string, error) {
	switch r.Special {
	case "current_user", "current_role":
		return x.currentUser(), nil
	case "session_user":
		return x.id.Name, nil
	case "public":
		return "", pgerr.New(pgerr.UndefinedObject, "role \"public\" does not exist").At(r.Position())
	}
	return r.Name, nil
}

// roleNames resolves roles that users can have.
func (x *session) roleNames(specs []ast.RoleSpec) ([]string, error) {
	var out []string
	for _, r := range specs {
		n, err := x.roleName(r)
		if err != nil {
			return nil, err
		}
		role, ok := x.s.auth.Role(n)
		if !ok {
			if _, isUser := x.s.auth.User(n); isUser {
				return nil, pgerr.New(pgerr.FeatureNotSupported, "\"%s\" may log in; such a role cannot be granted", n).
					WithHint("Grant the roles that it has.").At(r.Position())
			}
			return nil, noRole(n)
		}
		if !slices.Contains(out, role.Name) {
			out = append(out, role.Name)
		}
	}
	return out, nil
}

func noRole(name string) error {
	return pgerr.New(pgerr.UndefinedObject, "role \"%s\" does not exist", name)
}

// role is the role that was SET; "": none.
func (x *session) role() string {
	if v, _ := x.settings.get("role"); v != "none" {
		return v
	}
	return ""
}

// currentUser is current_user: the role that was SET, else who logged in.
func (x *session) currentUser() string {
	if r := x.role(); r != "" {
		return r
	}
	return x.id.Name
}

// checkRole is the value that SET ROLE name gives the parameter: one of the
// user's roles, or "none".
func (x *session) checkRole(name string) (string, error) {
	if strings.EqualFold(name, "none") || name == x.id.Name {
		return "none", nil
	}
	r, ok := x.s.auth.Role(name)
	if !ok {
		return "", pgerr.New(pgerr.InvalidParameterValue, "role \"%s\" does not exist", name)
	}
	u, known := x.s.auth.User(x.id.Name)
	if known && !u.Enabled && !x.s.auth.Disabled() {
		return "", pgerr.New(pgerr.InsufficientPrivilege, "permission denied to set role \"%s\"", name)
	}
	has := func(n string) bool { return strings.EqualFold(n, r.Name) }
	if !slices.ContainsFunc(u.Roles, has) && !(x.id.External && slices.ContainsFunc(x.id.Roles, has)) && !x.s.auth.Can(x.id, auth.Admin) {
		return "", pgerr.New(pgerr.InsufficientPrivilege, "permission denied to set role \"%s\"", name)
	}
	return r.Name, nil
}
