package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/heliosdb/heliosdb-streaming/pgwire"
	"github.com/heliosdb/heliosdb-streaming/server/api"
)

// Listeners are the open ports of a server.
type Listeners struct {
	PG, API, Health, Metrics string // host:port

	s       *Server
	pg      *pgwire.Server
	health  *healthPort
	metrics *http.Server
	errs    chan error

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
	metrics := http.NewServeMux()
	metrics.Handle("GET /metrics", s.guardMetrics(promhttp.HandlerFor(s.reg, promhttp.HandlerOpts{
		MaxRequestsInFlight: 4, Timeout: httpTimeout,
		// A series that cannot be told does not take the others away.
		ErrorHandling: promhttp.ContinueOnError, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelError),
	})))
	if l.health = s.health; l.health == nil {
		if l.health, err = s.openHealth(); err != nil {
			return nil, errors.Join(err, l.Close(context.Background()))
		}
	}
	l.Health = l.health.addr
	watched, err := s.open("metrics", s.cfg.Server.MetricsPort, &l.Metrics)
	if err != nil {
		return nil, errors.Join(err, l.Close(context.Background()))
	}
	l.metrics = s.serveWatch("metrics", watched, metrics, l.errs)
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

// Ready lets /ready say yes.
func (l *Listeners) Ready() { l.health.ready.Store(true) }

// Errors gives the error of a listener that broke.
func (l *Listeners) Errors() <-chan error { return l.errs }

// Lost gives that of the health port, which may be older than the others.
func (l *Listeners) Lost() <-chan error { return l.health.errs }

// Close stops listening; sessions get 57P01, those that run a statement until
// ctx ends to finish it.
func (l *Listeners) Close(ctx context.Context) error {
	var err error
	if l.health != nil {
		l.health.ready.Store(false)
	}
	if l.pg != nil {
		err = l.pg.Shutdown(ctx)
	}
	err = errors.Join(err, l.closeAPI(ctx))
	if l.metrics != nil {
		err = errors.Join(err, l.metrics.Shutdown(ctx))
	}
	if l.health != nil { // the last one: while the others end, the process lives
		err = errors.Join(err, l.health.srv.Shutdown(ctx))
	}
	return err
}
