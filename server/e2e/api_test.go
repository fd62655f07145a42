package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/testkafka"
)

// shell runs lines of the guide, at this engine's address; what they print is
// given back without the last line end.
func (e *engine) shell(line string, env ...string) string {
	e.t.Helper()
	cmd := exec.Command("bash", "-o", "pipefail", "-c", strings.ReplaceAll(line, "http://localhost:8080", "http://"+e.api))
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		e.t.Fatalf("%s\n%v\n%s\n%s", line, err, out, e.log)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// The guide's 2.5, 6.3 and 8.2 with curl and jq, against a real Kafka: register
// and log in, make the test job, read it, pause, stop, and find all again.
func TestGuideOverHTTP(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"curl", "jq", "bash"} {
		need(t, tool)
	}
	addr := testkafka.Start(t)
	topic := testkafka.Topic(t, addr, 4)
	p := newProducer(t, addr, topic)
	p.lines(`{"id":1,"city":"Graz","temp":21.5}`, `{"id":2,"city":"Linz","temp":19}`)
	s := settings{dir: t.TempDir(), broker: addr, workers: 4, env: []string{
		"HELIOSDB_SECURITY_AUTHENTICATION_ENABLED=true", "JWT_SECRET=a secret of the test that is long enough",
	}}
	e := start(t, s)
	setup, err := os.ReadFile(filepath.Join(s.dir, "state", "setup-token"))
	if err != nil {
		t.Fatal(err)
	}

	// 6.3, with the setup token that our edition adds.
	e.shell(`curl -sf -X POST http://localhost:8080/api/v1/auth/register \
-H "Content-Type: application/json" \
-d '{
"username": "admin",
"password": "secure-password-here",
"roles": ["Admin"],
"setup_token": "` + strings.TrimSpace(string(setup)) + `"
}'`)
	token := e.shell(`curl -sf -X POST http://localhost:8080/api/v1/auth/login \
-H "Content-Type: application/json" \
-d '{
"username": "admin",
"password": "secure-password-here"
}' | jq -re .token`)

	// 2.5, as printed but for the token and the name of the topic.
	job := `curl -s -X POST http://localhost:8080/api/v1/jobs \
-H "Content-Type: application/json" \
-H "Authorization: Bearer $TOKEN" \
-d '{
"name": "test-job",
"source": "kafka",
"config": {
"topic": "` + topic + `",
"parallelism": 4
}
}' | jq -r .`
	tok := "TOKEN=" + token
	if id := e.shell(job+"id", tok); id == "null" {
		t.Fatalf("no job: %s", e.shell(job+"detail", tok))
	}
	if status := e.shell(job+"status", tok); status != "409" {
		t.Errorf("the same again: %s", status)
	}
	read := `curl -sf -X POST http://localhost:8080/api/v1/sql -H "Content-Type: application/json" -H "Authorization: Bearer $TOKEN" ` +
		`-d '{"sql":"SELECT id, city, temp FROM \"test-job\" ORDER BY id"}' | jq -c .rows`
	e.eventually("the job has its rows", func() (string, bool) {
		got := e.shell(read, tok)
		return got, got == `[[1,"Graz",21.5],[2,"Linz",19]]`
	})
	p.lines(`{"id":3,"city":"Wels","temp":null}`)
	e.eventually("the job goes on", func() (string, bool) {
		got := e.shell(read, tok)
		return got, strings.HasSuffix(got, `[3,"Wels",null]]`)
	})

	// 8.2: without a token it says what to do; with it, no job is active.
	hint := e.shell(`curl -s -X POST http://localhost:8080/api/v1/admin/pause | jq -r .hint`)
	hint = strings.NewReplacer("NAME", "admin", "PASSWORD", "secure-password-here").Replace(hint)
	if paused := e.shell(strings.TrimSpace(hint) + " | jq .paused"); !strings.HasSuffix(paused, "true") {
		t.Errorf("what the hint says: %s", paused)
	}
	active := `curl -sf http://localhost:8080/api/v1/jobs -H "Authorization: Bearer $TOKEN" | jq ".active_jobs"`
	if n := e.shell(active, tok); n != "0" {
		t.Errorf("%s jobs are active", n)
	}
	// 8.4: the id fits the savepoint's folder.
	id := e.shell(`SAVEPOINT_ID=$(curl -sf -X POST http://localhost:8080/api/v1/admin/savepoint -H "Authorization: Bearer $TOKEN" | jq -r '.id')
echo ${SAVEPOINT_ID}`, tok)
	if _, err := os.Stat(filepath.Join(s.dir, "state", "savepoint-"+id, "savepoint.json")); err != nil {
		t.Errorf("savepoint %s: %v", id, err)
	}
	list := e.shell(`curl -sf http://localhost:8080/api/v1/admin/savepoints -H "Authorization: Bearer $TOKEN" | jq -r '.savepoints[].id'`, tok)
	if list != id {
		t.Errorf("savepoints %q, want %q", list, id)
	}
	e.shell(`curl -sf -X DELETE http://localhost:8080/api/v1/admin/savepoints/savepoint-`+id+` -H "Authorization: Bearer $TOKEN"`, tok)
	e.stop()

	e = start(t, s)
	if n := e.shell(active, tok); n != "0" {
		t.Errorf("after a restart %s jobs are active", n)
	}
	p.lines(`{"id":4,"city":"Enns","temp":0.5}`)
	e.shell(`curl -sf -X POST http://localhost:8080/api/v1/admin/resume -H "Authorization: Bearer $TOKEN"`, tok)
	e.eventually("the job goes on after the restart", func() (string, bool) {
		got := e.shell(read, tok)
		return got, strings.HasSuffix(got, `[4,"Enns",0.5]]`) && strings.HasPrefix(got, `[[1,"Graz",21.5],`)
	})
	e.shell(`curl -sf -X DELETE http://localhost:8080/api/v1/jobs/test-job -H "Authorization: Bearer $TOKEN"`, tok)
	if total := e.shell(`curl -sf http://localhost:8080/api/v1/jobs -H "Authorization: Bearer $TOKEN" | jq .total`, tok); total != "0" {
		t.Errorf("%s jobs are left", total)
	}
	lines := e.shell(`curl -sf -X POST http://localhost:8080/api/v1/sql -H "Accept: application/x-ndjson" -H "Content-Type: application/json" `+
		`-H "Authorization: Bearer $TOKEN" -d '{"sql":"SELECT g, g % 3 = 0 FROM generate_series(1, 100000) AS g"}' | jq -c arrays | tail -1`, tok)
	if lines != "[100000,false]" {
		t.Errorf("last line %s", lines)
	}
	if n := strings.Count(e.scrape(), `heliosdb_http_requests_total{`); n == 0 {
		t.Error("no heliosdb_http_requests_total in the metrics")
	}
}
