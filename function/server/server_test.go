package server

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"online-inference/function/artefact"
	"online-inference/function/telemetry"
)

// repository is a Repository whose answers a test decides.
type repository struct {
	find func(name, version string) (*artefact.Model, error)
}

func (r repository) Find(name, version string) (*artefact.Model, error) { return r.find(name, version) }

// safeBuffer is a log that may be read while it is written.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// serve runs a server on a free port; the log is complete once stop has returned.
func serve(t *testing.T, repo Repository, change func(*Options)) (url string, log *safeBuffer, stop func()) {
	t.Helper()
	return serveAs(t, repo, change, new(*Server))
}

// serveAs is serve for a test that looks into the server.
func serveAs(t *testing.T, repo Repository, change func(*Options), as **Server) (url string, log *safeBuffer, stop func()) {
	t.Helper()
	log = &safeBuffer{}
	opt := Options{
		Repository: repo, Log: telemetry.NewLogger(log, "debug", "json"), Build: "test", Revision: "rev-1", Pod: "pod-1",
		MaxBodyBytes: 1 << 20, MaxRows: 100, RequestTimeout: 5 * time.Second,
		Metrics: telemetry.NewMetrics("test"),
	}
	if change != nil {
		change(&opt)
	}
	s := New(opt)
	*as = s
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()
	stop = sync.OnceFunc(func() {
		s.Drain(0, 2*time.Second)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return "http://" + ln.Addr().String(), log, stop
}

// heart is the bundled model.
func heart(t *testing.T) Repository {
	t.Helper()
	m, err := artefact.Load("../kodata/models/heart-disease/1", artefact.Labels{})
	if err != nil {
		t.Fatal(err)
	}
	store := &artefact.Store{}
	store.Put(m)
	return store
}

const row = `[{"age":63,"sex":1,"cp":1,"trestbps":145,"chol":233,"fbs":1,"restecg":2,"thalach":150,"exang":0,"oldpeak":2.3,"slope":3,"ca":0,"thal":"6"}]`

// answer is the head of a reply.
type answer struct {
	Status int
	Header http.Header
	Length int64
	Close  bool
}

// ask sends a request with headers given as pairs.
func ask(t *testing.T, method, url, body string, header ...string) (answer, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return send(t, req)
}

func send(t *testing.T, req *http.Request) (answer, string) {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, res.ContentLength, res.Close}, string(b)
}

// logged returns the lines of a message.
func logged(t *testing.T, log *safeBuffer, message string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for line := range strings.Lines(log.String()) {
		m := map[string]any{}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if s, _ := m["message"].(string); strings.HasPrefix(s, message) {
			found = append(found, m)
		}
	}
	return found
}

// TestPanic: a panic is answered 500 without details, told to the log with its
// stack, counted, and hurts nobody else.
func TestPanic(t *testing.T) {
	good := heart(t)
	url, log, stop := serve(t, repository{func(name, version string) (*artefact.Model, error) {
		if name == "boom" {
			panic("secret state")
		}
		return good.Find(name, version)
	}}, nil)
	for range 2 {
		res, body := ask(t, "POST", url+"/v2/models/boom/infer", "{}")
		if res.Status != 500 || body != "{\"error\":\"internal error\"}\n" || res.Header.Get("X-Model-Name") != "heart-disease" {
			t.Errorf("got %d %s %v", res.Status, body, res.Header)
		}
		if res, body := ask(t, "POST", url+"/predict", row); res.Status != 200 {
			t.Errorf("right after it: %d %s", res.Status, body)
		}
	}
	stop()
	lines := logged(t, log, "panic: secret state")
	if len(lines) != 2 || lines[1]["panics"] != 2.0 || lines[0]["level"] != "error" || !strings.Contains(lines[0]["stack"].(string), "server_test.go") {
		t.Errorf("the log has %v", lines)
	}
	for _, line := range logged(t, log, "request") {
		if (line["status"] == 500.0) != (line["level"] == "error") {
			t.Errorf("the log has %v", line)
		}
	}
}

// TestInternalError: an error that is nobody's mistake is told to the log only.
func TestInternalError(t *testing.T) {
	good := heart(t)
	url, log, stop := serve(t, repository{func(name, version string) (*artefact.Model, error) {
		if name == "broken" {
			return nil, io.ErrClosedPipe
		}
		return good.Find(name, version)
	}}, nil)
	res, body := ask(t, "GET", url+"/v2/models/broken", "")
	if res.Status != 500 || body != "{\"error\":\"internal error\"}\n" {
		t.Errorf("got %d %s", res.Status, body)
	}
	stop()
	if lines := logged(t, log, "internal error"); len(lines) != 1 || lines[0]["error"] != io.ErrClosedPipe.Error() {
		t.Errorf("the log has %v", lines)
	}
}

// TestLog: one line a request with what is known of it; nothing of its content,
// nothing of probes.
func TestLog(t *testing.T) {
	url, log, stop := serve(t, heart(t), nil)
	ask(t, "POST", url+"/predict", row, "X-Request-Id", "my-id.1", "Content-Type", "application/json")
	ask(t, "POST", url+"/v2/models/heart-disease/versions/1/infer", `{"inputs":[{"name":"peculiar-content"}]}`)
	ask(t, "POST", url+"/predict", `[{"age":"peculiar-content"}]`, "X-Request-Id", "no good id\t")
	for _, probe := range []string{"/health", "/v2/health/live", "/v2/health/ready"} {
		ask(t, "GET", url+probe, "")
	}
	ask(t, "GET", url+"/v2/health/ready", "", "User-Agent", "kube-probe/1.35")
	ask(t, "GET", url+"/"+strings.Repeat("long/", 1000), "", "User-Agent", "kube-probe/1.35") // which anybody can claim to be
	stop()
	lines := logged(t, log, "request")
	if len(lines) != 4 {
		t.Fatalf("%d lines, expected 4:\n%s", len(lines), log)
	}
	want := map[string]any{
		"level": "info", "message": "request", "request_id": "my-id.1", "method": "POST", "path": "/predict", "route": "/predict", "status": 200.0,
		"rows": 1.0, "bytes_in": float64(len(row)), "model": "heart-disease", "model_version": "1",
	}
	for key, v := range want {
		if lines[0][key] != v {
			t.Errorf("%s is %v, expected %v", key, lines[0][key], v)
		}
	}
	if ms, ok := lines[0]["duration_ms"].(float64); !ok || ms < 0 || ms > 5000 {
		t.Errorf("duration_ms is %v", lines[0]["duration_ms"])
	}
	if n, ok := lines[0]["bytes_out"].(float64); !ok || n < 100 {
		t.Errorf("bytes_out is %v", lines[0]["bytes_out"])
	}
	if lines[1]["route"] != "/v2/models/:model/versions/:version/infer" || lines[1]["status"] != 400.0 {
		t.Errorf("the second line is %v", lines[1])
	}
	if id, _ := lines[2]["request_id"].(string); len(id) != 32 {
		t.Errorf("the third line is %v", lines[2])
	}
	if path, _ := lines[3]["path"].(string); len(path) > 110 || lines[3]["status"] != 404.0 {
		t.Errorf("the fourth line is %v", lines[3])
	}
	if strings.Contains(log.String(), "peculiar") {
		t.Errorf("the log holds content:\n%s", log)
	}
}

// TestWhoAnswered: every reply of a loaded model names it, with revision and pod.
func TestWhoAnswered(t *testing.T) {
	url, _, _ := serve(t, heart(t), nil)
	for _, r := range [][2]string{
		{"GET", "/"}, {"GET", "/health"}, {"GET", "/v2"}, {"GET", "/v2/health/live"}, {"GET", "/v2/models/heart-disease"}, {"GET", "/nope"},
		{"POST", "/predict"}, {"PUT", "/predict"}, {"OPTIONS", "/predict"}, {"HEAD", "/"}, {"GET", "/assets/style.css"},
	} {
		res, _ := ask(t, r[0], url+r[1], row)
		for name, want := range map[string]string{"X-Model-Name": "heart-disease", "X-Model-Version": "1", "X-Revision": "rev-1", "X-Pod": "pod-1"} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s %s: %s is %q", r[0], r[1], name, got)
			}
		}
	}
	_, body := ask(t, "POST", url+"/predict", row)
	want := `{"model":"heart-disease","version":"1","revision":"rev-1","pod":"pod-1","predictions":[` +
		`{"label":0,"class":"no disease","probabilities":{"no disease":0.64071804,"disease":0.35928193}}]}` + "\n"
	if body != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
}

// TestSlowRequest: a body that does not arrive in time is 408, and the connection
// ends.
func TestSlowRequest(t *testing.T) {
	url, _, _ := serve(t, heart(t), func(o *Options) { o.RequestTimeout = 200 * time.Millisecond })
	r, w := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/predict", r)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = 100
	go func() {
		if _, err := io.WriteString(w, "["); err != nil {
			t.Error(err)
		}
	}()
	res, body := send(t, req)
	if res.Status != 408 || body != "{\"error\":\"the request did not arrive within 200ms\"}\n" || !res.Close {
		t.Errorf("got %d %s, closing %v", res.Status, body, res.Close)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// TestBrokenBody: a client that ends its body early is told, where it still
// listens, and the server goes on.
func TestBrokenBody(t *testing.T) {
	url, _, _ := serve(t, heart(t), nil)
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := io.WriteString(conn, "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n[{"); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(b), "HTTP/1.1 400 ") || !strings.HasSuffix(string(b), "{\"error\":\"the body ended before its announced length\"}\n") {
		t.Errorf("got %s", b)
	}
	if res, body := ask(t, "POST", url+"/predict", row); res.Status != 200 {
		t.Errorf("right after it: %d %s", res.Status, body)
	}
}
