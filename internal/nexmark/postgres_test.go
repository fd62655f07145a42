package nexmark

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/heliosdb/heliosdb-streaming/internal/testpg"
)

// PostgreSQL reads the generated rows as they are, runs its form of every query,
// and finds rows: an empty answer would compare equal to anything that is wrong
// in the same way.
func TestQueriesRunOnPostgres(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, testpg.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	exec := func(name, sql string) {
		t.Helper()
		if _, err := conn.Exec(ctx, sql); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	exec("schema", "CREATE SCHEMA nexmark_queries; SET search_path = nexmark_queries")
	exec("pg_schema.sql", readFile(t, filepath.Join(queries, "pg_schema.sql")))
	const events = 100_000
	g := mustNew(t, Config{Seed: 11, Gap: time.Millisecond})
	want := [numKinds]int64{events / EpochEvents * PersonsPerEpoch, events / EpochEvents * AuctionsPerEpoch, events / EpochEvents * BidsPerEpoch}
	for kind := range numKinds {
		tag, err := conn.PgConn().CopyFrom(ctx, g.CopyReader(kind, 0, events), "COPY "+kind.String()+" FROM STDIN")
		if err != nil || tag.RowsAffected() != want[kind] {
			t.Fatalf("copy of %s: %v, %v", kind, tag, err)
		}
	}
	names, err := filepath.Glob(filepath.Join(queries, "q*.sql"))
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(names, " ")
	for _, name := range names {
		base := strings.TrimSuffix(filepath.Base(name), ".sql")
		if strings.Contains(all, base+".pg.sql") {
			continue // this is the streaming form
		}
		exec(name, readFile(t, name))
		view := "nexmark_" + strings.ReplaceAll(strings.TrimSuffix(base, ".pg"), ".", "_")
		var rows int64
		if err := conn.QueryRow(ctx, "SELECT count(*) FROM "+view).Scan(&rows); err != nil || rows == 0 {
			t.Errorf("%s has %d rows, %v", view, rows, err)
		}
	}
}
