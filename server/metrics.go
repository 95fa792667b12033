package server

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/firewarden/firewarden/store/audit"
)

// metrics are what the server counts. No label holds anything of a request but its method and its route.
type metrics struct {
	registry *prometheus.Registry
	inFlight prometheus.Gauge
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	statuses [600]string // as labels
}

func newMetrics(r *prometheus.Registry) metrics {
	if r == nil {
		r = prometheus.NewRegistry()
		r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	}
	m := metrics{
		registry: r,
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "firewarden_http_requests_in_flight", Help: "Requests being answered."}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "firewarden_http_requests_total", Help: "Requests answered."}, []string{"method", "route", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "firewarden_http_request_duration_seconds", Help: "Time from the headers of a request to its answer.",
			Buckets: []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60},
		}, []string{"method", "route"}),
	}
	for i := range m.statuses {
		m.statuses[i] = strconv.Itoa(i)
	}
	r.MustRegister(m.inFlight, m.requests, m.duration)
	return m
}

// ofLog counts what the audit log does.
func (m *metrics) ofLog(l *audit.Log) {
	of := func(f func(audit.Figures) float64) func() float64 { return func() float64 { return f(l.Figures()) } }
	m.registry.MustRegister(
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "firewarden_audit_records_total", Help: "Records written to the audit log."},
			of(func(f audit.Figures) float64 { return float64(f.Records) })),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "firewarden_audit_batches_total", Help: "Batches of them, each a link of the chain."},
			of(func(f audit.Figures) float64 { return float64(f.Batches) })),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "firewarden_audit_records_waiting", Help: "Records that are in no batch yet."},
			of(func(f audit.Figures) float64 { return float64(f.Waiting) })))
}

// Metrics is the Prometheus text, for a listener that patients' clients do not reach.
func (s *Server) Metrics() http.Handler {
	return promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{})
}

// answered counts one request.
func (m *metrics) answered(method, route string, status int, took time.Duration) {
	m.duration.WithLabelValues(method, route).Observe(took.Seconds())
	m.requests.WithLabelValues(method, route, m.statuses[status%len(m.statuses)]).Inc()
}
