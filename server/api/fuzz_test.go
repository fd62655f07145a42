package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"pgregory.net/rapid"
)

// FuzzBodies sends any bytes as any operation's body: the answer is as the
// document says, never 5xx, and what the document refuses is refused.
func FuzzBodies(f *testing.F) {
	var ops []string
	for _, rt := range routes {
		if rt.Method != http.MethodGet {
			ops = append(ops, rt.Op)
		}
	}
	for i, op := range ops {
		f.Add(uint8(i), []byte(examples[op].body))
	}
	f.Add(uint8(slices.Index(ops, "createJob")), []byte(`{"name":"n","source":"kafka","config":{"topic":"t","columns":{"a":"int"},"retention":"1 day","start":"latest"}}`))
	f.Add(uint8(slices.Index(ops, "sql")), []byte(`{"sql":"SELECT $1","params":[1,"x",null,{"a":[]}],"max_rows":1,"timeout_secs":0.5,"format":"ndjson"}`))
	h := newHarness(f)
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		h.t = t
		h.send(ops[int(which)%len(ops)], string(body))
	})
}

// send sends a body to an operation, as admin, and judges the answer.
func (h *harness) send(op, body string) {
	h.t.Helper()
	h.b.mu.Lock()
	h.b.users, h.b.jobs, h.b.events = map[string]User{"x": {Username: "x", Roles: []string{}}}, []Job{{ID: "1", Name: "j", Kind: "sink", Status: "failed"}}, nil
	h.b.mu.Unlock()
	i := slices.IndexFunc(routes, func(rt route) bool { return rt.Op == op })
	rt := routes[i]
	r := h.do(rt.Method, basePath+examples[op].path, "admin", body)
	if r.StatusCode >= 500 {
		h.t.Fatalf("%s %q → %d %s", op, body, r.StatusCode, r.body)
	}
	if err := h.requestError(rt.Method, basePath+examples[op].path, body); err != nil && r.StatusCode < 400 {
		h.t.Fatalf("%s %q → %d, but the document says %v", op, body, r.StatusCode, err)
	}
}

// requestError is what the document has against a body. Without a body there is
// nothing to say of operations that take none.
func (h *harness) requestError(method, path, body string) error {
	req, _ := http.NewRequest(method, h.srv.URL+path, io.NopCloser(bytes.NewReader([]byte(body))))
	req.Header.Set("Content-Type", "application/json")
	route, params, err := h.router.FindRoute(req)
	if err != nil {
		return err
	}
	if route.Operation.RequestBody == nil || !route.Operation.RequestBody.Value.Required && len(bytes.TrimSpace([]byte(body))) == 0 {
		return nil
	}
	return openapi3filter.ValidateRequestBody(context.Background(), &openapi3filter.RequestValidationInput{
		Request: req, PathParams: params, Route: route,
	}, route.Operation.RequestBody.Value)
}

// TestBodiesOfTheDocument makes bodies by the document's schemas: what it
// describes is never called malformed, and a member more always is.
func TestBodiesOfTheDocument(t *testing.T) {
	t.Parallel()
	doc := loadDocument(t)
	h := newHarness(t)
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			if op.RequestBody == nil {
				continue
			}
			schema := op.RequestBody.Value.Content.Get("application/json").Schema.Value
			t.Run(op.OperationID, func(t *testing.T) {
				h.t = t
				rapid.Check(t, func(rt *rapid.T) {
					v, _ := drawValue(rt, schema, 0).(map[string]any)
					body, err := json.Marshal(v)
					if err != nil {
						rt.Fatal(err)
					}
					h.send(op.OperationID, string(body))
					v["zz-unknown"] = 1
					more, _ := json.Marshal(v)
					i := slices.IndexFunc(routes, func(rt route) bool { return rt.Op == op.OperationID })
					r := h.do(routes[i].Method, basePath+examples[op.OperationID].path, "admin", string(more))
					if r.StatusCode != 400 || !strings.Contains(string(r.body), "zz-unknown") {
						rt.Fatalf("%s → %d %s", more, r.StatusCode, r.body)
					}
				})
			})
		}
	}
}

// drawValue makes a value that a schema describes.
func drawValue(t *rapid.T, s *openapi3.Schema, depth int) any {
	if len(s.Enum) > 0 {
		return rapid.SampledFrom(s.Enum).Draw(t, "enum")
	}
	switch {
	case s.Type.Is("object") || s.Type == nil && len(s.Properties) > 0:
		m := map[string]any{}
		for name, p := range s.Properties {
			if slices.Contains(s.Required, name) || rapid.Bool().Draw(t, name) {
				m[name] = drawValue(t, p.Value, depth+1)
			}
		}
		if extra := s.AdditionalProperties.Schema; extra != nil {
			for range rapid.IntRange(0, 3).Draw(t, "extra") {
				m[rapid.StringMatching(`[a-z]{1,8}`).Draw(t, "key")] = drawValue(t, extra.Value, depth+1)
			}
		}
		return m
	case s.Type.Is("array"):
		list := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			list = append(list, drawValue(t, s.Items.Value, depth+1))
		}
		return list
	case s.Type.Is("string"):
		return rapid.StringN(int(s.MinLength), 20, 63).Draw(t, "string")
	case s.Type.Is("integer"):
		return rapid.IntRange(0, 1000).Draw(t, "integer")
	case s.Type.Is("number"):
		return rapid.Float64Range(0, 86400).Draw(t, "number")
	case s.Type.Is("boolean"):
		return rapid.Bool().Draw(t, "boolean")
	}
	return rapid.SampledFrom([]any{nil, 1, "x", true, []any{1}, map[string]any{"a": 1}}).Draw(t, "any")
}
