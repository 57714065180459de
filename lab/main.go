// Command lab makes a cluster on one machine, deploys the project to it and
// shows its main job.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"online-inference/lab/cluster"
	"online-inference/lab/target"
)

// streams are what a verb reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// verb is one subcommand.
type verb struct {
	usage string
	run   func(ctx context.Context, args, environ []string, s streams) error
}

func verbs() map[string]verb {
	return map[string]verb{
		"up":       {"bring the cluster up, or repair it", runUp},
		"down":     {"take everything down again", runDown},
		"demo":     {"the main job: up, deploy, predictions, scale to zero and back", runDemo},
		"deploy":   {"build the function and bring both revisions to what knative/ says (FRESH=1 starts over)", runDeploy},
		"traffic":  {"traffic V2=PERCENT: split the traffic between v1 and v2", runTraffic},
		"promote":  {"all traffic to v2", shiftTo(100)},
		"rollback": {"all traffic to v1", shiftTo(0)},
		"status":   {"say what runs; the exit code is 1 when something does not", runStatus},
		"compare":  {"compare [NAME…]: run experiments, record them, assert their claims (-list names them)", runCompare},
		"timeline": {"timeline [-o FOLDER] FILE…: draw recorded runs", runTimeline},
		"docs":     {"write docs/comparisons from the recorded runs", runDocs},
		"watch":    {"record what happens in a namespace, as JSON lines, until interrupted", runWatch},
		"load":     {"send predictions at a fixed rate and record each answer, as JSON lines", runLoad},
		"logs":     {"logs [COMPONENT]: list the logs or print one", runLogs},
		"metrics":  {"add the metrics server, which kubectl top and autoscalers by CPU need", runMetrics},
		"registry": {"serve the lab's registry (started by up)", runRegistry},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Environ(), streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(exitCode(err))
}

// errUsage is a wrong command line.
var errUsage = errors.New("usage")

func exitCode(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, cluster.ErrRefused), errors.Is(err, target.ErrRefused), errors.Is(err, errUsage):
		return 2
	default:
		return 1
	}
}

func run(ctx context.Context, args, environ []string, s streams) error {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		printUsage(s.out)
		if len(args) == 0 {
			return errUsage
		}
		return nil
	}
	v, ok := verbs()[args[0]]
	if !ok {
		fmt.Fprintf(s.err, "lab: no verb %q\n", args[0])
		printUsage(s.err)
		return errUsage
	}
	err := v.run(ctx, args[1:], environ, s)
	if errors.Is(err, errHelp) {
		return nil
	}
	if err != nil {
		fmt.Fprintf(s.err, "lab %s: %v\n", args[0], err)
	}
	return err
}

func printUsage(w io.Writer) {
	all := verbs()
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	b.WriteString("usage: lab VERB\n")
	for _, name := range names {
		fmt.Fprintf(&b, "  %-10s %s\n", name, all[name].usage)
	}
	fmt.Fprint(w, b.String())
}

// open describes the lab of the checkout that holds the working folder.
func open(environ []string, s streams) (*cluster.Lab, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("cannot find the working folder: %w", err)
	}
	return cluster.New(dir, environ, s.out, s.err)
}

func runStatus(ctx context.Context, _, environ []string, s streams) error {
	l, err := open(environ, s)
	if err != nil {
		return err
	}
	return l.Status(ctx)
}

func runLogs(_ context.Context, args, environ []string, s streams) error {
	l, err := open(environ, s)
	if err != nil {
		return err
	}
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	return l.Logs(name)
}
