package server

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/heliosdb/heliosdb-streaming/exec"
)

// jobStates are the values of job_status's label status.
var jobStates = []string{"running", "catching up", "backfilling", "recovering", "waiting", "paused", "failed"}

// metrics are the process's own. What the graphs report on their way is kept in
// atomics; the rest is read when it is scraped.
type metrics struct {
	checkpointDuration prometheus.Histogram
	checkpointStall    prometheus.Histogram
	checkpointFailures prometheus.Counter

	ingested  atomic.Int64
	processed atomic.Int64
	dead      sync.Map // relation OID → *atomic.Int64
	steps     atomic.Int64
	latency   eventHistogram
	freshness eventHistogram
	pressure  pressure
}

var _ exec.Metrics = (*metrics)(nil)

// latencyBounds are the upper bounds of event_processing_duration, in seconds.
var latencyBounds = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}

func newMetrics(reg *prometheus.Registry) *metrics {
	m := &metrics{
		checkpointDuration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "checkpoint_duration", Help: "Seconds from the freeze of a checkpoint to its completion.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300},
		}),
		checkpointStall: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "heliosdb_checkpoint_stall_seconds", Help: "Seconds for which a checkpoint kept graphs from stepping.",
			Buckets: []float64{.0001, .0005, .001, .0025, .005, .01, .02, .05, .1, .25, 1},
		}),
		checkpointFailures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "checkpoint_failures_total", Help: "Checkpoints that did not complete.",
		}),
	}
	m.latency.counts = make([]atomic.Uint64, len(latencyBounds)+1)
	m.freshness.counts = make([]atomic.Uint64, len(latencyBounds)+1)
	m.pressure.since = time.Now()
	reg.MustRegister(m.checkpointDuration, m.checkpointStall, m.checkpointFailures,
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewGoCollector())
	return m
}

func (m *metrics) Ingested(_ uint32, rows int) { m.ingested.Add(int64(rows)) }

func (m *metrics) Processed(rows int, d time.Duration) {
	m.processed.Add(int64(rows))
	m.latency.observe(d.Seconds(), uint64(rows))
}

func (m *metrics) Fresh(rows int, d time.Duration) { m.freshness.observe(d.Seconds(), uint64(rows)) }

func (m *metrics) Step(int, time.Duration) { m.steps.Add(1) }

func (m *metrics) Busy(waiting bool, d time.Duration) { m.pressure.add(waiting, d) }

func (m *metrics) Dead(rel uint32, rows int) {
	c, ok := m.dead.Load(rel)
	if !ok {
		c, _ = m.dead.LoadOrStore(rel, new(atomic.Int64))
	}
	c.(*atomic.Int64).Add(int64(rows))
}

// eventHistogram is a histogram that counts many events of one duration at
// once: a step publishes all rows of a fetch together.
type eventHistogram struct {
	counts []atomic.Uint64 // by latencyBounds, the last one above all
	sum    atomic.Uint64   // bits of a float64, seconds
}

func (h *eventHistogram) observe(seconds float64, n uint64) {
	i := 0
	for i < len(latencyBounds) && seconds > latencyBounds[i] {
		i++
	}
	h.counts[i].Add(n)
	for {
		old := h.sum.Load()
		if h.sum.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+seconds*float64(n))) {
			return
		}
	}
}

// snapshot gives what prometheus.MustNewConstHistogram takes.
func (h *eventHistogram) snapshot() (count uint64, sum float64, buckets map[float64]uint64) {
	buckets = map[float64]uint64{}
	for i, b := range latencyBounds {
		count += h.counts[i].Load()
		buckets[b] = count
	}
	count += h.counts[len(latencyBounds)].Load()
	return count, math.Float64frombits(h.sum.Load()), buckets
}

// pressure is the share of time in which sources had data that the graphs
// could not take, over a window that halves when it is full.
type pressure struct {
	mu      sync.Mutex
	since   time.Time
	waiting time.Duration
	all     time.Duration
}

// pressureWindow is how much time the ratio looks back on, at most.
const pressureWindow = 10 * time.Second

func (p *pressure) add(waiting bool, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all += d
	if waiting {
		p.waiting += d
	}
	if p.all > pressureWindow {
		p.all /= 2
		p.waiting /= 2
	}
}

func (p *pressure) ratio() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all == 0 {
		return 0
	}
	return float64(p.waiting) / float64(p.all)
}

// watch registers what is read from the server when it is scraped.
func (m *metrics) watch(s *Server) { s.reg.MustRegister(&collector{s: s, m: m, began: time.Now()}) }

// collector reads the state of jobs at scrape time.
type collector struct {
	s     *Server
	m     *metrics
	began time.Time
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	descIngested  = desc("events_ingested_total", "Records taken from sources.")
	descProcessed = desc("events_processed_total", "Records whose step was published.")
	descPressure  = desc("backpressure_ratio", "Share of time in which sources had data that the graphs could not take.")
	descLatency   = desc("event_processing_duration", "Seconds from the return of a record's fetch to the publication of its step.")
	descFresh     = desc("heliosdb_freshness_seconds", "Seconds from a record's own timestamp to the publication of its step; of a batch, its first record counts for all.")
	descSteps     = desc("heliosdb_steps_total", "Steps of all graphs.")
	descEvents    = desc("events_per_second", "Records taken from sources per second, over the last seconds.")
	descDead      = desc("heliosdb_dead_rows_total", "Records that could not be decoded.", "source")
	descLate      = desc("heliosdb_late_rows_total", "Rows dropped because the state they needed was freed.", "job_name", "operator")
	descOpBytes   = desc("heliosdb_operator_state_bytes", "Memory of an operator's state.", "job_name", "operator")
	descOpRows    = desc("heliosdb_operator_state_rows", "Entries of an operator's state.", "job_name", "operator")
	descRows      = desc("heliosdb_relation_rows", "Rows of a relation.", "relation")
	descAge       = desc("heliosdb_checkpoint_age_seconds", "Seconds since the last complete checkpoint; before the first of this run, since its start.")
	descEpoch     = desc("heliosdb_checkpoint_epoch", "Number of the last complete checkpoint.")
	descDisk      = desc("heliosdb_state_disk_bytes", "Size of the state on disk.")
	descState     = desc("heliosdb_state_memory_bytes", "Memory of all state.")
	descQueries   = desc("heliosdb_query_memory_bytes", "Memory reserved by queries.")
	descCert      = desc("heliosdb_tls_certificate_not_after_seconds", "When the certificate ends, in seconds since 1970.")
	descBuild     = desc("heliosdb_build_info", "1, with the program's version.", "version")
	descLimit     = desc("heliosdb_memory_limit_bytes", "The memory limit.")
)

// Describe implements prometheus.Collector; the set of series varies.
func (c *collector) Describe(ch chan<- *prometheus.Desc) { ch <- descIngested }

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	counter(descIngested, float64(c.m.ingested.Load()))
	counter(descProcessed, float64(c.m.processed.Load()))
	counter(descSteps, float64(c.m.steps.Load()))
	gauge(descPressure, c.m.pressure.ratio())
	count, sum, buckets := c.m.latency.snapshot()
	ch <- prometheus.MustNewConstHistogram(descLatency, count, sum, buckets)
	count, sum, buckets = c.m.freshness.snapshot()
	ch <- prometheus.MustNewConstHistogram(descFresh, count, sum, buckets)
	c.jobs(gauge, counter)
	gauge(descEvents, c.s.rates.ofAll())
	cat := c.s.catalog()
	c.m.dead.Range(func(k, v any) bool {
		if r := cat.ByOID(k.(uint32)); r != nil {
			counter(descDead, float64(v.(*atomic.Int64).Load()), r.Name)
		} else {
			c.m.dead.Delete(k) // dropped
		}
		return true
	})
	c.operators(gauge, counter, cat)
	// Always there: an alert must see a run that never gets to its first checkpoint.
	// One of an earlier run is as old as this run: nobody was there to take another.
	age := c.began
	if last := c.s.LastCheckpoint().At; last.After(age) {
		age = last
	}
	gauge(descAge, time.Since(age).Seconds())
	gauge(descEpoch, float64(c.s.epoch()))
	gauge(descDisk, float64(c.s.store.DiskBytes()))
	gauge(descState, float64(c.s.pool.Bytes()))
	gauge(descQueries, float64(c.s.budget.Used()))
	gauge(descLimit, float64(c.s.budget.Limit()))
	gauge(descBuild, 1, Version)
	if c.s.tls != nil {
		gauge(descCert, float64(c.s.tls.NotAfter().Unix()))
	}
}

func (c *collector) operators(gauge gaugeFunc, counter counterFunc, cat *catalogView) {
	for _, o := range c.s.engine.Operators() {
		job := cat.ByOID(o.Job)
		if job == nil {
			continue // made or dropped just now: two without a name would be one series twice
		}
		op := operatorName(o)
		gauge(descOpBytes, float64(o.Bytes), job.Name, op)
		gauge(descOpRows, float64(o.Rows), job.Name, op)
		counter(descLate, float64(o.Late), job.Name, op)
	}
}

// quantile is an upper bound of the q-quantile of all events so far, in words.
func (h *eventHistogram) quantile(q float64) string {
	total := uint64(0)
	for i := range h.counts {
		total += h.counts[i].Load()
	}
	if total == 0 {
		return "-"
	}
	seen := uint64(0)
	for i, b := range latencyBounds {
		if seen += h.counts[i].Load(); float64(seen) >= q*float64(total) {
			return "≤ " + time.Duration(b*float64(time.Second)).String()
		}
	}
	return "> 1m"
}
