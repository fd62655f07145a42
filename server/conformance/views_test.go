package conformance

import (
	"flag"
	"fmt"
	"math/rand"
	"regexp"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/testseed"
	"github.com/jackc/pgx/v5/pgconn"
)

var (
	seedFlag  = flag.Int64("conformance.seed", 0, "replay this seed; 0: HELIOSDB_TEST_SEED or a fixed one")
	stepsFlag = flag.Int("conformance.steps", 24, "rounds of changes in TestViews")
)

func newSeed(t *testing.T) int64 {
	seed := *seedFlag
	if seed == 0 {
		seed = testseed.Of(t)
	}
	t.Logf("-conformance.seed=%d", seed)
	return seed
}

var createView = regexp.MustCompile(`^CREATE (?:MATERIALIZED )?VIEW (\w+) AS `)

// TestViews applies the same random transactions to both sides and compares
// every materialized view, kept up to date here, with PostgreSQL computing the
// same query from scratch. Half of the views are created before there is data,
// half over existing rows; in between the server restarts with another number
// of workers.
func TestViews(t *testing.T) {
	t.Parallel()
	seed := newSeed(t)
	rng := rand.New(rand.NewSource(seed))
	e, pg := startEngine(t, t.TempDir(), 1), startPostgres(t)
	both(t, e, pg, statements(t, "mv_schema.sql"))
	var views []string
	create := func(list []statement) {
		for _, s := range list {
			name := createView.FindStringSubmatch(s.sql)[1]
			if r := run(t, e.conn, s.sql); r.err != nil {
				t.Errorf("%s\n  %s", s.sql, r.failure())
				continue
			}
			views = append(views, name)
		}
	}
	list := statements(t, "mv_views.sql")
	for _, s := range list { // PostgreSQL's are plain views: always computed anew
		if r := run(t, pg, strings.Replace(s.sql, " MATERIALIZED", "", 1)); r.err != nil {
			t.Fatalf("PostgreSQL: %s\n%s", s.sql, r.failure())
		}
	}
	create(list[:len(list)/2])
	g := &changes{rng: rng}
	for step := range *stepsFlag {
		switch step {
		case *stepsFlag / 4:
			create(list[len(list)/2:])
		case *stepsFlag / 3:
			e.restart(4)
		case *stepsFlag * 2 / 3:
			e.restart(2)
		}
		var done []string
		for range 1 + rng.Intn(4) {
			done = append(done, g.transaction(t, e.conn, pg))
		}
		if bad := compareViews(t, e.conn, pg, views); bad > 0 {
			t.Fatalf("after step %d, %d of %d views differ; its transactions:\n%s", step, bad, len(views), strings.Join(done, "\n"))
		}
	}
	t.Logf("%d views, %d transactions, %d failed alike", len(views), g.total, g.failed)
}

func compareViews(t *testing.T, here, pg *pgconn.PgConn, views []string) (bad int) {
	t.Helper()
	for _, table := range append([]string{"a", "w", "c", "e"}, views...) {
		sql := "SELECT * FROM " + table
		if d := compare(run(t, here, sql), run(t, pg, sql), false); d != "" {
			t.Errorf("%s: %s", table, d)
			bad++
		}
	}
	return bad
}

// changes makes random transactions.
type changes struct {
	rng           *rand.Rand
	total, failed int
}

// transaction runs one on both sides: the same outcome, statement by statement.
func (g *changes) transaction(t *testing.T, here, pg *pgconn.PgConn) string {
	t.Helper()
	g.total++
	n := 1
	if g.rng.Intn(3) == 0 {
		n = 2 + g.rng.Intn(3)
	}
	var list []string
	used := map[string]bool{}
	for len(list) < n {
		s, table := g.statement()
		if n > 1 && used[table] && g.rng.Intn(2) == 0 {
			continue
		}
		used[table] = true
		list = append(list, s)
	}
	if n > 1 {
		end := "COMMIT"
		if g.rng.Intn(6) == 0 {
			end = "ROLLBACK"
		}
		list = append(append([]string{"BEGIN"}, list...), end)
	}
	for _, s := range list {
		got, want := run(t, here, s), run(t, pg, s)
		if got.err != nil && got.err.Code == "0A000" && n > 1 { // reads its own writes
			g.failed++
			run(t, here, "ROLLBACK")
			run(t, pg, "ROLLBACK")
			break
		}
		for _, r := range []result{got, want} {
			if r.err != nil && strings.HasPrefix(r.err.Code, "23") {
				r.err.Detail = "" // which of several bad rows is met first is nobody's promise
			}
		}
		if d := compare(got, want, false); d != "" {
			t.Fatalf("%s\n  %s\nin\n%s", s, d, strings.Join(list, ";\n"))
		}
		if got.err != nil {
			g.failed++
			run(t, here, "ROLLBACK")
			run(t, pg, "ROLLBACK")
			break
		}
	}
	return strings.Join(list, "; ") + ";"
}

func (g *changes) pick(options ...string) string { return options[g.rng.Intn(len(options))] }

func (g *changes) null(s string) string {
	if g.rng.Intn(5) == 0 {
		return "NULL"
	}
	return s
}

func (g *changes) int(n int) string { return fmt.Sprint(g.rng.Intn(n)) }

func (g *changes) word() string { return "'" + g.pick("a", "b", "c", "ab", "Bc", "", "ä") + "'" }

func (g *changes) key() string { return g.int(30) }

// numbers are such that float sums are exact in any order.
func (g *changes) decimal() string {
	return g.pick("0", "1.5", "-2.25", "1.50", "100", "0.25", "12345.75", "-0.5", "3")
}

func (g *changes) rowA(id string) string {
	return fmt.Sprintf("(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)", id, g.null(g.int(5)), g.null(g.pick("1", "2", "-3", "5000000000")),
		g.null(g.int(4)), g.null(g.decimal()), g.null(g.decimal()), g.null(g.decimal()), g.null(g.word()), g.null(g.word()), g.null(g.pick("true", "false")))
}

func (g *changes) rowW(id string) string {
	ts := func() string {
		return fmt.Sprintf("'2024-0%d-%02d %02d:%02d:00'", 1+g.rng.Intn(3), 1+g.rng.Intn(28), g.rng.Intn(24), g.rng.Intn(60))
	}
	return fmt.Sprintf("(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)", id, g.null(g.key()), g.null(ts()), g.null(ts()), g.null(ts()),
		g.null(g.pick("'1 day'", "'2 hours'", "'1 mon -3 days'", "'00:00:01.5'")),
		g.null(g.pick(`'{"a": 1, "b": "x"}'`, `'{"a": 1.0, "c": [5]}'`, `'[1, 2]'`, `'null'`, `'"s"'`, `'{"b": null}'`)),
		g.null(g.pick("'{1,2,3}'", "'{}'", "'{3,NULL}'", "'{1}'")), g.null(g.pick("'{a,b}'", "'{}'", `'{"x y",NULL}'`)),
		g.null(g.pick(`'\x00'`, `'\xff01'`, `'\x'`)), g.null(g.word()))
}

func (g *changes) rowC() string {
	return fmt.Sprintf("(%s, %s, %s, %s, %s)", g.int(6), g.word(), g.null(g.int(5)), g.null(g.decimal()), g.pick("DEFAULT", "NULL", "'zz'", "'n'"))
}

func (g *changes) rowE(id string) string {
	return fmt.Sprintf("(%s, %s, %s, %s)", id, g.int(6), g.null(g.int(5)), g.null(g.word()))
}

// rows makes 1 to n distinct-looking rows; keys may repeat and then both sides fail.
func (g *changes) rows(n int, row func(string) string) string {
	var out []string
	first := g.rng.Intn(30)
	for k := range 1 + g.rng.Intn(n) {
		out = append(out, row(fmt.Sprint((first+k*7)%40)))
	}
	return strings.Join(out, ", ")
}

// statement makes one change and names its table.
func (g *changes) statement() (sql, table string) {
	switch g.rng.Intn(24) {
	case 0, 1, 2:
		return "INSERT INTO a VALUES " + g.rows(5, g.rowA) + " ON CONFLICT DO NOTHING", "a"
	case 3:
		return "INSERT INTO a VALUES " + g.rowA(g.key()) + " RETURNING id, i + 1, t", "a"
	case 4:
		return "INSERT INTO a VALUES " + g.rows(4, g.rowA) + " ON CONFLICT (id) DO UPDATE SET i = excluded.i, t = excluded.t, n = excluded.n RETURNING id, n", "a"
	case 5:
		return fmt.Sprintf("UPDATE a SET i = %s, bo = NOT bo WHERE id %% 4 = %s", g.null(g.int(5)), g.int(4)), "a"
	case 6:
		return fmt.Sprintf("UPDATE a SET n = n + 0.25, f = f * 2, s = s + 1, t = %s WHERE i = %s RETURNING id, n, s", g.null(g.word()), g.int(5)), "a"
	case 7:
		return fmt.Sprintf("DELETE FROM a WHERE id %% 7 = %s RETURNING id", g.int(7)), "a"
	case 8, 9, 10:
		return "INSERT INTO w VALUES " + g.rows(4, g.rowW) + " ON CONFLICT DO NOTHING", "w"
	case 11:
		return fmt.Sprintf("UPDATE w SET aid = %s, k = %s WHERE id %% 5 = %s", g.null(g.key()), g.null(g.word()), g.int(5)), "w"
	case 12:
		return fmt.Sprintf("DELETE FROM w WHERE aid = %s OR id = %s", g.key(), g.key()), "w"
	case 13, 14:
		return "INSERT INTO c VALUES " + g.rowC() + " ON CONFLICT (k1, k2) DO UPDATE SET q = c.q + excluded.q, p = excluded.p WHERE c.q IS NOT NULL", "c"
	case 15:
		return fmt.Sprintf("UPDATE c SET note = note || 'z', q = q + 1 WHERE k1 = %s RETURNING *", g.int(6)), "c"
	case 16:
		return fmt.Sprintf("DELETE FROM c WHERE k1 = %s AND k2 > %s", g.int(6), g.word()), "c"
	case 17, 18:
		return "INSERT INTO e VALUES " + g.rows(4, g.rowE) + " ON CONFLICT (id) DO NOTHING RETURNING id", "e"
	case 19:
		return fmt.Sprintf("INSERT INTO e SELECT id + 50, coalesce(i, 1), s, t FROM a WHERE id %% 3 = %s ON CONFLICT DO NOTHING", g.int(3)), "e"
	case 20:
		return fmt.Sprintf("UPDATE e SET x = x + 1, y = %s FROM c WHERE c.k1 = e.x AND c.k2 = %s", g.null(g.int(5)), g.word()), "e"
	case 21:
		return fmt.Sprintf("DELETE FROM e USING a WHERE a.id = e.id AND a.i = %s", g.int(5)), "e"
	case 22:
		return fmt.Sprintf("UPDATE e SET x = NULLIF(x, %s)", g.int(6)), "e"
	}
	return g.pick("DELETE FROM e", "DELETE FROM w WHERE k IS NULL", "UPDATE a SET id = id + 100 WHERE id = 3", "INSERT INTO e (id) VALUES (1)",
		"DELETE FROM c", "UPDATE a SET s = 1 / (i - i) WHERE id = "+g.key(), "DELETE FROM a WHERE bo"), "a"
}
