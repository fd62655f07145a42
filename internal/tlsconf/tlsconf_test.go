package tlsconf

import (
	"bytes"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/testtls"
)

// handshake connects to a listener and returns the certificate's serial number.
func handshake(t *testing.T, addr string, c *tls.Config) (*tls.Conn, int64) {
	t.Helper()
	nc, err := tls.Dial("tcp", addr, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	return nc, nc.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// TestReload: a connection lives on while the certificate changes, and bad files
// leave the good one in place.
func TestReload(t *testing.T) {
	t.Parallel()
	ca := testtls.NewCA(t)
	cert, key := ca.Issue("server", "localhost")
	var log bytes.Buffer
	src, err := Open(Options{CertFile: cert, KeyFile: key, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", src.Server("echo"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			go func(nc net.Conn) { _, _ = io.Copy(nc, nc); _ = nc.Close() }(nc)
		}
	}()
	client := &tls.Config{RootCAs: ca.Pool(), MinVersion: tls.VersionTLS12}
	old, serial := handshake(t, ln.Addr().String(), client)
	ca.Issue("server", "localhost")
	if err := os.Chtimes(cert, time.Time{}, time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, now := handshake(t, ln.Addr().String(), client); now == serial {
		t.Error("the new certificate is not shown")
	} else {
		serial = now
	}
	if _, err := old.Write([]byte("still here")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(old, make([]byte, len("still here"))); err != nil {
		t.Errorf("the connection from before the change: %v", err)
	}
	if err := os.WriteFile(key, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, now := handshake(t, ln.Addr().String(), client); now != serial {
			t.Error("the certificate changed with a broken key")
		}
	}
	if err := src.Reload(); err == nil || !strings.Contains(err.Error(), "stays as it was") {
		t.Errorf("reload of broken files: %v", err)
	}
	if n := strings.Count(log.String(), "cannot be used"); n != 1 {
		t.Errorf("the broken file was reported %d times:\n%s", n, &log)
	}
	ca.Issue("server", "localhost")
	if err := src.Reload(); err != nil {
		t.Fatal(err)
	}
	if _, now := handshake(t, ln.Addr().String(), client); now == serial {
		t.Error("Reload did not read the certificate")
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	ca := testtls.NewCA(t)
	cert, key := ca.Issue("server", "localhost")
	for _, c := range []struct {
		min     string
		version uint16
		ok      bool
	}{
		{"", tls.VersionTLS11, false}, {"", tls.VersionTLS12, true}, {"1.2", tls.VersionTLS13, true},
		{"1.3", tls.VersionTLS12, false}, {"1.3", tls.VersionTLS13, true},
	} {
		src, err := Open(Options{CertFile: cert, KeyFile: key, MinVersion: c.min})
		if err != nil {
			t.Fatal(err)
		}
		a, b := net.Pipe()
		go func() { _ = tls.Server(a, src.Server()).Handshake(); _ = a.Close() }()
		//nolint:gosec // old versions are what is tested
		err = tls.Client(b, &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost", MinVersion: tls.VersionTLS10, MaxVersion: c.version}).Handshake()
		if (err == nil) != c.ok {
			t.Errorf("minimum %q, client %x: %v", c.min, c.version, err)
		}
		_ = b.Close()
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	ca := testtls.NewCA(t)
	cert, key := ca.Issue("server", "localhost")
	_, other := ca.Issue("other", "localhost")
	empty := t.TempDir() + "/empty.pem"
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, want string
		o          Options
	}{
		{"no key", "tls_key_file is not set", Options{CertFile: cert}},
		{"missing", "tls_cert_file", Options{CertFile: cert + ".no", KeyFile: key}},
		{"mismatch", "private key does not match", Options{CertFile: cert, KeyFile: other}},
		{"empty", "the file is empty", Options{CertFile: empty, KeyFile: key}},
		{"ca", "no certificate in PEM", Options{CertFile: cert, KeyFile: key, ClientCAFile: key}},
		{"version", "tls_min_version", Options{CertFile: cert, KeyFile: key, MinVersion: "1.1"}},
	} {
		if _, err := Open(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}
