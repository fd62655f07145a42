package server

import (
	"errors"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
)

// reloader hands a configuration that was read again to those parts of the
// server that can change while it runs.
type reloader struct {
	started *config.Config                 // as read at the start
	running atomic.Pointer[config.Config]  // with what was reloaded since
	load    func() (*config.Config, error) // reads it again; nil: it cannot be

	mu   sync.Mutex // one reload at a time; guards subs
	subs []func(*config.Config) error
}

// Config is the configuration in force: that of the start with what was
// reloaded since. It must not be changed.
func (s *Server) Config() *config.Config { return s.reloads.running.Load() }

// OnReload lets fn see every reloaded configuration, also when no key changed:
// files that it names may have. An error means that fn keeps what it had, and
// is logged. fn must not call Reload or OnReload.
func (s *Server) OnReload(fn func(*config.Config) error) {
	s.reloads.mu.Lock()
	defer s.reloads.mu.Unlock()
	s.reloads.subs = append(s.reloads.subs, fn)
}

// Reload puts those keys of next in force that a running server can change,
// and names in the log what needs a restart. The error joins those of the
// subscribers; the others have changed all the same.
func (s *Server) Reload(next *config.Config) error {
	s.reloads.mu.Lock()
	defer s.reloads.mu.Unlock()
	r := config.Reload(s.reloads.started, s.reloads.running.Load(), next)
	var errs []error
	for _, fn := range s.reloads.subs {
		if err := fn(r.Config); err != nil {
			errs = append(errs, err)
		}
	}
	s.reloads.running.Store(r.Config)
	if len(r.Restart) > 0 {
		s.logger("config").Warn("changed keys that need a restart keep their old values until then", "keys", strings.Join(r.Restart, ", "))
	}
	for _, w := range next.Warnings {
		s.logger("config").Warn(w)
	}
	s.logger("config").Info("configuration reloaded", "changed", strings.Join(r.Changed, ", "))
	return errors.Join(errs...)
}

// reloadLoop opens the log's file and reads the configuration again at every
// signal, until the server closes.
func (s *Server) reloadLoop(signals <-chan os.Signal, reopen func() error, load func() (*config.Config, error)) {
	for {
		select {
		case <-s.closing.Done():
			return
		case <-signals:
		}
		if err := reopen(); err != nil {
			s.logger("config").Error("the log's file cannot be opened again", "err", err)
		}
		next, err := load()
		if err != nil {
			s.logger("config").Error("configuration not reloaded: all that was in force stays", "err", err)
			continue
		}
		if err := s.Reload(next); err != nil {
			s.logger("config").Error("a part of the configuration was not reloaded: there, what was in force stays", "err", err)
		}
	}
}
