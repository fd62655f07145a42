package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/internal/testkafka"
)

// apiClient talks to a server's HTTP API.
type apiClient struct {
	t     testing.TB
	s     *Server
	url   string
	token string
}

// startAPI opens a server in memory with all its ports; broker "" is none.
func startAPI(t testing.TB, broker string, change ...func(*config.Config)) *apiClient {
	t.Helper()
	cfg := config.Default()
	cfg.Server.Port, cfg.Server.PgwirePort, cfg.Server.HealthCheckPort, cfg.Server.MetricsPort = 0, 0, 0, 0
	cfg.State.Backend = config.BackendMemory
	cfg.State.Path = t.TempDir()
	cfg.Streaming.CheckpointInterval = time.Hour
	cfg.Streaming.WatermarkInterval = 50 * time.Millisecond
	cfg.Streaming.MaxParallelism = 2
	cfg.Security.AuthenticationEnabled = false
	cfg.Security.RateLimitEnabled = false
	if broker != "" {
		cfg.Kafka.BootstrapServers = broker
	}
	for _, f := range change {
		f(cfg)
	}
	s, err := Open(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := l.Close(ctx); err != nil {
			t.Errorf("closing the ports: %v", err)
		}
		if used := s.budget.Used(); used != 0 {
			t.Errorf("%d bytes of memory are still reserved", used)
		}
		if n := len(s.sessions.all()); n != 0 {
			t.Errorf("%d sessions are still open", n)
		}
		if err := s.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return &apiClient{t: t, s: s, url: "http://" + l.API}
}

// call sends a request and gives status and answer.
func (c *apiClient) call(method, path string, body any) (int, map[string]any) {
	c.t.Helper()
	var in io.Reader
	switch body := body.(type) {
	case nil:
	case string:
		in = strings.NewReader(body)
	default:
		b, err := json.Marshal(body)
		if err != nil {
			c.t.Fatal(err)
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, c.url+path, in)
	if err != nil {
		c.t.Fatal(err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	var out map[string]any
	if len(b) > 0 {
		dec := json.NewDecoder(bytes.NewReader(b))
		dec.UseNumber()
		if err := dec.Decode(&out); err != nil {
			c.t.Fatalf("%s %s: %v in %s", method, path, err, b)
		}
	}
	return resp.StatusCode, out
}

// must is call with the status that is wanted.
func (c *apiClient) must(status int, method, path string, body any) map[string]any {
	c.t.Helper()
	got, out := c.call(method, path, body)
	if got != status {
		c.t.Fatalf("%s %s → %d, want %d: %v", method, path, got, status, out)
	}
	return out
}

// sql runs a statement and gives its rows as JSON.
func (c *apiClient) sql(text string, params ...any) string {
	c.t.Helper()
	body := map[string]any{"sql": text}
	if len(params) > 0 {
		body["params"] = params
	}
	return asJSON(c.t, c.must(http.StatusOK, "POST", "/api/v1/sql", body)["rows"])
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// becomes waits until a statement gives these rows.
func (c *apiClient) becomes(text, want string) {
	c.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		got := c.sql(text)
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("%s gives %s, want %s", text, got, want)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// produceJSON writes messages to a new topic.
func produceJSON(t testing.TB, addr string, messages ...string) (topic string) {
	t.Helper()
	topic = testkafka.Topic(t, addr, 2)
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for i, m := range messages {
		rec := &kgo.Record{Topic: topic, Key: fmt.Append(nil, "k", i), Value: []byte(m)}
		if err := cl.ProduceSync(context.Background(), rec).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	return topic
}

func TestAPISQL(t *testing.T) {
	t.Parallel()
	c := startAPI(t, "")
	for _, tt := range []struct {
		sql    string
		params []any
		want   string
	}{
		{"SELECT 1 AS a, 'x' AS b, NULL AS c", nil, `[[1,"x",null]]`},
		{"SELECT $1::int + 1, $2, $3::jsonb, $4::int[]", []any{41, "it's", map[string]any{"a": []int{1}}, []any{1, nil}}, `[[42,"it's",{"a":[1]},[1,null]]]`},
		{"SELECT 9007199254740993, 1.50::numeric, 'NaN'::float8, '-Infinity'::float8, 1e20::float8, '{a,\"b c\"}'::text[]", nil,
			`[[9007199254740993,1.50,"NaN","-Infinity",1e+20,["a","b c"]]]`},
		{"SELECT timestamptz '2024-05-01 12:00:00.5+00', timestamp '2024-05-01 12:00', date '2024-05-01', interval '1 day', '\\x00ff'::bytea, true", nil,
			`[["2024-05-01T12:00:00.5+00:00","2024-05-01T12:00:00","2024-05-01","1 day","\\x00ff",true]]`},
		{"SELECT timestamptz 'infinity', timestamp '0044-03-15 00:00:00 BC'", nil, `[["infinity","0044-03-15T00:00:00 BC"]]`},
		{"SELECT $1::timestamptz", []any{"2024-05-01T12:00:00Z"}, `[["2024-05-01T12:00:00+00:00"]]`},
		{"SELECT 1 WHERE false", nil, `[]`},
		{"VALUES (1), (1), (2)", nil, `[[1],[1],[2]]`},
		{"SHOW application_name", nil, `[["http-api"]]`},
	} {
		if got := c.sql(tt.sql, tt.params...); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.sql, got, tt.want)
		}
	}
}

func TestAPISQLChanges(t *testing.T) {
	t.Parallel()
	c := startAPI(t, "")
	if out := c.must(200, "POST", "/api/v1/sql", map[string]any{"sql": "CREATE TABLE t (a int PRIMARY KEY, b text)"}); out["command"] != "CREATE TABLE" {
		t.Errorf("%v", out)
	}
	out := c.must(200, "POST", "/api/v1/sql", map[string]any{"sql": "INSERT INTO t VALUES ($1, $2), (2, 'y')", "params": []any{"1", nil}})
	if out["command"] != "INSERT 0 2" || asJSON(t, out["rows"]) != "[]" {
		t.Errorf("%v", out)
	}
	if got := c.sql("SELECT * FROM t ORDER BY a"); got != `[[1,null],[2,"y"]]` {
		t.Errorf("rows %s", got)
	}
	out = c.must(200, "POST", "/api/v1/sql", map[string]any{"sql": "SELECT * FROM t ORDER BY a", "max_rows": 1})
	if asJSON(t, out["rows"]) != `[[1,null]]` || out["truncated"] != true || asJSON(t, out["row_count"]) != "1" {
		t.Errorf("%v", out)
	}
	out = c.must(200, "POST", "/api/v1/sql", map[string]any{"sql": "DROP TABLE IF EXISTS nothing"})
	if !strings.Contains(asJSON(t, out["notices"]), "does not exist, skipping") {
		t.Errorf("%v", out)
	}
	out = c.must(http.StatusConflict, "POST", "/api/v1/sql", map[string]any{"sql": "INSERT INTO t VALUES (1, 'again')"})
	if out["sqlstate"] != "23505" {
		t.Errorf("%v", out)
	}
}

func TestAPISQLErrors(t *testing.T) {
	t.Parallel()
	c := startAPI(t, "")
	for _, tt := range []struct {
		body     string
		status   int
		state    string
		position string
	}{
		{`{"sql":"SELEC 1"}`, 400, "42601", "1"},
		{`{"sql":"  SELECT nix"}`, 400, "42703", "10"},
		{`{"sql":"/* ä */ SELECT * FROM nix"}`, 400, "42P01", "23"},
		{`{"sql":"SELECT 1; SELECT 2"}`, 400, "42601", ""},
		{`{"sql":"BEGIN"}`, 400, "0A000", "1"},
		{`{"sql":"COPY (SELECT 1) TO STDOUT"}`, 400, "0A000", "1"},
		{`{"sql":"SELECT $1"}`, 400, "08P01", ""},
		{`{"sql":"SELECT $1::int","params":["x"]}`, 400, "22P02", ""},
		{`{"sql":"SELECT $1::int","params":[{}]}`, 400, "42804", ""},
		{`{"sql":"SELECT 1/0"}`, 400, "22012", ""},
		{`{"sql":"SELECT sum(a) FROM generate_series(1, 100000000) AS g(a), generate_series(1, 100000000)","timeout_secs":0.05}`, 504, "57014", ""},
	} {
		status, out := c.call("POST", "/api/v1/sql", tt.body)
		pos := ""
		if out["position"] != nil {
			pos = fmt.Sprint(out["position"])
		}
		if status != tt.status || out["sqlstate"] != tt.state || pos != tt.position {
			t.Errorf("%s → %d %v", tt.body, status, out)
		}
	}
}
