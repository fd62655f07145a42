package server

import (
	"io"
	"log/slog"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/internal/logging"
)

// logger is the log of a part of the program, see logging.Components.
func (s *Server) logger(component string) *slog.Logger {
	return s.log.With(logging.Component, component)
}

// OpenLog opens the process's log as the configuration says.
func OpenLog(cfg *config.Config, out io.Writer) (*logging.Log, error) {
	l := cfg.Logging
	return logging.New(logging.Options{
		Level: l.Level, Format: l.Format, Components: l.Components, File: l.File, MaxSizeMB: l.MaxSizeMB, MaxFiles: l.MaxFiles,
	}, out)
}
