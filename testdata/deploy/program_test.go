package deploy

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
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
	// The files of the certificate must be there; what they hold is not looked at.
	dir := t.TempDir()
	name := filepath.Join(dir, "streaming.toml")
	text = strings.ReplaceAll(text, "/etc/heliosdb-tls/", dir+"/")
	for file, content := range map[string]string{name: text, filepath.Join(dir, "tls.crt"): "", filepath.Join(dir, "tls.key"): "", filepath.Join(dir, "ca.crt"): ""} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(binary(t), "--check-config", "--config", name)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
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
