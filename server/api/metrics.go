package api

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// httpMetrics are the API's metrics; route is the operationId.
type httpMetrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	active   prometheus.Gauge
	limited  prometheus.Counter
}

func newHTTPMetrics(reg prometheus.Registerer) *httpMetrics {
	m := &httpMetrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "heliosdb_http_requests_total", Help: "Requests to the HTTP API, by route (operationId) and status.",
		}, []string{"route", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "heliosdb_http_request_seconds", Help: "Seconds from a request's headers to the end of its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"route"}),
		active: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "heliosdb_http_requests_active", Help: "Requests to the HTTP API that are being answered.",
		}),
		limited: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "heliosdb_http_rate_limited_total", Help: "Requests that were refused because their user or address sent too many.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.requests, m.seconds, m.active, m.limited)
	}
	return m
}

// begin counts a request; done tells its status.
func (m *httpMetrics) begin(route string) (done func(status int)) {
	start := time.Now()
	m.active.Inc()
	return func(status int) {
		m.active.Dec()
		m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
		m.seconds.WithLabelValues(route).Observe(time.Since(start).Seconds())
	}
}
