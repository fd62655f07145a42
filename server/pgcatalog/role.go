package pgcatalog

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/server/auth"
)

// ownerName owns everything, where there are users: as PostgreSQL's role of this
// name nobody logs in as it, and \du does not show it.
const ownerName = "pg_database_owner"

// Users and roles have no OIDs of their own; a hash of the name stands for one.
// It lies above those of relations, so that psql's joins cannot mistake it.
const firstRoleOID = 1 << 30

// Role is a user or a role, as pg_roles shows both.
type Role struct {
	OID                uint32
	Name               string
	Login, Super       bool
	Password, Disabled bool
	MemberOf           []uint32
}

// AllRoles lists users and roles by name, the owner first. Without users there is one role:
// whoever connects, as superuser.
func (e *Env) AllRoles() []Role {
	if e.Users == nil {
		return []Role{{OID: ownerOID, Name: e.User, Login: true, Super: true}}
	}
	out := []Role{{OID: ownerOID, Name: ownerName, Super: true}}
	taken := map[uint32]bool{}
	oids := map[string]uint32{}
	roles, users := e.Roles(), e.Users()
	for _, r := range roles {
		oid := roleOID("role "+strings.ToLower(r.Name), taken)
		oids[strings.ToLower(r.Name)] = oid
		out = append(out, Role{OID: oid, Name: r.Name, Super: r.Permissions.Has(auth.Admin)})
	}
	for _, u := range users {
		r := Role{
			OID: roleOID("user "+u.Name, taken), Name: u.Name, Login: u.Enabled, Super: u.Permissions.Has(auth.Admin),
			Password: u.HasPassword, Disabled: !u.Enabled,
		}
		for _, name := range u.Roles {
			if oid, ok := oids[strings.ToLower(name)]; ok {
				r.MemberOf = append(r.MemberOf, oid)
			}
		}
		out = append(out, r)
	}
	slices.SortStableFunc(out[1:], func(a, b Role) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// roleOID is the OID of a name, the next free one where two names meet.
func roleOID(name string, taken map[uint32]bool) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	oid := firstRoleOID + h.Sum32()%firstRoleOID
	for taken[oid] {
		oid++
	}
	taken[oid] = true
	return oid
}

// RoleNamed finds a user or role; the name of a role may be in any case.
func (e *Env) RoleNamed(name string) (Role, bool) {
	all := e.AllRoles()
	if i := slices.IndexFunc(all, func(r Role) bool { return r.Name == name }); i >= 0 {
		return all[i], true
	}
	i := slices.IndexFunc(all, func(r Role) bool { return strings.EqualFold(r.Name, name) && r.OID != ownerOID })
	if i < 0 {
		return Role{}, false
	}
	return all[i], true
}

// RoleByOID finds a user or role.
func (e *Env) RoleByOID(oid uint32) (Role, bool) {
	if oid == ownerOID {
		return Role{OID: ownerOID, Name: e.owner(), Super: true}, true
	}
	all := e.AllRoles()
	i := slices.IndexFunc(all, func(r Role) bool { return r.OID == oid })
	if i < 0 {
		return Role{}, false
	}
	return all[i], true
}

// owner is the name of the owner of everything.
func (e *Env) owner() string {
	if e.Users == nil {
		return e.User
	}
	return ownerName
}

// userOID is the OID of somebody who is connected.
func (e *Env) userOID(name string) uint32 {
	if r, ok := e.RoleNamed(name); ok {
		return r.OID
	}
	return ownerOID
}

// aclLetters are PostgreSQL's letters of the privileges.
var aclLetters = []struct {
	p      auth.Privilege
	letter string
}{{auth.Insert, "a"}, {auth.Select, "r"}, {auth.Update, "w"}, {auth.DeleteRows, "d"}}

func letters(p auth.Privileges) string {
	var b strings.Builder
	for _, l := range aclLetters {
		if p.Has(auth.Privileges(l.p)) {
			b.WriteString(l.letter)
		}
	}
	return b.String()
}

// acls are the access privileges of relations in PostgreSQL's text form; those
// without a grant have none.
func (e *Env) acls() map[uint32][]string {
	out := map[uint32][]string{}
	for _, g := range call(e.Grants) {
		if out[g.OID] == nil {
			out[g.OID] = []string{e.owner() + "=" + letters(auth.AllPrivileges) + "/" + e.owner()}
		}
		out[g.OID] = append(out[g.OID], e.granteeName(g.To)+"="+letters(g.Privileges)+"/"+e.owner())
	}
	return out
}

// granteeName is "" for the public; a role's is in its own spelling.
func (e *Env) granteeName(g auth.Grantee) string {
	switch g.Kind {
	case auth.GranteePublic:
		return ""
	case auth.GranteeRole:
		for _, r := range e.Roles() {
			if strings.EqualFold(r.Name, g.Name) {
				return r.Name
			}
		}
	}
	return g.Name
}

func (r *Role) cells() cells {
	return cells{
		"oid": r.OID, "rolname": r.Name, "rolsuper": r.Super, "rolinherit": true, "rolcreaterole": r.Super, "rolcreatedb": r.Super,
		"rolcanlogin": r.Login, "rolreplication": r.Super, "rolbypassrls": r.Super, "rolconnlimit": -1,
	}
}

// authids never shows what a password could be guessed from.
func authids(w *writer, e *Env) {
	for _, r := range e.AllRoles() {
		c := r.cells()
		if r.Password {
			c["rolpassword"] = "********"
		}
		w.row(c)
	}
}

func roles(w *writer, e *Env) {
	for _, r := range e.AllRoles() {
		c := r.cells()
		c["rolpassword"] = "********"
		w.row(c)
	}
}

func users(w *writer, e *Env) {
	for _, r := range e.AllRoles() {
		if !r.Login {
			continue
		}
		c := cells{"usename": r.Name, "usesysid": r.OID, "usecreatedb": r.Super, "usesuper": r.Super, "userepl": r.Super, "usebypassrls": r.Super}
		if w.rel.Name == "pg_user" {
			c["passwd"] = "********"
		}
		w.row(c)
	}
}

func groups(w *writer, e *Env) {
	all := e.AllRoles()
	for _, r := range all {
		if r.Login || r.Disabled {
			continue
		}
		var members []uint32
		for _, m := range all {
			if slices.Contains(m.MemberOf, r.OID) {
				members = append(members, m.OID)
			}
		}
		w.row(cells{"groname": r.Name, "grosysid": r.OID, "grolist": members})
	}
}

func authMembers(w *writer, e *Env) {
	for _, r := range e.AllRoles() {
		for _, role := range r.MemberOf {
			w.row(cells{"roleid": role, "member": r.OID, "grantor": ownerOID, "admin_option": false})
		}
	}
}

// userRows are heliosdb.users.
func userRows(w *writer, e *Env) {
	for _, u := range call(e.Users) {
		c := cells{
			"name": u.Name, "enabled": u.Enabled, "roles": u.Roles, "permissions": u.Permissions.Names(),
			"has_password": u.HasPassword, "has_scram": u.HasScram, "source": madeBy(u.FromFile, false), "created": u.Created,
		}
		w.row(c)
	}
}

// roleRows are heliosdb.roles.
func roleRows(w *writer, e *Env) {
	for _, r := range call(e.Roles) {
		w.row(cells{"name": r.Name, "permissions": r.Permissions.Names(), "source": madeBy(r.FromFile, r.BuiltIn)})
	}
}

func madeBy(file, builtIn bool) string {
	switch {
	case file:
		return "file"
	case builtIn:
		return "built in"
	}
	return "sql"
}

// permissionRows are heliosdb.permissions: what each permission covers.
func permissionRows(w *writer) {
	for _, a := range auth.Actions {
		c := cells{"permission": a.Permission.String(), "what": a.What, "statements": a.SQL, "requests": a.HTTP}
		if a.Privilege != 0 {
			c["privilege"] = auth.Privileges(a.Privilege).Names()[0]
		}
		w.row(c)
	}
}
