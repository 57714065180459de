package compare

import (
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"online-inference/lab/load"
	"online-inference/lab/record"
	"online-inference/lab/target"
	"online-inference/lab/watch"
)

// Time limits around a run.
const (
	steadyLimit = 90 * time.Second
	removeLimit = 3 * time.Minute
)

// Runner plays experiments on a cluster.
type Runner struct {
	Target *target.Target
	// Root is the project's root.
	Root string
	// Out is the folder for records, Aside the one for failed runs.
	Out, Aside string
	// Load is the command line that starts `lab load -serve` where the clients
	// belong, and Place says where that is.
	Load  []string
	Place string
	// Keep leaves the namespace.
	Keep bool
	// Cluster goes into the header.
	Cluster map[string]string

	tools *tools
	// baseline replaces Baseline where it is not 0: tests do not need it.
	baseline time.Duration
}

// Prepare finds out what all runs share.
func (r *Runner) Prepare(ctx context.Context) error {
	r.tools = &tools{root: r.Root, target: r.Target}
	version, err := r.Target.Core.Discovery().ServerVersion()
	if err != nil {
		return fmt.Errorf("cannot ask the cluster for its version: %w", err)
	}
	nodes, err := r.Target.Core.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("cannot list the nodes: %w", err)
	}
	r.Cluster["kubernetes"], r.Cluster["nodes"] = version.GitVersion, fmt.Sprint(len(nodes.Items))
	if len(nodes.Items) > 0 {
		r.Cluster["cpus"] = nodes.Items[0].Status.Capacity.Cpu().String()
		r.Cluster["memory"] = nodes.Items[0].Status.Capacity.Memory().String()
	}
	if r.Cluster["knative"], err = r.knative(ctx); err != nil {
		return err
	}
	return nil
}

// knative is the version of Knative Serving: of the module that the lab builds
// it from, or what an existing cluster says of itself.
func (r *Runner) knative(ctx context.Context) (string, error) {
	if r.Target.Existing {
		crd, err := r.tools.kubectl(ctx, metav1.NamespaceDefault, nil, "get", "crd", "services.serving.knative.dev",
			"-o", `jsonpath={.metadata.labels.app\.kubernetes\.io/version}`)
		return strings.TrimSpace(string(crd)), err
	}
	text, err := os.ReadFile(filepath.Join(r.Root, "lab", "components", "knative", "go.mod"))
	if err != nil {
		return "", fmt.Errorf("cannot read the version of Knative: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require ")); len(fields) >= 2 && fields[0] == "knative.dev/serving" {
			return fields[1], nil
		}
	}
	return "", errors.New("lab/components/knative/go.mod names no knative.dev/serving")
}

// Run plays one run and gives the path of its record. A failed run is kept
// aside, with its reason as the last line.
func (r *Runner) Run(ctx context.Context, e Experiment, n int, say func(format string, args ...any)) (path string, err error) {
	namespace, err := r.namespace(ctx, e, n)
	if err != nil {
		return "", err
	}
	defer func() {
		if r.Keep {
			say("keeps the namespace %s", namespace)
			return
		}
		// Also after ctrl-c the namespace has to go.
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeLimit)
		defer cancel()
		err = errors.Join(err, r.remove(clean, namespace))
	}()
	return r.record(ctx, e, n, namespace, say)
}

// record plays a run in its namespace and puts the file where it belongs.
func (r *Runner) record(ctx context.Context, e Experiment, n int, namespace string, say func(string, ...any)) (path string, err error) {
	if err := os.MkdirAll(r.Out, 0o755); err != nil {
		return "", fmt.Errorf("cannot make the folder for records: %w", err)
	}
	f, err := os.CreateTemp(r.Out, ".recording-*")
	if err != nil {
		return "", fmt.Errorf("cannot make the record: %w", err)
	}
	defer func() {
		if gone := os.Remove(f.Name()); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}()
	defer f.Close()
	z, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err != nil {
		return "", fmt.Errorf("cannot make the record: %w", err)
	}
	sums, err := hashes(r.Root, e.Files)
	if err != nil {
		return "", err
	}
	if slices.ContainsFunc(e.Files, isKnative) {
		// A build is no part of the run.
		if _, err := r.tools.function(ctx); err != nil {
			return "", err
		}
	}
	started := time.Now()
	out, err := record.NewWriter(z, record.Header{Experiment: e.Name, Family: e.Family, Run: n, Want: e.Want,
		Manifests: sums, Clients: r.describe(e), Cluster: r.cluster()}, started)
	if err != nil {
		return "", err
	}
	failed := r.play(ctx, e, namespace, started, out, say)
	end := &record.End{}
	folder, name := r.Out, FileName(e.Name, n)
	if failed != nil {
		end.Failed = failed.Error()
		folder = r.Aside
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return "", errors.Join(failed, err)
		}
	}
	err = errors.Join(out.Put(time.Now(), record.Line{End: end}), z.Close(), f.Chmod(0o644), f.Sync())
	path = filepath.Join(folder, name)
	if err = errors.Join(failed, err, os.Rename(f.Name(), path)); err != nil && failed != nil {
		return path, fmt.Errorf("%w (kept as %s)", err, path)
	}
	return path, err
}

// play is the run itself: watch, setup, load, baseline, script, tail.
func (r *Runner) play(ctx context.Context, e Experiment, namespace string, started time.Time, out *record.Writer, say func(string, ...any)) (err error) {
	w, err := watch.Start(ctx, watch.Options{Core: r.Target.Core, Serving: r.Target.Serving, Namespace: namespace,
		Out: out, Started: started, Now: time.Now})
	if err != nil {
		return err
	}
	defer func() {
		if gaps := w.Gaps(); len(gaps) > 0 && err == nil {
			err = fmt.Errorf("the record has gaps: %s", strings.Join(gaps, ", "))
		}
		err = errors.Join(err, w.Stop())
	}()
	s := &Stage{Namespace: namespace, runner: r, experiment: e, started: started, target: r.Target, tools: r.tools,
		watch: w, out: out, say: say, used: map[string]bool{}}
	defer func() {
		for _, c := range []*clients{s.clients, s.tagged} {
			if c != nil {
				err = errors.Join(err, c.stop())
			}
		}
	}()
	if e.Setup != nil {
		if err := e.Setup(ctx, s); err != nil {
			return fmt.Errorf("setup: %w", err)
		}
	}
	if !e.Load.Later {
		if err := s.StartLoad(ctx); err != nil {
			return err
		}
	}
	say("baseline")
	if err := s.For(ctx, cmp.Or(r.baseline, Baseline)); err != nil {
		return err
	}
	if s.clients != nil && !e.Load.Unsteady {
		// The last moment before the change must be a good one.
		now, cancel := context.WithTimeout(ctx, steadyLimit)
		defer cancel()
		if err := s.clients.steady(now, int(rate(e)*Baseline.Seconds()/2)); err != nil {
			return fmt.Errorf("baseline: %w", err)
		}
	}
	if err := e.Script(ctx, s); err != nil {
		return fmt.Errorf("script: %w", err)
	}
	say("tail")
	if err := s.For(ctx, cmp.Or(e.Tail, DefaultTail)); err != nil {
		return err
	}
	if declared := slices.Sorted(slices.Values(e.Files)); !slices.Equal(declared, slices.Sorted(maps.Keys(s.used))) {
		return fmt.Errorf("the experiment declares the files %q and used %q", declared, slices.Sorted(maps.Keys(s.used)))
	}
	return nil
}

// startLoad starts the clients, lets them warm up, and begins to record.
func (r *Runner) startLoad(ctx context.Context, e Experiment, s *Stage, list []load.Client, started time.Time) (err error) {
	c, err := startClients(ctx, r.Load, r.Target.Environ, started, list, s.out)
	if err != nil {
		return err
	}
	s.clients = c
	if !e.Load.Unsteady {
		s.say("warms up")
		warm, cancel := context.WithTimeout(ctx, steadyLimit)
		defer cancel()
		if err := c.steady(warm, int(rate(e)*2)); err != nil {
			return err
		}
	}
	c.record(time.Now())
	return nil
}

// loadAverages is where Linux tells them. Tests have a file of their own.
var loadAverages = "/proc/loadavg"

// cluster is what the header says of the machine now.
func (r *Runner) cluster() map[string]string {
	out := maps.Clone(r.Cluster)
	// Only Linux has it; the record does without it elsewhere.
	if text, err := os.ReadFile(loadAverages); err == nil && !r.Target.Existing {
		if averages := strings.Fields(string(text)); len(averages) > 0 {
			out[loadBefore] = averages[0]
		}
	}
	return out
}

// namespace makes the namespace of one run.
func (r *Runner) namespace(ctx context.Context, e Experiment, n int) (string, error) {
	prefix := "compare"
	if r.Target.Existing {
		prefix = r.Target.Namespace
	}
	ns, err := r.Target.Core.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: fmt.Sprintf("%s-%s-%d-", prefix, e.Name, n),
		Labels: map[string]string{target.ManagedByLabel: target.ManagedBy,
			"pod-security.kubernetes.io/enforce": "restricted"},
	}}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("cannot make a namespace: %w", err)
	}
	return ns.Name, nil
}

// remove deletes a namespace and waits until it is gone.
func (r *Runner) remove(ctx context.Context, name string) error {
	namespaces := r.Target.Core.CoreV1().Namespaces()
	if err := namespaces.Delete(ctx, name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("cannot delete the namespace %s: %w", name, err)
	}
	for {
		_, err := namespaces.Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot see whether the namespace %s is gone: %w", name, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the namespace %s is still there: %w", name, ctx.Err())
		case <-time.After(300 * time.Millisecond):
		}
	}
}
