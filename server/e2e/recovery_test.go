package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/testkafka"
)

// TestRecoveryTime reports the time from the start of the process to the first
// answer from a view of a million keys. What is required is the answer.
func TestRecoveryTime(t *testing.T) {
	keys := int64(envInt(t, "HELIOSDB_TEST_RECOVERY_KEYS", 1_000_000))
	broker := testkafka.Fake(t)
	topic := testkafka.Topic(t, broker, 4)
	newProducer(t, broker, topic).keyed(0, keys, keys, 4)
	s := settings{dir: t.TempDir(), broker: broker, workers: 2}
	e := start(t, s)
	e.exec("CREATE SOURCE events (k bigint, v bigint) WITH (connector = 'kafka', topic = '" + topic + "') FORMAT PLAIN ENCODE JSON")
	e.exec("CREATE MATERIALIZED VIEW per_key AS SELECT k, count(*) AS n, sum(v) AS s FROM events GROUP BY k; FLUSH")
	before := e.rows("SELECT coalesce(max(epoch), 0) FROM heliosdb.checkpoints")[0]
	e.eventually("a checkpoint", func() (string, bool) {
		now := e.rows("SELECT coalesce(max(epoch), 0) FROM heliosdb.checkpoints")[0]
		return now, now != before
	})
	e.kill()
	begin := time.Now()
	e = start(t, s)
	c, err := e.connect()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	rows, err := textRows(c, "SELECT n, s FROM per_key WHERE k = 123456")
	t.Logf("first answer %s after the start, %d keys", time.Since(begin).Round(time.Millisecond), keys)
	if err != nil || len(rows) != 1 || rows[0] != "1|123456" {
		t.Fatal(rows, err)
	}
	// The checkpoint may have been frozen before the last records came.
	e.exec("FLUSH")
	e.is("SELECT count(*) FROM per_key", fmt.Sprint(keys))
	e.stop()
}
