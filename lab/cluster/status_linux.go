package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// componentNames are all long-running programs, in the order of their start.
var componentNames = []string{"registry", "etcd", "containerd", "apiserver", "controller-manager", "scheduler", "proxy", "kubelet", "coredns"}

// ErrNotHealthy says that the cluster is not, or not wholly, running.
var ErrNotHealthy = errors.New("the cluster is not healthy")

// Status prints one line a component, and what the cluster says about itself.
func (l *Lab) Status(ctx context.Context) error {
	r, err := readRecord(l.RecordPath)
	if err != nil {
		return err
	}
	if r == nil {
		fmt.Fprintln(l.Out, "no lab is running on this machine; start it with: make up")
		return ErrNotHealthy
	}
	if r.Owner != l.Root {
		fmt.Fprintf(l.Out, "the lab on this machine belongs to the checkout %s\n", r.Owner)
		return ErrNotHealthy
	}
	boot, err := bootID()
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(l.Out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "COMPONENT\tSTATE\tPID\tSINCE\tLOG")
	var dead []string
	for _, name := range componentNames {
		p, known := r.process(name)
		state, since, pid := "not started", "-", "-"
		if known {
			state, pid = "dead", fmt.Sprint(p.PID)
			if r.Boot == boot && p.alive() {
				age, err := uptime(p.Start)
				if err != nil {
					return err
				}
				state, since = "running", age.Round(time.Second).String()
			}
		}
		if state != "running" {
			dead = append(dead, name)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", name, state, pid, since, l.logPath(name))
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("cannot print the status: %w", err)
	}
	if len(dead) > 0 {
		fmt.Fprintf(l.Out, "not running: %s; repair it with: make up\n", strings.Join(dead, ", "))
		return ErrNotHealthy
	}
	return l.clusterStatus(ctx)
}

func (l *Lab) clusterStatus(ctx context.Context) error {
	data, err := os.ReadFile(l.Kubeconfig())
	if err != nil {
		return fmt.Errorf("cannot read the kubeconfig: %w", err)
	}
	c, err := newClients(data)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for _, check := range []struct {
		what string
		ask  func(context.Context) error
	}{{"node", c.nodeReady}, {"Knative", c.deploymentsReady}} {
		if err := check.ask(ctx); err != nil {
			fmt.Fprintf(l.Out, "%s: %v\n", check.what, err)
			return ErrNotHealthy
		}
		fmt.Fprintf(l.Out, "%s: Ready\n", check.what)
	}
	return nil
}

// Logs prints a component's log, or lists the logs when no name is given.
func (l *Lab) Logs(name string) error {
	if name == "" {
		paths, err := filepath.Glob(l.path("log", "*.log"))
		if err != nil {
			return fmt.Errorf("cannot list the logs: %w", err)
		}
		if len(paths) == 0 {
			return errors.New("there are no logs yet")
		}
		for _, p := range paths {
			fmt.Fprintln(l.Out, strings.TrimSuffix(filepath.Base(p), ".log"))
		}
		return nil
	}
	f, err := os.Open(l.logPath(filepath.Base(name)))
	if errors.Is(err, fs.ErrNotExist) {
		hint := "see: lab logs"
		if slices.Contains(componentNames, name) {
			hint = "it has not been started yet"
		}
		return fmt.Errorf("no log named %q; %s", name, hint)
	}
	if err != nil {
		return fmt.Errorf("cannot open the log: %w", err)
	}
	defer f.Close()
	if _, err := io.Copy(l.Out, f); err != nil {
		return fmt.Errorf("cannot print the log: %w", err)
	}
	return nil
}

// giveBackState hands the files of the state folder that users read to the
// person behind sudo.
func (l *Lab) giveBackState() error {
	for _, p := range []string{l.State, l.path("bin"), l.path("log"), l.Kubeconfig(), l.path("env")} {
		if err := l.giveBack(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
