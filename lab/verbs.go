package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"online-inference/lab/cluster"
	"online-inference/lab/demo"
	"online-inference/lab/deploy"
	"online-inference/lab/target"
)

// removeTimeout bounds how long a namespace may take to go.
const removeTimeout = 5 * time.Minute

// lookup returns the last value of key in environ.
func lookup(environ []string, key string) string {
	value := ""
	for _, kv := range environ {
		if k, v, ok := strings.Cut(kv, "="); ok && k == key {
			value = v
		}
	}
	return value
}

// aim finds the cluster that a verb works on: an existing one that the user
// names, or the lab's own.
func aim(l *cluster.Lab, environ []string) (*target.Target, error) {
	existing, err := target.IsExisting(environ)
	if err != nil {
		return nil, err
	}
	options := target.FromEnviron(environ)
	if existing {
		return target.Existing(options)
	}
	own, err := l.ToolEnviron()
	if err != nil {
		return nil, err
	}
	return target.Own(l.Kubeconfig(), options.Namespace, cluster.Ingress, own)
}

func runUp(ctx context.Context, _, environ []string, s streams) error {
	l, err := open(environ, s)
	if err != nil {
		return err
	}
	existing, err := target.IsExisting(environ)
	if err != nil {
		return err
	}
	if !existing {
		return l.Up(ctx)
	}
	t, err := aim(l, environ)
	if err != nil {
		return err
	}
	return t.Prepare(ctx, target.FromEnviron(environ).Yes, s.in, s.out)
}

func runDown(ctx context.Context, _, environ []string, s streams) error {
	l, err := open(environ, s)
	if err != nil {
		return err
	}
	existing, err := target.IsExisting(environ)
	if err != nil {
		return err
	}
	if !existing {
		return l.Down(ctx)
	}
	t, err := aim(l, environ)
	if err != nil {
		return err
	}
	return t.Remove(ctx, removeTimeout, s.out)
}

func runDeploy(ctx context.Context, _, environ []string, s streams) error {
	l, err := open(environ, s)
	if err != nil {
		return err
	}
	t, err := aim(l, environ)
	if err != nil {
		return err
	}
	return deployTo(ctx, l, t, environ, s)
}

func deployTo(ctx context.Context, l *cluster.Lab, t *target.Target, environ []string, s streams) error {
	if err := t.Prepare(ctx, target.FromEnviron(environ).Yes, s.in, s.out); err != nil {
		return err
	}
	manifests, err := deploy.Resolve(ctx, l.Root, t.Environ)
	if err != nil {
		return err
	}
	client := deploy.New(t.Serving.ServingV1(), t.Namespace, s.out)
	if err := client.Deploy(ctx, manifests, lookup(environ, "FRESH") == "1"); err != nil {
		return err
	}
	return client.PrintRoute(ctx)
}

// shiftTo makes a verb that gives v2 a fixed share of the traffic.
func shiftTo(percent int64) func(context.Context, []string, []string, streams) error {
	return func(ctx context.Context, _, environ []string, s streams) error {
		return shift(ctx, percent, environ, s)
	}
}

// runTraffic reads V2=PERCENT from the arguments or the environment.
func runTraffic(ctx context.Context, args, environ []string, s streams) error {
	text := lookup(append(environ, args...), "V2")
	percent, err := strconv.ParseInt(text, 10, 64)
	if err != nil || percent < 0 || percent > 100 {
		return fmt.Errorf("V2=%s is not a share, want V2=0 to V2=100 (%w)", text, errUsage)
	}
	return shift(ctx, percent, environ, s)
}

func shift(ctx context.Context, percent int64, environ []string, s streams) error {
	l, err := open(environ, s)
	if err != nil {
		return err
	}
	t, err := aim(l, environ)
	if err != nil {
		return err
	}
	if err := t.Writable(ctx); err != nil {
		return err
	}
	return deploy.New(t.Serving.ServingV1(), t.Namespace, s.out).Shift(ctx, percent)
}

// runDemo is the main job from nothing to the first request after zero.
func runDemo(ctx context.Context, _, environ []string, s streams) error {
	began := time.Now()
	l, err := open(environ, s)
	if err != nil {
		return err
	}
	existing, err := target.IsExisting(environ)
	if err != nil {
		return err
	}
	if !existing {
		if err := l.Up(ctx); err != nil {
			return err
		}
	}
	t, err := aim(l, environ)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.out)
	if err := deployTo(ctx, l, t, environ, s); err != nil {
		return err
	}
	if err := demo.Show(ctx, t, l.Root, s.out); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "\nThe whole demonstration took %.0f s.\n", time.Since(began).Seconds())
	return nil
}
