package server

import (
	"context"
	"slices"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/server/auth"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
)

// grantRoles executes GRANT role TO user and REVOKE role FROM user.
func (x *session) grantRoles(ctx context.Context, st *ast.GrantRole) error {
	if err := x.permit([]right{{need: auth.Admin}}, "GRANT or REVOKE of a role"); err != nil {
		return err
	}
	if st.Admin {
		return pgerr.Unsupported(st.Position(), "ADMIN OPTION").WithHint("Roles are granted by those who have permission Admin.")
	}
	roles, err := x.roleNames(st.Roles)
	if err != nil {
		return err
	}
	var users []string
	for _, g := range st.Grantees {
		n, err := x.roleName(g)
		if err != nil {
			return err
		}
		if _, ok := x.s.auth.User(n); !ok {
			if _, isRole := x.s.auth.Role(n); isRole {
				return pgerr.New(pgerr.FeatureNotSupported, "a role in a role is not supported").WithHint("Grant both to the users.")
			}
			return noRole(n)
		}
		users = append(users, n)
	}
	for _, u := range users {
		c := auth.UserChange{AddRoles: roles}
		if st.Revoke {
			c = auth.UserChange{RemoveRoles: roles}
		}
		if err := x.s.auth.AlterUser(ctx, x.who(), u, c); err != nil {
			return err
		}
	}
	return nil
}

// grant executes GRANT privileges ON relations TO … and REVOKE … FROM ….
func (x *session) grant(ctx context.Context, st *ast.Grant) error {
	if err := x.permit([]right{{need: auth.Admin}}, "GRANT or REVOKE of privileges"); err != nil {
		return err
	}
	if st.GrantOption {
		return pgerr.Unsupported(st.Position(), "GRANT OPTION").WithHint("Privileges are granted by those who have permission Admin.")
	}
	privileges, err := privilegesOf(st)
	if err != nil {
		return err
	}
	var to []auth.Grantee
	for _, g := range st.Grantees {
		name := auth.Public
		if g.Special != "public" {
			if name, err = x.roleName(g); err != nil {
				return err
			}
		}
		who, err := x.s.auth.Grantee(name)
		if err != nil {
			return err
		}
		to = append(to, who)
	}
	// No relation is dropped, and none made, until the grant is durable.
	x.s.ddl.Lock()
	defer x.s.ddl.Unlock()
	oids, err := x.granted(st)
	if err != nil || len(oids) == 0 {
		return err
	}
	if st.Revoke {
		return x.s.auth.RevokeOn(ctx, x.who(), to, oids, privileges)
	}
	return x.s.auth.GrantOn(ctx, x.who(), to, oids, privileges)
}

// privilegesOf are the privileges that a statement names. Those that PostgreSQL
// has and nothing here needs are refused.
func privilegesOf(st *ast.Grant) (auth.Privileges, error) {
	if st.Privileges == nil {
		return auth.AllPrivileges, nil
	}
	var out auth.Privileges
	for _, n := range st.Privileges {
		p, ok := auth.ParsePrivilege(n)
		if !ok {
			return 0, pgerr.Unsupported(st.Position(), "the privilege %s", n)
		}
		out |= auth.Privileges(p)
	}
	return out, nil
}

// granted are the relations that a statement names.
func (x *session) granted(st *ast.Grant) ([]uint32, error) {
	var oids []uint32
	cat := x.s.catalog()
	for _, s := range st.Schemas {
		if !cat.HasSchema(s) {
			return nil, pgerr.New(pgerr.InvalidSchemaName, "schema \"%s\" does not exist", s)
		}
		for _, r := range cat.user() {
			if r.Schema == s {
				oids = append(oids, r.OID)
			}
		}
	}
	for _, n := range st.Relations {
		r, err := x.named(n)
		if err != nil {
			return nil, atRunTime(err)
		}
		if r.Kind == catalog.Virtual {
			return nil, pgerr.Unsupported(n.Position(), "a grant on a system relation").
				WithHint("PostgreSQL's catalogs are open to everybody; those of schema heliosdb need permission Read.")
		}
		if !slices.Contains(oids, r.OID) {
			oids = append(oids, r.OID)
		}
	}
	return oids, nil
}
