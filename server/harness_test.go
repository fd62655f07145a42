package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/pgwire"
)

// startTest opens a server in memory with a listener on a free port and gives
// its host:port. Everything ends with the test.
func startTest(t testing.TB) (*Server, string) {
	t.Helper()
	return startCutting(t, 50*time.Millisecond)
}

// startCutting is startTest with an interval between cuts.
func startCutting(t testing.TB, cuts time.Duration) (*Server, string) {
	t.Helper()
	cfg := config.Default()
	cfg.Security.AuthenticationEnabled = false
	cfg.State.Backend = config.BackendMemory
	cfg.State.Path = t.TempDir()
	cfg.Streaming.CheckpointInterval = time.Hour
	cfg.Streaming.WatermarkInterval = cuts
	cfg.Streaming.MaxParallelism = 2
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	s, err := Open(cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	return s, serveTest(t, s, log)
}

// serveTest serves s on a free port and stops both with the test.
func serveTest(t testing.TB, s *Server, log *slog.Logger) string {
	t.Helper()
	conf := pgwire.Config{Logger: log}
	if s.tls != nil {
		conf.TLS = s.tls.Current
	}
	w, err := pgwire.NewServer(s.handler(), conf)
	if err != nil {
		t.Fatal(err)
	}
	s.clients = w
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- w.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := w.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; !errors.Is(err, pgwire.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
		if used := s.budget.Used(); used != 0 {
			t.Errorf("%d bytes of memory are still reserved", used)
		}
		if err := s.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return ln.Addr().String()
}
