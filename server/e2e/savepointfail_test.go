package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/testobject"
)

// TestSavepointFails: while the bucket refuses what belongs to savepoints, the
// error says so, there is no savepoint that could be taken for one, and all else
// goes on.
func TestSavepointFails(t *testing.T) {
	t.Parallel()
	store := testobject.New(t, testobject.S3)
	var away atomic.Pointer[string] // requests for keys with this in them fail
	away.Store(new(string))
	proxy := testobject.NewProxy(t, store.Endpoint, func(r *http.Request) testobject.Fault {
		if part := *away.Load(); part != "" && r.Method != http.MethodGet && strings.Contains(r.URL.Path, part) {
			return testobject.Refuse
		}
		return testobject.None
	})
	s := settings{dir: t.TempDir(), broker: nobody, workers: 1, env: []string{"HELIOSDB_STATE_MAX_RETRIES=1"}}
	s.state = storeState(store, proxy.Endpoint, s.dir)
	e := start(t, s)
	e.exec("CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)")
	b := bucketOf(t, store)
	none := func(what string) {
		t.Helper()
		e.is("SHOW STATE SAVEPOINTS")
		if out, code := run(t, nil, "savepoint", "list", "--config", filepath.Join(s.dir, "streaming.toml")); code != 0 || strings.Count(out, "\n") != 1 {
			t.Errorf("%s: list: %d %s", what, code, out)
		}
	}
	for _, part := range []string{"/savepoint-", "/manifest", "/savepoint.json"} {
		away.Store(&part)
		if msg := e.fails("CREATE STATE SAVEPOINT", "58030"); !strings.Contains(msg, part) || !strings.Contains(msg, "attempts") {
			t.Errorf("%s: %s", part, msg)
		}
		body, code := e.post("/api/v1/admin/savepoint")
		if code < 500 || !strings.Contains(body, "58030") {
			t.Errorf("%s: %d %s", part, code, body)
		}
		none(part)
		e.exec(fmt.Sprintf("INSERT INTO t VALUES (%d)", len(part)+10))
	}
	// Half of it is there: it cannot be restored.
	var left string
	for _, key := range keysBelow(t, b, "prod/savepoint-") {
		left = strings.Split(strings.TrimPrefix(key, "prod/"), "/")[0]
	}
	away.Store(new(string))
	id := e.rows("CREATE STATE SAVEPOINT")[0]
	e.is("SELECT count(*) FROM t", "4")
	e.stop()
	if left != "" {
		half := s
		half.args = []string{"--restore-from-savepoint", left}
		if _, err := tryStart(t, half); err == nil || !strings.Contains(err.Error(), "no savepoint.json") {
			t.Errorf("half a savepoint: %v", err)
		}
	}
	e = start(t, s)
	part := id + "/runs/"
	away.Store(&part)
	_, err := e.try("DROP STATE SAVEPOINT '" + id + "'")
	if code := sqlState(err); err != nil && code != "58030" {
		t.Errorf("drop: %v", err)
	}
	none("half removed")
	e.stop()
}

// TestSecondProcess: one process at a time has a state directory; the other one
// is told which.
func TestSecondProcess(t *testing.T) {
	t.Parallel()
	s := settings{dir: t.TempDir(), broker: nobody, workers: 1}
	first := start(t, s)
	first.exec("CREATE TABLE t (a int)")
	holder := fmt.Sprintf("process id %d", first.cmd.Process.Pid)
	_, err := tryStart(t, s)
	if err == nil || !strings.Contains(err.Error(), holder) || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("the second process, without %q: %v", holder, err)
	}
	first.exec("INSERT INTO t VALUES (1)")
	first.is("SELECT a FROM t", "1")
	first.stop()
	start(t, s).stop()
}
