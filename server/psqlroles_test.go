package server

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/server/auth"
)

// TestPsqlRoles: what psql shows of users and grants.
func TestPsqlRoles(t *testing.T) {
	t.Parallel()
	needPsql(t)
	g := startGuarded(t)
	ada := g.as("ada")
	for _, sql := range []string{
		"CREATE TABLE t (id int)", "CREATE VIEW v AS SELECT * FROM t", "CREATE ROLE readers",
		"GRANT SELECT, INSERT ON t TO vera", "GRANT SELECT ON t TO PUBLIC", "GRANT ALL ON v TO READERS", "GRANT readers TO vera",
		"ALTER USER norma NOLOGIN",
	} {
		run(t, ada, sql)
	}
	for _, c := range []struct{ sql, want string }{
		{`\du`, strings.TrimSpace(`
Admin|Superuser, Create role, Create DB, Cannot login, Replication, Bypass RLS|{}
Operator|Cannot login|{}
Viewer|Cannot login|{}
ada|Superuser, Create role, Create DB, Replication, Bypass RLS|{Admin}
norma|Cannot login|{}
olga||{Operator}
readers|Cannot login|{}
vera||{Viewer,readers}`)},
		{`\dp`, strings.TrimSpace(`
public|t|table|pg_database_owner=arwd/pg_database_owner
=r/pg_database_owner
vera=ar/pg_database_owner||
public|v|view|pg_database_owner=arwd/pg_database_owner
readers=arwd/pg_database_owner||`)},
		{`\dt`, "public|t|table|pg_database_owner"},
		{"SELECT has_table_privilege('t', 'select'), has_table_privilege('norma', 't', 'insert'), has_table_privilege('vera', 't', 'insert'), pg_has_role('vera', 'readers', 'member');", "t|f|t|t"},
		{"SELECT has_table_privilege('readers', 'v', 'delete'), has_table_privilege('operator', 't', 'delete'), has_table_privilege('nobody', 't', 'delete');", `ERROR:  42704: role "nobody" does not exist`},
		{"SELECT grantee, privilege_type FROM information_schema.role_table_grants WHERE table_name = 't' AND grantor = 'pg_database_owner' AND is_grantable = 'NO' ORDER BY 1, 2;", "PUBLIC|SELECT\nvera|INSERT\nvera|SELECT"},
		{"SELECT name, enabled, roles, has_scram, source FROM heliosdb.users WHERE name IN ('vera', 'norma') ORDER BY 1;", "norma|f|{}|t|sql\nvera|t|{Viewer,readers}|t|sql"},
		{"SELECT * FROM heliosdb.roles WHERE name <> 'Admin' ORDER BY 1;", "Operator|{Read,Execute,Cancel}|built in\nViewer|{Read}|built in\nreaders|{}|sql"},
		{"SELECT privilege FROM heliosdb.permissions WHERE 'INSERT' = ANY (statements);", "INSERT"},
		{"SELECT ssl, version, bits FROM pg_stat_ssl WHERE pid = pg_backend_pid();", "t|TLSv1.3|128"},
		{"SELECT rolname FROM pg_authid WHERE rolpassword LIKE '%SCRAM%';", ""},
	} {
		out, err := g.psql("ada", nil, c.sql)
		if !strings.HasPrefix(out, c.want) || err != nil {
			t.Errorf("%s: %v\n%s\nwant\n%s", c.sql, err, out, c.want)
		}
	}
	if out, _ := g.psql("vera", nil, "SELECT * FROM pg_authid; SELECT * FROM heliosdb.users;"); strings.Count(out, "ERROR:  42501: permission denied for") != 2 {
		t.Error(out)
	}
}

// TestPsqlPassword: \password sends a verifier, never the password.
func TestPsqlPassword(t *testing.T) {
	t.Parallel()
	needPsql(t)
	g := startGuarded(t)
	cmd := exec.CommandContext(t.Context(), "psql", "-X", "-w", "-h", "127.0.0.1", "-p", g.addr[strings.LastIndex(g.addr, ":")+1:], "-U", "vera", "-d", "heliosdb",
		"-c", `\password`, "-c", "SELECT 'still here'")
	cmd.Env = append(os.Environ(), "PGSSLMODE=require", "PGPASSWORD="+testPassword)
	cmd.Stdin = strings.NewReader("a brand new one\na brand new one\n")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no terminal to ask on
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Contains(string(out), "ERROR") || !strings.Contains(string(out), "still here") {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := g.psql("vera", []string{"PGPASSWORD=a brand new one"}, "SELECT 1;"); err != nil {
		t.Error(out)
	}
	if _, err := g.psql("vera", nil, "SELECT 1;"); err == nil {
		t.Error("the old password still counts")
	}
}

// TestTokenLogin: a token of the API is a password, under TLS.
func TestTokenLogin(t *testing.T) {
	t.Parallel()
	g := startGuarded(t)
	tok, err := g.auth.Login(t.Context(), "vera", testPassword, "127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	c := g.config("vera", tok.Token)
	c.RuntimeParams["options"] = "-c heliosdb.auth=token"
	conn := g.connect(c)
	if got := ask1(t, conn, "SELECT current_user"); got != "vera" {
		t.Error(got)
	}
	c.User = "ada"
	if got := g.refused(c); got != `FATAL 28P01 password authentication failed for user "ada"` {
		t.Error(got)
	}
	c.User, c.Password = "vera", tok.Token[:len(tok.Token)-4]+"AAAA"
	if got := g.refused(c); got != `FATAL 28P01 password authentication failed for user "vera"` {
		t.Error(got)
	}
	// Without the option the client is asked for SCRAM, and the token fits too.
	c = g.config("vera", tok.Token)
	if got := ask1(t, g.connect(c), "SELECT current_user"); got != "vera" {
		t.Error(got)
	}
	c = g.config("ada", tok.Token)
	if got := g.refused(c); got != `FATAL 28P01 password authentication failed for user "ada"` {
		t.Error(got)
	}
	c = g.config("vera", tok.Token)
	c.TLSConfig = nil
	if got := g.refused(c); got != `FATAL 28P01 password authentication failed for user "vera"` {
		t.Errorf("without TLS: %s", got)
	}
	needPsql(t)
	for _, env := range []string{"PGCHANNELBINDING=require", "PGCHANNELBINDING=disable"} {
		if out, err := g.psql("vera", []string{"PGPASSWORD=" + tok.Token, env}, "SELECT current_user;"); err != nil || !strings.Contains(out, "vera") {
			t.Errorf("%s: %v\n%s", env, err, out)
		}
	}
	if err := g.auth.Logout(t.Context(), tok.Token, "127.0.0.1:1"); err != nil {
		t.Fatal(err)
	}
	if got := g.refused(g.config("vera", tok.Token)); got != `FATAL 28P01 password authentication failed for user "vera"` {
		t.Errorf("after the logout: %s", got)
	}
}

// TestRBACFile: a user who is known by a bcrypt hash alone is asked for the
// password in clear, under TLS, once; disabling him ends his connections.
func TestRBACFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "rbac.yaml")
	hash, err := auth.HashPassword("frieda's password")
	if err != nil {
		t.Fatal(err)
	}
	write := func(enabled string) {
		t.Helper()
		text := "users:\n  - username: frieda\n    password_hash: \"" + hash + "\"\n    roles: [Viewer]\n    enabled: " + enabled + "\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("true")
	g := startGuarded(t, func(c *config.Config) { c.Security.RBACFile = file })
	plain := g.config("frieda", "frieda's password")
	plain.TLSConfig = nil
	if got := g.refused(plain); got != `FATAL 28P01 password authentication failed for user "frieda"` {
		t.Error(got)
	}
	if got := g.refused(g.config("frieda", "something else")); got != `FATAL 28P01 password authentication failed for user "frieda"` {
		t.Error(got)
	}
	g.connect(g.config("frieda", "frieda's password"))
	conn := g.connect(plain) // there is a SCRAM verifier now
	run(t, conn, "SELECT 1")
	write("false")
	if err := g.Reload(g.Config().Clone()); err != nil {
		t.Fatal(err)
	}
	if got := fails(t, conn, "SELECT 1"); got == "" {
		t.Error("the connection of a disabled user goes on")
	}
	if got := g.refused(plain); got != `FATAL 28P01 password authentication failed for user "frieda"` {
		t.Error(got)
	}
}

// TestThrottle: after some wrong passwords an address waits, whoever it says
// that it is.
func TestThrottle(t *testing.T) {
	t.Parallel()
	g := startGuarded(t)
	for _, user := range []string{"vera", "nobody"} {
		var got string
		for range 8 {
			if got = g.refused(g.config(user, "guess")); !strings.Contains(got, "28P01") {
				break
			}
		}
		if !strings.HasPrefix(got, "FATAL 53400 too many failed logins") {
			t.Errorf("%s: %s", user, got)
		}
	}
	g.as("olga")
}

// TestMetricsGuard: from another machine metrics need a token with Read.
func TestMetricsGuard(t *testing.T) {
	t.Parallel()
	g := startGuarded(t)
	token := func(user string) string {
		tok, err := g.auth.Login(t.Context(), user, testPassword, "127.0.0.1:1")
		if err != nil {
			t.Fatal(err)
		}
		return "Bearer " + tok.Token
	}
	h := g.guardMetrics(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "metrics") }))
	for _, c := range []struct {
		remote, header string
		want           int
	}{
		{"127.0.0.1:1", "", 200}, {"192.0.2.1:1", "", 401}, {"192.0.2.1:1", "Bearer nonsense", 401},
		{"192.0.2.1:1", token("vera"), 200}, {"192.0.2.1:1", token("norma"), 403},
	} {
		r := httptest.NewRequestWithContext(context.Background(), "GET", "/metrics", nil)
		r.RemoteAddr = c.remote
		if c.header != "" {
			r.Header.Set("Authorization", c.header)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s with %.12q: %d, want %d", c.remote, c.header, w.Code, c.want)
		}
	}
}
