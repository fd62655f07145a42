package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
)

// Version is the program's version.
const Version = "4.0.0"

// RunOptions are what Run needs besides the configuration.
type RunOptions struct {
	// Dev adds the embedded broker and its events.
	Dev bool
	// Log gets the log. Required.
	Log *slog.Logger
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
	if ip := net.ParseIP(cfg.Server.Host); cfg.Server.Host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		log.Warn("the ports are open to other machines, and this version asks nobody for a password", "host", cfg.Server.Host)
	}
	var d *devMode
	if o.Dev {
		if d, err = startDev(cfg, log); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, d.close()) }()
	}
	s, err := Open(cfg, log)
	if err != nil {
		return err
	}
	s.reloads.started = started
	l, err := s.Listen()
	if err != nil {
		return errors.Join(err, s.Close(context.Background()))
	}
	if o.Reload != nil {
		s.background.Go(func() { s.reloadLoop(o.Reload, o.Load) })
	}
	err = s.serve(ctx, l, d, o.Out)
	stop, cancel := context.WithTimeout(context.Background(), cfg.Server.ShutdownTimeout)
	defer cancel()
	log.Info("stopping: last checkpoint")
	return errors.Join(err, l.Close(stop), s.Close(stop))
}

// serve applies the startup files, says that it is ready, and waits.
func (s *Server) serve(ctx context.Context, l *Listeners, d *devMode, out io.Writer) error {
	for _, f := range s.cfg.Startup.SQLFiles {
		if err := s.applyFile(ctx, f); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
	l.Ready()
	s.log.Info("ready", "pgwire", l.PG, "health", l.Health, "metrics", l.Metrics, "workers", s.workers())
	if d != nil {
		if err := d.feed(); err != nil {
			return err
		}
		d.welcome(out, l)
		progress := make(chan struct{})
		go func() {
			defer close(progress)
			d.progress(ctx, out, s)
		}()
		defer func() { <-progress }()
	} else {
		fmt.Fprintf(out, "HeliosDB Streaming %s is ready: pgwire %s, health http://%s/health, metrics http://%s/metrics\n", Version, l.PG, l.Health, l.Metrics)
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-l.Errors():
		return err
	}
}
