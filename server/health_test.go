package server

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
)

// TestHealthBeforeRecovery: while the state is being opened, which may take long,
// the process is alive and not ready.
func TestHealthBeforeRecovery(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.Server.Port, cfg.Server.PgwirePort, cfg.Server.HealthCheckPort, cfg.Server.MetricsPort = 0, 0, 0, 0
	cfg.State.Backend, cfg.State.Path = config.BackendMemory, t.TempDir()
	cfg.Security.AuthenticationEnabled = false
	probe := func(addr, path string, want int) {
		t.Helper()
		resp, err := http.Get("http://" + addr + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != want {
			t.Errorf("%s: %s %s %v, want %d", path, resp.Status, body, err, want)
		}
	}
	s, err := openUntil(t.Context(), cfg, slog.New(slog.DiscardHandler), func(s *Server) {
		h, err := s.openHealth()
		if err != nil {
			t.Fatal(err)
		}
		s.health = h
		probe(h.addr, "/health", 200)
		probe(h.addr, "/ready", 503)
	})
	if err != nil {
		t.Fatal(err)
	}
	early := s.health.addr
	l, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	if l.Health != early {
		t.Errorf("the port moved from %s to %s", early, l.Health)
	}
	probe(l.Health, "/ready", 503)
	l.Ready()
	probe(l.Health, "/ready", 200)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := l.Close(ctx); err != nil {
		t.Error(err)
	}
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
}
