package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/testkafka"
	"github.com/heliosdb/heliosdb-streaming/internal/testobject"
)

// folderState keeps the state in a folder that is used as a bucket.
func folderState(dir, more string) string {
	return fmt.Sprintf("path = %q\nlocal_path = %q\nretained_checkpoints = 2\nlease_secs = 0.3\n%s",
		"file://"+filepath.Join(dir, "bucket"), filepath.Join(dir, "state"), more)
}

// loseDisk removes the local directory.
func loseDisk(c *campaign) {
	c.t.Helper()
	if err := os.RemoveAll(filepath.Join(c.s.dir, "state")); err != nil {
		c.t.Fatal(err)
	}
}

// TestBucketCrashCampaign is the crash campaign over a bucket, with the local
// directory lost now and then.
func TestBucketCrashCampaign(t *testing.T) {
	dir := t.TempDir()
	crashCampaign(t, envInt(t, "HELIOSDB_TEST_CRASH_BUCKET_N", 30), settings{dir: dir, state: folderState(dir, "")}, loseDisk)
}

// TestBucketCrashCampaignEncrypted is the same with encryption on, and nothing
// of what the engine was told is to be found in the bucket.
func TestBucketCrashCampaignEncrypted(t *testing.T) {
	dir := t.TempDir()
	s := settings{dir: dir, state: folderState(dir, ""), env: []string{encryptionOn}}
	crashCampaign(t, envInt(t, "HELIOSDB_TEST_CRASH_ENCRYPTED_N", 24), s, loseDisk)
}

// storeState keeps the state in a bucket of a real server.
func storeState(b testobject.Store, endpoint, dir string) string {
	return fmt.Sprintf("backend = %q\npath = %q\nendpoint = %q\nregion = %q\npath_style = true\nlocal_path = %q\nretained_checkpoints = 2\nlease_secs = 1\n",
		b.Kind, b.URL+"/prod", endpoint, b.Region, filepath.Join(dir, "state"))
}

// TestS3CrashCampaign is the crash campaign over an S3 server that refuses, loses
// answers and cuts connections, encrypted, with the local directory lost.
func TestS3CrashCampaign(t *testing.T) {
	b := testobject.New(t, testobject.S3)
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 5))
	faults := []testobject.Fault{testobject.Refuse, testobject.LoseAnswer, testobject.CutUpload, testobject.CutAnswer}
	proxy := testobject.NewProxy(t, b.Endpoint, func(*http.Request) testobject.Fault {
		mu.Lock()
		defer mu.Unlock()
		if rng.IntN(20) > 0 {
			return testobject.None
		}
		return faults[rng.IntN(len(faults))]
	})
	dir := t.TempDir()
	s := settings{dir: dir, state: storeState(b, proxy.Endpoint, dir), env: []string{encryptionOn}}
	crashCampaign(t, envInt(t, "HELIOSDB_TEST_CRASH_S3_N", 20), s, loseDisk)
	t.Logf("%d requests, %d of them broken", proxy.Requests.Load(), proxy.Faults.Load())
}

// TestBucketStores loses the machine once over each kind of store.
func TestBucketStores(t *testing.T) {
	t.Parallel()
	for _, kind := range testobject.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := testobject.New(t, kind)
			dir := t.TempDir()
			s := settings{dir: dir, broker: nobody, state: storeState(b, b.Endpoint, dir)}
			e := start(t, s)
			e.exec("CREATE TABLE t (a int PRIMARY KEY); CREATE MATERIALIZED VIEW n AS SELECT count(*) AS n FROM t; INSERT INTO t VALUES (1)")
			e.exec("CHECKPOINT")
			e.is("SELECT count(*) > 0 FROM heliosdb.bucket_checkpoints WHERE bytes > 0", "t")
			e.exec("INSERT INTO t VALUES (2)")
			e.kill()
			must(t, os.RemoveAll(filepath.Join(dir, "state")))
			e = start(t, s)
			e.is("SELECT n FROM n", "2")
			e.stop()
		})
	}
}

// TestBucketEncrypted searches the bucket for what the engine was told.
func TestBucketEncrypted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := settings{dir: dir, broker: testkafka.Fake(t), state: folderState(dir, ""), workers: 1}
	plain := s
	plain.dir = t.TempDir()
	plain.state = folderState(plain.dir, "")
	fillNeedles(t, plain, false)
	if found := findNeedles(t, filepath.Join(plain.dir, "bucket")); len(found) < 5 {
		t.Fatalf("without encryption only %v are found: does the search work?", found)
	}
	s.env = []string{encryptionOn}
	fillNeedles(t, s, true)
	for _, at := range []string{"bucket", "state"} {
		if found := findNeedles(t, filepath.Join(dir, at)); len(found) > 0 {
			t.Fatalf("plain text in %s: %v", at, found)
		}
	}
	must(t, os.RemoveAll(filepath.Join(dir, "state")))
	e := start(t, s)
	if n := e.rows("SELECT count(*) FROM needletable")[0]; n == "0" {
		t.Fatal("the table is empty")
	}
	e.kill()
	// Without encryption the bucket is refused, and nothing is changed.
	must(t, os.RemoveAll(filepath.Join(dir, "state")))
	s.env = nil
	if _, err := tryStart(t, s); err == nil || !strings.Contains(err.Error(), "encrypt") {
		t.Fatalf("started without encryption: %v", err)
	}
	s.env = []string{encryptionOn}
	start(t, s).stop()
}

// TestBucketOwner: a second process waits, sees that the first one lives, and
// refuses; when it takes over by force, the first one ends.
func TestBucketOwner(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, settings{dir: dir, broker: nobody, state: folderState(dir, "")})
	first.exec("CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)")
	second := settings{dir: t.TempDir(), broker: nobody}
	second.state = strings.Replace(folderState(dir, ""), filepath.Join(dir, "state"), filepath.Join(second.dir, "state"), 1)
	_, err := tryStart(t, second)
	if err == nil || !strings.Contains(err.Error(), "is alive") || !strings.Contains(err.Error(), "take_over") {
		t.Fatalf("the second process: %v", err)
	}
	second.state += "take_over = true\n"
	other := start(t, second)
	other.is("SELECT a FROM t", "1")
	other.exec("INSERT INTO t VALUES (2)")
	select {
	case <-first.exited:
	case <-time.After(patience):
		t.Fatalf("the first process goes on\n%s", first.log)
	}
	if first.err == nil || !strings.Contains(first.log.String(), "has taken over the bucket") {
		t.Fatalf("the first process ended with %v\n%s", first.err, first.log)
	}
	other.stop()
	// After a clean end nobody waits for a lease, and the first machine's directory is made anew.
	again := start(t, settings{dir: dir, broker: nobody, state: folderState(dir, "")})
	again.is("SELECT a FROM t ORDER BY a", "1", "2")
	again.stop()
}

// TestBucketOutage: while the bucket is away, changes are in doubt, then refused;
// reads and jobs go on; afterwards all is as it was told.
func TestBucketOutage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := settings{dir: dir, broker: nobody, state: folderState(dir, "request_timeout_secs = 0.5\nmax_retries = 1\n")}
	e := start(t, s)
	e.exec("CREATE TABLE t (a int PRIMARY KEY); CREATE MATERIALIZED VIEW n AS SELECT count(*) AS n FROM t; INSERT INTO t VALUES (1)")
	// The folder's log cannot be written any more.
	log := filepath.Join(dir, "bucket", "log")
	away := log + "-away"
	must(t, os.Rename(log, away))
	must(t, os.WriteFile(log, nil, 0o600))
	e.fails("INSERT INTO t VALUES (2)", "08007")
	e.eventually("changes are refused", func() (string, bool) {
		_, err := e.try("INSERT INTO t VALUES (3)")
		return fmt.Sprint(err), sqlState(err) == "58030"
	})
	e.is("SELECT n FROM n", "2")
	e.fails("CHECKPOINT", "58030")
	must(t, os.Remove(log))
	must(t, os.Rename(away, log))
	e.eventually("changes are taken again", func() (string, bool) {
		_, err := e.try("INSERT INTO t VALUES (4)")
		return fmt.Sprint(err), err == nil || sqlState(err) == "23505"
	})
	e.kill()
	must(t, os.RemoveAll(filepath.Join(dir, "state")))
	e = start(t, s)
	e.is("SELECT a FROM t ORDER BY a", "1", "2", "4")
	e.stop()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// nobody is the address of a broker that is never asked.
const nobody = "127.0.0.1:1"
