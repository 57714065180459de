// Command function serves one trained tabular model over HTTP: the page, the
// simple /predict, and the Open Inference Protocol, on one port. It is configured
// by its environment (Config). With arguments, check URL, it asks a running one for
// the model's example rows and compares the answers.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"online-inference/function/artefact"
	"online-inference/function/server"
	"online-inference/function/telemetry"
)

// version is the build's version, stamped with -ldflags "-X main.version=…".
var version = "dev"

// Exit codes: 1 for a failure at run time, 2 for a configuration that cannot work.
const (
	exitFailure = 1
	exitConfig  = 2
)

// flushTime bounds how long the end waits for a collector. With the drain's own
// bounds it stays below a pod's usual grace of 30 s.
const flushTime = 2 * time.Second

// An exitError carries the exit code of a failure.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func main() {
	runtime := telemetry.ProcessTime()
	// Signals stay caught for good: a second SIGTERM must not cut the drain.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := run(ctx, runtime, os.Args[1:], os.Environ(), os.Stdout)
	stop()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "online-inference:", err)
	code := exitFailure
	var exit *exitError
	if errors.As(err, &exit) {
		code = exit.code
	}
	os.Exit(code)
}

// run is the whole program. before is the time that passed until it began. It
// returns when ctx ends and everything that was begun has been answered, or when
// something fails.
func run(ctx context.Context, before time.Duration, args, environ []string, stdout io.Writer) (err error) {
	watch := telemetry.NewStages(before)
	if len(args) > 0 {
		return command(ctx, args, environ, stdout)
	}
	cfg, err := parseConfig(environ)
	if err != nil {
		return &exitError{exitConfig, err}
	}
	path, labels, err := cfg.model()
	if err != nil {
		return &exitError{exitConfig, err}
	}
	lines := telemetry.NewLines(stdout)
	defer func() { err = errors.Join(err, lines.Flush()) }()
	log, requests := telemetry.NewLogs(lines, telemetry.Watched(stdout), cfg.LogLevel, cfg.LogFormat)
	if limit := limitMemory(system()); limit > 0 {
		log.Debug().Int64("bytes", limit).Msg("memory limit from the container's")
	}
	watch.Done("config")

	if cfg.StartDelay > 0 {
		log.Warn().Dur("delay_ms", cfg.StartDelay).Msg("START_DELAY: a demonstration switch keeps this process from listening")
		if !sleep(ctx, cfg.StartDelay) {
			return nil
		}
		watch.Done("start_delay")
	}
	export, err := cfg.export()
	if err != nil {
		return &exitError{exitConfig, err}
	}
	store, metrics := &artefact.Store{}, telemetry.NewMetrics(version)
	exporter := telemetry.NewExporter(export, metrics, version, log)
	srv := server.New(server.Options{
		Repository: store, Log: log, RequestLog: &requests, Metrics: metrics, PublicMetrics: !cfg.ownMetricsPort(), Exporter: exporter,
		Build: version, Revision: cfg.Revision, Pod: cfg.pod(),
		MaxBodyBytes: cfg.MaxBodyBytes, MaxRows: cfg.MaxRows, RequestTimeout: cfg.RequestTimeout,
	})
	ln, own, err := listen(ctx, cfg)
	if err != nil {
		return err
	}
	at := addresses{ln.Addr(), ln.Addr()}
	failed := make(chan error, 3)
	if own != nil {
		at.metrics = own.Addr()
		go func() { failed <- srv.ServeMetrics(own) }()
	}
	log.Debug().Str("address", at.main.String()).Str("metrics_address", at.metrics.String()).Msg("listening")
	go func() { failed <- srv.Serve(ln) }()
	watch.Done("listen")

	loaded := make(chan *artefact.Model, 1)
	go func() {
		m, err := load(path, labels, watch)
		if err != nil {
			failed <- cfg.judge(err)
			return
		}
		metrics.Ready(m.Name, m.Version, watch, m.Bins())
		store.Put(m)
		loaded <- m
	}()
	err = supervise(ctx, cfg, srv, log, failed, func(m *artefact.Model) { logReady(log, cfg, m, at, labels, watch) }, loaded)
	if err != nil {
		return errors.Join(err, ignoreClosed(srv.Close()))
	}
	log.Info().Dur("delay_ms", cfg.DrainDelay).Dur("timeout_ms", cfg.DrainTimeout).Msg("draining")
	cut := srv.Drain(cfg.DrainDelay, cfg.DrainTimeout)
	flush, done := context.WithTimeout(context.Background(), flushTime)
	exporter.Flush(flush)
	done()
	log.Info().Int("connections_cut", cut).Msg("stopped")
	return nil
}

// addresses are where the program listens; both are the same where metrics have
// no port of their own.
type addresses struct{ main, metrics net.Addr }

// listen opens the port, and that of metrics where it is another one.
func listen(ctx context.Context, cfg *Config) (ln, metrics net.Listener, err error) {
	open := func(port int) (net.Listener, error) {
		return new(net.ListenConfig).Listen(ctx, "tcp", ":"+strconv.Itoa(port))
	}
	if ln, err = open(cfg.Port); err != nil {
		return nil, nil, fmt.Errorf("cannot listen: %w", err)
	}
	if cfg.ownMetricsPort() {
		if metrics, err = open(*cfg.MetricsPort); err != nil {
			ln.Close()
			return nil, nil, fmt.Errorf("cannot listen for METRICS_PORT: %w", err)
		}
	}
	return ln, metrics, nil
}

// ignoreClosed drops the error of a listener that was closed already.
func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// load brings a model from its file to the point where its answers are proven.
func load(path string, labels artefact.Labels, watch *telemetry.Stages) (*artefact.Model, error) {
	m, err := artefact.Load(path, labels)
	if err != nil {
		return nil, err
	}
	watch.Done("load")
	if _, err := m.SelfTest(); err != nil {
		return nil, err
	}
	watch.Done("self_test")
	return m, nil
}

// supervise waits for the end: nil when ctx ends, else what failed.
func supervise(ctx context.Context, cfg *Config, srv *server.Server, log zerolog.Logger,
	failed <-chan error, ready func(*artefact.Model), loaded <-chan *artefact.Model) error {
	var exit, hang <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		case m := <-loaded:
			ready(m)
			go returnLeftover()
			exit, hang = after(cfg.ExitAfter), after(cfg.HangAfter)
		case <-exit:
			log.Error().Msg("EXIT_AFTER: a demonstration switch ends this process")
			return errors.New("EXIT_AFTER has passed")
		case <-hang:
			log.Error().Msg("HANG_AFTER: a demonstration switch makes every request hang")
			srv.Hang()
		}
	}
}

// after is time.After, or a channel that never speaks for 0.
func after(d time.Duration) <-chan time.Time {
	if d == 0 {
		return nil
	}
	return time.After(d)
}

// sleep waits; it is false where ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// logReady writes the line that says who is ready, where, and what the start cost.
func logReady(log zerolog.Logger, cfg *Config, m *artefact.Model, at addresses, labels artefact.Labels, watch *telemetry.Stages) {
	for _, s := range []struct {
		name string
		d    time.Duration
	}{{"EXIT_AFTER", cfg.ExitAfter}, {"HANG_AFTER", cfg.HangAfter}} {
		if s.d > 0 {
			log.Warn().Dur("after_ms", s.d).Msg(s.name + ": a demonstration switch is on")
		}
	}
	if !m.Described {
		log.Warn().Str("source", m.Source).Msg("no model.yaml: values have no bounds, classes no names, and no example proves the answers")
	}
	if labels != (artefact.Labels{}) {
		log.Info().Str("name", labels.Name).Str("version", labels.Version).Msg("MODEL_NAME, MODEL_VERSION override the model's own labels")
	}
	e := log.Info().Str("address", at.main.String()).Str("metrics_address", at.metrics.String()).Str("build", version).
		Str("model", m.Name).Str("model_version", m.Version).Str("source", m.Source).Str("sha256", m.SHA256).
		Int("self_test_rows", len(m.Examples))
	watch.Log(e)
	e.Msg("ready")
}
