package auth

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// model is what users, roles and tokens should be, kept as simply as possible.
type model struct {
	b      *bench
	users  map[string]*modelUser
	roles  map[string]Permissions // by the name it was made with
	tokens []*modelToken
	from   int    // records after the last snapshot
	epoch  []byte // the last snapshot
}

type modelUser struct {
	password string
	roles    map[string]bool
	enabled  bool
	grants   map[uint32]bool // SELECT
	age      int             // counts what ends tokens
}

type modelToken struct {
	text, user string
	owner      *modelUser
	age        int
	until      time.Time
	out        bool // logged out
}

func (m *model) permissions(u *modelUser) Permissions {
	var p Permissions
	for r := range u.roles {
		p |= m.roles[r]
	}
	return p
}

// onlyAdmin reports whether nobody else may administer.
func (m *model) onlyAdmin(name string) bool {
	for n, u := range m.users {
		if n != name && u.enabled && m.permissions(u).Has(Admin) {
			return false
		}
	}
	u := m.users[name]
	return u.enabled && m.permissions(u).Has(Admin)
}

var modelNames = []string{"amy", "bob", "cid"}

func (m *model) user(t *rapid.T) (string, *modelUser) {
	n := rapid.SampledFrom(modelNames).Draw(t, "user")
	return n, m.users[n]
}

func (m *model) role(t *rapid.T) string {
	return rapid.SampledFrom(slices.Sorted(maps.Keys(m.roles))).Draw(t, "role")
}

func (m *model) expect(t *rapid.T, what string, err error, good bool) {
	if (err == nil) != good {
		t.Fatalf("%s: %v, expected success: %v", what, err, good)
	}
}

func (m *model) actions() map[string]func(*rapid.T) {
	ctx := context.Background()
	password := rapid.SampledFrom([]string{"first password", "second password"})
	return map[string]func(*rapid.T){
		"create": func(t *rapid.T) {
			n, u := m.user(t)
			pw, r := password.Draw(t, "password"), m.role(t)
			err := m.b.CreateUser(ctx, System(), UserSpec{Name: n, Password: pw, Roles: []string{strings.ToUpper(r)}})
			m.expect(t, "create", err, u == nil)
			if u == nil {
				m.users[n] = &modelUser{password: pw, roles: map[string]bool{r: true}, enabled: true, grants: map[uint32]bool{}}
			}
		},
		"drop": func(t *rapid.T) {
			n, u := m.user(t)
			good := u != nil && !m.onlyAdmin(n)
			m.expect(t, "drop", m.b.DropUser(ctx, System(), n), good)
			if good {
				delete(m.users, n)
			}
		},
		"password": func(t *rapid.T) {
			n, u := m.user(t)
			pw := password.Draw(t, "password")
			m.expect(t, "password", m.b.AlterUser(ctx, System(), n, UserChange{Password: &pw}), u != nil)
			if u != nil {
				u.password = pw
				u.age++
			}
		},
		"enable": func(t *rapid.T) {
			n, u := m.user(t)
			on := rapid.Bool().Draw(t, "on")
			good := u != nil && (on || !m.onlyAdmin(n))
			m.expect(t, "enable", m.b.AlterUser(ctx, System(), n, UserChange{Enabled: &on}), good)
			if good {
				u.enabled = on
				u.age++
			}
		},
		"give": func(t *rapid.T) {
			n, u := m.user(t)
			r := m.role(t)
			m.expect(t, "give", m.b.AlterUser(ctx, System(), n, UserChange{AddRoles: []string{strings.ToLower(r)}}), u != nil)
			if u != nil {
				u.roles[r] = true
				u.age++
			}
		},
		"take": func(t *rapid.T) {
			n, u := m.user(t)
			r := m.role(t)
			good := u != nil
			if good && u.roles[r] && m.onlyAdmin(n) {
				delete(u.roles, r)
				good = m.permissions(u).Has(Admin)
				u.roles[r] = true
			}
			m.expect(t, "take", m.b.AlterUser(ctx, System(), n, UserChange{RemoveRoles: []string{r}}), good)
			if good {
				delete(u.roles, r)
				u.age++
			}
		},
		"role": func(t *rapid.T) {
			p := Permissions(rapid.IntRange(0, 127).Draw(t, "permissions")) &^ Permissions(Admin)
			_, has := m.roles["Own"]
			if has {
				wantCode(t, "alter", m.b.AlterRole(ctx, System(), "own", p), "")
			} else {
				wantCode(t, "create", m.b.CreateRole(ctx, System(), "Own", p), "")
			}
			m.roles["Own"] = p
		},
		"drop role": func(t *rapid.T) {
			_, has := m.roles["Own"]
			for _, u := range m.users {
				has = has && !u.roles["Own"]
			}
			m.expect(t, "drop role", m.b.DropRole(ctx, System(), "OWN"), has)
			if has {
				delete(m.roles, "Own")
			}
		},
		"grant": func(t *rapid.T) {
			n, u := m.user(t)
			oid := uint32(rapid.IntRange(1, 3).Draw(t, "oid"))
			to := []Grantee{{GranteeUser, n}}
			if rapid.Bool().Draw(t, "revoke") {
				m.expect(t, "revoke", m.b.RevokeOn(ctx, System(), to, []uint32{oid}, Privileges(Select)), u != nil)
				if u != nil {
					delete(u.grants, oid)
				}
				return
			}
			m.expect(t, "grant", m.b.GrantOn(ctx, System(), to, []uint32{oid}, Privileges(Select)), u != nil)
			if u != nil {
				u.grants[oid] = true
			}
		},
		"login": func(t *rapid.T) {
			n, u := m.user(t)
			pw := password.Draw(t, "password")
			tok, err := m.b.Login(ctx, n, pw, home)
			good := u != nil && u.enabled && u.password == pw
			m.expect(t, "login", err, good)
			if !good {
				m.b.clock.add(maxLoginDelay)
				return
			}
			m.tokens = append(m.tokens, &modelToken{text: tok.Token, user: n, owner: u, age: u.age, until: tok.ExpiresAt})
		},
		"logout": func(t *rapid.T) {
			if len(m.tokens) == 0 {
				t.Skip("no token")
			}
			x := rapid.SampledFrom(m.tokens).Draw(t, "token")
			m.expect(t, "logout", m.b.Logout(ctx, x.text, home), m.valid(x))
			x.out = true
		},
		"time": func(t *rapid.T) {
			m.b.clock.add(time.Duration(rapid.IntRange(1, 90).Draw(t, "minutes")) * time.Minute)
		},
		"snapshot": func(t *rapid.T) {
			// Records made before a snapshot may be repeated after it.
			behind := rapid.IntRange(0, 3).Draw(t, "behind")
			snap, err := m.b.Snapshot()
			wantCode(t, "snapshot", err, "")
			m.epoch, m.from = snap, max(0, len(m.b.records)-behind)
		},
		"restart": func(*rapid.T) {
			m.b.Auth = m.b.open(m.epoch, m.b.records[m.from:]...)
		},
		"": m.check,
	}
}

func (m *model) valid(x *modelToken) bool {
	return m.users[x.user] == x.owner && x.owner.enabled && x.owner.age == x.age && !x.out && m.b.clock.now().Before(x.until)
}

// check compares everything that can be seen.
func (m *model) check(t *rapid.T) {
	ctx := context.Background()
	if got := len(m.b.Users()); got != len(m.users) {
		t.Fatalf("%d users, expected %d", got, len(m.users))
	}
	for n, u := range m.users {
		info, ok := m.b.User(n)
		if !ok || info.Enabled != u.enabled || info.Permissions != m.permissions(u) || !slices.Equal(info.Roles, slices.Sorted(maps.Keys(u.roles))) {
			t.Fatalf("%s: %+v, expected %+v", n, info, u)
		}
		id := m.b.Anybody(n, home) // claims everything; nothing of it counts
		for _, p := range permissionNames {
			if got := m.b.Authorize(id, p.p) == nil; got != (u.enabled && m.permissions(u).Has(p.p)) {
				t.Fatalf("%s %s: %v", n, p.name, got)
			}
		}
		for oid := range uint32(4) {
			o := Object{OID: oid, Kind: "table", Name: "t", Need: Privileges(Select)}
			if got := m.b.Authorize(id, Read, o) == nil; got != (u.enabled && (u.grants[oid] || m.permissions(u).Has(Read))) {
				t.Fatalf("%s reads %d: %v", n, oid, got)
			}
		}
	}
	for _, x := range m.tokens {
		if _, err := m.b.VerifyToken(ctx, x.text, home); (err == nil) != m.valid(x) {
			t.Fatalf("token of %s: %v, expected valid: %v", x.user, err, m.valid(x))
		}
	}
}

func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(t, func(o *Options) { o.ScramIterations = 1 }) // no SCRAM here
		m := &model{b: b, users: map[string]*modelUser{}, roles: map[string]Permissions{}}
		for _, r := range builtIn {
			m.roles[r.Name] = r.Permissions
		}
		rt.Repeat(m.actions())
	})
}
