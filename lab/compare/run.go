package compare

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
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
	return nil
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
	if err := s.For(ctx, Baseline); err != nil {
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
	tail := e.Tail
	if tail == 0 {
		tail = DefaultTail
	}
	say("tail")
	if err := s.For(ctx, tail); err != nil {
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
	c.record()
	return nil
}

func rate(e Experiment) float64 {
	if e.Load.Rate == 0 {
		return DefaultRate
	}
	return e.Load.Rate
}

func timeout(e Experiment) time.Duration {
	if e.Load.Timeout == 0 {
		return DefaultTimeout
	}
	return e.Load.Timeout
}

// Names of clients.
const (
	Fresh = "fresh"
	Kept  = "kept"
	Tag   = "tag"
)

// describe says in the header who the clients are.
func (r *Runner) describe(e Experiment) map[string]record.Client {
	if e.Load.Service == "" && e.Load.Route == "" {
		return nil
	}
	path := "ClusterIP of a Service (kube-proxy, iptables)"
	switch {
	case e.Load.Route != "":
		path = "route through Kourier (Envoy)"
	case r.Target.Existing:
		path = "NodePort of a Service"
	}
	one := func(fresh bool, path string) record.Client {
		return record.Client{Place: r.Place, Path: path, Rate: rate(e), Fresh: fresh,
			SlowMillis: slow.Milliseconds(), TimeoutMillis: timeout(e).Milliseconds()}
	}
	out := map[string]record.Client{Fresh: one(true, path), Kept: one(false, path)}
	if e.Load.Tag != "" {
		out[Tag] = one(true, path+", host of the tag "+e.Load.Tag)
	}
	return out
}

// clientsOf finds the address that an experiment's clients ask.
func (r *Runner) clientsOf(ctx context.Context, e Experiment, namespace string) ([]load.Client, error) {
	var url, host string
	var err error
	switch {
	case e.Load.Service != "":
		url, err = r.service(ctx, namespace, e.Load.Service)
	case e.Load.Route != "":
		url, host, err = r.route(ctx, namespace, e.Load.Route, "")
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	rows, err := bodies(r.Root, e.Load.Rows)
	if err != nil {
		return nil, err
	}
	one := load.Client{URL: url + "/predict", Host: host, Rate: rate(e), Timeout: timeout(e), InFlight: inFlight, Bodies: rows}
	fresh, kept := one, one
	fresh.Name, fresh.Fresh = Fresh, true
	kept.Name, kept.Connections = Kept, connections
	return []load.Client{fresh, kept}, nil
}

// tagClient is the client that asks for the tag of a route.
func (r *Runner) tagClient(ctx context.Context, e Experiment, namespace string) (load.Client, error) {
	url, host, err := r.route(ctx, namespace, e.Load.Route, e.Load.Tag)
	if err != nil {
		return load.Client{}, err
	}
	rows, err := bodies(r.Root, e.Load.Rows)
	if err != nil {
		return load.Client{}, err
	}
	return load.Client{Name: Tag, URL: url + "/predict", Host: host, Rate: rate(e), Timeout: timeout(e),
		Fresh: true, InFlight: inFlight, Bodies: rows}, nil
}

// service is the address of a Service: its ClusterIP, or, since clients outside
// of a cluster cannot reach that, a NodePort on the ingress' host.
func (r *Runner) service(ctx context.Context, namespace, name string) (string, error) {
	services := r.Target.Core.CoreV1().Services(namespace)
	svc, err := services.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("cannot read the Service %s: %w", name, err)
	}
	if len(svc.Spec.Ports) == 0 {
		return "", fmt.Errorf("the Service %s has no port", name)
	}
	if !r.Target.Existing {
		return "http://" + net.JoinHostPort(svc.Spec.ClusterIP, fmt.Sprint(svc.Spec.Ports[0].Port)), nil
	}
	svc.Spec.Type = corev1.ServiceTypeNodePort
	if svc, err = services.Update(ctx, svc, metav1.UpdateOptions{}); err != nil {
		return "", fmt.Errorf("cannot give the Service %s a NodePort: %w", name, err)
	}
	host, _, err := net.SplitHostPort(r.Target.Ingress)
	if err != nil {
		return "", fmt.Errorf("LAB=existing needs INGRESS=HOST:PORT with an address of a node: %w", err)
	}
	return "http://" + net.JoinHostPort(host, fmt.Sprint(svc.Spec.Ports[0].NodePort)), nil
}

// route is the address of the ingress and the host of a Knative Service, or of
// one of its tags.
func (r *Runner) route(ctx context.Context, namespace, name, tag string) (url, host string, err error) {
	if r.Target.Ingress == "" {
		return "", "", errors.New("LAB=existing needs INGRESS=HOST:PORT, where the routes are served")
	}
	svc, err := r.Target.Serving.ServingV1().Services(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return "", "", fmt.Errorf("cannot read the Knative Service %s: %w", name, err)
	}
	url = "http://" + r.Target.Ingress
	if tag == "" {
		if svc.Status.URL == nil {
			return "", "", fmt.Errorf("the Knative Service %s has no URL", name)
		}
		return url, svc.Status.URL.Host, nil
	}
	for _, t := range svc.Status.Traffic {
		if t.Tag == tag && t.URL != nil {
			return url, t.URL.Host, nil
		}
	}
	return "", "", fmt.Errorf("the Knative Service %s has no tag %s", name, tag)
}

// cluster is what the header says of the machine now.
func (r *Runner) cluster() map[string]string {
	out := maps.Clone(r.Cluster)
	// Only Linux has it; the record does without it elsewhere.
	if text, err := os.ReadFile("/proc/loadavg"); err == nil && !r.Target.Existing {
		out["load average before"], _, _ = strings.Cut(string(text), " ")
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
