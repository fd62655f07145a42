// Package testkafka gives tests a broker: a real Apache Kafka, or franz-go's
// kfake. The same test code runs against either.
//
// A real Kafka is the one that HELIOSDB_TEST_KAFKA names (host:port), or one
// that is started for the test binary by testdata/kafka/kafka.sh and ends with
// it, however it ends. Where Kafka cannot be had tests are skipped with the
// reason, or fail when REQUIRE_ALL=1 is in the environment, as it is in CI.
package testkafka

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Environment variables.
const (
	EnvAddress    = "HELIOSDB_TEST_KAFKA" // bootstrap address of a running Kafka
	EnvRequireAll = "REQUIRE_ALL"         // "1": what is missing fails instead of skipping
)

// Partitions of topics that are created by asking for them.
const Partitions = 4

const (
	adminTimeout = 30 * time.Second
	toolTimeout  = time.Minute
)

// Start returns the bootstrap address of a real Kafka, shared by all tests of
// the test binary; tests keep apart by Topic.
func Start(t testing.TB) string {
	t.Helper()
	addr, err := shared()
	if err != nil {
		Missing(t, "real Kafka: "+err.Error())
	}
	return addr
}

// Fake returns the bootstrap address of a kfake cluster of the test's own.
func Fake(t testing.TB, opts ...kfake.Opt) string {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{
		kfake.NumBrokers(1), kfake.DefaultNumPartitions(Partitions), kfake.AllowAutoTopicCreation(),
		// As the real one is configured: events carry times of long ago.
		kfake.BrokerConfigs(map[string]string{"log.retention.ms": "-1", "message.max.bytes": "8388608"}),
	}, opts...)...)
	if err != nil {
		t.Fatalf("kfake: %v", err)
	}
	t.Cleanup(c.Close)
	return c.ListenAddrs()[0]
}

// Both runs a test as two subtests, "kfake" and "kafka".
func Both(t *testing.T, test func(t *testing.T, addr string)) {
	t.Helper()
	t.Run("kfake", func(t *testing.T) { test(t, Fake(t)) })
	t.Run("kafka", func(t *testing.T) { test(t, Start(t)) })
}

// Missing skips the test with a reason of one line, or fails it when everything
// is required.
func Missing(t testing.TB, reason string) {
	t.Helper()
	reason = strings.Join(strings.Fields(reason), " ")
	if os.Getenv(EnvRequireAll) == "1" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

var topicNumber atomic.Int64

var notInTopic = regexp.MustCompile(`[^a-zA-Z0-9]+`)

// Topic creates a topic that no other test has, and deletes it at the end.
func Topic(t testing.TB, addr string, partitions int) string {
	t.Helper()
	name := fmt.Sprintf("%.80s-%d-%d", notInTopic.ReplaceAllString(t.Name(), "-"), os.Getpid(), topicNumber.Add(1))
	CreateTopic(t, addr, name, partitions)
	t.Cleanup(func() {
		adm := admin(t, addr)
		defer adm.Close()
		ctx, cancel := context.WithTimeout(context.Background(), adminTimeout)
		defer cancel()
		// A broker that the test stopped on purpose has nothing to delete.
		_, _ = adm.DeleteTopics(ctx, name)
	})
	return name
}

// CreateTopic creates a topic by name and waits until a leader serves every
// partition.
func CreateTopic(t testing.TB, addr, name string, partitions int) {
	t.Helper()
	adm := admin(t, addr)
	defer adm.Close()
	ctx, cancel := context.WithTimeout(context.Background(), adminTimeout)
	defer cancel()
	r, err := adm.CreateTopic(ctx, int32(partitions), 1, nil, name)
	if err = errors.Join(err, r.Err); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		t.Fatalf("create topic %s: %v", name, err)
	}
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		ends, err := adm.ListEndOffsets(ctx, name)
		if err == nil && ends.Error() == nil && len(ends[name]) == partitions {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("topic %s does not become ready: %v", name, errors.Join(err, ends.Error()))
		}
	}
}

func admin(t testing.TB, addr string) *kadm.Client {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.MetadataMinAge(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	return kadm.NewClient(client)
}

// Tool runs a command of Kafka's own ("consumer-groups", "topics", "configs",
// "console-consumer" or a class name) and returns what it printed. The bootstrap
// address is added.
func Tool(t testing.TB, addr, name string, args ...string) string {
	t.Helper()
	script, err := findScript()
	if err != nil {
		Missing(t, "Kafka's tools: "+err.Error())
	}
	ctx, cancel := context.WithTimeout(context.Background(), toolTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, script, append([]string{"tool", name, "--bootstrap-server", addr}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("kafka %s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// sharedServer also keeps the broker's standard input from being collected,
// which would close it and end the broker.
var sharedServer *Server

var shared = sync.OnceValues(func() (string, error) {
	if addr := os.Getenv(EnvAddress); addr != "" {
		return addr, nil
	}
	var err error
	if sharedServer, err = serve("0"); err != nil {
		return "", err
	}
	return sharedServer.Addr, nil
})

// Server is a real Kafka of a test's own, which may be stopped.
type Server struct {
	// Addr is the bootstrap address; it stays the same over restarts.
	Addr string

	dir    string
	script string
	cmd    *exec.Cmd
	stdin  io.Closer
}

// New starts a real Kafka that only this test uses.
func New(t testing.TB) *Server {
	t.Helper()
	s, err := serve("0")
	if err != nil {
		Missing(t, "real Kafka: "+err.Error())
	}
	t.Cleanup(s.end)
	return s
}

// Stop ends the broker as SIGTERM does; its topics stay.
func (s *Server) Stop(t testing.TB) { s.run(t, "stop", s.dir) }

// Restart starts a stopped broker again, on the same address.
func (s *Server) Restart(t testing.TB) {
	_, port, _ := strings.Cut(s.Addr, ":")
	s.run(t, "start", s.dir, port)
}

func (s *Server) run(t testing.TB, args ...string) {
	t.Helper()
	// No pipes: a broker started here outlives the script and would hold them open.
	if err := command(s.script, args...).Run(); err != nil {
		t.Fatalf("kafka.sh %s: %v", args[0], err)
	}
}

// command runs the script with a broker that starts fast.
func command(script string, args ...string) *exec.Cmd {
	cmd := exec.Command(script, args...)
	cmd.Env = append(os.Environ(), "HELIOSDB_TEST_KAFKA_BRIEF=1")
	return cmd
}

// end lets the script stop the broker and remove its directory.
func (s *Server) end() {
	_ = s.stdin.Close()
	_ = s.cmd.Wait()
}

// serve starts kafka.sh serve, which ends when its standard input does: with
// end, or with this process. env is added to the script's environment.
func serve(port string, env ...string) (*Server, error) {
	script, err := findScript()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(cacheDir(script), "stamp")); err != nil {
		return nil, errors.New("not fetched yet, run 'make kafka' once")
	}
	if _, err := exec.LookPath("java"); err != nil {
		return nil, errors.New("there is no java")
	}
	dir, err := os.MkdirTemp("", "heliosdb-kafka-")
	if err != nil {
		return nil, err
	}
	cmd := command(script, "serve", dir, port)
	cmd.Env = append(cmd.Env, env...)
	stderr := new(strings.Builder)
	cmd.Stderr = stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		_ = stdin.Close()
		return nil, fmt.Errorf("%w: %s", errors.Join(err, cmd.Wait()), stderr)
	}
	return &Server{Addr: strings.TrimSpace(line), dir: dir, script: script, cmd: cmd, stdin: stdin}, nil
}

// findScript looks for testdata/kafka/kafka.sh from the test's folder upwards.
func findScript() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		script := filepath.Join(dir, "testdata", "kafka", "kafka.sh")
		if _, err := os.Stat(script); err == nil {
			return script, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("testdata/kafka/kafka.sh is not in a folder above")
		}
		dir = parent
	}
}

// cacheDir is where the script keeps the download.
func cacheDir(script string) string {
	if dir := os.Getenv("HELIOSDB_TEST_KAFKA_CACHE"); dir != "" {
		return dir
	}
	return filepath.Join(filepath.Dir(script), "..", "..", ".cache", "kafka")
}
