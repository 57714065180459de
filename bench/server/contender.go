package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"online-inference/bench/report"
	"online-inference/bench/server/record"
)

// A contender is a server with what was measured on it so far.
type contender struct {
	id          string
	environment string // of Python; empty for ours
	ready       string // path that answers 200 from when it can be asked
	simple      bool   // takes /predict; else the Open Inference Protocol
	forms       bool   // all forms of a request are measured
	// command is how to start it on ports; its working folder is its own.
	command func(ctx context.Context, b *bench, ports []string, dir string) (*exec.Cmd, error)

	samples    map[string][]sample // by load
	deviation  float64
	idle, load record.Memory
	largeBody  *record.Large
}

// A sample is one load in one round; times are in µs.
type sample struct {
	requests            int
	seconds             float64
	p50, p99, cpu, rate float64
}

// field is who takes part.
func (b *bench) field(only string) ([]*contender, error) {
	all := []*contender{
		{id: record.Floor, ready: "/", simple: true, command: func(ctx context.Context, b *bench, ports []string, _ string) (*exec.Cmd, error) {
			return b.ours(ctx, "floor", "PORT="+ports[0])
		}},
		{id: record.Ours, ready: "/v2/health/ready", simple: true, forms: true, command: function()},
		{id: record.Silent, ready: "/v2/health/ready", simple: true, command: function("LOG_LEVEL=off")},
		{id: record.FastAPI, environment: "fastapi", ready: "/v2/health/ready", simple: true, command: func(ctx context.Context, b *bench, ports []string, _ string) (*exec.Cmd, error) {
			return b.program(ctx, "fastapi", "fastapi_server.py", b.model, ports[0])
		}},
		{id: record.MLS, environment: "mlserver", ready: "/v2/models/" + modelName + "/ready", command: mlserver},
		{id: record.KServe, environment: "kserve", ready: "/v2/models/" + modelName + "/ready", command: func(ctx context.Context, b *bench, ports []string, _ string) (*exec.Cmd, error) {
			return b.program(ctx, "kserve", "kserve_server.py", b.model, ports[0], ports[1])
		}},
	}
	if only != "" {
		words := strings.Split(only, ",")
		all = slices.DeleteFunc(all, func(c *contender) bool { return !slices.Contains(words, c.id) })
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no server is named %q", only)
	}
	for _, c := range all {
		c.samples = make(map[string][]sample)
	}
	return all, nil
}

// function starts ours with shipped defaults, but for what environ says.
func function(environ ...string) func(ctx context.Context, b *bench, ports []string, _ string) (*exec.Cmd, error) {
	return func(ctx context.Context, b *bench, ports []string, _ string) (*exec.Cmd, error) {
		data, err := filepath.Abs(filepath.Join("function", "kodata"))
		if err != nil {
			return nil, err
		}
		return b.ours(ctx, "function", append([]string{"PORT=" + ports[0], "KO_DATA_PATH=" + data, "HOSTNAME=bench"}, environ...)...)
	}
}

func (b *bench) ours(ctx context.Context, name string, environ ...string) (*exec.Cmd, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(b.dir, name))
	cmd.Env = environ
	return cmd, nil
}

// program is one of the peers' scripts.
func (b *bench) program(ctx context.Context, environment, script string, args ...string) (*exec.Cmd, error) {
	path, err := filepath.Abs(filepath.Join(peers, script))
	if err != nil {
		return nil, err
	}
	return b.interpreter(ctx, environment, append([]string{path}, args...)...)
}

func (b *bench) interpreter(ctx context.Context, environment string, args ...string) (*exec.Cmd, error) {
	python, err := filepath.Abs(b.python(environment))
	if err != nil {
		return nil, err
	}
	folder, err := filepath.Abs(peers)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, python, args...)
	cmd.Env = append(os.Environ(), "PYTHONPATH="+folder, "PYTHONDONTWRITEBYTECODE=1", "OMP_NUM_THREADS=1")
	return cmd, nil
}

func mlserver(ctx context.Context, b *bench, ports []string, dir string) (*exec.Cmd, error) {
	for name, content := range map[string]any{
		"settings.json":       map[string]any{"host": "127.0.0.1", "http_port": ports[0], "grpc_port": ports[1], "metrics_port": ports[2], "debug": false, "parallel_workers": 0},
		"model-settings.json": map[string]any{"name": modelName, "implementation": "mlserver_runtime.Heart", "parameters": map[string]any{"uri": b.model, "version": "1"}},
	} {
		data, err := json.Marshal(content)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return nil, err
		}
	}
	return b.interpreter(ctx, "mlserver", "-c", "from mlserver.cli import main; main()", "start", dir)
}

// A running server.
type running struct {
	address, dir string
	pid          int
	ended        chan struct{} // closed when it has
	err          error         // how it ended
}

// The longest that a server may take to be ready, and to end.
const (
	longestStart = time.Minute
	longestEnd   = 15 * time.Second
)

// start starts a server, its output in a file, and waits until it can be asked.
func (c *contender) start(ctx context.Context, b *bench) (*running, error) {
	s := &running{ended: make(chan struct{})}
	ports, err := freePorts(ctx, 3)
	if err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp(b.dir, c.id); err != nil {
		return nil, err
	}
	cmd, err := c.command(ctx, b, ports, s.dir)
	if err != nil {
		return nil, err
	}
	cmd.Dir = s.dir
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = longestEnd
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close() // the server has its own copy
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s.pid, s.address = cmd.Process.Pid, "127.0.0.1:"+ports[0]
	go func() {
		s.err = cmd.Wait()
		close(s.ended)
	}()
	for deadline := time.Now().Add(longestStart); ; {
		select {
		case <-s.ended:
			return nil, fmt.Errorf("ended before it was ready: %w\n%s", s.err, s.lastLines())
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), s.stop())
		case <-time.After(20 * time.Millisecond):
		}
		if answers(ctx, "http://"+s.address+c.ready) {
			return s, nil
		}
		if time.Now().After(deadline) {
			return nil, errors.Join(fmt.Errorf("not ready after %v\n%s", longestStart, s.lastLines()), s.stop())
		}
	}
}

func answers(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	return err == nil && res.Body.Close() == nil && res.StatusCode == http.StatusOK
}

// lastLines are those of its log, for an error.
func (s *running) lastLines() string {
	data, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// stop ends the server and drops its log, which can be large. How it ends is no
// matter of this benchmark.
func (s *running) stop() error {
	if err := syscall.Kill(s.pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	select {
	case <-s.ended:
	case <-time.After(longestEnd):
		if err := syscall.Kill(s.pid, syscall.SIGKILL); err != nil {
			return err
		}
		<-s.ended
	}
	return os.RemoveAll(s.dir)
}

// freePorts are ports that nobody listens on now.
func freePorts(ctx context.Context, n int) (ports []string, err error) {
	for range n {
		ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer ln.Close()
		_, port, err := net.SplitHostPort(ln.Addr().String())
		if err != nil {
			return nil, err
		}
		ports = append(ports, port)
	}
	return ports, nil
}

// loads in the order of the record.
var loads = []string{
	record.One, record.Eight, record.SixtyFour, record.Open, record.Batch,
	record.FormSimple, record.FormJSON, record.FormBinary, record.FormGRPC,
}

// sum makes medians of all rounds.
func (c *contender) sum() record.Server {
	s := record.Server{ID: c.id, Idle: c.idle, Load: c.load, Large: c.largeBody}
	if c.id != record.Floor {
		s.Deviation = &c.deviation
	}
	for _, load := range loads {
		samples := c.samples[load]
		if len(samples) == 0 {
			continue
		}
		column := func(of func(sample) float64) []float64 {
			all := make([]float64, len(samples))
			for i, x := range samples {
				all[i] = report.Round(of(x))
			}
			return all
		}
		rates, p50 := column(func(x sample) float64 { return x.rate }), column(func(x sample) float64 { return x.p50 })
		cell := record.Cell{
			Load: load, Rate: report.Median(rates), Best: slices.Max(rates), P50: report.Median(p50), LeastP50: slices.Min(p50),
			P99: report.Median(column(func(x sample) float64 { return x.p99 })), CPU: report.Median(column(func(x sample) float64 { return x.cpu })),
		}
		for _, x := range samples {
			cell.Requests += x.requests
		}
		s.Cells = append(s.Cells, cell)
	}
	return s
}
