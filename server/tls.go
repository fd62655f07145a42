package server

import (
	"crypto/tls"
	"log/slog"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/internal/tlsconf"
)

// openTLS reads the certificate of the ports, if there is one.
func (s *Server) openTLS() (err error) {
	c := &s.cfg.Security
	if c.TLSCertFile == "" && c.TLSKeyFile == "" {
		return nil
	}
	s.tls, err = tlsconf.Open(tlsOptions(c, s.logger("tls")))
	if err == nil {
		s.OnReload(func(*config.Config) error { return s.tls.Reload() })
	}
	return err
}

func tlsOptions(c *config.Security, log *slog.Logger) tlsconf.Options {
	return tlsconf.Options{CertFile: c.TLSCertFile, KeyFile: c.TLSKeyFile, ClientCAFile: c.TLSClientCAFile, MinVersion: c.TLSMinVersion, Logger: log}
}

// apiTLS is the encryption of the HTTP API; nil: it is plain.
func (s *Server) apiTLS() *tls.Config {
	if s.tls == nil {
		return nil
	}
	return s.tls.Server("h2", "http/1.1")
}

// watchTLS is the encryption of the ports that monitoring reads, health and
// metrics; nil: they are plain, as there is no certificate or they are public.
func (s *Server) watchTLS() *tls.Config {
	if s.tls == nil || s.cfg.Security.MetricsPublic {
		return nil
	}
	return s.tls.Server("http/1.1")
}

// scheme is how the URLs of a port begin.
func scheme(conf *tls.Config) string {
	if conf == nil {
		return "http"
	}
	return "https"
}
