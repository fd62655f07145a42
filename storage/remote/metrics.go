package remote

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics of the state in a bucket.
type Metrics struct {
	shipSeconds   prometheus.Histogram
	shipBytes     prometheus.Counter
	shipRecords   prometheus.Counter
	uploadSeconds prometheus.Histogram
	uploadBytes   prometheus.Counter
	pendingBytes  prometheus.Gauge
	checkpoint    prometheus.Gauge
	removedCount  prometheus.Counter
}

// NewMetrics registers the metrics; with nil they are kept but shown nowhere.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		shipSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "heliosdb_remote_log_ship_seconds",
			Help:    "Seconds that one group of log records took into the bucket, repetitions included; acknowledgements of DDL and table changes wait for it.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}),
		shipBytes:   prometheus.NewCounter(prometheus.CounterOpts{Name: "heliosdb_remote_log_bytes_total", Help: "Bytes of log objects sent to the bucket."}),
		shipRecords: prometheus.NewCounter(prometheus.CounterOpts{Name: "heliosdb_remote_log_records_total", Help: "Log records sent to the bucket."}),
		uploadSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "heliosdb_remote_checkpoint_upload_seconds",
			Help:    "Seconds from the begin of a checkpoint's upload until the bucket has all of it.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300},
		}),
		uploadBytes:  prometheus.NewCounter(prometheus.CounterOpts{Name: "heliosdb_remote_checkpoint_bytes_total", Help: "Bytes of checkpoints' runs sent to the bucket."}),
		pendingBytes: prometheus.NewGauge(prometheus.GaugeOpts{Name: "heliosdb_remote_pending_bytes", Help: "Bytes of runs that the checkpoint in progress has still to send."}),
		checkpoint: prometheus.NewGauge(prometheus.GaugeOpts{Name: "heliosdb_remote_checkpoint_timestamp_seconds",
			Help: "When the newest checkpoint of the bucket was made, Unix seconds; 0: it has none."}),
		removedCount: prometheus.NewCounter(prometheus.CounterOpts{Name: "heliosdb_remote_objects_removed_total", Help: "Objects removed from the bucket because no retained checkpoint needs them."}),
	}
	if reg != nil {
		reg.MustRegister(m.shipSeconds, m.shipBytes, m.shipRecords, m.uploadSeconds, m.uploadBytes, m.pendingBytes, m.checkpoint, m.removedCount)
	}
	return m
}

func (m *Metrics) shipped(took time.Duration, bytes int, records uint64) {
	m.shipSeconds.Observe(took.Seconds())
	m.shipBytes.Add(float64(bytes))
	m.shipRecords.Add(float64(records))
}

func (m *Metrics) pending(bytes int64) { m.pendingBytes.Set(float64(bytes)) }

func (m *Metrics) sent(bytes int64) {
	m.pendingBytes.Sub(float64(bytes))
	m.uploadBytes.Add(float64(bytes))
}

func (m *Metrics) checkpointed(up Upload) {
	m.uploadSeconds.Observe(up.Duration.Seconds())
	m.checkpoint.SetToCurrentTime()
}

// found says when the newest checkpoint was made that a start has found.
func (m *Metrics) found(at time.Time) { m.checkpoint.Set(float64(at.UnixMilli()) / 1000) }

func (m *Metrics) removed(n int) { m.removedCount.Add(float64(n)) }
