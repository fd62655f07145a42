package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/crashpoint"
	"github.com/heliosdb/heliosdb-streaming/internal/testkafka"
	"github.com/heliosdb/heliosdb-streaming/internal/testobject"
	"github.com/heliosdb/heliosdb-streaming/storage/object"
)

const savepointSQL = `
CREATE SOURCE src (k bigint, v bigint) WITH (connector = 'kafka', topic = '%s') FORMAT PLAIN ENCODE JSON;
CREATE TABLE needletable (id bigint PRIMARY KEY, k bigint, needlecolumn text);
CREATE TABLE other (id bigint PRIMARY KEY, k bigint);
CREATE MATERIALIZED VIEW needleview AS SELECT k, count(*) AS n, max(needlecolumn) AS most, 'needletext' AS txt FROM needletable GROUP BY k;
CREATE MATERIALIZED VIEW joined AS SELECT a.id, a.needlecolumn, b.k FROM needletable AS a JOIN other AS b ON a.id = b.id;
CREATE MATERIALIZED VIEW records AS SELECT k, count(*) AS n, sum(v) AS total FROM src GROUP BY k;
`

// savepointTables are what is compared; heliosdb.jobs tells which views there are.
var savepointTables = []string{"needletable", "other", "needleview", "joined", "(SELECT name FROM heliosdb.jobs) AS x"}

// everything is the contents of all tables and views, as one text.
func (e *engine) everything(tables ...string) string {
	e.t.Helper()
	var b strings.Builder
	for _, table := range tables {
		rows := e.rows("SELECT * FROM " + table)
		slices.Sort(rows)
		fmt.Fprintln(&b, table, rows)
	}
	return b.String()
}

// bucketOf opens a store as a test's own client.
func bucketOf(t *testing.T, s testobject.Store) object.Bucket {
	t.Helper()
	at, err := object.Parse(s.URL)
	must(t, err)
	b, err := object.Open(t.Context(), at, object.Options{Endpoint: s.Endpoint, Region: s.Region, PathStyle: true})
	must(t, err)
	t.Cleanup(func() { must(t, b.Close()) })
	return b
}

func keysBelow(t *testing.T, b object.Bucket, prefix string) []string {
	t.Helper()
	var keys []string
	for o, err := range b.List(t.Context(), prefix) {
		must(t, err)
		keys = append(keys, o.Key)
	}
	return keys
}

// copyBelow copies all objects of one bucket to another, or within one.
func copyBelow(t *testing.T, from object.Bucket, prefix string, to object.Bucket, other string) {
	t.Helper()
	for _, key := range keysBelow(t, from, prefix) {
		data, _, err := object.ReadAll(t.Context(), from, key, object.MaxReadAll)
		must(t, err)
		must(t, to.Put(t.Context(), other+strings.TrimPrefix(key, prefix), object.Bytes(data), object.PutOptions{}))
	}
}

// post sends a request without a body to the API and gives the answer.
func (e *engine) post(path string) (string, int) {
	e.t.Helper()
	resp, err := http.Post("http://"+e.api+path, "application/json", nil)
	if err != nil {
		e.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		e.t.Fatal(err)
	}
	return string(raw), resp.StatusCode
}

// savedState is an engine's state in a bucket: a savepoint, and what came after it.
type savedState struct {
	settings
	store      testobject.Store
	bucket     object.Bucket
	topic      string
	records    int64
	id         string // of the savepoint
	old, saved string // everything, at the end and in the savepoint
}

// state of a prefix of the bucket with a local directory.
func (s *savedState) at(prefix, dir string) settings {
	next := s.settings
	next.dir = dir
	next.env = append(slices.Clone(s.env), "HELIOSDB_KMS_LOCAL_KEY_FILE="+filepath.Join(s.dir, "kms.key"))
	next.state = strings.NewReplacer("/prod", "/"+prefix, "lease_secs = 1", "lease_secs = 0.3").Replace(storeState(s.store, s.store.Endpoint, dir))
	return next
}

// makeSaved fills a bucket, makes savepoints over HTTP and over SQL while tables
// are written, goes on, and stops.
func makeSaved(t *testing.T) *savedState {
	t.Helper()
	s := &savedState{store: testobject.New(t, testobject.S3), records: 900}
	broker := testkafka.Fake(t)
	s.topic = testkafka.Topic(t, broker, 3)
	s.settings = settings{dir: t.TempDir(), broker: broker, workers: 2, checkpoint: "0.2", env: []string{encryptionOn, "HELIOSDB_STATE_COMPRESSION=none"}}
	s.settings = s.at("prod", s.dir)
	s.bucket = bucketOf(t, s.store)
	p := newProducer(t, broker, s.topic)
	p.keyed(0, s.records/2, 7, 3)
	e := start(t, s.settings)
	e.exec(fmt.Sprintf(savepointSQL, s.topic))
	stop := make(chan struct{})
	var load sync.WaitGroup
	load.Go(func() {
		c, err := e.connect()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close(context.Background())
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			sql := fmt.Sprintf("BEGIN; INSERT INTO needletable VALUES (%d, %d, 'needlevalue %d'); INSERT INTO other VALUES (%d, %d); COMMIT", i, i%5, i, i, i%3)
			if _, err := c.Exec(context.Background(), sql); err != nil {
				t.Error(err)
				return
			}
		}
	})
	e.eventually("rows", func() (string, bool) { n := e.rows("SELECT count(*) FROM other")[0]; return n, len(n) > 1 })
	if body, code := e.post("/api/v1/admin/savepoint"); code != http.StatusCreated || !strings.Contains(body, "/prod/savepoint-") {
		t.Fatalf("%d %s", code, body)
	}
	during := strings.TrimPrefix(e.rows("CREATE STATE SAVEPOINT 'needlename'")[0], "savepoint-")
	e.exec("ALTER SYSTEM ROTATE ENCRYPTION KEY")
	close(stop)
	load.Wait()
	e.becomes("SELECT sum(n) FROM records", fmt.Sprint(s.records/2))
	s.saved = e.everything(savepointTables...)
	s.id = strings.TrimPrefix(e.rows("CREATE STATE SAVEPOINT")[0], "savepoint-")
	p.keyed(s.records/2, s.records/2, 7, 3)
	e.exec("DELETE FROM needletable WHERE id % 2 = 0; CREATE TABLE gone (id int); INSERT INTO gone VALUES (1); DROP MATERIALIZED VIEW joined; CHECKPOINT")
	e.exec("UPDATE needletable SET needlecolumn = 'needlevalue after'; CREATE MATERIALIZED VIEW joined AS SELECT 1 AS one FROM gone")
	s.old = e.everything(savepointTables...)
	// A transaction is in a savepoint whole or not at all.
	halves := s.at("during", t.TempDir())
	copyBelow(t, s.bucket, "prod/savepoint-"+during+"/", s.bucket, "during/savepoint-x/")
	halves.args = []string{"--restore-from-savepoint", "x"}
	r := start(t, halves)
	r.is("SELECT count(*) FROM needletable AS a FULL JOIN other AS b ON a.id = b.id WHERE a.id IS NULL OR b.id IS NULL", "0")
	r.is("SELECT (SELECT count(*) FROM needletable) - (SELECT sum(n) FROM needleview)", "0")
	r.stop()
	e.stop()
	return s
}

// TestSavepointInBucket: savepoints are made under load, lie by themselves,
// outlive the collection of garbage, are copied away and back under another
// name, and are restored in place and elsewhere, with another parallelism. All
// is sealed.
func TestSavepointInBucket(t *testing.T) {
	t.Parallel()
	s := makeSaved(t)
	b := s.bucket
	home := "prod/savepoint-" + s.id + "/"
	for _, name := range []string{"savepoint.json", "keyring.json", "manifest"} {
		if _, err := b.Head(t.Context(), home+name); err != nil {
			t.Error(err)
		}
	}
	kept := keysBelow(t, b, home)
	e := start(t, s.settings)
	for range 3 { // two checkpoints are retained
		e.exec("UPDATE other SET k = k + 1; CHECKPOINT")
	}
	e.stop()
	if now := keysBelow(t, b, home); !slices.Equal(now, kept) {
		t.Errorf("the savepoint was %q and is %q", kept, now)
	}
	if out, code := run(t, s.env, "savepoint", "verify", s.id, "--config", filepath.Join(s.dir, "streaming.toml")); code != 0 || !strings.Contains(out, "all checksums match") {
		t.Errorf("verify: %d %s", code, out)
	}
	// Copied away, and back under another name.
	copyBelow(t, b, home, b, "backup/20231225/savepoint-"+s.id+"/")
	must(t, b.Delete(t.Context(), kept...))
	copyBelow(t, b, "backup/20231225/savepoint-"+s.id+"/", b, "prod/savepoint-12345/")

	in := s.settings
	in.workers, in.args = 3, []string{"--restore-from-savepoint", "savepoint-12345"}
	e = start(t, in)
	if got := e.everything(savepointTables...); got != s.saved {
		t.Errorf("restored in place:\n%s\nwant\n%s", got, s.saved)
	}
	// What came from Kafka since is read again from the savepoint's offsets.
	e.becomes("SELECT sum(n), sum(total) FROM records", fmt.Sprintf("%d|%d", s.records, s.records*(s.records-1)/2))
	e.exec("INSERT INTO other VALUES (-1, -1)")
	e.kill()
	must(t, os.RemoveAll(filepath.Join(s.dir, "state")))
	e = start(t, in) // the same flag does not go back once more
	e.is("SELECT k FROM other WHERE id = -1", "-1")
	e.becomes("SELECT sum(n) FROM records", fmt.Sprint(s.records))
	e.exec("INSERT INTO other VALUES (-2, -2)")
	e.stop()
	// Another savepoint under the same name is no reason to throw the state away.
	copyBelow(t, b, "during/savepoint-x/", b, "prod/savepoint-12345/")
	if _, err := tryStart(t, in); err == nil || !strings.Contains(err.Error(), "another savepoint") {
		t.Errorf("another savepoint of this name: %v", err)
	}
	in.args = nil
	e = start(t, in)
	e.is("SELECT count(*) FROM other WHERE id < 0", "2")
	e.stop()

	// Elsewhere: another bucket, that has nothing else.
	away := testobject.New(t, testobject.S3)
	copyBelow(t, b, "backup/20231225/savepoint-"+s.id+"/", bucketOf(t, away), "new/home/savepoint-moved/")
	s.store = away
	elsewhere := s.at("new/home", t.TempDir())
	elsewhere.args, elsewhere.workers = []string{"--restore-from-savepoint", "moved"}, 1
	e = start(t, elsewhere)
	if got := e.everything(savepointTables...); got != s.saved {
		t.Errorf("restored elsewhere:\n%s\nwant\n%s", got, s.saved)
	}
	e.kill()
	findNeedlesIn(t, s.topic, b, bucketOf(t, away))
	for _, dir := range []string{s.dir, elsewhere.dir} {
		if found := findNeedles(t, filepath.Join(dir, "state")); len(found) > 0 {
			t.Errorf("plain text in the local directory: %v", found)
		}
	}
}

// findNeedlesIn searches every object and every key for what the engine was told.
func findNeedlesIn(t *testing.T, topic string, buckets ...object.Bucket) {
	t.Helper()
	n := 0
	for _, b := range buckets {
		for _, key := range keysBelow(t, b, "") {
			data, _, err := object.ReadAll(t.Context(), b, key, object.MaxReadAll)
			must(t, err)
			n++
			for kind, text := range needles {
				if kind == "topic" {
					text = topic
				}
				for _, form := range formsOf(text) {
					if bytes.Contains(data, []byte(form)) || strings.Contains(key, form) {
						t.Errorf("a %s stands in %s", kind, key)
					}
				}
			}
		}
	}
	t.Logf("%d objects searched", n)
}

// restorePoints are the places at which a restore can die: its own, those of the
// epoch that it commits, and those of the way to the bucket.
func restorePoints() []string {
	return slices.DeleteFunc(crashpoint.Names(), func(name string) bool {
		of, rest, _ := strings.Cut(name, ".")
		switch of {
		case "restore":
			return false
		case "epoch":
			return !strings.HasPrefix(rest, "commit.")
		case "remote":
			return !strings.HasPrefix(rest, "upload.") && !strings.HasPrefix(rest, "log.") && !strings.HasPrefix(rest, "fence.") && !strings.HasPrefix(rest, "claim.")
		}
		return true
	})
}

// TestRestoreKilled kills a restore at every place, with the local directory kept
// and lost. What starts then has the old state or the restored one, and never a
// mix; the restore can be repeated; and nothing that is acknowledged afterwards
// is lost with the machine.
func TestRestoreKilled(t *testing.T) {
	t.Parallel()
	s := makeSaved(t)
	var died atomic.Int64
	t.Run("at", func(t *testing.T) {
		for n, point := range restorePoints() {
			for _, lost := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s,lost=%v", point, lost), func(t *testing.T) {
					t.Parallel()
					prefix := fmt.Sprintf("case-%d-%v", n, lost)
					copyBelow(t, s.bucket, "prod/", s.bucket, prefix+"/")
					c := s.at(prefix, t.TempDir())
					must(t, os.CopyFS(filepath.Join(c.dir, "state"), os.DirFS(filepath.Join(s.dir, "state"))))
					if killedRestore(t, s, c, point) {
						died.Add(1)
					}
					if lost {
						must(t, os.RemoveAll(filepath.Join(c.dir, "state")))
					}
					afterKilledRestore(t, s, c, n%2 == 0)
				})
			}
		}
	})
	if died.Load() < 10 {
		t.Errorf("only %d restores died", died.Load())
	}
	t.Logf("%d restores died", died.Load())
}

// killedRestore starts with the flag and dies at a place, if the restore passes it.
func killedRestore(t *testing.T, s *savedState, c settings, point string) bool {
	t.Helper()
	c.args = []string{"--restore-from-savepoint", s.id}
	c.env = append(slices.Clone(c.env), crashpoint.EnvVar+"="+point)
	e, err := tryStart(t, c)
	e.kill()
	return err != nil
}

// afterKilledRestore starts again, without the flag before with it or not, and
// loses the machine after a change.
func afterKilledRestore(t *testing.T, s *savedState, c settings, without bool) {
	t.Helper()
	if without {
		e := start(t, c)
		if got := e.everything(savepointTables...); got != s.old && got != s.saved {
			t.Errorf("a mix:\n%s", got)
		}
		e.kill()
	}
	again := c
	again.args = []string{"--restore-from-savepoint", s.id}
	e := start(t, again)
	if got := e.everything(savepointTables...); got != s.saved {
		t.Errorf("restored again:\n%s", got)
	}
	if left, _ := filepath.Glob(filepath.Join(c.dir, "state", "restore.tmp")); len(left) > 0 {
		t.Errorf("%s is left", left)
	}
	e.exec("INSERT INTO other VALUES (-1, -1)")
	e.kill()
	must(t, os.RemoveAll(filepath.Join(c.dir, "state")))
	e = start(t, c)
	e.is("SELECT k FROM other WHERE id = -1", "-1")
	e.exec("DELETE FROM other WHERE id = -1")
	if got := e.everything(savepointTables...); got != s.saved {
		t.Errorf("after the loss of the machine:\n%s", got)
	}
	e.kill()
}
