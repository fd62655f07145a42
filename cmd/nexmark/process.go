package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// kafka is the broker of the run.
type kafka struct {
	addr  string
	stdin io.Closer
	cmd   *exec.Cmd
	dir   string
}

// openKafka starts a broker unless addr names one.
func openKafka(ctx context.Context, addr string) (*kafka, error) {
	if addr != "" {
		return &kafka{addr: addr}, nil
	}
	dir, err := os.MkdirTemp("", "nexmark-kafka-")
	if err != nil {
		return nil, err
	}
	k := &kafka{dir: dir}
	k.cmd = exec.CommandContext(ctx, "testdata/kafka/kafka.sh", "serve", dir, "0")
	k.cmd.Env = append(os.Environ(), "HELIOSDB_TEST_KAFKA_HEAP=1g")
	k.cmd.Stderr = os.Stderr
	in, err := k.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	k.stdin = in
	out, err := k.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := k.cmd.Start(); err != nil {
		return nil, err
	}
	sc := bufio.NewScanner(out)
	if !sc.Scan() {
		return nil, errors.Join(errors.New("the broker did not start"), k.cmd.Wait())
	}
	k.addr = strings.TrimSpace(sc.Text())
	return k, nil
}

func (k *kafka) close() {
	if k.cmd == nil {
		return
	}
	_ = k.stdin.Close()
	_ = k.cmd.Wait()
	_ = os.RemoveAll(k.dir)
}

// engine is the engine as a process of its own.
type engine struct {
	cmd            *exec.Cmd
	dir            string
	pg, metricsURL string
	pgConfig       *pgx.ConnConfig
	conn           *pgx.Conn
	http           *http.Client
	exited         chan struct{}
}

var readyLine = regexp.MustCompile(`pgwire (\S+), health https?://\S+, metrics (https?://[^\s",]+)`)

// setup is what an engine is started with.
type setup struct {
	checkpointSecs string
	// state is the [state] section but for its head; %DIR% stands for the engine's directory. "": a directory there.
	state string
	more  string      // further settings: of [security], and sections behind it
	tls   *tls.Config // how to reach it; nil without TLS
}

// startEngine starts the engine on an empty data directory.
func startEngine(ctx context.Context, o *options, s setup) (*engine, error) {
	dir, err := os.MkdirTemp("", "nexmark-engine-")
	if err != nil {
		return nil, err
	}
	if s.state == "" {
		s.state = `path = "%DIR%/state"`
	}
	config := fmt.Sprintf(`[server]
host = "127.0.0.1"
port = 0
health_check_port = 0
metrics_port = 0
pgwire_port = 0
[streaming]
checkpoint_interval_secs = %s
max_parallelism = %d
[state]
%s
[kafka]
bootstrap_servers = %q
[logging]
level = "warn"
[security]
authentication_enabled = false
%s
`, s.checkpointSecs, o.workers, strings.ReplaceAll(s.state, "%DIR%", dir), o.broker, strings.ReplaceAll(s.more, "%DIR%", dir))
	file := filepath.Join(dir, "streaming.toml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	e := &engine{dir: dir, exited: make(chan struct{}), http: &http.Client{
		Transport: &http.Transport{TLSClientConfig: s.tls}, Timeout: 10 * time.Second,
	}}
	e.cmd = exec.Command(o.binary, "--config", file)
	e.cmd.Stderr = os.Stderr
	out, err := e.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := e.cmd.Start(); err != nil {
		return nil, err
	}
	sc := bufio.NewScanner(out)
	for e.pg == "" && sc.Scan() {
		if m := readyLine.FindStringSubmatch(sc.Text()); m != nil {
			e.pg, e.metricsURL = m[1], m[2]
		}
	}
	if e.pg == "" {
		return nil, errors.Join(errors.New("the engine did not start"), e.cmd.Wait())
	}
	go func() {
		_, _ = io.Copy(io.Discard, out)
		_ = e.cmd.Wait()
		close(e.exited)
	}()
	if e.pgConfig, err = pgx.ParseConfig("postgres://bench@" + e.pg + "/heliosdb?sslmode=disable&default_query_exec_mode=simple_protocol"); err != nil {
		return nil, err
	}
	e.pgConfig.TLSConfig = s.tls
	e.conn, err = pgx.ConnectConfig(ctx, e.pgConfig)
	return e, err
}

func (e *engine) stop() {
	if e.conn != nil {
		_ = e.conn.Close(context.Background())
	}
	_ = e.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-e.exited:
	case <-time.After(30 * time.Second):
		_ = e.cmd.Process.Kill()
	}
	_ = os.RemoveAll(e.dir)
}

// cpu is the processor time that the engine has used.
func (e *engine) cpu() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", e.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+2:]))
	user, err1 := strconv.ParseInt(f[11], 10, 64)
	system, err2 := strconv.ParseInt(f[12], 10, 64)
	return time.Duration(user+system) * (time.Second / 100), errors.Join(err1, err2)
}

// peakMB is the engine's greatest resident size.
func (e *engine) peakMB() int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", e.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for _, line := range strings.Split(string(b), "\n") {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
			return kb >> 10
		}
	}
	return 0
}

// metrics scrapes the engine's metrics: series without labels by name, others
// by name{labels}.
func (e *engine) metrics() (map[string]float64, error) {
	resp, err := e.http.Get(e.metricsURL)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", e.metricsURL, resp.Status)
	}
	m := map[string]float64{}
	sc := bufio.NewScanner(resp.Body)
	for sc.Scan() {
		line := sc.Text()
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || line[0] == '#' {
			continue
		}
		if v, err := strconv.ParseFloat(line[at+1:], 64); err == nil {
			m[line[:at]] = v
		}
	}
	return m, sc.Err()
}
