package deploy

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func newReader(b []byte) *bufio.Reader { return bufio.NewReader(bytes.NewReader(b)) }

// required is like t.Skip, except that REQUIRE_ALL=1 makes it a failure.
func required(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("REQUIRE_ALL") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "heliosdb-deploy")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "heliosdb-streaming")
	cmd := exec.Command("go", "build", "-p", "2", "-trimpath", "-o", path, "./cmd/heliosdb-streaming")
	cmd.Dir = repository
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", &buildError{err, out}
	}
	return path, nil
})

type buildError struct {
	err error
	out []byte
}

func (e *buildError) Error() string { return e.err.Error() + "\n" + string(e.out) }

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := program(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// binary is the program, built once, static.
func binary(t *testing.T) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// checkConfigEnv runs --check-config on a configuration with one more variable.
func checkConfigEnv(t *testing.T, text string, env ...string) (string, error) {
	t.Helper()
	// A certificate, as the Secret has it: the program looks at it.
	dir := t.TempDir()
	name := filepath.Join(dir, "streaming.toml")
	text = strings.ReplaceAll(text, "/etc/heliosdb-tls/", dir+"/")
	cert, key := selfSigned(t)
	for file, content := range map[string][]byte{
		name: []byte(text), filepath.Join(dir, "tls.crt"): cert, filepath.Join(dir, "tls.key"): key, filepath.Join(dir, "ca.crt"): cert,
	} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(binary(t), "--check-config", "--config", name)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// selfSigned makes a certificate and its key, PEM.
func selfSigned(t *testing.T) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
}

func checkConfigText(t *testing.T, text string) {
	t.Helper()
	if text == "" {
		t.Fatal("there is no configuration")
	}
	out, err := checkConfigEnv(t, text, "JWT_SECRET=c2l4dHkgY2hhcmFjdGVycyBvZiBub3RoaW5nIGluIHBhcnRpY3VsYXI=")
	if err != nil {
		t.Errorf("--check-config: %v\n%s", err, out)
	}
}

// safeBuffer is a buffer that a process writes while the test reads.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
