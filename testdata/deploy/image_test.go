package deploy

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The files of the image, run in a chroot as the image's user: the program
// starts from nothing but its own files, answers the guide's health check, and
// stops on SIGTERM.
func TestImage(t *testing.T) {
	if os.Getuid() != 0 {
		required(t, "chroot needs root")
	}
	root := filepath.Join(t.TempDir(), "rootfs")
	certificates := "/etc/ssl/certs/ca-certificates.crt"
	if _, err := os.Stat(certificates); err != nil {
		required(t, "ca-certificates is missing")
	}
	if out, err := exec.Command(repository+"/deploy/docker/rootfs.sh", binary(t), root, certificates).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for dir := root; dir != "/"; dir = filepath.Dir(dir) {
		if st, err := os.Stat(dir); err == nil && st.Mode()&1 == 0 {
			if err := os.Chmod(dir, st.Mode()|0o111); err != nil { // the test's own folders are 0700
				t.Fatal(err)
			}
		}
	}
	in := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(name, args...)
		cmd.Dir = "/var/lib/heliosdb"
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
		cmd.Env = []string{
			"HOME=/var/lib/heliosdb", "HELIOSDB_SERVER_PORT=0", "HELIOSDB_SERVER_HEALTH_CHECK_PORT=0", "HELIOSDB_SERVER_METRICS_PORT=0",
			"HELIOSDB_SERVER_PGWIRE_PORT=0", "HELIOSDB_STATE_ENCRYPTION_ENABLED=true", "HELIOSDB_LOGGING_FORMAT=json",
		}
		return cmd
	}
	config := filepath.Join(root, "etc/heliosdb/streaming.toml")
	if err := os.WriteFile(config, []byte("[state]\npath = \"/var/lib/heliosdb/state\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := in("/usr/bin/heliosdb-streaming", "--version").CombinedOutput(); err != nil || !strings.Contains(string(out), strings.TrimPrefix(image[strings.Index(image, ":v"):], ":v")) {
		t.Fatalf("--version: %v %s, want that of %s", err, out, image)
	}
	var log safeBuffer
	srv := in("/usr/bin/heliosdb-streaming")
	srv.Stdout, srv.Stderr = &log, &log
	if err := srv.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- srv.Wait() }()
	defer func() {
		_ = srv.Process.Kill()
	}()
	url := healthURL(t, &log, exited)
	if out, err := in("/usr/bin/curl", "-f", url).CombinedOutput(); err != nil || !bytes.Contains(out, []byte("ok")) {
		t.Errorf("curl -f %s: %v %s", url, err, out)
	}
	if out, err := in("/usr/bin/curl", "-f", url+"-not-there").CombinedOutput(); err == nil {
		t.Errorf("curl -f of a page that is not there: %s", out)
	}
	if err := srv.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-exited; err != nil {
		t.Errorf("the server ended with %v\n%s", err, log.String())
	}
}

var ready = regexp.MustCompile(`health (https?://[0-9.:]+/health)`)

// healthURL waits for the line that says that the server is ready.
func healthURL(t *testing.T, log *safeBuffer, exited chan error) string {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		if m := ready.FindStringSubmatch(log.String()); m != nil {
			return m[1]
		}
		select {
		case err := <-exited:
			t.Fatalf("the server ended: %v\n%s", err, log.String())
		case <-deadline:
			t.Fatalf("the server is not ready\n%s", log.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
