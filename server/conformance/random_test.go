package conformance

import (
	"flag"
	"math/rand"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"
)

var queriesFlag = flag.Int("conformance.queries", 400, "random queries in TestRandomQueries")

// loose matches queries whose answer PostgreSQL leaves open as far as the scale
// of equal numbers goes: which of 1.5 and 1.50 stands for a group.
var loose = regexp.MustCompile(`DISTINCT|GROUP BY|UNION|INTERSECT|EXCEPT|min\(|max\(|greatest|least|LIMIT|ORDER BY`)

// TestRandomQueries asks both sides the same random queries; accepted ones that
// a materialized view can hold are also read back from one.
func TestRandomQueries(t *testing.T) {
	t.Parallel()
	seed := newSeed(t)
	g := &generator{rng: rand.New(rand.NewSource(seed))}
	e, pg := startEngine(t, "", 2), startPostgres(t)
	both(t, e, pg, statements(t, "schema.sql"))
	features := map[string]int{}
	var accepted, failed, oneSided, asView int
	for range *queriesFlag {
		g.streamable = g.rng.Intn(2) == 0
		g.names = 0
		sql := g.query()
		got, want := run(t, e.conn, sql), run(t, pg, sql)
		switch {
		case want.err != nil && want.err.Code == "0A000":
			continue // such as FULL JOIN on a condition that PostgreSQL cannot hash
		case got.err != nil && got.err.Code == "0A000":
			features[got.err.Message]++
			continue
		case got.err != nil && want.err != nil:
			failed++
			if got.err.Code != want.err.Code && !(atRunTime(got) && atRunTime(want)) {
				t.Errorf("%s\n  %s", sql, compare(got, want, false))
			}
			continue
		case got.err != nil && atRunTime(got), want.err != nil && atRunTime(want):
			oneSided++ // the order of evaluation is nobody's promise
			if testing.Verbose() {
				t.Logf("one side fails: %s\n  %s", sql, compare(got, want, false))
			}
			continue
		}
		accepted++
		if d := compareLoosely(sql, got, want); d != "" {
			t.Errorf("%s\n  %s", sql, d)
			continue
		}
		if !g.streamable {
			continue
		}
		create := run(t, e.conn, "CREATE MATERIALIZED VIEW random AS "+sql)
		if create.err != nil {
			if create.err.Code == "0A000" {
				features["view: "+create.err.Message]++
			} else {
				t.Errorf("as a view: %s\n  %s", sql, create.failure())
			}
			continue
		}
		asView++
		view := run(t, e.conn, "SELECT * FROM random")
		if view.err != nil {
			t.Errorf("as a view: %s\n  %s", sql, view.failure())
		} else if d := compareLoosely(sql, result{columns: view.columns, rows: view.rows, tag: want.tag}, want); d != "" {
			t.Errorf("as a view: %s\n  %s", sql, d)
		}
		if r := run(t, e.conn, "DROP MATERIALIZED VIEW random"); r.err != nil {
			t.Fatal(r.failure())
		}
	}
	t.Logf("%d accepted (%d also as views), %d failed alike, %d on one side at run time", accepted, asView, failed, oneSided)
	var names []string
	for f := range features {
		names = append(names, f)
	}
	sort.Strings(names)
	for _, f := range names {
		t.Logf("0A000 %4d  %s", features[f], f)
	}
}

func atRunTime(r result) bool {
	return r.err != nil && (strings.HasPrefix(r.err.Code, "22") || r.err.Code == "21000")
}

// compareLoosely compares bags of rows, doubles to nine digits.
func compareLoosely(sql string, got, want result) string {
	if got.err != nil || want.err != nil {
		return compare(got, want, false)
	}
	scale := loose.MatchString(sql)
	return compare(normal(got, scale), normal(want, scale), false)
}

func normal(r result, scale bool) result {
	out := result{columns: r.columns, tag: r.tag}
	for _, row := range r.rows {
		c := strings.Split(row, "|")
		for i := range c {
			if len(c) != len(r.columns) {
				break
			}
			if strings.HasSuffix(r.columns[i], ":701") {
				if f, err := strconv.ParseFloat(c[i], 64); err == nil {
					c[i] = strconv.FormatFloat(f, 'g', 9, 64)
				}
			}
			if scale && strings.HasSuffix(r.columns[i], ":1700") && strings.Contains(c[i], ".") {
				c[i] = strings.TrimRight(strings.TrimRight(c[i], "0"), ".")
			}
		}
		out.rows = append(out.rows, strings.Join(c, "|"))
	}
	return out
}
