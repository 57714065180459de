package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"online-inference/lab/cluster"
	"online-inference/lab/compare"
	"online-inference/lab/load"
	"online-inference/lab/pages"
	"online-inference/lab/record"
	"online-inference/lab/steps"
	"online-inference/lab/target"
	"online-inference/lab/timeline"
	"online-inference/lab/watch"
)

// parse reads a verb's flags; a wrong one is told on the error stream.
func parse(flags *flag.FlagSet, args []string, s streams) error {
	flags.SetOutput(s.err)
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return errHelp
	case err != nil:
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	return nil
}

// errHelp ends a verb that only had to explain itself.
var errHelp = errors.New("help was asked for")

// runWatch records one namespace to the output until interrupted.
func runWatch(ctx context.Context, args, environ []string, s streams) error {
	flags := flag.NewFlagSet("watch", flag.ContinueOnError)
	namespace := flags.String("n", "", "namespace (default: the lab's)")
	if err := parse(flags, args, s); err != nil {
		return err
	}
	l, err := open(environ, s)
	if err != nil {
		return err
	}
	t, err := aim(l, environ)
	if err != nil {
		return err
	}
	if *namespace == "" {
		*namespace = t.Namespace
	}
	started := time.Now()
	out, err := record.NewWriter(s.out, record.Header{Experiment: "watch", Family: "watch", Run: 1}, started)
	if err != nil {
		return err
	}
	w, err := watch.Start(ctx, watch.Options{Core: t.Core, Serving: t.Serving, Namespace: *namespace, Out: out, Started: started, Now: time.Now})
	if err != nil {
		return err
	}
	<-ctx.Done()
	return errors.Join(w.Stop(), out.Put(time.Now(), record.Line{End: &record.End{}}))
}

// runLoad sends predictions and prints each answer as a line.
func runLoad(ctx context.Context, args, _ []string, s streams) error {
	c := load.Client{Name: "load"}
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	serve := flags.Bool("serve", false, "take clients as JSON from the standard input (compare does)")
	flags.StringVar(&c.URL, "url", "http://localhost:8080/predict", "where to send predictions")
	flags.StringVar(&c.Host, "host", "", "Host header, for a route")
	flags.Float64Var(&c.Rate, "rate", compare.DefaultRate, "requests a second")
	flags.BoolVar(&c.Fresh, "fresh", false, "a connection of its own for each request")
	flags.IntVar(&c.Connections, "connections", 8, "kept connections, without -fresh")
	flags.IntVar(&c.InFlight, "in-flight", 400, "most requests without an answer; more have failed")
	flags.DurationVar(&c.Timeout, "timeout", compare.DefaultTimeout, "when a request has failed")
	body := flags.String("body", "", "file with the request's body")
	limit := flags.Duration("for", 0, "how long; 0 is until interrupted")
	if err := parse(flags, args, s); err != nil {
		return err
	}
	if *serve {
		return load.Serve(ctx, s.in, s.out)
	}
	if *body == "" {
		return fmt.Errorf("-body FILE is needed (%w)", errUsage)
	}
	text, err := os.ReadFile(*body)
	if err != nil {
		return fmt.Errorf("cannot read the body: %w", err)
	}
	c.Bodies = [][]byte{text}
	if *limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, *limit)
		defer cancel()
	}
	out, err := record.NewWriter(s.out, record.Header{Experiment: "load", Family: "load", Run: 1}, time.Now())
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	err = c.Run(ctx, nil, func(due time.Time, r record.Request) {
		if out.Put(due, record.Line{Request: &r}) != nil {
			stop() // nobody keeps what is sent; the last line tells why
		}
	})
	return errors.Join(err, out.Put(time.Now(), record.Line{End: &record.End{}}))
}

// runCompare plays experiments and holds them against their claims.
func runCompare(ctx context.Context, args, environ []string, s streams) error {
	flags := flag.NewFlagSet("compare", flag.ContinueOnError)
	list := flags.Bool("list", false, "print the experiments and how long they take")
	check := flags.Bool("check", false, "run nothing: hold what is recorded against the claims")
	runs := flags.Int("runs", 0, "runs of each experiment; 0 is what the experiment says")
	jobs := flags.Int("jobs", 1, "experiments at a time, each in a namespace of its own")
	missing := flags.Bool("missing", false, fmt.Sprintf("only runs without a record, or whose record began at a load average above %d", compare.BusyLoad))
	keep := flags.Bool("keep", false, "leave the namespaces")
	out := flags.String("out", "", "folder for the records (default docs/comparisons/events)")
	if err := parse(flags, args, s); err != nil {
		return err
	}
	chosen, err := compare.Find(flags.Args())
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if *list {
		return compare.List(s.out, chosen)
	}
	l, err := open(environ, s)
	if err != nil {
		return err
	}
	if *out == "" {
		*out = filepath.Join(l.Root, filepath.FromSlash(compare.Folder))
	}
	if *check {
		return compare.Check(s.out, l.Root, *out, chosen)
	}
	t, err := aim(l, environ)
	if err != nil {
		return err
	}
	if err := t.Prepare(ctx, target.FromEnviron(environ).Yes, s.in, s.out); err != nil {
		return err
	}
	if !t.Existing && slices.ContainsFunc(chosen, func(e compare.Experiment) bool { return e.Metrics }) {
		if err := l.Metrics(ctx); err != nil {
			return err
		}
	}
	runner, err := newRunner(l, t, *out, *keep)
	if err != nil {
		return err
	}
	plan := compare.Plan{Experiments: chosen, Runs: *runs, Jobs: *jobs}
	if *missing {
		plan.Due = compare.Missing(*out)
	}
	fmt.Fprintf(s.out, "%d experiments, about %s\n", len(chosen), plan.Duration().Round(time.Second))
	display := newDisplay(s.out)
	defer display.Close()
	return compare.Play(ctx, runner, plan, display, s.out)
}

// runTimeline draws recorded runs.
func runTimeline(_ context.Context, args, _ []string, s streams) error {
	return timeline.Main(args, s.out)
}

// runDocs writes the pages of all experiments.
func runDocs(_ context.Context, _, environ []string, s streams) error {
	l, err := open(environ, s)
	if err != nil {
		return err
	}
	return pages.Write(l.Root)
}

// newRunner says where the clients of experiments run. In the lab they run in
// the node's network namespace: what they send to a ClusterIP goes through the
// rules of kube-proxy, as it does from a pod. Elsewhere they run here.
func newRunner(l *cluster.Lab, t *target.Target, out string, keep bool) (*compare.Runner, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("cannot find this program: %w", err)
	}
	r := &compare.Runner{Target: t, Root: l.Root, Out: out, Aside: filepath.Join(l.State, "failed-runs"), Keep: keep,
		Load: []string{self, "load", "-serve"}, Place: "outside of the cluster", Cluster: map[string]string{"system": runtime.GOOS}}
	if !t.Existing {
		r.Load = slices.Concat([]string{"nsenter", "--net=" + filepath.Join(l.Run, "netns"), "--"}, r.Load)
		r.Place = "on the node"
	}
	return r, nil
}

// display shows the progress of runs.
type display interface {
	steps.Display
	Close()
}

// newDisplay is a spinner on a terminal and plain lines otherwise.
func newDisplay(out io.Writer) display {
	f, ok := out.(*os.File)
	if !ok {
		return steps.NewPlain(out, time.Minute)
	}
	width := func() int {
		size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
		if err != nil {
			return 0
		}
		return int(size.Col)
	}
	if width() == 0 {
		return steps.NewPlain(out, time.Minute)
	}
	return steps.NewTerminal(f, time.Now, width)
}
