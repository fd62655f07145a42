package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestDocumentIsWhatIsServed compares the document with the table of routes, in
// both directions, and the permissions.
func TestDocumentIsWhatIsServed(t *testing.T) {
	t.Parallel()
	doc := loadDocument(t)
	served := map[string]*route{}
	for i := range routes {
		rt := &routes[i]
		served[rt.Method+" "+basePath+rt.Path] = rt
	}
	ops := map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			key := method + " " + path
			rt := served[key]
			if rt == nil {
				t.Errorf("the document has %s, which is not served", key)
				continue
			}
			delete(served, key)
			if op.OperationID != rt.Op || ops[rt.Op] {
				t.Errorf("%s: operationId %q, served as %q", key, op.OperationID, rt.Op)
			}
			ops[rt.Op] = true
			if p, _ := op.Extensions["x-permission"].(string); p != string(rt.Allow) {
				t.Errorf("%s: x-permission %q, but %q is what is needed", key, p, rt.Allow)
			}
			if open := op.Security != nil && len(*op.Security) == 0; open != (rt.Allow == Public && rt.Op != "register") {
				t.Errorf("%s: security in the document does not fit the permission %s", key, rt.Allow)
			}
			if op.Responses.Default() == nil {
				t.Errorf("%s: no default response", key)
			}
		}
	}
	for key := range served {
		t.Errorf("%s is served but not in the document", key)
	}
}

func TestProblemsAreExplained(t *testing.T) {
	t.Parallel()
	explained, _ := loadDocument(t).Extensions["x-problems"].(map[string]any)
	var names []string
	for k := range kinds {
		names = append(names, string(k))
	}
	slices.Sort(names)
	if have := slices.Sorted(maps.Keys(explained)); !slices.Equal(have, names) {
		t.Errorf("x-problems has %q, the server %q", have, names)
	}
	for _, k := range byState {
		if _, ok := kinds[k]; !ok {
			t.Errorf("no kind %q", k)
		}
	}
}

func TestKindsOfSQLStates(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]Kind{
		"42601": StatementError, "42P01": StatementError, "42501": Forbidden, "42P07": Conflict, "28P01": Unauthorized,
		"23505": Conflict, "23502": StatementError, "40001": Conflict, "53200": Unavailable, "55000": Conflict,
		"57014": TimedOut, "57P01": Unavailable, "XX000": InternalError, "08006": Unavailable, "zz": InternalError, "ZZ999": InternalError,
	} {
		if k := kindOf(state); k != want {
			t.Errorf("%s is %s, want %s", state, k, want)
		}
	}
}

func TestDocumentIsServed(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	r := h.do("GET", "/api/v1/openapi.json", "", "").is(t, http.StatusOK)
	var doc struct {
		OpenAPI string         `json:"openapi"`
		Paths   map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(r.body, &doc); err != nil || !strings.HasPrefix(doc.OpenAPI, "3.1") || len(doc.Paths) < 20 {
		t.Errorf("%v: OpenAPI %q with %d paths", err, doc.OpenAPI, len(doc.Paths))
	}
}
