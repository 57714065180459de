package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestReadinessDuringLoad gives the program a model that arrives slowly, through
// a pipe: it is alive and says that it is not ready, until the model is there.
func TestReadinessDuringLoad(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "heart.onnx")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	p := launch(t, "MODEL="+pipe, "LOG_LEVEL=debug")
	p.url = "http://" + p.address("listening")
	for path, want := range map[string]struct {
		status int
		body   string
	}{
		"/v2/health/live":                {200, `{"live":true}`},
		"/v2/health/ready":               {503, `{"ready":false,"error":"the model is not loaded yet"}`},
		"/health":                        {503, `{"status":"unavailable","ready":false,"error":"the model is not loaded yet"}`},
		"/v2":                            {200, `{"name":"online-inference","version":"dev","extensions":["binary_tensor_data"]}`},
		"/v2/models/heart":               {503, `{"error":"the model is not loaded yet"}`},
		"/v2/models/heart/ready":         {503, `{"error":"the model is not loaded yet"}`},
		"/v2/models/heart/versions/9":    {503, `{"error":"the model is not loaded yet"}`},
		"POST /v2/models/heart/infer":    {503, `{"error":"the model is not loaded yet"}`},
		"POST /predict":                  {503, `{"error":"the model is not loaded yet"}`},
		"/nope":                          {404, `{"error":"no such path: /nope"}`},
		"/v2/models/heart/versions/9/no": {404, `{"error":"no such path: /v2/models/heart/versions/9/no"}`},
	} {
		var got reply
		if rest, ok := strings.CutPrefix(path, "POST "); ok {
			got = p.post(rest, tensorsBody)
		} else {
			got = p.get(path)
		}
		if got.status != want.status || strings.TrimSpace(got.body) != want.body {
			t.Errorf("%s while loading: %d %s", path, got.status, got.body)
		}
		if got.status == 503 && got.header.Get("Retry-After") == "" {
			t.Errorf("%s while loading: no Retry-After", path)
		}
		if got.header.Get("X-Model-Name") != "" {
			t.Errorf("%s while loading: names a model", path)
		}
	}
	model, err := os.ReadFile("kodata/models/heart-disease/1/model.onnx")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(pipe, model, 0o600); err != nil {
		t.Fatal(err)
	}
	p.await("readiness 200", func() bool { return p.get("/v2/health/ready").status == 200 })
	if r := p.post("/v2/models/heart/infer", tensorsBody); r.status != 200 {
		t.Errorf("after the load: %d %s", r.status, r.body)
	}
}

// TestTermDuringLoad: a signal ends the program even while the model is loading.
func TestTermDuringLoad(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "heart.onnx")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	p := launch(t, "MODEL="+pipe, "LOG_LEVEL=debug")
	p.address("listening")
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestPortInUse: one line says what is in the way.
func TestPortInUse(t *testing.T) {
	p := start(t)
	_, port, _ := strings.Cut(p.hostPort(), ":")
	second := launch(t, "PORT="+port)
	if code := second.exit(); code != exitFailure {
		t.Errorf("exit code %d", code)
	}
	if got := second.errs.String(); !strings.Contains(got, "cannot listen") || !strings.Contains(got, port) || strings.Count(got, "\n") != 1 {
		t.Errorf("got %q", got)
	}
}

func TestStartDelay(t *testing.T) {
	began := time.Now()
	p := start(t, "START_DELAY=300ms")
	if took := time.Since(began); took < 300*time.Millisecond {
		t.Errorf("ready after %v", took)
	}
	if len(p.out.with("START_DELAY")) != 1 {
		t.Error("the log does not tell of START_DELAY")
	}
	if ms := p.out.with("ready")[0]["start_delay_ms"].(float64); ms < 300 {
		t.Errorf("the ready line says %v ms", ms)
	}

	sleeping := launch(t, "START_DELAY=1h")
	sleeping.await("line START_DELAY", func() bool { return len(sleeping.out.with("START_DELAY")) == 1 })
	sleeping.signal(syscall.SIGTERM)
	if code := sleeping.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestExitAfter(t *testing.T) {
	p := start(t, "EXIT_AFTER=300ms")
	if r := p.post("/predict", listsBody); r.status != 200 {
		t.Errorf("before EXIT_AFTER: %d", r.status)
	}
	if code := p.exit(); code != exitFailure {
		t.Errorf("exit code %d, expected %d", code, exitFailure)
	}
	if n := len(p.out.with("EXIT_AFTER")); n != 2 {
		t.Errorf("the log tells %d times of EXIT_AFTER, expected 2", n)
	}
}

func TestHangAfter(t *testing.T) {
	p := start(t, "HANG_AFTER=200ms", "DRAIN_TIMEOUT=500ms")
	p.await("line HANG_AFTER", func() bool { return len(p.out.with("HANG_AFTER: a demonstration switch makes")) == 1 })
	impatient := &http.Client{Timeout: 300 * time.Millisecond}
	for _, path := range []string{"/v2/health/live", "/v2/health/ready", "/", "/nope"} {
		if r, err := do(impatient, http.MethodGet, p.url+path, "", ""); err == nil {
			t.Errorf("%s answered %d", path, r.status)
		}
	}
	if r, err := do(impatient, http.MethodPost, p.url+"/predict", "", listsBody); err == nil {
		t.Errorf("/predict answered %d", r.status)
	}
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestReadyLine: the line that says ready carries every stage of the start.
func TestReadyLine(t *testing.T) {
	p := start(t, "MODEL_VERSION=2")
	line := p.out.with("ready")[0]
	sum := 0.0
	for _, stage := range []string{"runtime", "config", "listen", "load", "self_test"} {
		ms, ok := line[stage+"_ms"].(float64)
		if !ok || ms < 0 {
			t.Errorf("stage %s: %v", stage, line[stage+"_ms"])
		}
		sum += ms
	}
	if total := line["start_ms"].(float64); total < sum-0.01 || total > sum+0.01 {
		t.Errorf("start_ms is %v, the stages sum up to %v", total, sum)
	}
	for key, want := range map[string]any{"model": "heart-disease", "model_version": "2", "self_test_rows": 4.0, "level": "info"} {
		if line[key] != want {
			t.Errorf("%s is %v, expected %v", key, line[key], want)
		}
	}
}
