package server

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// BenchmarkPointRead is one row of a view of 100,000 by its key, through a
// prepared statement over the protocol; the median is reported.
func BenchmarkPointRead(b *testing.B) {
	_, addr := startTest(b)
	ctx := context.Background()
	cn, err := pgx.Connect(ctx, "postgres://me@"+addr+"/any?sslmode=disable")
	if err != nil {
		b.Fatal(err)
	}
	defer cn.Close(ctx)
	for _, sql := range []string{
		"CREATE TABLE t (id int PRIMARY KEY, name text, n bigint)",
		"INSERT INTO t SELECT g, 'name ' || g, g * 2 FROM generate_series(1, 100000) g",
		"CREATE MATERIALIZED VIEW v AS SELECT id, count(*) AS c, sum(n) AS s FROM t GROUP BY id",
	} {
		if _, err := cn.Exec(ctx, sql); err != nil {
			b.Fatal(err)
		}
	}
	took := make([]time.Duration, 0, b.N)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		var c int64
		start := time.Now()
		if err := cn.QueryRow(ctx, "SELECT c FROM v WHERE id = $1", 1+i*7919%100000).Scan(&c); err != nil || c != 1 {
			b.Fatal(c, err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "ns/median")
}
