package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
)

// request is a request on its way through a route.
type request struct {
	*http.Request
	route *route
	id    *Identity // nil: nobody proved who sends it
	name  string    // request id
	body  []byte
	done  bool // the handler was reached: what it is about is audited behind it
}

// recorder remembers what was sent.
type recorder struct {
	http.ResponseWriter
	status int
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// serve wraps a route: headers, limits, who it is, what it may do, the handler,
// and what is written about it.
func (a *API) serve(rt *route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		a.running.Add(1)
		defer a.running.Done()
		start := time.Now()
		rec := &recorder{ResponseWriter: w}
		r := &request{Request: hr, route: rt, name: requestID(hr)}
		a.headers(rec.Header(), r)
		done := a.metrics.begin(rt.Op)
		defer func() {
			x := recover()
			broken := x != nil && rec.status != 0 // what was sent may be half an answer
			if err, _ := x.(error); x != nil && !errors.Is(err, http.ErrAbortHandler) {
				a.log.Error("http: a handler failed", "request", r.name, "route", rt.Op, "error", x, "stack", string(debug.Stack()))
				if rec.status == 0 {
					problem(InternalError, "an internal error; the server's log has it with this request's id").write(rec, hr)
				}
			}
			done(rec.status)
			a.finish(r, rec.status, time.Since(start))
			if broken {
				panic(http.ErrAbortHandler) // ends the connection
			}
		}()
		ctx, cancel := hr.Context(), context.CancelFunc(func() {})
		deadline := time.Time{}
		if rt.Timeout > 0 {
			ctx, cancel = context.WithTimeout(ctx, rt.Timeout)
			// The answer must be out soon after the work is over.
			deadline = start.Add(rt.Timeout + writeTimeout)
		}
		// Where the connection has no deadlines (a test), there is nothing to set.
		_ = http.NewResponseController(rec).SetWriteDeadline(deadline)
		defer cancel()
		r.Request = hr.WithContext(ctx)
		if err := a.run(rec, r); err != nil {
			a.fail(rec, r, err, "")
		}
	})
}

// run lets a request through its limits to its handler.
func (a *API) run(w http.ResponseWriter, r *request) error {
	if err := a.fromHere(r); err != nil {
		return err
	}
	if err := a.allow("", r.RemoteAddr); err != nil {
		return err
	}
	if r.route.Allow != Public || r.route.Op == "register" {
		if err := a.authenticate(r); err != nil {
			return err
		}
	}
	// The body is read before a place is taken: who sends slowly keeps nobody out.
	if err := readBody(w, r); err != nil {
		return err
	}
	leave, err := a.gates[r.route.Class].enter(r.Context())
	if err != nil {
		return err
	}
	defer leave()
	if err := a.still(r); err != nil {
		return err
	}
	r.done = true
	return r.route.handle(a, w, r)
}

// fromHere refuses what a page of another site makes a browser send: where
// nobody needs a token, nothing else would stop it.
func (a *API) fromHere(r *request) error {
	if err := a.origins.Check(r.Request); err != nil {
		return problem(Forbidden, "the request comes from a page of another site")
	}
	if !a.open {
		return nil
	}
	// A name that an attacker owns can be made to mean this machine.
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if host == "" || host == "localhost" || net.ParseIP(host) != nil {
		return nil
	}
	return &Problem{Kind: Forbidden, Detail: "while authentication is off, the host " + quoted(host) + " is refused",
		Hint: "Use localhost or the address, or turn [security] authentication_enabled on."}
}

// allow takes one request of the rate of a user or an address.
func (a *API) allow(user, remote string) error {
	err := a.b.Allow(user, remote)
	if err != nil {
		a.metrics.limited.Inc()
	}
	return err
}

// authenticate finds out who sends the request and whether the route is theirs.
func (a *API) authenticate(r *request) error {
	token, err := bearer(r.Request)
	if err != nil {
		return err
	}
	optional := r.route.Allow == Public
	if optional && token == "" {
		return nil
	}
	if r.id, err = a.b.Authenticate(r.Context(), token, r.RemoteAddr); err != nil {
		return err
	}
	if err := a.allow(r.id.Name, ""); err != nil {
		return err
	}
	return r.permitted()
}

// still asks again who sends the request: a body may come slowly and a place be
// waited for, and meanwhile the token may have been logged out, or the user
// have lost a role.
func (a *API) still(r *request) error {
	if r.id == nil {
		return nil
	}
	token, err := bearer(r.Request)
	if err != nil {
		return err
	}
	if r.id, err = a.b.Authenticate(r.Context(), token, r.RemoteAddr); err != nil {
		return err
	}
	return r.permitted()
}

// permitted reports whether the route is for who sends the request.
func (r *request) permitted() error {
	switch p := r.route.Allow; {
	case p == Public, p == Authenticated, r.id.Can(p):
		return nil
	default:
		return &Problem{Kind: Forbidden, Detail: "user " + quoted(r.id.Name) + " lacks the permission " + string(p),
			Hint: "An Admin gives roles: PATCH " + basePath + "/auth/users/NAME."}
	}
}

// bearer is the token of a request; "" without one.
func bearer(r *http.Request) (string, error) {
	all := r.Header.Values("Authorization")
	if len(all) > 1 {
		return "", ErrUnauthorized("there is more than one Authorization header")
	}
	if len(all) == 0 || all[0] == "" {
		return "", nil
	}
	h := all[0]
	scheme, token, ok := strings.Cut(h, " ")
	if token = strings.TrimSpace(token); !ok || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", ErrUnauthorized("the Authorization header is not of the form Bearer TOKEN")
	}
	return token, nil
}

// fail sends an error, unless the answer has begun.
func (a *API) fail(w *recorder, r *request, err error, text string) {
	p := problemOf(r.Context(), err, text)
	switch {
	case p.Kind == InternalError:
		a.log.Error("http: internal error", "request", r.name, "route", r.route.Op, "error", err)
	case p.SQLState == pgerr.DiskFull || strings.HasPrefix(p.SQLState, "58"):
		a.log.Error("http: the disk failed a request", "request", r.name, "route", r.route.Op, "error", err)
	}
	if p.Kind == StatementError && !r.route.runsSQL() {
		plain := *p
		plain.Kind = BadRequest // there is no statement that the client would know of
		p = &plain
	}
	if w.status != 0 {
		panic(http.ErrAbortHandler) // the client must not take the half for the whole
	}
	if p.Kind == Unauthorized && p.Hint == "" && !r.done {
		hinted := *p
		hinted.Hint = a.loginHint(r)
		p = &hinted
	}
	p.write(w, r.Request)
}

// loginHint is the commands that send this request with a token.
func (a *API) loginHint(r *request) string {
	base := "http://"
	if a.tls {
		base = "https://"
	}
	if host := r.Host; host != "" && !strings.ContainsFunc(host, func(c rune) bool { return oddInID(c) && c != ':' && c != '[' && c != ']' }) {
		base += host
	} else {
		base += "HOST:PORT"
	}
	return "TOKEN=$(curl -s -X POST " + base + basePath + `/auth/login -H "Content-Type: application/json" ` +
		`-d '{"username":"NAME","password":"PASSWORD"}' | jq -r .token); curl -X ` + r.route.Method + " " + base + basePath + r.route.Path +
		` -H "Authorization: Bearer $TOKEN"`
}

// headers are those of every answer. There is no CORS: browsers may not send
// other sites' requests here.
func (a *API) headers(h http.Header, r *request) {
	h.Set("X-Request-Id", r.name)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	if a.tls {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// maxRequestID bounds a request id that a client gives.
const maxRequestID = 64

// requestID is the client's X-Request-Id if it can stand in a log, else a new one.
func requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); id != "" && len(id) <= maxRequestID && !strings.ContainsFunc(id, oddInID) {
		return id
	}
	var b [12]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

func oddInID(c rune) bool {
	return !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_' || c == '.')
}

// finish writes the access log and the audit log.
func (a *API) finish(r *request, status int, d time.Duration) {
	user := ""
	if r.id != nil {
		user = r.id.Name
	}
	a.log.Debug("http", "request", r.name, "method", r.Method, "path", r.URL.Path, "status", status,
		"user", user, "remote", r.RemoteAddr, "seconds", d.Seconds())
	refused := !r.done && (status == http.StatusUnauthorized || status == http.StatusForbidden)
	if !refused && !(r.done && r.route.Audited) {
		return
	}
	e := AuditEvent{User: user, Remote: r.RemoteAddr, Action: r.route.Op, Object: r.URL.Path, Outcome: "ok", Status: status, Request: r.name}
	switch {
	case refused:
		e.Outcome = "refused"
	case status >= http.StatusBadRequest:
		e.Outcome = "failed"
	}
	a.b.Audit(e)
}
