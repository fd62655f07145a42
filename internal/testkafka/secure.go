package testkafka

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The user of Secure's listeners with PLAIN and SCRAM.
const (
	User     = "ann"
	Password = "ann-secret"
)

// SecureServer is a real Kafka whose listeners ask for TLS and for a login.
type SecureServer struct {
	*Server
	// TLS speaks it and asks for nothing more; Mutual asks for a certificate.
	// Login and LoginTLS take PLAIN and both SCRAMs of User; OAuth takes unsecured
	// tokens, and asks for another every two seconds.
	TLS, Mutual, Login, LoginTLS, OAuth string
	// Files, PEM: the authority, a client's certificate that it signed, and
	// another authority with a certificate of its own.
	CA, Cert, Key, OtherCA, OtherCert, OtherKey string
}

// Secure starts a Kafka with secured listeners that only this test uses.
func Secure(t testing.TB) *SecureServer {
	t.Helper()
	dir := t.TempDir()
	s := &SecureServer{}
	ca := newAuthority(t, dir, "ca")
	other := newAuthority(t, dir, "other")
	s.CA, s.OtherCA = ca.file, other.file
	cert, key := ca.issue(t, dir, "server", "localhost")
	joinFiles(t, filepath.Join(dir, "server.pem"), key, cert)
	s.Cert, s.Key = ca.issue(t, dir, "client", User)
	s.OtherCert, s.OtherKey = other.issue(t, dir, "stranger", User)
	server, err := serve("0", "HELIOSDB_TEST_KAFKA_SECURE="+dir)
	if err != nil {
		Missing(t, "real Kafka: "+err.Error())
	}
	t.Cleanup(server.end)
	s.Server = server
	text, err := os.ReadFile(filepath.Join(server.dir, "addresses"))
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]*string{"TLS": &s.TLS, "MUTUAL": &s.Mutual, "LOGIN": &s.Login, "LOGINTLS": &s.LoginTLS, "OAUTH": &s.OAuth}
	for line := range strings.Lines(string(text)) {
		name, addr, _ := strings.Cut(strings.TrimSpace(line), "=")
		*at[name] = addr
	}
	return s
}

// authority signs certificates of a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t testing.TB, dir, name string) *authority {
	t.Helper()
	a := &authority{file: filepath.Join(dir, name+".pem")}
	tmpl := &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der := a.sign(t, tmpl, nil)
	var err error
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	writePEM(t, a.file, "CERTIFICATE", der)
	return a
}

// sign makes a key and a certificate of it; with a's key, or with its own when a
// has none yet and keeps it.
func (a *authority) sign(t testing.TB, tmpl *x509.Certificate, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	parent := a.cert
	if key == nil {
		var err error
		if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
		key, parent = a.key, tmpl
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// issue writes a certificate and its key, for a server of this machine or for a
// client called name.
func (a *authority) issue(t testing.TB, dir, file, name string) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if name == "localhost" {
		tmpl.DNSNames, tmpl.IPAddresses = []string{name}, []net.IP{net.IPv6loopback}
	}
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, file+".cert.pem"), filepath.Join(dir, file+".key.pem")
	writePEM(t, key, "PRIVATE KEY", der)
	writePEM(t, cert, "CERTIFICATE", a.sign(t, tmpl, k))
	return cert, key
}

func serial(t testing.TB) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func writePEM(t testing.TB, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func joinFiles(t testing.TB, to string, from ...string) {
	t.Helper()
	var all []byte
	for _, f := range from {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	if err := os.WriteFile(to, all, 0o600); err != nil {
		t.Fatal(err)
	}
}
