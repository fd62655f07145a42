package planner

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/planner/plan"
	"github.com/heliosdb/heliosdb-streaming/sql/ast"
	"github.com/heliosdb/heliosdb-streaming/sql/catalog"
	"github.com/heliosdb/heliosdb-streaming/sql/parse"
)

// keptPlans are queries whose plans together hold every operator that can be
// stored. Their plans of format version 1 are kept in testdata/codec as they
// were first written and are never rewritten: a later program must read them.
var keptPlans = []struct{ name, query string }{
	{"filter", "SELECT id, upper(kind) AS k FROM ev WHERE v > 10 AND kind LIKE 'a%'"},
	{"aggregate", "SELECT kind, count(*), sum(v) FILTER (WHERE v > 0), count(DISTINCT id), string_agg(kind, ',' ORDER BY v DESC) FROM ev GROUP BY kind"},
	{"scalar", "SELECT count(*), min(at) FROM ev"},
	{"hop", "SELECT window_start, kind, count(*), avg(v) FROM HOP(ev, at, INTERVAL '15 s', INTERVAL '1 minute') GROUP BY window_start, kind"},
	{"close", "SELECT window_end, count(*) FROM TUMBLE(ev, at, INTERVAL '1 minute') GROUP BY window_end EMIT ON WINDOW CLOSE"},
	{"buffer", "SELECT id, at FROM ev UNION ALL SELECT id, at FROM other EMIT ON WINDOW CLOSE"},
	{"join", "SELECT e.id, o.w, d.label FROM ev e LEFT JOIN other o ON e.id = o.id AND e.v < o.w JOIN dim d ON d.id IS NOT DISTINCT FROM e.id"},
	{"topn", "SELECT * FROM (SELECT id, v, row_number() OVER (PARTITION BY kind ORDER BY v DESC NULLS LAST) AS rn FROM ev) t WHERE rn <= 3"},
	{"values", "SELECT * FROM (VALUES (1, 'a'), (2, NULL)) AS x(n, s)"},
	{"exprs", "SELECT CASE WHEN v > 1 THEN 'x' ELSE kind END AS c, coalesce(v, 0) AS d, v IN (1, 2, 3) AS i, ARRAY[v, 1] AS a, NOT (v IS NULL OR v = 1) AS n FROM ev"},
}

func codecCatalog(t *testing.T) *testCatalog {
	c := newTestCatalog()
	stmts, err := parse.Parse(`
		CREATE SOURCE ev (id bigint, kind text, at timestamptz, v int, WATERMARK FOR at AS at - INTERVAL '5 seconds') WITH (connector='kafka', topic='ev') FORMAT PLAIN ENCODE JSON;
		CREATE SOURCE other (id bigint, at timestamptz, w int, WATERMARK FOR at AS at - INTERVAL '1 minute') WITH (connector='kafka', topic='o') FORMAT PLAIN ENCODE JSON;
		CREATE TABLE dim (id bigint PRIMARY KEY, label text)`)
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range stmts {
		if err := c.apply(st.AST); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func TestStoredPlansOfVersion1(t *testing.T) {
	c := codecCatalog(t)
	for _, k := range keptPlans {
		t.Run(k.name, func(t *testing.T) {
			stmts, err := parse.Parse(k.query)
			if err != nil {
				t.Fatal(err)
			}
			o := options(Continuous)
			o.NextID = c.nextID
			r, err := Query(o, stmts[0].AST.(*ast.SelectStmt).Query, c)
			if err != nil {
				t.Fatal(err)
			}
			var top plan.Node = Materialize(o, r.Root, c.newRelation(k.name))
			if k.name == "filter" {
				top = SinkPlan(o, r.Root, &catalog.Relation{OID: 20000, Name: k.name, Options: map[string]string{"connector": "blackhole"}})
			}
			now := roundTrip(t, top)
			checkKept(t, k.name, now, top)
		})
	}
}

// roundTrip encodes and decodes n and returns the encoding.
func roundTrip(t *testing.T, n plan.Node) []byte {
	t.Helper()
	b, err := plan.Encode(n)
	if err != nil {
		t.Fatal(err)
	}
	back, err := plan.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	again, err := plan.Encode(back)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, again) {
		t.Fatalf("encoding changes:\n%s\n%s", b, again)
	}
	return b
}

// checkKept reads the kept file of version 1 and compares its EXPLAIN with the
// one written beside it; a file that is missing is made.
func checkKept(t *testing.T, name string, now []byte, n plan.Node) {
	t.Helper()
	file := filepath.Join("testdata/codec", "v1-"+name)
	kept, err := os.ReadFile(file + ".json")
	if os.IsNotExist(err) && plan.FormatVersion == 1 && *rewrite {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, now, "", " "); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file+".json", pretty.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file+".txt", []byte(strings.Join(plan.Explain(n), "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	old, err := plan.Decode(kept)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(file + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(plan.Explain(old), "\n") + "\n"; got != string(want) {
		t.Errorf("the kept plan reads differently: %s", firstDifference(string(want), got))
	}
}

func TestDecodeRefuses(t *testing.T) {
	scan := `{"op":"scan","props":{"id":1,"cols":[{"name":"a","type":{"oid":23,"mod":-1}}],"key":null,"state":{"kind":"none"}},"node":{"rel":1,"name":"t","kind":1,"take":[0]}}`
	doc := func(root string) string { return `{"version":1,"root":` + root + `}` }
	for _, c := range []struct{ name, doc, code, says string }{
		{"newer", `{"version":2,"root":` + scan + `}`, pgerr.FeatureNotSupported, "format version 2"},
		{"no version", `{"root":` + scan + `}`, pgerr.DataCorrupted, "no format version"},
		{"not json", `{"version":1,`, pgerr.DataCorrupted, "stored plan"},
		{"operator", doc(`{"op":"teleport","props":{}}`), pgerr.FeatureNotSupported, "teleport"},
		{"inputs", doc(`{"op":"filter","props":{}}`), pgerr.DataCorrupted, "0 inputs"},
		{"no condition", doc(`{"op":"filter","props":{},"in":[` + scan + `]}`), pgerr.DataCorrupted, "condition"},
		{"column", doc(`{"op":"exchange","props":{},"node":{"keys":[3]},"in":[` + scan + `]}`), pgerr.DataCorrupted, "not there"},
		{"aggregate", doc(`{"op":"aggregate","props":{},"node":{"group":[],"aggs":[{"fn":"guess(int4)","filter":-1}],"window":-1},"in":[` + scan + `]}`),
			pgerr.FeatureNotSupported, "guess"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := plan.Decode([]byte(c.doc))
			if !pgerr.Is(err, c.code) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %s … %s", err, c.code, c.says)
			}
		})
	}
}

// FuzzDecode: whatever the bytes, Decode gives an error or a plan that can be
// encoded, walked and explained.
func FuzzDecode(f *testing.F) {
	files, _ := filepath.Glob("testdata/codec/*.json")
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := plan.Decode(b)
		if err != nil {
			return
		}
		plan.Explain(n)
		if _, err := plan.Encode(n); err != nil {
			t.Fatal(err)
		}
	})
}
