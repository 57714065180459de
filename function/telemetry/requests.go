package telemetry

import (
	"maps"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The labels of what is counted of requests. All are chosen by the server: a route
// is a pattern, a model one that is loaded, or "" before.
var requestLabels = []string{"route", "model", "version"}

// The parts of an inference, as values of the label phase.
var phaseNames = [...]string{"decode", "predict", "encode"}

func (m *Metrics) requestMetrics() {
	m.requests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "oi_http_requests_total",
		Help: "Requests answered, REST and gRPC, by route, status code, and the model that the answer names; health probes and scrapes are not counted.",
	}, append([]string{"code"}, requestLabels...))
	m.duration = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "oi_http_request_duration_seconds",
		Help:    "Time from the head of a request to the end of its answer.",
		Buckets: durationBuckets,
	}, requestLabels)
	m.bodiesIn = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "oi_http_request_body_bytes_total",
		Help: "Bytes of request bodies that were read, as they were sent.",
	}, requestLabels)
	m.bodiesOut = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "oi_http_response_body_bytes_total",
		Help: "Bytes of the bodies of answers.",
	}, requestLabels)
	m.phases = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "oi_inference_phase_duration_seconds",
		Help:    "Parts of an inference: decode reads and checks the values of a body that is there, predict scores the rows, encode writes the answer.",
		Buckets: phaseBuckets,
	}, append([]string{"phase"}, requestLabels...))
	m.rows = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "oi_rows_scored_total",
		Help: "Rows that a model has scored.",
	}, requestLabels)
	m.inFlight = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "oi_http_requests_in_flight",
		Help: "Requests that are being answered now.",
	})
}

// A seriesKey stands for all that is counted of equal requests.
type seriesKey struct {
	route, model, version string
	code                  int
	inference             bool // it came as far as values
}

// series are the counters of requests that have one key. Looking them up by their
// labels costs memory and far more time than counting.
type series struct {
	requests, in, out, rows prometheus.Counter
	duration                prometheus.Observer
	phases                  [len(phaseNames)]prometheus.Observer
}

// seriesOf finds the counters of a key, or makes them.
func (m *Metrics) seriesOf(k seriesKey) *series {
	if s, ok := (*m.known.Load())[k]; ok {
		return s
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	known := *m.known.Load()
	if s, ok := known[k]; ok {
		return s
	}
	s := &series{
		requests: m.requests.WithLabelValues(strconv.Itoa(k.code), k.route, k.model, k.version),
		duration: m.duration.WithLabelValues(k.route, k.model, k.version),
		in:       m.bodiesIn.WithLabelValues(k.route, k.model, k.version),
		out:      m.bodiesOut.WithLabelValues(k.route, k.model, k.version),
	}
	if k.inference {
		s.rows = m.rows.WithLabelValues(k.route, k.model, k.version)
		for i, name := range phaseNames {
			s.phases[i] = m.phases.WithLabelValues(name, k.route, k.model, k.version)
		}
	}
	// Readers hold the old map without a lock, so it is never changed.
	more := maps.Clone(known)
	more[k] = s
	m.known.Store(&more)
	return s
}

// Begin counts a request in, End out; Undo takes back a Begin.
func (m *Metrics) Begin() { m.inFlight.Inc() }

// Undo forgets a request that Begin has counted in.
func (m *Metrics) Undo() { m.inFlight.Dec() }

// End counts a request that Begin has counted in. Its route has to be one of the
// server's patterns or OtherRoute.
func (m *Metrics) End(r *Request) {
	m.inFlight.Dec()
	parts := [...]time.Duration{r.Decode, r.Predict, r.Encode}
	s := m.seriesOf(seriesKey{r.Route, r.Model, r.Version, r.Status, r.Decode > 0})
	s.requests.Inc()
	s.duration.Observe(r.Duration.Seconds())
	s.in.Add(float64(r.BytesIn))
	s.out.Add(float64(r.BytesOut))
	if r.Decode <= 0 {
		return
	}
	s.rows.Add(float64(r.Scored))
	for i, took := range parts {
		if took > 0 {
			s.phases[i].Observe(took.Seconds())
		}
	}
}
