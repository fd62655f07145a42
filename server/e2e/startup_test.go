package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/testkafka"
)

const startupSQL = `-- what this engine is for
CREATE SOURCE IF NOT EXISTS events (k bigint, v bigint)
  WITH (connector = 'kafka', topic = '%s') FORMAT PLAIN ENCODE JSON;

CREATE TABLE names (k bigint PRIMARY KEY, name text);
INSERT INTO names VALUES (1, 'one') ON CONFLICT DO NOTHING;
CREATE VIEW plain AS SELECT k, v FROM events WHERE v > 0;
CREATE MATERIALIZED VIEW per_key AS
  SELECT k, count(*) AS n FROM plain GROUP BY k;
CREATE MATERIALIZED VIEW named AS
  SELECT p.k, names.name, p.n FROM per_key AS p JOIN names ON names.k = p.k;
CREATE SINK nowhere FROM per_key WITH (connector = 'blackhole');
`

// TestStartupFiles: a file applied twice changes nothing; another definition
// stops the start, naming file and line.
func TestStartupFiles(t *testing.T) {
	t.Parallel()
	broker := testkafka.Fake(t)
	topic := testkafka.Topic(t, broker, 2)
	dir := t.TempDir()
	text := fmt.Sprintf(startupSQL, topic)
	s := settings{dir: dir, broker: broker, workers: 2, sql: []string{write(t, dir, "views.sql", text)}}
	p := newProducer(t, broker, topic)
	p.lines(`{"k":1,"v":1}`, `{"k":1,"v":2}`, `{"k":2,"v":0}`)

	e := start(t, s)
	e.exec("FLUSH; UPDATE names SET name = 'uno'")
	e.is("SELECT * FROM named", "1|uno|2")
	before := e.rows("SELECT oid, relname, relkind FROM pg_class WHERE relname IN ('events','names','plain','per_key','named') ORDER BY oid")
	if len(before) != 5 { // a sink is no relation of PostgreSQL's
		t.Fatalf("pg_class: %q", before)
	}
	e.stop()

	e = start(t, s)
	e.becomes("SELECT * FROM named", "1|uno|2")
	e.is("SELECT oid, relname, relkind FROM pg_class WHERE relname IN ('events','names','plain','per_key','named') ORDER BY oid", before...)
	e.is("SELECT count(*) FROM heliosdb.jobs", "4")
	e.stop()

	for _, c := range []struct{ name, old, new, want string }{
		{"definition", "count(*) AS n", "sum(v) AS n", `other.sql:8: relation "per_key" already exists with another definition`},
		{"insert", " ON CONFLICT DO NOTHING", "", "other.sql:6: INSERT in a startup file needs ON CONFLICT DO NOTHING"},
		{"name", "SELECT k, v FROM events", "SELECT k, w FROM events", `other.sql:7: `},
		{"column", "names.k = p.k;", "names.k = p.nope;", `other.sql:10: relation "named" already exists`},
		{"syntax", "CREATE TABLE names (", "CREATE TABEL names (", "other.sql:5: syntax error"},
		{"drop", "CREATE SINK nowhere FROM per_key WITH (connector = 'blackhole');", "DROP TABLE names;", "other.sql:12: this statement is not allowed in a startup file"},
	} {
		bad := s
		bad.sql = []string{write(t, dir, "other.sql", strings.Replace(text, c.old, c.new, 1))}
		e, err := tryStart(t, bad)
		if err == nil {
			t.Errorf("%s: the engine started", c.name)
			e.kill()
			continue
		}
		if code := e.cmd.ProcessState.ExitCode(); code != 1 {
			t.Errorf("%s: exit status %d", c.name, code)
		}
		if !strings.Contains(e.log.String(), c.want) {
			t.Errorf("%s: want %q in\n%s", c.name, c.want, e.log)
		}
	}
	e = start(t, s)
	e.is("SELECT * FROM names", "1|uno")
	e.stop()
}

// TestCommandLine: what the program says without starting.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	good := write(t, dir, "good.toml", "[server]\npgwire_port = 0\n[kafka]\nbootstrap_servers = \"127.0.0.1:1\"\n")
	typo := write(t, dir, "typo.toml", "[server]\npgwire_prot = 5433\n")
	open := write(t, dir, "open.toml", "[server]\nhost = \"0.0.0.0\"\n")
	for _, c := range []struct {
		name string
		env  []string
		args []string
		code int
		want []string
	}{
		{"version", nil, []string{"--version"}, 0, []string{"heliosdb-streaming "}},
		{"help", nil, []string{"--help"}, 0, []string{"--check-config", "--data-dir"}},
		{"check-config", nil, []string{"--check-config", "--config", good}, 0, []string{"pgwire_port", "127.0.0.1:1"}},
		{"environment", []string{"HELIOSDB_SERVER_PGWIRE_PORT=7777"}, []string{"--check-config", "--config", good}, 0, []string{"7777"}},
		{"unknown key", nil, []string{"--check-config", "--config", typo}, 2, []string{"typo.toml", "pgwire_prot", "pgwire_port"}},
		{"unknown key in the environment", []string{"HELIOSDB_SERVER_PGWIRE_PROT=1"}, []string{"--check-config", "--config", good}, 2, []string{"HELIOSDB_SERVER_PGWIRE_PROT", "HELIOSDB_SERVER_PGWIRE_PORT"}},
		{"open ports", nil, []string{"--check-config", "--config", open}, 2, []string{"open.toml:2", "tls_cert_file", "allow_plaintext"}},
		{"no such file", nil, []string{"--config", filepath.Join(dir, "none.toml")}, 2, []string{"none.toml"}},
		{"nothing", nil, nil, 2, []string{"there is no /etc/heliosdb/streaming.toml", "--dev"}},
		{"unknown flag", nil, []string{"--nope"}, 2, []string{"nope", "--help"}},
		{"check nothing", nil, []string{"check", "--data-dir", filepath.Join(dir, "none")}, 2, []string{"none"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out, code := run(t, c.env, c.args...)
			if code != c.code {
				t.Errorf("exit status %d, want %d\n%s", code, c.code, out)
			}
			for _, w := range c.want {
				if !strings.Contains(out, w) {
					t.Errorf("want %q in\n%s", w, out)
				}
			}
		})
	}
}

// TestCheckDamaged: check says what is damaged, and a start on it fails instead
// of answering wrongly.
func TestCheckDamaged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := settings{dir: dir, broker: "127.0.0.1:1", workers: 1}
	e := start(t, s)
	e.exec("CREATE TABLE t (k bigint PRIMARY KEY, v text)")
	e.exec("INSERT INTO t SELECT g, repeat('x', 100) FROM generate_series(1, 20000) AS g")
	e.exec("CREATE MATERIALIZED VIEW m AS SELECT v, count(*) FROM t GROUP BY v")
	e.stop()
	state := filepath.Join(dir, "state")
	if out, code := run(t, nil, "check", "--data-dir", state); code != 0 {
		t.Fatalf("a sound directory: status %d\n%s", code, out)
	}
	damaged := 0
	err := filepath.WalkDir(state, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		switch filepath.Ext(path) {
		case ".sst", ".vlog", ".wal", ".log":
		default:
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil || len(b) < 4096 {
			return err
		}
		bad := append([]byte{}, b...)
		for i := len(bad) / 3; i < len(bad)/3+64; i++ {
			bad[i] ^= 0x5a
		}
		if strings.Trim(string(b[len(b)/3:len(b)/3+64]), "\x00") == "" {
			return nil // space that is not used yet
		}
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			return err
		}
		damaged++
		out, code := run(t, nil, "check", "--data-dir", state)
		if code != 1 || !strings.Contains(out, "DAMAGED") {
			t.Errorf("%s damaged: status %d\n%s", path, code, out)
		}
		return os.WriteFile(path, b, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d files were damaged in turn", damaged)
	if damaged == 0 {
		t.Error("no file was there to be damaged")
	}
	if out, code := run(t, nil, "check", "--data-dir", state); code != 0 {
		t.Errorf("restored: status %d\n%s", code, out)
	}
}
