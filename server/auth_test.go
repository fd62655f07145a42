package server

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/server/auth"
)

// Users, tokens and grants survive a stop with and without a last checkpoint;
// grants end with their relations; a reload takes the RBAC file again.
func TestAuthIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := config.Default()
	cfg.State.Path = dir
	cfg.Streaming.CheckpointInterval = time.Hour
	cfg.Security.JWTSecret = config.Secret(strings.Repeat("s", auth.MinSecret))
	ctx := context.Background()
	open := func() *Server {
		t.Helper()
		s, err := Open(cfg, slog.New(slog.NewTextHandler(io.Discard, nil)))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	noCheckpoint, cancel := context.WithCancel(ctx)
	cancel()
	s := open()
	secret, err := os.ReadFile(filepath.Join(dir, auth.SetupTokenFile))
	check(err)
	_, err = s.Auth().Register(ctx, nil, "127.0.0.1:1", auth.Registration{Username: "admin", Password: "secure-password-here", Roles: []string{"Admin"}, SetupToken: string(secret)})
	check(err)
	tok, err := s.Auth().Login(ctx, "admin", "secure-password-here", "127.0.0.1:1")
	check(err)
	check(s.Auth().CreateUser(ctx, auth.System(), auth.UserSpec{Name: "amy", Password: "amy's password"}))
	amy := auth.Grantee{Kind: auth.GranteeUser, Name: "amy"}
	file := filepath.Join(t.TempDir(), "a.sql")
	check(os.WriteFile(file, []byte("CREATE TABLE t (a int primary key); CREATE TABLE kept (a int primary key)"), 0o600))
	check(s.applyFile(ctx, file))
	gone, kept := s.catalog().byName["public.t"].OID, s.catalog().byName["public.kept"].OID
	check(s.Auth().GrantOn(ctx, auth.System(), []auth.Grantee{amy}, []uint32{gone, kept}, auth.AllPrivileges))
	verify := func(s *Server, grants int) {
		t.Helper()
		if _, err := s.Auth().VerifyToken(ctx, tok.Token, ""); err != nil {
			t.Error(err)
		}
		if g := s.Auth().Grants(); len(g) != grants || len(s.Auth().Users()) != 2 {
			t.Errorf("%v %v", g, s.Auth().Users())
		}
	}
	verify(s, 2)
	if err := testutil.GatherAndCompare(s.reg, strings.NewReader(`
# HELP heliosdb_logins_total Logins over all protocols; throttled ones came too soon after failures and were refused unread.
# TYPE heliosdb_logins_total counter
heliosdb_logins_total{outcome="failed"} 0
heliosdb_logins_total{outcome="ok"} 1
heliosdb_logins_total{outcome="throttled"} 0
`), "heliosdb_logins_total"); err != nil {
		t.Error(err)
	}
	_ = s.Close(noCheckpoint)
	s = open()
	verify(s, 2)
	check(s.Checkpoint(ctx))
	func() {
		s.ddl.Lock()
		defer s.ddl.Unlock()
		c := s.begin()
		c.cat.remove(gone)
		c.rec.Drop = []uint32{gone}
		check(s.commit(c))
	}()
	verify(s, 1)
	_ = s.Close(noCheckpoint)
	s = open()
	verify(s, 1)
	check(s.Close(ctx))
	s = open()
	verify(s, 1)
	// A file of users, by a reload.
	next := cfg.Clone()
	next.Security.RBACFile = filepath.Join(dir, "rbac.yaml")
	check(os.WriteFile(next.Security.RBACFile, []byte("users:\n- username: amy\n  enabled: false\n"), 0o600))
	check(s.Reload(next))
	if u, _ := s.Auth().User("amy"); u.Enabled || !u.FromFile {
		t.Errorf("%+v", u)
	}
	check(os.WriteFile(next.Security.RBACFile, []byte("users:\n- usrname: amy\n"), 0o600))
	if err := s.Reload(next); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a bad file: %v", err)
	}
	check(s.Close(ctx))
	lines, err := os.ReadFile(cfg.AuditLogFile())
	check(err)
	for _, want := range []string{`"event":"register"`, `"event":"login"`, `"event":"grant"`, `"event":"rbac_reload"`} {
		if !strings.Contains(string(lines), want) {
			t.Errorf("no %s in the audit log", want)
		}
	}
	if strings.Contains(string(lines), "secure-password-here") || strings.Contains(string(lines), strings.TrimSpace(string(secret))) {
		t.Error("a secret is in the audit log")
	}
}
