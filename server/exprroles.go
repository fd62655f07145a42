package server

import (
	"slices"

	"github.com/heliosdb/heliosdb-streaming/server/auth"
	"github.com/heliosdb/heliosdb-streaming/server/pgcatalog"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// RoleName implements expr.Session.
func (e exprSession) RoleName(oid uint32) (string, bool) {
	r, ok := e.x.s.catalogEnv(e.x).RoleByOID(oid)
	return r.Name, ok
}

// RoleOID implements expr.Session.
func (e exprSession) RoleOID(name string) uint32 {
	r, _ := e.x.s.catalogEnv(e.x).RoleNamed(name)
	return r.OID
}

// HasRole implements expr.Session.
func (e exprSession) HasRole(member, role uint32) bool {
	env := e.x.s.catalogEnv(e.x)
	m, ok := e.roleOf(env, member)
	return ok && (m.Super || m.OID == role || slices.Contains(m.MemberOf, role))
}

// roleOf finds a role; 0 is the current user.
func (e exprSession) roleOf(env *pgcatalog.Env, oid uint32) (pgcatalog.Role, bool) {
	if oid == 0 {
		return env.RoleNamed(e.x.currentUser())
	}
	return env.RoleByOID(oid)
}

// RelationPrivilege implements expr.Session.
func (e exprSession) RelationPrivilege(role, rel uint32, privilege string) (has, ok bool) {
	r := e.x.s.catalog().ByOID(rel)
	if r == nil {
		return false, false
	}
	id := e.x.who()
	if role != 0 {
		env := e.x.s.catalogEnv(e.x)
		who, ok := env.RoleByOID(role)
		if !ok {
			return false, true
		}
		if _, isUser := e.x.s.auth.User(who.Name); isUser {
			id = auth.Identity{Name: who.Name}
		} else {
			id = auth.Identity{Name: who.Name, External: true, Roles: []string{who.Name}}
		}
		if who.Super {
			return true, true
		}
	}
	return e.x.s.mayOn(id, r, privilege), true
}

// mayOn reports whether somebody has a privilege on a relation.
func (s *Server) mayOn(id auth.Identity, r *catalog.Relation, privilege string) bool {
	p, known := auth.ParsePrivilege(privilege)
	switch {
	case !known: // TRUNCATE and the like, and the grant option
		return s.auth.Can(id, auth.Admin)
	case r.Kind != catalog.Virtual:
		return s.auth.PrivilegesOn(id, r.OID).Has(auth.Privileges(p))
	case p != auth.Select:
		return false
	}
	for _, need := range toRead(s.catalog(), []uint32{r.OID}) {
		if !s.auth.Can(id, need.need) {
			return false
		}
	}
	return true
}
