package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// healthPort answers probes. It is open before the state is there: recovery, a
// download, or the lease of a bucket may take long, and whoever asks meanwhile
// whether the process lives must not be told that it does not.
type healthPort struct {
	addr  string // host:port
	srv   *http.Server
	ready atomic.Bool
	errs  chan error // that of the listener, if it breaks
}

// openHealth opens the port; the certificate of the ports has been read.
func (s *Server) openHealth() (*healthPort, error) {
	h := &healthPort{errs: make(chan error, 1)}
	ln, err := s.open("health check", s.cfg.Server.HealthCheckPort, &h.addr)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", h.health)
	mux.HandleFunc("GET /ready", h.readiness)
	h.srv = s.serveWatch("health check", ln, mux, h.errs)
	return h, nil
}

// serveWatch serves a port that monitoring reads; errs gets why it ended, if it
// was not shut down.
func (s *Server) serveWatch(what string, ln net.Listener, handler http.Handler, errs chan<- error) *http.Server {
	srv := &http.Server{
		Handler: handler, ReadHeaderTimeout: httpHeaderTimeout, ReadTimeout: httpTimeout, WriteTimeout: httpTimeout,
		IdleTimeout: time.Minute, MaxHeaderBytes: httpHeaderBytes,
	}
	if t := s.watchTLS(); t != nil {
		ln = tls.NewListener(ln, t)
	}
	go func() {
		if err := srv.Serve(ln); err != nil && !errors.Is(err, http.ErrServerClosed) {
			errs <- fmt.Errorf("%s listener: %w", what, err)
		}
	}()
	return srv
}

// health answers 200 as long as the process works at all.
func (h *healthPort) health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintln(w, `{"status":"ok"}`)
}

// readiness answers 200 once recovery and the startup files are done.
func (h *healthPort) readiness(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if !h.ready.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, `{"status":"starting"}`)
		return
	}
	fmt.Fprintln(w, `{"status":"ready"}`)
}
