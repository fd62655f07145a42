package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/pgerr"
	"github.com/heliosdb/heliosdb-streaming/server/api"
)

// serveAPI opens the port of the HTTP API; conf nil: without TLS. conf must
// offer "h2" and "http/1.1".
func (l *Listeners) serveAPI(conf *tls.Config) error {
	ln, err := l.s.open("HTTP API", l.s.cfg.Server.Port, &l.API)
	if err != nil {
		return err
	}
	ln = api.Limit(ln)
	if conf != nil {
		ln = tls.NewListener(ln, conf)
	}
	base, cancel := context.WithCancelCause(context.Background())
	a := api.New(api.Options{
		Backend: newAPIBackend(l.s), Logger: l.s.logger("api"), Registerer: l.s.reg, TLS: conf != nil, Open: l.s.auth.Disabled(),
	})
	l.api, l.apiServer, l.endAPI = a, api.NewServer(base, a, l.s.log), cancel
	go func() {
		if err := l.apiServer.Serve(ln); err != nil && !errors.Is(err, http.ErrServerClosed) {
			l.errs <- fmt.Errorf("HTTP API listener: %w", err)
		}
	}()
	return nil
}

// closeAPI lets requests that run end until ctx does, then ends them.
func (l *Listeners) closeAPI(ctx context.Context) error {
	if l.apiServer == nil {
		return nil
	}
	err := l.apiServer.Shutdown(ctx)
	l.endAPI(pgerr.New(pgerr.AdminShutdown, "terminating connection due to administrator command"))
	if err == nil {
		return nil
	}
	wait, cancel := context.WithTimeout(context.Background(), apiEndTime)
	defer cancel()
	l.api.Wait(wait)
	return errors.Join(err, l.apiServer.Close())
}

// apiEndTime is how long requests that were told to end may take for it.
const apiEndTime = 2 * time.Second
