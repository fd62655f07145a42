package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/heliosdb/heliosdb-streaming/internal/delta"
	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/internal/values"
)

// document loads openapi.yaml as clients see it.
var document = sync.OnceValues(func() (*openapi3.T, error) {
	raw, err := Document()
	if err != nil {
		return nil, err
	}
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(raw)
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, err
	}
	doc.Servers = nil // the router would look for "//api/…"
	return doc, nil
})

func loadDocument(t testing.TB) *openapi3.T {
	t.Helper()
	doc, err := document()
	if err != nil {
		t.Fatalf("openapi.yaml: %v", err)
	}
	return doc
}

func init() {
	openapi3filter.RegisterBodyDecoder("application/problem+json", openapi3filter.JSONBodyDecoder)
	openapi3filter.RegisterBodyDecoder("application/x-ndjson", openapi3filter.FileBodyDecoder)
	openapi3filter.RegisterBodyDecoder("application/gzip", openapi3filter.FileBodyDecoder)
}

// harness is an API over a fake backend, with real HTTP.
type harness struct {
	t      testing.TB
	b      *fakeBackend
	api    *API
	srv    *httptest.Server
	router routers.Router
}

func newHarness(t testing.TB, change ...func(*Options)) *harness {
	t.Helper()
	b := &fakeBackend{users: map[string]User{}}
	o := Options{Backend: b, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
	for _, f := range change {
		f(&o)
	}
	h := &harness{t: t, b: b, api: New(o)}
	h.srv = httptest.NewUnstartedServer(nil)
	h.srv.Config = NewServer(context.Background(), h.api, o.Logger)
	h.srv.Start()
	t.Cleanup(h.srv.Close)
	var err error
	if h.router, err = legacy.NewRouter(loadDocument(t)); err != nil {
		t.Fatal(err)
	}
	return h
}

// reply is an answer read to its end.
type reply struct {
	*http.Response
	body []byte
}

func (r *reply) json(t testing.TB) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(r.body, &m); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
	return m
}

// do sends a request as user (empty: without a token) and checks the answer
// against the document.
func (h *harness) do(method, path, user, body string, headers ...string) *reply {
	h.t.Helper()
	req, err := http.NewRequest(method, h.srv.URL+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if user != "" {
		req.Header.Set("Authorization", "Bearer "+user)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := h.srv.Client().Do(req)
	if err != nil {
		h.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatalf("%s %s: %v", method, path, err)
	}
	h.conforms(req, resp, b)
	return &reply{resp, b}
}

// conforms checks an answer against the document.
func (h *harness) conforms(req *http.Request, resp *http.Response, body []byte) {
	h.t.Helper()
	if req.Method == http.MethodHead {
		return
	}
	if resp.StatusCode >= 400 {
		h.isProblem(req, resp, body)
	}
	route, params, err := h.router.FindRoute(req)
	if err != nil {
		if resp.StatusCode != http.StatusNotFound && resp.StatusCode != http.StatusMethodNotAllowed {
			h.t.Errorf("%s %s → %d: %v", req.Method, req.URL.Path, resp.StatusCode, err)
		}
		return
	}
	in := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route}
	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: resp.StatusCode, Header: resp.Header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	out.SetBodyBytes(body)
	if err := openapi3filter.ValidateResponse(context.Background(), out); err != nil {
		h.t.Errorf("%s %s → %d is not as the document says: %v\n%s", req.Method, req.URL.Path, resp.StatusCode, err, body)
	}
}

func (h *harness) isProblem(req *http.Request, resp *http.Response, body []byte) {
	h.t.Helper()
	if ct := resp.Header.Get("Content-Type"); ct != "application/problem+json" {
		h.t.Errorf("%s %s → %d as %q: %s", req.Method, req.URL.Path, resp.StatusCode, ct, body)
		return
	}
	var p problemBody
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil || p.Status != resp.StatusCode || p.Detail == "" || p.Instance != req.URL.Path {
		h.t.Errorf("%s %s: %v in %s", req.Method, req.URL.Path, err, body)
	}
}

// is requires a status.
func (r *reply) is(t testing.TB, status int) *reply {
	t.Helper()
	if r.StatusCode != status {
		t.Fatalf("%s %s → %d, want %d: %s", r.Request.Method, r.Request.URL, r.StatusCode, status, r.body)
	}
	return r
}

// fakeBackend answers from memory. A token is a user's name; users are admin,
// operator, viewer and nobody, who may do nothing.
type fakeBackend struct {
	mu     sync.Mutex
	users  map[string]User
	jobs   []Job
	events []AuditEvent
	next   error // what the next call fails with
	rows   *fakeRows
	query  Query
	hook   func(ctx context.Context) // runs inside Jobs
	limit  func(user, remote string) bool
	ended  bool // all tokens are logged out
}

var _ Backend = (*fakeBackend)(nil)

var fakeUsers = map[string][]Permission{
	"admin": Permissions, "operator": {Read, Execute, Cancel}, "viewer": {Read}, "nobody": nil,
}

func (b *fakeBackend) fail() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	err := b.next
	b.next = nil
	return err
}

func (b *fakeBackend) Authenticate(_ context.Context, token, _ string) (*Identity, error) {
	p, ok := fakeUsers[token]
	b.mu.Lock()
	defer b.mu.Unlock()
	if !ok || b.ended {
		return nil, ErrUnauthorized("no such token")
	}
	return &Identity{Name: token, Roles: []string{token}, Permissions: p}, nil
}

func (b *fakeBackend) Allow(user, remote string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.limit != nil && b.limit(user, remote) {
		return &Problem{Kind: RateLimited, Detail: "too many", RetryAfter: 1500 * time.Millisecond}
	}
	return nil
}

func (b *fakeBackend) Audit(e AuditEvent) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, e)
}

func (b *fakeBackend) Register(_ context.Context, by *Identity, u NewUser, _ string) (User, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !by.Can(Admin) && (len(b.users) > 0 || u.SetupToken != "setup") {
		return User{}, problem(Forbidden, "no")
	}
	if _, ok := b.users[u.Username]; ok {
		return User{}, pgerr.New(pgerr.DuplicateObject, "user %q already exists", u.Username)
	}
	roles := slices.Clone(u.Roles)
	if roles == nil {
		roles = []string{}
	}
	b.users[u.Username] = User{Username: u.Username, Roles: roles, Enabled: u.Enabled == nil || *u.Enabled, CreatedAt: time.Now()}
	return b.users[u.Username], nil
}

func (b *fakeBackend) Login(_ context.Context, name, password, _ string) (Token, error) {
	if password != "right" {
		return Token{}, pgerr.New(pgerr.InvalidPassword, "password authentication failed for user %q", name)
	}
	return Token{Token: name, ExpiresAt: time.Now(), Roles: []string{"Admin"}}, b.fail()
}

func (b *fakeBackend) Refresh(_ context.Context, id *Identity) (Token, error) {
	return Token{Token: id.Name, ExpiresAt: time.Now(), Roles: id.Roles}, b.fail()
}
func (b *fakeBackend) Logout(context.Context, *Identity) error { return b.fail() }

func (b *fakeBackend) Users(context.Context) ([]User, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []User
	for _, u := range b.users {
		list = append(list, u)
	}
	return list, nil
}

func (b *fakeBackend) User(_ context.Context, name string) (User, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	u, ok := b.users[name]
	if !ok {
		return u, problem(NotFound, "no such user")
	}
	return u, nil
}

func (b *fakeBackend) UpdateUser(_ context.Context, _ *Identity, name string, p UserPatch) (User, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	u, ok := b.users[name]
	if !ok {
		return u, problem(NotFound, "no such user")
	}
	if p.Enabled != nil {
		u.Enabled = *p.Enabled
	}
	if p.Roles != nil {
		u.Roles = p.Roles
	}
	b.users[name] = u
	return u, nil
}

func (b *fakeBackend) DeleteUser(_ context.Context, _ *Identity, name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.users[name]; !ok {
		return problem(NotFound, "no such user")
	}
	delete(b.users, name)
	return nil
}

func (b *fakeBackend) CreateJob(_ context.Context, _ *Identity, j NewJob) (Job, error) {
	if err := b.fail(); err != nil {
		return Job{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, have := range b.jobs {
		if have.Name == j.Name {
			return Job{}, pgerr.New(pgerr.DuplicateTable, "relation %q already exists", j.Name)
		}
	}
	b.jobs = append(b.jobs, Job{ID: "1", Name: j.Name, Kind: "materialized view", Status: "running"})
	return b.jobs[len(b.jobs)-1], nil
}

func (b *fakeBackend) Jobs(ctx context.Context, _ *Identity) ([]Job, error) {
	if b.hook != nil {
		b.hook(ctx)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := b.fail(); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.jobs), nil
}

func (b *fakeBackend) Job(_ context.Context, _ *Identity, ref string) (JobDetail, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, j := range b.jobs {
		if j.Name == ref || j.ID == ref {
			end := int64(3)
			return JobDetail{Job: j, Columns: []JobColumn{{"a", "bigint"}}, Plan: []string{"Scan"},
				Sources: []JobSource{{Name: "s", Offsets: []JobOffset{{Partition: 0, Offset: 1, End: &end}, {Partition: 1}}}}}, nil
		}
	}
	return JobDetail{}, problem(NotFound, "no such job")
}

func (b *fakeBackend) PauseJob(ctx context.Context, id *Identity, ref string) (Job, error) {
	d, err := b.Job(ctx, id, ref)
	return d.Job, err
}

func (b *fakeBackend) ResumeJob(ctx context.Context, id *Identity, ref string) (Job, error) {
	return b.PauseJob(ctx, id, ref)
}

func (b *fakeBackend) CancelJob(ctx context.Context, id *Identity, ref string) (Job, error) {
	return b.PauseJob(ctx, id, ref)
}

func (b *fakeBackend) Pause(context.Context, *Identity) (Status, error) {
	return Status{Version: "1", Paused: true, Workers: 2, StartedAt: time.Now()}, b.fail()
}
func (b *fakeBackend) Resume(context.Context, *Identity) (Status, error) {
	return Status{Version: "1", Workers: 2, StartedAt: time.Now()}, b.fail()
}
func (b *fakeBackend) Status(context.Context) (Status, error) {
	return Status{Version: "1", StartedAt: time.Now(), Checkpoint: &Checkpoint{Epoch: 1, CompletedAt: time.Now()}}, b.fail()
}

func (b *fakeBackend) CreateSavepoint(_ context.Context, _ *Identity, name string) (Savepoint, error) {
	return Savepoint{ID: "7", Name: name, CreatedAt: time.Now(), Epoch: 7}, b.fail()
}
func (b *fakeBackend) Savepoints(context.Context) ([]Savepoint, error) { return nil, b.fail() }
func (b *fakeBackend) DropSavepoint(_ context.Context, _ *Identity, id string) error {
	if id != "7" {
		return problem(NotFound, "no such savepoint")
	}
	return b.fail()
}
func (b *fakeBackend) EncryptionKeys(context.Context) ([]EncryptionKey, error) {
	return []EncryptionKey{{ID: "00000000000000ff", WrappedBy: "local:1", Current: true, InUse: true}}, nil
}

func (b *fakeBackend) RotateEncryptionKey(context.Context, *Identity) error { return nil }

func (b *fakeBackend) Checkpoint(context.Context, *Identity) (Checkpoint, error) {
	return Checkpoint{Epoch: 2, CompletedAt: time.Now()}, b.fail()
}
func (b *fakeBackend) Config(context.Context) ([]Setting, error) {
	return []Setting{{"server.port", 8080, "default"}, {"startup.sql_files", []string{"a"}, "file:3"}}, b.fail()
}
func (b *fakeBackend) SupportBundle(_ context.Context, w io.Writer) error {
	if err := b.fail(); err != nil {
		return err
	}
	_, err := w.Write([]byte("a bundle"))
	return err
}

func (b *fakeBackend) Reload(context.Context, *Identity) (Reloaded, error) {
	return Reloaded{}, b.fail()
}

func (b *fakeBackend) Query(_ context.Context, _ *Identity, q Query) (Rows, error) {
	if err := b.fail(); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.query = q
	if b.rows == nil {
		return &fakeRows{}, nil
	}
	return b.rows, nil
}

// fakeRows gives batches, then an error.
type fakeRows struct {
	cols    []Column
	batches []*delta.Batch
	err     error
	closed  atomic.Bool
	stopped atomic.Bool
}

func (r *fakeRows) Columns() []Column      { return r.cols }
func (r *fakeRows) Text() *values.TextOpts { return nil }
func (r *fakeRows) Next(ctx context.Context) (*delta.Batch, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if len(r.batches) == 0 {
		return nil, r.err
	}
	b := r.batches[0]
	r.batches = r.batches[1:]
	return b, nil
}
func (r *fakeRows) Stop(context.Context) error { r.stopped.Store(true); return nil }
func (r *fakeRows) Command(int64) string       { return "SELECT" }
func (r *fakeRows) Notices() []*pgerr.Error {
	return []*pgerr.Error{{Code: "00000", Message: "a notice"}}
}
func (r *fakeRows) Close() { r.closed.Store(true) }
