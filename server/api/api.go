package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Options are what an API is made of.
type Options struct {
	Backend    Backend
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
	TLS        bool                  // requests come over TLS: say so to browsers
	// Open: authentication is off. Only requests to localhost or an address are
	// answered, so that no site can reach this machine through a browser.
	Open bool
}

// API serves the routes.
type API struct {
	b       Backend
	log     *slog.Logger
	gates   map[class]*gate
	metrics *httpMetrics
	tls     bool
	open    bool
	origins *http.CrossOriginProtection
	running sync.WaitGroup // handlers
	mux     *http.ServeMux
}

// New makes an API.
func New(o Options) *API {
	a := &API{
		b: o.Backend, log: o.Logger, gates: newGates(),
		metrics: newHTTPMetrics(o.Registerer), tls: o.TLS, open: o.Open, origins: http.NewCrossOriginProtection(), mux: http.NewServeMux(),
	}
	paths := map[string]bool{}
	for i := range routes {
		rt := &routes[i]
		a.mux.Handle(rt.Method+" "+basePath+rt.Path, a.serve(rt))
		if !paths[rt.Path] {
			paths[rt.Path] = true
			a.mux.Handle(basePath+rt.Path, a.serve(wrongMethod(rt.Path)))
		}
	}
	a.mux.Handle("/", a.serve(&route{Op: "unknown", Allow: Public, Class: classDefault, Timeout: quick, handle: unknownRoute}))
	return a
}

// wrongMethod answers what is on a path for which there is another method.
func wrongMethod(path string) *route {
	return &route{Op: "unknown", Allow: Public, Class: classDefault, Timeout: quick, handle: func(_ *API, w http.ResponseWriter, r *request) error {
		w.Header().Set("Allow", methodsOf(path))
		return problem(MethodNotAllowed, r.Method+" is not for this route; it takes "+methodsOf(path))
	}}
}

func unknownRoute(_ *API, _ http.ResponseWriter, r *request) error {
	return &Problem{Kind: NotFound, Detail: "no route " + quoted(r.Method+" "+r.URL.Path),
		Hint: "GET " + basePath + "/openapi.json lists the routes."}
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// Wait returns when no handler runs any more, or when ctx ends. It is for after
// the HTTP server was closed.
func (a *API) Wait(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		a.running.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// answer sends v as JSON.
func answer(w http.ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // a client that has gone is no error of ours
	return nil
}
