package server

import (
	"io"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/internal/logging"
)

// OpenLog opens the process's log as the configuration says.
func OpenLog(cfg *config.Config, out io.Writer) (*logging.Log, error) {
	l := cfg.Logging
	return logging.New(logging.Options{
		Level: l.Level, Format: l.Format, Components: l.Components, File: l.File, MaxSizeMB: l.MaxSizeMB, MaxFiles: l.MaxFiles,
	}, out)
}
