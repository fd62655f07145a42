package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/heliosdb/heliosdb-streaming/internal/crashpoint"
	"github.com/heliosdb/heliosdb-streaming/internal/testkafka"
	_ "github.com/heliosdb/heliosdb-streaming/server" // registers the crash points
)

const campaignSQL = `
CREATE SOURCE events (k bigint, v bigint, ts timestamp, WATERMARK FOR ts AS ts - INTERVAL '1 second')
WITH (connector = 'kafka', topic = '%s', scan.startup.mode = 'earliest') FORMAT PLAIN ENCODE JSON;
CREATE TABLE names (k bigint PRIMARY KEY, name text);
CREATE TABLE log (id bigint PRIMARY KEY, round int);
CREATE MATERIALIZED VIEW per_key AS SELECT k, count(*) AS n, sum(v) AS total, min(v) AS least, max(v) AS most FROM events GROUP BY k;
CREATE MATERIALIZED VIEW total AS SELECT sum(n) AS n, sum(total) AS total FROM per_key;
CREATE MATERIALIZED VIEW windows AS
  SELECT window_start, count(*) AS n, sum(v) AS total FROM TUMBLE(events, ts, INTERVAL '10 seconds')
  GROUP BY window_start EMIT ON WINDOW CLOSE;
CREATE MATERIALIZED VIEW top AS
  SELECT k, v, ts, r FROM (SELECT k, v, ts, row_number() OVER (PARTITION BY k ORDER BY v DESC, ts) AS r FROM events) AS x WHERE r <= 2;
CREATE MATERIALIZED VIEW named AS SELECT e.k, n.name, e.n FROM per_key AS e LEFT JOIN names AS n ON n.k = e.k;
CREATE MATERIALIZED VIEW recent AS
  SELECT k, count(*) AS n FROM events WHERE ts > now() - INTERVAL '36500 days' AND ts <= now() + INTERVAL '36500 days' GROUP BY k;
INSERT INTO names VALUES (1, 'one'), (2, 'two'), (3, 'three');
`

// crashEvent is one record of the campaign.
type crashEvent struct {
	k, v, sec int64
	late      bool // sent when its window was surely closed
}

// campaign is one engine that is killed again and again, and what it must hold.
type campaign struct {
	t      *testing.T
	rng    *rand.Rand
	s      settings
	topic  string
	cl     *kgo.Client
	events []crashEvent
	clock  int64
	nextID int64
	acked  map[int64]int
	maybe  map[int64]int
}

// TestCrashCampaign kills the engine with SIGKILL at random instants and at
// every named place, and compares with what an undisturbed run would hold. It
// reports how many kills hit a named place.
func TestCrashCampaign(t *testing.T) {
	crashCampaign(t, envInt(t, "HELIOSDB_TEST_CRASH_N", 50), settings{dir: t.TempDir()}, (*campaign).check)
}

// TestCrashCampaignEncrypted is the same with encryption on, data keys changing
// now and then.
func TestCrashCampaignEncrypted(t *testing.T) {
	s := settings{dir: t.TempDir(), env: []string{encryptionOn}}
	crashCampaign(t, envInt(t, "HELIOSDB_TEST_CRASH_ENCRYPTED_N", 24), s, (*campaign).check)
}

// crashCampaign kills the engine so many times. afterKill is called now and then
// while no engine runs.
func crashCampaign(t *testing.T, kills int, s settings, afterKill func(*campaign)) {
	seed := uint64(envInt(t, "HELIOSDB_TEST_CRASH_SEED", int(time.Now().UnixNano()&0x7fffffff)))
	t.Logf("seed %d (HELIOSDB_TEST_CRASH_SEED replays it)", seed)
	broker := testkafka.Fake(t)
	c := &campaign{
		t: t, rng: rand.New(rand.NewPCG(seed, 7)), topic: testkafka.Topic(t, broker, 3), s: s,
		acked: map[int64]int{}, maybe: map[int64]int{},
	}
	c.s.broker, c.s.workers, c.s.checkpoint = broker, 2, "0.15"
	encrypted, inBucket := slices.Contains(s.env, encryptionOn), strings.Contains(s.state, "://")
	var err error
	if c.cl, err = kgo.NewClient(kgo.SeedBrokers(broker), kgo.RecordPartitioner(kgo.ManualPartitioner())); err != nil {
		t.Fatal(err)
	}
	defer c.cl.Close()
	e := start(t, c.s)
	e.exec(fmt.Sprintf(campaignSQL, c.topic))
	names := slices.DeleteFunc(crashpoint.Names(), func(name string) bool {
		of, _, _ := strings.Cut(name, ".")
		return !encrypted && slices.Contains([]string{"seal", "kms", "encryption"}, of) || !inBucket && of == "remote"
	})
	if inBucket { // as below
		slices.SortStableFunc(names, func(a, b string) int {
			return boolInt(strings.HasPrefix(b, "remote.")) - boolInt(strings.HasPrefix(a, "remote."))
		})
	}
	if encrypted { // those that are about keys first: there are more places than kills
		slices.SortStableFunc(names, func(a, b string) int {
			return boolInt(strings.Contains(b, "key")) - boolInt(strings.Contains(a, "key"))
		})
	}
	named := 0
	for round := range kills {
		c.produce(20 + c.rng.IntN(2000))
		c.write(e, round)
		if encrypted && round%3 == 0 {
			_, _ = e.try("ALTER SYSTEM ROTATE ENCRYPTION KEY") // it may be dead already
		}
		c.wait(e)
		e.kill()
		if round%5 == 0 {
			afterKill(c)
		}
		s := c.s
		s.workers = 1 + c.rng.IntN(3)
		if round%2 == 1 {
			point := names[(round/2)%len(names)]
			s.env = append(slices.Clone(s.env), fmt.Sprintf("%s=%s:%d", crashpoint.EnvVar, point, 1+c.rng.IntN(3)))
		}
		if e, err = tryStart(t, s); err != nil {
			named++ // died at a place that recovery passes
			e = start(t, c.s)
		} else if len(s.env) > len(c.s.env) && c.dies(e, round) {
			named++
			e = start(t, c.s)
		}
	}
	e.kill() // it may still be set to die at a place that it comes to late
	e = start(t, c.s)
	t.Logf("%d kills, %d more at named places", kills, named)
	c.finish(e)
	e.stop()
	c.check()
}

// produce writes n events whose times go on, and now and then one that is late
// by far.
func (c *campaign) produce(n int) {
	for range n {
		c.clock += c.rng.Int64N(200)
		c.send(crashEvent{k: c.rng.Int64N(20), v: c.rng.Int64N(1000), sec: c.clock / 100}, int32(c.rng.IntN(3)))
	}
	if err := c.cl.Flush(context.Background()); err != nil {
		c.t.Fatal(err)
	}
}

func (c *campaign) send(ev crashEvent, part int32) {
	ts := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(ev.sec) * time.Second).Format("2006-01-02 15:04:05")
	c.events = append(c.events, ev)
	c.cl.Produce(context.Background(), &kgo.Record{
		Topic: c.topic, Partition: part, Value: fmt.Appendf(nil, `{"k":%d,"v":%d,"ts":%q}`, ev.k, ev.v, ts),
	}, func(_ *kgo.Record, err error) {
		if err != nil {
			c.t.Errorf("produce: %v", err)
		}
	})
}

// write runs statements until the engine dies or a few are through.
func (c *campaign) write(e *engine, round int) {
	conn, err := e.connect()
	if err != nil {
		return
	}
	defer conn.Close(context.Background())
	c.operate(conn)
	for range c.rng.IntN(8) {
		id := c.nextID
		c.nextID++
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		_, err := conn.Exec(ctx, fmt.Sprintf("INSERT INTO log VALUES (%d, %d)", id, round))
		cancel()
		if err != nil {
			c.maybe[id] = round
			return
		}
		c.acked[id] = round
	}
}

// campaignViews are paused and resumed.
var campaignViews = []string{"per_key", "total", "windows", "top", "named", "recent"}

// operate pauses and resumes jobs now and then. The engine may die of it, and a
// job may stand still with another: errors are none of ours.
func (c *campaign) operate(conn *pgx.Conn) {
	view := campaignViews[c.rng.IntN(len(campaignViews))]
	sql := ""
	switch c.rng.IntN(12) {
	case 0, 1:
		sql = "ALTER MATERIALIZED VIEW " + view + " PAUSE"
	case 2, 3, 4, 5:
		sql = "ALTER MATERIALIZED VIEW " + view + " RESUME"
	case 6:
		sql = "PAUSE JOBS"
	case 7, 8:
		sql = "RESUME JOBS"
	default:
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, _ = conn.Exec(ctx, sql)
}

// wait lets the engine live for a random while.
func (c *campaign) wait(e *engine) {
	select {
	case <-e.exited:
	case <-time.After(time.Duration(c.rng.IntN(400)) * time.Millisecond):
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// dies keeps the engine busy until its crash point kills it; false: it was not
// reached in time.
func (c *campaign) dies(e *engine, round int) bool {
	deadline := time.After(1500 * time.Millisecond)
	for {
		c.write(e, round)
		if len(c.s.env) > 0 {
			_, _ = e.try("ALTER SYSTEM ROTATE ENCRYPTION KEY")
		}
		c.produce(50)
		select {
		case <-e.exited:
			return true
		case <-deadline:
			return false
		default:
		}
	}
}

// check verifies the data directory of the dead engine.
func (c *campaign) check() {
	c.t.Helper()
	bin, err := buildOnce()
	if err != nil {
		c.t.Fatal(err)
	}
	out, err := exec.Command(bin, "check", "--data-dir", filepath.Join(c.s.dir, "state"), "--config", filepath.Join(c.s.dir, "streaming.toml")).CombinedOutput()
	if err != nil {
		c.t.Fatalf("check: %v\n%s", err, out)
	}
}

// finish closes all windows and compares everything.
func (c *campaign) finish(e *engine) {
	c.t.Helper()
	// Every partition moves on, so that all windows so far close.
	c.clock += 100_000
	for p := range int32(3) {
		c.send(crashEvent{k: 1, v: 1, sec: c.clock / 100}, p)
	}
	if err := c.cl.Flush(context.Background()); err != nil {
		c.t.Fatal(err)
	}
	e.exec("RESUME JOBS")
	for _, v := range campaignViews {
		e.exec("ALTER MATERIALIZED VIEW " + v + " RESUME")
	}
	e.exec("FLUSH")
	last := fmt.Sprintf("SELECT count(*) FROM windows WHERE window_start = '%s'", windowStart(c.lastClosed()))
	deadline := time.Now().Add(20 * time.Second)
	for e.rows(last)[0] != "1" {
		if time.Now().After(deadline) {
			c.t.Fatalf("windows do not close\n%s\n%s", strings.Join(e.rows("SHOW JOBS"), "\n"), e.log)
		}
		time.Sleep(50 * time.Millisecond)
	}
	c.compare(e, "SELECT k, n, total, least, most FROM per_key", c.perKey())
	c.compare(e, "SELECT n, total FROM total", c.total())
	c.compare(e, "SELECT sum(n) FROM recent", []string{fmt.Sprint(len(c.events))})
	c.compare(e, "SELECT k, n FROM named", c.keys())
	c.compare(e, "SELECT window_start, n, total FROM windows", c.windows())
	c.compare(e, "SELECT k, v, r FROM top", c.top())
	c.compareLog(e)
}

func (c *campaign) compare(e *engine, sql string, want []string) {
	c.t.Helper()
	got := e.rows(sql)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		c.t.Errorf("%s: %d rows, want %d: %s", sql, len(got), len(want), difference(got, want))
	}
}

func (c *campaign) perKey() []string {
	type acc struct{ n, total, least, most int64 }
	m := map[int64]*acc{}
	for _, ev := range c.events {
		a := m[ev.k]
		if a == nil {
			a = &acc{least: ev.v, most: ev.v}
			m[ev.k] = a
		}
		a.n, a.total = a.n+1, a.total+ev.v
		a.least, a.most = min(a.least, ev.v), max(a.most, ev.v)
	}
	var out []string
	for k, a := range m {
		out = append(out, fmt.Sprintf("%d|%d|%d|%d|%d", k, a.n, a.total, a.least, a.most))
	}
	return out
}

func (c *campaign) keys() []string {
	m := map[int64]int{}
	for _, ev := range c.events {
		m[ev.k]++
	}
	var out []string
	for k, n := range m {
		out = append(out, fmt.Sprintf("%d|%d", k, n))
	}
	return out
}

func (c *campaign) total() []string {
	n, total := int64(0), int64(0)
	for _, ev := range c.events {
		n, total = n+1, total+ev.v
	}
	return []string{fmt.Sprintf("%d|%d", n, total)}
}

func windowStart(sec int64) string {
	return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(sec) * time.Second).Format("2006-01-02 15:04:05")
}

// lastClosed is the start of the newest window that holds events and is closed.
func (c *campaign) lastClosed() int64 {
	last := int64(0)
	for _, ev := range c.events {
		if w := ev.sec / 10 * 10; ev.sec < c.clock/100 {
			last = max(last, w)
		}
	}
	return last
}

func (c *campaign) windows() []string {
	type acc struct{ n, total int64 }
	m := map[int64]*acc{}
	for _, ev := range c.events {
		if ev.late || ev.sec == c.clock/100 {
			continue
		}
		w := ev.sec / 10 * 10
		if m[w] == nil {
			m[w] = &acc{}
		}
		m[w].n++
		m[w].total += ev.v
	}
	var out []string
	for w, a := range m {
		out = append(out, fmt.Sprintf("%s|%d|%d", windowStart(w), a.n, a.total))
	}
	return out
}

func (c *campaign) top() []string {
	by := map[int64][]int64{}
	for _, ev := range c.events {
		by[ev.k] = append(by[ev.k], ev.v)
	}
	var out []string
	for k, vs := range by {
		slices.SortFunc(vs, func(a, b int64) int { return int(b - a) })
		for i, v := range vs[:min(2, len(vs))] {
			out = append(out, fmt.Sprintf("%d|%d|%d", k, v, i+1))
		}
	}
	return out
}

// compareLog: what was acknowledged is there, and nothing that was never sent.
func (c *campaign) compareLog(e *engine) {
	c.t.Helper()
	have := map[string]bool{}
	for _, r := range e.rows("SELECT id, round FROM log") {
		have[r] = true
	}
	for id, round := range c.acked {
		r := fmt.Sprintf("%d|%d", id, round)
		if !have[r] {
			c.t.Errorf("acknowledged row %s is lost", r)
		}
		delete(have, r)
	}
	for id, round := range c.maybe {
		delete(have, fmt.Sprintf("%d|%d", id, round))
	}
	for r := range have {
		c.t.Errorf("row %s was never written", r)
	}
}
