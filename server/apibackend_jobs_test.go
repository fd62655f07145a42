package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/testkafka"
)

func TestAPIJobOnTopic(t *testing.T) {
	t.Parallel()
	addr := testkafka.Fake(t)
	c := startAPI(t, addr)
	topic := produceJSON(t, addr, `{"id":1,"price":1.5,"who":"a"}`, `{"id":2,"price":2,"who":null,"more":{"x":[1]}}`)
	out := c.must(http.StatusCreated, "POST", "/api/v1/jobs",
		fmt.Sprintf(`{"name":"test-job","source":"kafka","config":{"topic":%q,"parallelism":4}}`, topic)) // of 2
	if out["name"] != "test-job" || out["source"] != "test-job_source" || out["topic"] != topic || fmt.Sprint(out["parallelism"]) != "2" || out["retention"] != "24 hours" {
		t.Errorf("job %v", out)
	}
	if notes := asJSON(t, out["notices"]); !strings.Contains(notes, "parallelism 4 is more than") {
		t.Error(notes)
	}
	c.becomes(`SELECT id, price, who, more FROM "test-job" ORDER BY id`, `[[1,1.5,"a",null],[2,2,null,{"x":[1]}]]`)
	if got := c.sql(`SELECT count(*) FROM "test-job" WHERE _timestamp > now() - INTERVAL '1 hour' AND _offset >= 0 AND _partition < 2`); got != `[[2]]` {
		t.Errorf("metadata %s", got)
	}
	id := out["id"]
	out = c.must(http.StatusConflict, "POST", "/api/v1/jobs", fmt.Sprintf(`{"name":"test-job","source":"kafka","config":{"topic":%q}}`, topic))
	if out["id"] != id || out["sqlstate"] != "42P07" {
		t.Errorf("a taken name: %v, want id %v", out, id)
	}
	d := c.must(200, "GET", "/api/v1/jobs/test-job", nil)
	if len(d["plan"].([]any)) < 2 || len(d["columns"].([]any)) != 7 || len(d["sources"].([]any)) != 1 || d["id"] != id {
		t.Errorf("detail %v", d)
	}
	var names []string
	for _, col := range d["columns"].([]any) {
		names = append(names, col.(map[string]any)["name"].(string))
	}
	if got := strings.Join(names, " "); got != "id price who more _partition _offset _timestamp" {
		t.Errorf("the columns are not in the messages' order: %s", got)
	}
	if byID := c.must(200, "GET", "/api/v1/jobs/"+id.(string), nil); byID["name"] != "test-job" {
		t.Errorf("by id %v", byID)
	}
	list := c.must(200, "GET", "/api/v1/jobs", nil)
	if asJSON(t, []any{list["active_jobs"], list["total"]}) != "[1,1]" {
		t.Errorf("list %v", list)
	}
	c.must(200, "POST", "/api/v1/jobs/test-job/pause", nil)
	if out := c.must(200, "GET", "/api/v1/jobs", nil); fmt.Sprint(out["active_jobs"]) != "0" {
		t.Errorf("paused %v", out)
	}
	c.must(200, "POST", "/api/v1/jobs/test-job/resume", nil)
	c.must(200, "DELETE", "/api/v1/jobs/test-job", nil)
	c.must(404, "GET", "/api/v1/jobs/test-job", nil)
	if got := c.sql("SHOW SOURCES"); got != "[]" {
		t.Errorf("the source is still there: %s", got)
	}
}

// TestBrokersWithBlanks: a list is as good with blanks beside its commas.
func TestBrokersWithBlanks(t *testing.T) {
	t.Parallel()
	addr := testkafka.Fake(t)
	c := startAPI(t, " "+addr+" , "+addr+" ")
	topic := produceJSON(t, addr, `{"a":1}`)
	c.must(http.StatusCreated, "POST", "/api/v1/jobs", fmt.Sprintf(`{"name":"j","source":"kafka","config":{"topic":%q}}`, topic))
	c.becomes("SELECT a FROM j", "[[1]]")
}

func TestAPIJobPayload(t *testing.T) {
	t.Parallel()
	addr := testkafka.Fake(t)
	c := startAPI(t, addr)
	topic := produceJSON(t, addr, `[1,2]`, `{"a":1}`)
	out := c.must(http.StatusCreated, "POST", "/api/v1/jobs", fmt.Sprintf(`{"name":"p","source":"kafka","config":{"topic":%q,"retention":"1 day 12:00"}}`, topic))
	if !strings.Contains(asJSON(t, out["notices"]), "payload") {
		t.Errorf("job %v", out)
	}
	c.becomes(`SELECT payload, key FROM p ORDER BY key`, `[[[1,2],"\\x6b30"],[{"a":1},"\\x6b31"]]`)
	if got := c.sql(`SELECT count(*) FROM p WHERE "timestamp" <= now() AND "partition" >= 0 AND "offset" >= 0`); got != `[[2]]` {
		t.Errorf("metadata %s", got)
	}
}

func TestAPIJobColumns(t *testing.T) {
	t.Parallel()
	addr := testkafka.Fake(t)
	c := startAPI(t, addr)
	topic := produceJSON(t, addr, `{"at":"2001-01-01T00:00:00Z","v":1}`, `{"at":"2100-01-01T00:00:00Z","v":2}`)
	c.must(http.StatusCreated, "POST", "/api/v1/jobs",
		fmt.Sprintf(`{"name":"cols","source":"kafka","config":{"topic":%q,"columns":{"v":"smallint","at":"timestamptz(3)"},"event_time":"at","start":"earliest"}}`, topic))
	c.becomes(`SELECT v FROM cols`, `[[2]]`) // the other is older than the retention
	if got := c.sql(`SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'cols' ORDER BY ordinal_position LIMIT 2`); got != `[["v","smallint"],["at","timestamp with time zone"]]` {
		t.Errorf("columns %s", got)
	}
}

func TestAPIJobOfSQL(t *testing.T) {
	t.Parallel()
	c := startAPI(t, "")
	c.sql("CREATE TABLE t (a int PRIMARY KEY)")
	c.sql("INSERT INTO t VALUES (1), (2)")
	out := c.must(http.StatusCreated, "POST", "/api/v1/jobs", `{"name":"Twice","sql":"SELECT a * 2 AS b FROM t -- twice"}`)
	if out["kind"] != "materialized view" {
		t.Errorf("%v", out)
	}
	if got := c.sql(`SELECT * FROM "Twice" ORDER BY b`); got != `[[2],[4]]` {
		t.Errorf("rows %s", got)
	}
	out = c.must(http.StatusCreated, "POST", "/api/v1/jobs", `{"sql":"CREATE MATERIALIZED VIEW w AS SELECT count(*) FROM t;"}`)
	if out["name"] != "w" {
		t.Errorf("%v", out)
	}
	for _, tt := range []struct {
		body, state string
		status      int
		position    string
	}{
		{`{"name":"x","sql":"SELECT nix FROM t"}`, "42703", 400, "8"},
		{`{"name":"x","sql":"SELECT a FROM t WHERE"}`, "42601", 400, ""},
		{`{"name":"x","sql":"DROP TABLE t"}`, "0A000", 400, ""},
		{`{"name":"x","sql":"SELECT 1; DROP TABLE t"}`, "42601", 400, ""},
		{`{"name":"x","sql":"CREATE MATERIALIZED VIEW y AS SELECT 1"}`, "", 400, ""},
		{`{"name":"x","sql":"CREATE VIEW x AS SELECT 1"}`, "0A000", 400, ""},
		{`{"name":"w","sql":"SELECT 1"}`, "42P07", 409, ""},
		{`{"name":"t","sql":"SELECT 1"}`, "42P07", 409, ""},
		{`{"sql":"SELECT 1"}`, "", 400, ""},
	} {
		status, out := c.call("POST", "/api/v1/jobs", tt.body)
		state, _ := out["sqlstate"].(string)
		if status != tt.status || state != tt.state || tt.position != "" && fmt.Sprint(out["position"]) != tt.position {
			t.Errorf("%s → %d %v", tt.body, status, out)
		}
	}
	if got := asJSON(t, c.must(200, "GET", "/api/v1/jobs", nil)["total"]); got != "2" {
		t.Errorf("%s jobs", got)
	}
}

// What cannot be made leaves nothing behind.
func TestAPIJobAllOrNothing(t *testing.T) {
	t.Parallel()
	addr := testkafka.Fake(t)
	c := startAPI(t, addr)
	topic := produceJSON(t, addr, `{"a":1}`)
	job := func(config string) string {
		return fmt.Sprintf(`{"name":"j","source":"kafka","config":{"topic":%q,%s}}`, topic, config)
	}
	for _, body := range []string{
		job(`"columns":{"a":"bigint"},"event_time":"a"`),
		job(`"event_time":"b"`),
		job(`"columns":{"a":"nosuchtype"}`),
		job(`"columns":{"a":"bigint) WITH (connector='kafka', topic='x') --"}`),
		job(`"columns":{"a":"bigint, b text"}`),
		job(`"columns":{"a":"bigint PRIMARY KEY"}`),
		job(`"columns":{"_offset":"bigint"}`),
		job(`"columns":{"a":7}`),
		job(`"columns":{"a":"int","a":"int"}`),
		job(`"parallelism":-3`),
		`{"name":"17","source":"kafka","config":{"topic":"x"}}`,
		`{"name":"j","source":"kafka","config":{"topic":"../x"}}`,
		job(`"retention":"soon"`),
		job(`"retention":"-1 day"`),
		job(`"retention":"1 day'; DROP TABLE t; --"`),
		job(`"start":"middle"`),
		job(`"format":"avro"`),
		`{"name":"j","source":"pulsar","config":{"topic":"x"}}`,
		`{"name":"` + strings.Repeat("n", 60) + `","source":"kafka","config":{"topic":"x"}}`,
	} {
		if status, out := c.call("POST", "/api/v1/jobs", body); status != 400 {
			t.Errorf("%s → %d %v", body, status, out)
		}
	}
	c.sql(`CREATE TABLE j_source (a int)`)
	if status, out := c.call("POST", "/api/v1/jobs", job(`"parallelism":1`)); status != 409 {
		t.Errorf("the source's name is taken → %d %v", status, out)
	}
	if got := c.sql("SHOW SOURCES") + c.sql("SHOW MATERIALIZED VIEWS"); got != "[][]" {
		t.Errorf("left behind: %s", got)
	}
	if n := len(c.s.specs); n != 0 {
		t.Errorf("%d connectors left", n)
	}
}

func TestAPIJobWithoutTopicOrBroker(t *testing.T) {
	t.Parallel()
	addr := testkafka.Fake(t)
	c := startAPI(t, addr)
	out := c.must(http.StatusCreated, "POST", "/api/v1/jobs", `{"name":"early","source":"kafka","config":{"topic":"not-yet"}}`)
	if !strings.Contains(asJSON(t, out["notices"]), "no JSON messages yet") {
		t.Errorf("%v", out)
	}
	away := startAPI(t, "127.0.0.1:1")
	if status, out := away.call("POST", "/api/v1/jobs", `{"name":"x","source":"kafka","config":{"topic":"t"}}`); status != 503 || out["sqlstate"] != "08006" {
		t.Errorf("no broker → %d %v", status, out)
	}
}

func TestAPIAdmin(t *testing.T) {
	t.Parallel()
	c := startAPI(t, "")
	c.sql("CREATE TABLE t (a int)")
	c.sql("CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM t")
	if out := c.must(200, "POST", "/api/v1/admin/pause", nil); out["paused"] != true || fmt.Sprint(out["active_jobs"]) != "0" {
		t.Errorf("%v", out)
	}
	if out := c.must(409, "POST", "/api/v1/jobs", `{"name":"w","sql":"SELECT 1"}`); out["sqlstate"] != "55000" {
		t.Errorf("%v", out)
	}
	if out := c.must(200, "POST", "/api/v1/admin/resume", nil); out["paused"] != false || fmt.Sprint(out["active_jobs"]) != "1" {
		t.Errorf("%v", out)
	}
	first := c.must(200, "POST", "/api/v1/admin/checkpoint", nil)
	if st := c.must(200, "GET", "/api/v1/admin/status", nil); asJSON(t, st["checkpoint"]) != asJSON(t, first) || st["version"] != Version {
		t.Errorf("status %v after %v", st, first)
	}
	if out := c.must(404, "DELETE", "/api/v1/admin/savepoints/12345", nil); out["sqlstate"] != "42704" {
		t.Errorf("%v", out)
	}
	conf := asJSON(t, c.must(200, "GET", "/api/v1/admin/config", nil))
	if !strings.Contains(conf, `"streaming.max_parallelism"`) {
		t.Errorf("config %s", conf)
	}
}
