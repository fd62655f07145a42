package e2e

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/heliosdb/heliosdb-streaming/internal/testkafka"
)

const troubleSource = "CREATE SOURCE %s (k bigint, v bigint) WITH (connector = 'kafka', topic = '%s', properties.bootstrap.server = '%s'%s) FORMAT PLAIN ENCODE JSON;"

func kafkaAdmin(t *testing.T, broker string) *kadm.Client {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return kadm.NewClient(cl)
}

// TestBrokerAway: a broker that is away at the start or goes later makes its
// jobs wait, visibly; everything else works, and the jobs recover by themselves.
func TestBrokerAway(t *testing.T) {
	t.Parallel()
	k := testkafka.New(t)
	topic := testkafka.Topic(t, k.Addr, 2)
	newProducer(t, k.Addr, topic).keyed(0, 10, 2, 2)
	k.Stop(t)

	s := settings{dir: t.TempDir(), broker: k.Addr, workers: 2}
	e := start(t, s)
	e.exec(fmt.Sprintf(troubleSource, "events", topic, k.Addr, ""))
	e.exec("CREATE MATERIALIZED VIEW per_key AS SELECT k, count(*) AS n, sum(v) AS s FROM events GROUP BY k")
	e.jobBecomes("per_key", "waiting", k.Addr)
	e.exec("CREATE TABLE t (k bigint PRIMARY KEY, name text); INSERT INTO t VALUES (0, 'even'), (1, 'odd')")
	e.exec("CREATE MATERIALIZED VIEW named AS SELECT t.name, p.n, p.s FROM per_key AS p JOIN t ON t.k = p.k")
	e.is("SELECT * FROM t ORDER BY k", "0|even", "1|odd")
	e.is("SELECT * FROM per_key")
	e.fails("SELECT * FROM events", "08006")
	e.kill()

	e = start(t, s) // and again, from the log alone
	e.jobBecomes("per_key", "waiting", k.Addr)
	e.exec("UPDATE t SET name = 'ODD' WHERE k = 1")
	k.Restart(t)
	e.becomes("SELECT * FROM named ORDER BY n, name", "ODD|5|25", "even|5|20")
	e.jobBecomes("per_key", "running")

	k.Stop(t)
	e.jobBecomes("per_key", "waiting")
	e.is("SELECT * FROM per_key ORDER BY k", "0|5|20", "1|5|25")
	e.exec("INSERT INTO t VALUES (2, 'two'); UPDATE t SET name = 'EVEN' WHERE k = 0")
	e.is("SELECT name FROM named ORDER BY 1", "EVEN", "ODD")
	k.Restart(t)
	newProducer(t, k.Addr, topic).keyed(10, 10, 2, 2)
	e.becomes("SELECT * FROM per_key ORDER BY k", "0|10|90", "1|10|100")
	e.jobBecomes("per_key", "running")
	e.stop()
}

// TestRetention: offsets that retention deleted before they were read fail the
// job, with the offsets, or are passed with on_data_loss = 'continue'.
func TestRetention(t *testing.T) {
	t.Parallel()
	testkafka.Both(t, func(t *testing.T, broker string) {
		t.Parallel()
		topic := testkafka.Topic(t, broker, 1)
		p := newProducer(t, broker, topic)
		p.keyed(0, 10, 2, 1)
		s := settings{dir: t.TempDir(), broker: broker, workers: 1, checkpoint: "0.2"}
		e := start(t, s)
		e.exec(fmt.Sprintf(troubleSource, "strict", topic, broker, ""))
		e.exec(fmt.Sprintf(troubleSource, "lenient", topic, broker, ", on_data_loss = 'continue'"))
		e.exec("CREATE MATERIALIZED VIEW a AS SELECT count(*) AS n FROM strict")
		e.exec("CREATE MATERIALIZED VIEW b AS SELECT count(*) AS n FROM lenient")
		e.exec("FLUSH")
		e.stop()

		p.keyed(10, 20, 2, 1)
		if _, err := kafkaAdmin(t, broker).DeleteRecords(context.Background(), kadm.Offsets{topic: {0: {Topic: topic, Partition: 0, At: 25}}}); err != nil {
			t.Fatal(err)
		}
		e = start(t, s)
		e.jobBecomes("a", "failed", "data lost", "offsets 25 to 30", "10 is the next")
		e.becomes("SELECT n FROM b", "15")
		if notices := e.rows("SELECT notices FROM heliosdb.jobs WHERE name = 'b'"); !strings.Contains(notices[0], "offsets 10 to 24 were deleted") {
			t.Errorf("notices of b: %q", notices)
		}
		e.is("SELECT n FROM a", "10") // stale, with a warning
		// A view made later begins where retention lets it, and says so.
		e.exec("CREATE MATERIALIZED VIEW c AS SELECT count(*) AS n FROM lenient")
		e.becomes("SELECT n FROM c", "5")
		p.keyed(30, 5, 2, 1)
		e.exec("FLUSH")
		e.is("SELECT n FROM b", "20")
		e.is("SELECT n FROM c", "10")
		// A failed job is no job to pause, and starts anew when it is resumed.
		e.exec("CREATE MATERIALIZED VIEW on_a AS SELECT n + 1 AS n FROM a")
		e.fails("ALTER MATERIALIZED VIEW a PAUSE", "55000")
		e.exec("ALTER MATERIALIZED VIEW a RESUME; FLUSH")
		e.is("SELECT a.n, on_a.n FROM a, on_a", "10|11")
		e.jobBecomes("on_a", "running|")
		// The way out that the hint names.
		e.exec("DROP SOURCE strict CASCADE")
		e.exec(fmt.Sprintf(troubleSource, "strict", topic, broker, ""))
		e.exec("CREATE MATERIALIZED VIEW a AS SELECT count(*) AS n FROM strict; FLUSH")
		e.is("SELECT n FROM a", "10")
		e.stop()
	})
}

// TestTopicsChange: a topic that is made after its source, and partitions that
// are added, are picked up.
func TestTopicsChange(t *testing.T) {
	t.Parallel()
	testkafka.Both(t, func(t *testing.T, broker string) {
		t.Parallel()
		topic := strings.ToLower(strings.NewReplacer("/", "-").Replace(t.Name())) + fmt.Sprint(uniqueNumber.Add(1))
		s := settings{dir: t.TempDir(), broker: broker, workers: 2, checkpoint: "0.2"}
		e := start(t, s)
		e.exec(fmt.Sprintf(troubleSource, "events", topic, broker, ""))
		e.exec("CREATE MATERIALIZED VIEW sums AS SELECT count(*) AS n, sum(v) AS s FROM events")
		e.jobBecomes("sums", "waiting", topic)
		testkafka.CreateTopic(t, broker, topic, 1)
		p := newProducer(t, broker, topic)
		p.keyed(0, 10, 2, 1)
		e.becomes("SELECT * FROM sums", "10|45")

		r, err := kafkaAdmin(t, broker).UpdatePartitions(context.Background(), 3, topic)
		if err != nil || r.Error() != nil {
			t.Fatal(err, r.Error())
		}
		p = newProducer(t, broker, topic)
		p.keyed(10, 10, 2, 3)
		e.becomes("SELECT * FROM sums", "20|190")
		e.kill()
		e = start(t, s)
		e.becomes("SELECT * FROM sums", "20|190")
		e.stop()
	})
}

// TestDeadLetters: a record that cannot be decoded is one row in
// heliosdb.dead_letters and one more in a metric, and the job goes on, unless
// on_error says 'fail'.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	testkafka.Both(t, func(t *testing.T, broker string) {
		t.Parallel()
		topic := testkafka.Topic(t, broker, 1)
		p := newProducer(t, broker, topic)
		s := settings{dir: t.TempDir(), broker: broker, workers: 2, checkpoint: "0.2"}
		e := start(t, s)
		e.exec(fmt.Sprintf(troubleSource, "events", topic, broker, ""))
		e.exec("CREATE MATERIALIZED VIEW sums AS SELECT count(*) AS n, sum(v) AS s FROM events")
		p.lines(`{"k":1,"v":1}`, `{"k":1,"v":`, `{"k":"one","v":2}`, `{"k":1}`)
		p.send(0, nil) // a tombstone
		p.send(0, bytes.Repeat([]byte(" "), 1<<20+1))
		p.lines(`{"k":1,"v":9223372036854775808}`, `{"k":2,"v":4}`)
		e.becomes("SELECT n, s FROM sums", "3|5")
		e.exec("FLUSH")
		dead := func(e *engine) {
			t.Helper()
			e.is("SELECT source, partition, \"offset\", left(convert_from(payload, 'UTF8'), 20), error <> '', time > timestamptz '2020-01-01' FROM heliosdb.dead_letters ORDER BY 3",
				`events|0|1|{"k":1,"v":|t|t`, `events|0|2|{"k":"one","v":2}|t|t`, "events|0|4|NULL|t|t",
				"events|0|5|"+strings.Repeat(" ", 20)+"|t|t", `events|0|6|{"k":1,"v":922337203|t|t`)
		}
		dead(e)
		t.Logf("%q", e.rows("SELECT error FROM heliosdb.dead_letters ORDER BY \"offset\""))
		if m := e.scrape(); !strings.Contains(m, "heliosdb_dead_rows_total{source=\"events\"} 5\n") {
			t.Errorf("metric: %q", linesWith(m, "dead_rows"))
		}
		e.stop()
		e = start(t, s)
		e.becomes("SELECT n, s FROM sums", "3|5")
		dead(e)

		// on_error = 'fail' stops the job, and nobody else's.
		e.exec(fmt.Sprintf(troubleSource, "strict", topic, broker, ", on_error = 'fail'"))
		e.exec("CREATE MATERIALIZED VIEW strictly AS SELECT count(*) AS n FROM strict")
		e.jobBecomes("strictly", "failed", "partition 0, offset 1")
		p.lines(`{"k":3,"v":5}`)
		e.becomes("SELECT n, s FROM sums", "4|10")
		e.stop()
	})
}

// TestRowErrors: a row that a view cannot compute is a dead letter as long as it
// is there, and the view holds all others.
func TestRowErrors(t *testing.T) {
	t.Parallel()
	s := settings{dir: t.TempDir(), broker: "127.0.0.1:1", workers: 2, checkpoint: "0.2"}
	e := start(t, s)
	e.exec("CREATE TABLE t (k bigint PRIMARY KEY, x int)")
	e.exec("CREATE MATERIALIZED VIEW inverse AS SELECT k, 1000 / x AS y FROM t")
	e.exec("CREATE MATERIALIZED VIEW above AS SELECT count(*) AS n FROM inverse")
	e.exec("INSERT INTO t VALUES (1, 10), (2, 0), (3, 0), (4, 5)")
	e.is("SELECT * FROM inverse ORDER BY k", "1|100", "4|200")
	e.is("SELECT n FROM above", "2")
	e.is("SELECT source, code, error, count FROM heliosdb.dead_letters", "inverse|22012|division by zero|1", "inverse|22012|division by zero|1")
	e.kill()
	e = start(t, s)
	e.is("SELECT count(*) FROM heliosdb.dead_letters", "2")
	e.exec("DELETE FROM t WHERE k = 2")
	e.is("SELECT convert_from(payload, 'UTF8') FROM heliosdb.dead_letters", "(3,0)")
	e.exec("UPDATE t SET x = 1 WHERE k = 3")
	e.is("SELECT count(*) FROM heliosdb.dead_letters", "0")
	e.is("SELECT * FROM inverse ORDER BY k", "1|100", "3|1000", "4|200")
	e.is("SELECT n FROM above", "3")
	e.jobBecomes("inverse", "running")
	e.stop()
}

func linesWith(text, part string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			out = append(out, line)
		}
	}
	return out
}
