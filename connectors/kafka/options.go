package kafka

import (
	"log/slog"
	"time"

	"github.com/heliosdb/heliosdb-streaming/internal/types"
)

// StartupMode is where a source that has never been read begins.
type StartupMode string

// The modes; names as in scan.startup.mode.
const (
	Earliest  StartupMode = "earliest"
	Latest    StartupMode = "latest"
	Timestamp StartupMode = "timestamp" // scan.startup.timestamp.millis
)

// What happens when offsets that should be read are gone (on_data_loss).
const (
	OnLossFail     = "fail"
	OnLossContinue = "continue"
)

// Options describe one Kafka source. Zero values mean the defaults.
type Options struct {
	// Brokers are host:port addresses to begin with. Required.
	Brokers []string
	// Topic is the topic's name. Required.
	Topic string
	// GroupID is the group that offsets are committed to for people's tools, and
	// never read back. Empty: none are.
	GroupID string
	// Logger hears at debug level what the client library says. Default: nobody.
	Logger *slog.Logger
	// Startup is where a new source begins. Default Earliest.
	Startup StartupMode
	// StartupMillis is that time for Timestamp: milliseconds since 1970.
	StartupMillis int64
	// OnDataLoss: OnLossFail (default) fails the source when offsets that it
	// should read are gone; OnLossContinue goes on at the earliest there is.
	OnDataLoss string
	// FailOnError is on_error = 'fail': a record that cannot be decoded fails the
	// source. The engine does it; kept here because the option stands here.
	FailOnError bool
	// MaxRecordBytes bounds a record's value; longer ones are dead letters.
	// Default 1 MiB.
	MaxRecordBytes int
	// FetchMinBytes is what a broker waits for before it answers. Default 1:
	// freshness before throughput. Kafka's fetch.min.bytes.
	FetchMinBytes int
	// FetchMaxBytes bounds one response. Default 16 MiB. Kafka's fetch.max.bytes.
	FetchMaxBytes int
	// FetchMaxPartitionBytes bounds one partition's part of a response. Default
	// 1 MiB. Kafka's max.partition.fetch.bytes. A batch that is larger comes whole.
	FetchMaxPartitionBytes int
	// FetchMaxWait bounds the wait for FetchMinBytes. Default 500 ms. Kafka's
	// fetch.max.wait.ms.
	FetchMaxWait time.Duration
	// BufferBytes and BufferRecords bound what a reader holds that no step has
	// taken. Defaults 64 MiB and 1 Mi. A partition with nothing buffered is still
	// fetched, so that none blocks another: at most FetchMaxPartitionBytes each
	// on top.
	BufferBytes   int
	BufferRecords int
	// MetadataMaxAge is how often new partitions, leaders and end offsets are
	// looked up. Default 10 s.
	MetadataMaxAge time.Duration
	// CommitInterval is the least time between two commits to GroupID. Default 1 s.
	CommitInterval time.Duration
	// RequestTimeout bounds every request beyond its own wait. Default 10 s.
	RequestTimeout time.Duration
	// Security is TLS and who logs in. Default: neither.
	Security Security
	// Columns are the relation's.
	Columns []Column
}

// Column is one column of the relation.
type Column struct {
	Name string
	Type types.Type
	// Include is where the value comes from when it is not a field of the
	// message: "key", "partition", "offset", "timestamp", "header:NAME", or
	// "payload", the whole message, which need not be an object then.
	Include string
}

func (o *Options) setDefaults() {
	def := func(p *int, x int) {
		if *p <= 0 {
			*p = x
		}
	}
	defTime := func(p *time.Duration, x time.Duration) {
		if *p <= 0 {
			*p = x
		}
	}
	if o.Startup == "" {
		o.Startup = Earliest
	}
	if o.OnDataLoss == "" {
		o.OnDataLoss = OnLossFail
	}
	def(&o.MaxRecordBytes, 1<<20)
	def(&o.FetchMinBytes, 1)
	def(&o.FetchMaxBytes, 16<<20)
	def(&o.FetchMaxPartitionBytes, 1<<20)
	def(&o.BufferBytes, 64<<20)
	def(&o.BufferRecords, 1<<20)
	defTime(&o.FetchMaxWait, 500*time.Millisecond)
	defTime(&o.MetadataMaxAge, 10*time.Second)
	defTime(&o.CommitInterval, time.Second)
	defTime(&o.RequestTimeout, 10*time.Second)
}
