package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/heliosdb/heliosdb-streaming/pgwire"
	"github.com/heliosdb/heliosdb-streaming/server/api"
)

// Listeners are the open ports of a server.
type Listeners struct {
	PG, API, Health, Metrics string // host:port

	s     *Server
	pg    *pgwire.Server
	https []*http.Server
	ready atomic.Bool
	errs  chan error

	api       *api.API
	apiServer *http.Server
	endAPI    context.CancelCauseFunc
}

// Bounds of the HTTP listeners.
const (
	httpHeaderTimeout = 5 * time.Second
	httpTimeout       = 30 * time.Second
	httpHeaderBytes   = 64 << 10
)

// Listen opens the ports. SQL is served at once; /ready says no until Ready.
func (s *Server) Listen() (*Listeners, error) {
	l := &Listeners{s: s, errs: make(chan error, 4)}
	conf := pgwire.Config{
		MaxConnections: s.cfg.Server.MaxConnections, AuthTimeout: s.cfg.Server.AuthenticationTimeout,
		Logger: s.logger("pgwire"), Registerer: s.reg,
	}
	if s.tls != nil {
		conf.TLS = s.tls.Current
	}
	pg, err := pgwire.NewServer(s.handler(), conf)
	if err != nil {
		return nil, err
	}
	l.pg = pg
	s.clients = pg
	ln, err := s.open("pgwire", s.cfg.Server.PgwirePort, &l.PG)
	if err != nil {
		return nil, err
	}
	go func() {
		if err := pg.Serve(ln); err != nil && !errors.Is(err, pgwire.ErrServerClosed) {
			l.errs <- fmt.Errorf("pgwire listener: %w", err)
		}
	}()
	if err := l.serveAPI(s.apiTLS()); err != nil {
		return nil, errors.Join(err, l.Close(context.Background()))
	}
	health := http.NewServeMux()
	health.HandleFunc("GET /health", l.health)
	health.HandleFunc("GET /ready", l.readiness)
	metrics := http.NewServeMux()
	metrics.Handle("GET /metrics", s.guardMetrics(promhttp.HandlerFor(s.reg, promhttp.HandlerOpts{
		MaxRequestsInFlight: 4, Timeout: httpTimeout,
		// A series that cannot be told does not take the others away.
		ErrorHandling: promhttp.ContinueOnError, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelError),
	})))
	if err := l.http("health check", s.cfg.Server.HealthCheckPort, &l.Health, health); err != nil {
		return nil, errors.Join(err, l.Close(context.Background()))
	}
	if err := l.http("metrics", s.cfg.Server.MetricsPort, &l.Metrics, metrics); err != nil {
		return nil, errors.Join(err, l.Close(context.Background()))
	}
	return l, nil
}

func (s *Server) open(what string, port int, addr *string) (net.Listener, error) {
	ln, err := net.Listen("tcp", net.JoinHostPort(s.cfg.Server.Host, strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("%s port: %w (another port: [server] in the configuration; 0 takes a free one)", what, err)
	}
	*addr = ln.Addr().String()
	return ln, nil
}

func (l *Listeners) http(what string, port int, addr *string, h http.Handler) error {
	ln, err := l.s.open(what, port, addr)
	if err != nil {
		return err
	}
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: httpHeaderTimeout, ReadTimeout: httpTimeout, WriteTimeout: httpTimeout,
		IdleTimeout: time.Minute, MaxHeaderBytes: httpHeaderBytes,
	}
	if t := l.s.watchTLS(); t != nil {
		ln = tls.NewListener(ln, t)
	}
	l.https = append(l.https, srv)
	go func() {
		if err := srv.Serve(ln); err != nil && !errors.Is(err, http.ErrServerClosed) {
			l.errs <- fmt.Errorf("%s listener: %w", what, err)
		}
	}()
	return nil
}

// Ready lets /ready say yes.
func (l *Listeners) Ready() { l.ready.Store(true) }

// Errors gives the error of a listener that broke.
func (l *Listeners) Errors() <-chan error { return l.errs }

// health answers 200 as long as the process works at all.
func (l *Listeners) health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintln(w, `{"status":"ok"}`)
}

// readiness answers 200 once recovery and the startup files are done.
func (l *Listeners) readiness(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if !l.ready.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, `{"status":"starting"}`)
		return
	}
	fmt.Fprintln(w, `{"status":"ready"}`)
}

// Close stops listening; sessions get 57P01, those that run a statement until
// ctx ends to finish it.
func (l *Listeners) Close(ctx context.Context) error {
	l.ready.Store(false)
	var err error
	if l.pg != nil {
		err = l.pg.Shutdown(ctx)
	}
	err = errors.Join(err, l.closeAPI(ctx))
	for _, srv := range l.https {
		err = errors.Join(err, srv.Shutdown(ctx))
	}
	return err
}
