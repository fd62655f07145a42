package auth

import (
	"context"
	"fmt"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// Grantee finds who is meant by a name in GRANT ... TO: the public, else a user,
// else a role. An upper-case letter in a role's name does not matter.
func (a *Auth) Grantee(name string) (Grantee, error) {
	if strings.EqualFold(name, Public) {
		return Grantee{Kind: GranteePublic}, nil
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	if a.account(name) != nil {
		return Grantee{GranteeUser, name}, nil
	}
	if r, ok := a.role(name); ok {
		return Grantee{GranteeRole, strings.ToLower(r.Name)}, nil
	}
	return Grantee{}, pgerr.New(pgerr.UndefinedObject, "role \"%s\" does not exist", clip(name))
}

// GrantOn adds privileges on relations. It needs Admin. The caller sees to it
// that the relations exist and are not dropped meanwhile.
func (a *Auth) GrantOn(_ context.Context, by Identity, to []Grantee, oids []uint32, p Privileges) error {
	return a.regrant(by, EventGrant, to, oids, p, func(had Privileges) Privileges { return had | p })
}

// RevokeOn takes privileges on relations away. It needs Admin.
func (a *Auth) RevokeOn(_ context.Context, by Identity, from []Grantee, oids []uint32, p Privileges) error {
	return a.regrant(by, EventRevoke, from, oids, p, func(had Privileges) Privileges { return had &^ p })
}

func (a *Auth) regrant(by Identity, event string, to []Grantee, oids []uint32, p Privileges, change func(Privileges) Privileges) error {
	detail := fmt.Sprintf("%s on relations %v, %v", strings.Join(p.Names(), " "), oids, to)
	return a.audited(by, event, detail, func() error {
		if err := a.needAdmin(by, "grant privileges"); err != nil {
			return err
		}
		a.change.Lock()
		defer a.change.Unlock()
		var r record
		added := 0
		for _, g := range to {
			if err := a.checkGrantee(g); err != nil {
				return err
			}
			for _, oid := range oids {
				had := a.st.grants[g][oid]
				has := change(had)
				if has == had {
					continue
				}
				if had == 0 {
					added++
				}
				r.Grants = append(r.Grants, grantRec{g, oid, has.Names()})
			}
		}
		if added > 0 && a.st.grantCount()+added > MaxGrants {
			return pgerr.New(pgerr.ProgramLimitExceeded, "there would be more than %d grants", MaxGrants)
		}
		return a.commit(&r)
	})
}

func (a *Auth) checkGrantee(g Grantee) error {
	switch g.Kind {
	case GranteePublic:
		return nil
	case GranteeUser:
		if a.account(g.Name) == nil {
			return noSuchUser(g.Name)
		}
		return nil
	}
	if _, ok := a.role(g.Name); !ok {
		return noSuchRole(g.Name)
	}
	return nil
}

// Grants lists all grants on relations, by grantee and relation.
func (a *Auth) Grants() []GrantInfo {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.st.sortedGrants()
}
