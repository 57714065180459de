// Command start measures the start of the server: the time from exec to the first
// 200 of readiness, for both bundled models, beside a server of nothing but
// net/http. The three take turns, so that a change of the machine's pace meets
// them alike. Run it from the root of the project:
//
//	go run ./bench/start -n 40 -o table.md
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "start:", err)
		os.Exit(1)
	}
}

// A subject is a program to measure.
type subject struct {
	name    string
	program string
	environ []string
	size    string // of the program, MB
	inits   float64
	runs    []sample
}

// A sample is one start. Times are in milliseconds, memory is in bytes.
type sample struct {
	ready        float64
	inits        float64            // of all packages, where it is traced
	stages       map[string]float64 // of the ready line; none for the floor
	rss, rssAnon float64
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("start", flag.ContinueOnError)
	n := flags.Int("n", 40, "starts of each program")
	limit := flags.Float64("limit", 20, "fail where a bundled model's median start takes more `ms`; 0 for no limit")
	inits := flags.Float64("inits", 3, "fail where the packages' initialisation takes more `ms`; 0 for no limit")
	out := flags.String("o", "", "also write the table as Markdown to this `file`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *n < 1 || flags.NArg() > 0 {
		return errors.New("expected -n of 1 or more, and no arguments")
	}
	dir, err := os.MkdirTemp("", "bench-start")
	if err != nil {
		return err
	}
	subjects, err := build(ctx, dir)
	for _, s := range subjects {
		err = errors.Join(err, s.weigh())
	}
	if err == nil {
		err = measure(ctx, subjects, *n)
	}
	if err = errors.Join(err, os.RemoveAll(dir)); err != nil {
		return err
	}
	if err := writeText(stdout, subjects); err != nil {
		return err
	}
	if *out != "" {
		if err := os.WriteFile(*out, markdown(subjects), 0o644); err != nil {
			return err
		}
	}
	for _, s := range subjects[1:] {
		if m := median(s.times()); *limit > 0 && m > *limit {
			return fmt.Errorf("%s: the median start takes %.1f ms, the limit is %.1f ms", s.name, m, *limit)
		}
		if *inits > 0 && s.inits > *inits {
			return fmt.Errorf("%s: the packages' initialisation takes %.1f ms, the limit is %.1f ms", s.name, s.inits, *inits)
		}
	}
	return nil
}

// build makes both programs as they are shipped: static, stripped, trimmed.
func build(ctx context.Context, dir string) ([]*subject, error) {
	program := func(name, pkg string) (string, error) {
		path := filepath.Join(dir, name)
		cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-trimpath", "-ldflags=-s -w", "-o", path, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return "", fmt.Errorf("cannot build %s: %w", pkg, err)
		}
		return path, nil
	}
	floor, err := program("floor", "./bench/start/floor")
	if err != nil {
		return nil, err
	}
	server, err := program("function", "./function")
	if err != nil {
		return nil, err
	}
	data, err := filepath.Abs("function/kodata")
	if err != nil {
		return nil, err
	}
	bundled := func(version string) *subject {
		return &subject{name: "model v" + version, program: server, environ: []string{"KO_DATA_PATH=" + data, "MODEL_VERSION=" + version, "HOSTNAME=bench"}}
	}
	return []*subject{{name: "net/http floor", program: floor}, bundled("1"), bundled("2")}, nil
}

// traced is how often the initialisation of packages is traced; the least counts.
const traced = 5

// measure starts the programs in turns. The first turns are traced, and warm the
// caches for those that count.
func measure(ctx context.Context, subjects []*subject, n int) error {
	for turn := range n + traced {
		for _, s := range subjects {
			// Tracing costs time of its own, so its runs are not timed.
			trace := turn < traced
			x, err := s.start(ctx, trace)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			if !trace {
				s.runs = append(s.runs, x)
			} else if s.inits == 0 || x.inits < s.inits {
				s.inits = x.inits
			}
		}
	}
	return nil
}

// freePort is a port that nobody listens on now.
func freePort(ctx context.Context) (string, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(ln.Addr().String())
	return port, errors.Join(err, ln.Close())
}

// weigh reads the program's size.
func (s *subject) weigh() error {
	info, err := os.Stat(s.program)
	if err != nil {
		return err
	}
	s.size = strconv.FormatFloat(float64(info.Size())/1e6, 'f', 1, 64)
	return nil
}

// times are the starts in milliseconds.
func (s *subject) times() []float64 {
	return s.column(func(x sample) float64 { return x.ready })
}

func (s *subject) column(of func(sample) float64) []float64 {
	all := make([]float64, len(s.runs))
	for i, x := range s.runs {
		all[i] = of(x)
	}
	return all
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// poll is the pause between two questions for readiness.
const poll = 200 * time.Microsecond
