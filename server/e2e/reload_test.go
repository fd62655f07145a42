package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/heliosdb/heliosdb-streaming/internal/testkafka"
)

// TestReload: SIGHUP takes over what can change, names what cannot, and keeps
// everything when the file is wrong.
func TestReload(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := start(t, settings{dir: dir, broker: "127.0.0.1:1", workers: 1})
	file := filepath.Join(dir, "streaming.toml")
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	reload := func(text string, says ...string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := e.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		e.eventually("the log after SIGHUP", func() (string, bool) {
			log := e.log.String()
			for _, s := range says {
				if !strings.Contains(log, s) {
					return "no " + s, false
				}
			}
			return "", true
		})
	}
	reload(string(good)+"[logging]\nlevle = 'debug'\n", "configuration not reloaded: all that was in force stays", `did you mean \"level\"?`)
	reload(strings.Replace(string(good), "max_parallelism = 1", "max_parallelism = 2", 1)+"[logging]\nlevel = 'debug'\n",
		"changed keys that need a restart keep their old values until then", "[streaming] max_parallelism", "configuration reloaded", "[logging] level")
	e.exec("SELECT 1")
	e.stop()
}

// TestSecureSource reads a Kafka that asks for TLS and a password, from [kafka].
// The password is wrong at first: SHOW JOBS says so, and a reload puts it right.
func TestSecureSource(t *testing.T) {
	t.Parallel()
	k := testkafka.Secure(t)
	topic := testkafka.Topic(t, k.Addr, 1)
	cl, err := kgo.NewClient(kgo.SeedBrokers(k.Addr))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.ProduceSync(context.Background(), &kgo.Record{Topic: topic, Value: []byte(`{"a": 7}`)}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte("hush-hush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	e := start(t, settings{dir: dir, broker: k.LoginTLS, workers: 1, env: []string{
		"HELIOSDB_KAFKA_ENABLE_SSL=true", "HELIOSDB_KAFKA_SSL_CA_FILE=" + k.CA, "HELIOSDB_KAFKA_SASL_MECHANISM=SCRAM-SHA-512",
		"HELIOSDB_KAFKA_SASL_USERNAME=" + testkafka.User, "KAFKA_PASSWORD_FILE=" + password,
	}})
	e.exec("CREATE SOURCE s (a int) WITH (connector = 'kafka', topic = '" + topic + "') FORMAT PLAIN ENCODE JSON")
	e.exec("CREATE MATERIALIZED VIEW v AS SELECT a FROM s")
	e.eventually("SHOW JOBS names the trouble", func() (string, bool) {
		seen := strings.Join(e.rows("SHOW JOBS"), "\n")
		return seen, strings.Contains(seen, `SCRAM-SHA-512 user "ann": wrong user, password or token`)
	})
	if err := os.WriteFile(password, []byte(testkafka.Password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := e.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	e.becomes("SELECT a FROM v", "7")
	if log := e.log.String(); strings.Contains(log, "hush-hush") || strings.Contains(log, testkafka.Password) {
		t.Errorf("a password is in the log:\n%s", log)
	}
	e.stop()
}
