package telemetry

import (
	stdlog "log"
	"net/http"
	"runtime"
	"sync"
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

// phaseBuckets are in seconds, for the parts of a request that one row passes in
// microseconds.
var phaseBuckets = []float64{
	1e-6, 2.5e-6, 5e-6, 10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1,
}

// Metrics are the numbers that the process keeps on itself, in a registry of
// their own.
type Metrics struct {
	registry *prometheus.Registry

	requests  *prometheus.CounterVec   // route, model, version, code
	duration  *prometheus.HistogramVec // route, model, version
	bodiesIn  *prometheus.CounterVec   // route, model, version
	bodiesOut *prometheus.CounterVec   // route, model, version
	phases    *prometheus.HistogramVec // route, model, version, phase
	rows      *prometheus.CounterVec   // route, model, version
	inFlight  prometheus.Gauge
	ready     *prometheus.GaugeVec // model, version
	stages    *prometheus.GaugeVec // stage
	draining  prometheus.Gauge
	panics    atomic.Int64
	values    valueCollector

	mu      sync.Mutex // for writing what follows
	scoring []string   // the routes that score rows
	known   atomic.Pointer[map[seriesKey]*series]
}

// NewMetrics starts all counters at 0; build is the version of the program.
func NewMetrics(build string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.known.Store(&map[seriesKey]*series{})
	m.requestMetrics()
	m.ready = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "oi_model_ready",
		Help: "1 for a model that is loaded and has given the recorded answers to its example rows.",
	}, []string{"model", "version"})
	m.stages = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "oi_start_stage_seconds",
		Help: "Time that each stage of the start took.",
	}, []string{"stage"})
	m.draining = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "oi_draining",
		Help: "1 from the signal to end on.",
	})
	panics := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "oi_panics_total",
		Help: "Panics that were caught and answered 500.",
	}, func() float64 { return float64(m.panics.Load()) })
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "oi_build_info",
		Help: "1; the labels are the version of the program and of Go.",
	}, []string{"version", "go"})
	info.WithLabelValues(build, runtime.Version()).Set(1)
	m.values = newValueCollector()
	m.registry.MustRegister(
		m.requests, m.duration, m.bodiesIn, m.bodiesOut, m.phases, m.rows, m.inFlight,
		m.ready, m.stages, m.draining, panics, info, &m.values,
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

// Scoring names the routes that score rows. Their counters of rows are there, at 0,
// from the moment that a model is ready, so that the first rows show as an
// increase.
func (m *Metrics) Scoring(routes ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.scoring = routes
}

// Ready says that a model can be asked, what the start took, and what counts the
// values that it scores.
func (m *Metrics) Ready(model, version string, start *Stages, values Values) {
	start.each(func(name string, took time.Duration) { m.stages.WithLabelValues(name).Set(took.Seconds()) })
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, route := range m.scoring {
		m.rows.WithLabelValues(route, model, version)
	}
	m.values.add(model, version, values)
	m.ready.WithLabelValues(model, version).Set(1)
}

// Draining says that the process is about to end.
func (m *Metrics) Draining() { m.draining.Set(1) }

// Panicked counts a panic and returns how many there were.
func (m *Metrics) Panicked() int64 { return m.panics.Add(1) }
