// Package devbroker is what dev mode has instead of a Kafka installation: an
// embedded broker that any Kafka client can talk to, whose topics survive a
// restart, and a feeder that writes Nexmark events into it.
//
// The broker is franz-go's kfake. This package gives it what a long-running demo
// needs: topics that are created on demand survive SIGKILL, retention bounds the
// disk, and one process at a time owns the directory.
package devbroker

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/heliosdb/heliosdb-streaming/internal/dirlock"
)

// Bounds and defaults.
const (
	DefaultPartitions     = 4
	DefaultRetentionBytes = 256 << 20

	maxTopics         = 256     // bounds what a client can create by asking for it
	maxMessageBytes   = 8 << 20 // a batch; larger than Kafka's 1 MiB, so that oversized records can be tried out
	minSegmentBytes   = 1 << 20
	retentionSegments = 8 // retention frees disk in eighths
	retentionInterval = 5 * time.Second
	renewControlEvery = 1000 // see autoCreate
)

// Options of Start. The zero value of a field means its default.
type Options struct {
	// Addr is host:port of a loopback address; port 0 means a free one.
	// Default "127.0.0.1:0".
	Addr string
	// Dir keeps the topics; it is created. Required.
	Dir string
	// Partitions of topics created without a number. Default 4.
	Partitions int
	// RetentionBytes bounds a topic of that many partitions; a topic with more
	// partitions may hold proportionally more. Default 256 MiB.
	RetentionBytes int64
	// Unsynced leaves writes to the operating system: faster, and as safe
	// against SIGKILL, but a power failure may take acknowledged records.
	Unsynced bool
	// Log gets the broker's warnings. Default: none.
	Log *slog.Logger
}

// Broker is a running broker.
type Broker struct {
	cluster *kfake.Cluster
	addr    string
	lock    *dirlock.Lock
	stop    chan struct{}
	done    sync.WaitGroup
	once    sync.Once
	topics  topicNames
}

// topicNames are the topics known to exist, so that the common case of an
// existing topic costs a look-up.
type topicNames struct {
	mu    sync.Mutex
	names map[string]bool
}

// Start opens the directory and listens.
func Start(o Options) (*Broker, error) {
	if o.Dir == "" {
		return nil, errors.New("embedded broker: no data directory")
	}
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if o.Partitions == 0 {
		o.Partitions = DefaultPartitions
	}
	if o.RetentionBytes == 0 {
		o.RetentionBytes = DefaultRetentionBytes
	}
	host, portText, err := net.SplitHostPort(o.Addr)
	if err != nil {
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil || port < 0 || port > 65535 {
		return nil, fmt.Errorf("embedded broker: bad port %q", portText)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	lock, err := dirlock.Acquire(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	cluster, err := kfake.NewCluster(clusterOptions(o, host, port)...)
	if err != nil {
		_ = lock.Release() // the listener's failure says more
		return nil, fmt.Errorf("embedded broker on %s: %w", o.Addr, err)
	}
	b := &Broker{
		cluster: cluster, addr: cluster.ListenAddrs()[0], lock: lock, stop: make(chan struct{}),
		topics: topicNames{names: make(map[string]bool)},
	}
	b.autoCreate()
	b.done.Add(1)
	go b.retain()
	return b, nil
}

func clusterOptions(o Options, host string, port int) []kfake.Opt {
	perPartition := max(o.RetentionBytes/int64(o.Partitions), minSegmentBytes)
	opts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ClusterID("heliosdb-dev"),
		kfake.Ports(port),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) {
			return net.Listen(network, net.JoinHostPort(host, strconv.Itoa(port)))
		}),
		kfake.DefaultNumPartitions(o.Partitions),
		kfake.DataDir(o.Dir),
		kfake.BrokerConfigs(map[string]string{
			"log.retention.bytes": strconv.FormatInt(perPartition, 10),
			// Never by time: a partition emptied by age forgets its end offset in
			// a crash, and would hand out offsets that a consumer has passed.
			"log.retention.ms":  "-1",
			"log.segment.bytes": strconv.FormatInt(max(perPartition/retentionSegments, minSegmentBytes), 10),
			"message.max.bytes": strconv.Itoa(maxMessageBytes),
		}),
	}
	if !o.Unsynced {
		opts = append(opts, kfake.SyncWrites())
	}
	if o.Log != nil {
		opts = append(opts, kfake.WithLogger(slogAdapter{o.Log}))
	}
	return opts
}

// Addr is the host:port that clients bootstrap from.
func (b *Broker) Addr() string { return b.addr }

// EnsureTopic creates a topic unless it exists; partitions 0 means the default.
// The topic is on disk when it returns.
func (b *Broker) EnsureTopic(name string, partitions int) error {
	b.topics.mu.Lock()
	defer b.topics.mu.Unlock()
	if b.topics.names[name] {
		return nil
	}
	if len(b.topics.names) >= maxTopics {
		return fmt.Errorf("embedded broker: there are %d topics already", maxTopics)
	}
	err := b.cluster.CreateTopic(name, int32(partitions), nil)
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("embedded broker: create topic %q: %w", name, err)
	}
	b.topics.names[name] = true
	return nil
}

// Close writes what is pending, closes connections and gives up the directory.
func (b *Broker) Close() {
	b.once.Do(func() {
		close(b.stop)
		b.done.Wait()
		b.cluster.Close()
		_ = b.lock.Release() // nothing was written to it
	})
}

// autoCreate turns a metadata request that may create topics into an explicit
// creation. kfake's own auto-creation registers the topic on disk only when it
// closes cleanly; the records of a topic made that way are lost with SIGKILL.
func (b *Broker) autoCreate() {
	calls := 0
	b.cluster.ControlKey(int16(kmsg.Metadata), func(r kmsg.Request) (kmsg.Response, error, bool) {
		// A control function remembers every connection it has seen. Replacing it
		// now and then lets go of those that closed long ago.
		if calls++; calls == renewControlEvery {
			b.cluster.DropControl()
			b.autoCreate()
		}
		if req := r.(*kmsg.MetadataRequest); req.AllowAutoTopicCreation {
			for _, t := range req.Topics {
				if t.Topic != nil && validTopic(*t.Topic) {
					// On failure the request goes on and says that there is no such topic.
					_ = b.EnsureTopic(*t.Topic, 0)
				}
			}
		}
		return nil, nil, false
	})
}

// maxTopicLen is Kafka's; a topic's name becomes a directory's.
const maxTopicLen = 249

// validTopic applies Kafka's rule for names.
func validTopic(name string) bool {
	if name == "" || name == "." || name == ".." || len(name) > maxTopicLen {
		return false
	}
	for _, c := range []byte(name) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}

// retain applies retention by size: kfake does so by itself only for topics
// that carry a retention setting of their own, and once an hour.
func (b *Broker) retain() {
	defer b.done.Done()
	tick := time.NewTicker(retentionInterval)
	defer tick.Stop()
	for {
		select {
		case <-b.stop:
			return
		case <-tick.C:
			b.cluster.ApplyRetention()
		}
	}
}

// slogAdapter passes on warnings and errors.
type slogAdapter struct{ log *slog.Logger }

func (a slogAdapter) Logf(level kfake.LogLevel, format string, args ...any) {
	if level == kfake.LogLevelWarn || level == kfake.LogLevelError {
		a.log.Warn("embedded broker", "message", fmt.Sprintf(format, args...))
	}
}
