package server

import (
	"net"
	"strings"
	"testing"
	"time"

	"online-inference/function/artefact"
	"online-inference/function/telemetry"
)

// own returns the lines of our own metrics in a scrape.
func own(text string) map[string]bool {
	lines := map[string]bool{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "oi_") {
			lines[strings.TrimSpace(line)] = true
		}
	}
	return lines
}

// TestRoutesOfMetrics: a request is counted under its route's pattern, whatever a
// client makes up, and probes and scrapes are not counted at all.
func TestRoutesOfMetrics(t *testing.T) {
	good := heart(t)
	url, log, stop := serve(t, repository{func(name, version string) (*artefact.Model, error) {
		if name == "boom" {
			panic("boom")
		}
		return good.Find(name, version)
	}}, func(o *Options) { o.PublicMetrics = true })
	for _, r := range [][3]string{
		{"POST", "/predict", row},
		{"POST", "/predict", "{"},
		{"BREW", "/predict", ""},
		{"POST", "/v2/models/heart-disease/infer", inferRequest("")},
		{"POST", "/v2/models/heart-disease/versions/1/infer", inferRequest("")},
		{"POST", "/v2/models/boom/infer", inferRequest("")},
		{"POST", "/v2/models/nobody/infer", inferRequest("")},
		{"POST", "/v2/models/nobody%2Felse/infer", inferRequest("")},
		{"HEAD", "/", ""},
		{"GET", "/assets/no-such-file", ""},
		{"GET", "/made/up/1", ""},
		{"POST", "/made/up/2", ""},
		{"GET", "/v2/models/heart-disease/made/up", ""},
		{"GET", "/metrics/made-up", ""},
		{"POST", "/health", ""},
	} {
		ask(t, r[0], url+r[1], r[2])
	}
	for _, quiet := range []string{"/health", "/v2/health/live", "/v2/health/ready", "/metrics", "/metrics"} {
		ask(t, "GET", url+quiet, "")
		ask(t, "HEAD", url+quiet, "")
	}
	ask(t, "GET", url+"/health", "", "User-Agent", "kube-probe/1.35")
	res, text := ask(t, "GET", url+"/metrics", "")
	if res.Status != 200 || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Errorf("got %d %v", res.Status, res.Header)
	}
	got := own(text)
	counted := 0
	for line := range got {
		if strings.HasPrefix(line, "oi_http_requests_total{") {
			counted++
		}
	}
	want := []string{
		`oi_http_requests_total{code="200",model="heart-disease",route="/predict",version="1"} 1`,
		`oi_http_requests_total{code="400",model="heart-disease",route="/predict",version="1"} 1`,
		`oi_http_requests_total{code="405",model="heart-disease",route="/predict",version="1"} 1`,
		`oi_http_requests_total{code="200",model="heart-disease",route="/v2/models/:model/infer",version="1"} 1`,
		`oi_http_requests_total{code="404",model="heart-disease",route="/v2/models/:model/infer",version="1"} 2`,
		`oi_http_requests_total{code="500",model="heart-disease",route="/v2/models/:model/infer",version="1"} 1`,
		`oi_http_requests_total{code="200",model="heart-disease",route="/v2/models/:model/versions/:version/infer",version="1"} 1`,
		`oi_http_requests_total{code="200",model="heart-disease",route="/",version="1"} 1`,
		`oi_http_requests_total{code="404",model="heart-disease",route="/assets/:file",version="1"} 1`,
		`oi_http_requests_total{code="404",model="heart-disease",route="other",version="1"} 4`,
		`oi_http_requests_total{code="405",model="heart-disease",route="/health",version="1"} 1`,
	}
	for _, line := range append(want, `oi_rows_scored_total{model="heart-disease",route="/predict",version="1"} 1`,
		`oi_rows_scored_total{model="heart-disease",route="/v2/models/:model/infer",version="1"} 1`, "oi_panics_total 1", "oi_http_requests_in_flight 0", "oi_draining 0") {
		if !got[line] {
			t.Errorf("no line %s", line)
		}
	}
	if counted != len(want) {
		t.Errorf("%d routes and codes, expected %d", counted, len(want))
	}
	if t.Failed() {
		t.Log(text)
	}
	stop()
	for _, line := range logged(t, log, "request") {
		if line["path"] == "/metrics" {
			t.Errorf("a scrape is in the log: %v", line)
		}
	}
}

// TestInFlight: a request that is being received is in flight; one whose client
// has gone is not.
func TestInFlight(t *testing.T) {
	url, _, _ := serve(t, heart(t), func(o *Options) { o.PublicMetrics = true })
	inFlight := func(want string) {
		t.Helper()
		text := ""
		for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			if _, text = ask(t, "GET", url+"/metrics", ""); own(text)["oi_http_requests_in_flight "+want] {
				return
			}
		}
		t.Errorf("never %s in flight:\n%s", want, text)
	}
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n[{")); err != nil {
		t.Fatal(err)
	}
	inFlight("1")
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	inFlight("0")
}

// serveMetrics runs a server with metrics on a port of their own.
func serveMetrics(t *testing.T) (s *Server, url string, done chan error) {
	t.Helper()
	log := &safeBuffer{}
	s = New(Options{
		Repository: heart(t), Log: telemetry.NewLogger(log, "debug", "json"), Metrics: telemetry.NewMetrics("test"),
		MaxBodyBytes: 1 << 20, MaxRows: 100, RequestTimeout: 5 * time.Second,
	})
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done = make(chan error, 1)
	go func() { done <- s.ServeMetrics(ln) }()
	return s, "http://" + ln.Addr().String(), done
}

// TestMetricsAlone: their own port has metrics and nothing else.
func TestMetricsAlone(t *testing.T) {
	s, url, done := serveMetrics(t)
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/", `{"error":"no such path: /, expected /metrics"}` + "\n", 404},
		{"POST", "/predict", `{"error":"no such path: /predict, expected /metrics"}` + "\n", 404},
		{"GET", "/v2/health/ready", `{"error":"no such path: /v2/health/ready, expected /metrics"}` + "\n", 404},
		{"POST", "/metrics", `{"error":"method POST is not allowed here, expected GET, HEAD"}` + "\n", 405},
		{"HEAD", "/metrics", "", 200},
	} {
		if res, body := ask(t, c.method, url+c.path, ""); res.Status != c.status || body != c.body {
			t.Errorf("%s %s: %d %s", c.method, c.path, res.Status, body)
		}
	}
	if res, text := ask(t, "GET", url+"/metrics", ""); res.Status != 200 || !own(text)["oi_panics_total 0"] {
		t.Errorf("got %d %s", res.Status, text)
	}
	if s.http.ReadTimeout != s.metrics.ReadTimeout || s.http.ReadHeaderTimeout != s.metrics.ReadHeaderTimeout || s.metrics.ReadHeaderTimeout == 0 ||
		s.http.WriteTimeout != s.metrics.WriteTimeout || s.http.IdleTimeout != s.metrics.IdleTimeout || s.http.MaxHeaderBytes != s.metrics.MaxHeaderBytes {
		t.Error("the two servers differ in their time-outs")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestMetricsCannotHoldTheEnd: neither a silent connection nor half a scrape keeps
// the process for longer than lastScrape, nor at all where the budget is spent.
func TestMetricsCannotHoldTheEnd(t *testing.T) {
	for _, c := range []struct{ budget, least, most time.Duration }{
		{time.Minute, lastScrape, lastScrape + time.Second},
		{0, 0, lastScrape},
	} {
		s, url, done := serveMetrics(t)
		for _, text := range []string{"", "GET /metr"} {
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := conn.Close(); err != nil {
					t.Error(err)
				}
			})
			if _, err := conn.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		ask(t, "GET", url+"/metrics", "") // the others have been accepted by now
		began := time.Now()
		s.Drain(0, c.budget)
		if took := time.Since(began); took < c.least || took > c.most {
			t.Errorf("with a budget of %v it ended after %v", c.budget, took)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
