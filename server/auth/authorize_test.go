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

func TestBuiltInRoles(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.user("root", adminPassword, "Admin")
	b.user("op", "op's password", "Operator")
	b.user("vi", "vi's password", "Viewer")
	b.user("bare", "bare's password")
	for user, allowed := range map[string][]Permission{
		"root": {Read, Write, Execute, Delete, Admin, Cancel, Manage}, "op": {Read, Execute, Cancel}, "vi": {Read}, "bare": nil,
	} {
		for _, n := range permissionNames {
			want := pgerr.InsufficientPrivilege
			if slices.Contains(allowed, n.p) {
				want = ""
			}
			err := b.Authorize(b.id(user), n.p)
			wantCode(t, user+" "+n.name, err, want)
			if b.Can(b.id(user), n.p) != (want == "") {
				t.Errorf("Can(%s, %s)", user, n.name)
			}
		}
	}
	if err := b.Authorize(b.id("vi"), Manage); !strings.Contains(pgerr.From(err).Detail, "Admin") {
		t.Errorf("%+v", pgerr.From(err))
	}
	wantCode(t, "system", b.Authorize(System(), Admin), "")
	wantCode(t, "stranger", b.Authorize(Identity{Name: "stranger", Permissions: AllPermissions}, Read), pgerr.InvalidAuthorization)
	if !strings.Contains(b.audited(), `"event":"permission_denied","user":"vi","address":"127.0.0.1:4000","outcome":"refused","detail":"permission Manage"`) {
		t.Error(b.audited())
	}
}

func TestGrants(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	ctx := context.Background()
	b.user("root", adminPassword, "Admin")
	b.user("amy", "amy's password", "Viewer")
	b.user("bob", "bob's password")
	root := b.id("root")
	wantCode(t, "role", b.CreateRole(ctx, root, "Team", 0), "")
	wantCode(t, "member", b.AlterUser(ctx, root, "bob", UserChange{AddRoles: []string{"TEAM"}}), "")
	bob := b.id("bob")
	sel := func(oids ...uint32) []Object {
		var o []Object
		for _, x := range oids {
			o = append(o, Object{OID: x, Kind: "view", Name: "v", Need: Privileges(Select)})
		}
		return o
	}
	denied := pgerr.InsufficientPrivilege
	wantCode(t, "before", b.Authorize(bob, Read, sel(1)...), denied)
	grant := func(name string, p Privileges, oids ...uint32) {
		t.Helper()
		g, err := b.Grantee(name)
		wantCode(t, name, err, "")
		wantCode(t, "grant", b.GrantOn(ctx, root, []Grantee{g}, oids, p), "")
	}
	grant("bob", Privileges(Select|Insert), 1)
	grant("team", Privileges(Select), 2)
	grant("PUBLIC", Privileges(Select), 3)
	wantCode(t, "all three ways", b.Authorize(bob, Read, sel(1, 2, 3)...), "")
	wantCode(t, "one more", b.Authorize(bob, Read, sel(1, 2, 3, 4)...), denied)
	wantCode(t, "nothing named", b.Authorize(bob, Read), denied)
	wantCode(t, "no privilege named", b.Authorize(bob, Execute, Object{OID: 1}), denied)
	wantCode(t, "insert", b.Authorize(bob, Write, Object{OID: 1, Kind: "table", Name: "t", Need: Privileges(Insert)}), "")
	err := b.Authorize(bob, Write, Object{OID: 1, Kind: "table", Name: "t", Need: Privileges(Update | Insert)})
	wantCode(t, "update", err, denied)
	if e := pgerr.From(err); e.Message != "permission denied for table t" {
		t.Error(e.Message)
	}
	if p := b.PrivilegesOn(bob, 1); p != Privileges(Select|Insert) {
		t.Error(p.Names())
	}
	if p := b.PrivilegesOn(b.id("amy"), 99); p != Privileges(Select) {
		t.Error(p.Names())
	}
	wantCode(t, "by bob", b.GrantOn(ctx, bob, []Grantee{{GranteeUser, "bob"}}, []uint32{9}, AllPrivileges), denied)
	_, err = b.Grantee("nobody")
	wantCode(t, "nobody", err, pgerr.UndefinedObject)
	b.restart()
	wantCode(t, "after a restart", b.Authorize(bob, Read, sel(1, 2, 3)...), "")
	root, bob = b.id("root"), b.id("bob")
	wantCode(t, "revoke", b.RevokeOn(ctx, root, []Grantee{{GranteeUser, "bob"}}, []uint32{1, 77}, Privileges(Select)), "")
	wantCode(t, "revoked", b.Authorize(bob, Read, sel(1)...), denied)
	b.ForgetRelations(2, 5)
	wantCode(t, "dropped", b.Authorize(bob, Read, sel(2)...), denied)
	if n := len(b.Grants()); n != 2 {
		t.Errorf("%v", b.Grants())
	}
}

func TestUsersAndRoles(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	ctx := context.Background()
	b.user("root", adminPassword, "Admin")
	b.user("amy", "amy's password", "Viewer")
	root, amy := b.id("root"), b.id("amy")
	off, pw, short := false, "another password", "short"
	check := func(what string, err error, code string) {
		t.Helper()
		wantCode(t, what, err, code)
	}
	for _, name := range []string{"", strings.Repeat("x", 64), "a b", "-x", "a:b", "a/b", "a\x00", "\xff", "pg_x", "public", "None", "System", "a\u202eb"} {
		if err := b.CreateUser(ctx, root, UserSpec{Name: name}); err == nil {
			t.Errorf("user %q is made", name)
		}
		if err := b.CreateRole(ctx, root, name, 0); err == nil {
			t.Errorf("role %q is made", name)
		}
	}
	for _, name := range []string{"josé", "o-1", "ops@example.com", "_x", "7"} {
		check(name, b.CreateUser(ctx, root, UserSpec{Name: name}), "")
	}
	for _, p := range []string{"short", strings.Repeat("x", 73), "with\x00zero", "bad \xff utf8", "AMYAMYAMY"} {
		if err := CheckPassword("amyamyamy", p); err == nil {
			t.Errorf("password %q is accepted", p)
		}
	}
	check("own password", b.AlterUser(ctx, amy, "amy", UserChange{Password: &pw}), "")
	check("short one", b.AlterUser(ctx, amy, "amy", UserChange{Password: &short}), pgerr.InvalidParameterValue)
	check("own roles", b.AlterUser(ctx, amy, "amy", UserChange{Password: &pw, AddRoles: []string{"Admin"}}), pgerr.InsufficientPrivilege)
	check("another's password", b.AlterUser(ctx, amy, "root", UserChange{Password: &pw}), pgerr.InsufficientPrivilege)
	check("last admin off", b.AlterUser(ctx, root, "root", UserChange{Enabled: &off}), pgerr.ObjectNotInPrerequisiteState)
	check("last admin demoted", b.AlterUser(ctx, root, "root", UserChange{RemoveRoles: []string{"ADMIN"}}), pgerr.ObjectNotInPrerequisiteState)
	check("last admin dropped", b.DropUser(ctx, System(), "root"), pgerr.ObjectNotInPrerequisiteState)
	check("oneself dropped", b.DropUser(ctx, root, "root"), pgerr.ObjectInUse)
	check("built in", b.AlterRole(ctx, root, "viewer", AllPermissions), pgerr.ReservedName)
	check("built in", b.DropRole(ctx, root, "ADMIN"), pgerr.ReservedName)
	check("twice", b.CreateRole(ctx, root, "OPERATOR", 0), pgerr.DuplicateObject)
	check("role", b.CreateRole(ctx, root, "Boss", Permissions(Admin)), "")
	check("give", b.AlterUser(ctx, root, "amy", UserChange{AddRoles: []string{"boss"}}), "")
	check("amy administers", b.CreateUser(ctx, amy, UserSpec{Name: "new"}), "")
	check("drop a role in use", b.DropRole(ctx, root, "boss"), pgerr.DependentObjectsStillExist)
	check("root may go", b.DropUser(ctx, amy, "root"), "")
	check("the role may not", b.AlterRole(ctx, amy, "Boss", 0), pgerr.ObjectNotInPrerequisiteState)
	check("the old root", b.Authorize(root, Read), pgerr.InvalidAuthorization)
	check("unknown", b.DropUser(ctx, amy, "root"), pgerr.UndefinedObject)
	check("unknown role", b.AlterUser(ctx, amy, "new", UserChange{RemoveRoles: []string{"x"}}), pgerr.UndefinedObject)
	b.fail = pgerr.New(pgerr.IOError, "disk")
	n := len(b.Users())
	check("disk", b.DropUser(ctx, amy, "new"), pgerr.IOError)
	b.fail = nil
	if len(b.Users()) != n {
		t.Error("what is not durable is seen")
	}
}

// While authentication is disabled, everybody may do everything.
func TestDisabled(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(o *Options) { o.Disabled = true })
	id := b.Anybody("whoever", home)
	wantCode(t, "anything", b.Authorize(id, Admin), "")
	wantCode(t, "create", b.CreateUser(context.Background(), id, UserSpec{Name: "x", Password: adminPassword}), "")
	if _, err := os.Stat(filepath.Join(b.dir, SetupTokenFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a setup token: %v", err)
	}
}

// Every permission covers something, and no statement or call stands twice.
func TestActions(t *testing.T) {
	t.Parallel()
	var covered Permissions
	seen := map[string]bool{}
	for _, a := range Actions {
		covered = covered.With(a.Permission)
		if a.What == "" || len(a.SQL)+len(a.HTTP) == 0 {
			t.Errorf("%+v", a)
		}
		for _, s := range slices.Concat(a.SQL, a.HTTP) {
			if seen[s] {
				t.Errorf("%s stands twice", s)
			}
			seen[s] = true
		}
	}
	if covered != AllPermissions {
		t.Errorf("only %s are covered", covered)
	}
}
