package server

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
)

// syncBuffer is a buffer for several goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestReload(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	var log syncBuffer
	s := &Server{cfg: cfg, log: slog.New(slog.NewTextHandler(&log, nil))}
	s.reloads.started = cfg.Clone()
	s.reloads.running.Store(cfg)
	var level string
	s.OnReload(func(*config.Config) error { return errors.New("no such certificate") })
	s.OnReload(func(c *config.Config) error { level = c.Logging.Level; return nil })

	next := config.Default()
	next.Logging.Level = "debug"
	next.Server.Port = 1
	next.Warnings = []string{"mind this"}
	err := s.Reload(next)
	if err == nil || !strings.Contains(err.Error(), "no such certificate") {
		t.Errorf("%v", err)
	}
	if level != "debug" || s.Config().Logging.Level != "debug" || s.Config().Server.Port != 8080 {
		t.Errorf("level %q, in force %s", level, s.Config())
	}
	for _, want := range []string{"[server] port", "mind this", "[logging] level"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %q in %s", want, log.String())
		}
	}
}
