// Package auth says who somebody is and what he may do: users with passwords,
// roles with permissions, grants on relations, the tokens of the HTTP API, the
// file of users and roles, limits, and the audit log.
//
// It knows nothing of the server. What must survive a restart goes through
// Options.Persist as records of the server's log, comes back through Apply, and
// is in every epoch as Snapshot; Restore reads that.
package auth
