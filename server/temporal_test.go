package server

import (
	"strings"
	"testing"
	"time"
)

// waitFor asks until the answer is what it must become.
func waitFor(t *testing.T, c *client, sql, want string) {
	t.Helper()
	got := ""
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if got = strings.Join(c.ask(t, sql, false).lines(), "\n"); got == want {
			return
		}
	}
	t.Fatalf("%s\n got\n%s\n want\n%s", sql, got, want)
}

// TestFilterByClock: rows come to a view and leave it as the clock passes, also
// when nobody writes.
func TestFilterByClock(t *testing.T) {
	t.Parallel()
	_, addr := startTest(t)
	c := dialClient(t, dsnOf(addr))
	c.must(t, "CREATE TABLE t (id int PRIMARY KEY, at timestamptz, lt timestamp)",
		"INSERT INTO t VALUES (1, now(), localtimestamp), (2, now() + INTERVAL '1 hour', localtimestamp + INTERVAL '1 hour'), (3, now() - INTERVAL '1 hour', NULL), (4, NULL, 'infinity')",
		"CREATE MATERIALIZED VIEW fresh AS SELECT id FROM t WHERE at > now() - INTERVAL '700 ms'",
		"CREATE MATERIALIZED VIEW past AS SELECT count(*) AS n FROM t WHERE lt <= localtimestamp",
		"CREATE MATERIALIZED VIEW soon AS SELECT f.id FROM fresh f JOIN t ON t.id = f.id WHERE t.at - now() < INTERVAL '2 hours'",
		"CREATE VIEW later AS SELECT id FROM t WHERE lt > now()",
		"CREATE MATERIALIZED VIEW through AS SELECT * FROM later")
	// The first rows are there when the statement returns.
	if got := strings.Join(c.ask(t, "SELECT id FROM through ORDER BY id", false).lines(), " "); got != "id 2 4 SELECT 2" {
		t.Errorf("through: %s", got)
	}
	waitFor(t, c, "SELECT id FROM fresh ORDER BY id", "id\n2\nSELECT 1")
	waitFor(t, c, "SELECT id FROM soon ORDER BY id", "id\n2\nSELECT 1")
	waitFor(t, c, "SELECT n FROM past", "n\n1\nSELECT 1")
	c.must(t, "INSERT INTO t VALUES (5, now() + INTERVAL '300 ms', localtimestamp + INTERVAL '300 ms')")
	waitFor(t, c, "SELECT n FROM past", "n\n2\nSELECT 1")
	c.must(t, "UPDATE t SET at = now() - INTERVAL '1 day' WHERE id = 2", "DELETE FROM t WHERE id = 1")
	waitFor(t, c, "SELECT count(*) FROM fresh", "count\n0\nSELECT 1")
	waitFor(t, c, "SELECT n FROM past", "n\n1\nSELECT 1")
}

// TestFilterByClockBetweenCuts: rows do not wait for the next cut, and what the
// clock does by itself is not written to the log.
func TestFilterByClockBetweenCuts(t *testing.T) {
	t.Parallel()
	s, addr := startCutting(t, time.Hour)
	c := dialClient(t, dsnOf(addr))
	c.must(t, "CREATE TABLE t (id int, at timestamptz)",
		"CREATE MATERIALIZED VIEW fresh AS SELECT id FROM t WHERE at > now() - INTERVAL '300 ms'",
		"CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM fresh",
		"INSERT INTO t SELECT g, now() + g * INTERVAL '1 ms' FROM generate_series(1, 200) AS g")
	pos := s.wal.LastPos()
	waitFor(t, c, "SELECT n FROM counted", "n\n0\nSELECT 1")
	if now := s.wal.LastPos(); now != pos {
		t.Errorf("%d records were written to the log", now-pos)
	}
}
