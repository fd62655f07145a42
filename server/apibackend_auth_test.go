package server

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/server/api"
	"github.com/heliosdb/heliosdb-streaming/server/auth"
)

const apiPassword = "a password of some length"

// startSecured is startAPI with authentication; it gives the setup token too.
func startSecured(t *testing.T, change ...func(*config.Config)) (c *apiClient, setup string) {
	t.Helper()
	dir := ""
	c = startAPI(t, "", append([]func(*config.Config){func(cfg *config.Config) {
		cfg.Security.AuthenticationEnabled = true
		dir = cfg.State.LocalDir()
	}}, change...)...)
	b, err := os.ReadFile(filepath.Join(dir, auth.SetupTokenFile))
	if err != nil {
		t.Fatal(err)
	}
	return c, strings.TrimSpace(string(b))
}

// as is the client with somebody's token.
func (c *apiClient) as(user string) *apiClient {
	c.t.Helper()
	out := c.must(http.StatusOK, "POST", "/api/v1/auth/login", map[string]any{"username": user, "password": apiPassword})
	token, _ := out["token"].(string)
	if token == "" || out["expires_at"] == nil || out["roles"] == nil {
		c.t.Fatalf("login gives %v", out)
	}
	d := *c
	d.token = token
	return &d
}

func newUser(name, setup string, roles ...string) map[string]any {
	m := map[string]any{"username": name, "password": apiPassword, "roles": roles}
	if setup != "" {
		m["setup_token"] = setup
	}
	return m
}

func TestAPIUsers(t *testing.T) {
	t.Parallel()
	c, setup := startSecured(t)
	for _, path := range []string{"/api/v1/jobs", "/api/v1/admin/status", "/api/v1/auth/me"} {
		if out := c.must(401, "GET", path, nil); !strings.Contains(fmt.Sprint(out["hint"]), "/api/v1/auth/login") {
			t.Errorf("%v", out)
		}
	}
	c.must(401, "POST", "/api/v1/auth/register", newUser("admin", "", "Admin"))
	c.must(401, "POST", "/api/v1/auth/register", newUser("admin", "guess", "Admin"))
	c.must(201, "POST", "/api/v1/auth/register", newUser("admin", setup, "Admin"))
	c.must(401, "POST", "/api/v1/auth/register", newUser("second", setup, "Admin"))
	if out := c.must(401, "POST", "/api/v1/auth/login", map[string]any{"username": "admin", "password": "x"}); out["sqlstate"] != "28P01" {
		t.Errorf("%v", out)
	}
	admin := c.as("admin")
	admin.must(201, "POST", "/api/v1/auth/register", newUser("op", "", "Operator"))
	admin.must(201, "POST", "/api/v1/auth/users", newUser("eve", "", "viewer"))
	admin.must(409, "POST", "/api/v1/auth/users", newUser("eve", "", "Viewer"))
	admin.must(400, "POST", "/api/v1/auth/users", newUser("bob", "", "nosuchrole"))
	if out := admin.must(200, "GET", "/api/v1/auth/users", nil); asJSON(t, out["total"]) != "3" || strings.Contains(asJSON(t, out), "password") {
		t.Errorf("%v", out)
	}
	eve := c.as("eve")
	if me := eve.must(200, "GET", "/api/v1/auth/me", nil); asJSON(t, me["permissions"]) != `["Read"]` || asJSON(t, me["roles"]) != `["Viewer"]` {
		t.Errorf("me %v", me)
	}
	eve.must(403, "GET", "/api/v1/auth/users", nil)
	eve.must(403, "POST", "/api/v1/jobs", `{"name":"x","sql":"SELECT 1"}`)
	eve.must(403, "POST", "/api/v1/admin/pause", nil)
	eve.must(200, "GET", "/api/v1/jobs", nil)
	c.as("op").must(201, "POST", "/api/v1/jobs", `{"name":"x","sql":"SELECT 1 AS a"}`)

	// Statements have the permissions that they have over the protocol.
	if got := eve.sql("SELECT current_user, (SELECT count(*) FROM x)"); got != `[["eve",1]]` {
		t.Errorf("a Viewer reads %s", got)
	}
	for _, sql := range []string{"CREATE TABLE t (a int)", "DROP MATERIALIZED VIEW x", "CREATE USER z"} {
		if out := eve.must(403, "POST", "/api/v1/sql", map[string]any{"sql": sql}); out["sqlstate"] != "42501" {
			t.Errorf("%s as Viewer: %v", sql, out)
		}
	}

	again := *eve
	again.token = eve.must(200, "POST", "/api/v1/auth/refresh", nil)["token"].(string)
	eve.must(401, "GET", "/api/v1/auth/me", nil)
	again.must(204, "POST", "/api/v1/auth/logout", nil)
	again.must(401, "GET", "/api/v1/auth/me", nil)

	last := c.as("eve")
	admin.must(200, "PATCH", "/api/v1/auth/users/eve", map[string]any{"enabled": false})
	last.must(401, "GET", "/api/v1/auth/me", nil)
	c.must(401, "POST", "/api/v1/auth/login", map[string]any{"username": "eve", "password": apiPassword})
	admin.must(200, "PATCH", "/api/v1/auth/users/eve", map[string]any{"enabled": true, "roles": []string{"Operator"}})
	if me := c.as("eve").must(200, "GET", "/api/v1/auth/me", nil); asJSON(t, me["permissions"]) != `["Read","Execute","Cancel"]` {
		t.Errorf("me %v", me)
	}
	admin.must(204, "DELETE", "/api/v1/auth/users/eve", nil)
	admin.must(404, "GET", "/api/v1/auth/users/eve", nil)
	admin.must(404, "PATCH", "/api/v1/auth/users/eve", map[string]any{"enabled": true})
}

func TestAPIOneHundredFirstUsers(t *testing.T) {
	t.Parallel()
	c, setup := startSecured(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := map[int]int{}
	for i := range 100 {
		wg.Go(func() {
			status, _ := c.call("POST", "/api/v1/auth/register", newUser(fmt.Sprint("u", i), setup, "Admin"))
			mu.Lock()
			defer mu.Unlock()
			got[status]++
		})
	}
	wg.Wait()
	if got[201] != 1 || len(c.s.Auth().Users()) != 1 || got[500] != 0 {
		t.Errorf("answers %v, %d users", got, len(c.s.Auth().Users()))
	}
}

func TestAPIRateLimit(t *testing.T) {
	t.Parallel()
	c, setup := startSecured(t, func(cfg *config.Config) {
		cfg.Security.RateLimitEnabled, cfg.Security.RateLimitRequestsPerMinute = true, 20
	})
	c.must(201, "POST", "/api/v1/auth/register", newUser("admin", setup, "Admin"))
	limited := false
	for range 25 {
		status, out := c.call("GET", "/api/v1/openapi.json", nil)
		if status == 429 {
			limited = true
			if !strings.Contains(asJSON(t, out), "rate-limited") {
				t.Errorf("%v", out)
			}
		}
	}
	if !limited {
		t.Error("25 requests at a limit of 20 a minute: none refused")
	}
}

// The audit log has who called what, and never a secret.
func TestAPIAudit(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "audit.log")
	c, setup := startSecured(t, func(cfg *config.Config) { cfg.Security.AuditLogFile = file })
	c.must(201, "POST", "/api/v1/auth/register", newUser("admin", setup, "Admin"))
	admin := c.as("admin")
	admin.must(200, "POST", "/api/v1/admin/checkpoint", nil)
	c.must(401, "POST", "/api/v1/admin/pause", nil)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"register"`, `"login"`, "checkpoint /api/v1/admin/checkpoint; HTTP status 200", "pause /api/v1/admin/pause; HTTP status 401"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s is not in\n%s", want, b)
		}
	}
	for _, secret := range []string{setup, apiPassword, admin.token} {
		if strings.Contains(string(b), secret) {
			t.Errorf("a secret is in the audit log:\n%s", b)
		}
	}
}

// Package auth's table of what each permission allows names the calls that are
// served, with the permissions that they ask for.
func TestAPIPermissionsAreThoseOfTheTable(t *testing.T) {
	t.Parallel()
	table := map[string]string{}
	for _, a := range auth.Actions {
		for _, call := range a.HTTP {
			table[call] = a.Permission.String()
		}
	}
	for _, rt := range api.Routes() {
		want, ok := table[rt.Call]
		delete(table, rt.Call)
		switch rt.Permission {
		case api.Public, api.Authenticated: // what the body asks for decides, if anything
		default:
			if !ok || want != string(rt.Permission) {
				t.Errorf("%s needs %s; the table of package auth has %q", rt.Call, rt.Permission, want)
			}
		}
	}
	delete(table, "GET /metrics")
	for call := range table {
		t.Errorf("the table of package auth has %s, which is not served", call)
	}
}

// A statement that runs ends when its user may no longer log in.
func TestAPIStatementEndsWithItsUser(t *testing.T) {
	t.Parallel()
	c, setup := startSecured(t)
	c.must(201, "POST", "/api/v1/auth/register", newUser("admin", setup, "Admin"))
	admin := c.as("admin")
	admin.must(201, "POST", "/api/v1/auth/users", newUser("eve", "", "Viewer"))
	eve := c.as("eve")
	type answer struct {
		status int
		body   map[string]any
	}
	done := make(chan answer, 1)
	go func() {
		status, body := eve.call("POST", "/api/v1/sql", map[string]any{"sql": "SELECT count(*) FROM generate_series(1, 1000000000)"})
		done <- answer{status, body}
	}()
	admin.becomes("SELECT count(*) FROM pg_stat_activity WHERE usename = 'eve' AND state = 'active' AND application_name = 'http-api'", "[[1]]")
	admin.must(200, "PATCH", "/api/v1/auth/users/eve", map[string]any{"enabled": false})
	if a := <-done; a.status != 503 || a.body["sqlstate"] != "57P01" {
		t.Errorf("%d %v", a.status, a.body)
	}
}
