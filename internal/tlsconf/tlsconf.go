// Package tlsconf keeps the certificate that the listeners show to clients. The
// files are read again when they have changed, looked at on each handshake, and
// on Reload; connections that stand go on with what they began with. Files that
// cannot be used leave the last good certificate in place.
package tlsconf

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Options are the keys of section [security] that concern TLS.
type Options struct {
	CertFile, KeyFile string // PEM: the certificate with its chain, and its private key
	// ClientCAFile, PEM, holds the authorities whose client certificates count as
	// proof; "": clients are not asked for one.
	ClientCAFile string
	MinVersion   string // "" or "1.2", or "1.3"
	Logger       *slog.Logger
}

// maxFileBytes bounds each of the files.
const maxFileBytes = 1 << 20

// Source gives the TLS configuration of the moment.
type Source struct {
	o   Options
	min uint16

	mu    sync.Mutex
	now   *tls.Config
	until time.Time
	stamp [3]stamp // of the files that were last tried, good or bad
}

// stamp tells whether a file is the one that was read.
type stamp struct {
	size int64
	mod  time.Time
	err  bool
}

// Open reads the files.
func Open(o Options) (*Source, error) {
	s := &Source{o: o}
	if o.Logger == nil {
		s.o.Logger = slog.New(slog.DiscardHandler)
	}
	switch o.MinVersion {
	case "", "1.2":
		s.min = tls.VersionTLS12
	case "1.3":
		s.min = tls.VersionTLS13
	default:
		return nil, fmt.Errorf("security.tls_min_version %q: \"1.2\" or \"1.3\" is possible", o.MinVersion)
	}
	s.stamp = s.stamps()
	if err := s.load(); err != nil {
		return nil, err
	}
	return s, nil
}

// Reload reads the files, whether they have changed or not. After an error the
// certificate is the one from before.
func (s *Source) Reload() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stamp = s.stamps()
	if err := s.load(); err != nil {
		return fmt.Errorf("the certificate stays as it was: %w", err)
	}
	s.o.Logger.Info("TLS certificate was read", "file", s.o.CertFile, "not_after", s.until)
	return nil
}

// Current is the configuration for a handshake that begins now. It is shared:
// whoever changes it clones it first.
func (s *Source) Current() *tls.Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at := s.stamps(); at != s.stamp {
		// Once for each state of the files: a broken one is not read, and
		// complained of, by every client.
		s.stamp = at
		if err := s.load(); err != nil {
			s.o.Logger.Error("TLS files changed and cannot be used; the certificate stays as it was", "error", err)
		} else {
			s.o.Logger.Info("TLS certificate was read, as its file changed", "file", s.o.CertFile, "not_after", s.until)
		}
	}
	return s.now
}

// Server is a configuration for a listener, which follows the files. protos are
// the protocols to offer by ALPN.
func (s *Source) Server(protos ...string) *tls.Config {
	return &tls.Config{
		MinVersion: s.min,
		NextProtos: protos,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			c := s.Current().Clone()
			c.NextProtos = protos
			return c, nil
		},
	}
}

// NotAfter is when the certificate ends.
func (s *Source) NotAfter() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.until
}

func (s *Source) stamps() [3]stamp {
	var out [3]stamp
	for i, name := range []string{s.o.CertFile, s.o.KeyFile, s.o.ClientCAFile} {
		if name == "" {
			continue
		}
		fi, err := os.Stat(name)
		if err != nil {
			out[i].err = true
			continue
		}
		out[i] = stamp{size: fi.Size(), mod: fi.ModTime()}
	}
	return out
}

// load reads the files and, when all are good, puts them to use.
func (s *Source) load() error {
	certPEM, err := read("security.tls_cert_file", s.o.CertFile)
	if err != nil {
		return err
	}
	keyPEM, err := read("security.tls_key_file", s.o.KeyFile)
	if err != nil {
		return err
	}
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	clear(keyPEM)
	if err != nil {
		return fmt.Errorf("security.tls_cert_file %s with security.tls_key_file %s: %w", s.o.CertFile, s.o.KeyFile, err)
	}
	if cert.Leaf == nil {
		if cert.Leaf, err = x509.ParseCertificate(cert.Certificate[0]); err != nil {
			return fmt.Errorf("security.tls_cert_file %s: %w", s.o.CertFile, err)
		}
	}
	// Session tickets would let a client in on a certificate that is no longer
	// trusted, and clients of databases keep their connections.
	c := &tls.Config{MinVersion: s.min, Certificates: []tls.Certificate{cert}, SessionTicketsDisabled: true}
	if s.o.ClientCAFile != "" {
		if c.ClientCAs, err = pool(s.o.ClientCAFile); err != nil {
			return err
		}
		c.ClientAuth = tls.VerifyClientCertIfGiven
	}
	if time.Now().After(cert.Leaf.NotAfter) {
		s.o.Logger.Warn("the TLS certificate has expired; clients that verify it will not connect",
			"file", s.o.CertFile, "not_after", cert.Leaf.NotAfter)
	}
	s.now, s.until = c, cert.Leaf.NotAfter
	return nil
}

func pool(file string) (*x509.CertPool, error) {
	pem, err := read("security.tls_client_ca_file", file)
	if err != nil {
		return nil, err
	}
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("security.tls_client_ca_file %s: holds no certificate in PEM", file)
	}
	return p, nil
}

func read(key, file string) ([]byte, error) {
	if file == "" {
		return nil, fmt.Errorf("%s is not set", key)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", key, err)
	case len(b) > maxFileBytes:
		return nil, fmt.Errorf("%s %s: more than %d bytes", key, file, maxFileBytes)
	case len(bytes.TrimSpace(b)) == 0:
		return nil, fmt.Errorf("%s %s: %w", key, file, errors.New("the file is empty"))
	}
	return b, nil
}
