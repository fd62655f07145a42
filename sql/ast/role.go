package ast

// Statements about users, roles and what they may do. A user is a role that may
// log in; both have one namespace, as in PostgreSQL.
type (
	// CreateRole is CREATE USER|ROLE [IF NOT EXISTS] name [WITH] option ….
	CreateRole struct {
		Pos
		Name        string
		User        bool // CREATE USER: LOGIN is the default
		IfNotExists bool
		Options     []RoleOption
	}
	// AlterRole is ALTER USER|ROLE role [WITH] option ….
	AlterRole struct {
		Pos
		Role    RoleSpec
		Options []RoleOption
	}
	// DropRole is DROP USER|ROLE [IF EXISTS] role, ….
	DropRole struct {
		Pos
		Roles    []RoleSpec
		IfExists bool
	}
	// GrantRole is GRANT role, … TO role, … and REVOKE role, … FROM role, ….
	GrantRole struct {
		Pos
		Revoke   bool
		Admin    bool // WITH ADMIN OPTION, ADMIN OPTION FOR
		Roles    []RoleSpec
		Grantees []RoleSpec
	}
	// Grant is GRANT privilege, … ON relation, … TO role, … and REVOKE … FROM ….
	Grant struct {
		Pos
		Revoke      bool
		GrantOption bool     // WITH GRANT OPTION, GRANT OPTION FOR
		Privileges  []string // lower case; nil: ALL
		Relations   []ObjectName
		Schemas     []string // instead of Relations: ALL TABLES IN SCHEMA …
		Grantees    []RoleSpec
	}
)

// RoleSpec names a role: by name, or with Special one of "current_user",
// "current_role", "session_user" and "public".
type RoleSpec struct {
	Pos
	Name    string
	Special string
}

// RoleOption is one option of CREATE and ALTER ROLE. Of SUPERUSER, NOLOGIN and
// the like Name is the positive word and On whether it is so.
type RoleOption struct {
	Pos
	Name  string // "superuser", "login", …, "password", "valid until", "connection limit", "in role", "role", "admin", "permissions"
	On    bool
	Text  *string // of a password and VALID UNTIL; nil: PASSWORD NULL
	Count int64   // of CONNECTION LIMIT
	Roles []RoleSpec
	Names []string // of PERMISSIONS
}
