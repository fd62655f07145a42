package server

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/heliosdb/heliosdb-streaming/connectors/kafka"
	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/internal/tlsconf"
	"github.com/heliosdb/heliosdb-streaming/server/auth"
	"github.com/heliosdb/heliosdb-streaming/sql/parse"
)

// CheckFiles reads what the files that a configuration names hold, as the start
// would, and changes nothing: certificates with their keys, the RBAC file, the
// syntax of startup SQL. The error has a message a line for everything that is
// wrong. It cannot know the roles made in SQL, nor what SQL refers to.
func CheckFiles(cfg *config.Config) error {
	var errs []error
	note := func(key string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", cfg.Origin(key), err))
		}
	}
	if cfg.Security.TLSCertFile != "" || cfg.Security.TLSKeyFile != "" {
		_, err := tlsconf.Open(tlsOptions(&cfg.Security, slog.New(slog.DiscardHandler)))
		note("security.tls_cert_file", err)
	}
	if path := cfg.Security.RBACFile; path != "" {
		note("security.rbac_file", auth.CheckRBACFile(path))
	}
	if err := kafka.FromConfig(&cfg.Kafka).CheckFiles(); err != nil {
		note("kafka.enable_ssl", fmt.Errorf("[kafka] ssl_…: %w", err))
	}
	for _, path := range cfg.Startup.SQLFiles {
		note("startup.sql_files", checkSQLFile(path))
	}
	return errors.Join(errs...)
}

func checkSQLFile(path string) error {
	text, err := readFile(path)
	if err != nil {
		return err
	}
	if _, err := parse.Parse(text); err != nil {
		return fileError(path, text, 0, err)
	}
	return nil
}
