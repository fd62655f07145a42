package auth

import (
	"context"
	"slices"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// UserSpec describes a new user.
type UserSpec struct {
	Name string
	// Password in clear; empty: none, so that only a client certificate or, with
	// Verifier, SCRAM lets him in.
	Password string
	// Verifier is PostgreSQL's text of a SCRAM-SHA-256 verifier, in place of
	// Password.
	Verifier string
	Roles    []string
	Disabled bool
}

// UserChange says what becomes different; nil and empty fields stay.
type UserChange struct {
	Password *string
	Verifier string
	// NoPassword takes the password away.
	NoPassword  bool
	Enabled     *bool
	Roles       *[]string // all roles from now on
	AddRoles    []string
	RemoveRoles []string
}

// onlyPassword reports whether nothing but the password changes.
func (c UserChange) onlyPassword() bool {
	return (c.Password != nil || c.Verifier != "") && !c.NoPassword && c.Enabled == nil && c.Roles == nil && len(c.AddRoles)+len(c.RemoveRoles) == 0
}

// credentials are a password's two hashes.
type credentials struct{ bcrypt, scram string }

func (a *Auth) credentials(ctx context.Context, user, password, verifier string) (credentials, error) {
	switch {
	case verifier != "":
		v, err := ParseVerifier(verifier)
		if err != nil {
			return credentials{}, err
		}
		return credentials{scram: v.String()}, nil
	case password == "":
		return credentials{}, nil
	}
	if err := CheckPassword(user, password); err != nil {
		return credentials{}, err
	}
	h, s, err := a.hash.make(ctx, password, a.opts.ScramIterations)
	return credentials{h, s}, err
}

// CreateUser makes a user. It needs Admin.
func (a *Auth) CreateUser(ctx context.Context, by Identity, spec UserSpec) error {
	return a.audited(by, EventUserCreate, "user "+clip(spec.Name)+rolesDetail(spec.Roles), func() error {
		if err := a.needAdmin(by, "create users"); err != nil {
			return err
		}
		return a.createUser(ctx, spec, nil)
	})
}

// createUser checks and stores a user; allowed is asked once no other change
// can come between.
func (a *Auth) createUser(ctx context.Context, spec UserSpec, allowed func() error) error {
	if err := checkName("user", spec.Name); err != nil {
		return err
	}
	cred, err := a.credentials(ctx, spec.Name, spec.Password, spec.Verifier)
	if err != nil {
		return err
	}
	a.change.Lock()
	defer a.change.Unlock()
	if allowed != nil {
		if err := allowed(); err != nil {
			return err
		}
	}
	if a.account(spec.Name) != nil {
		return pgerr.New(pgerr.DuplicateObject, "user \"%s\" already exists", spec.Name)
	}
	if len(a.st.users) >= MaxUsers {
		return pgerr.New(pgerr.ProgramLimitExceeded, "there are %d users already, the most there may be", MaxUsers)
	}
	roles, err := a.canonical(spec.Roles)
	if err != nil {
		return err
	}
	return a.commit(&record{Users: []*userRec{{
		Name: spec.Name, Bcrypt: cred.bcrypt, Scram: cred.scram, Roles: roles, Disabled: spec.Disabled,
		Version: randomID(), Created: a.now().UTC(),
	}}})
}

// canonical brings names of roles into their own spelling, sorted, once each;
// mu or change is held.
func (a *Auth) canonical(names []string) ([]string, error) {
	var out []string
	for _, n := range names {
		r, ok := a.role(n)
		if !ok {
			return nil, noSuchRole(n)
		}
		out = append(out, r.Name)
	}
	slices.Sort(out)
	out = slices.Compact(out)
	if len(out) > MaxRolesPerUser {
		return nil, pgerr.New(pgerr.ProgramLimitExceeded, "a user may have %d roles at most", MaxRolesPerUser)
	}
	return out, nil
}

// AlterUser changes a user. It needs Admin, unless somebody changes his own
// password. Tokens that were issued before end, and so do connections.
func (a *Auth) AlterUser(ctx context.Context, by Identity, name string, c UserChange) error {
	err := a.audited(by, EventUserAlter, "user "+clip(name)+c.detail(), func() error {
		if !c.onlyPassword() || by.External || by.Name != name {
			if err := a.needAdmin(by, "change users"); err != nil {
				return err
			}
		}
		pw := ""
		if c.Password != nil {
			if pw = *c.Password; pw == "" {
				return pgerr.New(pgerr.InvalidParameterValue, "the password is empty")
			}
		}
		cred, err := a.credentials(ctx, name, pw, c.Verifier)
		if err != nil {
			return err
		}
		a.change.Lock()
		defer a.change.Unlock()
		u, err := a.stored(name)
		if err != nil {
			return err
		}
		n := *u
		n.Version = randomID()
		if cred != (credentials{}) || c.NoPassword {
			n.Bcrypt, n.Scram = cred.bcrypt, cred.scram
		}
		if c.Enabled != nil {
			n.Disabled = !*c.Enabled
		}
		if n.Roles, err = a.newRoles(u.Roles, c); err != nil {
			return err
		}
		if err := a.keepsAdmin(&n, ""); err != nil {
			return err
		}
		return a.commit(&record{Users: []*userRec{&n}})
	})
	if err == nil {
		a.tell(name)
	}
	return err
}

// detail describes a change for the audit log.
func (c UserChange) detail() string {
	var d strings.Builder
	if c.Password != nil || c.Verifier != "" {
		d.WriteString(", new password")
	}
	if c.NoPassword {
		d.WriteString(", no password")
	}
	if c.Enabled != nil {
		d.WriteString(map[bool]string{true: ", enabled", false: ", disabled"}[*c.Enabled])
	}
	if c.Roles != nil {
		d.WriteString(rolesDetail(*c.Roles))
	}
	if len(c.AddRoles) > 0 {
		d.WriteString(", and" + rolesDetail(c.AddRoles)[1:])
	}
	if len(c.RemoveRoles) > 0 {
		d.WriteString(", without" + rolesDetail(c.RemoveRoles)[1:])
	}
	return d.String()
}

func rolesDetail(roles []string) string {
	var names []string
	for _, r := range roles[:min(len(roles), MaxRolesPerUser)] {
		names = append(names, clip(r))
	}
	return ", roles [" + strings.Join(names, " ") + "]"
}

// newRoles are a user's roles after a change.
func (a *Auth) newRoles(old []string, c UserChange) ([]string, error) {
	roles := old
	if c.Roles != nil {
		roles = *c.Roles
	}
	gone, err := a.canonical(c.RemoveRoles)
	if err != nil {
		return nil, err
	}
	roles = slices.DeleteFunc(append(slices.Clone(roles), c.AddRoles...), func(r string) bool {
		return slices.ContainsFunc(gone, func(g string) bool { return strings.EqualFold(g, r) })
	})
	if c.Roles == nil && len(c.AddRoles) == 0 {
		return roles, nil
	}
	return a.canonical(roles)
}

// stored finds a user who can be changed here; change is held.
func (a *Auth) stored(name string) (*userRec, error) {
	switch acc := a.account(name); {
	case acc == nil:
		return nil, noSuchUser(name)
	case acc.file:
		return nil, inFile("user", name)
	}
	return a.st.users[name], nil
}

// keepsAdmin refuses a change after which nobody could administer the server:
// instead stands for the user of its name, and gone is dropped.
func (a *Auth) keepsAdmin(instead *userRec, gone string) error {
	before := false
	for _, n := range a.userNames() {
		acc := a.account(n)
		if acc.enabled && a.permissions(acc.roles).Has(Admin) {
			before = true
			if n == gone {
				continue
			}
			if instead == nil || instead.Name != n || !instead.Disabled && a.permissions(instead.Roles).Has(Admin) {
				return nil
			}
		}
	}
	if !before {
		return nil
	}
	return pgerr.New(pgerr.ObjectNotInPrerequisiteState, "nobody would be left who may administer users").
		WithHint("Give another user the role Admin first.")
}

// administered reports whether somebody may administer; change is held.
func (a *Auth) administered() bool {
	for _, n := range a.userNames() {
		if acc := a.account(n); acc.enabled && a.permissions(acc.roles).Has(Admin) {
			return true
		}
	}
	return false
}

// DropUser removes a user with his grants. It needs Admin.
func (a *Auth) DropUser(_ context.Context, by Identity, name string) error {
	err := a.audited(by, EventUserDrop, "user "+clip(name), func() error {
		if err := a.needAdmin(by, "drop users"); err != nil {
			return err
		}
		a.change.Lock()
		defer a.change.Unlock()
		if _, err := a.stored(name); err != nil {
			return err
		}
		if !by.External && by.Name == name {
			return pgerr.New(pgerr.ObjectInUse, "current user cannot be dropped")
		}
		if err := a.keepsAdmin(nil, name); err != nil {
			return err
		}
		return a.commit(&record{DropUsers: []string{name}})
	})
	if err == nil {
		a.tell(name)
	}
	return err
}

// Users lists all users by name.
func (a *Auth) Users() []UserInfo {
	a.mu.RLock()
	defer a.mu.RUnlock()
	var out []UserInfo
	for _, n := range a.userNames() {
		out = append(out, a.info(a.account(n)))
	}
	return out
}

// User describes one user.
func (a *Auth) User(name string) (UserInfo, bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	acc := a.account(name)
	if acc == nil {
		return UserInfo{}, false
	}
	return a.info(acc), true
}

func (a *Auth) info(acc *account) UserInfo {
	return UserInfo{
		Name: acc.name, Roles: slices.Clone(acc.roles), Permissions: a.permissions(acc.roles), Enabled: acc.enabled, FromFile: acc.file,
		HasPassword: acc.bcrypt != "" || acc.scram != "", HasScram: acc.scram != "", Created: acc.created,
	}
}
