package telemetry

import (
	stdlog "log"
	"net/http"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// OtherRoute is the route of requests for paths that the server does not have:
// what clients make up must not become values of a label.
const OtherRoute = "other"

// durationBuckets are in seconds. The least is about the time of one row through
// the server, the largest the time-out of proxies in front of it.
var durationBuckets = []float64{
	50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1, 2.5, 5, 10, 30,
}

// Metrics are the numbers that the process keeps on itself, in a registry of
// their own.
type Metrics struct {
	registry *prometheus.Registry

	requests *prometheus.CounterVec   // route, code
	duration *prometheus.HistogramVec // route
	inFlight prometheus.Gauge
	rows     *prometheus.CounterVec // model, version
	ready    *prometheus.GaugeVec   // model, version
	stages   *prometheus.GaugeVec   // stage
	draining prometheus.Gauge
	panics   atomic.Int64
}

// NewMetrics starts all counters at 0; build is the version of the program.
func NewMetrics(build string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "oi_http_requests_total",
			Help: "Requests answered, by route and status code; health probes and scrapes are not counted.",
		}, []string{"route", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "oi_http_request_duration_seconds",
			Help:    "Time from the head of a request to the end of its answer, by route.",
			Buckets: durationBuckets,
		}, []string{"route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "oi_http_requests_in_flight",
			Help: "Requests that are being answered now.",
		}),
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "oi_rows_scored_total",
			Help: "Rows that a model has scored.",
		}, []string{"model", "version"}),
		ready: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "oi_model_ready",
			Help: "1 for a model that is loaded and has given the recorded answers to its example rows.",
		}, []string{"model", "version"}),
		stages: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "oi_start_stage_seconds",
			Help: "Time that each stage of the start took.",
		}, []string{"stage"}),
		draining: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "oi_draining",
			Help: "1 from the signal to end on.",
		}),
	}
	panics := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "oi_panics_total",
		Help: "Panics that were caught and answered 500.",
	}, func() float64 { return float64(m.panics.Load()) })
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "oi_build_info",
		Help: "1; the labels are the version of the program and of Go.",
	}, []string{"version", "go"})
	info.WithLabelValues(build, runtime.Version()).Set(1)
	m.registry.MustRegister(
		m.requests, m.duration, m.inFlight, m.rows, m.ready, m.stages, m.draining, panics, info,
		// Without runtime.MemStats, whose reading stops the world for a moment.
		collectors.NewGoCollector(collectors.WithGoCollectorMemStatsMetricsDisabled()),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// Handler answers a scrape in the Prometheus text format. What goes wrong in it
// is told to log.
func (m *Metrics) Handler(log *stdlog.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog: log,
		// A number that cannot be read costs itself, not the others.
		ErrorHandling: promhttp.ContinueOnError,
		// Compressing takes longer than sending some kilobytes within a cluster.
		DisableCompression: true,
	})
}

// Begin counts a request in, End out.
func (m *Metrics) Begin() { m.inFlight.Inc() }

// End counts a request that Begin has counted in. The route has to be one of the
// server's patterns or OtherRoute.
func (m *Metrics) End(route string, status int, took time.Duration) {
	m.inFlight.Dec()
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.duration.WithLabelValues(route).Observe(took.Seconds())
}

// Scored counts rows that a model has scored.
func (m *Metrics) Scored(model, version string, rows int) {
	m.rows.WithLabelValues(model, version).Add(float64(rows))
}

// Ready says that a model can be asked, and what the start took.
func (m *Metrics) Ready(model, version string, start *Stages) {
	start.each(func(name string, took time.Duration) { m.stages.WithLabelValues(name).Set(took.Seconds()) })
	m.rows.WithLabelValues(model, version) // 0 rows, so that the first ones show as an increase
	m.ready.WithLabelValues(model, version).Set(1)
}

// Draining says that the process is about to end.
func (m *Metrics) Draining() { m.draining.Set(1) }

// Panicked counts a panic and returns how many there were.
func (m *Metrics) Panicked() int64 { return m.panics.Add(1) }
