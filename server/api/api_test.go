package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// examples are a request for each operation that the fake backend can answer.
var examples = map[string]struct {
	path, body string
	status     int
}{
	"openapi":         {"/openapi.json", "", 200},
	"register":        {"/auth/register", `{"username":"u","password":"p","roles":["Admin"]}`, 201},
	"login":           {"/auth/login", `{"username":"u","password":"right"}`, 200},
	"refresh":         {"/auth/refresh", "", 200},
	"logout":          {"/auth/logout", "", 204},
	"me":              {"/auth/me", "", 200},
	"listUsers":       {"/auth/users", "", 200},
	"createUser":      {"/auth/users", `{"username":"u","password":"p","enabled":false}`, 201},
	"getUser":         {"/auth/users/x", "", 200},
	"updateUser":      {"/auth/users/x", `{"enabled":false,"roles":[]}`, 200},
	"deleteUser":      {"/auth/users/x", "", 204},
	"listJobs":        {"/jobs?limit=1&status=running&name=j", "", 200},
	"createJob":       {"/jobs", `{"name":"n","source":"kafka","config":{"topic":"t","parallelism":4}}`, 201},
	"getJob":          {"/jobs/j", "", 200},
	"deleteJob":       {"/jobs/j", "", 200},
	"cancelJob":       {"/jobs/j/cancel", "", 200},
	"pauseJob":        {"/jobs/j/pause", "", 200},
	"resumeJob":       {"/jobs/j/resume", "", 200},
	"pause":           {"/admin/pause", "", 200},
	"resume":          {"/admin/resume", "", 200},
	"status":          {"/admin/status", "", 200},
	"createSavepoint": {"/admin/savepoint", "", 201},
	"listSavepoints":  {"/admin/savepoints", "", 200},
	"deleteSavepoint": {"/admin/savepoints/7", "", 204},
	"checkpoint":      {"/admin/checkpoint", "", 200},
	"config":          {"/admin/config", "", 200},

	"encryptionKeys":      {"/admin/encryption/keys", "", 200},
	"rotateEncryptionKey": {"/admin/encryption/rotate", "", 200},

	"reload":        {"/admin/reload", "", 200},
	"supportBundle": {"/admin/support-bundle", "", 200},
	"sql":           {"/sql", `{"sql":"SELECT 1"}`, 200},
}

// TestPermissions asks every route as everybody: who may gets the answer that
// the document describes, who may not gets 401 or 403.
func TestPermissions(t *testing.T) {
	t.Parallel()
	for _, rt := range routes {
		ex, ok := examples[rt.Op]
		if !ok {
			t.Errorf("no example of %s", rt.Op)
			continue
		}
		for _, user := range []string{"", "stranger", "nobody", "viewer", "operator", "admin"} {
			h := newHarness(t)
			h.b.users["x"] = User{Username: "x", Roles: []string{}}
			h.b.jobs = []Job{{ID: "1", Name: "j", Kind: "sink", Status: "paused"}}
			want := ex.status
			perms, known := fakeUsers[user]
			switch {
			case rt.Op == "register" && user != "admin":
				want = 403 // there is a user already, and no setup token
				if user == "stranger" {
					want = 401
				}
			case rt.Allow == Public:
			case !known:
				want = 401
			case rt.Allow != Authenticated && !(&Identity{Permissions: perms}).Can(rt.Allow):
				want = 403
			}
			r := h.do(rt.Method, basePath+ex.path, user, ex.body)
			if r.StatusCode != want {
				t.Errorf("%s as %q → %d, want %d: %s", rt.Op, user, r.StatusCode, want, r.body)
			}
			if want == 401 && (r.Header.Get("WWW-Authenticate") == "" || !strings.Contains(string(r.body), "Authorization: Bearer")) {
				t.Errorf("%s: 401 does not say what to do: %s", rt.Op, r.body)
			}
		}
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	h := newHarness(t, func(o *Options) { o.TLS = true })
	r := h.do("GET", "/api/v1/jobs", "viewer", "", "X-Request-Id", "abc-1")
	for name, want := range map[string]string{
		"X-Request-Id": "abc-1", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
		"Strict-Transport-Security": "max-age=31536000", "Access-Control-Allow-Origin": "", "Content-Type": "application/json",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	r = h.do("GET", "/api/v1/jobs", "viewer", "", "X-Request-Id", "a\tb")
	if id := r.Header.Get("X-Request-Id"); len(id) != 24 {
		t.Errorf("a bad request id was kept: %q", id)
	}
	if r := h.do("HEAD", "/api/v1/jobs", "", ""); r.StatusCode != 401 || len(r.body) != 0 {
		t.Errorf("HEAD → %d %s", r.StatusCode, r.body)
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	long := strings.Repeat("x", MaxBody)
	for _, tt := range []struct {
		method, path, body, contentType string
		status                          int
		says                            string
	}{
		{"GET", "/nowhere", "", "", 404, "openapi.json"},
		{"GET", "/api/v1/nowhere", "", "", 404, ""},
		{"PUT", "/api/v1/jobs", "", "", 405, "GET, HEAD, POST"},
		{"GET", "/api/v1/jobs?limit=0", "", "", 400, "1 to 1000"},
		{"GET", "/api/v1/jobs?limit=x", "", "", 400, ""},
		{"GET", "/api/v1/jobs?nope=1", "", "", 400, "status, name"},
		{"GET", "/api/v1/jobs?name=1&name=2", "", "", 400, "more than once"},
		{"GET", "/api/v1/jobs?cursor=!", "", "", 400, "cursor"},
		{"GET", "/api/v1/jobs?name=%zz", "", "", 400, "malformed"},
		{"POST", "/api/v1/jobs", "", "", 400, "empty"},
		{"POST", "/api/v1/jobs", "{", "", 400, "byte"},
		{"POST", "/api/v1/jobs", `{"name":1}`, "", 400, "name"},
		{"POST", "/api/v1/jobs", `{"name":null}`, "", 400, "name is null"},
		{"POST", "/api/v1/jobs", `[]`, "", 400, "not an object"},
		{"POST", "/api/v1/jobs", `{"Name":"x"}`, "", 400, "no member"},
		{"POST", "/api/v1/jobs", `{"name":"x"} {}`, "", 400, ""},
		{"POST", "/api/v1/jobs", "{\"name\":\"\xff\"}", "", 400, "UTF-8"},
		{"POST", "/api/v1/sql", `{"sql":"\ud83d x"}`, "", 400, "half a surrogate pair, which is no character, at byte 9"},
		{"POST", "/api/v1/sql", `{"sql":"\\\udE00"}`, "", 400, "half a surrogate pair"},
		{"POST", "/api/v1/sql", `{"sql":" ","format":"\ud83d\uDE00 \\ud83d"}`, "", 400, "sql is missing"},
		{"POST", "/api/v1/jobs", `{"name":"x"}`, "text/plain", 415, "Content-Type"},
		{"POST", "/api/v1/jobs", `{"name":"x"}`, "", 400, "source is missing"},
		{"POST", "/api/v1/jobs", `{"name":"x","source":"kafka"}`, "", 400, "config"},
		{"POST", "/api/v1/jobs", `{"name":"x","source":"kafka","config":{}}`, "", 400, "topic"},
		{"POST", "/api/v1/jobs", `{"name":"x","source":"kafka","config":{"topic":"t","nope":1}}`, "", 400, "config has no member"},
		{"POST", "/api/v1/jobs", `{"name":"x","source":"kafka","config":{"topic":"t","parallelism":1.5}}`, "", 400, "config.parallelism: a JSON number 1.5 is not"},
		{"POST", "/api/v1/jobs", `{"name":"x","source":"kafka","config":{"topic":"t","parallelism":"4"}}`, "", 400, "config.parallelism: a JSON string is not"},
		{"POST", "/api/v1/jobs", `{"name":"x","source":"kafka","config":{"topic":"t","parallelism":1e400}}`, "", 400, "parallelism"},
		{"POST", "/api/v1/jobs", `{"name":"x","source":"kafka","config":{"topic":"t","parallelism":-4.0}}`, "", 400, "parallelism is negative"},
		{"POST", "/api/v1/jobs", `{"name":"x","sql":"SELECT 1","source":"kafka"}`, "", 400, "not both"},
		{"POST", "/api/v1/jobs", `{"name":"x","sql":"` + long + `"}`, "", 413, "1048576"},
		{"POST", "/api/v1/auth/login", `{"username":"x","password":"` + long[:MaxPublicBody] + `"}`, "", 413, "16384"},
		{"POST", "/api/v1/auth/login", `{"username":"x"}`, "", 400, "password is missing"},
		{"POST", "/api/v1/auth/login", `{"username":"x","password":"wrong"}`, "", 401, "28P01"},
		{"POST", "/api/v1/auth/users", `{"username":"x","password":"p","setup_token":"s"}`, "", 400, "register"},
		{"PATCH", "/api/v1/auth/users/x", `{}`, "", 400, "nothing to change"},
		{"GET", "/api/v1/auth/users/x", "", "", 404, ""},
		{"POST", "/api/v1/sql", `{"sql":" "}`, "", 400, "sql is missing"},
		{"POST", "/api/v1/sql", `{"sql":"x","timeout_secs":-1}`, "", 400, "timeout_secs"},
		{"POST", "/api/v1/sql", `{"sql":"x","format":"xml"}`, "", 400, "ndjson"},
		{"POST", "/api/v1/sql", `{"sql":"x","params":{}}`, "", 400, "params is not an array"},
		{"DELETE", "/api/v1/admin/savepoints/8", "", "", 404, ""},
	} {
		var headers []string
		if tt.contentType != "" {
			headers = []string{"Content-Type", tt.contentType}
		}
		r := h.do(tt.method, tt.path, "admin", tt.body, headers...)
		if tt.status == 405 {
			if got := r.Header.Get("Allow"); got != tt.says {
				t.Errorf("Allow: %q", got)
			}
		} else if !strings.Contains(string(r.body), tt.says) {
			t.Errorf("%s %s %.60s: %q is not in %s", tt.method, tt.path, tt.body, tt.says, r.body)
		}
		if r.StatusCode != tt.status {
			t.Errorf("%s %s %.60s → %d, want %d: %s", tt.method, tt.path, tt.body, r.StatusCode, tt.status, r.body)
		}
	}
	r := h.do("POST", "/api/v1/auth/login", "", "\x1f\x8b", "Content-Encoding", "gzip").is(t, http.StatusUnsupportedMediaType)
	if !strings.Contains(string(r.body), `Content-Encoding is \"gzip\"`) {
		t.Errorf("%s", r.body)
	}
	for _, head := range []string{"Bearer", "Basic abc", "Bearer  "} {
		if r := h.do("GET", "/api/v1/jobs", "", "", "Authorization", head); r.StatusCode != 401 {
			t.Errorf("%q → %d", head, r.StatusCode)
		}
	}
}

// Each kind of error of the backend comes as the problem that the table says.
func TestErrorsOfTheBackend(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for _, tt := range []struct {
		err    error
		status int
		says   string
	}{
		{pgerr.New(pgerr.SyntaxError, "syntax error at %q", "x").At(3).WithHint("try y"), 400, `"sqlstate":"42601","hint":"try y"`},
		{pgerr.New(pgerr.InsufficientPrivilege, "no"), 403, "42501"},
		{fmt.Errorf("wrapped: %w", pgerr.New(pgerr.OutOfMemory, "no memory")), 503, "53200"},
		{fmt.Errorf("log: %w", &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}), 503, "53100"},
		{errors.New("the password is hunter2"), 500, "an internal error"},
		{&Problem{Kind: RateLimited, Detail: "slow down", RetryAfter: 61500 * time.Millisecond}, 429, "slow down"},
	} {
		h.b.next = tt.err
		r := h.do("GET", "/api/v1/jobs", "viewer", "")
		if strings.Contains(string(r.body), "statement") {
			t.Errorf("%v is said to be a statement's: %s", tt.err, r.body)
		}
		if r.StatusCode != tt.status || !strings.Contains(string(r.body), tt.says) || strings.Contains(string(r.body), "hunter2") {
			t.Errorf("%v → %d %s", tt.err, r.StatusCode, r.body)
		}
		if want := map[int]string{429: "62", 503: "2"}[tt.status]; r.Header.Get("Retry-After") != want {
			t.Errorf("%v: Retry-After %q, want %q", tt.err, r.Header.Get("Retry-After"), want)
		}
	}
}

// TestLargeBodyIsNotAwaited: who says that the body is too large is answered
// before it has come.
func TestLargeBodyIsNotAwaited(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	c, err := net.Dial("tcp", h.srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", MaxPublicBody+1)
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 413 ") {
		t.Errorf("%v %q", err, line)
	}
}

// TestTwoTokens: of two headers neither is taken.
func TestTwoTokens(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.srv.URL+"/api/v1/auth/me", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header["Authorization"] = []string{"Bearer viewer", "Bearer admin"}
	resp, err := h.srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Error(resp.Status)
	}
}

func TestPositionsCountCharacters(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.b.next = pgerr.New(pgerr.SyntaxError, "here").At(len("SELECT 'ä' ") + 1)
	r := h.do("POST", "/api/v1/sql", "admin", `{"sql":"SELECT 'ä' x"}`).is(t, 400)
	if p := r.json(t)["position"]; p != 12.0 {
		t.Errorf("position %v", p)
	}
}

func TestRateLimits(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for _, who := range []string{"user", "address"} {
		h.b.limit = func(user, remote string) bool {
			return who == "user" && user == "viewer" || who == "address" && strings.HasPrefix(remote, "127.0.0.1:")
		}
		r := h.do("GET", "/api/v1/jobs", "viewer", "").is(t, 429)
		if r.Header.Get("Retry-After") != "2" {
			t.Errorf("Retry-After %q", r.Header.Get("Retry-After"))
		}
	}
}

func TestOneHundredRegistrations(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := map[int]int{}
	for i := range 100 {
		wg.Go(func() {
			r := h.do("POST", "/api/v1/auth/register", "", fmt.Sprintf(`{"username":"u%d","password":"p","setup_token":"setup"}`, i))
			mu.Lock()
			defer mu.Unlock()
			got[r.StatusCode]++
		})
	}
	wg.Wait()
	if got[201] != 1 || got[201]+got[403] != 100 {
		t.Errorf("answers %v", got)
	}
}

// A class that is full refuses what cannot even wait, with 503 and Retry-After.
func TestConcurrencyIsBounded(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	h := newHarness(t, func(o *Options) { o.Registerer = reg })
	n := places[classDefault]
	inside, release := make(chan struct{}, n.run), make(chan struct{})
	h.b.hook = func(ctx context.Context) {
		inside <- struct{}{}
		select {
		case <-release:
		case <-ctx.Done():
		}
	}
	get := func() (*http.Response, error) {
		req, _ := http.NewRequest("GET", h.srv.URL+"/api/v1/jobs", nil)
		req.Header.Set("Authorization", "Bearer viewer")
		return h.srv.Client().Do(req)
	}
	var wg sync.WaitGroup
	full, others := make(chan struct{}), make(chan int, n.run+n.wait+1)
	for range n.run + n.wait + 1 { // one of them finds no place
		wg.Go(func() {
			resp, err := get()
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			_, _ = io.Copy(io.Discard, resp.Body)
			if resp.StatusCode == http.StatusServiceUnavailable {
				if resp.Header.Get("Retry-After") == "" {
					t.Error("no Retry-After")
				}
				close(full)
			}
			others <- resp.StatusCode
		})
	}
	for range n.run {
		<-inside
	}
	<-full
	close(release)
	go func() {
		for range inside {
		}
	}()
	wg.Wait()
	close(inside)
	close(others)
	count := map[int]int64{}
	for s := range others {
		count[s]++
	}
	if count[503] != 1 || count[200] != n.run+n.wait {
		t.Errorf("answers %v", count)
	}
	if v := testutil.ToFloat64(h.api.metrics.requests.WithLabelValues("listJobs", "503")); v != 1 {
		t.Errorf("heliosdb_http_requests_total{listJobs,503} = %v", v)
	}
}

// A body that does not come keeps no place of its class.
func TestSlowBodiesHoldNoPlaces(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for range places[classPassword].run + 2 {
		c, err := net.Dial("tcp", h.srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	}
	h.do("POST", "/api/v1/auth/login", "", `{"username":"u","password":"right"}`).is(t, 200)
}

// A token that is logged out while the body comes, or a place is waited for,
// does nothing any more.
func TestTokenEndsBeforeTheBody(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	c, err := net.Dial("tcp", h.srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const body = `{"name":"x"}`
	fmt.Fprintf(c, "POST /api/v1/admin/savepoint HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer admin\r\nContent-Type: application/json\r\n"+
		"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(body))
	answers := bufio.NewReader(c)
	// The server asks for the body once it knows who sends it.
	if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, " 100 ") {
		t.Fatalf("%q, %v", line, err)
	}
	h.b.mu.Lock()
	h.b.ended = true
	h.b.mu.Unlock()
	fmt.Fprint(c, body)
	if _, err := answers.ReadString('\n'); err != nil { // the empty line after 100
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("status %d", resp.StatusCode)
	}
}

func TestAuditAndPanic(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.do("POST", "/api/v1/admin/pause", "admin", "").is(t, 200)
	h.do("POST", "/api/v1/admin/pause", "viewer", "").is(t, 403)
	h.do("GET", "/api/v1/jobs", "", "").is(t, 401)
	h.do("GET", "/api/v1/jobs", "viewer", "").is(t, 200) // is not kept
	h.do("POST", "/api/v1/jobs", "admin", `{"name":"x"}`).is(t, 400)
	h.b.hook = func(context.Context) { panic("hunter2") }
	r := h.do("GET", "/api/v1/jobs", "viewer", "").is(t, 500)
	if strings.Contains(string(r.body), "hunter2") {
		t.Errorf("the panic shows: %s", r.body)
	}
	h.srv.Close() // all handlers have returned
	var got []string
	for _, e := range h.b.events {
		got = append(got, fmt.Sprint(e.User, " ", e.Action, " ", e.Outcome, " ", e.Status))
	}
	want := "admin pause ok 200; viewer pause refused 403;  listJobs refused 401; admin createJob failed 400"
	if s := strings.Join(got, "; "); s != want {
		t.Errorf("audited %s\nwant %s", s, want)
	}
}

func TestJobPages(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for i := range 25 {
		status := []string{"running", "paused", "failed", "waiting", "catching up"}[i%5]
		h.b.jobs = append(h.b.jobs, Job{ID: fmt.Sprint(i), Name: fmt.Sprintf("%c%02d", "ab"[i%2], 25-i), Kind: "sink", Status: status})
	}
	var names []string
	cursor := ""
	for pages := 1; ; pages++ {
		r := h.do("GET", "/api/v1/jobs?limit=10&cursor="+cursor, "viewer", "").is(t, 200)
		var page struct {
			Active int    `json:"active_jobs"`
			Total  int    `json:"total"`
			Jobs   []Job  `json:"jobs"`
			Next   string `json:"next"`
		}
		if err := json.Unmarshal(r.body, &page); err != nil || page.Active != 15 || page.Total != 25 {
			t.Fatalf("%v %s", err, r.body)
		}
		for _, j := range page.Jobs {
			names = append(names, j.Name)
		}
		if cursor = page.Next; cursor == "" {
			if pages != 3 {
				t.Errorf("%d pages", pages)
			}
			break
		}
	}
	if len(names) != 25 || names[0] != "a01" || names[24] != "b24" {
		t.Errorf("names %q", names)
	}
	m := h.do("GET", "/api/v1/jobs?status=paused&name=a", "viewer", "").is(t, 200).json(t)
	if m["total"] != 3.0 && m["total"] != 2.0 || m["active_jobs"] != 15.0 {
		t.Errorf("filtered %v", m)
	}
}

func TestConflictNamesTheJob(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	body := examples["createJob"].body
	r := h.do("POST", "/api/v1/jobs", "operator", body).is(t, 201)
	if r.Header.Get("Location") != "/api/v1/jobs/n" {
		t.Errorf("Location %q", r.Header.Get("Location"))
	}
	if id := h.do("POST", "/api/v1/jobs", "operator", body).is(t, 409).json(t)["id"]; id != "1" {
		t.Errorf("id %v", id)
	}
}

func TestColumnsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	var c Columns
	if err := json.Unmarshal([]byte(`{"z":"int","a":"text","m":"jsonb"}`), &c); err != nil || fmt.Sprint(c) != "[{z int} {a text} {m jsonb}]" {
		t.Errorf("%v %v", c, err)
	}
}

// While authentication is off, no site can use a browser to get here.
func TestOtherSites(t *testing.T) {
	t.Parallel()
	h := newHarness(t, func(o *Options) { o.Open = true })
	port := h.srv.URL[strings.LastIndex(h.srv.URL, ":"):]
	for _, tt := range []struct {
		host, origin, site string
		status             int
	}{
		{"", "", "", 200}, {"localhost" + port, "", "", 200}, {"[::1]" + port, "", "", 200},
		{"localhost" + port, "http://localhost" + port, "same-origin", 200},
		{"", "http://evil.example", "", 403}, {"", "", "cross-site", 403}, {"evil.example" + port, "http://evil.example" + port, "same-origin", 403},
	} {
		req, _ := http.NewRequest("POST", h.srv.URL+"/api/v1/admin/pause", nil)
		req.Header.Set("Authorization", "Bearer admin")
		req.Host = tt.host
		for name, v := range map[string]string{"Origin": tt.origin, "Sec-Fetch-Site": tt.site} {
			if v != "" {
				req.Header.Set(name, v)
			}
		}
		resp, err := h.srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != tt.status {
			t.Errorf("%+v → %d", tt, resp.StatusCode)
		}
	}
}
