// Command oinf works with trained tabular models on the command line: what a
// model is, and what it says of the rows of a file. Each verb has its own help,
// `oinf VERB -h`.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"online-inference/oinf/conform"
)

// Exit codes.
const (
	exitData        = 1   // bad rows, files that cannot be read or written
	exitUsage       = 2   // wrong arguments, or a model that cannot be used
	exitInterrupted = 130 // ctrl-c
)

// A verb is one of the program's commands. Its error may have a method ExitCode.
type verb struct {
	args, about string
	run         func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error
}

func verbs() map[string]verb {
	return map[string]verb{
		"inspect": {"MODEL", "tell what a model is: format, inputs, outputs, classes, size", inspectVerb},
		"oip": {"URL", "hold any server against the Open Inference Protocol", func(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
			ctx, stop := graceful(ctx)
			defer stop()
			return signalled(ctx, conform.Run(ctx, args, stdout, stderr))
		}},
		"predict": {"MODEL [ROWS]", "score the rows of a CSV or JSON lines file", predictVerb},
		"version": {"", "tell the version of this program", versionVerb},
	}
}

func main() {
	err := run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	if err == nil {
		return
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(os.Stderr, "oinf: "+text)
	}
	os.Exit(exitCode(err))
}

// run is the whole program.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage())
		return usageError("no command is given")
	}
	name := args[0]
	switch name {
	case "help", "-h", "-help", "--help":
		if len(args) == 2 {
			return run(ctx, []string{args[1], "-h"}, stdin, stdout, stderr)
		}
		_, err := io.WriteString(stdout, usage())
		return err
	case "-version", "--version":
		name = "version"
	}
	v, ok := verbs()[name]
	if !ok {
		return usageError(fmt.Sprintf("unknown command %q, expected %s", name, strings.Join(names(), ", ")))
	}
	err := v.run(ctx, args[1:], stdin, stdout, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	return err
}

func names() []string {
	all := []string{"help"}
	for name := range verbs() {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

func usage() string {
	var b strings.Builder
	b.WriteString("oinf works with trained tabular models: ONNX, XGBoost, LightGBM, CatBoost.\n\n")
	for _, name := range names() {
		if v, ok := verbs()[name]; ok {
			fmt.Fprintf(&b, "  %-28s %s\n", "oinf "+strings.TrimSpace(name+" "+v.args), v.about)
		}
	}
	b.WriteString("\n`oinf VERB -h` explains a command and gives examples.\n")
	return b.String()
}

// An exitError carries the exit code of a failure.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }
func (e *exitError) ExitCode() int { return e.code }

// usageError says that the program was called wrongly.
func usageError(text string) error {
	return &exitError{exitUsage, errors.New(strings.TrimSuffix(text, "\n"))}
}

func exitCode(err error) int {
	var coded interface{ ExitCode() int }
	switch {
	case errors.As(err, &coded):
		return coded.ExitCode()
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	return exitData
}

// parse reads the flags of a verb, which may stand before and behind its
// arguments, and returns the arguments: least to most of them.
func parse(set *flag.FlagSet, help string, args []string, stdout io.Writer, least, most int) ([]string, error) {
	set.Init(set.Name(), flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.Usage = func() {}
	var rest []string
	for {
		err := set.Parse(args)
		switch {
		case errors.Is(err, flag.ErrHelp):
			if _, err := fmt.Fprintf(stdout, "%s\nFlags\n%s", strings.TrimPrefix(help, "\n"), flagHelp(set)); err != nil {
				return nil, err
			}
			return nil, flag.ErrHelp
		case err != nil:
			return nil, usageError(fmt.Sprintf("%v (oinf %s -h lists the flags)", err, set.Name()))
		}
		if set.NArg() == 0 {
			break
		}
		if ended := len(args) - set.NArg() - 1; ended >= 0 && args[ended] == "--" {
			rest = append(rest, set.Args()...)
			break
		}
		rest, args = append(rest, set.Arg(0)), set.Args()[1:]
	}
	if len(rest) < least || len(rest) > most {
		return nil, usageError(fmt.Sprintf("usage: oinf %s %s (oinf %s -h explains it)", set.Name(), verbs()[set.Name()].args, set.Name()))
	}
	return rest, nil
}

// flagHelp lists flags with what they are for.
func flagHelp(set *flag.FlagSet) string {
	var b strings.Builder
	set.VisitAll(func(f *flag.Flag) {
		word, about := flag.UnquoteUsage(f)
		fmt.Fprintf(&b, "  %-20s %s", strings.TrimSpace("-"+f.Name+" "+word), strings.ReplaceAll(about, "\n", "\n"+strings.Repeat(" ", 23)))
		if f.DefValue != "" && f.DefValue != "false" {
			fmt.Fprintf(&b, " (default %s)", f.DefValue)
		}
		b.WriteByte('\n')
	})
	if b.Len() == 0 {
		return "  none\n"
	}
	return b.String()
}

// versionVerb tells what the build knows of itself.
func versionVerb(_ context.Context, args []string, _ io.Reader, stdout, _ io.Writer) error {
	if _, err := parse(flag.NewFlagSet("version", 0), "oinf version: tell the version of this program, of Go, and of the platform.\n", args, stdout, 0, 0); err != nil {
		return err
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return errors.New("this build holds no information on itself")
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	version := info.Main.Version
	if version == "" {
		version = "(devel)"
	}
	line := fmt.Sprintf("oinf %s, %s, %s/%s", version, info.GoVersion, settings["GOOS"], settings["GOARCH"])
	if commit := settings["vcs.revision"]; commit != "" {
		line += ", commit " + commit[:min(len(commit), 12)]
	}
	_, err := fmt.Fprintln(stdout, line)
	return err
}
