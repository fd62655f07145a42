package pgwire

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the front end's own; label values come from fixed sets.
type metrics struct {
	connections prometheus.Gauge
	accepted    *prometheus.CounterVec // result
	simple      requestMetrics
	extended    requestMetrics
	errors      *prometheus.CounterVec // class of the SQLSTATE
	rows        prometheus.Counter
	bytesOut    prometheus.Counter
	bytesIn     prometheus.Counter
	cancels     *prometheus.CounterVec // result
	panics      prometheus.Counter
}

// requestMetrics are those of one protocol, resolved once.
type requestMetrics struct {
	queries prometheus.Counter
	seconds prometheus.Observer
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "heliosdb_pgwire_" + name, Help: help})
	}
	vec := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "heliosdb_pgwire_" + name, Help: help}, []string{label})
	}
	queries := vec("queries_total", "Statements executed, by protocol.", "protocol")
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "heliosdb_pgwire_query_duration_seconds", Help: "Time to execute a request's statements and send their rows, in seconds.",
		Buckets: prometheus.ExponentialBuckets(50e-6, 4, 11),
	}, []string{"protocol"})
	of := func(protocol string) requestMetrics {
		return requestMetrics{queries.WithLabelValues(protocol), seconds.WithLabelValues(protocol)}
	}
	m := &metrics{
		simple: of("simple"), extended: of("extended"),
		connections: prometheus.NewGauge(prometheus.GaugeOpts{Name: "heliosdb_pgwire_connections", Help: "Clients connected now."}),
		accepted:    vec("connections_total", "Connections by how their startup went.", "result"),
		errors:      vec("errors_total", "Errors sent to clients, by class of SQLSTATE.", "class"),
		rows:        counter("rows_sent_total", "Rows sent to clients."),
		bytesOut:    counter("sent_bytes_total", "Bytes sent to clients."),
		bytesIn:     counter("received_bytes_total", "Bytes received from clients after startup."),
		cancels:     vec("cancel_requests_total", "Cancel requests, by whether their key fitted.", "result"),
		panics:      counter("panics_total", "Connections ended by a panic; each is a bug."),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{
		m.connections, m.accepted, queries, seconds, m.errors, m.rows, m.bytesOut, m.bytesIn, m.cancels, m.panics,
	} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// The values of the label result.
const (
	resultOK       = "ok"
	resultRefused  = "refused"   // by the Handler
	resultTooMany  = "too_many"  // a limit
	resultBadStart = "malformed" // no usable startup packet
	resultBadKey   = "bad_key"
)

// class is the label of an error: a SQLSTATE's first two characters.
func class(code string) string {
	if len(code) != 5 {
		return "XX"
	}
	return code[:2]
}
