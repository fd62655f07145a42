package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/crashpoint"
	"github.com/heliosdb/heliosdb-streaming/internal/testkafka"
)

const pauseViews = `
CREATE MATERIALIZED VIEW first AS SELECT k, count(*) AS n, sum(v) AS s FROM events GROUP BY k;
CREATE MATERIALIZED VIEW second AS SELECT k, count(*) AS n, sum(v) AS s FROM events GROUP BY k;
CREATE MATERIALIZED VIEW over_first AS SELECT count(*) AS keys, sum(n) AS n, sum(s) AS s FROM first;
CREATE MATERIALIZED VIEW named AS SELECT n.name, f.n FROM first AS f JOIN names AS n ON n.k = f.k;
FLUSH;`

// pauseTest is an engine with views that read a topic, a table and each other.
type pauseTest struct {
	*engine
	t    *testing.T
	s    settings
	p    *producer
	sent int64
}

func startPauseTest(t *testing.T) *pauseTest {
	broker := testkafka.Fake(t)
	topic := testkafka.Topic(t, broker, 3)
	x := &pauseTest{t: t, p: newProducer(t, broker, topic), s: settings{dir: t.TempDir(), broker: broker, workers: 2, checkpoint: "3600"}}
	x.engine = start(t, x.s)
	x.exec(fmt.Sprintf(troubleSource, "events", topic, broker, ""))
	x.exec("CREATE TABLE names (k bigint PRIMARY KEY, name text); INSERT INTO names VALUES (1, 'one'), (2, 'two')")
	x.send(1000)
	x.exec(pauseViews)
	return x
}

// send produces n records and waits for no one.
func (x *pauseTest) send(n int64) {
	x.p.keyed(x.sent, n, 100, 3)
	x.sent += n
}

// restart kills the engine and starts it again, with another number of workers.
func (x *pauseTest) restart() {
	x.t.Helper()
	x.kill()
	x.s.workers = x.s.workers%3 + 1
	x.engine = start(x.t, x.s)
}

func sums(n int64) string { return fmt.Sprintf("100|%d|%d", n, n*(n-1)/2) }

const total = "SELECT count(*), sum(n), sum(s) FROM "

// agree requires that all views hold all that was sent.
func (x *pauseTest) agree() {
	x.t.Helper()
	x.exec("FLUSH")
	x.is(total+"first", sums(x.sent))
	x.is(total+"second", sums(x.sent))
	x.is("SELECT * FROM over_first", sums(x.sent))
	x.is("SELECT count(*) FROM named AS a JOIN names AS n ON n.name = a.name JOIN first AS f ON f.k = n.k WHERE f.n = a.n",
		x.rows("SELECT count(*) FROM names")...)
	for _, v := range []string{"first", "second", "over_first", "named"} {
		x.jobBecomes(v, "running|")
	}
}

// TestPauseKilled: what is paused stays paused where it stood, whatever happens,
// and comes back whole.
func TestPauseKilled(t *testing.T) {
	t.Parallel()
	x := startPauseTest(t)
	x.exec("ALTER MATERIALIZED VIEW first PAUSE")
	before := x.sent
	paused := func() {
		t.Helper()
		x.jobBecomes("first", "paused|", "paused since")
		x.jobBecomes("over_first", "paused|", `stands still with "first", which is paused since`)
		x.is(total+"first", sums(before))
		x.is("SELECT * FROM over_first", sums(before))
		x.is("SELECT count(*) FROM named", "2")
		x.exec("FLUSH")
		x.is(total+"second", sums(x.sent))
	}
	x.send(500)
	x.exec("INSERT INTO names VALUES (3, 'three'); DELETE FROM names WHERE k = 1")
	paused()
	if m := x.scrape(); !strings.Contains(m, `job_status{job_name="first",status="paused"} 1`) ||
		!strings.Contains(m, `job_status{job_name="second",status="running"} 1`) || !strings.Contains(m, `heliosdb_job_lag_records{job_name="first"} 500`) {
		t.Errorf("metrics: %q", linesWith(m, "job_"))
	}
	x.restart()
	paused()
	x.send(500)
	x.exec("INSERT INTO names VALUES (4, 'four')")
	x.restart() // the change of the table is held in the log alone
	paused()
	x.exec("ALTER MATERIALIZED VIEW first RESUME")
	x.agree()
	x.restart()
	x.agree()

	// Both paused by name: each comes back when it may.
	x.exec("ALTER MATERIALIZED VIEW over_first PAUSE; ALTER MATERIALIZED VIEW first PAUSE; ALTER MATERIALIZED VIEW over_first RESUME")
	x.send(100)
	x.restart()
	x.jobBecomes("over_first", "paused|", `stands still with "first"`)
	x.exec("ALTER MATERIALIZED VIEW first RESUME")
	x.agree()
	// What reads a paused view can be dropped, and so can the view.
	x.exec("ALTER MATERIALIZED VIEW first PAUSE; DROP MATERIALIZED VIEW named; ALTER MATERIALIZED VIEW over_first PAUSE; DROP MATERIALIZED VIEW over_first")
	x.exec("DROP MATERIALIZED VIEW first; CREATE MATERIALIZED VIEW first AS SELECT k, count(*) AS n, sum(v) AS s FROM events GROUP BY k; FLUSH")
	x.is(total+"first", sums(x.sent))
	x.stop()
}

// TestPauseAllKilled: all jobs stop, nothing new starts, and a restart changes
// nothing about it.
func TestPauseAllKilled(t *testing.T) {
	t.Parallel()
	x := startPauseTest(t)
	x.exec("PAUSE JOBS")
	before := x.sent
	paused := func() {
		t.Helper()
		for _, v := range []string{"first", "second", "over_first", "named"} {
			x.jobBecomes(v, "paused|", "all jobs are paused since")
		}
		x.is(total+"second", sums(before))
		x.fails("CREATE MATERIALIZED VIEW more AS SELECT 1 AS x", "55000")
		x.fails("FLUSH", "55000")
	}
	paused()
	x.send(300)
	x.exec("INSERT INTO names VALUES (3, 'three')")
	x.is("SELECT count(*) FROM names", "3")
	x.restart()
	paused()
	x.exec("ALTER MATERIALIZED VIEW first PAUSE; RESUME JOBS; FLUSH")
	x.jobBecomes("first", "paused|", "paused since")
	x.is(total+"second", sums(x.sent))
	x.is(total+"first", sums(before))
	x.exec("ALTER MATERIALIZED VIEW first RESUME")
	x.agree()
	x.exec("CREATE MATERIALIZED VIEW more AS SELECT 1 AS x")
	x.stop()
}

// TestPauseCrashPoints kills the engine on its way through a pause and a
// resume: either is there afterwards or is not, and nothing is lost.
func TestPauseCrashPoints(t *testing.T) {
	t.Parallel()
	x := startPauseTest(t)
	for _, point := range []string{"ddl.logged", "ddl.applied", "pause.applied", "checkpoint.frozen", "checkpoint.committed"} {
		for _, sql := range []string{"ALTER MATERIALIZED VIEW first PAUSE", "PAUSE JOBS", "RESUME JOBS", "ALTER MATERIALIZED VIEW first RESUME"} {
			x.send(200)
			x.kill()
			s := x.s
			s.env = []string{fmt.Sprintf("%s=%s:1", crashpoint.EnvVar, point)}
			x.engine = start(t, s)
			_, err := x.try(sql)
			if err == nil { // it does not go through that place
				x.kill()
			} else {
				<-x.exited
			}
			x.engine = start(t, x.s)
			row := x.job("first")
			logged := strings.HasPrefix(row, "paused|") == strings.HasSuffix(sql, "PAUSE") || strings.Contains(sql, "JOBS")
			if !logged {
				t.Errorf("killed at %s of %s: %s", point, sql, row)
			}
		}
		x.exec("RESUME JOBS; ALTER MATERIALIZED VIEW first RESUME")
		x.agree()
	}
	x.stop()
}
