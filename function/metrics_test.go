package main

import (
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// metricsURL is where the ready line says that metrics are.
func (p *process) metricsURL() string {
	p.t.Helper()
	_, port, err := net.SplitHostPort(p.out.with("ready")[0]["metrics_address"].(string))
	if err != nil {
		p.t.Fatal(err)
	}
	return "http://" + net.JoinHostPort("127.0.0.1", port) + "/metrics"
}

// scrape reads the process's own metrics: "name{labels}" to value.
func (p *process) scrape(url string) map[string]string {
	p.t.Helper()
	r, err := do(http.DefaultClient, http.MethodGet, url, "", "")
	if err != nil {
		p.t.Fatal(err)
	}
	if r.status != 200 || !strings.HasPrefix(r.header.Get("Content-Type"), "text/plain; version=0.0.4") {
		p.t.Fatalf("%s: %d %v", url, r.status, r.header)
	}
	values := map[string]string{}
	for line := range strings.Lines(r.body) {
		if i := strings.LastIndexByte(line, ' '); strings.HasPrefix(line, "oi_") {
			values[line[:i]] = strings.TrimSpace(line[i:])
		}
	}
	return values
}

// freePort is a port that was free a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
}

// TestMetricsPort: where /metrics is answered, and where not.
func TestMetricsPort(t *testing.T) {
	port, other := freePort(t), freePort(t)
	for _, c := range []struct {
		name    string
		environ []string
		public  bool
		port    string // of metrics; empty for any
	}{
		{"unset", nil, true, ""},
		{"empty", []string{"METRICS_PORT="}, true, ""},
		{"equal", []string{"PORT=" + port, "METRICS_PORT=" + port}, true, port},
		{"own", []string{"METRICS_PORT=" + other}, false, other},
		{"free", []string{"METRICS_PORT=0"}, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := start(t, c.environ...)
			if public := p.metricsURL() == p.url+"/metrics"; public != c.public {
				t.Errorf("metrics are at %s, the rest at %s", p.metricsURL(), p.url)
			}
			if !strings.HasSuffix(p.metricsURL(), ":"+c.port+"/metrics") && c.port != "" {
				t.Errorf("metrics are at %s", p.metricsURL())
			}
			if got := p.scrape(p.metricsURL())[`oi_model_ready{model="heart-disease",version="1"}`]; got != "1" {
				t.Errorf("oi_model_ready is %q", got)
			}
			r := p.get("/metrics")
			if c.public != (r.status == 200) {
				t.Errorf("/metrics on PORT: %d", r.status)
			}
			if want := `{"error":"no such path: /metrics"}` + "\n"; !c.public && (r.status != 404 || r.body != want) {
				t.Errorf("/metrics on PORT: %d %s", r.status, r.body)
			}
			if listed := strings.Contains(p.get("/").body, "GET /metrics"); listed != c.public {
				t.Errorf("GET / lists /metrics: %v", listed)
			}
			p.signal(syscall.SIGTERM)
			if code := p.exit(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			for _, line := range p.out.with("request") {
				if line["path"] == "/metrics" && line["status"] == 200.0 {
					t.Errorf("the log tells of a scrape: %v", line)
				}
			}
		})
	}
}

// TestMetricsPortInUse: one line says which port is in the way.
func TestMetricsPortInUse(t *testing.T) {
	_, taken, _ := strings.Cut(start(t).hostPort(), ":")
	p := launch(t, "METRICS_PORT="+taken)
	if code := p.exit(); code != exitFailure {
		t.Errorf("exit code %d", code)
	}
	got := p.errs.String()
	if want := "online-inference: cannot listen for METRICS_PORT: listen tcp :" + taken + ": bind: address already in use\n"; got != want {
		t.Errorf("got %q, expected %q", got, want)
	}
	if len(p.out.with("ready")) > 0 {
		t.Error("it said that it is ready")
	}
}

// TestMetricsCount: the numbers move by what was sent, and by nothing else.
func TestMetricsCount(t *testing.T) {
	p := start(t, "METRICS_PORT=0", "MODEL_VERSION=2")
	const (
		rows     = `oi_rows_scored_total{model="heart-disease",route="/predict",version="2"}`
		infers   = `oi_rows_scored_total{model="heart-disease",route="/v2/models/:model/infer",version="2"}`
		predict  = `oi_http_requests_total{code="200",model="heart-disease",route="/predict",version="2"}`
		refused  = `oi_http_requests_total{code="400",model="heart-disease",route="/predict",version="2"}`
		infer    = `oi_http_requests_total{code="200",model="heart-disease",route="/v2/models/:model/infer",version="2"}`
		unknown  = `oi_http_requests_total{code="404",model="heart-disease",route="other",version="2"}`
		duration = `oi_http_request_duration_seconds_count{model="heart-disease",route="/predict",version="2"}`
		least    = `oi_http_request_duration_seconds_bucket{model="heart-disease",route="/predict",version="2",le="5e-05"}`
		bytesIn  = `oi_http_request_body_bytes_total{model="heart-disease",route="/predict",version="2"}`
		encoded  = `oi_inference_phase_duration_seconds_count{model="heart-disease",phase="encode",route="/predict",version="2"}`
		present  = `oi_feature_values_total{bin="1",feature="sex",model="heart-disease",version="2"}`
	)
	before := p.scrape(p.metricsURL())
	for _, key := range []string{rows, infers, present, "oi_panics_total", "oi_http_requests_in_flight", "oi_draining"} {
		if before[key] != "0" {
			t.Errorf("%s starts at %q", key, before[key])
		}
	}
	for key := range before {
		if strings.HasPrefix(key, "oi_http_requests_total{") {
			t.Errorf("%s is there before any request", key)
		}
	}
	for _, stage := range []string{"runtime", "config", "listen", "load", "self_test"} {
		// The log has the same in ms with three decimals.
		logged := p.out.with("ready")[0][stage+"_ms"].(float64) / 1000
		s, err := strconv.ParseFloat(before[`oi_start_stage_seconds{stage="`+stage+`"}`], 64)
		if err != nil || s < logged-1e-9 || s > logged+1e-6 {
			t.Errorf("stage %s: %v s, the log has %v s; %v", stage, s, logged, err)
		}
	}

	for range 3 {
		p.post("/predict", listsBody)
	}
	p.post("/predict", "{")
	p.post(inferPath, tensorsBody)
	p.get("/metrics")
	p.get("/no/such/path")
	for _, probe := range []string{"/health", "/v2/health/live", "/v2/health/ready"} {
		p.get(probe)
	}
	after := p.scrape(p.metricsURL())
	for key, want := range map[string]string{
		rows: "6", infers: "2", bytesIn: strconv.Itoa(3*len(listsBody) + 1), encoded: "3", present: "8", predict: "3", refused: "1", infer: "1", unknown: "2", duration: "4",
		"oi_panics_total": "0", "oi_http_requests_in_flight": "0", "oi_draining": "0",
	} {
		if after[key] != want {
			t.Errorf("%s is %q, expected %s", key, after[key], want)
		}
	}
	if _, ok := after[least]; !ok {
		t.Errorf("no %s", least)
	}
	for key := range after {
		if strings.HasPrefix(key, "oi_http_requests_total{") && key != predict && key != refused && key != infer && key != unknown {
			t.Errorf("unexpected %s", key)
		}
	}
}

// TestMetricsDuringLoad: metrics are there before the model is.
func TestMetricsDuringLoad(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "heart.onnx")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	p := launch(t, "MODEL="+pipe, "METRICS_PORT=0", "LOG_LEVEL=debug")
	p.address("listening")
	_, port, err := net.SplitHostPort(p.out.with("listening")[0]["metrics_address"].(string))
	if err != nil {
		t.Fatal(err)
	}
	values := p.scrape("http://127.0.0.1:" + port + "/metrics")
	if values["oi_draining"] != "0" {
		t.Errorf("got %v", values)
	}
	for key := range values {
		if strings.HasPrefix(key, "oi_model_ready") {
			t.Errorf("%s while loading", key)
		}
	}
}

// TestMetricsDuringDrain: metrics on either port are answered as long as anything
// is; on their own port even while a stalled upload keeps the process, with the
// main port closed. Neither holds the exit.
func TestMetricsDuringDrain(t *testing.T) {
	const timeout = 1500 * time.Millisecond
	p := start(t, "METRICS_PORT=0", "DRAIN_TIMEOUT="+timeout.String())
	url := p.metricsURL()
	silent, err := dial(strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/metrics"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := silent.conn.Close(); err != nil {
			t.Error(err)
		}
	})
	upload := mustDial(t, p)
	if err := upload.head(len(listsBody)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(upload.conn, listsBody[:50]); err != nil {
		t.Fatal(err)
	}
	p.await("request in flight", func() bool { return p.scrape(url)["oi_http_requests_in_flight"] == "1" })
	began := time.Now()
	p.signal(syscall.SIGTERM)
	p.await("end of the main port", func() bool {
		w, err := dial(p.hostPort())
		if err != nil {
			return true
		}
		if err := w.conn.Close(); err != nil {
			t.Error(err)
		}
		return false
	})
	values := p.scrape(url)
	if values["oi_draining"] != "1" || values["oi_http_requests_in_flight"] != "1" {
		t.Errorf("oi_draining %s, oi_http_requests_in_flight %s", values["oi_draining"], values["oi_http_requests_in_flight"])
	}
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if took := time.Since(began); took > timeout+time.Second {
		t.Errorf("it ended after %v, DRAIN_TIMEOUT is %v", took, timeout)
	}
}

// TestPublicMetricsDuringDrain: on PORT metrics end with the rest, and announce it.
func TestPublicMetricsDuringDrain(t *testing.T) {
	p := start(t, "DRAIN_DELAY=600ms")
	p.signal(syscall.SIGTERM)
	p.await("readiness 503", func() bool { return p.get("/v2/health/ready").status == 503 })
	w := mustDial(t, p)
	if _, err := io.WriteString(w.conn, "GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	r, closing, err := w.receive()
	if err != nil || r.status != 200 || !closing || !strings.Contains(r.body, "\noi_draining 1\n") {
		t.Errorf("got %d, closing %v, %v\n%s", r.status, closing, err, r.body)
	}
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
