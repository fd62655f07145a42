package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/heliosdb/heliosdb-streaming/internal/testtls"
)

// TestUsersOverTLS: the first user is made over the API, logs in over the
// PostgreSQL protocol, makes others, who are there after a kill; and SIGHUP shows
// a new certificate while connections go on.
func TestUsersOverTLS(t *testing.T) {
	t.Parallel()
	ca := testtls.NewCA(t)
	cert, key := ca.Issue("server", "localhost")
	s := settings{dir: t.TempDir(), broker: "127.0.0.1:1", workers: 1, env: []string{
		"HELIOSDB_SECURITY_AUTHENTICATION_ENABLED=true", "HELIOSDB_SECURITY_TLS_CERT_FILE=" + cert, "HELIOSDB_SECURITY_TLS_KEY_FILE=" + key,
	}}
	e := start(t, s)
	conf := &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost", MinVersion: tls.VersionTLS12}
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: conf}, Timeout: 30 * time.Second}
	t.Cleanup(web.CloseIdleConnections)
	post := func(path string, body map[string]any) {
		t.Helper()
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+e.api+path, bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		r, err := web.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		if r.StatusCode/100 != 2 {
			t.Fatalf("%s: %s\n%s", path, r.Status, e.log)
		}
	}
	setup, err := os.ReadFile(filepath.Join(s.dir, "state", "setup-token"))
	if err != nil {
		t.Fatal(err)
	}
	const password = "secure-password-here"
	post("/api/v1/auth/register", map[string]any{"username": "admin", "password": password, "roles": []string{"Admin"},
		"setup_token": strings.TrimSpace(string(setup))})
	r, err := web.Get("https://" + e.health + "/ready")
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("ready: %v %v", r, err)
	}
	_ = r.Body.Close()

	connect := func(user, password string) (*pgx.Conn, int64) {
		t.Helper()
		c, err := pgx.ParseConfig("postgres://" + e.pg + "/heliosdb?sslmode=disable&default_query_exec_mode=simple_protocol")
		if err != nil {
			t.Fatal(err)
		}
		var serial int64
		c.User, c.Password, c.TLSConfig = user, password, conf.Clone()
		c.TLSConfig.VerifyConnection = func(st tls.ConnectionState) error {
			serial = st.PeerCertificates[0].SerialNumber.Int64()
			return nil
		}
		conn, err := pgx.ConnectConfig(t.Context(), c)
		if err != nil {
			t.Fatalf("%v\n%s", err, e.log)
		}
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
		return conn, serial
	}
	admin, before := connect("admin", password)
	for _, sql := range []string{"CREATE TABLE t (id int)", "CREATE USER vera PASSWORD 'veras password' IN ROLE viewer",
		"CREATE USER greta PASSWORD 'gretas password'", "GRANT SELECT ON t TO greta"} {
		if _, err := admin.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}

	ca.Issue("server", "localhost")
	if err := e.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	e.eventually("the new certificate", func() (string, bool) {
		_, now := connect("admin", password)
		return "the old one", now != before
	})
	if _, err := admin.Exec(t.Context(), "SELECT * FROM t"); err != nil {
		t.Errorf("the connection from before the reload: %v", err)
	}

	e.kill()
	e = start(t, s)
	if _, err := os.Stat(filepath.Join(s.dir, "state", "setup-token")); err == nil {
		t.Error("the setup token is there again")
	}
	for user, sql := range map[string]string{"vera": "SELECT * FROM t", "greta": "SELECT * FROM t"} {
		conn, _ := connect(user, user+"s password")
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Errorf("%s: %v", user, err)
		}
		if _, err := conn.Exec(t.Context(), "DROP TABLE t"); err == nil || !strings.Contains(err.Error(), "42501") {
			t.Errorf("%s: %v", user, err)
		}
	}
	e.stop()
}
