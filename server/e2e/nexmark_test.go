package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/heliosdb/heliosdb-streaming/internal/nexmark"
	"github.com/heliosdb/heliosdb-streaming/internal/testkafka"
	"github.com/heliosdb/heliosdb-streaming/internal/testpg"
)

var nexmarkQueries = []string{"q0", "q1", "q2", "q3", "q4", "q5", "q7", "q8", "q9", "q17", "q18", "q20"}

// envInt reads a number from the environment.
func envInt(t *testing.T, name string, def int) int {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		return def
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

func readFile(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(append([]string{repo, "testdata"}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// nexmarkTopics creates topics of this test's own and gives the sources over
// them.
func nexmarkTopics(t *testing.T, broker string) (topics [3]string, sources string) {
	t.Helper()
	sources = readFile(t, "nexmark", "sources.sql")
	for i, kind := range []string{"person", "auction", "bid"} {
		topics[i] = testkafka.Topic(t, broker, 4)
		sources = strings.ReplaceAll(sources, "nexmark-"+kind, topics[i])
	}
	return topics, sources
}

var nexmarkModel = nexmark.Config{Seed: 42, Gap: nexmark.EventsPerSecond(2000)}

// produceNexmark writes events [from, to) into the topics.
func produceNexmark(t *testing.T, broker string, topics [3]string, from, to uint64) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	g, err := nexmark.New(nexmarkModel)
	if err != nil {
		t.Fatal(err)
	}
	var ev nexmark.Event
	for i := from; i < to; i++ {
		g.Fill(&ev, i)
		cl.Produce(context.Background(), &kgo.Record{
			Topic: topics[ev.Kind], Partition: int32(i % 4), Value: ev.AppendJSON(nil),
		}, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Errorf("produce: %v", err)
			}
		})
	}
	if err := cl.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// oracle loads the same events into PostgreSQL and runs the queries there.
func oracle(t *testing.T, events uint64, queries []string) map[string][]string {
	t.Helper()
	dsn := testpg.Start(t)
	ctx := context.Background()
	admin, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(ctx)
	db := fmt.Sprintf("nexmark_%d", rand.Uint64())
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+db); err != nil {
		t.Fatal(err)
	}
	cfg := admin.Config().Copy()
	cfg.Database = db
	pg, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer pg.Close(ctx)
	if _, err := pg.PgConn().Exec(ctx, readFile(t, "nexmark", "pg_schema.sql")).ReadAll(); err != nil {
		t.Fatal(err)
	}
	g, err := nexmark.New(nexmarkModel)
	if err != nil {
		t.Fatal(err)
	}
	for kind, table := range map[nexmark.Kind]string{nexmark.KindPerson: "person", nexmark.KindAuction: "auction", nexmark.KindBid: "bid"} {
		if _, err := pg.PgConn().CopyFrom(ctx, g.CopyReader(kind, 0, events), "COPY "+table+" FROM STDIN"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := pg.PgConn().Exec(ctx, "ANALYZE").ReadAll(); err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, q := range queries {
		if _, err := pg.PgConn().Exec(ctx, pgForm(t, q)).ReadAll(); err != nil {
			t.Fatalf("%s on PostgreSQL: %v", q, err)
		}
		rows, err := textRows(pg, "SELECT * FROM nexmark_"+q)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(rows)
		out[q] = rows
	}
	return out
}

// pgForm is a query in PostgreSQL's spelling.
func pgForm(t *testing.T, q string) string {
	if _, err := os.Stat(filepath.Join(repo, "testdata", "nexmark", q+".pg.sql")); err == nil {
		return readFile(t, "nexmark", q+".pg.sql")
	}
	return readFile(t, "nexmark", q+".sql")
}

// TestNexmark: over the same events each view equals PostgreSQL's answer, with
// one and with four workers, and with kills on the way.
func TestNexmark(t *testing.T) {
	events := uint64(envInt(t, "HELIOSDB_TEST_NEXMARK_EVENTS", 200_000))
	kills := envInt(t, "HELIOSDB_TEST_NEXMARK_KILLS", 3)
	broker := testkafka.Start(t)
	want := oracle(t, events, nexmarkQueries)
	for _, c := range []struct{ workers, kills int }{{1, 0}, {4, kills}} {
		t.Run(fmt.Sprintf("workers=%d,kills=%d", c.workers, c.kills), func(t *testing.T) {
			topics, sources := nexmarkTopics(t, broker)
			s := settings{dir: t.TempDir(), broker: broker, workers: c.workers}
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			rng := rand.New(rand.NewPCG(seed, 1))
			e := start(t, s)
			e.exec(sources)
			var views strings.Builder
			for _, q := range nexmarkQueries {
				views.WriteString(readFile(t, "nexmark", q+".sql"))
			}
			e.exec(views.String())
			at := uint64(0)
			for k := range c.kills {
				to := events * uint64(k+1) / uint64(c.kills+1)
				produceNexmark(t, broker, topics, at, to)
				at = to
				time.Sleep(time.Duration(rng.IntN(2500)) * time.Millisecond)
				e.kill()
				e = start(t, s)
			}
			produceNexmark(t, broker, topics, at, events)
			e.exec("FLUSH")
			compareNexmark(t, e, want)
			e.stop()
		})
	}
}

func compareNexmark(t *testing.T, e *engine, want map[string][]string) {
	t.Helper()
	for _, q := range nexmarkQueries {
		got := e.rows("SELECT * FROM nexmark_" + q)
		slices.Sort(got)
		if slices.Equal(got, want[q]) {
			continue
		}
		t.Errorf("%s: %d rows, PostgreSQL has %d; first difference: %s", q, len(got), len(want[q]), difference(got, want[q]))
	}
}

// difference describes where two sorted lists part.
func difference(got, want []string) string {
	for i := 0; i < len(got) || i < len(want); i++ {
		switch {
		case i >= len(got):
			return "missing " + want[i]
		case i >= len(want):
			return "too much " + got[i]
		case got[i] != want[i]:
			return fmt.Sprintf("got %s, want %s", got[i], want[i])
		}
	}
	return "none"
}
