// Command engine measures the engine beside ONNX Runtime, the frameworks that
// train the models, and the compilers of tree models. It installs the peers,
// trains the models, checks every answer, lets all ways score in turns on one
// thread, and writes what it measured to docs/performance/engine.json; the page
// and the charts beside it are drawn from that file only. Run it from the root
// of the project:
//
//	go run ./bench/engine            # all of it
//	go run ./bench/engine -quick     # a trial of two minutes that writes nothing
//	go run ./bench/engine -render    # draw page and charts again from the record
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
	"slices"
	"strings"
	"syscall"
	"time"

	"online-inference/bench/engine/record"
	"online-inference/bench/report"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	if ctx.Err() != nil {
		err = errors.New("interrupted; nothing is written, peers and models are kept")
	}
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "engine:", err)
		os.Exit(1)
	}
}

// names are the models in the order of the page; peers/models.py has the recipes.
var names = []string{
	"xgboost-100x6", "xgboost-500x6", "xgboost-500-leafwise", "xgboost-1000x8", "forest-100-deep",
	"lightgbm-100x63", "catboost-100x6", "catboost-1000x8", "xgboost-missing", "lightgbm-missing",
	"logistic-13", "columns-13",
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("engine", flag.ContinueOnError)
	flags.SetOutput(stderr)
	rounds := flags.Int("rounds", 20, "turns of every way to score a model")
	slice := flags.Int("slice", 40, "`ms` of a turn")
	only := flags.String("models", "", "measure only the `models` whose name contains one of these words, separated by commas; writes nothing without -o")
	quick := flags.Bool("quick", false, "a trial: 3 rounds of 20 ms, batches of 1 and 1,000; writes nothing without -o")
	render := flags.Bool("render", false, "only draw page and charts again from the record")
	out := flags.String("o", "", "the `folder` of record, page and charts (default docs/performance)")
	serving := flags.Bool("serve", false, "be the worker for our side of one model `folder` (internal)")
	loading := flags.String("load", "", "load a file in our `way` and tell what it took (internal)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case *serving:
		return serve(flags.Arg(0), stdin, stdout)
	case *loading != "":
		return load(flags.Arg(0), *loading, stdout)
	case flags.NArg() > 0 || *rounds < 1 || *slice < 1:
		return errors.New("expected no arguments, -rounds and -slice of 1 or more")
	}
	folder := cmp.Or(*out, filepath.Join("docs", "performance"))
	if *render {
		r, err := record.Read(filepath.Join(folder, "engine.json"))
		if err != nil {
			return err
		}
		return r.Draw(folder)
	}
	began := time.Now()
	b := &bench{root: ".", cache: filepath.Join(".cache", "bench"), rounds: *rounds, ms: *slice, batches: []int{1, 10, 100, 1000}, large: []int{10_000, 100_000}}
	if *quick {
		b.rounds, b.ms, b.batches, b.large = 3, 20, []int{1, 1000}, []int{10_000}
	}
	b.progress = func(format string, args ...any) {
		fmt.Fprintf(stderr, "%6s  %s\n", time.Since(began).Round(time.Second), fmt.Sprintf(format, args...))
	}
	r, err := b.all(ctx, chosen(*only))
	if err != nil {
		return err
	}
	r.Quick, r.Command = *quick || *only != "", strings.TrimSpace("go run ./bench/engine "+strings.Join(args, " "))
	r.Seconds = report.Round(time.Since(began).Seconds())
	if err := r.WriteText(stdout); err != nil {
		return err
	}
	if r.Quick && *out == "" {
		return nil
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if err := r.Write(filepath.Join(folder, "engine.json")); err != nil {
		return err
	}
	return r.Draw(folder)
}

// all prepares and measures; the time that is left is guessed by the models done.
func (b *bench) all(ctx context.Context, names []string) (*record.Record, error) {
	if len(names) == 0 {
		return nil, errors.New("no model has such a name")
	}
	machine, err := report.Describe()
	if err != nil {
		return nil, err
	}
	r := &record.Record{Date: time.Now().UTC().Format(time.RFC3339), Machine: machine, Rounds: b.rounds, SliceMS: b.ms}
	if err := b.prepare(ctx, names); err != nil {
		return nil, err
	}
	if r.Versions, err = b.versions(ctx); err != nil {
		return nil, err
	}
	began := time.Now()
	for i, name := range names {
		left := ""
		if i > 0 {
			each := time.Since(began) / time.Duration(i)
			left = fmt.Sprintf(", about %v left", (each * time.Duration(len(names)-i)).Round(10*time.Second))
		}
		b.progress("%d of %d: %s%s", i+1, len(names), name, left)
		m, err := b.model(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		b.progress("        ONNX Runtime / ours: %.1f for one row, %.1f for a thousand", m.AgainstORT(1), m.AgainstORT(1000))
		r.Models = append(r.Models, m)
	}
	return r, nil
}

func chosen(words string) []string {
	if words == "" {
		return names
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return !slices.ContainsFunc(strings.Split(words, ","), func(w string) bool { return strings.Contains(name, w) })
	})
}
