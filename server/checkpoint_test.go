package server

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
)

// TestLastCheckpointAfterRestart: what the last run stored is known before this
// one stores anything.
func TestLastCheckpointAfterRestart(t *testing.T) {
	t.Parallel()
	cfg := fileConfig(filepath.Join(t.TempDir(), "state"))
	s, err := Open(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if last := s.LastCheckpoint(); !last.At.IsZero() {
		t.Errorf("a new server has a checkpoint of %v", last.At)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	_, c := openFile(t, cfg)
	got := strings.Join(c.ask(t, "SELECT epoch, at > now() - INTERVAL '1 hour' AS new FROM heliosdb.checkpoints", false).lines(), " ")
	if want := "epoch | new 1 | t SELECT 1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
