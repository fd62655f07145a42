package auth

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// record is one change, and, with everything in it, the whole state. Applying a
// record twice is applying it once: an epoch may hold later records already.
type record struct {
	Users         []*userRec     `json:"users,omitempty"`
	DropUsers     []string       `json:"dropUsers,omitempty"`
	Roles         []*roleRec     `json:"roles,omitempty"`
	DropRoles     []string       `json:"dropRoles,omitempty"`
	Grants        []grantRec     `json:"grants,omitempty"`
	FileUsers     []*fileUserRec `json:"fileUsers,omitempty"`
	DropFileUsers []string       `json:"dropFileUsers,omitempty"`
	Revoked       []revokedRec   `json:"revoked,omitempty"`
	// Mock keys the salts that are shown for users who do not exist, so that a
	// restart does not change them.
	Mock []byte `json:"mock,omitempty"`
}

func (r *record) empty() bool {
	return len(r.Users)+len(r.DropUsers)+len(r.Roles)+len(r.DropRoles)+len(r.Grants)+len(r.FileUsers)+len(r.DropFileUsers)+len(r.Revoked) == 0
}

// userRec is a user as stored. It is never changed, only replaced.
type userRec struct {
	Name     string    `json:"name"`
	Bcrypt   string    `json:"bcrypt,omitempty"`
	Scram    string    `json:"scram,omitempty"`
	Roles    []string  `json:"roles,omitempty"`
	Disabled bool      `json:"disabled,omitempty"`
	Version  string    `json:"version"` // of his tokens
	Created  time.Time `json:"created"`
}

// fileUserRec is what is kept of a user of the RBAC file.
type fileUserRec struct {
	Name string `json:"name"`
	// Mark is a digest of his entry: with another one his tokens end.
	Mark    string `json:"mark"`
	Version string `json:"version"`
	// Scram was derived when he logged in; Hash is a digest of the bcrypt hash
	// that it belongs to.
	Scram string `json:"scram,omitempty"`
	Hash  string `json:"hash,omitempty"`
}

type roleRec struct {
	Name        string   `json:"name"`
	Permissions []string `json:"permissions"`
}

// Kinds of grantees.
const (
	GranteeUser   = "user"
	GranteeRole   = "role"
	GranteePublic = "public"
)

// Grantee is who holds grants on relations; Name is empty for the public, and
// of a role in lower case.
type Grantee struct {
	Kind string `json:"kind"`
	Name string `json:"name,omitempty"`
}

// grantRec sets the privileges of a grantee on a relation; none ends the grant.
type grantRec struct {
	Grantee
	OID        uint32   `json:"oid"`
	Privileges []string `json:"privileges,omitempty"`
}

type revokedRec struct {
	ID    string    `json:"id"` // jti, or a digest of another issuer's token
	User  string    `json:"user"`
	Until time.Time `json:"until"` // when it would have ended
}

// state is everything that is persisted.
type state struct {
	users   map[string]*userRec
	roles   map[string]*roleRec // by lower-case name
	grants  map[Grantee]map[uint32]Privileges
	files   map[string]*fileUserRec
	revoked map[string]revokedRec
	mock    []byte
}

func newState() *state {
	return &state{
		users: map[string]*userRec{}, roles: map[string]*roleRec{}, grants: map[Grantee]map[uint32]Privileges{},
		files: map[string]*fileUserRec{}, revoked: map[string]revokedRec{},
	}
}

func decodeRecord(p []byte) (*record, error) {
	var r record
	if err := json.Unmarshal(p, &r); err != nil {
		return nil, pgerr.New(pgerr.DataCorrupted, "a logged change of users or roles cannot be read: %v", err)
	}
	return &r, nil
}

func (s *state) apply(r *record) {
	for _, u := range r.Users {
		if old := s.users[u.Name]; old != nil && old.Version != u.Version {
			s.forgetRevoked(u.Name)
		}
		s.users[u.Name] = u
	}
	for _, name := range r.DropUsers {
		delete(s.users, name)
		delete(s.grants, Grantee{GranteeUser, name})
		s.forgetRevoked(name)
	}
	for _, x := range r.Roles {
		s.roles[strings.ToLower(x.Name)] = x
	}
	for _, name := range r.DropRoles {
		low := strings.ToLower(name)
		delete(s.roles, low)
		delete(s.grants, Grantee{GranteeRole, low})
	}
	for _, g := range r.Grants {
		s.setGrant(g.Grantee, g.OID, parsePrivileges(g.Privileges))
	}
	for _, f := range r.FileUsers {
		if old := s.files[f.Name]; old != nil && old.Version != f.Version {
			s.forgetRevoked(f.Name)
		}
		s.files[f.Name] = f
	}
	for _, name := range r.DropFileUsers {
		delete(s.files, name)
		if s.users[name] == nil {
			delete(s.grants, Grantee{GranteeUser, name})
			s.forgetRevoked(name)
		}
	}
	for _, x := range r.Revoked {
		s.revoked[x.ID] = x
	}
	if len(r.Mock) > 0 {
		s.mock = r.Mock
	}
}

func (s *state) setGrant(to Grantee, oid uint32, p Privileges) {
	m := s.grants[to]
	switch {
	case p != 0:
		if m == nil {
			m = map[uint32]Privileges{}
			s.grants[to] = m
		}
		m[oid] = p
	case m != nil:
		delete(m, oid)
		if len(m) == 0 {
			delete(s.grants, to)
		}
	}
}

// forgetRevoked drops the revoked tokens of a user whose token version has
// changed: none of them is valid anyway.
func (s *state) forgetRevoked(user string) {
	maps.DeleteFunc(s.revoked, func(_ string, r revokedRec) bool { return r.User == user })
}

func (s *state) forgetRelations(oids []uint32) {
	for to, m := range s.grants {
		for _, oid := range oids {
			delete(m, oid)
		}
		if len(m) == 0 {
			delete(s.grants, to)
		}
	}
}

func (s *state) grantCount() int {
	n := 0
	for _, m := range s.grants {
		n += len(m)
	}
	return n
}

// record is the whole state as one record, in a fixed order.
func (s *state) record() *record {
	r := &record{Mock: s.mock}
	for _, n := range slices.Sorted(maps.Keys(s.users)) {
		r.Users = append(r.Users, s.users[n])
	}
	for _, n := range slices.Sorted(maps.Keys(s.roles)) {
		r.Roles = append(r.Roles, s.roles[n])
	}
	for _, g := range s.sortedGrants() {
		r.Grants = append(r.Grants, grantRec{g.To, g.OID, g.Privileges.Names()})
	}
	for _, n := range slices.Sorted(maps.Keys(s.files)) {
		r.FileUsers = append(r.FileUsers, s.files[n])
	}
	for _, n := range slices.Sorted(maps.Keys(s.revoked)) {
		r.Revoked = append(r.Revoked, s.revoked[n])
	}
	return r
}

func (s *state) sortedGrants() []GrantInfo {
	var out []GrantInfo
	for to, m := range s.grants {
		for oid, p := range m {
			out = append(out, GrantInfo{to, oid, p})
		}
	}
	slices.SortFunc(out, func(a, b GrantInfo) int {
		if c := strings.Compare(a.To.Kind, b.To.Kind); c != 0 {
			return c
		}
		if c := strings.Compare(a.To.Name, b.To.Name); c != 0 {
			return c
		}
		return int(int64(a.OID) - int64(b.OID))
	})
	return out
}
