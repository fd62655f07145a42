package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"
)

// access is the security of one source's connections. It may change while they
// are open: a new connection, or a login that is renewed, uses the newest.
type access struct {
	current atomic.Pointer[Security]
	tokens  tokens
}

func newAccess(s Security) *access {
	a := &access{}
	a.current.Store(&s)
	return a
}

// tlsError is a connection to a broker that failed in the TLS handshake.
type tlsError struct{ err error }

func (e *tlsError) Error() string { return "TLS: " + e.err.Error() }
func (e *tlsError) Unwrap() error { return e.err }

// dialer opens connections, with TLS where it is wanted. The files are read for
// every connection: certificates are renewed under the same names.
func (a *access) dialer(timeout time.Duration) func(ctx context.Context, network, addr string) (net.Conn, error) {
	d := &net.Dialer{Timeout: timeout}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		s := a.current.Load()
		conn, err := d.DialContext(ctx, network, addr)
		if err != nil || !s.TLS {
			return conn, err
		}
		cfg, err := s.tlsConfig(addr)
		if err == nil {
			tc := tls.Client(conn, cfg)
			ctx, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			if err = tc.HandshakeContext(ctx); err == nil {
				return tc, nil
			}
		}
		_ = conn.Close()
		return nil, &tlsError{err}
	}
}

// tlsConfig is what a connection to addr asks for.
func (s *Security) tlsConfig(addr string) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.ServerName}
	if cfg.ServerName == "" {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		cfg.ServerName = host
	}
	if s.CAFile != "" {
		pem, err := readFile(s.CAFile)
		if err != nil {
			return nil, err
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate in PEM", s.CAFile)
		}
	}
	if s.CertFile != "" {
		cert, err := s.keyPair()
		if err != nil {
			return nil, fmt.Errorf("%s and %s: %w", s.CertFile, s.KeyFile, err)
		}
		cfg.Certificates = []tls.Certificate{cert}
	}
	if s.AnyName {
		roots := cfg.RootCAs
		// The chain is verified all the same, only the name is not looked at.
		cfg.InsecureSkipVerify = true
		cfg.VerifyConnection = func(cs tls.ConnectionState) error { return verifyChain(cs.PeerCertificates, roots) }
	}
	return cfg, nil
}

func (s *Security) keyPair() (tls.Certificate, error) {
	cert, err := readFile(s.CertFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := readFile(s.KeyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(cert, key)
}

// verifyChain checks that a server's certificate leads to one of the roots.
func verifyChain(certs []*x509.Certificate, roots *x509.CertPool) error {
	if len(certs) == 0 {
		return errors.New("the broker shows no certificate")
	}
	between := x509.NewCertPool()
	for _, c := range certs[1:] {
		between.AddCert(c)
	}
	_, err := certs[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	return err
}
