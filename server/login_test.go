package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/testtls"
	"github.com/heliosdb/heliosdb-streaming/pgwire"
	"github.com/heliosdb/heliosdb-streaming/server/auth"
)

// guarded is a server that asks who somebody is.
type guarded struct {
	*Server
	t         *testing.T
	addr      string
	ca        *testtls.CA
	cert, key string // of the server
}

const testPassword = "correct horse"

// testVerifier belongs to testPassword; the cheapest, and made once.
var testVerifier = sync.OnceValue(func() string { return auth.NewVerifier(testPassword, auth.MinScramIterations).String() })

// startGuarded serves with TLS and the users ada (Admin), olga (Operator), vera
// (Viewer) and norma, who has no role.
func startGuarded(t *testing.T, change ...func(*config.Config)) *guarded {
	t.Helper()
	g := &guarded{t: t, ca: testtls.NewCA(t)}
	g.cert, g.key = g.ca.Issue("server", "localhost")
	cfg := config.Default()
	cfg.State.Backend, cfg.State.Path = config.BackendMemory, t.TempDir()
	cfg.Streaming.CheckpointInterval = time.Hour
	cfg.Streaming.MaxParallelism = 1
	cfg.Security.TLSCertFile, cfg.Security.TLSKeyFile, cfg.Security.TLSClientCAFile = g.cert, g.key, g.ca.File
	for _, f := range change {
		f(cfg)
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	s, err := Open(cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	g.Server = s
	verifier := testVerifier()
	for name, role := range map[string][]string{"ada": {"Admin"}, "olga": {"operator"}, "vera": {"VIEWER"}, "norma": nil} {
		if err := s.auth.CreateUser(t.Context(), auth.System(), auth.UserSpec{Name: name, Verifier: verifier, Roles: role}); err != nil {
			t.Fatal(err)
		}
	}
	g.addr = serveTest(t, s, log)
	return g
}

// config is how a client connects, with TLS that is verified.
func (g *guarded) config(user, password string) *pgx.ConnConfig {
	g.t.Helper()
	c, err := pgx.ParseConfig("postgres://" + g.addr + "/heliosdb?sslmode=disable")
	if err != nil {
		g.t.Fatal(err)
	}
	c.User, c.Password = user, password
	c.TLSConfig = &tls.Config{RootCAs: g.ca.Pool(), ServerName: "localhost", MinVersion: tls.VersionTLS12}
	return c
}

// as connects a user.
func (g *guarded) as(user string) *pgx.Conn {
	g.t.Helper()
	return g.connect(g.config(user, testPassword))
}

func (g *guarded) connect(c *pgx.ConnConfig) *pgx.Conn {
	g.t.Helper()
	conn, err := pgx.ConnectConfig(g.t.Context(), c)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// refused connects and gives the error, as one line.
func (g *guarded) refused(c *pgx.ConnConfig) string {
	g.t.Helper()
	conn, err := pgx.ConnectConfig(g.t.Context(), c)
	if err == nil {
		_ = conn.Close(context.Background())
		g.t.Fatal("the connection was let in")
	}
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return err.Error()
	}
	return e.Severity + " " + e.Code + " " + e.Message
}

func run(t *testing.T, c *pgx.Conn, sql string) {
	t.Helper()
	if _, err := c.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// fails executes a statement and gives its SQLSTATE and message.
func fails(t *testing.T, c *pgx.Conn, sql string, args ...any) string {
	t.Helper()
	_, err := c.Exec(t.Context(), sql, args...)
	return refusal(err)
}

// refusal is an error's SQLSTATE and message.
func refusal(err error) string {
	var e *pgconn.PgError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Code + " " + e.Message
	}
	return err.Error()
}

func ask1(t *testing.T, c *pgx.Conn, sql string) string {
	t.Helper()
	var s string
	if err := c.QueryRow(t.Context(), sql).Scan(&s); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return s
}

func TestLogin(t *testing.T) {
	t.Parallel()
	g := startGuarded(t)
	if got := ask1(t, g.as("vera"), "SELECT current_user"); got != "vera" {
		t.Error(got)
	}
	plain := g.config("vera", testPassword)
	plain.TLSConfig = nil
	g.connect(plain) // SCRAM without TLS, from this machine

	// Whoever is refused learns no more than that he is.
	for _, c := range []struct{ user, password string }{
		{"vera", "wrong password"}, {"nobody", testPassword}, {"vera", ""}, {"norma", "x"}, {"Vera", testPassword},
	} {
		want := `FATAL 28P01 password authentication failed for user "` + c.user + `"`
		if got := g.refused(g.config(c.user, c.password)); got != want && c.password != "" {
			t.Errorf("%s: %s", c.user, got)
		}
	}
	run(t, g.as("ada"), "ALTER USER vera NOLOGIN")
	if got := g.refused(g.config("vera", testPassword)); got != `FATAL 28P01 password authentication failed for user "vera"` {
		t.Error(got)
	}
}

// TestMockVerifier: unknown users are offered the same salt each time, and one
// of their own.
func TestMockVerifier(t *testing.T) {
	t.Parallel()
	g := startGuarded(t)
	offer := func(user string) string {
		a, err := g.auth.Begin(user, "127.0.0.1:1", "scram")
		if err != nil {
			t.Fatal(err)
		}
		return string(a.Verifier().Salt)
	}
	first := map[string]string{}
	for _, user := range []string{"nobody", "somebody", "vera"} {
		first[user] = offer(user)
		if offer(user) != first[user] {
			t.Errorf("%s is offered another salt the second time", user)
		}
	}
	if first["nobody"] == first["somebody"] {
		t.Error("two unknown users are offered the same salt")
	}
}

func TestCertificateLogin(t *testing.T) {
	t.Parallel()
	g := startGuarded(t)
	cert, key := g.ca.Issue("vera", "vera")
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	c := g.config("vera", "")
	c.TLSConfig.Certificates = []tls.Certificate{pair}
	if got := ask1(t, g.connect(c), "SELECT current_user"); got != "vera" {
		t.Error(got)
	}
	// Another's certificate is no proof; a password is.
	c = g.config("ada", "wrong")
	c.TLSConfig.Certificates = []tls.Certificate{pair}
	if got := g.refused(c); got != `FATAL 28P01 password authentication failed for user "ada"` {
		t.Error(got)
	}
	c.Password = testPassword
	g.connect(c)
	// A certificate of a user who does not exist.
	cert, key = g.ca.Issue("ghost", "ghost")
	if pair, err = tls.LoadX509KeyPair(cert, key); err != nil {
		t.Fatal(err)
	}
	c = g.config("ghost", "")
	c.TLSConfig.Certificates = []tls.Certificate{pair}
	if got := g.refused(c); got != `FATAL 28P01 password authentication failed for user "ghost"` {
		t.Error(got)
	}
	// One that the authority did not sign ends the handshake.
	other := testtls.NewCA(t)
	cert, key = other.Issue("vera", "vera")
	if pair, err = tls.LoadX509KeyPair(cert, key); err != nil {
		t.Fatal(err)
	}
	c = g.config("vera", "")
	c.TLSConfig.Certificates = []tls.Certificate{pair}
	c.TLSConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	if got := g.refused(c); strings.Contains(got, "28P01") {
		t.Error(got)
	}
}

// TestCleartext: passwords in clear are asked for under TLS only.
func TestCleartext(t *testing.T) {
	t.Parallel()
	g := startGuarded(t)
	c := g.config("vera", testPassword)
	c.RuntimeParams["options"] = "-c heliosdb.auth=password"
	g.connect(c)
	c.Password = "wrong password"
	if got := g.refused(c); got != `FATAL 28P01 password authentication failed for user "vera"` {
		t.Error(got)
	}
	c.TLSConfig = nil
	if got := g.refused(c); got != "FATAL 28000 a token or password in clear needs an encrypted connection" {
		t.Error(got)
	}
}

// TestPlaintextFromAfar: other machines need TLS unless the configuration says
// otherwise.
func TestPlaintextFromAfar(t *testing.T) {
	t.Parallel()
	g := startGuarded(t)
	p := pgwire.StartupParams{User: "vera", RemoteAddr: "192.0.2.7:1234"}
	if _, err := g.login(t.Context(), &p); err == nil || pgerr.From(err).Message != "connections from other machines need encryption" {
		t.Error(err)
	}
}

// TestCertificateReload: SIGHUP's path; a session goes on.
func TestCertificateReload(t *testing.T) {
	t.Parallel()
	g := startGuarded(t)
	serial := func() int64 {
		nc, err := net.Dial("tcp", g.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		if _, err := nc.Write([]byte{0, 0, 0, 8, 4, 210, 22, 47}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(nc, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		c := tls.Client(nc, g.config("x", "").TLSConfig)
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	conn, before := g.as("vera"), serial()
	g.ca.Issue("server", "localhost")
	if err := g.Reload(g.Config().Clone()); err != nil {
		t.Fatal(err)
	}
	if serial() == before {
		t.Error("the new certificate is not shown")
	}
	if got := ask1(t, conn, "SELECT current_user"); got != "vera" {
		t.Error(got)
	}
	if err := os.WriteFile(g.cert, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := g.Reload(g.Config().Clone()); err == nil || !strings.Contains(err.Error(), "stays as it was") {
		t.Error(err)
	}
	g.as("vera")
}

// psql runs statements as a user, over TLS that is verified and bound to.
func (g *guarded) psql(user string, env []string, sql string) (string, error) {
	host, port, _ := net.SplitHostPort(g.addr)
	cmd := exec.CommandContext(g.t.Context(), "psql", "-X", "-w", "-A", "-t", "-v", "VERBOSITY=verbose", "-h", "localhost", "-p", port, "-U", user, "-d", "heliosdb")
	cmd.Env = append(append(os.Environ(), "PGHOSTADDR="+host, "PGSSLMODE=verify-full", "PGSSLROOTCERT="+g.ca.File, "PGCHANNELBINDING=require",
		"PGPASSWORD="+testPassword, "PGCONNECT_TIMEOUT=20"), env...)
	cmd.Stdin = strings.NewReader(sql)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func needPsql(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("psql"); err != nil {
		if os.Getenv("REQUIRE_ALL") != "" {
			t.Fatal(err)
		}
		t.Skip("psql is not installed")
	}
}

// TestPsqlLogin: libpq, with the certificate verified and the exchange bound to
// the connection.
func TestPsqlLogin(t *testing.T) {
	t.Parallel()
	needPsql(t)
	g := startGuarded(t)
	cert, key := g.ca.Issue("client", "vera")
	for _, c := range []struct {
		name, user, want string
		env              []string
		bad              bool
	}{
		{"scram plus", "vera", "vera", nil, false},
		{"sslmode require", "vera", "vera", []string{"PGSSLMODE=require"}, false},
		{"scram without binding", "vera", "vera", []string{"PGCHANNELBINDING=disable"}, false},
		{"no tls", "vera", "vera", []string{"PGSSLMODE=disable", "PGCHANNELBINDING=disable"}, false},
		{"binding without tls", "vera", "channel binding required, but SSL not in use", []string{"PGSSLMODE=disable"}, true},
		{"wrong password", "vera", `password authentication failed for user "vera"`, []string{"PGPASSWORD=wrong"}, true},
		{"unknown user", "nobody", `password authentication failed for user "nobody"`, nil, true},
		{"cleartext", "vera", "vera", []string{"PGOPTIONS=-c heliosdb.auth=password", "PGCHANNELBINDING=disable"}, false},
		{"cleartext is not bound", "vera", "channel binding required", []string{"PGOPTIONS=-c heliosdb.auth=password"}, true},
		{"certificate", "vera", "vera", []string{"PGPASSWORD=", "PGSSLCERT=" + cert, "PGSSLKEY=" + key, "PGCHANNELBINDING=disable"}, false},
		{"old tls", "vera", "", []string{"PGSSLMINPROTOCOLVERSION=TLSv1.1", "PGSSLMAXPROTOCOLVERSION=TLSv1.1"}, true},
	} {
		out, err := g.psql(c.user, c.env, "SELECT current_user;")
		if (err != nil) != c.bad || !strings.Contains(out, c.want) {
			t.Errorf("%s: %v\n%s", c.name, err, out)
		}
	}
}

// TestSecretsAreNotShown: a password is in no list of statements, error or audit.
func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	audit := t.TempDir() + "/audit.log"
	g := startGuarded(t, func(c *config.Config) { c.Security.AuditLogFile = audit })
	ada, spy := g.as("ada"), g.as("ada")
	const secret = "my very own secret"
	run(t, ada, "CREATE USER ute PASSWORD '"+secret+"'")
	run(t, ada, "ALTER USER ute PASSWORD '"+secret+"2'")
	fails(t, ada, "ALTER USER nobody PASSWORD '"+secret+"3'")
	fails(t, ada, "CREATE USER short PASSWORD 'secret'")
	for _, q := range []string{
		"SELECT string_agg(query, ';') FROM pg_stat_activity", "SELECT string_agg(coalesce(rolpassword, ''), ';') FROM pg_authid",
		"SELECT coalesce(string_agg(statement, ';'), '') FROM pg_prepared_statements",
	} {
		if got := ask1(t, spy, q); strings.Contains(got, "secret") {
			t.Errorf("%s: %s", q, got)
		}
	}
	b, err := os.ReadFile(audit)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b, []byte("secret")) || !bytes.Contains(b, []byte("user ute")) {
		t.Errorf("audit log:\n%s", b)
	}
}
