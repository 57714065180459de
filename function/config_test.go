package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestConfigDefaults(t *testing.T) {
	got, err := parseConfig(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		Port: 8080, LogLevel: "info", LogFormat: "json", MaxBodyBytes: 16 << 20, MaxRows: 10000,
		RequestTimeout: 30 * time.Second, DrainTimeout: 20 * time.Second,
		OTelTraces: "otlp", OTelMetrics: "otlp", OTelProtocol: "http/protobuf", OTelCompression: "none",
		OTelTimeout: 10_000, OTelInterval: 60_000, OTelSampler: "parentbased_always_on",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestConfigValues(t *testing.T) {
	got, err := parseConfig([]string{
		"PORT=0", "METRICS_PORT=9464", "MODEL=m.onnx", "MODEL_NAME=n", "MODEL_VERSION=2.0-rc_1", "LOG_LEVEL=off", "LOG_FORMAT=text",
		"MAX_BODY_BYTES=1", "MAX_ROWS=2", "REQUEST_TIMEOUT=3s", "DRAIN_DELAY=4s", "DRAIN_TIMEOUT=5s",
		"START_DELAY=6s", "EXIT_AFTER=7s", "HANG_AFTER=8s", "K_REVISION=r", "HOSTNAME=h", "KO_DATA_PATH=k",
		"OTEL_SDK_DISABLED=true", "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://t/x",
		"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=https://m/y", "OTEL_TRACES_EXPORTER=none", "OTEL_METRICS_EXPORTER=none",
		"OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_HEADERS=a=b", "OTEL_EXPORTER_OTLP_COMPRESSION=gzip",
		"OTEL_EXPORTER_OTLP_TIMEOUT=9", "OTEL_METRIC_EXPORT_INTERVAL=100", "OTEL_SERVICE_NAME=s", "OTEL_RESOURCE_ATTRIBUTES=c=d",
		"OTEL_TRACES_SAMPLER=traceidratio", "OTEL_TRACES_SAMPLER_ARG=0.5",
		"UNRELATED=x", "EMPTY=",
	})
	if err != nil {
		t.Fatal(err)
	}
	metricsPort := 9464
	want := &Config{
		MetricsPort: &metricsPort, Model: "m.onnx", ModelName: "n", ModelVersion: "2.0-rc_1", LogLevel: "off", LogFormat: "text",
		MaxBodyBytes: 1, MaxRows: 2, RequestTimeout: 3 * time.Second, DrainDelay: 4 * time.Second, DrainTimeout: 5 * time.Second,
		StartDelay: 6 * time.Second, ExitAfter: 7 * time.Second, HangAfter: 8 * time.Second,
		Revision: "r", Pod: "h", DataPath: "k",
		OTelDisabled: true, OTelEndpoint: "http://c:4318", OTelTracesEndpoint: "http://t/x", OTelMetricsEndpoint: "https://m/y",
		OTelTraces: "none", OTelMetrics: "none", OTelProtocol: "grpc", OTelHeaders: "a=b", OTelCompression: "gzip",
		OTelTimeout: 9, OTelInterval: 100, OTelService: "s", OTelAttributes: "c=d", OTelSampler: "traceidratio", OTelSamplerArg: "0.5",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestConfigEmpty: a variable that is set to nothing counts as not set, because
// manifests and shells cannot always leave one out.
func TestConfigEmpty(t *testing.T) {
	got, err := parseConfig([]string{"PORT=", "METRICS_PORT=", "MODEL_VERSION=", "DRAIN_DELAY="})
	if err != nil || got.Port != 8080 || got.MetricsPort != nil || got.ModelVersion != "" {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestConfigErrors starts the program with each bad value: exit code 2, and one
// line that names key, value and rule.
func TestConfigErrors(t *testing.T) {
	const label = "letters, digits, '.', '_' and '-', the first a letter or digit"
	for _, c := range []struct{ environ, want string }{
		{"PORT=http", `PORT="http": expected a port from 0 to 65535, 0 for a free one`},
		{"PORT=-1", `PORT="-1": expected a port from 0 to 65535, 0 for a free one`},
		{"PORT=65536", `PORT="65536": expected a port from 0 to 65535, 0 for a free one`},
		{"PORT=8080.5", `PORT="8080.5": expected a port from 0 to 65535, 0 for a free one`},
		{"METRICS_PORT=metrics", `METRICS_PORT="metrics": expected a port from 0 to 65535, 0 for a free one`},
		{"METRICS_PORT=-1", `METRICS_PORT="-1": expected a port from 0 to 65535, 0 for a free one`},
		{"METRICS_PORT=65536", `METRICS_PORT="65536": expected a port from 0 to 65535, 0 for a free one`},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=collector:4317", `OTEL_EXPORTER_OTLP_ENDPOINT="collector:4317": expected an address such as http://collector:4318`},
		{"OTEL_TRACES_EXPORTER=zipkin", `OTEL_TRACES_EXPORTER="zipkin": expected one of otlp, none`},
		{"OTEL_EXPORTER_OTLP_HEADERS=token", `OTEL_EXPORTER_OTLP_HEADERS="token": expected a list such as key=value,key2=value2, values percent-encoded`},
		{"OTEL_EXPORTER_OTLP_COMPRESSION=zstd", `OTEL_EXPORTER_OTLP_COMPRESSION="zstd": expected one of none, gzip`},
		{"OTEL_EXPORTER_OTLP_TIMEOUT=0", `OTEL_EXPORTER_OTLP_TIMEOUT="0": expected milliseconds from 1 to 600000`},
		{"OTEL_METRIC_EXPORT_INTERVAL=1m", `OTEL_METRIC_EXPORT_INTERVAL="1m": expected milliseconds from 100 to 3600000`},
		{"OTEL_TRACES_SAMPLER=some", `OTEL_TRACES_SAMPLER="some": expected one of always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio`},
		{"OTEL_TRACES_SAMPLER_ARG=2", `OTEL_TRACES_SAMPLER_ARG="2": expected a share from 0 to 1`},
		{"OTEL_SDK_DISABLED=maybe", `OTEL_SDK_DISABLED="maybe": expected true or false`},
		{"MODEL=nowhere/model.onnx", `MODEL="nowhere/model.onnx": expected a model file or a folder with one that can be read`},
		{"MODEL=/dev/null", `MODEL="/dev/null": expected a model file or a folder with one: it is neither a file nor a folder`},
		{"MODEL=/dev/zero", `MODEL="/dev/zero": expected a model file or a folder with one: it is neither a file nor a folder`},
		{"MODEL=config.go", `MODEL="config.go": expected a model file or a folder with one: the content is of no format that is known (ONNX, XGBoost JSON or UBJ, LightGBM text, CatBoost JSON)`},
		{"MODEL=page", `MODEL="page": expected a model file or a folder with one: it holds no model file (ONNX, XGBoost JSON or UBJ, LightGBM text, CatBoost JSON)`},
		{"MODEL_NAME=a b", `MODEL_NAME="a b": expected ` + label},
		{"MODEL_NAME=-a", `MODEL_NAME="-a": expected ` + label},
		{"MODEL_NAME=ä", `MODEL_NAME="ä": expected ` + label},
		{"MODEL_NAME=" + strings.Repeat("a", 129), `MODEL_NAME="` + strings.Repeat("a", 129) + `": expected ` + label},
		{"MODEL_VERSION=3", `MODEL_VERSION="3": expected one of the bundled versions 1, 2`},
		{"MODEL_VERSION=../1", `MODEL_VERSION="../1": expected ` + label},
		{"LOG_LEVEL=INFO", `LOG_LEVEL="INFO": expected one of debug, info, warn, error, off`},
		{"LOG_FORMAT=xml", `LOG_FORMAT="xml": expected one of json, text`},
		{"MAX_BODY_BYTES=16MiB", `MAX_BODY_BYTES="16MiB": expected an integer from 1 to 1073741824`},
		{"MAX_BODY_BYTES=0", `MAX_BODY_BYTES="0": expected an integer from 1 to 1073741824`},
		{"MAX_BODY_BYTES=1073741825", `MAX_BODY_BYTES="1073741825": expected an integer from 1 to 1073741824`},
		{"MAX_ROWS=0", `MAX_ROWS="0": expected an integer from 1 to 10000000`},
		{"MAX_ROWS=1e3", `MAX_ROWS="1e3": expected an integer from 1 to 10000000`},
		{"REQUEST_TIMEOUT=30", `REQUEST_TIMEOUT="30": expected a duration from 1ms to 1h, such as 30s`},
		{"REQUEST_TIMEOUT=0s", `REQUEST_TIMEOUT="0s": expected a duration from 1ms to 1h, such as 30s`},
		{"DRAIN_DELAY=-1s", `DRAIN_DELAY="-1s": expected a duration from 0s to 1h, such as 5s`},
		{"DRAIN_TIMEOUT=1ms", `DRAIN_TIMEOUT="1ms": expected a duration from 100ms to 1h, such as 20s`},
		{"START_DELAY=2h", `START_DELAY="2h": expected a duration from 0s to 1h, such as 10s`},
		{"EXIT_AFTER=soon", `EXIT_AFTER="soon": expected a duration from 0s to 24h, such as 30s; 0s is off`},
		{"HANG_AFTER=-1s", `HANG_AFTER="-1s": expected a duration from 0s to 24h, such as 30s; 0s is off`},
		{"KO_DATA_PATH=/nowhere", `KO_DATA_PATH="/nowhere": expected a folder with models/heart-disease (looked in /nowhere); or set MODEL`},
	} {
		t.Run(c.environ, func(t *testing.T) {
			p := launch(t, c.environ)
			if code := p.exit(); code != exitConfig {
				t.Errorf("exit code %d, expected %d", code, exitConfig)
			}
			if got, want := p.errs.String(), "online-inference: "+c.want+"\n"; got != want {
				t.Errorf("got      %sexpected %s", got, want)
			}
			if p.out.text() != "" {
				t.Errorf("unexpected output: %s", p.out.text())
			}
		})
	}
}

func TestArguments(t *testing.T) {
	err := run(t.Context(), 0, []string{"serve"}, nil, nil)
	var exit *exitError
	if !errors.As(err, &exit) || exit.code != exitConfig || !strings.Contains(err.Error(), `"serve"`) {
		t.Errorf("got %v", err)
	}
}

// TestModelChoice: which model answers, and under which labels.
func TestModelChoice(t *testing.T) {
	folder, err := filepath.Abs("kodata/models/heart-disease/2")
	if err != nil {
		t.Fatal(err)
	}
	bare := filepath.Join(t.TempDir(), "my-model.onnx")
	data, err := os.ReadFile(filepath.Join(folder, "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bare, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name             string
		environ          []string
		model, version   string
		selfTest         float64
		overrides, trees bool
	}{
		{"default", nil, "heart-disease", "1", 4, false, true},
		{"bundled version", []string{"MODEL_VERSION=2"}, "heart-disease", "2", 4, false, false},
		{"bundled under another name", []string{"MODEL_NAME=hearts"}, "hearts", "1", 4, true, true},
		{"folder", []string{"MODEL=" + folder}, "heart-disease", "2", 4, false, false},
		{"folder with labels", []string{"MODEL=" + folder, "MODEL_NAME=x", "MODEL_VERSION=7"}, "x", "7", 4, true, false},
		{"long labels", []string{"MODEL=" + folder, "MODEL_NAME=" + strings.Repeat("n", 128), "MODEL_VERSION=" + strings.Repeat("v", 128)},
			strings.Repeat("n", 128), strings.Repeat("v", 128), 4, true, false},
		{"file", []string{"MODEL=" + bare}, "my-model", "1", 0, false, false},
		{"file with labels", []string{"MODEL=" + bare, "MODEL_NAME=x", "MODEL_VERSION=2026-11"}, "x", "2026-11", 0, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := start(t, c.environ...)
			line := p.out.with("ready")[0]
			if line["model"] != c.model || line["model_version"] != c.version || line["self_test_rows"] != c.selfTest {
				t.Errorf("the ready line is %v", line)
			}
			if n := len(p.out.with("no model.yaml")); (n == 1) != (c.selfTest == 0) {
				t.Errorf("%d lines tell that there is no description", n)
			}
			if n := len(p.out.with("MODEL_NAME, MODEL_VERSION override")); (n == 1) != c.overrides {
				t.Errorf("%d lines tell of overridden labels", n)
			}
			got := p.post("/v2/models/"+c.model+"/versions/"+c.version+"/infer", tensorsBody)
			want := 0.3879745 // logistic regression
			if c.trees {
				want = 0.3592819
			}
			if a := inferAnswers(t, got.body); a[0].probabilities[1] < want-1e-5 || a[0].probabilities[1] > want+1e-5 {
				t.Errorf("answer %v, expected %v", a[0], want)
			}
			if n, v := got.header.Get("X-Model-Name"), got.header.Get("X-Model-Version"); n != c.model || v != c.version {
				t.Errorf("headers name %s %s", n, v)
			}
		})
	}
}

// TestStamps builds the program of an image of version 2: one stamp decides which
// model it serves, another what it says of itself.
func TestStamps(t *testing.T) {
	stamped := filepath.Join(t.TempDir(), "function")
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-ldflags", "-X main.version=1.2.3 -X main.defaultModelVersion=2", "-o", stamped, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p := launchProgram(t, stamped)
	p.url = "http://" + p.address("ready")
	line := p.out.with("ready")[0]
	if line["model_version"] != "2" || line["build"] != "1.2.3" {
		t.Errorf("the ready line is %v", line)
	}
	if got := p.get("/v2").body; !strings.Contains(got, `"version":"1.2.3"`) {
		t.Errorf("/v2 says %s", got)
	}
}

// TestBundledIsFound: without KO_DATA_PATH the bundled models are looked for where
// a developer has them.
func TestBundledIsFound(t *testing.T) {
	p := start(t, "KO_DATA_PATH=")
	if source := p.out.with("ready")[0]["source"]; source != "kodata/models/heart-disease/1" {
		t.Errorf("it found %v", source)
	}
}

// TestDependencies: the program carries nothing of the tools that deploy it.
func TestDependencies(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), "online-inference/engine\n") {
		t.Fatalf("unexpected list: %s", out)
	}
	for _, foreign := range []string{"knative.dev", "k8s.io", "go-cmp", "testing\n"} {
		if strings.Contains(string(out), foreign) {
			t.Errorf("the program depends on %q", foreign)
		}
	}
}

// TestBrokenModels: what is no model ends the program before it is ever ready.
func TestBrokenModels(t *testing.T) {
	for _, c := range []struct {
		name, file, content, want string
		code                      int
	}{
		{"no model", "model.txt", "hello", "it holds no model file", exitConfig},
		{"empty", "model.onnx", "", "it holds no model file", exitConfig},
		{"cut", "model.onnx", "\x08\x09\x12\x08skl2onnx", "cannot load model", exitFailure},
		{"not XGBoost", "model.json", `{"learner":[]}`, "cannot load model", exitFailure},
		{"nothing there", "README.md", "hello", "it holds no model file", exitConfig},
		{"a description of another name", "model.yml", "format: 1", `it holds "model.yml"; a description has to be called model.yaml`, exitConfig},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, c.file), []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			p := launch(t, "MODEL="+dir)
			if code := p.exit(); code != c.code {
				t.Errorf("exit code %d, expected %d", code, c.code)
			}
			if got := p.errs.String(); !strings.Contains(got, c.want) || strings.Count(got, "\n") != 1 {
				t.Errorf("got %q, expected one line with %q", got, c.want)
			}
			if len(p.out.with("ready")) > 0 {
				t.Error("it said that it is ready")
			}
		})
	}
}
