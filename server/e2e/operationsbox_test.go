package e2e

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// machine is a directory in which the paths of the document lie, with one service.
type machine struct {
	t       *testing.T
	root    string
	env     []string
	log     *tail
	replace *strings.Replacer
	ports   map[string]string // of the document, and here
	metrics map[string]bool   // that the service had at some time

	mu   sync.Mutex
	unit *exec.Cmd     // the running service, or nil
	gone chan struct{} // closed when it has ended
}

// standIns are for commands that need root or systemd, and Kafka's own. The service
// is a child of the test, so that it ends with it.
var standIns = map[string]string{
	"sudo": `while [[ ${1:-} == -* ]]; do if [[ $1 == -u ]]; then shift 2; else shift; fi; done
case $1 in chown | chgrp) exit 0 ;; esac
exec "$@"`,
	"systemctl":                 `exec curl -sS --fail-with-body --unix-socket "$BOX/systemd" "http://systemd/$1"`,
	"journalctl":                `exec curl -sS --fail-with-body --unix-socket "$BOX/systemd" http://systemd/log`,
	"kafka-topics.sh":           `exec "$KAFKA" tool topics "$@"`,
	"kafka-consumer-groups.sh":  `exec "$KAFKA" tool consumer-groups "$@"`,
	"kafka-console-producer.sh": `exec "$KAFKA" tool console-producer "$@"`,
	"kafka-console-consumer.sh": `exec "$KAFKA" tool console-consumer "$@"`,
}

var (
	documentPath = regexp.MustCompile(`(^|[\s="'|])(/(?:etc/heliosdb|var/lib/heliosdb|var/log/heliosdb|opt/heliosdb|usr/local/bin|backup|safe)\b)`)
	documentPort = regexp.MustCompile(`\b(8080|8081|9090|5433)\b`)
)

func newMachine(t *testing.T, broker string) *machine {
	t.Helper()
	bin, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	source, err := filepath.Abs(repo)
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, root: t.TempDir(), log: &tail{}, metrics: map[string]bool{}}
	m.replace = strings.NewReplacer("localhost:9092", broker, "test-input", fmt.Sprintf("operations-%d-%d", os.Getpid(), uniqueNumber.Add(1)))
	for _, dir := range []string{"etc/heliosdb", "var/lib/heliosdb/state", "var/log/heliosdb", "opt/heliosdb/bin", "usr/local/bin", "backup", "tools", "src/bin"} {
		if err := os.MkdirAll(filepath.Join(m.root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, link := range [][2]string{{bin, "src/bin/heliosdb-streaming"}, {filepath.Join(source, "deploy"), "src/deploy"}} {
		if err := os.Symlink(link[0], filepath.Join(m.root, link[1])); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range standIns {
		path := write(t, filepath.Join(m.root, "tools"), name, "#!/usr/bin/env bash\n"+text+"\n")
		if err := os.Chmod(path, 0o700); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
	}
	write(t, m.root, "env", "")
	m.env = append(os.Environ(), "BOX="+m.root, "KAFKA="+filepath.Join(source, "testdata/kafka/kafka.sh"), "LC_ALL=C.UTF-8",
		"PATH="+filepath.Join(m.root, "tools")+":"+filepath.Join(m.root, "usr/local/bin")+":"+os.Getenv("PATH"))
	m.choosePorts()
	m.serveUnit()
	return m
}

// choosePorts finds a free one for each port of the document, outside of the range
// that the kernel hands out: the service is stopped and started on them.
func (m *machine) choosePorts() {
	m.ports = map[string]string{}
	taken := map[string]bool{}
	for _, p := range []string{"8080", "8081", "9090", "5433"} {
		for tries := 0; m.ports[p] == ""; tries++ {
			port := fmt.Sprint(10_000 + rand.IntN(5_000)) //nolint:gosec // no secret
			l, err := net.Listen("tcp", ":"+port)
			switch {
			case err == nil && !taken[port]:
				m.ports[p], taken[port] = port, true
			case tries > 100:
				m.t.Fatal(err)
			}
			if err == nil {
				_ = l.Close()
			}
		}
	}
}

// here puts this machine's paths, ports and broker into a text of the document.
func (m *machine) here(text string) string {
	text = documentPath.ReplaceAllString(text, "${1}"+m.root+"${2}")
	text = documentPort.ReplaceAllStringFunc(text, func(p string) string { return m.ports[p] })
	return m.replace.Replace(text)
}

// serveUnit is what systemctl asks.
func (m *machine) serveUnit() {
	l, err := net.Listen("unix", filepath.Join(m.root, "systemd"))
	if err != nil {
		m.t.Fatal(err)
	}
	mux := http.NewServeMux()
	for verb, do := range map[string]func() (string, error){
		"enable": func() (string, error) { return "", nil },
		"start":  func() (string, error) { return "", m.start() },
		"stop":   func() (string, error) { return "", m.stop() },
		"restart": func() (string, error) {
			if err := m.stop(); err != nil {
				return "", err
			}
			return "", m.start()
		},
		"reload": func() (string, error) { return "", m.unit.Process.Signal(syscall.SIGHUP) },
		"log":    func() (string, error) { return m.log.String(), nil },
		"show":   func() (string, error) { return fmt.Sprintln(m.unit.Process.Pid), nil },
		"status": func() (string, error) {
			if m.unit == nil {
				return "", fmt.Errorf("inactive (dead)")
			}
			return "active (running)\n", nil
		},
	} {
		mux.HandleFunc("/"+verb, func(w http.ResponseWriter, _ *http.Request) {
			m.mu.Lock()
			defer m.mu.Unlock()
			out, err := do()
			if err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
			_, _ = io.WriteString(w, out)
		})
	}
	srv := &http.Server{Handler: mux} //nolint:gosec // asked by this test alone
	go func() { _ = srv.Serve(l) }()
	m.t.Cleanup(func() {
		_ = srv.Close()
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.unit != nil {
			_ = m.unit.Process.Kill()
			<-m.gone
		}
	})
}

// start does what the unit of deploy/systemd does.
func (m *machine) start() error {
	if m.unit != nil {
		return nil
	}
	secrets, err := os.ReadFile(m.here("/etc/heliosdb/secrets.env"))
	if err != nil {
		return err
	}
	cmd := exec.Command(m.here("/opt/heliosdb/bin/heliosdb-streaming"), "--config", m.here("/etc/heliosdb/streaming.toml"))
	cmd.Dir = m.here("/var/lib/heliosdb")
	cmd.Env = append(os.Environ(), strings.Fields(string(secrets))...)
	cmd.Stdout, cmd.Stderr = m.log, m.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	m.unit, m.gone = cmd, make(chan struct{})
	go func(gone chan struct{}) { _ = cmd.Wait(); close(gone) }(m.gone)
	return nil
}

func (m *machine) stop() error {
	if m.unit == nil {
		return nil
	}
	err := m.unit.Process.Signal(syscall.SIGTERM)
	<-m.gone
	if code := m.unit.ProcessState.ExitCode(); err == nil && code != 0 {
		err = fmt.Errorf("the service ended with %d\n%s", code, m.log)
	}
	m.unit = nil
	return err
}
