package e2e

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// BenchmarkPointRead reads one row of a view by its key over the protocol, as a
// prepared statement, and reports the median and the 99th percentile.
func BenchmarkPointRead(b *testing.B) {
	e, err := tryStart(b, settings{dir: b.TempDir(), workers: 1, broker: "127.0.0.1:1"})
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	c, err := pgx.Connect(ctx, "postgres://test@"+e.pg+"/heliosdb?sslmode=disable")
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close(ctx)
	for _, sql := range []string{
		"CREATE TABLE t (id bigint PRIMARY KEY, v bigint)",
		"INSERT INTO t SELECT i, i * 7 FROM generate_series(1, 100000) AS g(i)",
		"CREATE MATERIALIZED VIEW per_id AS SELECT id, count(*) AS n, sum(v) AS total FROM t GROUP BY id",
	} {
		if _, err := c.Exec(ctx, sql); err != nil {
			b.Fatal(err)
		}
	}
	var took []time.Duration
	i := int64(0)
	for b.Loop() {
		i = i%100000 + 1
		start := time.Now()
		var n int64
		if err := c.QueryRow(ctx, "SELECT n FROM per_id WHERE id = $1", i).Scan(&n); err != nil || n != 1 {
			b.Fatalf("%v, n = %d", err, n)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1e3, "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds())/1e3, "p99-µs")
}
