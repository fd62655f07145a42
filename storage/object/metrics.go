package object

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The operations of errors and metrics.
const (
	opPut    = "put"
	opGet    = "get"
	opHead   = "head"
	opList   = "list"
	opDelete = "delete"
	opCopy   = "copy"
	opOpen   = "open"
)

// Metrics count requests of all buckets of a process. Every attempt is a request.
type Metrics struct {
	requests *prometheus.CounterVec
	retries  *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	bytes    *prometheus.CounterVec
	inFlight prometheus.Gauge
}

// NewMetrics registers the metrics; with nil they are kept but shown nowhere.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "heliosdb_object_requests_total", Help: "Requests to the object store, each attempt counted, by outcome: " +
				"ok, not_found, exists, conflict, denied, unavailable, corrupt, range, invalid, canceled.",
		}, []string{"op", "outcome"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "heliosdb_object_retries_total", Help: "Requests to the object store that repeated a failed one.",
		}, []string{"op"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "heliosdb_object_request_seconds", Help: "Seconds of one request to the object store; of a get, until its first byte.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"op"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "heliosdb_object_bytes_total", Help: "Bytes of objects sent to the object store (direction up) and received (down).",
		}, []string{"direction"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "heliosdb_object_requests_in_flight", Help: "Requests to the object store that are waiting for their answer.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.requests, m.retries, m.seconds, m.bytes, m.inFlight)
	}
	for _, op := range []string{opPut, opGet, opHead, opList, opDelete, opCopy} {
		m.requests.WithLabelValues(op, "ok")
		m.retries.WithLabelValues(op)
	}
	m.bytes.WithLabelValues("up")
	m.bytes.WithLabelValues("down")
	return m
}

// begin counts a request in; the returned function counts its end.
func (m *Metrics) begin(op string) func(error) {
	start := time.Now()
	m.inFlight.Inc()
	return func(err error) {
		m.inFlight.Dec()
		m.seconds.WithLabelValues(op).Observe(time.Since(start).Seconds())
		m.requests.WithLabelValues(op, outcome(err)).Inc()
	}
}

var outcomes = []struct {
	class error
	name  string
}{
	{ErrNotFound, "not_found"}, {ErrNoBucket, "no_bucket"}, {ErrExists, "exists"}, {ErrConflict, "conflict"}, {ErrDenied, "denied"},
	{ErrRange, "range"}, {ErrCorrupt, "corrupt"}, {ErrInvalid, "invalid"}, {context.Canceled, "canceled"}, {ErrUnavailable, "unavailable"},
}

func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	for _, o := range outcomes {
		if errors.Is(err, o.class) {
			return o.name
		}
	}
	return "unavailable"
}

// counted adds what is read from r to a counter.
type counted struct {
	io.ReadCloser
	n prometheus.Counter
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n.Add(float64(n))
	return n, err
}

// countedBody counts what is sent.
type countedBody struct {
	Body
	m *Metrics
}

func (c countedBody) Open() (io.ReadCloser, error) {
	r, err := c.Body.Open()
	if err != nil {
		return nil, err
	}
	return counted{r, c.m.bytes.WithLabelValues("up")}, nil
}
