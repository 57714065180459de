// Command server measures the function over loopback beside a bare net/http
// server and the usual Python servers with the same model. It installs the peers,
// checks every answer, puts all servers under the same loads in turns, and writes
// what it measured to docs/performance/server.json; the page and the charts beside
// it are drawn from that file only. It needs Linux, python3 and wrk. Run it from
// the root of the project:
//
//	go run ./bench/server            # all of it
//	go run ./bench/server -quick     # a trial that writes nothing
//	go run ./bench/server -render    # draw page and charts again from the record
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"online-inference/bench/report"
	"online-inference/bench/server/record"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if ctx.Err() != nil {
		err = errors.New("interrupted; nothing is written, the peers are kept")
	}
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	flags.SetOutput(stderr)
	rounds := flags.Int("rounds", 5, "turns of every server")
	seconds := flags.Int("seconds", 3, "`seconds` of each load in a turn")
	only := flags.String("servers", "", "measure only these `servers`, separated by commas; writes nothing without -o")
	quick := flags.Bool("quick", false, "a trial: 1 round of 1 s, no body of 50 MB; writes nothing without -o")
	render := flags.Bool("render", false, "only draw page and charts again from the record")
	out := flags.String("o", "", "the `folder` of record, page and charts (default docs/performance)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || *rounds < 1 || *seconds < 1 {
		return errors.New("expected no arguments, -rounds and -seconds of 1 or more")
	}
	folder := cmp.Or(*out, filepath.Join("docs", "performance"))
	if *render {
		r, err := record.Read(filepath.Join(folder, "server.json"))
		if err != nil {
			return err
		}
		return r.Draw(folder)
	}
	began := time.Now()
	b := &bench{cache: filepath.Join(".cache", "bench", "server"), rounds: *rounds, slice: time.Duration(*seconds) * time.Second}
	if *quick {
		b.quick, b.rounds, b.slice = true, 1, time.Second
	}
	b.progress = func(format string, args ...any) {
		fmt.Fprintf(stderr, "%6s  %s\n", time.Since(began).Round(time.Second), fmt.Sprintf(format, args...))
	}
	r, err := b.all(ctx, *only)
	if err != nil {
		return err
	}
	r.Quick, r.Command = *quick || *only != "", strings.TrimSpace("go run ./bench/server "+strings.Join(args, " "))
	r.Seconds = report.Round(time.Since(began).Seconds())
	if err := r.WriteText(stdout); err != nil {
		return err
	}
	b.progress("done in %v", time.Since(began).Round(time.Second))
	if r.Quick && *out == "" {
		return nil
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if err := r.Write(filepath.Join(folder, "server.json")); err != nil {
		return err
	}
	return r.Draw(folder)
}

// A bench is one run of the benchmark.
type bench struct {
	cache    string
	quick    bool // without bodies that are too large, which take Python servers long
	rounds   int
	slice    time.Duration // of one load
	progress func(format string, args ...any)

	model    string // the ONNX file
	dir      string // of programs, bodies and logs, gone after the run
	bodies   *bodies
	expected []float64 // of each row, ONNX Runtime's probability of the second class
}

// all prepares, measures in turns, and sums up.
func (b *bench) all(ctx context.Context, only string) (r *record.Record, err error) {
	field, err := b.field(only)
	if err != nil {
		return nil, err
	}
	machine, err := report.Describe()
	if err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp("", "bench-server"); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if err := b.prepare(ctx, field); err != nil {
		return nil, err
	}
	r = &record.Record{
		Date: time.Now().UTC().Format(time.RFC3339), Machine: machine, Rounds: b.rounds, SliceMS: int(b.slice.Milliseconds()), Bodies: len(b.bodies.rows),
	}
	if r.Versions, err = b.versions(ctx, field); err != nil {
		return nil, err
	}
	began, turns := time.Now(), b.rounds*len(field)
	for round := range b.rounds {
		for k := range field {
			c := field[(round+k)%len(field)]
			left, done := "", round*len(field)+k
			if done > 0 {
				left = fmt.Sprintf(", about %v left", (time.Since(began) / time.Duration(done) * time.Duration(turns-done)).Round(10*time.Second))
			}
			b.progress("turn %d of %d: %s%s", done+1, turns, c.id, left)
			if err := b.turn(ctx, c, !b.quick && round == b.rounds-1); err != nil {
				return nil, fmt.Errorf("%s: %w", c.id, err)
			}
		}
	}
	for _, c := range field {
		r.Servers = append(r.Servers, c.sum())
	}
	return r, nil
}
