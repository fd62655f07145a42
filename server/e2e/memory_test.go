package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/testkafka"
)

// resident samples the resident size of a process every 100 ms.
type resident struct {
	max  atomic.Int64
	stop chan struct{}
	done sync.WaitGroup
}

func watchResident(e *engine) *resident {
	r := &resident{stop: make(chan struct{})}
	r.done.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			r.max.Store(max(r.max.Load(), e.residentBytes()))
			select {
			case <-r.stop:
				return
			case <-tick.C:
			}
		}
	})
	return r
}

// end stops sampling and gives the greatest size seen, in bytes.
func (r *resident) end() int64 {
	close(r.stop)
	r.done.Wait()
	return r.max.Load()
}

func (e *engine) residentBytes() int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", e.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	var size, pages int64
	_, _ = fmt.Sscan(string(b), &size, &pages)
	return pages * int64(os.Getpagesize())
}

// TestMemoryLimit: state without bound pauses its job with a clear error; the
// process stays within 5 % of its limit, answers, and goes on after a DROP. A
// restart above the limit answers too, and can DROP.
func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	const limit = 200 << 20
	broker := testkafka.Fake(t)
	topic := testkafka.Topic(t, broker, 3)
	p := newProducer(t, broker, topic)
	s := settings{dir: t.TempDir(), broker: broker, workers: 2, checkpoint: "0.5",
		env: []string{"HELIOSDB_STATE_MEMORY_LIMIT_MB=200"}}
	e := start(t, s)
	sizes := watchResident(e)
	e.exec(fmt.Sprintf(troubleSource, "events", topic, broker, ""))
	e.exec("CREATE TABLE t (k bigint PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'one')")
	e.exec("CREATE MATERIALIZED VIEW small AS SELECT count(*) AS n, sum(v) AS s FROM events")
	e.exec("CREATE MATERIALIZED VIEW big AS SELECT v, count(*) AS n, min(k) AS least, max(k) AS most, sum(k) AS s FROM events GROUP BY v; FLUSH")
	const events = 3_000_000
	var flow sync.WaitGroup
	flow.Go(func() {
		for i := int64(0); i < events; i += 50_000 {
			p.keyed(i, 50_000, 1000, 3)
		}
	})
	e.jobBecomes("big", "paused", "of its limit of 200 MB")
	answers := func(e *engine) {
		t.Helper()
		e.is("SELECT v FROM t WHERE k = 1", "one")
		if n := e.rows("SELECT count(*) FROM t"); n[0] != "1" {
			t.Errorf("t has %s rows", n)
		}
		if n := e.rows("SELECT n > 0 FROM big LIMIT 1"); len(n) != 1 {
			t.Errorf("big has no rows: %q", n)
		}
		e.jobBecomes("big", "paused", "of its limit of 200 MB")
	}
	answers(e)
	flow.Wait()
	answers(e)
	if m := e.scrape(); !strings.Contains(m, `job_status{job_name="big",status="paused"} 1`) {
		t.Errorf("job_status: %q", linesWith(m, "job_status"))
	}
	top := sizes.end()
	t.Logf("greatest resident size: %d MB of 200", top>>20)
	if top > limit*105/100 {
		t.Errorf("the resident size was %d MB, more than 5 %% above the limit", top>>20)
	}
	e.kill()

	// Above a limit that is lower still.
	s.env = []string{"HELIOSDB_STATE_MEMORY_LIMIT_MB=150"}
	e = start(t, s)
	e.jobBecomes("big", "paused", "of its limit of 150 MB")
	e.is("SELECT v FROM t WHERE k = 1", "one")
	e.exec("DROP MATERIALIZED VIEW big")
	e.jobBecomes("small", "running")
	e.becomes("SELECT n, s FROM small", fmt.Sprintf("%d|%d", events, int64(events)*(events-1)/2))
	e.jobBecomes("small", "running")
	e.exec("INSERT INTO t VALUES (2, 'two')")
	e.is("SELECT count(*) FROM t", "2")
	e.stop()
}

// TestQueryMemory: a query that would need more than there is fails with 53200,
// and the engine goes on.
func TestQueryMemory(t *testing.T) {
	t.Parallel()
	s := settings{dir: t.TempDir(), broker: "127.0.0.1:1", workers: 1, env: []string{"HELIOSDB_STATE_MEMORY_LIMIT_MB=150"}}
	e := start(t, s)
	e.exec("CREATE TABLE t (k bigint PRIMARY KEY, v text)")
	e.exec("INSERT INTO t SELECT g, repeat('x', 100) FROM generate_series(1, 10000) AS g")
	sizes := watchResident(e)
	for _, q := range []string{
		"SELECT a.k, b.k, a.v, b.v FROM t AS a CROSS JOIN t AS b ORDER BY b.v, a.k",
		"SELECT a.k + b.k * 1000000, count(*) FROM t AS a CROSS JOIN t AS b GROUP BY 1",
		"SELECT DISTINCT a.k, b.k, a.v FROM t AS a CROSS JOIN t AS b",
	} {
		_, err := e.try(q)
		switch sqlState(err) {
		case "53200":
			t.Logf("%.60s…: %v", q, err)
		default:
			t.Errorf("%s: got %v, want SQLSTATE 53200", q, err)
		}
		e.is("SELECT count(*) FROM t", "10000")
	}
	t.Logf("greatest resident size: %d MB of 150", sizes.end()>>20)
	// What streams needs no memory to speak of.
	c := e.open()
	rows := c.PgConn().Exec(context.Background(), "SELECT a.v, b.v FROM t AS a CROSS JOIN (SELECT * FROM t LIMIT 300) AS b")
	n := 0
	for rows.NextResult() {
		r := rows.ResultReader()
		for r.NextRow() {
			n++
		}
	}
	if err := rows.Close(); err != nil || n != 3_000_000 {
		t.Errorf("a large result: %d rows, %v", n, err)
	}
	e.stop()
}
