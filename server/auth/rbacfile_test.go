package auth

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// guideRBAC is the file of the deployment guide, section 6.4, with real hashes.
func guideRBAC(t testing.TB) string {
	t.Helper()
	hash := func(pw string) string {
		h, err := bcryptHash(pw, 4)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	return `users:
- username: admin
  password_hash: "` + hash("admin's password") + `" # bcrypt hash
  roles:
  - Admin
  enabled: true
- username: operator
  password_hash: "` + strings.Replace(hash("operator's password"), "$2a$", "$2y$", 1) + `"
  roles:
  - Operator
  enabled: true
- username: viewer
  password_hash: "` + strings.Replace(hash("viewer's password"), "$2a$", "$2b$", 1) + `"
  roles:
  - Viewer
  enabled: true
roles:
- name: Admin
  permissions:
  - Read
  - Write
  - Execute
  - Delete
  - Admin
  - Cancel
  - Manage
- name: Operator
  permissions:
  - Read
  - Execute
  - Cancel
- name: Viewer
  permissions:
  - Read
`
}

// withFile is a server with an RBAC file.
func withFile(t testing.TB, text string) (*bench, string) {
	t.Helper()
	path := filepath.Join(tempDir(t), "rbac-config.yaml")
	writeFile(t, path, text)
	return newBench(t, func(o *Options) { o.RBACFile = path }), path
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestGuideRBAC(t *testing.T) {
	t.Parallel()
	text := guideRBAC(t)
	b, path := withFile(t, text)
	ctx := context.Background()
	if _, err := os.Stat(filepath.Join(b.dir, SetupTokenFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a setup token although there are users: %v", err)
	}
	for user, perms := range map[string]Permissions{"admin": AllPermissions, "operator": Permissions(Read | Execute | Cancel), "viewer": Permissions(Read)} {
		at, err := b.Begin(user, home, "scram")
		wantCode(t, user, err, "")
		if !at.NeedsCleartext() {
			t.Errorf("%s: SCRAM before the first login", user)
		}
		tok := b.login(user, user+"'s password")
		if id, err := b.VerifyToken(ctx, tok.Token, home); err != nil || id.Permissions != perms {
			t.Errorf("%s: %+v %v", user, id, err)
		}
	}
	// From then on SCRAM is possible, after a restart too, and tokens go on.
	tok := b.login("viewer", "viewer's password").Token
	n := len(b.records)
	b.restart()
	wantCode(t, "unchanged file", b.LoadRBAC(path), "")
	if len(b.records) != n {
		t.Error("an unchanged file changes something")
	}
	if id, err := scramLogin(t, b.Auth, "viewer", "viewer's password"); err != nil || id.Name != "viewer" {
		t.Errorf("%+v %v", id, err)
	}
	if _, err := b.VerifyToken(ctx, tok, home); err != nil {
		t.Error(err)
	}
	// Disabling ends tokens and connections, of that user alone.
	b.takeRevoked()
	writeFile(t, path, strings.Replace(text, "- Viewer\n  enabled: true", "- Viewer\n  enabled: false", 1))
	wantCode(t, "reload", b.LoadRBAC(path), "")
	if r := b.takeRevoked(); !slices.Equal(r, []string{"viewer"}) {
		t.Errorf("revoked %v", r)
	}
	_, err := b.VerifyToken(ctx, tok, home)
	wantCode(t, "disabled", err, pgerr.InvalidAuthorization)
	_, err = b.Login(ctx, "viewer", "viewer's password", home)
	wantCode(t, "disabled", err, pgerr.InvalidPassword)
	wantCode(t, "disabled", b.Authorize(Identity{Name: "viewer"}, Read), pgerr.InvalidAuthorization)
	// Enabled again: the old token stays dead, and a new password ends SCRAM's.
	h, _ := bcryptHash("viewer's new password", 4)
	i := strings.Index(text, "username: viewer")
	j := i + strings.Index(text[i:], "$2b$")
	writeFile(t, path, text[:j]+h+text[j+60:])
	wantCode(t, "reload", b.LoadRBAC(path), "")
	_, err = b.VerifyToken(ctx, tok, home)
	wantCode(t, "enabled again", err, pgerr.InvalidAuthorization)
	if at, err := b.Begin("viewer", home, "scram"); err != nil || !at.NeedsCleartext() {
		t.Errorf("a verifier of the old password: %v", err)
	}
	// A bad file changes nothing.
	writeFile(t, path, strings.Replace(text, "- Cancel", "- Cancle", 2))
	err = b.LoadRBAC(path)
	wantCode(t, "bad file", err, pgerr.ConfigFileError)
	if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "line ") {
		t.Error(err)
	}
	b.login("operator", "operator's password")
	// Its users and roles are changed in the file alone.
	p := "another password"
	wantCode(t, "alter", b.AlterUser(ctx, System(), "admin", UserChange{Password: &p}), pgerr.ObjectNotInPrerequisiteState)
	wantCode(t, "drop", b.DropUser(ctx, System(), "admin"), pgerr.ObjectNotInPrerequisiteState)
	wantCode(t, "role", b.AlterRole(ctx, System(), "viewer", 0), pgerr.ObjectNotInPrerequisiteState)
	wantCode(t, "create", b.CreateUser(ctx, System(), UserSpec{Name: "admin"}), pgerr.DuplicateObject)
	// Without a file its users are gone.
	wantCode(t, "no file", b.LoadRBAC(""), "")
	if len(b.Users()) != 0 || len(b.st.files) != 0 {
		t.Errorf("%v remain", b.Users())
	}
}

func TestRBACOverridesStored(t *testing.T) {
	t.Parallel()
	b, path := withFile(t, "")
	ctx := context.Background()
	b.user("root", adminPassword, "Admin")
	wantCode(t, "role", b.CreateRole(ctx, System(), "Loader", Permissions(Write)), "")
	b.user("amy", "amy's password", "Loader")
	tok := b.login("amy", "amy's password").Token
	wantCode(t, "logout", b.Logout(ctx, tok, home), "")
	h, _ := bcryptHash("file's password", 4)
	writeFile(t, path, "users:\n- username: amy\n  password_hash: "+h+"\n  roles: [loader]\nroles:\n- {name: loader, permissions: [read, Write]}\n")
	wantCode(t, "load", b.LoadRBAC(path), "")
	_, err := b.Login(ctx, "amy", "amy's password", home)
	wantCode(t, "stored password", err, pgerr.InvalidPassword)
	b.login("amy", "file's password")
	if p := b.PermissionsOf(b.id("amy")); p != Permissions(Read|Write) {
		t.Errorf("%v", p)
	}
	wantCode(t, "empty", b.LoadRBAC(""), "")
	b.login("amy", "amy's password")
	if p := b.PermissionsOf(b.id("amy")); p != Permissions(Write) {
		t.Errorf("%v", p)
	}
	if _, err := b.VerifyToken(ctx, tok, home); err == nil {
		t.Error("a token that was logged out counts again")
	}
	// A role of the file alone cannot go while a stored user has it.
	writeFile(t, path, "roles:\n- {name: Fileonly, permissions: [Read]}\n")
	wantCode(t, "load", b.LoadRBAC(path), "")
	wantCode(t, "give", b.AlterUser(ctx, System(), "amy", UserChange{AddRoles: []string{"fileonly"}}), "")
	wantCode(t, "take away", b.LoadRBAC(""), pgerr.ConfigFileError)
	if p := b.PermissionsOf(b.id("amy")); p != Permissions(Read|Write) {
		t.Errorf("%v", p)
	}
}

func TestRBACErrors(t *testing.T) {
	t.Parallel()
	h, _ := bcryptHash("some password", 10)
	cheap, _ := bcryptHash("some password", 4)
	for _, c := range []struct{ text, want string }{
		{"users:\n- username: a\n  pasword_hash: x\n", "line 3: field pasword_hash not found"},
		{"user:\n- username: a\n", "line 1: field user not found"},
		{"users:\n- username: a\n  roles: [Chief]\n", `line 3: role "Chief" of user "a" is unknown`},
		{"roles:\n- name: r\n  permissions:\n  - Read\n  - Raed\n", `line 5: permission "Raed" of role "r" is unknown; the permissions are Read, Write`},
		{"roles:\n- name: Admin\n  permissions: [Read]\n", "line 2: role Admin has all permissions"},
		{"roles:\n- name: r\n- name: R\n", `line 3: role "R" is defined twice`},
		{"users:\n- username: a\n- username: a\n", `line 3: user "a" is defined twice`},
		{"users:\n- username: a b\n", "line 2: user name"},
		{"users:\n- roles: [Admin]\n", "is empty"},
		{"users:\n- username: a\n  password_hash: secret\n", "line 3: password_hash of user \"a\" is not a bcrypt hash"},
		{"users:\n- username: a\n  password_hash: " + cheap + "\n", "line 3: password_hash of user \"a\" has cost 4"},
		{"users:\n- username: a\n  password_hash: " + strings.Replace(h, "$10$", "$16$", 1) + "\n", "has cost 16"},
		{"users:\n- username: a\n  enabled: maybe\n", "line 3: cannot unmarshal"},
		{"users:\n- username: [a]\n", "line 2: a text is needed here"},
		{"users:\n- username: ~\n", "is empty"},
		{"users: 7\n", "line 1: cannot unmarshal"},
		{"users:\n- username: a\n  username: b\n", "line 3: mapping key \"username\" already defined"},
		{"users: []\n---\nusers: []\n", "more than one document"},
		{"\tusers:", "found character that cannot start any token"},
		{"a: &a [x,x]\nb: &b [*a,*a]\n", "field a not found"},
	} {
		_, err := parseRBAC([]byte(c.text), func(string) (RoleInfo, bool) { return RoleInfo{}, false }, MinBcryptCost)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), cheap) {
			t.Errorf("%s: %v", c.text, err)
		}
	}
	b, path := withFile(t, "users:\n- username: amy\n  roles: [Viewer]\n")
	if !strings.Contains(b.said.String(), "no user may administer") {
		t.Error("nobody is warned that there is no administrator")
	}
	writeFile(t, path, strings.Repeat("#", maxRBACFile+1))
	wantCode(t, "long", b.LoadRBAC(path), pgerr.ConfigFileError)
	wantCode(t, "missing", b.LoadRBAC(path+"x"), pgerr.ConfigFileError)
}

func FuzzParseRBAC(f *testing.F) {
	f.Add([]byte(guideRBAC(f)))
	f.Add([]byte("users:\n- username: a\n  roles: [&x Admin, *x]\nroles:\n- {name: Viewer, permissions: []}\n"))
	f.Add([]byte("a: &a [x]\nb: [*a, *a]\n---\n"))
	known := func(n string) (RoleInfo, bool) { return builtIn[0], strings.EqualFold(n, RoleAdmin) }
	f.Fuzz(func(t *testing.T, p []byte) {
		file, err := parseRBAC(p, known, 4)
		if err != nil {
			return
		}
		for n, u := range file.users {
			if checkName("user", n) != nil || len(u.Roles) > MaxRolesPerUser {
				t.Fatalf("%+v", u)
			}
			if _, ok := bcryptCost(u.Hash); u.Hash != "" && !ok {
				t.Fatalf("%+v", u)
			}
			for _, r := range u.Roles {
				if _, ok := file.roles[strings.ToLower(r)]; !ok && r != RoleAdmin {
					t.Fatalf("%+v", u)
				}
			}
		}
	})
}
