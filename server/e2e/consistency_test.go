package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/heliosdb/heliosdb-streaming/internal/testkafka"
)

const partsSQL = `
CREATE SOURCE events (k bigint, v bigint) WITH (connector = 'kafka', topic = '%s') FORMAT PLAIN ENCODE JSON;
CREATE MATERIALIZED VIEW whole AS SELECT count(*) AS n, sum(v) AS s FROM events;
CREATE MATERIALIZED VIEW parts AS SELECT k, count(*) AS n, sum(v) AS s FROM events GROUP BY k;
CREATE MATERIALIZED VIEW halves AS SELECT k %% 2 AS half, sum(n) AS n, sum(s) AS s FROM parts GROUP BY k %% 2;
`

// consistentReads are statements whose first half must equal the second, each
// with the number of values a half has.
var consistentReads = []string{
	`SELECT w.n, w.s, p.n, p.s FROM whole AS w CROSS JOIN (SELECT sum(n) AS n, sum(s) AS s FROM parts) AS p`,
	`SELECT w.n, w.s, h.n, h.s FROM whole AS w CROSS JOIN (SELECT sum(n) AS n, sum(s) AS s FROM halves) AS h`,
	`SELECT n, s FROM (SELECT 1 AS o, n, s FROM whole UNION ALL SELECT 2, sum(n), sum(s) FROM parts) AS u ORDER BY o`,
	`BEGIN; SELECT n, s FROM whole; SELECT sum(n), sum(s) FROM parts; COMMIT`,
	`BEGIN; SELECT sum(n), sum(s) FROM halves; SELECT n, s FROM whole; SELECT sum(n), sum(s) FROM parts; COMMIT`,
}

// TestConsistency: while events flow, ten thousand reads of a sum and of its
// parts never disagree.
func TestConsistency(t *testing.T) {
	t.Parallel()
	const readers = 4
	reads := envInt(t, "HELIOSDB_TEST_CONSISTENCY_READS", 10_000)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	broker := testkafka.Fake(t)
	topic := testkafka.Topic(t, broker, 3)
	e := start(t, settings{dir: t.TempDir(), broker: broker, workers: 2})
	e.exec(fmt.Sprintf(partsSQL, topic))
	p := newProducer(t, broker, topic)
	p.keyed(0, 100, 50, 3)
	e.exec("FLUSH")

	stop, turn := make(chan struct{}), make(chan struct{}, 1)
	var sent int64 = 100
	var flow sync.WaitGroup
	flow.Go(func() {
		rng := rand.New(rand.NewPCG(seed, 1))
		for {
			select {
			case <-stop:
				return
			case <-turn: // a few events between two reads
			}
			n := 1 + rng.Int64N(100)
			p.keyed(sent, n, 50, 3)
			sent += n
		}
	})
	var seen sync.Map
	var done atomic.Int64
	var readersDone sync.WaitGroup
	for r := range readers {
		conn := e.open()
		readersDone.Go(func() {
			for i := r; i < reads; i += readers {
				q := consistentReads[i/readers%len(consistentReads)]
				whole, err := disagree(conn, q)
				if err != nil {
					t.Errorf("%s: %v", q, err)
					return
				}
				seen.Store(whole, true)
				done.Add(1)
				select {
				case turn <- struct{}{}:
				default:
				}
			}
		})
	}
	readersDone.Wait()
	close(stop)
	flow.Wait()
	states := 0
	seen.Range(func(any, any) bool { states++; return true })
	t.Logf("%d reads saw %d states of %d events", done.Load(), states, sent)
	if !t.Failed() && states < 10 {
		t.Errorf("only %d states were seen: nothing flowed", states)
	}
	e.exec("FLUSH")
	e.is("SELECT n, s FROM whole", fmt.Sprintf("%d|%d", sent, sent*(sent-1)/2))
	e.stop()
}

// disagree runs a read and gives the whole that it saw.
func disagree(conn *pgx.Conn, sql string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	res, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		return "", err
	}
	var all []string
	for _, r := range res {
		for _, row := range r.Rows {
			for i := 0; i+1 < len(row); i += 2 {
				all = append(all, fmt.Sprintf("%s %s", row[i], row[i+1]))
			}
		}
	}
	for _, a := range all {
		if a != all[0] {
			return "", fmt.Errorf("the views disagree: %s", strings.Join(all, " / "))
		}
	}
	if len(all) < 2 {
		return "", fmt.Errorf("%d sums, want 2 or 3", len(all))
	}
	return all[0], nil
}
