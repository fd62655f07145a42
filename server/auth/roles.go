package auth

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// CreateRole makes a role with permissions, perhaps none: then it only holds
// grants on relations. It needs Admin.
func (a *Auth) CreateRole(_ context.Context, by Identity, name string, p Permissions) error {
	return a.audited(by, EventRoleCreate, "role "+clip(name)+", permissions ["+p.String()+"]", func() error {
		if err := a.needAdmin(by, "create roles"); err != nil {
			return err
		}
		if err := checkName("role", name); err != nil {
			return err
		}
		a.change.Lock()
		defer a.change.Unlock()
		if r, ok := a.role(name); ok {
			return pgerr.New(pgerr.DuplicateObject, "role \"%s\" already exists", r.Name)
		}
		if len(a.st.roles) >= MaxRoles {
			return pgerr.New(pgerr.ProgramLimitExceeded, "there are %d roles already, the most there may be", MaxRoles)
		}
		return a.commit(&record{Roles: []*roleRec{{Name: name, Permissions: p.Names()}}})
	})
}

// AlterRole gives a role other permissions, at once for all who have it. It
// needs Admin. The built-in roles stay as they are.
func (a *Auth) AlterRole(_ context.Context, by Identity, name string, p Permissions) error {
	return a.audited(by, EventRoleAlter, "role "+clip(name)+", permissions ["+p.String()+"]", func() error {
		if err := a.needAdmin(by, "change roles"); err != nil {
			return err
		}
		a.change.Lock()
		defer a.change.Unlock()
		r, err := a.storedRole(name)
		if err != nil {
			return err
		}
		if err := a.keepsAdminRole(r.Name, p); err != nil {
			return err
		}
		return a.commit(&record{Roles: []*roleRec{{Name: r.Name, Permissions: p.Names()}}})
	})
}

// keepsAdminRole refuses to take Admin from a role through which alone somebody
// may administer.
func (a *Auth) keepsAdminRole(name string, p Permissions) error {
	r, _ := a.role(name)
	if !r.Permissions.Has(Admin) || p.Has(Admin) {
		return nil
	}
	for _, n := range a.userNames() {
		acc := a.account(n)
		others := slices.DeleteFunc(slices.Clone(acc.roles), func(x string) bool { return strings.EqualFold(x, name) })
		if acc.enabled && a.permissions(others).Has(Admin) {
			return nil
		}
	}
	return pgerr.New(pgerr.ObjectNotInPrerequisiteState, "nobody would be left who may administer users").
		WithHint("Give a user the role Admin first.")
}

// DropRole removes a role that no user has, with its grants. It needs Admin.
func (a *Auth) DropRole(_ context.Context, by Identity, name string) error {
	return a.audited(by, EventRoleDrop, "role "+clip(name), func() error {
		if err := a.needAdmin(by, "drop roles"); err != nil {
			return err
		}
		a.change.Lock()
		defer a.change.Unlock()
		r, err := a.storedRole(name)
		if err != nil {
			return err
		}
		for _, n := range a.userNames() {
			if slices.Contains(a.account(n).roles, r.Name) || a.st.users[n] != nil && slices.Contains(a.st.users[n].Roles, r.Name) {
				return pgerr.New(pgerr.DependentObjectsStillExist, "role \"%s\" cannot be dropped because some objects depend on it", r.Name).
					WithDetail("User \"%s\" has it.", n)
			}
		}
		return a.commit(&record{DropRoles: []string{r.Name}})
	})
}

// storedRole finds a role that can be changed; change is held.
func (a *Auth) storedRole(name string) (RoleInfo, error) {
	r, ok := a.role(name)
	switch {
	case !ok:
		return r, noSuchRole(name)
	case r.FromFile:
		return r, inFile("role", r.Name)
	case r.BuiltIn:
		return r, pgerr.New(pgerr.ReservedName, "role \"%s\" is built in and cannot be changed", r.Name)
	}
	return r, nil
}

// Roles lists all roles by name.
func (a *Auth) Roles() []RoleInfo {
	a.mu.RLock()
	defer a.mu.RUnlock()
	names := map[string]bool{}
	for _, r := range builtIn {
		names[strings.ToLower(r.Name)] = true
	}
	for low := range a.st.roles {
		names[low] = true
	}
	if a.file != nil {
		for low := range a.file.roles {
			names[low] = true
		}
	}
	var out []RoleInfo
	for low := range names {
		r, _ := a.role(low)
		out = append(out, r)
	}
	slices.SortFunc(out, func(x, y RoleInfo) int { return cmp.Compare(x.Name, y.Name) })
	return out
}

// Role describes one role; its name may be in any case.
func (a *Auth) Role(name string) (RoleInfo, bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.role(name)
}
