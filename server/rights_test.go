package server

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// TestMatrix: every kind of statement, as every role.
func TestMatrix(t *testing.T) {
	t.Parallel()
	g := startGuarded(t)
	ada := g.as("ada")
	for _, sql := range []string{
		"CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT INTO t VALUES (1, 1), (2, 2)",
		"CREATE MATERIALIZED VIEW mv AS SELECT n, count(*) AS c FROM t GROUP BY n", "CREATE VIEW v AS SELECT * FROM t",
		"CREATE ROLE writer PERMISSIONS (Write)", "CREATE ROLE remover PERMISSIONS (Read, Delete)", "CREATE ROLE manager PERMISSIONS (Manage)",
		"CREATE USER zoe", "CREATE USER wanda PASSWORD '" + testVerifier() + "' IN ROLE writer", "CREATE USER rita PASSWORD '" + testVerifier() + "' IN ROLE remover",
		"CREATE USER mike PASSWORD '" + testVerifier() + "' IN ROLE manager",
	} {
		run(t, ada, sql)
	}
	users := map[string]*pgx.Conn{"A": ada}
	for key, name := range map[string]string{"O": "olga", "V": "vera", "N": "norma", "W": "wanda", "R": "rita", "M": "mike"} {
		users[key] = g.as(name)
	}
	// Who may: Admin, Operator, Viewer, nobody's roles, Write, Read+Delete, Manage.
	// With "?" it fails for another reason.
	for _, c := range []struct{ sql, may string }{
		{"SELECT 1", "AOVNWRM"},
		{"SELECT * FROM t", "AOVR"},
		{"SELECT * FROM mv", "AOVR"},
		{"SELECT * FROM v", "AOVR"},
		{"SELECT (SELECT max(n) FROM t)", "AOVR"},
		{"WITH x AS (SELECT * FROM t) SELECT * FROM x", "AOVR"},
		{"TABLE t", "AOVR"},
		{"SELECT count(*) FROM pg_class", "AOVNWRM"},
		{"SELECT count(*) FROM information_schema.tables", "AOVNWRM"},
		{"SELECT count(*) FROM heliosdb.jobs", "AOVR"},
		{"SELECT count(*) FROM heliosdb.dead_letters", "AOVR"},
		{"SELECT count(*) FROM pg_authid", "A"},
		{"EXPLAIN SELECT * FROM t", "AOVR"},
		{"EXPLAIN INSERT INTO t VALUES (9, 9)", "AW"},
		{"EXPLAIN DELETE FROM t WHERE id = 9", "A"},
		{"EXPLAIN CREATE MATERIALIZED VIEW x AS SELECT * FROM t", "AOVR"},
		{"COPY t TO STDOUT", "AOVR"},
		{"COPY (SELECT * FROM mv) TO STDOUT", "AOVR"},
		{"DECLARE c CURSOR WITH HOLD FOR SELECT * FROM t; CLOSE c", "AOVR"},
		{"PREPARE q AS SELECT * FROM t; EXECUTE q; DEALLOCATE q", "AOVR"},
		{"SHOW JOBS", "AOVR"},
		{"SHOW TABLES", "AOVR"},
		{"SHOW CREATE TABLE t", "AOVR"},
		{"DESCRIBE t", "AOVR"},
		{"SHOW server_version", "AOVNWRM"},
		{"SHOW ALL", "AOVNWRM"},
		{"SET application_name = 'x'; RESET application_name", "AOVNWRM"},
		{"BEGIN; SAVEPOINT a; ROLLBACK TO a; COMMIT", "AOVNWRM"},
		{"DISCARD PLANS", "AOVNWRM"},
		{"INSERT INTO t VALUES (9, 9) ON CONFLICT DO NOTHING", "AW"},
		{"INSERT INTO t SELECT id + 100, n FROM t", "A"},
		{"INSERT INTO t VALUES (8, 8) RETURNING id", "A"},
		{"UPDATE t SET n = 3", "AW"},
		{"UPDATE t SET n = 3 WHERE id = 1", "A"},
		{"DELETE FROM t WHERE id > 100", "A"},
		{"UPDATE t SET n = n", "A"},
		{"UPDATE t SET n = 1 / (t.id + 1)", "A"},
		{"UPDATE t SET n = (SELECT t.id)", "A"},
		{"EXPLAIN UPDATE t SET n = id", "A"},
		{"EXPLAIN UPDATE t SET n = 3", "AW"},
		{"CREATE TABLE IF NOT EXISTS t (id int)", "AO"},
		{"CREATE VIEW nv AS SELECT * FROM t", "AO"},
		{"DROP VIEW nv", "AR"},
		{"CREATE MATERIALIZED VIEW nmv AS SELECT * FROM t", "AO"},
		{"DROP MATERIALIZED VIEW nmv", "AR"},
		{"CREATE SOURCE IF NOT EXISTS s (auction bigint) WITH (connector = 'nexmark', nexmark.table.type = 'bid')", "AO"},
		{"CREATE SOURCE IF NOT EXISTS s2 (x bigint) WITH (connector = 'kafka', topic = 't', \"properties.ssl.ca.location\" = '/etc/passwd') FORMAT PLAIN ENCODE JSON", "?A"},
		{"CREATE SINK IF NOT EXISTS k FROM t WITH (connector = 'blackhole')", "AO"},
		{"DROP TABLE IF EXISTS nothing", "AR"},
		{"FLUSH", "AO"},
		{"COMMENT ON TABLE t IS 'x'", "AM"},
		{"ALTER MATERIALIZED VIEW mv PAUSE; ALTER MATERIALIZED VIEW mv RESUME", "AM"},
		{"PAUSE JOBS; RESUME JOBS", "AM"},
		{"CHECKPOINT", "AM"},
		{"SHOW ENCRYPTION KEYS", "AM"},
		{"SHOW STATE SAVEPOINTS", "AOVR"},
		{"CREATE STATE SAVEPOINT", "AO"},
		{"DROP STATE SAVEPOINT x", "R?"},
		{"ALTER SYSTEM ROTATE ENCRYPTION KEY", "M?"},
		{"CREATE ROLE r", "A"},
		{"ALTER ROLE r PERMISSIONS (Read)", "A"},
		{"GRANT r TO zoe; REVOKE r FROM zoe", "A"},
		{"DROP ROLE r", "A"},
		{"CREATE USER u PASSWORD 'long enough'", "A"},
		{"ALTER USER u PASSWORD 'longer than that'", "A"},
		{"DROP USER u", "A"},
		{"GRANT SELECT ON t TO nobody_there", ""},
		{"GRANT SELECT ON k TO norma; REVOKE SELECT ON k FROM norma", "A"},
	} {
		// Those who may come last: what they make does not help the others.
		for _, may := range []bool{false, true} {
			for _, key := range strings.Split("N V W R M O A", " ") {
				if strings.Contains(c.may, key) != may {
					continue
				}
				if may && undoes(c.sql) && key != "A" {
					continue // one is enough, and there is only one to drop
				}
				err := execAll(t, users[key], c.sql)
				switch {
				case strings.Contains(c.may, "?") && may && !strings.HasPrefix(err, "42501"):
				case may && err != "":
					t.Errorf("%s as %s: %s", c.sql, key, err)
				case !may && key != "A" && !strings.HasPrefix(err, "42501 permission denied"):
					t.Errorf("%s as %s: %q", c.sql, key, err)
				}
			}
		}
	}
}

// undoes reports whether a statement works once.
func undoes(sql string) bool {
	for _, p := range []string{"CREATE VIEW", "CREATE MATERIALIZED", "DROP VIEW", "DROP MATERIALIZED", "CREATE ROLE", "DROP ROLE", "CREATE USER", "DROP USER", "INSERT INTO t SELECT"} {
		if strings.HasPrefix(sql, p) {
			return true
		}
	}
	return false
}

// execAll sends statements as one string each and gives the first error; an open
// block is rolled back.
func execAll(t *testing.T, c *pgx.Conn, sql string) string {
	t.Helper()
	for _, s := range strings.Split(sql, "; ") {
		_, err := c.PgConn().Exec(t.Context(), s).ReadAll()
		if err == nil {
			continue
		}
		if c.PgConn().TxStatus() != 'I' {
			if _, err := c.PgConn().Exec(t.Context(), "ROLLBACK").ReadAll(); err != nil {
				t.Fatal(err)
			}
		}
		return refusal(err)
	}
	return ""
}

// TestGrants: a privilege on one relation opens that one.
func TestGrants(t *testing.T) {
	t.Parallel()
	g := startGuarded(t)
	ada, norma := g.as("ada"), g.as("norma")
	for _, sql := range []string{
		"CREATE TABLE t (id int PRIMARY KEY, n int)", "CREATE TABLE other (id int)", "INSERT INTO t VALUES (1, 1)",
		"CREATE VIEW v AS SELECT t.id FROM t, other", "CREATE MATERIALIZED VIEW mv AS SELECT id FROM t",
	} {
		run(t, ada, sql)
	}
	deny := func(sql, want string) {
		t.Helper()
		if got := fails(t, norma, sql); got != want {
			t.Errorf("%s: %s", sql, got)
		}
	}
	deny("SELECT * FROM t", "42501 permission denied for table t")
	deny("SELECT * FROM mv", "42501 permission denied for materialized view mv")
	deny("SELECT * FROM v", "42501 permission denied for view v")
	run(t, ada, "GRANT SELECT ON t TO norma")
	norma = g.as("norma")
	run(t, norma, "SELECT * FROM t")
	deny("SELECT * FROM mv", "42501 permission denied for materialized view mv")
	deny("SELECT * FROM t, other", "42501 permission denied for table other")
	deny("INSERT INTO t VALUES (2, 2)", "42501 permission denied for table t")
	// A view is read with its maker's rights.
	run(t, ada, "GRANT SELECT ON v TO PUBLIC")
	run(t, norma, "SELECT * FROM v")
	run(t, ada, "GRANT INSERT, UPDATE, DELETE ON t TO norma")
	for _, sql := range []string{"INSERT INTO t VALUES (2, 2) RETURNING n", "UPDATE t SET n = 4 WHERE id = 2", "DELETE FROM t WHERE id = 2"} {
		run(t, norma, sql)
	}
	// A statement that was prepared before is checked when it is executed.
	if _, err := norma.Prepare(t.Context(), "p", "SELECT n FROM t WHERE id = $1"); err != nil {
		t.Fatal(err)
	}
	run(t, norma, "PREPARE q AS SELECT * FROM t")
	run(t, ada, "REVOKE SELECT ON ALL TABLES IN SCHEMA public FROM norma")
	deny("EXECUTE q", "42501 permission denied for table t")
	if _, err := norma.Exec(t.Context(), "p", 1); refusal(err) != "42501 permission denied for table t" {
		t.Error(err)
	}
	// A grant to a role is one to those who have it; it ends with the relation.
	run(t, ada, "CREATE ROLE readers")
	run(t, ada, "CREATE ROLE updaters PERMISSIONS (Write)")
	run(t, ada, "GRANT updaters TO norma")
	norma = g.as("norma")
	// The row of an error is for those who may read it, unless they gave it.
	for sql, want := range map[string]string{
		"UPDATE t SET id = NULL": "", "INSERT INTO t VALUES (NULL, 5)": "Failing row contains (null, 5).",
	} {
		_, err := norma.Exec(t.Context(), sql)
		var e *pgconn.PgError
		if !errors.As(err, &e) || e.Code != pgerr.NotNullViolation || e.Detail != want {
			t.Errorf("%s: %+v", sql, err)
		}
	}
	run(t, ada, "GRANT readers TO norma")
	run(t, ada, "GRANT SELECT ON other TO readers")
	norma = g.as("norma")
	run(t, norma, "SELECT * FROM other")
	run(t, ada, "DROP TABLE other CASCADE")
	run(t, ada, "CREATE TABLE other (id int)")
	deny("SELECT * FROM other", "42501 permission denied for table other")
}

// TestSessionsEnd: a user who is disabled, dropped or gets other roles is
// disconnected; others and the one who changes himself are not.
func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	g := startGuarded(t)
	ada, olga := g.as("ada"), g.as("olga")
	for _, sql := range []string{"ALTER USER vera NOLOGIN; ALTER USER vera LOGIN", "GRANT operator TO vera", "ALTER USER vera PASSWORD 'something new'", "DROP USER vera"} {
		vera := g.connect(veraConfig(g, sql))
		run(t, vera, "SELECT 1")
		for _, s := range strings.Split(sql, "; ") {
			run(t, ada, s)
		}
		// The connection may end before the statement is sent, or answer it.
		if got := fails(t, vera, "SELECT 1"); got == "" || strings.HasPrefix(got, "4") {
			t.Errorf("%s: %q", sql, got)
		}
	}
	run(t, olga, "ALTER USER olga PASSWORD 'another password'")
	run(t, olga, "SELECT 1")
	if got := fails(t, olga, "ALTER USER ada PASSWORD 'another password'"); !strings.HasPrefix(got, "42501 ") {
		t.Error(got)
	}
	if got := fails(t, olga, "ALTER USER olga SUPERUSER"); !strings.HasPrefix(got, "42501 ") {
		t.Error(got)
	}
}

// TestSessionOfATokenEnds: a logout ends the connections that the token opened,
// and no others of its user.
func TestSessionOfATokenEnds(t *testing.T) {
	t.Parallel()
	g := startGuarded(t)
	tok, err := g.auth.Login(t.Context(), "vera", testPassword, "127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	c := g.config("vera", tok.Token)
	c.RuntimeParams["options"] = "-c heliosdb.auth=token"
	byToken, byPassword := g.connect(c), g.as("vera")
	run(t, byToken, "SELECT 1")
	b := newAPIBackend(g.Server)
	id, err := b.Authenticate(t.Context(), tok.Token, "127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Logout(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if got := fails(t, byToken, "SELECT 1"); got == "" || strings.HasPrefix(got, "4") {
		t.Errorf("after the logout: %q", got)
	}
	run(t, byPassword, "SELECT 1")
}

func veraConfig(g *guarded, sql string) *pgx.ConnConfig {
	if strings.HasPrefix(sql, "DROP") {
		return g.config("vera", "something new")
	}
	return g.config("vera", testPassword)
}

// TestRefusalsAreAudited: the log says what was refused, without secrets.
func TestRefusalsAreAudited(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "audit.log")
	g := startGuarded(t, func(c *config.Config) { c.Security.AuditLogFile = file })
	run(t, g.as("ada"), "CREATE TABLE ledger (id int)")
	vera := g.as("vera")
	for _, sql := range []string{
		"DROP TABLE ledger", "PAUSE JOBS", "GRANT admin TO vera", "GRANT SELECT ON ledger TO vera", "DROP USER ada", "INSERT INTO ledger VALUES (4711)",
		"CREATE SOURCE s (a int) WITH (connector = 'kafka', topic = 't', properties.sasl.password = 'hunter2') FORMAT PLAIN ENCODE JSON",
	} {
		if got := fails(t, vera, sql); !strings.HasPrefix(got, "42501 ") {
			t.Errorf("%s: %s", sql, got)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"permission Delete: DROP TABLE ledger", "permission Manage: PAUSE JOBS", "permission Admin: GRANT or REVOKE of a role",
		"permission Admin: GRANT or REVOKE of privileges", "permission Admin: DROP ROLE", "permission Write, table ledger\"", "permission Execute: CREATE SOURCE s ",
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%q is not in the audit log", want)
		}
	}
	if strings.Contains(string(b), "hunter2") || strings.Contains(string(b), "4711") {
		t.Errorf("a secret or a row is in the audit log:\n%s", b)
	}
}

func TestSetRole(t *testing.T) {
	t.Parallel()
	g := startGuarded(t)
	ada, vera := g.as("ada"), g.as("vera")
	run(t, ada, "CREATE TABLE t (id int)")
	run(t, ada, "SET ROLE viewer")
	if got := ask1(t, ada, "SELECT session_user || ' ' || current_user"); got != "ada Viewer" {
		t.Error(got)
	}
	run(t, ada, "SELECT * FROM t")
	for _, sql := range []string{"DROP TABLE t", "CREATE USER x", "ALTER USER ada NOLOGIN"} {
		if got := fails(t, ada, sql); !strings.HasPrefix(got, "42501 ") {
			t.Errorf("%s: %s", sql, got)
		}
	}
	run(t, ada, "RESET ROLE")
	run(t, ada, "BEGIN")
	run(t, ada, "SET LOCAL ROLE viewer")
	run(t, ada, "ROLLBACK")
	run(t, ada, "DROP TABLE t")
	for sql, want := range map[string]string{
		"SET ROLE operator": `42501 permission denied to set role "operator"`, "SET ROLE nobody": `22023 role "nobody" does not exist`,
		"SET SESSION AUTHORIZATION ada":               `42501 permission denied to set session authorization "ada"`,
		"SELECT set_config('role', 'operator', true)": `42501 permission denied to set role "operator"`,
	} {
		if got := fails(t, vera, sql); got != want {
			t.Errorf("%s: %s", sql, got)
		}
	}
	// Who no longer has the role has nothing of it.
	run(t, ada, "CREATE USER cora PASSWORD '"+testVerifier()+"' IN ROLE admin")
	cora := g.as("cora")
	run(t, cora, "SET ROLE admin")
	run(t, cora, "REVOKE admin FROM cora")
	for _, sql := range []string{"CREATE USER x", "CREATE TABLE t (id int)", "SHOW JOBS", "GRANT admin TO cora", "SET ROLE admin"} {
		if got := fails(t, cora, sql); !strings.HasPrefix(got, "42501 ") {
			t.Errorf("%s: %s", sql, got)
		}
	}
	c := g.config("vera", testPassword)
	c.RuntimeParams["role"] = "admin"
	if got := g.refused(c); got != `FATAL 42501 permission denied to set role "admin"` {
		t.Error(got)
	}
}

func TestRoleStatements(t *testing.T) {
	t.Parallel()
	g := startGuarded(t)
	ada := g.as("ada")
	for _, c := range []struct{ sql, want string }{
		{"CREATE ROLE vera", `42710 role "vera" already exists`},
		{"CREATE USER operator PASSWORD 'long enough'", `42710 role "operator" already exists`},
		{"CREATE ROLE IF NOT EXISTS vera", ""},
		{"CREATE USER u PASSWORD 'md50123456789abcdef0123456789abcdef'", "22023 MD5 hashes are not accepted as passwords"},
		{"CREATE USER u VALID UNTIL '2030-01-01'", "0A000 VALID UNTIL is not supported"},
		{"CREATE USER u CREATEDB", "0A000 CREATEDB is not supported"},
		{"CREATE USER u NOCREATEDB INHERIT CONNECTION LIMIT -1 IN ROLE nobody", `42704 role "nobody" does not exist`},
		{"CREATE USER u IN ROLE vera", `0A000 "vera" may log in; such a role cannot be granted`},
		{"CREATE ROLE r PERMISSIONS (Reed)", `42704 permission "reed" does not exist`},
		{"CREATE ROLE r PASSWORD 'long enough'", "0A000 a role that may not log in has no password"},
		{"CREATE ROLE r", ""},
		{"ALTER ROLE operator PERMISSIONS (Read)", `42939 role "Operator" is built in and cannot be changed`},
		{"ALTER ROLE nobody NOLOGIN", `42704 role "nobody" does not exist`},
		{"GRANT nobody TO vera", `42704 role "nobody" does not exist`},
		{"GRANT r TO operator", "0A000 a role in a role is not supported"},
		{"GRANT r TO vera WITH ADMIN OPTION", "0A000 ADMIN OPTION is not supported"},
		{"GRANT SELECT ON nothing TO vera", `42P01 relation "nothing" does not exist`},
		{"GRANT SELECT ON pg_class TO vera", "0A000 a grant on a system relation is not supported"},
		{"GRANT TRUNCATE ON nothing TO vera", "0A000 the privilege truncate is not supported"},
		{"DROP ROLE nobody", `42704 role "nobody" does not exist`},
		{"DROP ROLE IF EXISTS nobody, r", ""},
		{"DROP ROLE operator", `42939 role "Operator" is built in and cannot be changed`},
		{"DROP USER ada", "55006 current user cannot be dropped"},
		{"DROP ROLE current_user", "22023 cannot use special role specifier in DROP ROLE"},
	} {
		if got := fails(t, ada, c.sql); got != c.want {
			t.Errorf("%s: %q, want %q", c.sql, got, c.want)
		}
	}
}
