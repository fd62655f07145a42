package auth

import "time"

// Identity is somebody who proved who he is, and where he did. What he may do
// is asked of Auth each time, because it changes while he is there.
type Identity struct {
	Name    string
	Address string // of the client, host:port or host
	// Roles and Permissions as they were when he came, to be shown.
	Roles       []string
	Permissions Permissions
	// External: a token of the configured OIDC provider; Name is "oidc:" and its
	// subject, and Roles are the token's.
	External bool
	// Expires is when the token ends that he came with; zero: he came without.
	Expires time.Time

	tokenID      string // jti, or the digest of another issuer's token
	tokenVersion string // of our own tokens: the user's, see claims
	authTime     time.Time
	system       bool
}

// System is the server itself: startup files, and what it does of its own.
func System() Identity {
	return Identity{Name: systemName, Roles: []string{RoleAdmin}, Permissions: AllPermissions, system: true}
}

// UserInfo is a user as it stands, without secrets.
type UserInfo struct {
	Name        string
	Roles       []string
	Permissions Permissions
	Enabled     bool
	FromFile    bool // defined by the RBAC file
	HasPassword bool
	HasScram    bool      // SCRAM-SHA-256 is possible
	Created     time.Time // zero for users of the file
}

// GrantInfo is the privileges of somebody on one relation.
type GrantInfo struct {
	To         Grantee
	OID        uint32
	Privileges Privileges
}
