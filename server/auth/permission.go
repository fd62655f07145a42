package auth

import (
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// Permission is what a role may allow, for all relations. Actions lists what
// each one covers.
type Permission uint8

// The permissions, in the order in which they are shown.
const (
	Read Permission = 1 << iota
	Write
	Execute
	Delete
	Admin // everything, with users and roles
	Cancel
	Manage
)

// AllPermissions are the seven.
const AllPermissions = Permissions(Read | Write | Execute | Delete | Admin | Cancel | Manage)

var permissionNames = []struct {
	p    Permission
	name string
}{
	{Read, "Read"}, {Write, "Write"}, {Execute, "Execute"}, {Delete, "Delete"},
	{Admin, "Admin"}, {Cancel, "Cancel"}, {Manage, "Manage"},
}

// String is the permission's name.
func (p Permission) String() string {
	for _, n := range permissionNames {
		if n.p == p {
			return n.name
		}
	}
	return "none"
}

// ParsePermission reads a name in any case.
func ParsePermission(name string) (Permission, bool) {
	for _, n := range permissionNames {
		if strings.EqualFold(n.name, name) {
			return n.p, true
		}
	}
	return 0, false
}

// Permissions is a set of them.
type Permissions uint8

// Has reports whether the set allows p; Admin allows everything.
func (s Permissions) Has(p Permission) bool {
	return s&Permissions(Admin) != 0 || s&Permissions(p) != 0
}

// With is the set and p.
func (s Permissions) With(p Permission) Permissions { return s | Permissions(p) }

// Names lists the set in the order of the constants.
func (s Permissions) Names() []string {
	names := []string{}
	for _, n := range permissionNames {
		if s&Permissions(n.p) != 0 {
			names = append(names, n.name)
		}
	}
	return names
}

// String is the names with commas.
func (s Permissions) String() string { return strings.Join(s.Names(), ", ") }

// ParsePermissions reads names in any case.
func ParsePermissions(names []string) (Permissions, error) {
	var s Permissions
	for _, n := range names {
		p, ok := ParsePermission(n)
		if !ok {
			return 0, pgerr.New(pgerr.UndefinedObject, "permission \"%s\" does not exist", clip(n)).
				WithHint("The permissions are %s.", AllPermissions)
		}
		s = s.With(p)
	}
	return s, nil
}

// Privilege is what can be granted on one relation.
type Privilege uint8

// The privileges, as in PostgreSQL.
const (
	Select Privilege = 1 << iota
	Insert
	Update
	DeleteRows
)

// AllPrivileges are the four.
const AllPrivileges = Privileges(Select | Insert | Update | DeleteRows)

var privilegeNames = []struct {
	p    Privilege
	name string
}{{Select, "SELECT"}, {Insert, "INSERT"}, {Update, "UPDATE"}, {DeleteRows, "DELETE"}}

// Privileges is a set of them.
type Privileges uint8

// Has reports whether all of p are in the set.
func (s Privileges) Has(p Privileges) bool { return s&p == p }

// Names lists the set in PostgreSQL's words.
func (s Privileges) Names() []string {
	names := []string{}
	for _, n := range privilegeNames {
		if s&Privileges(n.p) != 0 {
			names = append(names, n.name)
		}
	}
	return names
}

// ParsePrivilege reads a privilege's name in any case.
func ParsePrivilege(name string) (Privilege, bool) {
	for _, n := range privilegeNames {
		if strings.EqualFold(n.name, name) {
			return n.p, true
		}
	}
	return 0, false
}

func parsePrivileges(names []string) Privileges {
	var s Privileges
	for _, n := range names {
		p, _ := ParsePrivilege(n)
		s |= Privileges(p)
	}
	return s
}

// RoleInfo is a role as it stands.
type RoleInfo struct {
	Name        string
	Permissions Permissions
	BuiltIn     bool
	FromFile    bool // defined by the RBAC file
}

// Names of the roles that always exist.
const (
	RoleAdmin    = "Admin"
	RoleOperator = "Operator"
	RoleViewer   = "Viewer"
)

var builtIn = []RoleInfo{
	{Name: RoleAdmin, Permissions: AllPermissions, BuiltIn: true},
	{Name: RoleOperator, Permissions: Permissions(Read | Execute | Cancel), BuiltIn: true},
	{Name: RoleViewer, Permissions: Permissions(Read), BuiltIn: true},
}
