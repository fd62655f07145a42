package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/heliosdb/heliosdb-streaming/internal/dirlock"
	"github.com/heliosdb/heliosdb-streaming/internal/testkafka"
)

// needles are what must not be found on the disk: of each, the kind of thing.
var needles = map[string]string{
	"value of a table": "needlevalue", "value of a record": "needlerecord", "dead letter": "needledeadletter", "column": "needlecolumn",
	"relation": "needletable", "view": "needleview", "text of a statement": "needletext", "topic": "TestEncryptedAtRest", "error": "needleerror",
}

// findNeedles reads every file of a data directory except the audit log, which
// is no state.
func findNeedles(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "audit.log" {
			return err
		}
		b, err := os.ReadFile(path)
		for kind, text := range needles {
			for _, form := range formsOf(text) {
				if bytes.Contains(b, []byte(form)) {
					found[kind] = path
				}
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// formsOf are a text, and what is surely in the base64 of anything that holds it.
func formsOf(text string) []string {
	forms := []string{text}
	for before := range 3 {
		coded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("-", before) + text + "--"))
		forms = append(forms, coded[4:len(coded)-8])
	}
	return forms
}

// fillNeedles makes an engine hold something of every kind, in checkpoints, in
// the log, merged and not, and kills it.
func fillNeedles(t *testing.T, s settings, rotate bool) {
	t.Helper()
	topic := testkafka.Topic(t, s.broker, 2)
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.broker))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	e := start(t, s)
	e.exec(`CREATE SOURCE src (k bigint, needlecolumn text) WITH (connector = 'kafka', topic = '` + topic + `') FORMAT PLAIN ENCODE JSON;
		CREATE MATERIALIZED VIEW needleview AS SELECT needlecolumn, count(*) AS n, 'needletext' AS txt FROM src GROUP BY needlecolumn;
		CREATE MATERIALIZED VIEW broken AS SELECT k, 1 / (k - k) AS x, needlecolumn || 'needleerror' AS y FROM src;
		CREATE TABLE needletable (id bigint PRIMARY KEY, needlecolumn text)`)
	for round := range 6 {
		var records []*kgo.Record
		for i := range 200 {
			records = append(records, &kgo.Record{Topic: topic, Value: fmt.Appendf(nil, `{"k":%d,"needlecolumn":"needlerecord %d"}`, i, i%50+round)})
		}
		records = append(records, &kgo.Record{Topic: topic, Value: []byte(`{"k":"needledeadletter`)})
		if err := cl.ProduceSync(context.Background(), records...).FirstErr(); err != nil {
			t.Fatal(err)
		}
		e.exec(fmt.Sprintf("INSERT INTO needletable SELECT g, 'needlevalue ' || g::text FROM generate_series(%d, %d) AS g", round*300, round*300+299))
		e.becomes("SELECT sum(n) FROM needleview", fmt.Sprint(200*(round+1)))
		if rotate && round == 3 {
			e.exec("ALTER SYSTEM ROTATE ENCRYPTION KEY")
		}
		e.nextCheckpoint()
		if round%2 == 1 {
			e.kill()
			e = start(t, s)
		}
	}
	e.exec("INSERT INTO needletable VALUES (-1, 'needlevalue')")
	e.kill()
}

// nextCheckpoint waits until two more checkpoints are complete, so that one of
// them began after the call.
func (e *engine) nextCheckpoint() {
	e.t.Helper()
	epoch := func() int {
		n := 0
		for line := range strings.Lines(e.scrape()) {
			if v, ok := strings.CutPrefix(line, "heliosdb_checkpoint_epoch "); ok {
				_, _ = fmt.Sscan(v, &n)
			}
		}
		return n
	}
	from := epoch()
	e.eventually("a checkpoint", func() (string, bool) { n := epoch(); return fmt.Sprint(n), n >= from+2 })
}

// hashTree sums up a folder's contents, except locks, which hold a process id.
func hashTree(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	out := map[string][32]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == dirlock.FileName || d.Name() == "streaming.toml" {
			return err
		}
		b, err := os.ReadFile(path)
		out[path] = sha256.Sum256(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// refusesToStart requires the engine to end at once with a message that holds
// all parts, and to leave every file as it is.
func refusesToStart(t *testing.T, s settings, parts ...string) {
	t.Helper()
	before := hashTree(t, s.dir)
	e, err := tryStart(t, s)
	if err == nil {
		e.kill()
		t.Errorf("it starts; expected %q", parts)
		return
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("%q is missing in: %v", p, err)
		}
	}
	if !maps.Equal(before, hashTree(t, s.dir)) {
		t.Errorf("%q: files changed", parts)
	}
}

const encryptionOn = "HELIOSDB_STATE_ENCRYPTION_ENABLED=true"

// TestEncryptedAtRest: with encryption on, nothing that was stored can be found
// on the disk, whatever happened; the state outlives kills and changes of keys;
// and a key that is missing or wrong is refused without touching anything.
func TestEncryptedAtRest(t *testing.T) {
	t.Parallel()
	broker := testkafka.Fake(t)
	none := "HELIOSDB_STATE_COMPRESSION=none"
	plain := settings{dir: t.TempDir(), broker: broker, workers: 2, checkpoint: "0.15", env: []string{none}}
	sealed := settings{dir: t.TempDir(), broker: broker, workers: 2, checkpoint: "0.15", env: []string{none, encryptionOn}}
	fillNeedles(t, plain, false)
	found := findNeedles(t, filepath.Join(plain.dir, "state"))
	for kind := range needles {
		if found[kind] == "" {
			t.Errorf("the search does not find a %s in plain state either", kind)
		}
	}
	fillNeedles(t, sealed, true)
	for kind, file := range findNeedles(t, filepath.Join(sealed.dir, "state")) {
		t.Errorf("a %s stands in %s", kind, file)
	}
	state, config := filepath.Join(sealed.dir, "state"), filepath.Join(sealed.dir, "streaming.toml")
	if out, code := run(t, nil, "check", "--data-dir", state); code != 2 || !strings.Contains(out, "--config") {
		t.Errorf("check without a configuration: %d\n%s", code, out)
	}
	if out, code := run(t, nil, "check", "--config", config); code != 0 {
		t.Errorf("check: %d\n%s", code, out)
	}

	e := start(t, sealed)
	e.is("SELECT count(*), count(*) FILTER (WHERE needlecolumn LIKE 'needlevalue%') FROM needletable", "1801|1801")
	e.is("SELECT sum(n) FROM needleview", "1200")
	keys := e.rows("SHOW ENCRYPTION KEYS")
	if last := keys[len(keys)-1]; !strings.Contains(last, "|local:") || !strings.HasSuffix(last, "|yes|yes") {
		t.Errorf("keys: %q", keys)
	}
	e.exec("ALTER SYSTEM ROTATE ENCRYPTION KEY")
	e.eventually("everything is sealed anew", func() (string, bool) {
		keys := e.rows("SHOW ENCRYPTION KEYS")
		return strings.Join(keys, "\n"), strings.Count(strings.Join(keys, "\n")+"\n", "|yes\n") == 1
	})
	e.stop()
	e = start(t, sealed)
	if keys := e.rows("SHOW ENCRYPTION KEYS"); len(keys) != 1 {
		t.Errorf("keys after a restart: %q", keys)
	}
	e.is("SELECT count(*) FROM needletable", "1801")
	e.stop()
	for kind, file := range findNeedles(t, state) {
		t.Errorf("a %s stands in %s", kind, file)
	}

	off := sealed
	off.env = []string{none}
	refusesToStart(t, off, "the state is encrypted", "encryption_enabled = true")
	on := plain
	on.env = []string{none, encryptionOn}
	refusesToStart(t, on, "without encryption", "savepoint")
	testWrongKeys(t, sealed, state)
	e = start(t, sealed)
	e.is("SELECT count(*) FROM needletable", "1801")
	e.stop()
	e = start(t, plain)
	e.is("SELECT count(*) FROM needletable", "1801")
	if msg := e.fails("ALTER SYSTEM ROTATE ENCRYPTION KEY", "55000"); !strings.Contains(msg, "not encrypted") {
		t.Error(msg)
	}
	e.is("SHOW ENCRYPTION KEYS")
	e.stop()
}

// testWrongKeys takes away and exchanges the key file and the keyring of a
// stopped engine, and gives them back.
func testWrongKeys(t *testing.T, s settings, state string) {
	t.Helper()
	keyFile, keyring := filepath.Join(s.dir, "kms.key"), filepath.Join(state, "keyring.json")
	other := settings{dir: t.TempDir(), broker: s.broker, workers: 1, env: s.env}
	start(t, other).stop()
	read := func(path string) []byte {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	write := func(path string, b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	remove := func(path string) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	key, ring := read(keyFile), read(keyring)
	otherKey, otherRing := read(filepath.Join(other.dir, "kms.key")), read(filepath.Join(other.dir, "state", "keyring.json"))

	remove(keyFile)
	refusesToStart(t, s, keyFile, "is missing")
	write(keyFile, otherKey)
	refusesToStart(t, s, keyFile, "not the one that wrapped")
	write(keyFile, []byte("short"))
	refusesToStart(t, s, keyFile, "32 bytes")
	write(keyFile, key)
	if err := os.Chmod(keyFile, 0o644); err != nil {
		t.Fatal(err)
	}
	refusesToStart(t, s, keyFile, "chmod 600")
	if err := os.Chmod(keyFile, 0o600); err != nil {
		t.Fatal(err)
	}
	remove(keyring)
	refusesToStart(t, s, "keyring.json is missing")
	write(keyring, ring[:len(ring)-10])
	refusesToStart(t, s, "keyring.json", "not a usable keyring")
	write(keyring, otherRing)
	refusesToStart(t, s, "keyring.json", "not the one that wrapped")
	write(keyFile, otherKey)
	refusesToStart(t, s, "data key that the keyring does not have")
	write(keyFile, key)
	write(keyring, ring)
}

// TestRewrapKey moves encrypted state to another master key.
func TestRewrapKey(t *testing.T) {
	t.Parallel()
	s := settings{dir: t.TempDir(), broker: testkafka.Fake(t), workers: 1, env: []string{encryptionOn}}
	e := start(t, s)
	e.exec("CREATE TABLE t (id bigint PRIMARY KEY); INSERT INTO t VALUES (1)")
	e.stop()
	config := filepath.Join(s.dir, "streaming.toml")
	b, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	next := filepath.Join(s.dir, "next.toml")
	if err := os.WriteFile(next, append(b, fmt.Sprintf("[kms]\nlocal_key_file = %q\n", filepath.Join(s.dir, "second.key"))...), 0o600); err != nil {
		t.Fatal(err)
	}
	bin, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "rewrap-key", "--config", config, "--to", next)
	cmd.Env = append(os.Environ(), encryptionOn)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	refusesToStart(t, s, "wrapped by local:", "not the one that wrapped")
	s.env = append(s.env, "HELIOSDB_KMS_LOCAL_KEY_FILE="+filepath.Join(s.dir, "second.key"))
	e = start(t, s)
	e.is("SELECT id FROM t", "1")
	e.stop()
}
