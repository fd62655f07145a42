package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/testkafka"
)

var partly = regexp.MustCompile(`^(catching up|backfilling)\|[0-9.]+ %\|`)

// TestCatchUp: views that are created on a source that already flows catch up on
// their own, visibly, and then agree with those that were there before.
func TestCatchUp(t *testing.T) {
	t.Parallel()
	const events = 300_000
	broker := testkafka.Fake(t)
	topic := testkafka.Topic(t, broker, 3)
	p := newProducer(t, broker, topic)
	p.keyed(0, events, 1000, 3)
	s := settings{dir: t.TempDir(), broker: broker, workers: 2, checkpoint: "0.2"}
	e := start(t, s)
	e.exec(fmt.Sprintf(troubleSource, "events", topic, broker, ""))
	e.exec("CREATE TABLE names (k bigint PRIMARY KEY, name text); INSERT INTO names SELECT g, 'name ' || g FROM generate_series(0, 999) AS g")
	e.exec("CREATE MATERIALIZED VIEW first AS SELECT k, count(*) AS n, sum(v) AS s FROM events GROUP BY k; FLUSH")

	// All in one go, each on what may still be catching up.
	e.exec(`
CREATE MATERIALIZED VIEW second AS SELECT k, count(*) AS n, sum(v) AS s FROM events GROUP BY k;
CREATE MATERIALIZED VIEW on_second AS SELECT count(*) AS keys, sum(n) AS n, sum(s) AS s FROM second;
CREATE MATERIALIZED VIEW joined AS SELECT n.name, count(*) AS n, sum(e.v) AS s FROM events AS e JOIN names AS n ON n.k = e.k GROUP BY n.name;
CREATE MATERIALIZED VIEW on_both AS SELECT s.k, s.n AS second, f.n AS first FROM second AS s JOIN first AS f ON f.k = s.k WHERE s.n <> f.n;
CREATE MATERIALIZED VIEW unwanted AS SELECT v, count(*) FROM events GROUP BY v;`)
	seen := map[string]bool{}
	for _, v := range []string{"second", "on_second", "joined", "on_both", "unwanted"} {
		row := e.job(v)
		if partly.MatchString(row) {
			seen[v] = true
			if _, err := e.try("SELECT count(*) FROM " + v); err != nil {
				if sqlState(err) != "55000" || !strings.Contains(err.Error(), v) {
					t.Errorf("reading %s while it is %s: %v", v, row, err)
				}
				seen["refused"] = true
			}
		}
	}
	t.Logf("seen catching up: %v", seen)
	e.exec("DROP MATERIALIZED VIEW unwanted")
	e.fails("SELECT * FROM unwanted", "42P01")
	p.keyed(events, 1000, 1000, 3)
	e.exec("FLUSH")
	for _, v := range []string{"second", "on_second", "joined", "on_both"} {
		e.jobBecomes(v, "running|100.0 %")
	}
	agree := func() {
		t.Helper()
		e.is("SELECT count(*) FROM first AS a FULL JOIN second AS b ON b.k = a.k WHERE a.n IS DISTINCT FROM b.n OR a.s IS DISTINCT FROM b.s", "0")
		e.is("SELECT * FROM on_second", fmt.Sprintf("1000|%d|%d", events+1000, (events+1000)*(events+999)/2))
		e.is("SELECT count(*) FROM joined AS a FULL JOIN first AS b ON a.name = 'name ' || b.k WHERE a.n IS DISTINCT FROM b.n OR a.s IS DISTINCT FROM b.s", "0")
		e.is("SELECT count(*) FROM on_both", "0")
	}
	agree()
	e.fails("DROP MATERIALIZED VIEW second", "2BP01")
	e.exec("DROP MATERIALIZED VIEW second CASCADE")
	e.is("SHOW MATERIALIZED VIEWS", "first|public|NULL", "joined|public|NULL")
	e.exec("DROP SOURCE events CASCADE")
	e.is("SHOW MATERIALIZED VIEWS")
	e.is("SHOW SOURCES")
	e.is("SELECT count(*) FROM names", "1000")
	e.stop()
}

// TestCatchUpKilled: SIGKILL while views catch up.
func TestCatchUpKilled(t *testing.T) {
	t.Parallel()
	const events = 100_000
	broker := testkafka.Fake(t)
	topic := testkafka.Topic(t, broker, 3)
	p := newProducer(t, broker, topic)
	p.keyed(0, events, 100, 3)
	s := settings{dir: t.TempDir(), broker: broker, workers: 2, checkpoint: "0.05"}
	e := start(t, s)
	e.exec(fmt.Sprintf(troubleSource, "events", topic, broker, ""))
	e.exec("CREATE TABLE names (k bigint PRIMARY KEY, name text); INSERT INTO names SELECT g, 'name ' || g FROM generate_series(0, 99) AS g")
	e.exec("CREATE MATERIALIZED VIEW first AS SELECT e.k, count(*) AS n, sum(v) AS s FROM events AS e JOIN names AS n ON n.k = e.k GROUP BY e.k; FLUSH")
	for round := range 4 {
		e.exec(fmt.Sprintf(`
CREATE MATERIALIZED VIEW second_%[1]d AS SELECT k, count(*) AS n, sum(v) AS s FROM events GROUP BY k;
CREATE MATERIALIZED VIEW joined_%[1]d AS SELECT e.k, n.name, e.v FROM events AS e JOIN names AS n ON n.k = e.k;
CREATE MATERIALIZED VIEW on_%[1]d AS SELECT k, count(*) AS n, sum(v) AS s FROM joined_%[1]d GROUP BY k;`, round))
		before := e.rows("SELECT coalesce(max(epoch), 0) FROM heliosdb.checkpoints")[0]
		if round%2 == 0 { // with a checkpoint in between
			e.eventually("a checkpoint", func() (string, bool) {
				now := e.rows("SELECT coalesce(max(epoch), 0) FROM heliosdb.checkpoints")[0]
				return now, now != before
			})
		}
		state := e.job(fmt.Sprintf("joined_%d", round))
		e.kill()
		t.Logf("killed while joined_%d was %s", round, state)
		e = start(t, s)
		p.keyed(int64(events+1000*round), 1000, 100, 3)
		e.exec("FLUSH")
		for _, v := range []string{"second", "on"} {
			e.is(fmt.Sprintf("SELECT count(*) FROM first AS a FULL JOIN %s_%d AS b ON b.k = a.k WHERE a.n IS DISTINCT FROM b.n OR a.s IS DISTINCT FROM b.s", v, round), "0")
		}
		n := int64(events + 1000*(round+1))
		e.is("SELECT sum(n), sum(s) FROM first", fmt.Sprintf("%d|%d", n, n*(n-1)/2))
		e.exec(fmt.Sprintf("DROP MATERIALIZED VIEW second_%[1]d, joined_%[1]d CASCADE", round))
		if round%2 == 1 { // recovery repeats the DROP
			e.kill()
			e = start(t, s)
		}
	}
	// The graph that others catch up with goes away before they are there.
	e.exec(`CREATE MATERIALIZED VIEW a AS SELECT k, count(*) AS n FROM events GROUP BY k;
CREATE MATERIALIZED VIEW b AS SELECT k, count(*) AS n FROM events GROUP BY k;
CREATE MATERIALIZED VIEW c AS SELECT k, count(*) AS n FROM events GROUP BY k`)
	e.exec("DROP MATERIALIZED VIEW first")
	e.exec("CREATE MATERIALIZED VIEW ab AS SELECT a.k, a.n AS an, b.n AS bn, c.n AS cn FROM a JOIN b ON b.k = a.k JOIN c ON c.k = a.k; FLUSH")
	e.is("SELECT count(*), sum(an), sum(bn), sum(cn) FROM ab", fmt.Sprintf("100|%[1]d|%[1]d|%[1]d", events+4000))
	p.keyed(events+4000, 1000, 100, 3)
	e.exec("FLUSH")
	e.is("SELECT count(*), sum(an), sum(bn), sum(cn) FROM ab", fmt.Sprintf("100|%[1]d|%[1]d|%[1]d", events+5000))
	e.stop()
}
