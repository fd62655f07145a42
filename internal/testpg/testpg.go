// Package testpg starts a real PostgreSQL for tests that use it as the oracle.
package testpg

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// bindirs are where PostgreSQL 15's server programs may be; POSTGRES_BIN comes
// first.
var bindirs = []string{os.Getenv("POSTGRES_BIN"), "/usr/lib/postgresql/15/bin"}

var server struct {
	sync.Once
	dsn string
	err error
	// stdin is held here because the collector would close it, which stops the server.
	stdin io.Closer
}

// Start returns the DSN of a PostgreSQL 15 server of this test binary: C locale,
// UTF8, UTC, on a free port of the loopback interface, in a temporary
// directory. All tests of the binary share it, and it ends with the process.
// Without PostgreSQL the test is skipped, or fails when REQUIRE_ALL=1.
func Start(t testing.TB) string {
	t.Helper()
	server.Do(func() { server.dsn, server.err = start() })
	if server.err != nil {
		if os.Getenv("REQUIRE_ALL") == "1" {
			t.Fatalf("PostgreSQL is required: %v", server.err)
		}
		t.Skipf("no PostgreSQL to compare with: %v", server.err)
	}
	return server.dsn
}

func start() (string, error) {
	bin := ""
	for _, d := range bindirs {
		if _, err := os.Stat(filepath.Join(d, "initdb")); d != "" && err == nil {
			bin = d
			break
		}
	}
	if bin == "" {
		return "", errors.New("PostgreSQL 15's initdb not found; set POSTGRES_BIN")
	}
	dir, err := os.MkdirTemp("", "testpg")
	if err != nil {
		return "", err
	}
	cred, err := credential(dir)
	if err != nil {
		return "", err
	}
	data := filepath.Join(dir, "data")
	if err := run(cred, filepath.Join(bin, "initdb"), "-D", data, "--locale=C", "-E", "UTF8", "-U", "postgres", "-A", "trust", "-N"); err != nil {
		return "", err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	// The shell removes the directory and stops the server when this process
	// ends, however it ends: its standard input is a pipe that only we hold.
	script := fmt.Sprintf(`%q -D %q -p %d -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c timezone=UTC -c log_timezone=UTC -c fsync=off -c shared_buffers=32MB -c max_connections=20 -c log_min_messages=panic >%q 2>&1 & pid=$!
cat >/dev/null; kill -INT $pid; wait $pid; rm -rf %q`, filepath.Join(bin, "postgres"), data, port, filepath.Join(dir, "log"), dir)
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred, Setpgid: true}
	cmd.Dir = dir
	if server.stdin, err = cmd.StdinPipe(); err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	if err := waitReady(bin, port); err != nil {
		out, _ := os.ReadFile(filepath.Join(dir, "log"))
		return "", fmt.Errorf("PostgreSQL did not start: %w: %s", err, bytes.TrimSpace(out))
	}
	return "postgres://postgres@" + addr + "/postgres?sslmode=disable", nil
}

func waitReady(bin string, port int) error {
	var err error
	for range 100 {
		// pg_isready itself waits for the answer; a refused connection returns
		// at once, hence the pause.
		err = exec.Command(filepath.Join(bin, "pg_isready"), "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-t", "1").Run()
		if err == nil {
			return nil
		}
		<-time.After(100 * time.Millisecond)
	}
	return err
}

// credential picks the user to run as: PostgreSQL refuses to be root.
func credential(dir string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, uid, gid)
	}
	return nil, errors.New("running as root and no unprivileged user found")
}

func run(cred *syscall.Credential, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
	cmd.Dir = "/"
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(name), err, bytes.TrimSpace(out))
	}
	return nil
}
