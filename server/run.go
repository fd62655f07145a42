package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/internal/logging"
)

// Version is the program's version.
const Version = "4.0.0"

// RunOptions are what Run needs besides the configuration.
type RunOptions struct {
	// Dev adds the embedded broker and its events.
	Dev bool
	// Log gets the log. Required.
	Log *logging.Log
	// Out gets what people read: in dev mode the first screen and live progress.
	Out io.Writer
	// Reload asks for the configuration to be read again, by Load. Nil: never.
	Reload <-chan os.Signal
	Load   func() (*config.Config, error)
}

// Run serves until ctx ends, then takes a last checkpoint and stops.
func Run(ctx context.Context, cfg *config.Config, o RunOptions) (err error) {
	log, started := o.Log, cfg.Clone()
	for _, w := range cfg.Warnings {
		log.Warn(w)
	}
	stopTracing, err := startTracing(ctx, cfg, log.Logger)
	if err != nil {
		return err
	}
	defer stopTracing()
	var d *devMode
	if o.Dev {
		if d, err = startDev(cfg, log.Logger); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, d.close()) }()
	}
	var health *healthPort
	s, err := openUntil(ctx, cfg, log.Logger, func(s *Server) {
		// A port that is taken is told by Listen: before, a second process on the same
		// state is to hear of that.
		if health, _ = s.openHealth(); health != nil { //nolint:errcheck // see above
			s.health = health
		}
	})
	if health != nil {
		defer health.srv.Close()
	}
	switch {
	case err != nil && ctx.Err() != nil:
		log.Info("stopped before it was ready", "error", err)
		return nil
	case err != nil:
		return err
	}
	s.reloads.started, s.reloads.load = started, o.Load
	s.recentLog = o.Log.Recent
	s.OnReload(func(c *config.Config) error { return o.Log.SetLevels(c.Logging.Level, c.Logging.Components) })
	l, err := s.Listen()
	if err != nil {
		return errors.Join(err, s.Close(context.Background()))
	}
	if o.Reload != nil {
		s.background.Go(func() { s.reloadLoop(o.Reload, o.Log.Reopen, o.Load) })
	}
	err = s.serve(ctx, l, d, o)
	stop, cancel := context.WithTimeout(context.Background(), cfg.Server.ShutdownTimeout)
	defer cancel()
	log.Info("stopping: last checkpoint")
	return errors.Join(err, l.Close(stop), s.Close(stop))
}

// serve applies the startup files, says that it is ready, and waits.
func (s *Server) serve(ctx context.Context, l *Listeners, d *devMode, o RunOptions) error {
	for _, f := range s.cfg.Startup.SQLFiles {
		if err := s.applyFile(ctx, f); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
	l.Ready()
	ports := scheme(s.watchTLS())
	o.Log.Announce(fmt.Sprintf("HeliosDB Streaming %s is ready: pgwire %s, health %s://%s/health, metrics %s://%s/metrics, API %s://%s/api/v1",
		Version, l.PG, ports, l.Health, ports, l.Metrics, scheme(s.apiTLS()), l.API),
		"workers", s.workers())
	if d != nil {
		if err := d.feed(); err != nil {
			return err
		}
		d.welcome(o.Out, l)
		progress := make(chan struct{})
		go func() {
			defer close(progress)
			d.progress(ctx, o.Out, s)
		}()
		defer func() { <-progress }()
	}
	select {
	case <-ctx.Done():
		return nil
	case <-s.lost():
		return s.remote.Err()
	case err := <-l.Errors():
		return err
	case err := <-l.Lost():
		return err
	}
}
