package server

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
)

const hushSource = `CREATE SOURCE quiet (a int) WITH (
	connector = 'kafka', topic = 't', properties.bootstrap.server = '127.0.0.1:1',
	properties.security.protocol = 'SASL_PLAINTEXT', properties.sasl.mechanism = 'PLAIN',
	properties.sasl.username = 'ann', properties.sasl.password = 'hush-HUSH'
) FORMAT PLAIN ENCODE JSON`

// The password of a source is kept, and shown nowhere.
func TestSourceSecrets(t *testing.T) {
	t.Parallel()
	s, addr := startTest(t)
	c := dialClient(t, "postgres://ann@"+addr+"/heliosdb?sslmode=disable")
	var seen strings.Builder
	ask := func(sql string) string {
		t.Helper()
		out := strings.Join(c.ask(t, sql, false).lines(), "\n")
		seen.WriteString(out)
		return out
	}
	ask(hushSource)
	r := s.catalog().Lookup("public", "quiet", nil)
	if r == nil || r.Options["properties.sasl.password"] != "hush-HUSH" {
		t.Fatalf("the source has no password: %+v", r)
	}
	if out := ask("SHOW CREATE SOURCE quiet"); !strings.Contains(out, "properties.sasl.password = '***'") || !strings.Contains(out, "'ann'") {
		t.Errorf("SHOW CREATE: %s", out)
	}
	ask(hushSource) // exists already
	for _, sql := range []string{
		"SELECT ftoptions FROM pg_foreign_table", "SELECT query FROM pg_stat_activity", "SELECT * FROM heliosdb.sources", "SELECT * FROM heliosdb.jobs",
		"SHOW SOURCES", "DESCRIBE quiet", "SHOW JOBS",
		"CREATE MATERIALIZED VIEW loud AS SELECT a FROM quiet", "SHOW JOBS", "SELECT * FROM heliosdb.jobs", "EXPLAIN SELECT a FROM quiet",
		"DROP SOURCE quiet",
	} {
		ask(sql)
	}
	if strings.Contains(strings.ToLower(seen.String()), "hush-hush") {
		t.Errorf("the password shows in:\n%s", seen.String())
	}
}

// A startup file with another password changes the source's, and nothing else.
func TestRenewedSecret(t *testing.T) {
	t.Parallel()
	s, _ := startTest(t)
	apply := func(text string) error {
		t.Helper()
		name := filepath.Join(t.TempDir(), "s.sql")
		if err := os.WriteFile(name, []byte(text+";"), 0o600); err != nil {
			t.Fatal(err)
		}
		return s.applyFile(context.Background(), name)
	}
	password := func() string {
		r := s.catalog().Lookup("public", "quiet", nil)
		if sp, err := s.spec(r); err != nil || sp == nil {
			t.Fatal(err)
		}
		return r.Options["properties.sasl.password"]
	}
	for _, text := range []string{hushSource, hushSource, strings.Replace(hushSource, "hush-HUSH", "other", 1)} {
		if err := apply(text); err != nil {
			t.Fatal(err)
		}
	}
	if got := password(); got != "other" {
		t.Errorf("password %q", got)
	}
	oid := s.catalog().Lookup("public", "quiet", nil).OID
	if err := apply(strings.Replace(hushSource, "'t'", "'u'", 1)); err == nil || strings.Contains(err.Error(), "HUSH") || !strings.Contains(err.Error(), "another definition") {
		t.Errorf("%v", err)
	}
	if r := s.catalog().Lookup("public", "quiet", nil); r.OID != oid {
		t.Error("another source")
	}
	next := config.Default()
	next.Kafka.SASLPassword = "x"
	if err := s.Reload(next); err != nil {
		t.Error(err)
	}
}
