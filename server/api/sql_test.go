package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// numbers makes a result of n rows in batches.
func numbers(n int, err error) *fakeRows {
	r := &fakeRows{cols: []Column{{"n", types.Int8}, {"s", types.Text}}, err: err}
	for i := 0; i < n; {
		b := delta.NewBatch([]types.Type{types.Int8, types.Text}, 0)
		for ; i < n && b.N < 1000; i++ {
			b.Cols[0].AppendInt(int64(i))
			b.Cols[1].AppendBytes([]byte("a \"text\"\n"))
			b.AppendWeight(1)
		}
		r.batches = append(r.batches, b)
	}
	return r
}

func TestResultAsJSON(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.b.rows = numbers(2, nil)
	r := h.do("POST", "/api/v1/sql", "viewer", `{"sql":"x","params":[1,null],"timeout_secs":1.5}`).is(t, 200)
	want := `{"columns":[{"name":"n","type":"bigint"},{"name":"s","type":"text"}],"rows":[[0,"a \"text\"\n"],[1,"a \"text\"\n"]],` +
		`"row_count":2,"truncated":false,"command":"SELECT","notices":[{"severity":"NOTICE","sqlstate":"00000","message":"a notice"}]}` + "\n"
	if string(r.body) != want {
		t.Errorf("got  %s\nwant %s", r.body, want)
	}
	if q := h.b.query; q.SQL != "x" || len(q.Params) != 2 || string(q.Params[1]) != "null" || q.Timeout.Seconds() != 1.5 {
		t.Errorf("query %+v", q)
	}
	if !h.b.rows.closed.Load() {
		t.Error("the rows were not closed")
	}
}

func TestResultAsLines(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for _, how := range []struct{ body, accept string }{{`{"sql":"x","format":"ndjson"}`, ""}, {`{"sql":"x"}`, "text/html, application/x-ndjson"},
		{`{"sql":"x","max_rows":4.0}`, "application/json;q=0.5, application/x-ndjson;q=0.9"}, {`{"sql":"x","max_rows":4e0}`, "application/json;q=0, application/x-ndjson;q=0.1"}} {
		h.b.rows = numbers(3, nil)
		r := h.do("POST", "/api/v1/sql", "viewer", how.body, "Accept", how.accept).is(t, 200)
		lines := strings.Split(strings.TrimSuffix(string(r.body), "\n"), "\n")
		if len(lines) != 5 || lines[1] != `[0,"a \"text\"\n"]` || !strings.HasPrefix(lines[0], `{"columns":[`) || !strings.HasPrefix(lines[4], `{"row_count":3,`) {
			t.Errorf("lines %q", lines)
		}
		if ct := r.Header.Get("Content-Type"); ct != "application/x-ndjson" {
			t.Errorf("Content-Type %q", ct)
		}
	}
	h.do("POST", "/api/v1/sql", "viewer", `{"sql":"x"}`, "Accept", "text/html").is(t, http.StatusNotAcceptable)
}

func TestResultIsCut(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for _, tt := range []struct {
		rows, most string
		n          int
		cut, stop  bool
	}{{"", "2", 5, true, true}, {"", "5", 5, false, false}, {"", "1000", 1500, true, true}, {"", "0", 3, false, false}} {
		h.b.rows = numbers(tt.n, nil)
		m := h.do("POST", "/api/v1/sql", "viewer", `{"sql":"x","max_rows":`+tt.most+`}`).is(t, 200).json(t)
		if m["truncated"] != tt.cut || h.b.rows.stopped.Load() != tt.stop {
			t.Errorf("%d rows, at most %s: truncated %v, stopped %v", tt.n, tt.most, m["truncated"], h.b.rows.stopped.Load())
		}
	}
}

// An error before anything was sent is a problem; after it, the answer says so
// and its end is missing.
func TestErrorsInResults(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	bad := pgerr.New(pgerr.DivisionByZero, "division by zero")
	h.b.rows = numbers(3, bad)
	if m := h.do("POST", "/api/v1/sql", "viewer", `{"sql":"x"}`).is(t, 400).json(t); m["sqlstate"] != "22012" {
		t.Errorf("%v", m)
	}
	for _, format := range []string{"json", "ndjson"} {
		h.b.rows = numbers(20_000, bad)
		req, _ := http.NewRequest("POST", h.srv.URL+"/api/v1/sql", strings.NewReader(`{"sql":"x","format":"`+format+`"}`))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer viewer")
		resp, err := h.srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err == nil {
			t.Errorf("%s: the body ends as if it were whole", format)
		}
		if resp.StatusCode != 200 || !bytes.Contains(body, []byte(`"sqlstate":"22012"`)) || bytes.Contains(body, []byte("row_count")) {
			t.Errorf("%s: %d …%s", format, resp.StatusCode, body[max(0, len(body)-300):])
		}
		if format == "json" && !json.Valid(body) {
			t.Errorf("the body is no JSON: …%s", body[max(0, len(body)-300):])
		}
		if !h.b.rows.closed.Load() {
			t.Error("the rows were not closed")
		}
	}
}

// waitingRows gives nothing until its context ends.
type waitingRows struct {
	fakeRows
	began, ended chan struct{}
}

func (r *waitingRows) Next(ctx context.Context) (*delta.Batch, error) {
	close(r.began)
	<-ctx.Done()
	close(r.ended)
	return nil, context.Cause(ctx)
}

type waitingBackend struct {
	fakeBackend
	waiting *waitingRows
}

func (b *waitingBackend) Query(context.Context, *Identity, Query) (Rows, error) {
	return b.waiting, nil
}

func TestStatementEndsWithItsClient(t *testing.T) {
	t.Parallel()
	b := &waitingBackend{waiting: &waitingRows{began: make(chan struct{}), ended: make(chan struct{})}}
	h := newHarness(t, func(o *Options) { o.Backend = b })
	ctx, cancel := context.WithCancel(context.Background())
	req, _ := http.NewRequestWithContext(ctx, "POST", h.srv.URL+"/api/v1/sql", strings.NewReader(`{"sql":"x"}`))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer viewer")
	done := make(chan struct{})
	go func() {
		defer close(done)
		if resp, err := h.srv.Client().Do(req); err == nil {
			_ = resp.Body.Close()
		}
	}()
	<-b.waiting.began
	cancel()
	<-b.waiting.ended
	<-done
}
