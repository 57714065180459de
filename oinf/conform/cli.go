package conform

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"online-inference/oinf/conform/checks"
)

// Exit codes.
const (
	exitFailed = 1 // a check failed
	exitUsage  = 2 // wrong arguments, or a server that cannot be checked
)

// An exitError carries the exit code of a failure.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// ExitCode is what the program ends with.
func (e *exitError) ExitCode() int { return e.code }

func usage(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

const help = `oinf oip URL: hold a server against the Open Inference Protocol.

The server is asked for its metadata, and every check's request is made for the
model that it has. A request that it answers is taken from -example, from the
server's /openapi.json, or guessed. What a server or a model does not have is
reported as not applicable, with the reason.

  oinf oip http://localhost:8080
  oinf oip -model heart-disease -only 'shape|binary' http://localhost:8080
  oinf oip -example request.json -grpc localhost:8081 http://localhost:8080

The exit code is 0 where all checks passed, 1 where one failed, 2 where the server
cannot be checked.

Flags
`

// options are the command line.
type options struct {
	model, version, example, grpc, only, junit string
	list, json, verbose                        bool
	timeout, total                             time.Duration
	url                                        string
}

// Run is the verb: it checks the server at a URL and reports to stdout, progress
// and remarks to stderr.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseArgs(args, stdout)
	if err != nil {
		return err
	}
	table, err := checks.Load()
	if err != nil {
		return err
	}
	pattern, err := regexp.Compile(o.only)
	if err != nil {
		return usage("-only: %w", err)
	}
	wanted := func(c *checks.Check) bool { return pattern.MatchString(c.ID) }
	if o.list {
		return writeList(stdout, table, wanted)
	}
	t, err := newTarget(o)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.total)
	defer cancel()
	rep, err := t.run(ctx, o, table, wanted, newTicker(stderr))
	if err != nil {
		return err
	}
	if err := rep.write(stdout, o); err != nil {
		return err
	}
	if n := rep.count("", Failed); n > 0 {
		return &exitError{exitFailed, fmt.Errorf("%d checks failed", n)}
	}
	return nil
}

func parseArgs(args []string, stdout io.Writer) (*options, error) {
	var o options
	set := flag.NewFlagSet("oip", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&o.model, "model", "", "`NAME` of the model; else the server is asked")
	set.StringVar(&o.version, "version", "", "`VERSION` of the model; else the last one of its metadata")
	set.StringVar(&o.example, "example", "", "`FILE` with an inference request that the server answers")
	set.StringVar(&o.grpc, "grpc", "", "`HOST:PORT` of gRPC where it is not the one of REST")
	set.StringVar(&o.only, "only", "", "run the checks whose id matches a regular `EXPRESSION`")
	set.StringVar(&o.junit, "junit", "", "write a JUnit report to `FILE`, too")
	set.BoolVar(&o.list, "list", false, "list the checks and send nothing")
	set.BoolVar(&o.json, "json", false, "report as JSON")
	set.BoolVar(&o.verbose, "v", false, "name the checks that passed, too")
	set.DurationVar(&o.timeout, "timeout", 10*time.Second, "longest wait for one answer")
	set.DurationVar(&o.total, "total", 10*time.Minute, "longest time for all checks")
	var rest []string
	for {
		if err := set.Parse(args); errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, help)
			set.SetOutput(stdout)
			set.PrintDefaults()
			return nil, err
		} else if err != nil {
			return nil, usage("%w (oinf oip -h lists the flags)", err)
		}
		if set.NArg() == 0 {
			break
		}
		rest, args = append(rest, set.Arg(0)), set.Args()[1:]
	}
	if len(rest) > 1 || len(rest) == 0 && !o.list {
		return nil, usage("usage: oinf oip [flags] URL (oinf oip -h explains it)")
	}
	o.url = strings.Join(rest, "")
	return &o, nil
}

func newTarget(o *options) (*target, error) {
	u, err := url.Parse(strings.TrimRight(o.url, "/"))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, usage("%q is no URL of a server: expected http://HOST:PORT", o.url)
	}
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: many}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &target{base: u, client: client, model: o.model, version: o.version, grpcAddr: o.grpc, timeout: o.timeout}, nil
}

// run probes the server and runs the checks.
func (t *target) run(ctx context.Context, o *options, table *checks.Table, wanted func(*checks.Check) bool, tick *ticker) (*report, error) {
	defer t.client.CloseIdleConnections()
	var example []byte
	if o.example != "" {
		var err error
		if example, err = os.ReadFile(o.example); err != nil {
			return nil, usage("%w", err)
		}
	}
	if err := t.probe(ctx, example); err != nil {
		return nil, usage("cannot check %s: %w", t.base, err)
	}
	defer t.close()
	for _, g := range table.Groups {
		for i := range g.Checks {
			if wanted(&g.Checks[i]) {
				tick.total++
			}
		}
	}
	results, err := t.all(ctx, table, wanted, tick.tell)
	tick.end()
	if err != nil {
		return nil, usage("cannot check %s: %w", t.base, err)
	}
	if len(results) == 0 {
		return nil, usage("-only %q: no check has such an id (oinf oip -list names them)", o.only)
	}
	return &report{
		URL: t.base.String(), Server: strings.TrimSpace(t.server.Name + " " + t.server.Version), Model: t.model, Version: t.version,
		Notes: t.notes, Results: results,
	}, nil
}

// close ends the connections; what they say at their end is of no interest.
func (t *target) close() {
	if t.conn != nil {
		_ = t.conn.Close()
	}
}

// A ticker shows on a terminal which check runs.
type ticker struct {
	out         io.Writer // nil where it is no terminal
	done, total int
}

func newTicker(stderr io.Writer) *ticker {
	if f, ok := stderr.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return &ticker{out: stderr}
		}
	}
	return &ticker{}
}

func (k *ticker) tell(r Result) {
	if k.done++; k.out != nil {
		fmt.Fprintf(k.out, "\r\x1b[K%d of %d  %s", k.done, k.total, r.ID)
	}
}

func (k *ticker) end() {
	if k.out != nil {
		fmt.Fprint(k.out, "\r\x1b[K")
	}
}
