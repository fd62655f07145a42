package auth

import (
	"fmt"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// Object is a relation that a statement touches, with what it does to it.
type Object struct {
	OID  uint32
	Kind string // as messages call it: "table", "view", "materialized view"
	Name string
	Need Privileges
}

// Authorize reports whether somebody may do what needs a permission; nil: he
// may. Grants of the needed privileges on all objects do instead of the
// permission. A refusal is 42501 in PostgreSQL's words, and in the audit log.
// A statement that both reads and writes is asked for in two calls.
func (a *Auth) Authorize(id Identity, need Permission, objects ...Object) error {
	return a.AuthorizeStatement(id, "", need, objects...)
}

// AuthorizeStatement is Authorize for a statement, which the audit log names
// where no object says what was refused.
func (a *Auth) AuthorizeStatement(id Identity, sql string, need Permission, objects ...Object) error {
	perms, lacking, known := a.weigh(id, need, objects)
	switch {
	case !known:
		return pgerr.New(pgerr.InvalidAuthorization, "user \"%s\" may not log in", clip(id.Name))
	case perms.Has(need) || lacking == nil && len(objects) > 0:
		return nil
	}
	var err *pgerr.Error
	detail := "permission " + need.String()
	if lacking != nil {
		detail += fmt.Sprintf(", %s %s", lacking.Kind, lacking.Name)
		err = pgerr.New(pgerr.InsufficientPrivilege, "permission denied for %s %s", lacking.Kind, lacking.Name).
			WithDetail("It needs %s on the %s, or permission %s, which these roles have: %s.",
				strings.Join(lacking.Need.Names(), ", "), lacking.Kind, need, a.rolesWith(need))
	} else {
		err = pgerr.New(pgerr.InsufficientPrivilege, "permission denied: this needs permission %s", need).
			WithDetail("These roles have it: %s.", a.rolesWith(need))
		if sql != "" {
			detail += ": " + RedactSQL(sql)
		}
	}
	a.record(id, EventDenied, OutcomeRefused, detail)
	return err
}

// Can is Authorize without objects, a message and the audit log.
func (a *Auth) Can(id Identity, need Permission) bool {
	perms, _, known := a.weigh(id, need, nil)
	return known && perms.Has(need)
}

// PermissionsOf is what somebody may do now.
func (a *Auth) PermissionsOf(id Identity) Permissions {
	perms, _, _ := a.weigh(id, 0, nil)
	return perms
}

// PrivilegesOn is what somebody may do with a relation now, by permissions and
// grants.
func (a *Auth) PrivilegesOn(id Identity, oid uint32) Privileges {
	perms, _, known := a.weigh(id, 0, nil)
	if !known {
		return 0
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	p := a.granted(id, a.rolesOf(id), oid)
	if perms.Has(Read) {
		p |= Privileges(Select)
	}
	if perms.Has(Write) {
		p |= Privileges(Insert | Update | DeleteRows)
	}
	return p
}

// weigh looks up what somebody may do, the first object that he lacks a grant
// on, and whether he still may log in.
func (a *Auth) weigh(id Identity, need Permission, objects []Object) (perms Permissions, lacking *Object, known bool) {
	if a.opts.Disabled || id.system {
		return AllPermissions, nil, true
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	if !id.External {
		if acc := a.account(id.Name); acc == nil || !acc.enabled {
			return 0, nil, false
		}
	}
	roles := a.rolesOf(id)
	perms = a.permissions(roles)
	if need != 0 && perms.Has(need) {
		return perms, nil, true
	}
	for i := range objects {
		o := &objects[i]
		if o.Need == 0 || !a.granted(id, roles, o.OID).Has(o.Need) {
			return perms, o, true
		}
	}
	return perms, nil, true
}

// rolesOf are somebody's roles now; mu is held.
func (a *Auth) rolesOf(id Identity) []string {
	if id.External {
		return id.Roles
	}
	if acc := a.account(id.Name); acc != nil {
		return acc.roles
	}
	return nil
}

// granted is the sum of somebody's grants on a relation; mu is held.
func (a *Auth) granted(id Identity, roles []string, oid uint32) Privileges {
	p := a.st.grants[Grantee{Kind: GranteePublic}][oid]
	if !id.External {
		p |= a.st.grants[Grantee{GranteeUser, id.Name}][oid]
	}
	for _, r := range roles {
		p |= a.st.grants[Grantee{GranteeRole, strings.ToLower(r)}][oid]
	}
	return p
}

func (a *Auth) rolesWith(p Permission) string {
	var names []string
	for _, r := range a.Roles() {
		if r.Permissions.Has(p) {
			names = append(names, r.Name)
		}
	}
	return strings.Join(names, ", ")
}

// needAdmin guards what only an administrator may do. A token's holder and a
// session are asked alike.
func (a *Auth) needAdmin(by Identity, what string) error {
	perms, _, known := a.weigh(by, Admin, nil)
	if known && perms.Has(Admin) {
		return nil
	}
	return pgerr.New(pgerr.InsufficientPrivilege, "permission denied to %s", what).
		WithDetail("Only somebody with permission Admin may %s.", what)
}
