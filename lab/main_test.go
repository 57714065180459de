package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"online-inference/lab/cluster"
	"online-inference/lab/target"
)

func TestRunUsage(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		out  string
		errs string
		code int
	}{
		"nothing":       {nil, "usage: lab VERB", "", 2},
		"help":          {[]string{"help"}, "rollback", "", 0},
		"unknown verb":  {[]string{"upp"}, "", `no verb "upp"`, 2},
		"traffic empty": {[]string{"traffic"}, "", "want V2=0 to V2=100", 2},
		"traffic 101":   {[]string{"traffic", "V2=101"}, "", "V2=101 is not a share", 2},
		"traffic words": {[]string{"traffic", "V2=half"}, "", "V2=half is not a share", 2},
		"wrong LAB":     {[]string{"up"}, "", "LAB=other is not known", 2},
		"no context":    {[]string{"promote"}, "", "needs KUBE_CONTEXT", 2},
		"experiments":   {[]string{"compare", "-list"}, "rolling-50-50", "", 0},
		"no experiment": {[]string{"compare", "-runs", "1", "nothing"}, "", `no experiment "nothing"`, 2},
		"help of one":   {[]string{"compare", "-h"}, "", "-jobs", 0},
		"wrong flag":    {[]string{"watch", "-x"}, "", "flag provided but not defined", 2},
		"no body":       {[]string{"load"}, "", "-body FILE is needed", 2},
		"no command":    {[]string{"load", "-serve"}, "", "no command", 1},
	} {
		t.Run(name, func(t *testing.T) {
			environ := []string{"HOME=" + t.TempDir()}
			switch name {
			case "wrong LAB":
				environ = append(environ, "LAB=other")
			case "no context":
				environ = append(environ, "LAB=existing")
			}
			var out, errs bytes.Buffer
			err := run(t.Context(), c.args, environ, streams{strings.NewReader(""), &out, &errs})
			if code := exitCode(err); code != c.code {
				t.Errorf("exit code %d (%v), want %d", code, err, c.code)
			}
			if !strings.Contains(out.String(), c.out) || !strings.Contains(errs.String(), c.errs) {
				t.Errorf("stdout %q, stderr %q; want %q and %q", out.String(), errs.String(), c.out, c.errs)
			}
		})
	}
}

func TestExitCode(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("x"), 1},
		{cluster.ErrNotHealthy, 1},
		{&cluster.Refusal{Reason: "x"}, 2},
		{fmt.Errorf("no (%w)", target.ErrRefused), 2},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("%v: got %d, want %d", c.err, got, c.want)
		}
	}
}

func TestRegistryNeedsItsFolders(t *testing.T) {
	var out, errs bytes.Buffer
	err := run(t.Context(), []string{"registry"}, nil, streams{strings.NewReader(""), &out, &errs})
	if exitCode(err) != 2 {
		t.Errorf("got %v", err)
	}
}

// The user's LAB has to reach the program through make, whichever way it is given.
func TestMakePassesLAB(t *testing.T) {
	for _, arguments := range [][]string{{"up", "LAB=other"}, {"-e", "up"}} {
		cmd := exec.CommandContext(t.Context(), "make", arguments...)
		cmd.Dir, cmd.Env = "..", append(os.Environ(), "LAB=other")
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "LAB=other is not known") {
			t.Errorf("make %q: %v\n%s", arguments, err, out)
		}
	}
}
