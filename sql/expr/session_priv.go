package expr

import (
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// roleArg is a role that a function names, by name or OID.
func roleArg(s Session, r *row, i int) (uint32, error) {
	if r.args[i].T.Phys() == types.Int64 {
		return uint32(r.int(i)), nil
	}
	name := r.text(i)
	oid := s.RoleOID(name)
	if oid == 0 {
		return 0, pgerr.New(pgerr.UndefinedObject, "role \"%s\" does not exist", name)
	}
	return oid, nil
}

// registerTablePrivileges adds has_table_privilege and its like for columns: what
// is allowed on a relation is allowed on all its columns.
func registerTablePrivileges() {
	t, name, oid := types.Text, types.Name, types.Oid
	add := func(fn string, lead []types.Type, tail ...types.Type) {
		for _, object := range []types.Type{t, oid} {
			args := append(append(append([]types.Type{}, lead...), object), tail...)
			def(fn, privilegeID(fn, args), types.Boolean, tablePrivilege(len(lead) > 0), args...).stable()
		}
	}
	for _, role := range [][]types.Type{nil, {name}, {oid}} {
		add("has_table_privilege", role, t)
		add("has_any_column_privilege", role, t)
		if len(role) == 0 || role[0].OID == name.OID {
			add("has_column_privilege", role, t, t)
			add("has_column_privilege", role, types.Int2, t)
		}
	}
}

func privilegeID(fn string, args []types.Type) string {
	for _, a := range args[:len(args)-1] {
		fn += "_" + a.Info().Name
	}
	return fn
}

// tablePrivilege takes the relation behind the role, if there is one, and the
// privileges last: one of them is enough.
func tablePrivilege(withRole bool) kernel {
	return retBool(func(r *row) (bool, error) {
		s, err := r.session()
		if err != nil {
			return false, err
		}
		at, role := 0, uint32(0)
		if withRole {
			at = 1
			if role, err = roleArg(s, r, 0); err != nil {
				return false, err
			}
		}
		rel := uint32(0)
		if r.args[at].T.Phys() == types.Int64 {
			rel = uint32(r.int(at))
		} else if rel, err = ParseReg(s, types.RegClass, r.text(at)); err != nil {
			return false, err
		}
		known := false
		for _, p := range strings.Split(r.text(len(r.args)-1), ",") {
			p, grant := strings.CutSuffix(strings.ToUpper(strings.TrimSpace(p)), " WITH GRANT OPTION")
			if !tablePrivileges[p] {
				return false, pgerr.New(pgerr.InvalidParameterValue, "unrecognized privilege type: \"%s\"", p)
			}
			if grant {
				p = "GRANT"
			}
			has, ok := s.RelationPrivilege(role, rel, p)
			if has {
				return true, nil
			}
			known = known || ok
		}
		if !known {
			return false, errNull
		}
		return false, nil
	})
}

var tablePrivileges = map[string]bool{
	"SELECT": true, "INSERT": true, "UPDATE": true, "DELETE": true, "TRUNCATE": true, "REFERENCES": true, "TRIGGER": true, "RULE": true,
}

// registerRoles adds pg_has_role.
func registerRoles() {
	t, name, oid := types.Text, types.Name, types.Oid
	has := func(withRole bool) kernel {
		return retBool(func(r *row) (bool, error) {
			s, err := r.session()
			if err != nil {
				return false, err
			}
			at, member := 0, uint32(0)
			if withRole {
				at = 1
				if member, err = roleArg(s, r, 0); err != nil {
					return false, err
				}
			}
			role, err := roleArg(s, r, at)
			if err != nil {
				return false, err
			}
			return s.HasRole(member, role), nil
		})
	}
	for _, role := range []types.Type{name, oid} {
		def("pg_has_role", privilegeID("pg_has_role", []types.Type{role, t}), types.Boolean, has(false), role, t).stable()
		for _, member := range []types.Type{name, oid} {
			args := []types.Type{member, role, t}
			def("pg_has_role", privilegeID("pg_has_role", args), types.Boolean, has(true), args...).stable()
		}
	}
}
