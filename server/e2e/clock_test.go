package e2e

import (
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/testkafka"
)

// TestFilterByClockKilled: the clock goes on while the engine is away, and rows
// leave once, with and without a checkpoint in between.
func TestFilterByClockKilled(t *testing.T) {
	t.Parallel()
	broker := testkafka.Fake(t)
	for _, checkpoint := range []string{"3600", "0.05"} {
		t.Run(checkpoint, func(t *testing.T) {
			s := settings{dir: t.TempDir(), broker: broker, workers: 2, checkpoint: checkpoint}
			e := start(t, s)
			e.exec(`CREATE TABLE t (id int PRIMARY KEY, at timestamptz);
CREATE MATERIALIZED VIEW fresh AS SELECT id FROM t WHERE at > now() - INTERVAL '2 seconds';
CREATE MATERIALIZED VIEW due AS SELECT count(*) AS n FROM t WHERE at <= now();
CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM fresh;
INSERT INTO t SELECT g, now() - g * INTERVAL '100 ms' FROM generate_series(1, 10) AS g;
INSERT INTO t VALUES (100, now() + INTERVAL '1 hour'), (101, now() + INTERVAL '3 seconds')`)
			for range 3 {
				e.kill()
				s.workers = s.workers%3 + 1
				e = start(t, s)
				e.exec("DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (1, now())")
			}
			e.becomes("SELECT * FROM due", "11")
			e.becomes("SELECT id FROM fresh", "100")
			e.becomes("SELECT * FROM counted", "1")
			e.kill()
			e = start(t, s)
			e.is("SELECT id FROM fresh", "100")
			e.exec("DELETE FROM t")
			e.is("SELECT * FROM due", "0")
			e.is("SELECT * FROM counted", "0")
			e.stop()
		})
	}
}
