package server

import (
	"io"
	"log/slog"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
)

// levelTrace is below debug.
const levelTrace = slog.LevelDebug - 4

var levels = map[string]slog.Level{
	"error": slog.LevelError, "warn": slog.LevelWarn, "info": slog.LevelInfo, "debug": slog.LevelDebug, "trace": levelTrace,
}

// NewLogger makes the process's logger: JSON lines, or text for people.
func NewLogger(cfg *config.Config, out io.Writer) *slog.Logger {
	opts := &slog.HandlerOptions{Level: levels[cfg.Logging.Level]}
	if cfg.Logging.Format == "json" {
		return slog.New(slog.NewJSONHandler(out, opts))
	}
	return slog.New(slog.NewTextHandler(out, opts))
}
