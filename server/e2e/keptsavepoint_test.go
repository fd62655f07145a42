package e2e

import (
	"encoding/binary"
	"flag"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/testkafka"
)

// writeSavepoint makes testdata/savepoints/<version> anew. It is for a release
// that writes another format: what is there of earlier ones stays as it is.
var writeSavepoint = flag.String("write-savepoint", "", "make testdata/savepoints/`version` with this program")

// keptSavepoints has a folder a version: savepoint-plain, savepoint-sealed, the
// key of the latter, and what the relations hold.
const keptSavepoints = repo + "/testdata/savepoints"

// keptSQL has operators of every kind that keeps state, and types of every kind.
const keptSQL = `
CREATE SOURCE events (k bigint, v bigint, s text, ts timestamp, WATERMARK FOR ts AS ts - INTERVAL '1 second')
WITH (connector = 'kafka', topic = '%s', scan.startup.mode = 'earliest') FORMAT PLAIN ENCODE JSON;
CREATE TABLE a (id int PRIMARY KEY, k int, v numeric(12,3), t text);
CREATE TABLE b (id bigint, k int, f float8, d date, z timestamptz, j jsonb, u interval, y bytea, l int[], o boolean);
CREATE VIEW plain AS SELECT id, k + 1 AS k1 FROM a WHERE k > 2;
CREATE MATERIALIZED VIEW filtered AS SELECT id, upper(t) AS up, CASE WHEN v > 50 THEN 'much' ELSE 'little' END AS size FROM a WHERE k <> 3;
CREATE MATERIALIZED VIEW sums AS SELECT k, count(*) AS n, sum(v) AS s, avg(v) AS m, min(t) AS lo, max(t) AS hi, count(DISTINCT v) AS dv,
  stddev(v) AS dev, count(*) FILTER (WHERE v > 50) AS much FROM a GROUP BY k HAVING count(*) > 1;
CREATE MATERIALIZED VIEW floats AS SELECT k, sum(f) AS s, avg(f) AS m, bool_or(o) AS any_o FROM b GROUP BY k;
CREATE MATERIALIZED VIEW lists AS SELECT k, string_agg(t, ',' ORDER BY id) AS texts, array_agg(id ORDER BY id DESC) AS ids FROM a GROUP BY k;
CREATE MATERIALIZED VIEW whole AS SELECT count(*) AS n, max(z) AS latest FROM b;
CREATE MATERIALIZED VIEW inner_join AS SELECT a.id, a.t, b.f, b.j FROM a JOIN b ON a.id = b.id AND a.k < b.k + 3;
CREATE MATERIALIZED VIEW left_join AS SELECT a.id, b.d FROM a LEFT JOIN b ON a.id = b.id;
CREATE MATERIALIZED VIEW full_join AS SELECT a.id AS ia, b.id AS ib FROM a FULL JOIN b ON a.id = b.id;
CREATE MATERIALIZED VIEW cross_join AS SELECT x.k, y.n FROM sums AS x CROSS JOIN whole AS y;
CREATE MATERIALIZED VIEW best AS SELECT id, k, v, r FROM (SELECT *, row_number() OVER (PARTITION BY k ORDER BY v DESC, id) AS r FROM a) AS x WHERE r <= 2;
CREATE MATERIALIZED VIEW top AS SELECT id, v FROM a ORDER BY v DESC, id LIMIT 5 OFFSET 1;
CREATE MATERIALIZED VIEW is_max AS SELECT a.id, a.v FROM a JOIN (SELECT max(v) AS v FROM a) AS m ON a.v = m.v;
CREATE MATERIALIZED VIEW kinds AS SELECT DISTINCT k, o FROM b;
CREATE MATERIALIZED VIEW firsts AS SELECT DISTINCT ON (k) k, id FROM a ORDER BY k, id;
CREATE MATERIALIZED VIEW united AS SELECT k FROM a UNION SELECT k FROM b;
CREATE MATERIALIZED VIEW both_of AS SELECT id::bigint AS id FROM a UNION ALL SELECT id FROM b;
CREATE MATERIALIZED VIEW lookup AS SELECT b.id, n.name FROM b JOIN (VALUES (1, 'one'), (2, 'two')) AS n (k, name) ON n.k = b.k;
CREATE MATERIALIZED VIEW per_key AS SELECT k, count(*) AS n, sum(v) AS s, min(s) AS lo FROM events GROUP BY k;
CREATE MATERIALIZED VIEW windows AS SELECT window_start, k, count(*) AS n FROM TUMBLE(events, ts, INTERVAL '10 seconds') GROUP BY window_start, k EMIT ON WINDOW CLOSE;
CREATE MATERIALIZED VIEW hops AS SELECT window_start, sum(v) AS s FROM HOP(events, ts, INTERVAL '5 seconds', INTERVAL '20 seconds') GROUP BY window_start;
CREATE MATERIALIZED VIEW recent AS SELECT k, count(*) AS n FROM events WHERE ts > now() - INTERVAL '36500 days' GROUP BY k;
CREATE MATERIALIZED VIEW enriched AS SELECT p.k, p.n, f.id FROM per_key AS p LEFT JOIN firsts AS f ON f.k = p.k;
CREATE MATERIALIZED VIEW paused AS SELECT k, count(*) AS n FROM a GROUP BY k;
CREATE SINK nowhere FROM per_key WITH (connector = 'blackhole');
COMMENT ON TABLE a IS 'the first table';
`

// keptRows write to the tables; what is deleted and changed matters, too.
const keptRows = `
INSERT INTO a SELECT g, g %% 7, (g * 37 %% 101)::numeric / 8, 'text ' || (g %% 13)::text FROM generate_series(%[1]d, %[2]d) AS g;
INSERT INTO b SELECT g, g %% 5, g * 0.3, DATE '2026-01-01' + g, TIMESTAMPTZ '2026-01-01 00:00:00+00' + g * INTERVAL '1 hour',
  jsonb_build_object('g', g, 'list', '[1, 2.50, null]'::jsonb), INTERVAL '1 day 2 hours', '\x00ff', ARRAY[g, NULL], g %% 3 = 0
  FROM generate_series(%[1]d + 10, %[2]d + 10) AS g;
DELETE FROM a WHERE id %% 11 = 0;
UPDATE a SET v = v + 100, t = NULL WHERE id %% 17 = 0;
`

// answersOf are the contents of all relations that have any.
func (e *engine) answersOf() string {
	e.t.Helper()
	relations := e.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_name <> 'events' ORDER BY table_name")
	return e.everything(relations...)
}

func TestWriteSavepoint(t *testing.T) {
	if *writeSavepoint == "" {
		t.Skip("it is written only when -write-savepoint asks for it")
	}
	to := filepath.Join(keptSavepoints, *writeSavepoint)
	if _, err := os.Stat(to); err == nil {
		t.Fatalf("%s is there: a kept savepoint is never made anew", to)
	}
	broker := testkafka.Fake(t)
	topic := testkafka.Topic(t, broker, 2)
	p := newProducer(t, broker, topic)
	for i := range 300 {
		p.send(int32(i%2), fmt.Appendf(nil, `{"k":%d,"v":%d,"s":"s%d","ts":"2026-01-01 00:%02d:%02d"}`, i%6, i, i%9, i/60, i%60))
	}
	p.flush()
	answers := ""
	for _, kind := range []string{"plain", "sealed"} {
		s := settings{dir: t.TempDir(), broker: broker, workers: 2, checkpoint: "3600"}
		if kind == "sealed" {
			s.env = []string{encryptionOn}
		}
		e := start(t, s)
		e.exec(fmt.Sprintf(keptSQL, topic))
		e.exec(fmt.Sprintf(keptRows, 1, 60))
		e.exec("CHECKPOINT")
		e.exec("ALTER MATERIALIZED VIEW paused PAUSE")
		e.exec(fmt.Sprintf(keptRows, 101, 140))
		e.becomes("SELECT count(*) > 20, (SELECT sum(n) FROM per_key) FROM windows", "t|300")
		name := e.rows("CREATE STATE SAVEPOINT 'kept'")[0]
		got := e.answersOf()
		if answers == "" {
			answers = got
		}
		if got != answers {
			t.Fatalf("%s has\n%s\nand plain\n%s", kind, got, answers)
		}
		e.stop()
		must(t, os.CopyFS(filepath.Join(to, "savepoint-"+kind), os.DirFS(filepath.Join(s.dir, "state", name))))
		if kind == "sealed" {
			key, err := os.ReadFile(filepath.Join(s.dir, "kms.key"))
			must(t, err)
			must(t, os.WriteFile(filepath.Join(to, "test-kms.key"), key, 0o600))
		}
	}
	must(t, os.WriteFile(filepath.Join(to, "answers.txt"), []byte(answers), 0o644))
}

// TestKeptSavepoints restores the savepoints of earlier releases: into plain and
// into sealed state they give the answers of then, and go on.
func TestKeptSavepoints(t *testing.T) {
	t.Parallel()
	versions, err := filepath.Glob(keptSavepoints + "/v*")
	must(t, err)
	if len(versions) == 0 {
		t.Fatal("there is none")
	}
	for _, version := range versions {
		for _, kind := range []string{"plain", "sealed"} {
			for _, env := range [][]string{nil, {encryptionOn}} {
				t.Run(fmt.Sprint(filepath.Base(version), " ", kind, " into ", env), func(t *testing.T) {
					t.Parallel()
					restoreKept(t, version, kind, env)
				})
			}
		}
	}
}

// bringKept copies a kept savepoint, and its key if it is sealed, to where an
// engine finds them.
func bringKept(t *testing.T, version, kind string, env []string) settings {
	t.Helper()
	s := settings{dir: t.TempDir(), broker: nobody, workers: 3, env: env, args: []string{"--restore-from-savepoint", "savepoint-" + kind}}
	must(t, os.CopyFS(filepath.Join(s.dir, "state", "savepoint-"+kind), os.DirFS(filepath.Join(version, "savepoint-"+kind))))
	if kind == "sealed" {
		key, err := os.ReadFile(filepath.Join(version, "test-kms.key"))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(s.dir, "kms.key"), key, 0o600))
	}
	return s
}

func restoreKept(t *testing.T, version, kind string, env []string) {
	t.Helper()
	want, err := os.ReadFile(filepath.Join(version, "answers.txt"))
	must(t, err)
	s := bringKept(t, version, kind, env)
	e := start(t, s)
	got := e.answersOf()
	if got != string(want) {
		lines := strings.Split(string(want), "\n")
		for i, line := range strings.Split(got, "\n") {
			if i >= len(lines) || line != lines[i] {
				t.Errorf("got\n%s\nwant\n%s", line, lines[min(i, len(lines)-1)])
			}
		}
	}
	e.exec("ALTER MATERIALIZED VIEW paused RESUME")
	e.exec(fmt.Sprintf(keptRows, 201, 230))
	e.is("SELECT (SELECT sum(n) FROM paused) - count(*), (SELECT sum(n) FROM sums) - count(*), (SELECT count(*) FROM left_join) - count(*) FROM a", "0|0|0")
	e.kill()
	e = start(t, s)
	e.is("SELECT (SELECT sum(n) FROM paused) - count(*), (SELECT count(*) FROM a WHERE id > 200) > 20 FROM a", "0|t")
	e.stop()
}

// TestNewerFormats: what a newer program has written is refused with its version,
// and nothing is changed.
func TestNewerFormats(t *testing.T) {
	t.Parallel()
	versions, err := filepath.Glob(keptSavepoints + "/v*")
	must(t, err)
	s := bringKept(t, versions[0], "plain", nil)
	describe := filepath.Join(s.dir, "state", "savepoint-plain", "savepoint.json")
	raw, err := os.ReadFile(describe)
	must(t, err)
	newer := strings.NewReplacer(`"format": 1,`, `"format": 99,`, `"program": "4.0.0"`, `"program": "99.1.0"`).Replace(string(raw))
	must(t, os.WriteFile(describe, []byte(newer), 0o600))
	if _, err := tryStart(t, s); err == nil || !strings.Contains(err.Error(), "format 99") || !strings.Contains(err.Error(), "99.1.0") {
		t.Errorf("a newer savepoint: %v", err)
	}
	must(t, os.WriteFile(describe, raw, 0o600))
	start(t, s).stop() // the refusal has changed nothing that matters

	s.args = nil
	patch := func(s settings, file, old, new string, parts ...string) {
		t.Helper()
		at := filepath.Join(s.dir, file)
		raw, err := os.ReadFile(at)
		must(t, err)
		text := strings.Replace(string(raw), old, new, 1)
		if text == string(raw) {
			t.Fatalf("%s has no %q", file, old)
		}
		must(t, os.WriteFile(at, []byte(text), 0o600))
		refusesToStart(t, s, parts...)
		must(t, os.WriteFile(at, raw, 0o600))
	}
	patch(s, "state/format.json", `"format":1`, `"format":2`, "format 2", "reads formats up to 1", "Nothing was changed")
	start(t, s).stop()

	sealed := settings{dir: t.TempDir(), broker: nobody, workers: 1, env: []string{encryptionOn}}
	sealed.state = folderState(sealed.dir, "")
	e := start(t, sealed)
	e.exec("CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
	e.stop()
	patch(sealed, "bucket/format.json", `"layout": 1`, `"layout": 2`, "layout 2", "reads layout 1", "Nothing was changed")
	patch(sealed, "state/format.json", `"format":1`, `"format":2`, "format 2")
	patchVersion(t, sealed, "bucket/log/*", nil, "log/", "version 99")
	patchVersion(t, sealed, "bucket/manifests/*", nil, "manifests/", "version 99")
	e = start(t, sealed)
	e.is("SELECT a FROM t", "1")
	e.stop()

	local := settings{dir: t.TempDir(), broker: nobody, workers: 1, env: []string{encryptionOn}}
	start(t, local).stop()
	patch(local, "state/keyring.json", `"version": 1`, `"version": 2`, "keyring.json", "version 2")
	patchVersion(t, local, "state/log/*.wal", crc32.MakeTable(crc32.Castagnoli), "log of changes", "99")
	start(t, local).stop()
}

// patchVersion gives the newest of some files version 99, the four bytes behind
// their magic, and requires a refusal. sums: a checksum ends its header of 28 bytes.
func patchVersion(t *testing.T, s settings, files string, sums *crc32.Table, parts ...string) {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(s.dir, files))
	must(t, err)
	if len(list) == 0 {
		t.Fatalf("there is no %s", files)
	}
	at := list[len(list)-1]
	raw, err := os.ReadFile(at)
	must(t, err)
	bad := slices.Clone(raw)
	if sums == nil {
		binary.LittleEndian.PutUint32(bad[4:], 99)
	} else {
		binary.LittleEndian.PutUint32(bad[8:], 99)
		binary.LittleEndian.PutUint32(bad[24:], crc32.Checksum(bad[:24], sums))
	}
	must(t, os.WriteFile(at, bad, 0o600))
	refusesToStart(t, s, parts...)
	must(t, os.WriteFile(at, raw, 0o600))
}
