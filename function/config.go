package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v10"

	"online-inference/function/artefact"
)

// defaultModelVersion is the bundled version that runs where neither MODEL nor
// MODEL_VERSION is set. An image of version 2 is stamped with
// -ldflags "-X main.defaultModelVersion=2".
var defaultModelVersion = "1"

// Config is everything that the environment says. It is read once, here. The
// tags are also what the reference page is made of.
type Config struct {
	Port int `group:"Ports" env:"PORT" envDefault:"8080" rule:"a port from 0 to 65535, 0 for a free one" desc:"Port for everything: REST, gRPC, page, health."`

	MetricsPort *int `env:"METRICS_PORT" rule:"a port from 0 to 65535, 0 for a free one" desc:"Port for /metrics, which PORT then does not have. Unset or the same as PORT: /metrics is on PORT."`

	Model        string `group:"Model" env:"MODEL" rule:"a model file or a folder with one" desc:"Model file, or folder with a model file and a model.yaml. Unset: the bundled model."`
	ModelName    string `env:"MODEL_NAME" rule:"letters, digits, '.', '_' and '-', the first a letter or digit" desc:"Name to serve the model under, in place of its own."`
	ModelVersion string `env:"MODEL_VERSION" rule:"letters, digits, '.', '_' and '-', the first a letter or digit" desc:"With MODEL: version to serve the model under, in place of its own. Without: which bundled version to serve."`

	LogLevel  string `group:"Log" env:"LOG_LEVEL" envDefault:"info" rule:"one of debug, info, warn, error, off" desc:"Least level that is logged; a request is info."`
	LogFormat string `env:"LOG_FORMAT" envDefault:"json" rule:"one of json, text" desc:"Form of a log line."`

	MaxBodyBytes   int64         `group:"Limits" env:"MAX_BODY_BYTES" envDefault:"16777216" rule:"an integer from 1 to 1073741824" desc:"Largest request body; beyond it 413. All bodies at one time take at most four times this, or 64 MiB where that is more; beyond it 503."`
	MaxRows        int           `env:"MAX_ROWS" envDefault:"10000" rule:"an integer from 1 to 10000000" desc:"Most rows in a request; beyond it 413."`
	RequestTimeout time.Duration `env:"REQUEST_TIMEOUT" envDefault:"30s" rule:"a duration from 1ms to 1h, such as 30s" desc:"Time to receive a request; beyond it 408."`

	DrainDelay   time.Duration `group:"End" env:"DRAIN_DELAY" envDefault:"0s" rule:"a duration from 0s to 1h, such as 5s" desc:"Time after SIGTERM in which new connections are still served."`
	DrainTimeout time.Duration `env:"DRAIN_TIMEOUT" envDefault:"20s" rule:"a duration from 100ms to 1h, such as 20s" desc:"Time after that for requests in flight."`

	StartDelay time.Duration `group:"Demonstration switches" env:"START_DELAY" envDefault:"0s" rule:"a duration from 0s to 1h, such as 10s" desc:"Demonstration: sleep before listening."`
	ExitAfter  time.Duration `env:"EXIT_AFTER" envDefault:"0s" rule:"a duration from 0s to 24h, such as 30s; 0s is off" desc:"Demonstration: exit with code 1 this long after ready."`
	HangAfter  time.Duration `env:"HANG_AFTER" envDefault:"0s" rule:"a duration from 0s to 24h, such as 30s; 0s is off" desc:"Demonstration: answer nothing on PORT any more this long after ready."`

	OTelDisabled        bool   `group:"OpenTelemetry" env:"OTEL_SDK_DISABLED" envDefault:"false" rule:"true or false" desc:"Send neither traces nor metrics, whatever else is set."`
	OTelEndpoint        string `env:"OTEL_EXPORTER_OTLP_ENDPOINT" rule:"an address such as http://collector:4318" desc:"OpenTelemetry collector; traces go to /v1/traces and metrics to /v1/metrics below it. Unset, with the two that follow: nothing is sent."`
	OTelTracesEndpoint  string `env:"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" rule:"an address such as http://collector:4318/v1/traces" desc:"Whole address for traces, in place of the one above."`
	OTelMetricsEndpoint string `env:"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT" rule:"an address such as http://collector:4318/v1/metrics" desc:"Whole address for metrics, in place of the one above."`
	OTelTraces          string `env:"OTEL_TRACES_EXPORTER" envDefault:"otlp" rule:"one of otlp, none" desc:"none: send no traces."`
	OTelMetrics         string `env:"OTEL_METRICS_EXPORTER" envDefault:"otlp" rule:"one of otlp, none" desc:"none: send no metrics."`
	OTelProtocol        string `env:"OTEL_EXPORTER_OTLP_PROTOCOL" envDefault:"http/protobuf" rule:"http/protobuf, a collector's port 4318" desc:"How they are sent."`
	OTelHeaders         string `env:"OTEL_EXPORTER_OTLP_HEADERS" rule:"a list such as key=value,key2=value2, values percent-encoded" desc:"Headers of each delivery, such as a token."`
	OTelCompression     string `env:"OTEL_EXPORTER_OTLP_COMPRESSION" envDefault:"none" rule:"one of none, gzip" desc:"Compression of each delivery."`
	OTelTimeout         int    `env:"OTEL_EXPORTER_OTLP_TIMEOUT" envDefault:"10000" rule:"milliseconds from 1 to 600000" desc:"Time for a delivery with its repetitions, in milliseconds."`
	OTelInterval        int    `env:"OTEL_METRIC_EXPORT_INTERVAL" envDefault:"60000" rule:"milliseconds from 100 to 3600000" desc:"Time between deliveries of metrics, in milliseconds. The last values are sent at the end, whatever its length."`
	OTelService         string `env:"OTEL_SERVICE_NAME" rule:"any text" desc:"Name of the service in traces and metrics. Unset: online-inference."`
	OTelAttributes      string `env:"OTEL_RESOURCE_ATTRIBUTES" rule:"a list such as key=value,key2=value2, values percent-encoded" desc:"More that traces and metrics say of this process."`
	OTelSampler         string `env:"OTEL_TRACES_SAMPLER" envDefault:"parentbased_always_on" rule:"one of always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio" desc:"Which requests are traced; parentbased follows the caller, such as queue-proxy."`
	OTelSamplerArg      string `env:"OTEL_TRACES_SAMPLER_ARG" rule:"a share from 0 to 1" desc:"Share of the requests, for the two samplers by ratio. Unset: all."`

	Revision string `group:"Set by the platform" env:"K_REVISION" rule:"any text" desc:"Set by Knative: the revision, told in replies."`
	Pod      string `env:"HOSTNAME" rule:"any text" desc:"Set by Kubernetes: the pod, told in replies. Unset: the host's name."`
	DataPath string `env:"KO_DATA_PATH" rule:"a folder" desc:"Set by ko: folder of the bundled models. Unset: looked for beside the program."`
}

// bundledModel is the folder of the bundled artefacts under models/.
const bundledModel = "heart-disease"

// A configError names a key, its value and the rule that it breaks.
type configError struct{ key, value, rule string }

func (e *configError) Error() string {
	return fmt.Sprintf("%s=%q: expected %s", e.key, e.value, e.rule)
}

// parseConfig reads a Config from "KEY=value" pairs, fills in defaults, and holds
// every value against its rule.
func parseConfig(environ []string) (*Config, error) {
	vars := env.ToMap(environ)
	for key, value := range vars {
		if value == "" { // set to nothing is not set
			delete(vars, key)
		}
	}
	var c Config
	err := env.ParseWithOptions(&c, env.Options{Environment: vars})
	var all env.AggregateError
	if errors.As(err, &all) {
		var bad env.ParseError
		if errors.As(all.Errors[0], &bad) {
			return nil, ruleBroken(bad.Name, vars)
		}
	}
	if err != nil {
		return nil, err
	}
	if field := c.invalid(); field != "" {
		return nil, ruleBroken(field, vars)
	}
	return &c, nil
}

// ruleBroken makes the error of a field.
func ruleBroken(field string, vars map[string]string) error {
	f, _ := reflect.TypeFor[Config]().FieldByName(field)
	key := f.Tag.Get("env")
	return &configError{key: key, value: vars[key], rule: f.Tag.Get("rule")}
}

// invalid names the first field whose value breaks its rule.
func (c *Config) invalid() string {
	between := func(d, lo, hi time.Duration) bool { return lo <= d && d <= hi }
	for _, check := range []struct {
		field string
		ok    bool
	}{
		{"Port", isPort(c.Port)},
		{"MetricsPort", c.MetricsPort == nil || isPort(*c.MetricsPort)},
		{"ModelName", c.ModelName == "" || artefact.CheckLabel(c.ModelName) == nil},
		{"ModelVersion", c.ModelVersion == "" || artefact.CheckLabel(c.ModelVersion) == nil},
		{"LogLevel", slices.Contains([]string{"debug", "info", "warn", "error", "off"}, c.LogLevel)},
		{"LogFormat", c.LogFormat == "json" || c.LogFormat == "text"},
		{"MaxBodyBytes", 1 <= c.MaxBodyBytes && c.MaxBodyBytes <= 1<<30},
		{"MaxRows", 1 <= c.MaxRows && c.MaxRows <= 10_000_000},
		{"RequestTimeout", between(c.RequestTimeout, time.Millisecond, time.Hour)},
		{"DrainDelay", between(c.DrainDelay, 0, time.Hour)},
		{"DrainTimeout", between(c.DrainTimeout, 100*time.Millisecond, time.Hour)},
		{"StartDelay", between(c.StartDelay, 0, time.Hour)},
		{"ExitAfter", between(c.ExitAfter, 0, 24*time.Hour)},
		{"HangAfter", between(c.HangAfter, 0, 24*time.Hour)},
		{"OTelEndpoint", isAddress(c.OTelEndpoint)},
		{"OTelTracesEndpoint", isAddress(c.OTelTracesEndpoint)},
		{"OTelMetricsEndpoint", isAddress(c.OTelMetricsEndpoint)},
		{"OTelTraces", c.OTelTraces == "otlp" || c.OTelTraces == "none"},
		{"OTelMetrics", c.OTelMetrics == "otlp" || c.OTelMetrics == "none"},
		// Elsewhere in a cluster all pods may be told to speak gRPC: only who sends
		// has to care.
		{"OTelProtocol", c.OTelProtocol == "http/protobuf" || !c.exports()},
		{"OTelHeaders", isPairs(c.OTelHeaders)},
		{"OTelCompression", c.OTelCompression == "none" || c.OTelCompression == "gzip"},
		{"OTelTimeout", 1 <= c.OTelTimeout && c.OTelTimeout <= 600_000},
		{"OTelInterval", 100 <= c.OTelInterval && c.OTelInterval <= 3_600_000},
		{"OTelAttributes", isPairs(c.OTelAttributes)},
		{"OTelSampler", sampler(c.OTelSampler, 1) != nil},
		{"OTelSamplerArg", isShare(c.OTelSamplerArg)},
	} {
		if !check.ok {
			return check.field
		}
	}
	return ""
}

func isPort(n int) bool { return 0 <= n && n <= 65535 }

// ownMetricsPort tells whether metrics have a port of their own. 0 is always one:
// whoever asks for a free port twice gets two.
func (c *Config) ownMetricsPort() bool {
	return c.MetricsPort != nil && (*c.MetricsPort != c.Port || c.Port == 0)
}

// pod is the name that replies give for this process.
func (c *Config) pod() string {
	if c.Pod != "" {
		return c.Pod
	}
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}

// model decides what to load and under which labels.
func (c *Config) model() (path string, labels artefact.Labels, err error) {
	labels.Name = c.ModelName
	if c.Model != "" {
		labels.Version = c.ModelVersion
		if _, err := os.Stat(c.Model); err != nil {
			return "", labels, &configError{"MODEL", c.Model, "a model file or a folder with one that can be read"}
		}
		return c.Model, labels, nil
	}
	root, err := c.bundledRoot()
	if err != nil {
		return "", labels, err
	}
	version := c.ModelVersion
	if version == "" {
		version = defaultModelVersion
	}
	path = filepath.Join(root, version)
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return "", labels, &configError{"MODEL_VERSION", version, "one of the bundled versions " + listFolder(root)}
	}
	return path, labels, nil
}

// judge finds out whether it is the configuration that a load failed by: MODEL
// may name something that is no model at all.
func (c *Config) judge(err error) error {
	var none *artefact.NoModelError
	if c.Model == "" || !errors.As(err, &none) {
		return err
	}
	return &exitError{exitConfig, &configError{"MODEL", c.Model, "a model file or a folder with one: " + none.Reason}}
}

// bundledRoot finds the folder of the bundled versions.
func (c *Config) bundledRoot() (string, error) {
	candidates := []string{c.DataPath}
	if c.DataPath == "" {
		candidates = []string{"function/kodata", "kodata"}
		if exe, err := os.Executable(); err == nil {
			dir := filepath.Dir(exe)
			candidates = append(candidates, filepath.Join(dir, "kodata"), filepath.Join(dir, "..", "function", "kodata"))
		}
	}
	for _, dir := range candidates {
		root := filepath.Join(dir, "models", bundledModel)
		if info, err := os.Stat(root); err == nil && info.IsDir() {
			return root, nil
		}
	}
	return "", &configError{"KO_DATA_PATH", c.DataPath,
		fmt.Sprintf("a folder with models/%s (looked in %s); or set MODEL", bundledModel, strings.Join(candidates, ", "))}
}

// listFolder names what is in a folder; nothing where it cannot be read, which
// whoever opens it will report.
func listFolder(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return strings.Join(names, ", ")
}
